package s3

// This file defines buckets: creating, deleting, finding and listing them.

import (
	"context"
	"encoding/xml"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/stepworks/stepworks/local/internal/store"
)

// bucketInput names a bucket and nothing else.
type bucketInput struct{ atBucket }

type nothing struct{}

type createBucketInput struct {
	atBucket
	CreateBucketConfiguration  *createBucketConfiguration `json:"CreateBucketConfiguration,omitempty" http:"payload=CreateBucketConfiguration,optional"`
	ACL                        string                     `json:"ACL,omitempty" http:"header=X-Amz-Acl"`
	ObjectLockEnabledForBucket bool                       `json:"ObjectLockEnabledForBucket,omitempty" http:"header=X-Amz-Bucket-Object-Lock-Enabled"`
	ObjectOwnership            string                     `json:"ObjectOwnership,omitempty" http:"header=X-Amz-Object-Ownership"`
}

type createBucketConfiguration struct {
	LocationConstraint string `json:"LocationConstraint,omitempty" xml:"LocationConstraint"`
	Tags               []tag  `json:"Tags,omitempty" xml:"Tags>Tag"`
}

type createBucketOutput struct {
	Location  string `json:"Location" http:"header=Location"`
	BucketArn string `json:"BucketArn" http:"header=X-Amz-Bucket-Arn"`
}

// bucketName is the form of names; further rules are in checkBucketName.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

func checkBucketName(name string) error {
	bad := !bucketName.MatchString(name) || strings.Contains(name, "..") || strings.Contains(name, ".-") || strings.Contains(name, "-.")
	for _, prefix := range []string{"xn--", "sthree-", "amzn-s3-demo-"} {
		bad = bad || strings.HasPrefix(name, prefix)
	}
	for _, suffix := range []string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"} {
		bad = bad || strings.HasSuffix(name, suffix)
	}
	if _, err := netip.ParseAddr(name); err == nil || bad {
		return newError("InvalidBucketName", "BucketName", name)
	}
	return nil
}

// regions are those of AWS; "EU" is the old name of eu-west-1.
// https://docs.aws.amazon.com/general/latest/gr/s3.html
var regions = strings.Fields(`us-east-1 us-east-2 us-west-1 us-west-2 af-south-1 ap-east-1 ap-east-2 ap-south-1 ap-south-2 ap-southeast-1 ap-southeast-2
	ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6 ap-southeast-7 ap-northeast-1 ap-northeast-2 ap-northeast-3 ca-central-1 ca-west-1 eu-central-1
	eu-central-2 eu-west-1 eu-west-2 eu-west-3 eu-south-1 eu-south-2 eu-north-1 il-central-1 mx-central-1 me-south-1 me-central-1 sa-east-1
	us-gov-east-1 us-gov-west-1 cn-north-1 cn-northwest-1`)

func (s *Service) createBucket(_ context.Context, in *createBucketInput) (*createBucketOutput, error) {
	if err := checkBucketName(in.Bucket); err != nil {
		return nil, err
	}
	if err := checkCannedACL(in.ACL); err != nil {
		return nil, err
	}
	if in.ObjectLockEnabledForBucket {
		return nil, errNotOffered("object lock")
	}
	b := &bucket{Name: in.Bucket, Created: s.Clock.Now()}
	if c := in.CreateBucketConfiguration; c != nil {
		if err := s.checkLocation(c.LocationConstraint); err != nil {
			return nil, err
		}
		if err := checkTags(c.Tags, maxBucketTags, "System tags cannot be added/updated by requester"); err != nil {
			return nil, err
		}
		b.Region, b.Tags = c.LocationConstraint, c.Tags
	}
	if in.ObjectOwnership != "" {
		keep(b, "ownershipControls", &ownershipControls{Rules: []ownershipRule{{ObjectOwnership: in.ObjectOwnership}}})
	}
	err := s.Store.Update(func(tx *store.Tx) error {
		if old, exists := loadBucket(tx, b.Name); exists {
			// us-east-1 answers the owner's second request with success.
			if s.Region == "us-east-1" && old.Region == "" && b.Region == "" && len(b.Tags) == 0 {
				return nil
			}
			return newError("BucketAlreadyOwnedByYou", "BucketName", b.Name)
		}
		b.save(tx)
		return nil
	})
	out := &createBucketOutput{Location: "/" + b.Name, BucketArn: arnOf(b.Name, "")}
	if b.Region != "" {
		out.Location = "http://" + b.Name + ".s3.amazonaws.com/"
	}
	return out, err
}

func (s *Service) checkLocation(location string) error {
	switch {
	case location == "":
		return nil
	case s.Region != "us-east-1" && location != s.Region:
		e := newError("IllegalLocationConstraintException")
		return saying(e, e.Message, location)
	case location == "us-east-1", location != "EU" && !slices.Contains(regions, location):
		return newError("InvalidLocationConstraint", "LocationConstraint", location)
	}
	return nil
}

