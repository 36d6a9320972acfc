package s3

// This file defines multipart uploads up to their parts; complete.go finishes
// them. https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/store"
)

// maxParts is the highest part number.
const maxParts = 10000

// pending is what the store keeps of an upload under way.
type pending struct {
	Bucket, Key, ID string
	Initiated       time.Time
	Algorithm       string // of the checksums, "" if the creator named none
	ChecksumType    string
	Tags            []tag `json:",omitempty"`
	Changed         bool  `json:",omitempty"` // the key's object, since the upload began
	attributes
}

// touch tells the uploads of a key that its object changed: their conditions can no
// longer hold. https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
func touch(tx *store.Tx, bucketName, key string) {
	from, to := store.Prefix(bucketName, key)
	for k, text := range tx.Scan(bucketUpload, from, to) {
		u := new(pending)
		if json.Unmarshal(text, u) == nil && !u.Changed {
			u.Changed = true
			save(tx, bucketUpload, k, u)
		}
	}
}

func (u *pending) storeKey() string { return store.Key(u.Bucket, u.Key, u.ID) }

// part is what the store keeps of a part.
type part struct {
	Number   int
	Size     int64
	ETag     string
	Modified time.Time
	Body     []segment
	Sums     map[string]string // by algorithm; always one of defaultAlgorithm
	Stated   string            // the algorithm that the uploader used
}

func partKey(uploadID string, number int) string {
	return store.Key(uploadID) + store.Uint64(uint64(number))
}

// checksum is the one that answers show: none that the uploader did not ask for.
func (p *part) checksum(u *pending) (c checksums) {
	for _, a := range []string{u.Algorithm, p.Stated} {
		if sum := p.Sums[a]; a != "" && sum != "" {
			*c.field(a) = sum
			return c
		}
	}
	return c
}

type createUploadInput struct {
	atObject
	describing
	ChecksumAlgorithm string `json:"ChecksumAlgorithm,omitempty" http:"header=X-Amz-Checksum-Algorithm"`
	ChecksumType      string `json:"ChecksumType,omitempty" http:"header=X-Amz-Checksum-Type"`
}

type createUploadOutput struct {
	XMLName xml.Name `json:"-" xml:"http://s3.amazonaws.com/doc/2006-03-01/ InitiateMultipartUploadResult"`
	encrypted
	Bucket            string `json:"Bucket" xml:"Bucket"`
	Key               string `json:"Key" xml:"Key"`
	UploadID          string `json:"UploadId" xml:"UploadId"`
	ChecksumAlgorithm string `json:"ChecksumAlgorithm,omitempty" xml:"-" http:"header=X-Amz-Checksum-Algorithm"`
	ChecksumType      string `json:"ChecksumType,omitempty" xml:"-" http:"header=X-Amz-Checksum-Type"`
}

func (s *Service) createMultipartUpload(_ context.Context, in *createUploadInput) (*createUploadOutput, error) {
	in.ChecksumAlgorithm = strings.ToUpper(in.ChecksumAlgorithm)
	if err := in.checkChecksum(); err != nil {
		return nil, err
	}
	o, err := s.describe(&in.atObject, &in.describing)
	if err != nil {
		return nil, err
	}
	u := &pending{Bucket: in.Bucket, Key: in.Key, ID: newVersionID() + newVersionID(), Initiated: s.Clock.Now().UTC(), Algorithm: in.ChecksumAlgorithm,
		ChecksumType: strings.ToUpper(in.ChecksumType), Tags: o.Tags}
	if u.Algorithm != "" && u.ChecksumType == "" {
		u.ChecksumType = "COMPOSITE"
		if u.Algorithm == "CRC64NVME" {
			u.ChecksumType = "FULL_OBJECT"
		}
	}
	err = s.Store.Update(func(tx *store.Tx) error {
		b, err := mustBucket(tx, in.Bucket)
		if err != nil {
			return err
		}
		b.encrypt(o)
		u.attributes = o.attributes
		save(tx, bucketUpload, u.storeKey(), u)
		return nil
	})
	return &createUploadOutput{encrypted: u.encrypted(), Bucket: u.Bucket, Key: u.Key, UploadID: u.ID, ChecksumAlgorithm: u.Algorithm, ChecksumType: u.ChecksumType}, err
}

func (in *createUploadInput) checkChecksum() error {
	if err := checkAlgorithm(in.ChecksumAlgorithm); err != nil {
		return err
	}
	kind := strings.ToUpper(in.ChecksumType)
	switch {
	case kind == "":
		return nil
	case in.ChecksumAlgorithm == "":
		return errRequest("The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.")
	case kind != "COMPOSITE" && kind != "FULL_OBJECT":
		return errRequest("Value for x-amz-checksum-type header is invalid.")
	case kind == "COMPOSITE" && in.ChecksumAlgorithm == "CRC64NVME", kind == "FULL_OBJECT" && !combinable(in.ChecksumAlgorithm):
		return errRequest("The %s checksum type cannot be used with the %s checksum algorithm.", kind, strings.ToLower(in.ChecksumAlgorithm))
	}
	return nil
}

