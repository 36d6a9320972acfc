package s3

// This file defines the table of operations: what each is called, where it lives
// on the wire, and what its caller must be allowed to do.

import (
	"context"
	"net/http"
	"reflect"
	"strings"

	"github.com/stepworks/stepworks/local/internal/awswire"
)

// level is what a path names.
type level int

const (
	onService level = iota
	onBucket
	onObject
)

// operation is one entry of the table: the in-process form, and the route.
type operation struct {
	wire   awswire.Operation
	name   string
	method string
	level  level
	// requires are the query parameters, and headers ("x-amz-copy-source:"), that
	// tell the operation from others of its method. Most win.
	requires []string
	in       reflect.Type
	access   func(in any) []awswire.Access
	do       func(ctx context.Context, in any) (any, error)
	status   int
}

// accessOf tells what the caller of an operation must be allowed to do.
type accessOf[In any] func(in *In) []awswire.Access

func op[In, Out any](s *Service, name, route string, access accessOf[In], handle func(context.Context, *In) (*Out, error)) operation {
	fields := strings.Fields(route)
	do := func(ctx context.Context, in *In) (*Out, error) {
		if n, ok := any(in).(named); ok {
			if err := s.checkNamed(n, name != "CreateBucket"); err != nil {
				return nil, err
			}
		}
		return handle(ctx, in)
	}
	o := operation{name: name, method: fields[0], requires: fields[2:], in: reflect.TypeFor[In](), status: http.StatusOK,
		wire:  awswire.Op(name, access, do),
		do:    func(ctx context.Context, in any) (any, error) { return do(ctx, in.(*In)) },
		level: map[string]level{"/": onService, "/bucket": onBucket, "/bucket/key": onObject}[fields[1]]}
	if access != nil {
		o.access = func(in any) []awswire.Access { return access(in.(*In)) }
	}
	if o.method == http.MethodDelete {
		o.status = http.StatusNoContent
	}
	return o
}

// named is an input that names what it is about.
type named interface {
	resource() (bucket, key, version string)
	owner() string
}

// maxKey is the length of the longest key, in bytes.
const maxKey = 1024

// checkNamed checks what every operation on a bucket or object checks first.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
func (s *Service) checkNamed(n named, exists bool) error {
	bucketName, key, _ := n.resource()
	if len(key) > maxKey {
		return newError("KeyTooLongError", "Size", len(key), "MaxSizeAllowed", maxKey)
	}
	if exists {
		if _, err := s.bucket(bucketName); err != nil {
			return err
		}
	}
	owner := n.owner()
	if owner == "" || owner == s.Account {
		return nil
	}
	if len(owner) != 12 || strings.Trim(owner, "0123456789") != "" {
		e := newError("InvalidBucketOwnerAWSAccountID")
		return saying(e, e.Message, owner)
	}
	return newError("AccessDenied")
}

// atBucket is the part of an input that names a bucket.
type atBucket struct {
	Bucket              string `json:"Bucket" xml:"-" http:"bucket"`
	ExpectedBucketOwner string `json:"ExpectedBucketOwner,omitempty" xml:"-" http:"header=X-Amz-Expected-Bucket-Owner"`
}

func (b atBucket) owner() string { return b.ExpectedBucketOwner }

func (b atBucket) resource() (bucket, key, version string) { return b.Bucket, "", "" }

// atObject is the part of an input that names an object.
type atObject struct {
	atBucket
	Key string `json:"Key" xml:"-" http:"key"`
}

func (o atObject) resource() (bucket, key, version string) { return o.Bucket, o.Key, "" }

// atVersion is the part of an input that names a version of an object.
type atVersion struct {
	atObject
	VersionID string `json:"VersionId,omitempty" xml:"-" http:"query=versionId"`
}

func (v atVersion) resource() (bucket, key, version string) { return v.Bucket, v.Key, v.VersionID }

// allow is the access of an operation that needs one action on what it names. An
// action on a version has another name.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
func allow[In any](action, onVersion string) accessOf[In] {
	return func(in *In) []awswire.Access {
		bucket, key, version := any(in).(named).resource()
		if version != "" && onVersion != "" {
			return []awswire.Access{{Action: "s3:" + onVersion, Resource: arnOf(bucket, key), Context: map[string][]string{"s3:VersionId": {version}}}}
		}
		return []awswire.Access{{Action: "s3:" + action, Resource: arnOf(bucket, key)}}
	}
}

func arnOf(bucket, key string) string {
	if key == "" {
		return arnPrefix + bucket
	}
	return arnPrefix + bucket + "/" + key
}

