package s3

// This file defines the end of a multipart upload: its parts are checked and
// become an object, without being copied.

import (
	"context"
	"crypto/md5" //nolint:gosec // AWS's ETag
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"strings"

	"github.com/stepworks/stepworks/local/internal/store"
)

type completeUploadInput struct {
	uploadInput
	conditions
	typedChecksums
	MpuObjectSize   *int64        `json:"MpuObjectSize,omitempty" http:"header=X-Amz-Mp-Object-Size"`
	MultipartUpload *completeList `json:"MultipartUpload" http:"payload=CompleteMultipartUpload,optional"`
}

type completeList struct {
	Parts []completePart `json:"Parts" xml:"Part"`
}

type completePart struct {
	PartNumber int    `json:"PartNumber" xml:"PartNumber"`
	ETag       string `json:"ETag" xml:"ETag"`
	checksums
}

type completeUploadOutput struct {
	XMLName xml.Name `json:"-" xml:"http://s3.amazonaws.com/doc/2006-03-01/ CompleteMultipartUploadResult"`
	encrypted
	typedChecksums
	Location   string `json:"Location" xml:"Location"`
	Bucket     string `json:"Bucket" xml:"Bucket"`
	Key        string `json:"Key" xml:"Key"`
	ETag       string `json:"ETag" xml:"ETag"`
	VersionID  string `json:"VersionId,omitempty" xml:"-" http:"header=X-Amz-Version-Id"`
	Expiration string `json:"Expiration,omitempty" xml:"-" http:"header=X-Amz-Expiration"`
}

