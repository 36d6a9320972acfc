package s3

// This file defines the settings of buckets that are checked, stored and returned:
// versioning, policy, encryption, CORS, public access and ownership. Lifecycle and
// notifications, which also do something, have files of their own.

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"slices"
	"strings"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// setting returns a bucket's setting, nil if it has none.
func setting[T any](b *bucket, name string) *T {
	text, ok := b.Settings[name]
	if !ok {
		return nil
	}
	v := new(T)
	if json.Unmarshal(text, v) != nil {
		return nil
	}
	return v
}

// keep sets a bucket's setting.
func keep(b *bucket, name string, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // settings are structs of strings, numbers and times
	}
	if b.Settings == nil {
		b.Settings = map[string]json.RawMessage{}
	}
	b.Settings[name] = text
}

func (s *Service) putSetting(bucketName, name string, v any) (*nothing, error) {
	return s.changeBucket(bucketName, func(b *bucket) error {
		keep(b, name, v)
		return nil
	})
}

func (s *Service) deleteSetting(bucketName, name string) (*nothing, error) {
	return s.changeBucket(bucketName, func(b *bucket) error {
		delete(b.Settings, name)
		return nil
	})
}

// getSetting returns a setting, or the error of its absence.
func getSetting[T any](s *Service, bucketName, name, missing string) (*T, error) {
	b, err := s.bucket(bucketName)
	if err != nil {
		return nil, err
	}
	if v := setting[T](b, name); v != nil {
		return v, nil
	}
	return nil, newError(missing, "BucketName", bucketName)
}

type versioning struct {
	Status    string `json:"Status,omitempty" xml:"Status,omitempty"`
	MFADelete string `json:"MFADelete,omitempty" xml:"MfaDelete,omitempty"`
}

type putVersioningInput struct {
	atBucket
	VersioningConfiguration *versioning `json:"VersioningConfiguration" http:"payload=VersioningConfiguration"`
}

type versioningOutput struct {
	XMLName xml.Name `json:"-" xml:"http://s3.amazonaws.com/doc/2006-03-01/ VersioningConfiguration"`
	versioning
}

func (s *Service) putBucketVersioning(_ context.Context, in *putVersioningInput) (*nothing, error) {
	c := in.VersioningConfiguration
	switch {
	case c == nil || c.Status == "" && c.MFADelete == "":
		return nil, newError("IllegalVersioningConfigurationException")
	case c.MFADelete == "Enabled":
		return nil, errNotOffered("MFA delete")
	case c.Status != "Enabled" && c.Status != "Suspended":
		return nil, errXML()
	}
	return s.changeBucket(in.Bucket, func(b *bucket) error {
		b.Versioning = c.Status
		return nil
	})
}

func (s *Service) getBucketVersioning(_ context.Context, in *bucketInput) (*versioningOutput, error) {
	b, err := s.bucket(in.Bucket)
	if err != nil {
		return nil, err
	}
	return &versioningOutput{versioning: versioning{Status: b.Versioning}}, nil
}

type putPolicyInput struct {
	atBucket
	Policy string `json:"Policy" http:"raw"`
}

// maxPolicy is the size of the longest policy, in bytes.
const maxPolicy = 20 << 10

func (s *Service) putBucketPolicy(_ context.Context, in *putPolicyInput) (*noContent, error) {
	if err := checkPolicy(in.Bucket, in.Policy); err != nil {
		return nil, err
	}
	_, err := s.changeBucket(in.Bucket, func(b *bucket) error {
		b.Policy = in.Policy
		return nil
	})
	return &noContent{Status: 204}, err
}

