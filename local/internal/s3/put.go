package s3

// This file defines writing objects: what an upload says of its object, the
// conditions it sets, and the one place where a version is committed.

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/store"
)

// describing are the members that describe a new object.
type describing struct {
	ContentType             string            `json:"ContentType,omitempty" http:"header=Content-Type"`
	CacheControl            string            `json:"CacheControl,omitempty" http:"header=Cache-Control"`
	ContentDisposition      string            `json:"ContentDisposition,omitempty" http:"header=Content-Disposition"`
	ContentEncoding         string            `json:"ContentEncoding,omitempty" http:"header=Content-Encoding"`
	ContentLanguage         string            `json:"ContentLanguage,omitempty" http:"header=Content-Language"`
	Expires                 string            `json:"Expires,omitempty" http:"header=Expires"`
	WebsiteRedirectLocation string            `json:"WebsiteRedirectLocation,omitempty" http:"header=X-Amz-Website-Redirect-Location"`
	Metadata                map[string]string `json:"Metadata,omitempty" http:"prefix=X-Amz-Meta-"`
	StorageClass            string            `json:"StorageClass,omitempty" http:"header=X-Amz-Storage-Class"`
	ServerSideEncryption    string            `json:"ServerSideEncryption,omitempty" http:"header=X-Amz-Server-Side-Encryption"`
	SSEKMSKeyID             string            `json:"SSEKMSKeyId,omitempty" http:"header=X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"`
	BucketKeyEnabled        *bool             `json:"BucketKeyEnabled,omitempty" http:"header=X-Amz-Server-Side-Encryption-Bucket-Key-Enabled"`
	SSECustomerAlgorithm    string            `json:"SSECustomerAlgorithm,omitempty" http:"header=X-Amz-Server-Side-Encryption-Customer-Algorithm"`
	Tagging                 string            `json:"Tagging,omitempty" http:"header=X-Amz-Tagging"`
	ACL                     string            `json:"ACL,omitempty" http:"header=X-Amz-Acl"`
	ObjectLockMode          string            `json:"ObjectLockMode,omitempty" http:"header=X-Amz-Object-Lock-Mode"`
	ObjectLockLegalHold     string            `json:"ObjectLockLegalHoldStatus,omitempty" http:"header=X-Amz-Object-Lock-Legal-Hold"`
	grants
}

// grants are the headers of access control lists, which are refused.
type grants struct {
	GrantFullControl string `json:"GrantFullControl,omitempty" http:"header=X-Amz-Grant-Full-Control"`
	GrantRead        string `json:"GrantRead,omitempty" http:"header=X-Amz-Grant-Read"`
	GrantReadACP     string `json:"GrantReadACP,omitempty" http:"header=X-Amz-Grant-Read-Acp"`
	GrantWrite       string `json:"GrantWrite,omitempty" http:"header=X-Amz-Grant-Write"`
	GrantWriteACP    string `json:"GrantWriteACP,omitempty" http:"header=X-Amz-Grant-Write-Acp"`
}

// conditions are those of a write.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
type conditions struct {
	IfMatch     string `json:"IfMatch,omitempty" http:"header=If-Match"`
	IfNoneMatch string `json:"IfNoneMatch,omitempty" http:"header=If-None-Match"`
}

type putObjectInput struct {
	atObject
	describing
	conditions
	checksums
	ChecksumAlgorithm string `json:"ChecksumAlgorithm,omitempty" http:"header=X-Amz-Sdk-Checksum-Algorithm"`
	Body              upload `json:"Body" http:"stream"`
}

// encrypted is what answers say of an object's encryption.
type encrypted struct {
	ServerSideEncryption string `json:"ServerSideEncryption,omitempty" xml:"-" http:"header=X-Amz-Server-Side-Encryption"`
	SSEKMSKeyID          string `json:"SSEKMSKeyId,omitempty" xml:"-" http:"header=X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"`
	BucketKeyEnabled     bool   `json:"BucketKeyEnabled,omitzero" xml:"-" http:"header=X-Amz-Server-Side-Encryption-Bucket-Key-Enabled"`
}

func (a *attributes) encrypted() encrypted {
	return encrypted{ServerSideEncryption: a.Encryption, SSEKMSKeyID: a.KMSKey, BucketKeyEnabled: a.BucketKey}
}

type putObjectOutput struct {
	encrypted
	typedChecksums
	ETag       string `json:"ETag" http:"header=ETag"`
	VersionID  string `json:"VersionId,omitempty" http:"header=X-Amz-Version-Id"`
	Size       int64  `json:"Size,omitzero" http:"header=X-Amz-Object-Size"`
	Expiration string `json:"Expiration,omitempty" http:"header=X-Amz-Expiration"`
}

