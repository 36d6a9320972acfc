package cloudformation

// This file defines the resource types of S3.

import (
	"context"
	"fmt"
	"strings"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// bucketSettings are the properties of a bucket that an operation of their own
// sets, with the member that carries them and the operation that takes them away.
var bucketSettings = []struct {
	property, put, member, remove string
	convert                       func(*jsonvalue.Object) *jsonvalue.Object // nil: as it stands
}{
	{"BucketEncryption", "PutBucketEncryption", "ServerSideEncryptionConfiguration", "DeleteBucketEncryption", encryptionOf},
	{"VersioningConfiguration", "PutBucketVersioning", "VersioningConfiguration", "", nil},
	{"PublicAccessBlockConfiguration", "PutPublicAccessBlock", "PublicAccessBlockConfiguration", "DeletePublicAccessBlock", nil},
	{"OwnershipControls", "PutBucketOwnershipControls", "OwnershipControls", "DeleteBucketOwnershipControls", nil},
	{"CorsConfiguration", "PutBucketCors", "CORSConfiguration", "DeleteBucketCors", corsOf},
	{"LifecycleConfiguration", "PutBucketLifecycleConfiguration", "LifecycleConfiguration", "DeleteBucketLifecycle", lifecycleOf},
	{"NotificationConfiguration", "PutBucketNotificationConfiguration", "NotificationConfiguration", "", notificationOf},
}

// AWS::S3::Bucket
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-s3-bucket.html
var bucketProvider = provider{
	create: func(ctx context.Context, r *request) (string, error) {
		name := r.text("BucketName")
		if name == "" {
			name = strings.ToLower(r.name("BucketName"))
			if over := len(name) - 63; over > 0 { // the random end stays
				name = name[:len(name)-13-over] + name[len(name)-13:]
			}
		}
		in := params("Bucket", name)
		if acl := r.text("AccessControl"); acl != "" {
			in = in.With("ACL", cannedACL(acl))
		}
		if r.Region != "us-east-1" {
			in = in.With("CreateBucketConfiguration", params("LocationConstraint", r.Region))
		}
		if err := r.do(ctx, "s3", "CreateBucket", in); err != nil {
			return "", err
		}
		r.PhysicalID = name
		return name, r.putBucketSettings(ctx)
	},
	update: func(ctx context.Context, r *request) error { return r.putBucketSettings(ctx) },
	remove: func(ctx context.Context, r *request) error {
		return r.doUnless(ctx, "s3", "DeleteBucket", params("Bucket", r.PhysicalID), "NoSuchBucket")
	},
	attributes: fixed(func(r *request) map[string]jsonvalue.Value {
		name := r.PhysicalID
		return map[string]jsonvalue.Value{"Arn": "arn:aws:s3:::" + name, "DomainName": name + ".s3.amazonaws.com", "RegionalDomainName": name + ".s3." + r.Region + ".amazonaws.com",
			"DualStackDomainName": name + ".s3.dualstack." + r.Region + ".amazonaws.com", "WebsiteURL": "http://" + name + ".s3-website-" + r.Region + ".amazonaws.com"}
	}),
}

// cannedACL spells a template's AccessControl as the API does: BucketOwnerFullControl
// is bucket-owner-full-control.
func cannedACL(property string) string {
	var b strings.Builder
	for i, c := range property {
		if i > 0 && c >= 'A' && c <= 'Z' {
			b.WriteByte('-')
		}
		b.WriteRune(c)
	}
	return strings.ToLower(b.String())
}

// putBucketSettings sets what differs from before, and takes away what is gone.
func (r *request) putBucketSettings(ctx context.Context) error {
	on := params("Bucket", r.PhysicalID)
	for _, s := range bucketSettings {
		if !r.changed(s.property) {
			continue
		}
		v := child(r.Properties, s.property)
		var err error
		switch {
		case v != nil && s.convert != nil:
			err = r.do(ctx, "s3", s.put, on.With(s.member, s.convert(v)))
		case v != nil:
			err = r.do(ctx, "s3", s.put, on.With(s.member, v))
		case s.remove != "":
			err = r.do(ctx, "s3", s.remove, on)
		case s.property == "VersioningConfiguration": // it cannot be taken away
			err = r.do(ctx, "s3", s.put, on.With(s.member, params("Status", "Suspended")))
		default:
			err = r.do(ctx, "s3", s.put, on.With(s.member, params()))
		}
		if err != nil {
			return fmt.Errorf("%s: %w", s.property, err)
		}
	}
	return r.putBucketTags(ctx)
}

// putBucketTags sets the tags of the template and of the stack.
func (r *request) putBucketTags(ctx context.Context) error {
	var set []any
	for name, value := range tagMap(r.Properties).All() {
		set = append(set, params("Key", name, "Value", value))
	}
	if len(set) == 0 {
		return r.do(ctx, "s3", "DeleteBucketTagging", params("Bucket", r.PhysicalID))
	}
	return r.do(ctx, "s3", "PutBucketTagging", params("Bucket", r.PhysicalID, "Tagging", params("TagSet", set)))
}

// renamed returns o with members renamed as "from:to" says; the others stay.
func renamed(o *jsonvalue.Object, names ...string) *jsonvalue.Object {
	var b jsonvalue.Builder
	for name, v := range o.All() {
		for _, pair := range names {
			if from, to, _ := strings.Cut(pair, ":"); from == name {
				name = to
			}
		}
		b.Set(name, v)
	}
	return b.Object()
}

// mapped applies f to the objects of a list.
func mapped(items []any, f func(*jsonvalue.Object) *jsonvalue.Object) []any {
	out := make([]any, len(items))
	for i, x := range items {
		out[i] = f(object(x))
	}
	return out
}

// The templates' names of members differ from the API's; these functions tell how.

func encryptionOf(o *jsonvalue.Object) *jsonvalue.Object {
	return params("Rules", mapped(list(o, "ServerSideEncryptionConfiguration"), func(r *jsonvalue.Object) *jsonvalue.Object {
		return renamed(r, "ServerSideEncryptionByDefault:ApplyServerSideEncryptionByDefault")
	}))
}

func corsOf(o *jsonvalue.Object) *jsonvalue.Object {
	return params("CORSRules", mapped(list(o, "CorsRules"), func(r *jsonvalue.Object) *jsonvalue.Object {
		return renamed(r, "Id:ID", "MaxAge:MaxAgeSeconds", "ExposedHeaders:ExposeHeaders")
	}))
}

func lifecycleOf(o *jsonvalue.Object) *jsonvalue.Object {
	return params("Rules", mapped(list(o, "Rules"), lifecycleRuleOf))
}

// lifecycleRuleOf gathers what a template writes side by side: expiration and filter.
func lifecycleRuleOf(r *jsonvalue.Object) *jsonvalue.Object {
	expiration := pick(r, "ExpirationInDays:Days", "ExpirationDate:Date", "ExpiredObjectDeleteMarker")
	and := pick(r, "Prefix", "TagFilters:Tags", "ObjectSizeGreaterThan", "ObjectSizeLessThan")
	out := renamed(r, "Id:ID")
	for _, name := range []string{"ExpirationInDays", "ExpirationDate", "ExpiredObjectDeleteMarker", "Prefix", "TagFilters", "ObjectSizeGreaterThan", "ObjectSizeLessThan",
		"NoncurrentVersionExpirationInDays", "Transition", "NoncurrentVersionTransition"} {
		out = out.Without(name)
	}
	if expiration.Len() > 0 {
		out = out.With("Expiration", expiration)
	}
	switch {
	case and.Len() > 1 || and.Has("Tags"):
		out = out.With("Filter", params("And", and))
	case and.Len() == 1:
		out = out.With("Filter", and)
	default:
		out = out.With("Filter", params("Prefix", ""))
	}
	if days, ok := r.Get("NoncurrentVersionExpirationInDays"); ok {
		out = out.With("NoncurrentVersionExpiration", params("NoncurrentDays", days))
	}
	transitions := list(r, "Transitions")
	if one := child(r, "Transition"); one != nil {
		transitions = append(transitions, one)
	}
	if len(transitions) > 0 {
		out = out.With("Transitions", mapped(transitions, func(t *jsonvalue.Object) *jsonvalue.Object {
			return renamed(t, "TransitionInDays:Days", "TransitionDate:Date")
		}))
	}
	return out
}

func notificationOf(o *jsonvalue.Object) *jsonvalue.Object {
	listeners := func(property, arn, member string) []any {
		return mapped(list(o, property), func(c *jsonvalue.Object) *jsonvalue.Object {
			event, _ := c.Get("Event")
			out := pick(c, arn+":"+member).With("Events", []any{event})
			if key := child(child(c, "Filter"), "S3Key"); key != nil {
				out = out.With("Filter", params("Key", params("FilterRules", list(key, "Rules"))))
			}
			return out
		})
	}
	out := params("QueueConfigurations", listeners("QueueConfigurations", "Queue", "QueueArn"), "TopicConfigurations", listeners("TopicConfigurations", "Topic", "TopicArn"),
		"LambdaFunctionConfigurations", listeners("LambdaConfigurations", "Function", "LambdaFunctionArn"))
	if bus := child(o, "EventBridgeConfiguration"); bus != nil && textOf(bus, "EventBridgeEnabled") != "false" {
		out = out.With("EventBridgeConfiguration", params())
	}
	return out
}

// AWS::S3::BucketPolicy
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-s3-bucketpolicy.html
var bucketPolicyProvider = provider{
	create: func(ctx context.Context, r *request) (string, error) {
		return r.text("Bucket"), r.putBucketPolicy(ctx)
	},
	update: func(ctx context.Context, r *request) error { return r.putBucketPolicy(ctx) },
	remove: func(ctx context.Context, r *request) error {
		return r.doUnless(ctx, "s3", "DeleteBucketPolicy", pick(r.Properties, "Bucket"), "NoSuchBucket")
	},
}

func (r *request) putBucketPolicy(ctx context.Context) error {
	return r.do(ctx, "s3", "PutBucketPolicy", pick(r.Properties, "Bucket").With("Policy", policyText(r.Properties)))
}