func (s *Service) completeMultipartUpload(ctx context.Context, in *completeUploadInput) (*completeUploadOutput, error) {
	if _, err := s.upload(&in.uploadInput); err != nil {
		return nil, err
	}
	if in.MultipartUpload == nil || len(in.MultipartUpload.Parts) == 0 {
		return nil, errRequest("You must specify at least one part")
	}
	var b *bucket
	var o *object
	var gone []segment
	err := s.Store.Update(func(tx *store.Tx) error {
		u, err := mustUpload(tx, &in.uploadInput)
		if err != nil {
			return err
		}
		if o, gone, err = in.assemble(tx, u); err != nil {
			return err
		}
		if b, err = mustBucket(tx, in.Bucket); err != nil {
			return err
		}
		if err := in.conditions.check(b, current(tx, o.Bucket, o.Key), o.Key); err != nil {
			return err
		}
		if err := in.conflict(u); err != nil {
			return err
		}
		dropUpload(tx, u)
		gone = append(gone, s.insert(tx, b, o)...)
		s.events.created(ctx, tx, b, o, "CompleteMultipartUpload")
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.files.remove(gone)
	s.events.wake()
	s.expiry.note(b, o)
	return &completeUploadOutput{encrypted: o.encrypted(), typedChecksums: o.Checksum.shown(), Location: "http://" + o.Bucket + ".s3.amazonaws.com/" + o.Key,
		Bucket: o.Bucket, Key: o.Key, ETag: o.ETag, VersionID: b.newVersion(o), Expiration: b.expiration(o)}, nil
}

// conflict refuses a condition that holds, but of an object that changed since the
// upload began.
func (in *completeUploadInput) conflict(u *pending) error {
	for name, value := range map[string]string{"If-Match": in.IfMatch, "If-None-Match": in.IfNoneMatch} {
		if value != "" && u.Changed {
			return newError("ConditionalRequestConflict", "Condition", name, "Key", u.Key)
		}
	}
	return nil
}

// assemble checks the list against the parts and makes the object of them; spare
// are the bodies of parts that the list leaves out.
func (in *completeUploadInput) assemble(r store.Reader, u *pending) (o *object, spare []segment, err error) {
	if err := in.checkMode(u); err != nil {
		return nil, nil, err
	}
	have := map[int]*part{}
	for _, p := range partsOf(r, u.ID) {
		have[p.Number] = p
	}
	o = &object{Bucket: u.Bucket, Key: u.Key, Tags: u.Tags, attributes: u.attributes}
	digest := md5.New()
	var chosen []*part
	list := in.MultipartUpload.Parts
	for i, want := range list {
		if i > 0 && want.PartNumber <= list[i-1].PartNumber {
			return nil, nil, newError("InvalidPartOrder", "UploadId", u.ID)
		}
		p := have[want.PartNumber]
		if err := want.check(p, u, i == len(list)-1); err != nil {
			return nil, nil, err
		}
		sum, _ := hex.DecodeString(strings.Trim(p.ETag, `"`))
		digest.Write(sum)
		o.Body = append(o.Body, p.Body...)
		o.Size += p.Size
		o.Parts = append(o.Parts, partInfo{Number: p.Number, Size: p.Size, Checksum: p.Sums[u.Algorithm]})
		chosen = append(chosen, p)
		delete(have, want.PartNumber)
	}
	for _, p := range have {
		spare = append(spare, p.Body...)
	}
	if in.MpuObjectSize != nil && *in.MpuObjectSize != o.Size {
		return nil, nil, errRequest("The provided 'x-amz-mp-object-size' header value %d does not match what was computed: %d", *in.MpuObjectSize, o.Size)
	}
	o.ETag = fmt.Sprintf(`"%x-%d"`, digest.Sum(nil), len(list))
	o.Checksum, err = in.sum(u, chosen)
	return o, spare, err
}

func (in *completeUploadInput) checkMode(u *pending) error {
	if in.ChecksumType == "" || in.ChecksumType == u.ChecksumType {
		return nil
	}
	mode := u.ChecksumType
	if mode == "" {
		mode = "null"
	}
	return errRequest("The upload was created using the %s checksum mode. The complete request must use the same checksum mode.", mode)
}

// check compares a line of the list with the part it names, which is nil if there
// is none.
func (want *completePart) check(p *part, u *pending, last bool) error {
	if p == nil || !sameETag(want.ETag, p.ETag) {
		return newError("InvalidPart", "UploadId", u.ID, "PartNumber", want.PartNumber, "ETag", strings.Trim(want.ETag, `"`))
	}
	if p.Size < minPart && !last {
		return newError("EntityTooSmall", "ETag", strings.Trim(p.ETag, `"`), "MinSizeAllowed", minPart, "PartNumber", p.Number, "ProposedSize", p.Size)
	}
	algorithm, value, err := want.stated()
	switch {
	case err != nil:
		return err
	case algorithm == "" && u.ChecksumType == "COMPOSITE":
		return errRequest("The upload was created using a %s checksum. The complete request must include the checksum for each part. It was missing for part %d in the request.", strings.ToLower(u.Algorithm), p.Number)
	case algorithm != "" && value != p.Sums[algorithm] && u.Algorithm != "":
		return saying(newError("BadDigest"), "The %s you specified for part %d did not match what we received.", strings.ToLower(algorithm), p.Number)
	case algorithm != "" && value != p.Sums[algorithm]:
		return newError("InvalidPart", "UploadId", u.ID, "PartNumber", want.PartNumber, "ETag", strings.Trim(want.ETag, `"`))
	}
	return nil
}

// sum is the checksum of the object, compared with the one that is stated.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
func (in *completeUploadInput) sum(u *pending, parts []*part) (checksum, error) {
	c := checksum{Algorithm: u.Algorithm, Type: u.ChecksumType}
	if c.Algorithm == "" {
		c.Algorithm, c.Type = defaultAlgorithm, "FULL_OBJECT"
	}
	sums, sizes := make([]string, len(parts)), make([]int64, len(parts))
	for i, p := range parts {
		sums[i], sizes[i] = p.Sums[c.Algorithm], p.Size
	}
	var err error
	if c.Type == "COMPOSITE" {
		c.Value, err = composite(c.Algorithm, sums)
	} else {
		c.Value, err = whole(c.Algorithm, sums, sizes)
	}
	if err != nil {
		return c, err
	}
	algorithm, stated, err := in.stated()
	if err != nil {
		return c, err
	}
	if algorithm == c.Algorithm && strings.Split(stated, "-")[0] != strings.Split(c.Value, "-")[0] {
		return c, saying(newError("BadDigest"), "The %s you specified did not match the calculated checksum.", strings.ToLower(algorithm))
	}
	return c, nil
}