func putAccess(in *putObjectInput) []awswire.Access {
	all := []awswire.Access{{Action: "s3:PutObject", Resource: arnOf(in.Bucket, in.Key)}}
	if in.Tagging != "" {
		all = append(all, awswire.Access{Action: "s3:PutObjectTagging", Resource: arnOf(in.Bucket, in.Key)})
	}
	return all
}

func (s *Service) putObject(ctx context.Context, in *putObjectInput) (*putObjectOutput, error) {
	if in.Body.incoming == nil {
		in.Body.incoming = &incoming{reader: strings.NewReader("")}
	}
	if err := in.Body.expect(&in.checksums, in.ChecksumAlgorithm); err != nil {
		return nil, err
	}
	o, err := s.describe(&in.atObject, &in.describing)
	if err != nil {
		return nil, err
	}
	if in.Body.algorithm == "" {
		in.Body.algorithm = defaultAlgorithm
	}
	if _, err := s.bucket(in.Bucket); err != nil { // before the body is read
		return nil, err
	}
	got, err := s.receive(in.Body.incoming)
	if err != nil {
		return nil, err
	}
	o.Size, o.ETag, o.Body = got.size, got.etag(), got.body
	o.Checksum = checksum{Algorithm: in.Body.algorithm, Value: got.sums[in.Body.algorithm], Type: "FULL_OBJECT"}
	b, err := s.commit(ctx, o, "PutObject", in.conditions.check)
	if err != nil {
		return nil, err
	}
	return &putObjectOutput{encrypted: o.encrypted(), typedChecksums: o.Checksum.shown(), ETag: o.ETag, VersionID: b.newVersion(o), Expiration: b.expiration(o)}, nil
}

// storageClasses are those that a bucket of the usual kind takes.
var storageClasses = []string{"STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER", "DEEP_ARCHIVE", "GLACIER_IR"}

// maxMetadata bounds the names and values of a user's metadata, in bytes.
const maxMetadata = 2048

// describe begins an object from what its upload says of it.
func (s *Service) describe(at *atObject, in *describing) (*object, error) {
	o := &object{Bucket: at.Bucket, Key: at.Key}
	if err := in.refuse(); err != nil {
		return nil, err
	}
	if in.StorageClass != "" && !slices.Contains(storageClasses, in.StorageClass) {
		return nil, newError("InvalidStorageClass", "StorageClassRequested", in.StorageClass)
	}
	size := 0
	for name, value := range in.Metadata {
		size += len(name) + len(value)
	}
	if size > maxMetadata {
		return nil, newError("MetadataTooLarge", "Size", size, "MaxSizeAllowed", maxMetadata)
	}
	var err error
	if o.Tags, err = parseTagging(in.Tagging); err != nil {
		return nil, err
	}
	o.Headers, o.Metadata = in.headers(), in.Metadata
	if in.StorageClass != "STANDARD" {
		o.StorageClass = in.StorageClass
	}
	o.Encryption, o.KMSKey = in.ServerSideEncryption, in.SSEKMSKeyID
	o.BucketKey = in.BucketKeyEnabled != nil && *in.BucketKeyEnabled
	return o, nil
}

// refuse names what the local AWS does not do.
func (in *describing) refuse() error {
	switch {
	case in.SSECustomerAlgorithm != "":
		return errNotOffered("encryption with keys provided by the customer (SSE-C)")
	case in.ObjectLockMode != "" || in.ObjectLockLegalHold != "":
		return errNotOffered("object lock")
	case in.ServerSideEncryption != "" && !slices.Contains([]string{"AES256", "aws:kms", "aws:kms:dsse"}, in.ServerSideEncryption):
		return saying(newError("InvalidEncryptionAlgorithmError", "ArgumentName", "x-amz-server-side-encryption", "ArgumentValue", in.ServerSideEncryption),
			"The Encryption request you specified is not valid. Supported value: AES256.")
	}
	if err := in.grants.refuse(); err != nil {
		return err
	}
	return checkCannedACL(in.ACL)
}

func (g *grants) refuse() error {
	if *g != (grants{}) {
		return newError("AccessControlListNotSupported")
	}
	return nil
}

// checkCannedACL refuses lists that grant others anything: buckets are created
// with their owner enforced, which disables them.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html
func checkCannedACL(acl string) error {
	switch acl {
	case "", "private", "bucket-owner-full-control":
		return nil
	case "public-read", "public-read-write", "authenticated-read", "aws-exec-read", "bucket-owner-read", "log-delivery-write":
		return newError("AccessControlListNotSupported")
	}
	return saying(newError("InvalidArgument", "ArgumentName", "x-amz-acl", "ArgumentValue", acl), "")
}