// listAccess is the access of listing a bucket, with the keys that policies ask for.
func listAccess(action, bucket, prefix, delimiter string) []awswire.Access {
	keys := map[string][]string{"s3:prefix": {prefix}}
	if delimiter != "" {
		keys["s3:delimiter"] = []string{delimiter}
	}
	return []awswire.Access{{Action: "s3:" + action, Resource: arnOf(bucket, ""), Context: keys}}
}

// operations is the table.
func operations(s *Service) []operation {
	table := []operation{
		op(s, "ListBuckets", "GET /", func(*listBucketsInput) []awswire.Access {
			return []awswire.Access{{Action: "s3:ListAllMyBuckets", Resource: "*"}}
		}, s.listBuckets),
		op(s, "CreateBucket", "PUT /bucket", allow[createBucketInput]("CreateBucket", ""), s.createBucket),
		op(s, "DeleteBucket", "DELETE /bucket", allow[bucketInput]("DeleteBucket", ""), s.deleteBucket),
		op(s, "HeadBucket", "HEAD /bucket", allow[bucketInput]("ListBucket", ""), s.headBucket),
		op(s, "GetBucketLocation", "GET /bucket location", allow[bucketInput]("GetBucketLocation", ""), s.getBucketLocation),

		op(s, "PutObject", "PUT /bucket/key", putAccess, s.putObject),
		op(s, "GetObject", "GET /bucket/key", allow[getObjectInput]("GetObject", "GetObjectVersion"), s.getObject),
		op(s, "HeadObject", "HEAD /bucket/key", allow[getObjectInput]("GetObject", "GetObjectVersion"), s.headObject),
		op(s, "GetObjectAttributes", "GET /bucket/key attributes", allow[getAttributesInput]("GetObject", "GetObjectVersion"), s.getObjectAttributes),
		op(s, "CopyObject", "PUT /bucket/key x-amz-copy-source:", copyAccess, s.copyObject),
		op(s, "DeleteObject", "DELETE /bucket/key", allow[deleteObjectInput]("DeleteObject", "DeleteObjectVersion"), s.deleteObject),
		op(s, "DeleteObjects", "POST /bucket delete", deleteAccess, s.deleteObjects),

		op(s, "ListObjects", "GET /bucket", func(in *listObjectsInput) []awswire.Access {
			return listAccess("ListBucket", in.Bucket, in.Prefix, in.Delimiter)
		}, s.listObjects),
		op(s, "ListObjectsV2", "GET /bucket list-type", func(in *listObjectsV2Input) []awswire.Access {
			return listAccess("ListBucket", in.Bucket, in.Prefix, in.Delimiter)
		}, s.listObjectsV2),
		op(s, "ListObjectVersions", "GET /bucket versions", func(in *listVersionsInput) []awswire.Access {
			return listAccess("ListBucketVersions", in.Bucket, in.Prefix, in.Delimiter)
		}, s.listObjectVersions),

		op(s, "CreateMultipartUpload", "POST /bucket/key uploads", allow[createUploadInput]("PutObject", ""), s.createMultipartUpload),
		op(s, "UploadPart", "PUT /bucket/key partNumber uploadId", allow[uploadPartInput]("PutObject", ""), s.uploadPart),
		op(s, "UploadPartCopy", "PUT /bucket/key partNumber uploadId x-amz-copy-source:", copyPartAccess, s.uploadPartCopy),
		op(s, "CompleteMultipartUpload", "POST /bucket/key uploadId", allow[completeUploadInput]("PutObject", ""), s.completeMultipartUpload),
		op(s, "AbortMultipartUpload", "DELETE /bucket/key uploadId", allow[uploadInput]("AbortMultipartUpload", ""), s.abortMultipartUpload),
		op(s, "ListParts", "GET /bucket/key uploadId", allow[listPartsInput]("ListMultipartUploadParts", ""), s.listParts),
		op(s, "ListMultipartUploads", "GET /bucket uploads", allow[listUploadsInput]("ListBucketMultipartUploads", ""), s.listMultipartUploads),

		op(s, "PutObjectTagging", "PUT /bucket/key tagging", allow[putObjectTaggingInput]("PutObjectTagging", "PutObjectVersionTagging"), s.putObjectTagging),
		op(s, "GetObjectTagging", "GET /bucket/key tagging", allow[objectVersionInput]("GetObjectTagging", "GetObjectVersionTagging"), s.getObjectTagging),
		op(s, "DeleteObjectTagging", "DELETE /bucket/key tagging", allow[objectVersionInput]("DeleteObjectTagging", "DeleteObjectVersionTagging"), s.deleteObjectTagging),
		op(s, "GetObjectAcl", "GET /bucket/key acl", allow[objectVersionInput]("GetObjectAcl", "GetObjectVersionAcl"), s.getObjectACL),
		op(s, "PutObjectAcl", "PUT /bucket/key acl", allow[putObjectACLInput]("PutObjectAcl", "PutObjectVersionAcl"), s.putObjectACL),
	}
	return append(table, bucketOperations(s)...)
}