// checkPolicy checks what every bucket policy needs; the authorizer reads the rest.
func checkPolicy(bucketName, text string) error {
	if len(text) > maxPolicy {
		return saying(newError("MalformedPolicy"), "Policies must be no larger than %d bytes", maxPolicy)
	}
	v, err := jsonvalue.Parse([]byte(text))
	doc, ok := v.(*jsonvalue.Object)
	if err != nil || !ok {
		return newError("MalformedPolicy")
	}
	statements, _ := doc.Get("Statement")
	list, ok := statements.([]any)
	if one, isOne := statements.(*jsonvalue.Object); isOne {
		list, ok = []any{one}, true
	}
	if !ok || len(list) == 0 {
		return saying(newError("MalformedPolicy"), "Missing required field Statement")
	}
	for _, x := range list {
		st, ok := x.(*jsonvalue.Object)
		if !ok {
			return saying(newError("MalformedPolicy"), "Policy has invalid statement")
		}
		for _, field := range [][]string{{"Effect"}, {"Principal", "NotPrincipal"}, {"Action", "NotAction"}, {"Resource", "NotResource"}} {
			if !slices.ContainsFunc(field, st.Has) {
				return saying(newError("MalformedPolicy"), "Missing required field %s", field[0])
			}
		}
		if !ownResources(st, bucketName) {
			return saying(newError("MalformedPolicy"), "Policy has invalid resource")
		}
	}
	return nil
}

// ownResources tells whether a statement speaks of this bucket alone.
func ownResources(statement *jsonvalue.Object, bucketName string) bool {
	v, _ := statement.Get("Resource")
	resources, ok := v.([]any)
	if !ok {
		resources = []any{v}
	}
	for _, r := range resources {
		text, isText := r.(string)
		name, _, _ := strings.Cut(strings.TrimPrefix(text, arnPrefix), "/")
		if isText && name != bucketName && !strings.ContainsAny(name, "*?") {
			return false
		}
	}
	return true
}

type policyOutput struct {
	ContentType string `json:"-" http:"header=Content-Type"`
	Policy      string `json:"Policy" http:"raw"`
}

func (s *Service) getBucketPolicy(_ context.Context, in *bucketInput) (*policyOutput, error) {
	b, err := s.bucket(in.Bucket)
	if err != nil {
		return nil, err
	}
	if b.Policy == "" {
		return nil, newError("NoSuchBucketPolicy", "BucketName", b.Name)
	}
	return &policyOutput{ContentType: "application/json", Policy: b.Policy}, nil
}

func (s *Service) deleteBucketPolicy(_ context.Context, in *bucketInput) (*nothing, error) {
	return s.changeBucket(in.Bucket, func(b *bucket) error {
		b.Policy = ""
		return nil
	})
}

type policyStatusOutput struct {
	PolicyStatus *policyStatus `json:"PolicyStatus" http:"payload=PolicyStatus"`
}

type policyStatus struct {
	IsPublic bool `json:"IsPublic" xml:"IsPublic"`
}

func (s *Service) getBucketPolicyStatus(ctx context.Context, in *bucketInput) (*policyStatusOutput, error) {
	p, err := s.getBucketPolicy(ctx, in)
	if err != nil {
		return nil, err
	}
	compact := strings.Join(strings.Fields(p.Policy), "")
	public := strings.Contains(compact, `"Principal":"*"`) || strings.Contains(compact, `"Principal":{"AWS":"*"}`)
	return &policyStatusOutput{&policyStatus{IsPublic: public && !strings.Contains(compact, `"Condition"`)}}, nil
}

type encryption struct {
	Rules []encryptionRule `json:"Rules" xml:"Rule"`
}

type encryptionRule struct {
	ApplyServerSideEncryptionByDefault *encryptionDefault `json:"ApplyServerSideEncryptionByDefault,omitempty" xml:"ApplyServerSideEncryptionByDefault"`
	BucketKeyEnabled                   bool               `json:"BucketKeyEnabled" xml:"BucketKeyEnabled"`
}

type encryptionDefault struct {
	SSEAlgorithm   string `json:"SSEAlgorithm" xml:"SSEAlgorithm"`
	KMSMasterKeyID string `json:"KMSMasterKeyID,omitempty" xml:"KMSMasterKeyID,omitempty"`
}

type putEncryptionInput struct {
	atBucket
	ServerSideEncryptionConfiguration *encryption `json:"ServerSideEncryptionConfiguration" http:"payload=ServerSideEncryptionConfiguration"`
}