// headers are those that come back with the object.
func (in *describing) headers() map[string]string {
	contentType := in.ContentType
	if contentType == "" {
		contentType = "binary/octet-stream"
	}
	h := map[string]string{"Content-Type": contentType}
	encodings := slices.DeleteFunc(strings.Split(in.ContentEncoding, ","), func(e string) bool {
		return strings.TrimSpace(e) == "aws-chunked" || strings.TrimSpace(e) == ""
	})
	for name, value := range map[string]string{"Cache-Control": in.CacheControl, "Content-Disposition": in.ContentDisposition, "Content-Language": in.ContentLanguage,
		"Content-Encoding": strings.Join(encodings, ","), "Expires": in.Expires, "X-Amz-Website-Redirect-Location": in.WebsiteRedirectLocation} {
		if value != "" {
			h[name] = value
		}
	}
	return h
}

// check judges the conditions against the current version.
func (c *conditions) check(_ *bucket, now *object, key string) error {
	if now != nil && now.Marker {
		now = nil
	}
	switch {
	case c.IfNoneMatch != "" && c.IfMatch != "":
		return newError("NotImplemented", "Header", "If-Match,If-None-Match", "additionalMessage", "Multiple conditional request headers present in the request")
	case c.IfNoneMatch != "" && c.IfNoneMatch != "*":
		return newError("NotImplemented", "Header", "If-None-Match", "additionalMessage", "We don't accept the provided value of If-None-Match header for this API")
	case c.IfNoneMatch == "*" && now != nil:
		return errPrecondition("If-None-Match")
	case c.IfMatch != "" && now == nil:
		return errNoKey(key)
	case c.IfMatch != "" && !sameETag(c.IfMatch, now.ETag):
		return errPrecondition("If-Match")
	}
	return nil
}

func sameETag(a, b string) bool {
	return a == "*" || strings.Trim(a, `"`) == strings.Trim(b, `"`)
}

// precondition judges a write by the bucket and the current version, which is nil
// if there is none.
type precondition func(b *bucket, now *object, key string) error

// commit makes o the current version of its key. Its body is on disk; when the
// commit fails the body is removed. reason is the operation, for the event.
func (s *Service) commit(ctx context.Context, o *object, reason string, allowed precondition) (*bucket, error) {
	var b *bucket
	var gone []segment
	err := s.Store.Update(func(tx *store.Tx) error {
		gone = nil
		var err error
		if b, err = mustBucket(tx, o.Bucket); err != nil {
			return err
		}
		if allowed != nil {
			if err := allowed(b, current(tx, o.Bucket, o.Key), o.Key); err != nil {
				return err
			}
		}
		b.encrypt(o)
		gone = s.insert(tx, b, o)
		s.events.created(ctx, tx, b, o, reason)
		return nil
	})
	if err != nil {
		s.files.remove(o.Body)
		return nil, err
	}
	s.files.remove(gone)
	s.events.wake()
	s.expiry.note(b, o)
	return b, nil
}

// insert puts a version on top of its key's and returns the bodies that nothing
// names any more.
func (s *Service) insert(tx *store.Tx, b *bucket, o *object) (gone []segment) {
	touch(tx, b.Name, o.Key)
	o.Sequence = nextSequence(tx)
	o.Modified = s.Clock.Now().UTC().Truncate(time.Second)
	if b.Versioning == "Enabled" {
		o.Version = newVersionID()
	} else {
		o.Version = nullVersion
		if old := findVersion(tx, o.Bucket, o.Key, nullVersion); old != nil {
			tx.Delete(bucketObject, old.storeKey())
			gone = old.Body
		}
	}
	o.save(tx)
	return gone
}

// encrypt applies the bucket's default encryption.
func (b *bucket) encrypt(o *object) {
	if o.Encryption != "" || o.Marker {
		return
	}
	o.Encryption = "AES256"
	c := setting[encryption](b, "encryption")
	if c == nil || len(c.Rules) == 0 {
		return
	}
	if d := c.Rules[0].ApplyServerSideEncryptionByDefault; d != nil {
		o.Encryption, o.KMSKey = d.SSEAlgorithm, d.KMSMasterKeyID
		o.BucketKey = d.SSEAlgorithm != "AES256" && c.Rules[0].BucketKeyEnabled
	}
}

// parseTagging reads tags written as a query.
func parseTagging(text string) ([]tag, error) {
	if text == "" {
		return nil, nil
	}
	var tags []tag
	for pair := range strings.SplitSeq(text, "&") {
		name, value, _ := strings.Cut(pair, "=")
		key, err1 := url.QueryUnescape(name)
		val, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil || key == "" {
			return nil, errArgument("x-amz-tagging", text, "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.")
		}
		tags = append(tags, tag{key, val})
	}
	if err := checkTags(tags, maxObjectTags, "Your TagKey cannot be prefixed with aws:"); err != nil {
		return nil, fmt.Errorf("x-amz-tagging: %w", err)
	}
	return tags, nil
}
