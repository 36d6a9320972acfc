package s3

// This file defines copying objects, whole and as parts.

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/stepworks/stepworks/local/internal/awswire"
)

// source is the part of an input that names what is copied, and under which
// conditions.
type source struct {
	CopySource                  string `json:"CopySource" http:"header=X-Amz-Copy-Source"`
	CopySourceIfMatch           string `json:"CopySourceIfMatch,omitempty" http:"header=X-Amz-Copy-Source-If-Match"`
	CopySourceIfNoneMatch       string `json:"CopySourceIfNoneMatch,omitempty" http:"header=X-Amz-Copy-Source-If-None-Match"`
	CopySourceIfModifiedSince   moment `json:"CopySourceIfModifiedSince,omitzero" http:"header=X-Amz-Copy-Source-If-Modified-Since"`
	CopySourceIfUnmodifiedSince moment `json:"CopySourceIfUnmodifiedSince,omitzero" http:"header=X-Amz-Copy-Source-If-Unmodified-Since"`
}

// parse splits "/bucket/key?versionId=id", URL-encoded.
func (c *source) parse() (bucket, key, version string, err error) {
	path, query, _ := strings.Cut(c.CopySource, "?")
	path, bad := url.PathUnescape(strings.TrimPrefix(path, "/"))
	bucket, key, ok := strings.Cut(path, "/")
	if bad != nil || !ok || bucket == "" || key == "" {
		return "", "", "", errArgument("x-amz-copy-source", "x-amz-copy-source", "Invalid copy source object key")
	}
	values, bad := url.ParseQuery(query)
	if bad != nil {
		return "", "", "", errArgument("x-amz-copy-source", "x-amz-copy-source", "Invalid copy source object key")
	}
	return bucket, key, values.Get("versionId"), nil
}

func (c *source) access() []awswire.Access {
	bucket, key, version, err := c.parse()
	if err != nil {
		return nil // the handler refuses it
	}
	return allow[atVersion]("GetObject", "GetObjectVersion")(&atVersion{atObject: atObject{atBucket: atBucket{Bucket: bucket}, Key: key}, VersionID: version})
}

// open opens what is copied. Every condition that does not hold is a
// PreconditionFailed.
func (c *source) open(ctx context.Context, s *Service) (*bucket, *object, *body, error) {
	bucketName, key, version, err := c.parse()
	if err != nil {
		return nil, nil, nil, err
	}
	b, o, reader, err := s.open(ctx, bucketName, key, version, "COPY")
	if err != nil {
		if awswire.CodeOf(err) == "MethodNotAllowed" {
			err = errRequest("The source of a copy request may not specifically refer to a delete marker by version id.")
		}
		return nil, nil, nil, err
	}
	conditions := readConditions{IfMatch: c.CopySourceIfMatch, IfNoneMatch: c.CopySourceIfNoneMatch, IfModifiedSince: c.CopySourceIfModifiedSince, IfUnmodifiedSince: c.CopySourceIfUnmodifiedSince}
	err = conditions.check(o, s.Clock.Now())
	if awswire.CodeOf(err) == "NotModified" {
		condition := "x-amz-copy-source-If-None-Match"
		if c.CopySourceIfNoneMatch == "" {
			condition = "x-amz-copy-source-If-Modified-Since"
		}
		err = errPrecondition(condition)
	} else if failed := new(awswire.Error); errors.As(err, &failed) {
		failed.Members["Condition"] = "x-amz-copy-source-" + failed.Members["Condition"].(string)
	}
	if err != nil {
		return nil, nil, nil, errors.Join(err, reader.Close())
	}
	return b, o, reader, nil
}

type copyObjectInput struct {
	atObject
	describing
	conditions
	source
	MetadataDirective string `json:"MetadataDirective,omitempty" http:"header=X-Amz-Metadata-Directive"`
	TaggingDirective  string `json:"TaggingDirective,omitempty" http:"header=X-Amz-Tagging-Directive"`
	ChecksumAlgorithm string `json:"ChecksumAlgorithm,omitempty" http:"header=X-Amz-Checksum-Algorithm"`
}

