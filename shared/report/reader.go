package report

// This file defines how a presigned URL is followed. It came in an event, and
// anybody who may publish may put any URL there; followed blindly it would let
// them read through this function whatever the function can reach.

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/object"
)

// LinkLife is how long a profile can be read through its URL.
const LinkLife = 15 * time.Minute

// Reader follows URLs to documents of one bucket.
type Reader struct {
	Bucket *object.Bucket
	Client *http.Client
}

// NewReader returns a reader that waits a little and follows no redirect.
func NewReader(b *object.Bucket) Reader {
	return Reader{b, &http.Client{Timeout: 5 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// Profile reads the person's profile through link, which must be the URL of that
// very document: https, or what AWS_ENDPOINT_URL says, and the bucket's host.
func (r Reader) Profile(ctx context.Context, p Person, link string) (Profile, error) {
	if err := r.check(ctx, p, link); err != nil {
		return Profile{}, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
	if err != nil {
		return Profile{}, failure.New(failure.InputMalformed, "profile is no URL")
	}
	answer, err := r.Client.Do(request)
	if err != nil {
		return Profile{}, failure.Wrap(failure.TransientUnavailable, withoutURL(err), "%s cannot be read through its URL", p.Basic())
	}
	defer func() { _ = answer.Body.Close() }() // read, or given up
	text, err := io.ReadAll(io.LimitReader(answer.Body, DocumentLimit+1))
	if err != nil {
		return Profile{}, failure.Wrap(failure.TransientUnavailable, withoutURL(err), "%s cannot be read through its URL", p.Basic())
	}
	return decode(p, answer.StatusCode, text)
}

// check compares link with the URL that this function would sign itself.
func (r Reader) check(ctx context.Context, p Person, link string) error {
	own, err := r.Bucket.Link(ctx, p.Basic(), time.Minute)
	if err != nil {
		return err
	}
	want, err := url.Parse(own)
	if err != nil {
		return failure.New(failure.InternalUnexpected, "the URL signed for %s is none", p.Basic())
	}
	got, err := url.Parse(link)
	if err != nil || got.User != nil || got.Scheme != want.Scheme || got.Host != want.Host || got.Path != want.Path {
		return failure.New(failure.InputMalformed, "profile must be a presigned URL of %s://%s%s; anything else is not fetched", want.Scheme, want.Host, want.Path)
	}
	return nil
}

// withoutURL takes the URL out of an error of net/http: its query is a secret.
func withoutURL(err error) error {
	var failed *url.Error
	if errors.As(err, &failed) {
		return failed.Err
	}
	return err
}

// decode judges an answer. A refused URL stays refused: it has ended, or the
// credentials that signed it have.
func decode(p Person, status int, text []byte) (Profile, error) {
	switch {
	case status == http.StatusForbidden:
		return Profile{}, failure.New(failure.AccessDenied, "the URL of %s is not valid, or no longer", p.Basic())
	case status == http.StatusNotFound:
		return Profile{}, failure.New(failure.ObjectNotFound, "%s is not there", p.Basic())
	case status != http.StatusOK && status != http.StatusTooManyRequests && status < http.StatusInternalServerError:
		return Profile{}, failure.New(failure.InputMalformed, "the URL of %s was answered with status %d", p.Basic(), status)
	case status != http.StatusOK:
		return Profile{}, failure.New(failure.TransientUnavailable, "the URL of %s was answered with status %d", p.Basic(), status)
	case len(text) > DocumentLimit:
		return Profile{}, failure.New(failure.ObjectTooLarge, "%s has more than %d bytes", p.Basic(), DocumentLimit)
	}
	var profile Profile
	if err := json.Unmarshal(text, &profile); err != nil {
		return Profile{}, failure.Wrap(failure.InputMalformed, err, "%s is no profile", p.Basic())
	}
	return profile, nil
}