// uploadInput names an upload.
type uploadInput struct {
	atObject
	UploadID string `json:"UploadId" http:"query=uploadId"`
}

// upload reads an upload.
func (s *Service) upload(in *uploadInput) (u *pending, err error) {
	err = s.Store.View(func(r store.Reader) error {
		u, err = mustUpload(r, in)
		return err
	})
	return u, err
}

func mustUpload(r store.Reader, in *uploadInput) (*pending, error) {
	if _, err := mustBucket(r, in.Bucket); err != nil {
		return nil, err
	}
	if u, ok := load[pending](r, bucketUpload, store.Key(in.Bucket, in.Key, in.UploadID)); ok {
		return u, nil
	}
	return nil, errNoUpload(in.UploadID)
}

type uploadPartInput struct {
	uploadInput
	checksums
	PartNumber        int    `json:"PartNumber" http:"query=partNumber"`
	ChecksumAlgorithm string `json:"ChecksumAlgorithm,omitempty" http:"header=X-Amz-Sdk-Checksum-Algorithm"`
	Body              upload `json:"Body" http:"stream"`
}

type uploadPartOutput struct {
	encrypted
	checksums
	ETag string `json:"ETag" http:"header=ETag"`
}

func (s *Service) uploadPart(_ context.Context, in *uploadPartInput) (*uploadPartOutput, error) {
	if in.Body.incoming == nil {
		in.Body.incoming = &incoming{reader: strings.NewReader("")}
	}
	if in.PartNumber < 1 || in.PartNumber > maxParts {
		return nil, errArgument("partNumber", strconv.Itoa(in.PartNumber), "Part number must be an integer between 1 and 10000, inclusive")
	}
	u, err := s.upload(&in.uploadInput)
	if err != nil {
		return nil, err
	}
	if err := in.Body.expect(&in.checksums, in.ChecksumAlgorithm); err != nil {
		return nil, err
	}
	stated := in.Body.algorithm
	if u.Algorithm != "" && stated != u.Algorithm && (stated != "" || u.ChecksumType == "COMPOSITE") {
		if stated == "" {
			stated = "null"
		}
		return nil, errRequest("Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s", strings.ToLower(u.Algorithm), strings.ToLower(stated))
	}
	p, err := s.storePart(u, in.PartNumber, in.Body.incoming)
	if err != nil {
		return nil, err
	}
	return &uploadPartOutput{encrypted: u.encrypted(), checksums: p.checksum(u), ETag: p.ETag}, nil
}

// storePart receives a part; the one that had its number before is gone.
func (s *Service) storePart(u *pending, number int, in *incoming) (*part, error) {
	got, err := s.receive(in, u.Algorithm, defaultAlgorithm)
	if err != nil {
		return nil, err
	}
	p := &part{Number: number, Size: got.size, ETag: got.etag(), Body: got.body, Sums: got.sums, Stated: in.algorithm}
	var gone []segment
	err = s.Store.Update(func(tx *store.Tx) error {
		gone = nil
		if _, err := mustUpload(tx, &uploadInput{atObject: atObject{atBucket: atBucket{Bucket: u.Bucket}, Key: u.Key}, UploadID: u.ID}); err != nil {
			return err
		}
		if old, ok := load[part](tx, bucketPart, partKey(u.ID, number)); ok {
			gone = old.Body
		}
		p.Modified = s.Clock.Now().UTC().Truncate(time.Second)
		save(tx, bucketPart, partKey(u.ID, number), p)
		return nil
	})
	if err != nil {
		s.files.remove(p.Body)
		return nil, err
	}
	s.files.remove(gone)
	return p, nil
}

func (s *Service) abortMultipartUpload(_ context.Context, in *uploadInput) (*nothing, error) {
	var gone []segment
	err := s.Store.Update(func(tx *store.Tx) error {
		u, err := mustUpload(tx, in)
		if err == nil {
			gone = dropUpload(tx, u)
		}
		return err
	})
	if err == nil {
		s.files.remove(gone)
	}
	return &nothing{}, err
}

// dropUpload deletes an upload and returns the bodies of its parts.
func dropUpload(tx *store.Tx, u *pending) (gone []segment) {
	tx.Delete(bucketUpload, u.storeKey())
	for _, p := range partsOf(tx, u.ID) {
		tx.Delete(bucketPart, partKey(u.ID, p.Number))
		gone = append(gone, p.Body...)
	}
	return gone
}