// bucketOperations is the table of the settings of buckets.
func bucketOperations(s *Service) []operation {
	const put, get, remove = "PUT /bucket ", "GET /bucket ", "DELETE /bucket "
	return []operation{
		op(s, "PutBucketTagging", put+"tagging", allow[putBucketTaggingInput]("PutBucketTagging", ""), s.putBucketTagging),
		op(s, "GetBucketTagging", get+"tagging", allow[bucketInput]("GetBucketTagging", ""), s.getBucketTagging),
		op(s, "DeleteBucketTagging", remove+"tagging", allow[bucketInput]("PutBucketTagging", ""), s.deleteBucketTagging),
		op(s, "PutBucketVersioning", put+"versioning", allow[putVersioningInput]("PutBucketVersioning", ""), s.putBucketVersioning),
		op(s, "GetBucketVersioning", get+"versioning", allow[bucketInput]("GetBucketVersioning", ""), s.getBucketVersioning),
		op(s, "PutBucketPolicy", put+"policy", allow[putPolicyInput]("PutBucketPolicy", ""), s.putBucketPolicy),
		op(s, "GetBucketPolicy", get+"policy", allow[bucketInput]("GetBucketPolicy", ""), s.getBucketPolicy),
		op(s, "DeleteBucketPolicy", remove+"policy", allow[bucketInput]("DeleteBucketPolicy", ""), s.deleteBucketPolicy),
		op(s, "GetBucketPolicyStatus", get+"policyStatus", allow[bucketInput]("GetBucketPolicyStatus", ""), s.getBucketPolicyStatus),
		op(s, "GetBucketAcl", get+"acl", allow[bucketInput]("GetBucketAcl", ""), s.getBucketACL),
		op(s, "PutBucketAcl", put+"acl", allow[putBucketACLInput]("PutBucketAcl", ""), s.putBucketACL),

		op(s, "PutBucketLifecycleConfiguration", put+"lifecycle", allow[putLifecycleInput]("PutLifecycleConfiguration", ""), s.putBucketLifecycle),
		op(s, "GetBucketLifecycleConfiguration", get+"lifecycle", allow[bucketInput]("GetLifecycleConfiguration", ""), s.getBucketLifecycle),
		op(s, "DeleteBucketLifecycle", remove+"lifecycle", allow[bucketInput]("PutLifecycleConfiguration", ""), s.deleteBucketLifecycle),
		op(s, "PutBucketNotificationConfiguration", put+"notification", allow[putNotificationInput]("PutBucketNotification", ""), s.putBucketNotification),
		op(s, "GetBucketNotificationConfiguration", get+"notification", allow[bucketInput]("GetBucketNotification", ""), s.getBucketNotification),
		op(s, "PutBucketCors", put+"cors", allow[putCORSInput]("PutBucketCORS", ""), s.putBucketCORS),
		op(s, "GetBucketCors", get+"cors", allow[bucketInput]("GetBucketCORS", ""), s.getBucketCORS),
		op(s, "DeleteBucketCors", remove+"cors", allow[bucketInput]("PutBucketCORS", ""), s.deleteBucketCORS),
		op(s, "PutBucketEncryption", put+"encryption", allow[putEncryptionInput]("PutEncryptionConfiguration", ""), s.putBucketEncryption),
		op(s, "GetBucketEncryption", get+"encryption", allow[bucketInput]("GetEncryptionConfiguration", ""), s.getBucketEncryption),
		op(s, "DeleteBucketEncryption", remove+"encryption", allow[bucketInput]("PutEncryptionConfiguration", ""), s.deleteBucketEncryption),
		op(s, "PutPublicAccessBlock", put+"publicAccessBlock", allow[putPublicAccessInput]("PutBucketPublicAccessBlock", ""), s.putPublicAccessBlock),
		op(s, "GetPublicAccessBlock", get+"publicAccessBlock", allow[bucketInput]("GetBucketPublicAccessBlock", ""), s.getPublicAccessBlock),
		op(s, "DeletePublicAccessBlock", remove+"publicAccessBlock", allow[bucketInput]("PutBucketPublicAccessBlock", ""), s.deletePublicAccessBlock),
		op(s, "PutBucketOwnershipControls", put+"ownershipControls", allow[putOwnershipInput]("PutBucketOwnershipControls", ""), s.putOwnershipControls),
		op(s, "GetBucketOwnershipControls", get+"ownershipControls", allow[bucketInput]("GetBucketOwnershipControls", ""), s.getOwnershipControls),
		op(s, "DeleteBucketOwnershipControls", remove+"ownershipControls", allow[bucketInput]("PutBucketOwnershipControls", ""), s.deleteOwnershipControls),
	}
}
