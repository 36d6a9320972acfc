package task

// This file defines the codes of tasks: ULIDs, which sort by time, except those of
// requests that have an id.
// https://github.com/ulid/spec

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"time"
)

var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// newCode makes a ULID: 48 bits of time and 80 of chance, or, where the request
// has an id, of that and of what was asked for: so the same request, repeated at
// another time, is known again.
func newCode(r Request, at time.Time) string {
	var id [20]byte                                                // 26 characters of five bits are 130 bits: two leading zeros and 16 bytes
	binary.BigEndian.PutUint64(id[:8], uint64(at.UnixMilli())<<16) //nolint:gosec // after 1970
	if r.RequestID == "" {
		rand.Read(id[6:16]) //nolint:errcheck // it never fails: https://pkg.go.dev/crypto/rand#Read
	} else {
		hash := sha256.Sum256([]byte(r.TenantCode + "\x00" + r.TaskType + "\x00" + r.RequestID))
		copy(id[:16], hash[:])
		id[0] &= 0x7f
	}
	return encode(id[:16])
}

// encode writes 128 bits as 26 characters, the first of three bits.
func encode(id []byte) string {
	padded := make([]byte, 0, 20)
	var carry byte
	for _, b := range id { // shifted right by two bits, so that five-bit groups end at the end
		padded = append(padded, carry|b>>2)
		carry = b << 6
	}
	padded = append(padded, carry)
	return crockford.EncodeToString(padded)[:26]
}