type copyObjectOutput struct {
	encrypted
	CopySourceVersionID string      `json:"CopySourceVersionId,omitempty" http:"header=X-Amz-Copy-Source-Version-Id"`
	VersionID           string      `json:"VersionId,omitempty" http:"header=X-Amz-Version-Id"`
	Expiration          string      `json:"Expiration,omitempty" http:"header=X-Amz-Expiration"`
	CopyObjectResult    *copyResult `json:"CopyObjectResult" http:"payload=CopyObjectResult"`
}

type copyResult struct {
	typedChecksums
	ETag         string `json:"ETag" xml:"ETag"`
	LastModified moment `json:"LastModified" xml:"LastModified"`
}

func copyAccess(in *copyObjectInput) []awswire.Access {
	all := append(in.source.access(), awswire.Access{Action: "s3:PutObject", Resource: arnOf(in.Bucket, in.Key)})
	if in.TaggingDirective == "REPLACE" && in.Tagging != "" {
		all = append(all, awswire.Access{Action: "s3:PutObjectTagging", Resource: arnOf(in.Bucket, in.Key)})
	}
	return all
}

func (in *copyObjectInput) checkDirectives() error {
	for name, value := range map[string]string{"metadata": in.MetadataDirective, "tagging": in.TaggingDirective} {
		if value != "" && value != "COPY" && value != "REPLACE" {
			return errArgument("x-amz-"+name+"-directive", value, "Unknown %s directive.", name)
		}
	}
	return nil
}

func (s *Service) copyObject(ctx context.Context, in *copyObjectInput) (*copyObjectOutput, error) {
	if err := in.checkDirectives(); err != nil {
		return nil, err
	}
	b, from, reader, err := in.source.open(ctx, s)
	if err != nil {
		return nil, err
	}
	defer func() { _ = reader.Close() }()
	if from.Size > maxUpload {
		return nil, errRequest("The specified copy source is larger than the maximum allowable size for a copy source: %d", int64(maxUpload))
	}
	o, err := s.describe(&in.atObject, &in.describing)
	if err != nil {
		return nil, err
	}
	_, _, version, _ := in.source.parse()
	encrypts := in.ServerSideEncryption != "" || setting[encryption](b, "encryption") != nil
	if !encrypts && from.Bucket == o.Bucket && from.Key == o.Key && version == "" && in.MetadataDirective != "REPLACE" && in.StorageClass == "" && in.WebsiteRedirectLocation == "" {
		return nil, errRequest("This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.")
	}
	if err := s.fillCopy(o, from, reader, in); err != nil {
		return nil, err
	}
	if in.IfMatch == "*" && in.IfNoneMatch == "" {
		s.files.remove(o.Body)
		return nil, newError("NotImplemented", "Header", "If-Match", "additionalMessage", "We don't accept the provided value of If-Match header for this API")
	}
	to, err := s.commit(ctx, o, "CopyObject", in.conditions.check)
	if err != nil {
		return nil, err
	}
	return &copyObjectOutput{encrypted: o.encrypted(), CopySourceVersionID: b.shownVersion(from), VersionID: to.newVersion(o), Expiration: to.expiration(o),
		CopyObjectResult: &copyResult{typedChecksums: o.Checksum.shown(), ETag: o.ETag, LastModified: moment{o.Modified}}}, nil
}

