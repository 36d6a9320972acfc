package s3

// This file defines the checksums of bodies.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html

import (
	"crypto/sha1" //nolint:gosec // AWS offers it as a checksum
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"net/http"
	"slices"
	"strings"
)

// nvme is the reflected polynomial of CRC-64/NVME.
var nvme = crc64.MakeTable(0x9A6C9329AC4BC9B5)

// algorithms are those that AWS knows, in its order. Algorithms whose checksums of
// parts can be combined allow FULL_OBJECT for multipart uploads.
var algorithms = []struct {
	name string
	make func() hash.Hash
}{
	{"CRC32", func() hash.Hash { return crc32.NewIEEE() }},
	{"CRC32C", func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) }},
	{"CRC64NVME", func() hash.Hash { return crc64.New(nvme) }},
	{"SHA1", sha1.New},
	{"SHA256", sha256.New},
}

// defaultAlgorithm is what AWS computes when the uploader names none.
const defaultAlgorithm = "CRC64NVME"

func newHash(algorithm string) hash.Hash {
	for _, a := range algorithms {
		if a.name == algorithm {
			return a.make()
		}
	}
	return nil
}

func checkAlgorithm(name string) error {
	if name == "" || newHash(name) != nil {
		return nil
	}
	return errRequest("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
}

func encodeSum(h hash.Hash) string { return base64.StdEncoding.EncodeToString(h.Sum(nil)) }

// checksumHeader is the header that carries a checksum of an algorithm.
func checksumHeader(algorithm string) string { return "X-Amz-Checksum-" + algorithm }

// checksums are the members that carry a checksum, of which at most one is set.
type checksums struct {
	ChecksumCRC32     string `json:"ChecksumCRC32,omitempty" xml:"ChecksumCRC32,omitempty" http:"header=X-Amz-Checksum-Crc32"`
	ChecksumCRC32C    string `json:"ChecksumCRC32C,omitempty" xml:"ChecksumCRC32C,omitempty" http:"header=X-Amz-Checksum-Crc32c"`
	ChecksumCRC64NVME string `json:"ChecksumCRC64NVME,omitempty" xml:"ChecksumCRC64NVME,omitempty" http:"header=X-Amz-Checksum-Crc64nvme"`
	ChecksumSHA1      string `json:"ChecksumSHA1,omitempty" xml:"ChecksumSHA1,omitempty" http:"header=X-Amz-Checksum-Sha1"`
	ChecksumSHA256    string `json:"ChecksumSHA256,omitempty" xml:"ChecksumSHA256,omitempty" http:"header=X-Amz-Checksum-Sha256"`
}

// typedChecksums are checksums with the word for what they cover.
type typedChecksums struct {
	checksums
	ChecksumType string `json:"ChecksumType,omitempty" xml:"ChecksumType,omitempty" http:"header=X-Amz-Checksum-Type"`
}

func (c *checksums) field(algorithm string) *string {
	switch algorithm {
	case "CRC32":
		return &c.ChecksumCRC32
	case "CRC32C":
		return &c.ChecksumCRC32C
	case "CRC64NVME":
		return &c.ChecksumCRC64NVME
	case "SHA1":
		return &c.ChecksumSHA1
	case "SHA256":
		return &c.ChecksumSHA256
	}
	return new(string)
}

// stated returns the checksum that is set, if one is; two are an error.
func (c *checksums) stated() (algorithm, value string, err error) {
	for _, a := range algorithms {
		v := *c.field(a.name)
		if v == "" {
			continue
		}
		if algorithm != "" {
			return "", "", errRequest("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
		}
		algorithm, value = a.name, v
	}
	return algorithm, value, nil
}

func (c checksum) shown() typedChecksums {
	var out typedChecksums
	if c.Algorithm != "" {
		*out.field(c.Algorithm) = c.Value
		out.ChecksumType = c.Type
	}
	return out
}

// validSum tells whether text can be a checksum of the algorithm.
func validSum(algorithm, text string) bool {
	sum, err := base64.StdEncoding.DecodeString(text)
	return err == nil && len(sum) == newHash(algorithm).Size()
}

// announced is the algorithm of the checksum that follows the body, from the
// X-Amz-Trailer header.
func announced(h http.Header) string {
	name, ok := strings.CutPrefix(strings.ToLower(h.Get("X-Amz-Trailer")), "x-amz-checksum-")
	if !ok {
		return ""
	}
	name = strings.ToUpper(strings.TrimSpace(name))
	if newHash(name) == nil {
		return ""
	}
	return name
}

// composite is the checksum of the parts' checksums.
func composite(algorithm string, parts []string) (string, error) {
	h := newHash(algorithm)
	for _, p := range parts {
		sum, err := base64.StdEncoding.DecodeString(p)
		if err != nil {
			return "", err
		}
		h.Write(sum)
	}
	return fmt.Sprintf("%s-%d", encodeSum(h), len(parts)), nil
}

// combinable tells whether the checksum of a whole can be had of its parts.
func combinable(algorithm string) bool {
	return slices.Contains([]string{"CRC32", "CRC32C", "CRC64NVME"}, algorithm)
}

// combine returns the CRC of two pieces from theirs: the first one's polynomial
// moves by the length of the second, modulo the generator.
func combine(algorithm string, first, second []byte, secondSize int64) []byte {
	width := len(first) * 8
	generator := map[string]uint64{"CRC32": crc32.IEEE, "CRC32C": crc32.Castagnoli, "CRC64NVME": 0x9A6C9329AC4BC9B5}[algorithm]
	top := uint64(1) << (width - 1)
	multiply := func(a, b uint64) (p uint64) {
		for m := top; m != 0; m >>= 1 {
			if a&m != 0 {
				p ^= b
			}
			if b&1 != 0 {
				b = b>>1 ^ generator
			} else {
				b >>= 1
			}
		}
		return p
	}
	shift, square := top, top>>1 // x to the 0 and to the 1: the highest bit is the lowest power
	for n := uint64(secondSize) * 8; n > 0; n >>= 1 {
		if n&1 != 0 {
			shift = multiply(square, shift)
		}
		square = multiply(square, square)
	}
	sum := multiply(shift, bigEndian(first)) ^ bigEndian(second)
	out := make([]byte, len(first))
	for i := range out {
		out[len(out)-1-i] = byte(sum >> (8 * i))
	}
	return out
}

func bigEndian(b []byte) (n uint64) {
	for _, x := range b {
		n = n<<8 | uint64(x)
	}
	return n
}

// whole is the checksum of a body from its parts' checksums and sizes.
func whole(algorithm string, parts []string, sizes []int64) (string, error) {
	var sum []byte
	for i, p := range parts {
		next, err := base64.StdEncoding.DecodeString(p)
		if err != nil {
			return "", err
		}
		if i == 0 {
			sum = next
			continue
		}
		sum = combine(algorithm, sum, next, sizes[i])
	}
	return base64.StdEncoding.EncodeToString(sum), nil
}