func uploadsOf(r store.Reader, bucketName string) []*pending {
	var out []*pending
	from, to := store.Prefix(bucketName)
	for _, text := range r.Scan(bucketUpload, from, to) {
		u := new(pending)
		if json.Unmarshal(text, u) == nil {
			out = append(out, u)
		}
	}
	return out
}

func partsOf(r store.Reader, uploadID string) []*part {
	var out []*part
	from, to := store.Prefix(uploadID)
	for _, text := range r.Scan(bucketPart, from, to) {
		p := new(part)
		if json.Unmarshal(text, p) == nil {
			out = append(out, p)
		}
	}
	return out
}

type listPartsInput struct {
	uploadInput
	MaxParts         *int `json:"MaxParts,omitempty" http:"query=max-parts"`
	PartNumberMarker int  `json:"PartNumberMarker,omitempty" http:"query=part-number-marker"`
}

type listPartsOutput struct {
	XMLName              xml.Name    `json:"-" xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListPartsResult"`
	Bucket               string      `json:"Bucket" xml:"Bucket"`
	Key                  string      `json:"Key" xml:"Key"`
	UploadID             string      `json:"UploadId" xml:"UploadId"`
	Initiator            *initiator  `json:"Initiator" xml:"Initiator"`
	Owner                *owner      `json:"Owner" xml:"Owner"`
	StorageClass         string      `json:"StorageClass" xml:"StorageClass"`
	PartNumberMarker     int         `json:"PartNumberMarker" xml:"PartNumberMarker"`
	NextPartNumberMarker int         `json:"NextPartNumberMarker" xml:"NextPartNumberMarker"`
	MaxParts             int         `json:"MaxParts" xml:"MaxParts"`
	IsTruncated          bool        `json:"IsTruncated" xml:"IsTruncated"`
	ChecksumAlgorithm    string      `json:"ChecksumAlgorithm,omitempty" xml:"ChecksumAlgorithm,omitempty"`
	ChecksumType         string      `json:"ChecksumType,omitempty" xml:"ChecksumType,omitempty"`
	Parts                []partEntry `json:"Parts,omitempty" xml:"Part"`
}

type initiator struct {
	ID          string `json:"ID" xml:"ID"`
	DisplayName string `json:"DisplayName,omitempty" xml:"DisplayName,omitempty"`
}

type partEntry struct {
	PartNumber   int    `json:"PartNumber" xml:"PartNumber"`
	LastModified moment `json:"LastModified" xml:"LastModified"`
	ETag         string `json:"ETag" xml:"ETag"`
	Size         int64  `json:"Size" xml:"Size"`
	checksums
}

func (s *Service) initiator() *initiator {
	return &initiator{ID: ownerID, DisplayName: "owner"}
}

func (s *Service) listParts(_ context.Context, in *listPartsInput) (*listPartsOutput, error) {
	limit := page
	if in.MaxParts != nil {
		limit = max(0, min(page, *in.MaxParts))
	}
	out := &listPartsOutput{Bucket: in.Bucket, Key: in.Key, UploadID: in.UploadID, Initiator: s.initiator(), Owner: s.owner(), PartNumberMarker: in.PartNumberMarker, MaxParts: limit}
	return out, s.Store.View(func(r store.Reader) error {
		u, err := mustUpload(r, &in.uploadInput)
		if err != nil {
			return err
		}
		out.StorageClass = (&object{attributes: u.attributes}).storageClass()
		out.ChecksumAlgorithm, out.ChecksumType = u.Algorithm, u.ChecksumType
		for _, p := range partsOf(r, u.ID) {
			if p.Number <= in.PartNumberMarker {
				continue
			}
			if len(out.Parts) == limit {
				out.IsTruncated = true
				break
			}
			e := partEntry{PartNumber: p.Number, LastModified: moment{p.Modified}, ETag: p.ETag, Size: p.Size}
			if u.Algorithm != "" {
				*e.field(u.Algorithm) = p.Sums[u.Algorithm]
			}
			out.Parts = append(out.Parts, e)
			out.NextPartNumberMarker = p.Number
		}
		return nil
	})
}

type listUploadsInput struct {
	atBucket
	Prefix         string `json:"Prefix,omitempty" http:"query=prefix"`
	Delimiter      string `json:"Delimiter,omitempty" http:"query=delimiter"`
	EncodingType   string `json:"EncodingType,omitempty" http:"query=encoding-type"`
	KeyMarker      string `json:"KeyMarker,omitempty" http:"query=key-marker"`
	UploadIDMarker string `json:"UploadIdMarker,omitempty" http:"query=upload-id-marker"`
	MaxUploads     *int   `json:"MaxUploads,omitempty" http:"query=max-uploads"`
}