type encryptionOutput struct {
	ServerSideEncryptionConfiguration *encryption `json:"ServerSideEncryptionConfiguration" http:"payload=ServerSideEncryptionConfiguration"`
}

func (s *Service) putBucketEncryption(_ context.Context, in *putEncryptionInput) (*nothing, error) {
	c := in.ServerSideEncryptionConfiguration
	if c == nil || len(c.Rules) != 1 || c.Rules[0].ApplyServerSideEncryptionByDefault == nil {
		return nil, errXML()
	}
	switch d := c.Rules[0].ApplyServerSideEncryptionByDefault; {
	case !slices.Contains([]string{"AES256", "aws:kms", "aws:kms:dsse"}, d.SSEAlgorithm):
		return nil, errXML()
	case d.SSEAlgorithm == "AES256" && d.KMSMasterKeyID != "":
		return nil, saying(newError("InvalidArgument", "ArgumentName", "ApplyServerSideEncryptionByDefault"), "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse")
	}
	return s.putSetting(in.Bucket, "encryption", c)
}

// getBucketEncryption answers AES256 for a bucket without a setting: AWS encrypts
// every bucket.
func (s *Service) getBucketEncryption(_ context.Context, in *bucketInput) (*encryptionOutput, error) {
	b, err := s.bucket(in.Bucket)
	if err != nil {
		return nil, err
	}
	c := setting[encryption](b, "encryption")
	if c == nil {
		c = &encryption{Rules: []encryptionRule{{ApplyServerSideEncryptionByDefault: &encryptionDefault{SSEAlgorithm: "AES256"}}}}
	}
	return &encryptionOutput{c}, nil
}

func (s *Service) deleteBucketEncryption(_ context.Context, in *bucketInput) (*nothing, error) {
	return s.deleteSetting(in.Bucket, "encryption")
}

type cors struct {
	CORSRules []corsRule `json:"CORSRules" xml:"CORSRule"`
}

type corsRule struct {
	ID             string   `json:"ID,omitempty" xml:"ID,omitempty"`
	AllowedHeaders []string `json:"AllowedHeaders,omitempty" xml:"AllowedHeader"`
	AllowedMethods []string `json:"AllowedMethods" xml:"AllowedMethod"`
	AllowedOrigins []string `json:"AllowedOrigins" xml:"AllowedOrigin"`
	ExposeHeaders  []string `json:"ExposeHeaders,omitempty" xml:"ExposeHeader"`
	MaxAgeSeconds  *int     `json:"MaxAgeSeconds,omitempty" xml:"MaxAgeSeconds"`
}

type putCORSInput struct {
	atBucket
	CORSConfiguration *cors `json:"CORSConfiguration" http:"payload=CORSConfiguration"`
}

type corsOutput struct {
	XMLName xml.Name `json:"-" xml:"http://s3.amazonaws.com/doc/2006-03-01/ CORSConfiguration"`
	cors
}

func (s *Service) putBucketCORS(_ context.Context, in *putCORSInput) (*nothing, error) {
	c := in.CORSConfiguration
	if c == nil || len(c.CORSRules) == 0 || len(c.CORSRules) > 100 {
		return nil, errXML()
	}
	for _, r := range c.CORSRules {
		if len(r.AllowedMethods) == 0 || len(r.AllowedOrigins) == 0 {
			return nil, errXML()
		}
		for _, m := range r.AllowedMethods {
			if !slices.Contains([]string{"GET", "PUT", "POST", "DELETE", "HEAD"}, m) {
				return nil, errRequest("Found unsupported HTTP method in CORS config. Unsupported method is %s", m)
			}
		}
	}
	return s.putSetting(in.Bucket, "cors", c)
}

func (s *Service) getBucketCORS(_ context.Context, in *bucketInput) (*corsOutput, error) {
	c, err := getSetting[cors](s, in.Bucket, "cors", "NoSuchCORSConfiguration")
	if err != nil {
		return nil, err
	}
	return &corsOutput{cors: *c}, nil
}

func (s *Service) deleteBucketCORS(_ context.Context, in *bucketInput) (*nothing, error) {
	return s.deleteSetting(in.Bucket, "cors")
}

