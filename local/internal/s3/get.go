package s3

// This file defines reading objects: which bytes, under which conditions, with
// which headers.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/store"
)

// readConditions are those of a read.
type readConditions struct {
	IfMatch           string `json:"IfMatch,omitempty" http:"header=If-Match"`
	IfNoneMatch       string `json:"IfNoneMatch,omitempty" http:"header=If-None-Match"`
	IfModifiedSince   moment `json:"IfModifiedSince,omitzero" http:"header=If-Modified-Since"`
	IfUnmodifiedSince moment `json:"IfUnmodifiedSince,omitzero" http:"header=If-Unmodified-Since"`
}

type getObjectInput struct {
	atVersion
	readConditions
	Range                      string `json:"Range,omitempty" http:"header=Range"`
	PartNumber                 *int   `json:"PartNumber,omitempty" http:"query=partNumber"`
	ChecksumMode               string `json:"ChecksumMode,omitempty" http:"header=X-Amz-Checksum-Mode"`
	SSECustomerAlgorithm       string `json:"SSECustomerAlgorithm,omitempty" http:"header=X-Amz-Server-Side-Encryption-Customer-Algorithm"`
	ResponseCacheControl       string `json:"ResponseCacheControl,omitempty" http:"query=response-cache-control"`
	ResponseContentDisposition string `json:"ResponseContentDisposition,omitempty" http:"query=response-content-disposition"`
	ResponseContentEncoding    string `json:"ResponseContentEncoding,omitempty" http:"query=response-content-encoding"`
	ResponseContentLanguage    string `json:"ResponseContentLanguage,omitempty" http:"query=response-content-language"`
	ResponseContentType        string `json:"ResponseContentType,omitempty" http:"query=response-content-type"`
	ResponseExpires            string `json:"ResponseExpires,omitempty" http:"query=response-expires"`
}

// overrides are the headers that the request wants in place of the object's.
func (in *getObjectInput) overrides() map[string]string {
	return map[string]string{"Cache-Control": in.ResponseCacheControl, "Content-Disposition": in.ResponseContentDisposition, "Content-Encoding": in.ResponseContentEncoding,
		"Content-Language": in.ResponseContentLanguage, "Content-Type": in.ResponseContentType, "Expires": in.ResponseExpires}
}

type headObjectOutput struct {
	encrypted
	typedChecksums
	AcceptRanges            string            `json:"AcceptRanges" http:"header=Accept-Ranges"`
	CacheControl            string            `json:"CacheControl,omitempty" http:"header=Cache-Control"`
	ContentDisposition      string            `json:"ContentDisposition,omitempty" http:"header=Content-Disposition"`
	ContentEncoding         string            `json:"ContentEncoding,omitempty" http:"header=Content-Encoding"`
	ContentLanguage         string            `json:"ContentLanguage,omitempty" http:"header=Content-Language"`
	ContentLength           *int64            `json:"ContentLength" http:"header=Content-Length"`
	ContentRange            string            `json:"ContentRange,omitempty" http:"header=Content-Range"`
	ContentType             string            `json:"ContentType,omitempty" http:"header=Content-Type"`
	ETag                    string            `json:"ETag" http:"header=ETag"`
	Expires                 string            `json:"Expires,omitempty" http:"header=Expires"`
	Expiration              string            `json:"Expiration,omitempty" http:"header=X-Amz-Expiration"`
	LastModified            moment            `json:"LastModified" http:"header=Last-Modified"`
	Metadata                map[string]string `json:"Metadata" http:"prefix=X-Amz-Meta-"`
	PartsCount              int               `json:"PartsCount,omitzero" http:"header=X-Amz-Mp-Parts-Count"`
	StorageClass            string            `json:"StorageClass,omitempty" http:"header=X-Amz-Storage-Class"`
	TagCount                int               `json:"TagCount,omitzero" http:"header=X-Amz-Tagging-Count"`
	VersionID               string            `json:"VersionId,omitempty" http:"header=X-Amz-Version-Id"`
	WebsiteRedirectLocation string            `json:"WebsiteRedirectLocation,omitempty" http:"header=X-Amz-Website-Redirect-Location"`
	Status                  int               `json:"-" http:"status"`
}

type getObjectOutput struct {
	headObjectOutput
	Body *content `json:"Body" http:"stream"`
}

func (s *Service) getObject(ctx context.Context, in *getObjectInput) (*getObjectOutput, error) {
	b, o, reader, err := s.open(ctx, in.Bucket, in.Key, in.VersionID, "GET")
	if err != nil {
		return nil, err
	}
	head, r, err := in.describe(b, o, s.Clock.Now())
	if o.StorageClass == "GLACIER" || o.StorageClass == "DEEP_ARCHIVE" { // archived: RestoreObject is not offered
		err = newError("InvalidObjectState", "StorageClass", o.StorageClass)
	}
	if err != nil {
		return nil, errors.Join(err, reader.Close())
	}
	if _, err := reader.Seek(r.first, io.SeekStart); err != nil {
		return nil, errors.Join(err, reader.Close())
	}
	if len(o.Tags) > 0 {
		head.TagCount = len(o.Tags)
	}
	return &getObjectOutput{headObjectOutput: *head, Body: &content{Reader: io.LimitReader(reader, r.length), size: r.length, close: reader.Close}}, nil
}

