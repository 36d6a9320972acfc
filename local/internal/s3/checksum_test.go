package s3

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// The catalogue's check value of every algorithm: the sum of "123456789".
// https://reveng.sourceforge.io/crc-catalogue/all.htm
func TestChecksums(t *testing.T) {
	for algorithm, want := range map[string]string{
		"CRC32": "y/Q5Jg==", "CRC32C": "4waSgw==", "CRC64NVME": "rosUhgp5mIg=",
		"SHA1": "98O8HYCOBHMq32eZZczDTKeuNEE=", "SHA256": "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=",
	} {
		h := newHash(algorithm)
		h.Write([]byte("123456789"))
		if got := encodeSum(h); got != want {
			t.Errorf("%s is %s, want %s", algorithm, got, want)
		}
	}
}

// The checksum of a whole, had of its parts', is that of the whole.
func TestWholeChecksumFromParts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		algorithm := rapid.SampledFrom([]string{"CRC32", "CRC32C", "CRC64NVME"}).Draw(t, "algorithm")
		pieces := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 300), 1, 6).Draw(t, "pieces")
		var sums []string
		var sizes []int64
		for _, p := range pieces {
			h := newHash(algorithm)
			h.Write(p)
			sums, sizes = append(sums, encodeSum(h)), append(sizes, int64(len(p)))
		}
		h := newHash(algorithm)
		h.Write(bytes.Join(pieces, nil))
		if got, err := whole(algorithm, sums, sizes); err != nil || got != encodeSum(h) {
			t.Fatalf("%s of the parts is %s (%v), of the whole %s", algorithm, got, err, encodeSum(h))
		}
	})
}