type publicAccess struct {
	BlockPublicAcls       bool `json:"BlockPublicAcls" xml:"BlockPublicAcls"`
	IgnorePublicAcls      bool `json:"IgnorePublicAcls" xml:"IgnorePublicAcls"`
	BlockPublicPolicy     bool `json:"BlockPublicPolicy" xml:"BlockPublicPolicy"`
	RestrictPublicBuckets bool `json:"RestrictPublicBuckets" xml:"RestrictPublicBuckets"`
}

type putPublicAccessInput struct {
	atBucket
	PublicAccessBlockConfiguration *publicAccess `json:"PublicAccessBlockConfiguration" http:"payload=PublicAccessBlockConfiguration"`
}

type publicAccessOutput struct {
	PublicAccessBlockConfiguration *publicAccess `json:"PublicAccessBlockConfiguration" http:"payload=PublicAccessBlockConfiguration"`
}

// publicAccessOff is what stands for a deleted configuration: a new bucket blocks
// all public access until somebody says otherwise.
const publicAccessOff = "publicAccessBlock.deleted"

func (s *Service) putPublicAccessBlock(_ context.Context, in *putPublicAccessInput) (*nothing, error) {
	if in.PublicAccessBlockConfiguration == nil {
		return nil, errXML()
	}
	return s.putSetting(in.Bucket, "publicAccessBlock", in.PublicAccessBlockConfiguration)
}

func (s *Service) getPublicAccessBlock(_ context.Context, in *bucketInput) (*publicAccessOutput, error) {
	b, err := s.bucket(in.Bucket)
	if err != nil {
		return nil, err
	}
	c := setting[publicAccess](b, "publicAccessBlock")
	if c == nil {
		if setting[bool](b, publicAccessOff) != nil {
			return nil, newError("NoSuchPublicAccessBlockConfiguration", "BucketName", b.Name)
		}
		c = &publicAccess{true, true, true, true}
	}
	return &publicAccessOutput{c}, nil
}

func (s *Service) deletePublicAccessBlock(_ context.Context, in *bucketInput) (*nothing, error) {
	return s.changeBucket(in.Bucket, func(b *bucket) error {
		delete(b.Settings, "publicAccessBlock")
		keep(b, publicAccessOff, true)
		return nil
	})
}

type ownershipControls struct {
	Rules []ownershipRule `json:"Rules" xml:"Rule"`
}

type ownershipRule struct {
	ObjectOwnership string `json:"ObjectOwnership" xml:"ObjectOwnership"`
}

type putOwnershipInput struct {
	atBucket
	OwnershipControls *ownershipControls `json:"OwnershipControls" http:"payload=OwnershipControls"`
}

type ownershipOutput struct {
	OwnershipControls *ownershipControls `json:"OwnershipControls" http:"payload=OwnershipControls"`
}

func (s *Service) putOwnershipControls(_ context.Context, in *putOwnershipInput) (*nothing, error) {
	c := in.OwnershipControls
	if c == nil || len(c.Rules) != 1 || !slices.Contains([]string{"BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"}, c.Rules[0].ObjectOwnership) {
		return nil, errXML()
	}
	return s.putSetting(in.Bucket, "ownershipControls", c)
}

func (s *Service) getOwnershipControls(_ context.Context, in *bucketInput) (*ownershipOutput, error) {
	b, err := s.bucket(in.Bucket)
	if err != nil {
		return nil, err
	}
	c := setting[ownershipControls](b, "ownershipControls")
	if c == nil {
		c = &ownershipControls{Rules: []ownershipRule{{ObjectOwnership: "BucketOwnerEnforced"}}}
	}
	if len(c.Rules) == 0 {
		return nil, newError("OwnershipControlsNotFoundError", "BucketName", b.Name)
	}
	return &ownershipOutput{c}, nil
}

func (s *Service) deleteOwnershipControls(_ context.Context, in *bucketInput) (*nothing, error) {
	return s.putSetting(in.Bucket, "ownershipControls", &ownershipControls{})
}