func (s *Service) headObject(ctx context.Context, in *getObjectInput) (*headObjectOutput, error) {
	b, o, reader, err := s.open(ctx, in.Bucket, in.Key, in.VersionID, "HEAD")
	if err != nil {
		return nil, err
	}
	_ = reader.Close()
	head, _, err := in.describe(b, o, s.Clock.Now())
	return head, err
}

// openAttempts is how often a reader that came too late for a version's body looks
// for the version that took its place.
const openAttempts = 10

// open finds a version and pins its body.
func (s *Service) open(ctx context.Context, bucketName, key, versionID, method string) (*bucket, *object, *body, error) {
	for range openAttempts {
		var b *bucket
		var o *object
		err := s.Store.View(func(r store.Reader) error {
			var err error
			b, o, err = lookup(r, bucketName, key, versionID)
			return err
		})
		if err != nil {
			return nil, nil, nil, s.hide(ctx, bucketName, err)
		}
		if o.Marker {
			return nil, nil, nil, errMarker(method)
		}
		if s.files.pin(o.Body) {
			return b, o, s.files.reader(o.Body), nil
		}
	}
	return nil, nil, nil, newError("InternalError")
}

// hide tells a caller who may not list the bucket nothing of what is not there.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
func (s *Service) hide(ctx context.Context, bucketName string, err error) error {
	if awswire.CodeOf(err) != "NoSuchKey" {
		return err
	}
	if refusal := s.allowed(ctx, awswire.Access{Action: "s3:ListBucket", Resource: arnOf(bucketName, "")}); refusal != nil {
		return refusal
	}
	return err
}

// span is the part of an object that is read.
type span struct{ first, length int64 }

// describe judges the request's conditions and returns the headers and the span.
func (in *getObjectInput) describe(b *bucket, o *object, now time.Time) (*headObjectOutput, span, error) {
	if in.SSECustomerAlgorithm != "" {
		return nil, span{}, errNotOffered("encryption with keys provided by the customer (SSE-C)")
	}
	if err := in.readConditions.check(o, now); err != nil {
		return nil, span{}, err
	}
	head := o.head(b)
	for name, value := range in.overrides() {
		if value != "" {
			*head.named(name) = value
		}
	}
	r, partial, err := in.span(o)
	if err != nil {
		return nil, span{}, err
	}
	head.ContentLength = &r.length
	if partial {
		head.Status = 206
		head.ContentRange = fmt.Sprintf("bytes %d-%d/%d", r.first, r.first+r.length-1, o.Size)
	}
	if in.PartNumber != nil && len(o.Parts) > 0 {
		head.PartsCount = len(o.Parts)
	}
	if strings.EqualFold(in.ChecksumMode, "ENABLED") && r.length == o.Size {
		head.typedChecksums = o.Checksum.shown()
	}
	return head, r, nil
}

func (o *object) head(b *bucket) *headObjectOutput {
	head := &headObjectOutput{encrypted: o.encrypted(), AcceptRanges: "bytes", ETag: o.ETag, LastModified: moment{o.Modified}, Metadata: o.Metadata,
		VersionID: b.shownVersion(o), Expiration: b.expiration(o), StorageClass: o.StorageClass}
	if head.Metadata == nil {
		head.Metadata = map[string]string{}
	}
	for name, value := range o.Headers {
		*head.named(name) = value
	}
	return head
}

func (h *headObjectOutput) named(header string) *string {
	return map[string]*string{"Cache-Control": &h.CacheControl, "Content-Disposition": &h.ContentDisposition, "Content-Encoding": &h.ContentEncoding,
		"Content-Language": &h.ContentLanguage, "Content-Type": &h.ContentType, "Expires": &h.Expires, "X-Amz-Website-Redirect-Location": &h.WebsiteRedirectLocation}[header]
}

// check judges a read in the order of RFC 9110, 13.2.2, which AWS follows.
func (c *readConditions) check(o *object, now time.Time) error {
	switch {
	case c.IfMatch != "":
		if !anyETag(c.IfMatch, o.ETag) {
			return errPrecondition("If-Match")
		}
	case !c.IfUnmodifiedSince.IsZero() && o.Modified.After(c.IfUnmodifiedSince.Time):
		return errPrecondition("If-Unmodified-Since")
	}
	unchanged := false
	if c.IfNoneMatch != "" {
		unchanged = anyETag(c.IfNoneMatch, o.ETag)
	} else if !c.IfModifiedSince.IsZero() && !c.IfModifiedSince.After(now) { // a date to come means nothing
		unchanged = !o.Modified.After(c.IfModifiedSince.Time)
	}
	if unchanged {
		return newError("NotModified", "ETag", o.ETag, "Last-Modified", o.Modified.UTC().Format(httpTime))
	}
	return nil
}