// fillCopy gives a copy its body and what it takes over. The copy of a multipart
// upload is one part: its ETag and checksum are those of the whole.
func (s *Service) fillCopy(o, from *object, reader io.Reader, in *copyObjectInput) error {
	if in.MetadataDirective != "REPLACE" {
		o.Headers, o.Metadata = from.Headers, from.Metadata
	}
	if in.TaggingDirective != "REPLACE" {
		o.Tags = from.Tags
	}
	algorithm := strings.ToUpper(in.ChecksumAlgorithm)
	if err := checkAlgorithm(algorithm); err != nil {
		return err
	}
	if algorithm == "" {
		algorithm = from.Checksum.Algorithm
	}
	o.Size = from.Size
	if len(from.Parts) == 0 && algorithm == from.Checksum.Algorithm {
		var err error
		o.ETag, o.Checksum = from.ETag, from.Checksum
		o.Body, err = s.files.link(from.Body)
		return err
	}
	got, err := s.receive(&incoming{reader: reader, size: -1, algorithm: algorithm})
	if err != nil {
		return err
	}
	o.ETag, o.Body = got.etag(), got.body
	o.Checksum = checksum{Algorithm: algorithm, Value: got.sums[algorithm], Type: "FULL_OBJECT"}
	return nil
}

type uploadPartCopyInput struct {
	uploadInput
	source
	PartNumber      int    `json:"PartNumber" http:"query=partNumber"`
	CopySourceRange string `json:"CopySourceRange,omitempty" http:"header=X-Amz-Copy-Source-Range"`
}

type uploadPartCopyOutput struct {
	encrypted
	CopySourceVersionID string          `json:"CopySourceVersionId,omitempty" http:"header=X-Amz-Copy-Source-Version-Id"`
	CopyPartResult      *copyPartResult `json:"CopyPartResult" http:"payload=CopyPartResult"`
}

type copyPartResult struct {
	XMLName xml.Name `json:"-" xml:"CopyPartResult"`
	checksums
	ETag         string `json:"ETag" xml:"ETag"`
	LastModified moment `json:"LastModified" xml:"LastModified"`
}

func copyPartAccess(in *uploadPartCopyInput) []awswire.Access {
	return append(in.source.access(), awswire.Access{Action: "s3:PutObject", Resource: arnOf(in.Bucket, in.Key)})
}

var copyRange = regexp.MustCompile(`^bytes=(\d+)-(\d+)$`)

func (in *uploadPartCopyInput) span(size int64) (span, error) {
	if in.CopySourceRange == "" {
		return span{0, size}, nil
	}
	m := copyRange.FindStringSubmatch(in.CopySourceRange)
	if m == nil {
		return span{}, errArgument("x-amz-copy-source-range", in.CopySourceRange, "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy")
	}
	first, err1 := strconv.ParseInt(m[1], 10, 64)
	last, err2 := strconv.ParseInt(m[2], 10, 64)
	switch {
	case err1 != nil || err2 != nil || first > last:
		return span{}, errArgument("x-amz-copy-source-range", in.CopySourceRange, "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy")
	case first >= size:
		return span{}, errRequest("The specified copy range is invalid for the source object size")
	case last >= size:
		return span{}, errArgument("x-amz-copy-source-range", in.CopySourceRange, "Range specified is not valid for source object of size: %d", size)
	}
	return span{first, last - first + 1}, nil
}

func (s *Service) uploadPartCopy(ctx context.Context, in *uploadPartCopyInput) (*uploadPartCopyOutput, error) {
	u, err := s.upload(&in.uploadInput)
	if err != nil {
		return nil, err
	}
	b, from, reader, err := in.source.open(ctx, s)
	if err != nil {
		return nil, err
	}
	defer func() { _ = reader.Close() }()
	r, err := in.span(from.Size)
	if err != nil {
		return nil, err
	}
	if _, err := reader.Seek(r.first, io.SeekStart); err != nil {
		return nil, err
	}
	p, err := s.storePart(u, in.PartNumber, &incoming{reader: io.LimitReader(reader, r.length), size: r.length, algorithm: u.Algorithm})
	if err != nil {
		return nil, err
	}
	return &uploadPartCopyOutput{encrypted: u.encrypted(), CopySourceVersionID: b.shownVersion(from),
		CopyPartResult: &copyPartResult{checksums: p.checksum(u), ETag: p.ETag, LastModified: moment{p.Modified}}}, nil
}
