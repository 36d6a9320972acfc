// Package object is how workers use S3: whole documents, streams of any length
// in constant memory, and links that others may read through for a while.
//
//	Put, Stream   write: a document at once; a stream as it comes, in parts
//	Get, Open     read: a document up to a limit; a stream
//	Stat          size and type, without the content
//	Link          a presigned URL for one GET
//
// A stream is written whole or not at all: S3 shows an object only when its last
// part has arrived, and the parts of a broken upload are removed. A missing
// object is failure.ObjectNotFound. A link is a secret: whoever has it can read
// the object until it ends, so it belongs in no log.
//
// It is the only package that imports feature/s3/manager, which its authors have
// deprecated in favour of one that is not finished; the change will be here alone.
// It lists nothing and deletes nothing: buckets expire their objects.
//
// Start at [New].
package object

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/stepworks/stepworks/shared/failure"
)

// An upload holds partSize × (concurrency + 1) bytes at the most: 15 MiB. With
// 10,000 parts an object may have 48 GiB.
const (
	partSize    = manager.MinUploadPartSize
	concurrency = 2
)

// answerTimeout bounds the wait for the first byte of an answer. How long a
// stream may take is its invocation's matter.
const answerTimeout = 5 * time.Second

// Bucket is one bucket. Make it with [New].
type Bucket struct {
	Name     string
	client   *s3.Client
	uploader *manager.Uploader //nolint:staticcheck // SA1019: see the package comment
	presign  *s3.PresignClient
}

// New returns a bucket. cfg is what awsconf.Load gave.
func New(cfg aws.Config, name string) *Bucket {
	client := s3.NewFromConfig(cfg, func(o *s3.Options) { o.HTTPClient = httpClient() })
	return &Bucket{
		Name: name, client: client, presign: s3.NewPresignClient(client),
		uploader: manager.NewUploader(client, func(u *manager.Uploader) { //nolint:staticcheck // SA1019: see the package comment
			u.PartSize, u.Concurrency = partSize, concurrency
		}),
	}
}

// httpClient is awsconf's without the limit on a whole call, which would cut a
// long stream short.
func httpClient() aws.HTTPClient {
	return awshttp.NewBuildableClient().
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = 1100 * time.Millisecond }).
		WithTransportOptions(func(t *http.Transport) { t.ResponseHeaderTimeout = answerTimeout })
}

// Info is what S3 knows of an object.
type Info struct {
	Size        int64 // bytes
	ContentType string
	ETag        string
}

// Put writes a document at once, over whatever stood there.
func (b *Bucket) Put(ctx context.Context, key, contentType string, body []byte) error {
	_, err := b.client.PutObject(ctx, &s3.PutObjectInput{Bucket: &b.Name, Key: &key, ContentType: &contentType, Body: bytes.NewReader(body)})
	return b.named(err, "writing", key)
}

// PutJSON writes v as JSON that people can read.
func (b *Bucket) PutJSON(ctx context.Context, key string, v any) error {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return failure.Wrap(failure.InternalUnexpected, err, "%s cannot be written as JSON", b.at(key))
	}
	return b.Put(ctx, key, "application/json", body)
}

// Stream writes what body gives, until its end. When reading body fails, no
// object appears.
func (b *Bucket) Stream(ctx context.Context, key, contentType string, body io.Reader) error {
	_, err := b.uploader.Upload(ctx, &s3.PutObjectInput{Bucket: &b.Name, Key: &key, ContentType: &contentType, Body: body})
	return b.named(err, "writing", key)
}

// Get reads a document of at most limit bytes.
func (b *Bucket) Get(ctx context.Context, key string, limit int64) ([]byte, error) {
	body, info, err := b.Open(ctx, key)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }() // read to its end, or given up
	text, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err != nil {
		return nil, b.named(err, "reading", key)
	}
	if int64(len(text)) > limit {
		return nil, failure.New(failure.ObjectTooLarge, "%s has %d bytes, %d are read here", b.at(key), info.Size, limit)
	}
	return text, nil
}

// GetJSON reads a document of at most limit bytes into v.
func (b *Bucket) GetJSON(ctx context.Context, key string, limit int64, v any) error {
	text, err := b.Get(ctx, key, limit)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return failure.Wrap(failure.InputMalformed, err, "%s is not the JSON that belongs there", b.at(key))
	}
	return nil
}

// Open returns a stream, which the caller closes.
func (b *Bucket) Open(ctx context.Context, key string) (io.ReadCloser, Info, error) {
	out, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.Name, Key: &key})
	if err != nil {
		return nil, Info{}, b.named(err, "reading", key)
	}
	return out.Body, Info{Size: aws.ToInt64(out.ContentLength), ContentType: aws.ToString(out.ContentType), ETag: aws.ToString(out.ETag)}, nil
}

// OpenFrom returns the stream that begins after so many bytes, which must be fewer
// than the object has. It is there only while the object is the one with etag:
// otherwise the error is Data.Changed.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
func (b *Bucket) OpenFrom(ctx context.Context, key, etag string, offset int64) (io.ReadCloser, error) {
	in := &s3.GetObjectInput{Bucket: &b.Name, Key: &key, Range: aws.String(fmt.Sprintf("bytes=%d-", offset))}
	if etag != "" {
		in.IfMatch = &etag
	}
	out, err := b.client.GetObject(ctx, in)
	var answer smithy.APIError
	if errors.As(err, &answer) && answer.ErrorCode() == "PreconditionFailed" {
		return nil, failure.New(failure.DataChanged, "%s was replaced while it was read", b.at(key))
	}
	if err != nil {
		return nil, b.named(err, "reading", key)
	}
	return out.Body, nil
}

// Stat returns what S3 knows of an object. It needs s3:GetObject; without
// s3:ListBucket a missing object is refused as Access.Denied.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
func (b *Bucket) Stat(ctx context.Context, key string) (Info, error) {
	out, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.Name, Key: &key})
	if err != nil {
		return Info{}, b.named(err, "looking at", key)
	}
	return Info{Size: aws.ToInt64(out.ContentLength), ContentType: aws.ToString(out.ContentType), ETag: aws.ToString(out.ETag)}, nil
}

// Link returns a URL through which anybody can GET the object for so long, or
// until the credentials that signed it end, whichever is sooner.
func (b *Bucket) Link(ctx context.Context, key string, valid time.Duration) (string, error) {
	request, err := b.presign.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: &b.Name, Key: &key}, s3.WithPresignExpires(valid))
	if err != nil {
		return "", b.named(err, "signing a link to", key)
	}
	return request.URL, nil
}

func (b *Bucket) at(key string) string { return fmt.Sprintf("s3://%s/%s", b.Name, key) }

// named gives an error of S3 its name and says where; package failure knows the
// rest.
func (b *Bucket) named(err error, doing, key string) error {
	if err == nil {
		return nil
	}
	var noKey *types.NoSuchKey
	var answer smithy.APIError
	if errors.As(err, &noKey) || errors.As(err, &answer) && answer.ErrorCode() == "NotFound" {
		return failure.New(failure.ObjectNotFound, "%s is not there", b.at(key))
	}
	return fmt.Errorf("%s %s: %w", doing, b.at(key), err)
}
