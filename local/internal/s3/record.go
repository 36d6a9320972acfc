package s3

// This file defines what the store keeps of buckets and objects, and how a
// version of an object is found.

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/stepworks/stepworks/local/internal/store"
)

const (
	bucketBucket  = "s3/bucket"
	bucketObject  = "s3/object"
	bucketUpload  = "s3/upload"
	bucketPart    = "s3/part"
	bucketOutbox  = "s3/outbox"
	bucketCounter = "s3/counter"
)

// nullVersion is the id of a version that was written while versioning was off.
const nullVersion = "null"

// bucket is what the store keeps of a bucket.
type bucket struct {
	Name       string
	Region     string // as the creator named it; empty: us-east-1
	Created    time.Time
	Versioning string // "", "Enabled", "Suspended"
	Policy     string
	Tags       []tag
	Settings   map[string]json.RawMessage // by subresource: "lifecycle", "cors", ...
}

// object is one version of an object, or a delete marker.
type object struct {
	Bucket   string
	Key      string
	Version  string // "null" or an id
	Sequence uint64
	Marker   bool `json:",omitempty"`
	Modified time.Time
	Size     int64
	ETag     string // with its quotation marks
	Body     []segment
	Parts    []partInfo `json:",omitempty"` // of a multipart upload
	Checksum checksum
	Tags     []tag `json:",omitempty"`
	attributes
}

// attributes are what an upload says of its object.
type attributes struct {
	Headers      map[string]string `json:",omitempty"` // Content-Type, Cache-Control, ...
	Metadata     map[string]string `json:",omitempty"`
	StorageClass string            `json:",omitempty"` // "": STANDARD
	Encryption   string            `json:",omitempty"`
	KMSKey       string            `json:",omitempty"`
	BucketKey    bool              `json:",omitempty"`
}

// checksum is the one that AWS keeps of every object.
type checksum struct {
	Algorithm string `json:",omitempty"` // CRC32, CRC32C, CRC64NVME, SHA1, SHA256
	Value     string `json:",omitempty"` // base64, with -N when composite
	Type      string `json:",omitempty"` // FULL_OBJECT, COMPOSITE
}

type partInfo struct {
	Number   int
	Size     int64
	Checksum string `json:",omitempty"`
}

type tag struct {
	Key   string `json:"Key" xml:"Key"`
	Value string `json:"Value" xml:"Value"`
}

func loadBucket(r store.Reader, name string) (*bucket, bool) {
	return load[bucket](r, bucketBucket, name)
}

func mustBucket(r store.Reader, name string) (*bucket, error) {
	if b, ok := loadBucket(r, name); ok {
		return b, nil
	}
	return nil, errNoBucket(name)
}

func load[T any](r store.Reader, in, key string) (*T, bool) {
	text, ok := r.Get(in, key)
	if !ok {
		return nil, false
	}
	v := new(T)
	return v, json.Unmarshal(text, v) == nil
}

func save(tx *store.Tx, in, key string, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // records are structs of strings, numbers and times
	}
	tx.Put(in, key, text)
}

func (b *bucket) save(tx *store.Tx) { save(tx, bucketBucket, b.Name, b) }

func (o *object) storeKey() string {
	return store.Key(o.Bucket, o.Key) + store.Uint64(^o.Sequence)
}

func (o *object) save(tx *store.Tx) { save(tx, bucketObject, o.storeKey(), o) }

func (o *object) storageClass() string {
	if o.StorageClass == "" {
		return "STANDARD"
	}
	return o.StorageClass
}

// nextSequence numbers versions and events in the order in which they happen.
func nextSequence(tx *store.Tx) uint64 {
	text, _ := tx.Get(bucketCounter, "sequence")
	n := store.ParseUint64(string(text)) + 1
	tx.Put(bucketCounter, "sequence", []byte(store.Uint64(n)))
	return n
}

// newVersionID makes the id of a version; its end is a checksum of the rest, so
// that an id that never was one is told from one that is gone, as AWS does.
func newVersionID() string {
	id := rand.Text()
	return id + versionCheck(id)
}

func versionCheck(id string) string {
	return fmt.Sprintf("%06x", crc32.ChecksumIEEE([]byte(id))&0xffffff)
}

const versionLength = 26 // of rand.Text

// versions lists the versions of a key, the current one first.
func versions(r store.Reader, bucketName, key string) []*object {
	var out []*object
	from, to := store.Prefix(bucketName, key)
	for _, text := range r.Scan(bucketObject, from, to) {
		o := new(object)
		if json.Unmarshal(text, o) == nil {
			out = append(out, o)
		}
	}
	return out
}

// current returns the current version of a key, which may be a delete marker; nil
// if there is none.
func current(r store.Reader, bucketName, key string) *object {
	from, to := store.Prefix(bucketName, key)
	for _, text := range r.Scan(bucketObject, from, to) {
		o := new(object)
		if json.Unmarshal(text, o) == nil {
			return o
		}
	}
	return nil
}

// findVersion returns a version by its id, nil if there is none.
func findVersion(r store.Reader, bucketName, key, id string) *object {
	for _, o := range versions(r, bucketName, key) {
		if o.Version == id {
			return o
		}
	}
	return nil
}

// lookup finds the object that a request to read means, and whether versionID
// named it; what the request cannot read is an error that says why.
func lookup(r store.Reader, bucketName, key, versionID string) (*bucket, *object, error) {
	b, err := mustBucket(r, bucketName)
	if err != nil {
		return nil, nil, err
	}
	if versionID == "" {
		o := current(r, bucketName, key)
		if o == nil {
			return b, nil, errNoKey(key)
		}
		if o.Marker {
			return b, o, errNoKey(key)
		}
		return b, o, nil
	}
	if err := checkVersionID(versionID); err != nil {
		return b, nil, err
	}
	o := findVersion(r, bucketName, key, versionID)
	if o == nil {
		return b, nil, errNoVersion(key, versionID)
	}
	return b, o, nil
}

// checkVersionID refuses what cannot be the id of a version.
func checkVersionID(id string) error {
	if id == nullVersion || len(id) > versionLength && versionCheck(id[:versionLength]) == id[versionLength:] {
		return nil
	}
	return errArgument("versionId", id, "Invalid version id specified")
}

// shownVersion is the version id that answers carry: none where versioning was
// never on.
func (b *bucket) shownVersion(o *object) string {
	if b.Versioning == "" {
		return ""
	}
	return o.Version
}

// newVersion is the version id that the answer to an upload carries: none where
// versioning is off, now or again.
func (b *bucket) newVersion(o *object) string {
	if b.Versioning != "Enabled" {
		return ""
	}
	return o.Version
}

// sweep removes the bodies that no record names.
func (s *Service) sweep() error {
	used := map[string]bool{}
	note := func(body []segment) {
		for _, x := range body {
			used[x.ID] = true
		}
	}
	err := s.Store.View(func(r store.Reader) error {
		for _, text := range r.Scan(bucketObject, "", "") {
			o := new(object)
			if err := json.Unmarshal(text, o); err != nil {
				return err
			}
			note(o.Body)
		}
		for _, text := range r.Scan(bucketPart, "", "") {
			p := new(part)
			if err := json.Unmarshal(text, p); err != nil {
				return err
			}
			note(p.Body)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.files.sweep(used)
}