type listUploadsOutput struct {
	XMLName            xml.Name       `json:"-" xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListMultipartUploadsResult"`
	Bucket             string         `json:"Bucket" xml:"Bucket"`
	KeyMarker          string         `json:"KeyMarker" xml:"KeyMarker"`
	UploadIDMarker     string         `json:"UploadIdMarker" xml:"UploadIdMarker"`
	NextKeyMarker      string         `json:"NextKeyMarker" xml:"NextKeyMarker"`
	NextUploadIDMarker string         `json:"NextUploadIdMarker" xml:"NextUploadIdMarker"`
	Prefix             string         `json:"Prefix,omitempty" xml:"Prefix,omitempty"`
	Delimiter          string         `json:"Delimiter,omitempty" xml:"Delimiter,omitempty"`
	EncodingType       string         `json:"EncodingType,omitempty" xml:"EncodingType,omitempty"`
	MaxUploads         int            `json:"MaxUploads" xml:"MaxUploads"`
	IsTruncated        bool           `json:"IsTruncated" xml:"IsTruncated"`
	Uploads            []uploadEntry  `json:"Uploads,omitempty" xml:"Upload"`
	CommonPrefixes     []commonPrefix `json:"CommonPrefixes,omitempty" xml:"CommonPrefixes"`
}

type uploadEntry struct {
	Key               string     `json:"Key" xml:"Key"`
	UploadID          string     `json:"UploadId" xml:"UploadId"`
	Initiator         *initiator `json:"Initiator" xml:"Initiator"`
	Owner             *owner     `json:"Owner" xml:"Owner"`
	StorageClass      string     `json:"StorageClass" xml:"StorageClass"`
	Initiated         moment     `json:"Initiated" xml:"Initiated"`
	ChecksumAlgorithm string     `json:"ChecksumAlgorithm,omitempty" xml:"ChecksumAlgorithm,omitempty"`
	ChecksumType      string     `json:"ChecksumType,omitempty" xml:"ChecksumType,omitempty"`
}

func (s *Service) listMultipartUploads(_ context.Context, in *listUploadsInput) (*listUploadsOutput, error) {
	l := listing{Prefix: in.Prefix, Delimiter: in.Delimiter, EncodingType: in.EncodingType, MaxKeys: in.MaxUploads}
	limit, err := l.limit()
	if err != nil {
		return nil, err
	}
	out := &listUploadsOutput{Bucket: in.Bucket, KeyMarker: l.encode(in.KeyMarker), Prefix: l.encode(in.Prefix), Delimiter: l.encode(in.Delimiter), EncodingType: in.EncodingType, MaxUploads: limit}
	if in.KeyMarker != "" {
		out.UploadIDMarker = in.UploadIDMarker
	}
	return out, s.Store.View(func(r store.Reader) error {
		if _, err := mustBucket(r, in.Bucket); err != nil {
			return err
		}
		marker := store.Key(in.Bucket, in.KeyMarker, in.UploadIDMarker)
		if in.KeyMarker != "" && in.UploadIDMarker != "" {
			if _, ok := r.Get(bucketUpload, marker); !ok {
				return errArgument("upload-id-marker", in.UploadIDMarker, "Invalid uploadId marker")
			}
		}
		for _, u := range uploadsOf(r, in.Bucket) {
			done := in.KeyMarker != "" && (u.Key < in.KeyMarker || u.Key == in.KeyMarker && (in.UploadIDMarker == "" || u.storeKey() <= marker))
			done = done || in.KeyMarker != "" && strings.HasPrefix(u.Key, in.Prefix) && l.common(u.Key) == in.KeyMarker
			if done || !strings.HasPrefix(u.Key, in.Prefix) {
				continue
			}
			if !out.add(&l, u, limit, s) {
				break
			}
		}
		return nil
	})
}

func (out *listUploadsOutput) add(l *listing, u *pending, limit int, s *Service) bool {
	p := l.common(u.Key)
	if p != "" && slices.Contains(out.CommonPrefixes, commonPrefix{l.encode(p)}) {
		return true
	}
	if len(out.Uploads)+len(out.CommonPrefixes) == limit {
		out.IsTruncated = true
		return false
	}
	out.NextKeyMarker, out.NextUploadIDMarker = l.encode(u.Key), u.ID
	if p != "" {
		out.NextKeyMarker, out.NextUploadIDMarker = l.encode(p), ""
		out.CommonPrefixes = append(out.CommonPrefixes, commonPrefix{l.encode(p)})
		return true
	}
	out.Uploads = append(out.Uploads, uploadEntry{Key: l.encode(u.Key), UploadID: u.ID, Initiator: s.initiator(), Owner: s.owner(), StorageClass: (&object{attributes: u.attributes}).storageClass(),
		Initiated: moment{u.Initiated}, ChecksumAlgorithm: u.Algorithm, ChecksumType: u.ChecksumType})
	return true
}