const httpTime = "Mon, 02 Jan 2006 15:04:05 GMT"

func anyETag(list, etag string) bool {
	for item := range strings.SplitSeq(list, ",") {
		if sameETag(strings.TrimPrefix(strings.TrimSpace(item), "W/"), etag) {
			return true
		}
	}
	return false
}

func (in *getObjectInput) span(o *object) (r span, partial bool, err error) {
	all := span{0, o.Size}
	if in.PartNumber != nil {
		if in.Range != "" {
			return all, false, errRequest("Cannot specify both Range header and partNumber query parameter")
		}
		return o.part(*in.PartNumber)
	}
	first, last, ok := parseRange(in.Range, o.Size)
	if !ok {
		return all, false, nil // as AWS: a range that is none is ignored
	}
	if first > last || first >= o.Size {
		return all, false, newError("InvalidRange", "ActualObjectSize", o.Size, "RangeRequested", in.Range)
	}
	return span{first, last - first + 1}, true, nil
}

// part is the span of one part of a multipart upload.
func (o *object) part(number int) (span, bool, error) {
	parts := o.Parts
	if len(parts) == 0 {
		parts = []partInfo{{Number: 1, Size: o.Size}}
	}
	if number < 1 {
		return span{}, false, errArgument("partNumber", strconv.Itoa(number), "Part number must be an integer between 1 and 10000, inclusive")
	}
	if number > len(parts) {
		return span{}, false, newError("InvalidPartNumber", "ActualPartCount", len(parts), "PartNumberRequested", number)
	}
	first := int64(0)
	for _, p := range parts[:number-1] {
		first += p.Size
	}
	return span{first, parts[number-1].Size}, parts[number-1].Size > 0, nil
}

// parseRange reads one range of bytes. S3 does not serve several.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
func parseRange(text string, size int64) (first, last int64, ok bool) {
	spec, ok := strings.CutPrefix(text, "bytes=")
	from, to, dash := strings.Cut(strings.TrimSpace(spec), "-")
	if !ok || !dash || strings.Contains(spec, ",") {
		return 0, 0, false
	}
	if from == "" {
		n, err := strconv.ParseInt(to, 10, 64)
		if err != nil || n < 0 {
			return 0, 0, false
		}
		if n == 0 {
			return size, size - 1, true // nothing: not satisfiable
		}
		return max(0, size-n), size - 1, true
	}
	first, err := strconv.ParseInt(from, 10, 64)
	if err != nil || first < 0 {
		return 0, 0, false
	}
	last = size - 1
	if to != "" {
		n, err := strconv.ParseInt(to, 10, 64)
		if err != nil || n < first {
			return 0, 0, false
		}
		last = min(n, size-1)
	}
	return first, last, true
}

// Info is what a reader in this process learns of an object.
type Info struct {
	Bucket, Key, VersionID string
	Size                   int64
	ETag, ContentType      string
	Modified               time.Time
	Metadata               map[string]string
}

// OpenObject opens an object for streaming, as somebody. The caller closes it;
// until then the body stays, whatever becomes of the object.
func (s *Service) OpenObject(ctx context.Context, as awswire.Identity, bucket, key, versionID string) (io.ReadSeekCloser, Info, error) {
	ctx = awswire.WithCaller(ctx, as)
	action := "s3:GetObject"
	if versionID != "" {
		action = "s3:GetObjectVersion"
	}
	if err := s.allowed(ctx, awswire.Access{Action: action, Resource: arnOf(bucket, key)}); err != nil {
		return nil, Info{}, err
	}
	b, o, reader, err := s.open(ctx, bucket, key, versionID, "GET")
	if err != nil {
		return nil, Info{}, err
	}
	return reader, Info{Bucket: bucket, Key: key, VersionID: b.shownVersion(o), Size: o.Size, ETag: o.ETag, ContentType: o.Headers["Content-Type"], Modified: o.Modified, Metadata: o.Metadata}, nil
}

// StoreObject writes an object from a stream, as somebody.
func (s *Service) StoreObject(ctx context.Context, as awswire.Identity, bucket, key, contentType string, r io.Reader) (Info, error) {
	ctx = awswire.WithCaller(ctx, as)
	if err := s.allowed(ctx, awswire.Access{Action: "s3:PutObject", Resource: arnOf(bucket, key)}); err != nil {
		return Info{}, err
	}
	in := &putObjectInput{Body: upload{&incoming{reader: r, size: -1}}}
	in.Bucket, in.Key, in.ContentType = bucket, key, contentType
	if err := s.checkNamed(in, true); err != nil {
		return Info{}, err
	}
	out, err := s.putObject(ctx, in)
	if err != nil {
		return Info{}, err
	}
	return Info{Bucket: bucket, Key: key, VersionID: out.VersionID, ETag: out.ETag, ContentType: contentType, Size: out.Size}, nil
}