func (s *Service) deleteBucket(_ context.Context, in *bucketInput) (*nothing, error) {
	var gone []segment
	err := s.Store.Update(func(tx *store.Tx) error {
		if _, err := mustBucket(tx, in.Bucket); err != nil {
			return err
		}
		from, to := store.Prefix(in.Bucket)
		for range tx.Scan(bucketObject, from, to) {
			return newError("BucketNotEmpty", "BucketName", in.Bucket)
		}
		for _, u := range uploadsOf(tx, in.Bucket) {
			gone = append(gone, dropUpload(tx, u)...)
		}
		tx.Delete(bucketBucket, in.Bucket)
		return nil
	})
	if err == nil {
		s.files.remove(gone)
	}
	return &nothing{}, err
}

type headBucketOutput struct {
	BucketRegion     string `json:"BucketRegion" http:"header=X-Amz-Bucket-Region"`
	BucketArn        string `json:"BucketArn" http:"header=X-Amz-Bucket-Arn"`
	AccessPointAlias string `json:"-" http:"header=X-Amz-Access-Point-Alias"`
}

func (s *Service) headBucket(_ context.Context, in *bucketInput) (*headBucketOutput, error) {
	b, err := s.bucket(in.Bucket)
	if err != nil {
		return nil, err
	}
	return &headBucketOutput{BucketRegion: b.region(), BucketArn: arnOf(b.Name, ""), AccessPointAlias: "false"}, nil
}

func (b *bucket) region() string {
	switch b.Region {
	case "":
		return "us-east-1"
	case "EU":
		return "eu-west-1"
	}
	return b.Region
}

// bucket reads a bucket.
func (s *Service) bucket(name string) (b *bucket, err error) {
	err = s.Store.View(func(r store.Reader) error {
		b, err = mustBucket(r, name)
		return err
	})
	return b, err
}

type locationOutput struct {
	XMLName            xml.Name `json:"-" xml:"http://s3.amazonaws.com/doc/2006-03-01/ LocationConstraint"`
	LocationConstraint string   `json:"LocationConstraint,omitempty" xml:",chardata"`
}

func (s *Service) getBucketLocation(_ context.Context, in *bucketInput) (*locationOutput, error) {
	b, err := s.bucket(in.Bucket)
	if err != nil {
		return nil, err
	}
	return &locationOutput{LocationConstraint: b.Region}, nil
}

type listBucketsInput struct {
	Prefix            string `json:"Prefix,omitempty" http:"query=prefix"`
	MaxBuckets        *int   `json:"MaxBuckets,omitempty" http:"query=max-buckets"`
	ContinuationToken string `json:"ContinuationToken,omitempty" http:"query=continuation-token"`
	BucketRegion      string `json:"BucketRegion,omitempty" http:"query=bucket-region"`
}

type listBucketsOutput struct {
	XMLName           xml.Name      `json:"-" xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListAllMyBucketsResult"`
	Owner             *owner        `json:"Owner" xml:"Owner"`
	Buckets           []bucketEntry `json:"Buckets" xml:"Buckets>Bucket"`
	Prefix            string        `json:"Prefix,omitempty" xml:"Prefix,omitempty"`
	ContinuationToken string        `json:"ContinuationToken,omitempty" xml:"ContinuationToken,omitempty"`
}

type bucketEntry struct {
	Name         string `json:"Name"`
	CreationDate moment `json:"CreationDate"`
	BucketRegion string `json:"BucketRegion,omitempty" xml:",omitempty"`
	BucketArn    string `json:"BucketArn,omitempty" xml:",omitempty"`
}

// maxBuckets is the page of ListBuckets, and the most a caller may ask for.
const maxBuckets = 10000

func (s *Service) listBuckets(_ context.Context, in *listBucketsInput) (*listBucketsOutput, error) {
	limit := maxBuckets
	if in.MaxBuckets != nil {
		limit = *in.MaxBuckets
	}
	if limit < 1 || limit > maxBuckets {
		return nil, errArgument("max-buckets", "", "Argument max-buckets must be an integer between 1 and 10000.")
	}
	if in.BucketRegion != "" && !slices.Contains(regions, in.BucketRegion) {
		return nil, saying(newError("InvalidArgument", "ArgumentName", "bucket-region"), "Argument value %s is not a valid AWS Region", in.BucketRegion)
	}
	after, err := decodeToken(in.ContinuationToken)
	if err != nil {
		return nil, err
	}
	out := &listBucketsOutput{Owner: s.owner(), Prefix: in.Prefix, Buckets: []bucketEntry{}}
	return out, s.Store.View(func(r store.Reader) error {
		for name := range r.Scan(bucketBucket, max(in.Prefix, after), "") {
			if !strings.HasPrefix(name, in.Prefix) {
				break
			}
			b, _ := loadBucket(r, name)
			if name == after || in.BucketRegion != "" && b.region() != in.BucketRegion {
				continue
			}
			if len(out.Buckets) == limit {
				out.ContinuationToken = encodeToken(out.Buckets[limit-1].Name)
				break
			}
			out.Buckets = append(out.Buckets, bucketEntry{Name: name, CreationDate: moment{b.Created}, BucketRegion: b.region(), BucketArn: arnOf(name, "")})
		}
		return nil
	})
}
