package awswire

// This file defines who a request comes from: Signature Version 4, in the
// Authorization header or, presigned, in the query.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const (
	signAlgorithm = "AWS4-HMAC-SHA256"
	signTime      = "20060102T150405Z"
	maxSkew       = 15 * time.Minute
)

// credential is what a request says of its signer.
type credential struct {
	key, date, region, service string
	signed                     []string // header names
	signature                  string
	at                         time.Time
	expires                    time.Duration // presigned
	presigned                  bool
	token                      string
}

func credentialService(r *http.Request) string {
	c, err := parseCredential(r)
	if err != nil || c == nil {
		return ""
	}
	return c.service
}

// parseCredential returns nil when the request is not signed.
func parseCredential(r *http.Request) (*credential, error) {
	header := r.Header.Get("Authorization")
	if rest, ok := strings.CutPrefix(header, signAlgorithm); ok {
		fields := map[string]string{}
		for part := range strings.SplitSeq(rest, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
			fields[name] = value
		}
		return newCredential(fields["Credential"], fields["SignedHeaders"], fields["Signature"],
			firstOf(r.Header.Get("X-Amz-Date"), r.Header.Get("Date")), r.Header.Get("X-Amz-Security-Token"))
	}
	q := r.URL.Query()
	if header != "" || q.Get("X-Amz-Algorithm") != signAlgorithm {
		return nil, nil
	}
	c, err := newCredential(q.Get("X-Amz-Credential"), q.Get("X-Amz-SignedHeaders"), q.Get("X-Amz-Signature"), q.Get("X-Amz-Date"), q.Get("X-Amz-Security-Token"))
	if err != nil {
		return nil, err
	}
	seconds, bad := strconv.Atoi(q.Get("X-Amz-Expires"))
	if bad != nil || seconds < 1 || seconds > 604800 {
		return nil, Errorf("AuthorizationQueryParametersError", "X-Amz-Expires must be a number of seconds between 1 and 604800")
	}
	c.presigned, c.expires = true, time.Duration(seconds)*time.Second
	return c, nil
}

func newCredential(scope, signed, signature, date, token string) (*credential, error) {
	parts := strings.Split(scope, "/")
	if len(parts) < 5 || signed == "" || signature == "" {
		return nil, Errorf("IncompleteSignature", "Authorization header requires 'Credential', 'Signature' and 'SignedHeaders' parameters and a date.")
	}
	n := len(parts)
	c := &credential{key: strings.Join(parts[:n-4], "/"), date: parts[n-4], region: parts[n-3], service: parts[n-2],
		signed: strings.Split(signed, ";"), signature: signature, token: token}
	var err error
	if c.at, err = time.Parse(signTime, date); err != nil {
		return nil, Errorf("IncompleteSignature", "Date must be in ISO-8601 'basic format'. Got %q", date)
	}
	return c, nil
}

// authenticate returns who signed r. A key that is nobody's is the root's: its
// secret is not known here, so its signature cannot be judged.
func (s *Server) authenticate(svc *Service, r *http.Request, body []byte) (Identity, error) {
	c, err := parseCredential(r)
	if err != nil {
		return Identity{}, err
	}
	if c == nil {
		return Identity{}, Errorf("MissingAuthenticationToken", "Missing Authentication Token")
	}
	now := time.Now()
	if c.presigned && now.After(c.at.Add(c.expires)) {
		return Identity{}, &Error{Code: "AccessDenied", Message: "Request has expired", Status: 403, Members: map[string]any{
			"Expires": c.at.Add(c.expires).Format(time.RFC3339), "ServerTime": now.UTC().Format(time.RFC3339)}}
	}
	if s.Keys == nil {
		return Root(s.Account), nil
	}
	secret, id, known := s.Keys.Lookup(c.key)
	if !known {
		return Root(s.Account), nil
	}
	if !c.presigned && now.Sub(c.at).Abs() > maxSkew {
		return Identity{}, Errorf("InvalidSignatureException", "Signature expired: %s is now earlier than %s", c.at.Format(signTime), now.Add(-maxSkew).UTC().Format(signTime))
	}
	want, err := c.sign(r, secret, body)
	if err != nil || subtle.ConstantTimeCompare([]byte(want), []byte(c.signature)) != 1 {
		code := "InvalidSignatureException"
		if svc.Protocol == Raw || svc.Protocol == Query {
			code = "SignatureDoesNotMatch"
		}
		return Identity{}, &Error{Code: code, Status: 403, Message: "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."}
	}
	return id, nil
}

// sign computes the signature that r should have, by the SDK's own signer over
// the headers that the request says it signed.
func (c *credential) sign(r *http.Request, secret string, body []byte) (string, error) {
	again := &http.Request{Method: r.Method, Host: r.Host, Header: http.Header{}, ContentLength: -1, URL: cloneURL(r.URL, r.Host)}
	for _, name := range c.signed {
		if values := r.Header.Values(name); len(values) > 0 && name != "host" {
			again.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	if slices.Contains(c.signed, "content-length") {
		again.ContentLength = r.ContentLength
	}
	creds := aws.Credentials{AccessKeyID: c.key, SecretAccessKey: secret, SessionToken: c.token}
	rawPath := func(o *v4.SignerOptions) { o.DisableURIPathEscaping = c.service == "s3" }
	if c.presigned {
		q := again.URL.Query()
		for _, name := range []string{"X-Amz-Signature", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-SignedHeaders", "X-Amz-Security-Token"} {
			q.Del(name)
		}
		again.URL.RawQuery = q.Encode()
		signed, _, err := v4.NewSigner().PresignHTTP(context.Background(), creds, again, payloadHash(r, nil, true), c.service, c.region, c.at, rawPath)
		if err != nil {
			return "", err
		}
		u, err := url.Parse(signed)
		if err != nil {
			return "", err
		}
		return u.Query().Get("X-Amz-Signature"), nil
	}
	if err := v4.NewSigner().SignHTTP(context.Background(), creds, again, payloadHash(r, body, false), c.service, c.region, c.at, rawPath); err != nil {
		return "", err
	}
	_, signature, _ := strings.Cut(again.Header.Get("Authorization"), "Signature=")
	return signature, nil
}

// payloadHash is the hash that went into the signature: what the request says it
// is (S3 always says), or that of the body. A stated hash that differs from the
// body is caught where the body is read.
func payloadHash(r *http.Request, body []byte, presigned bool) string {
	if stated := r.Header.Get("X-Amz-Content-Sha256"); stated != "" {
		return stated
	}
	if presigned {
		return "UNSIGNED-PAYLOAD"
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

func cloneURL(u *url.URL, host string) *url.URL {
	c := *u
	c.Scheme, c.Host = "http", host
	return &c
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
