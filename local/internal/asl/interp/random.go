package interp

// This file defines where an execution's random values come from.

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
)

// random is a source of unguessable values that is plain data: the n-th block
// is the hash of the seed and n. Who does not know the seed cannot tell the next
// block from those before.
type random struct {
	Seed  []byte // 32 bytes
	Count uint64 // blocks taken so far
}

func newRandom(seed [32]byte) *random { return &random{Seed: seed[:]} }

// clone returns a source that will give the same values.
func (r *random) clone() *random { return &random{r.Seed, r.Count} }

// block takes the next 32 bytes.
func (r *random) block() [sha256.Size]byte {
	r.Count++
	return sha256.Sum256(binary.BigEndian.AppendUint64(r.Seed[:len(r.Seed):len(r.Seed)], r.Count))
}

// Uint64 returns an evenly distributed number.
func (r *random) Uint64() uint64 {
	b := r.block()
	return binary.BigEndian.Uint64(b[:])
}

// Float64 returns a number in [0, 1).
func (r *random) Float64() float64 { return float64(r.Uint64()>>11) / (1 << 53) }

// UUID returns a version 4 UUID.
func (r *random) UUID() string {
	b := r.block()
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// tokenBlocks makes task tokens of 128 characters: well within AWS's 2,048, and
// far from guessable.
const tokenBlocks = 3

// Token returns a task token.
func (r *random) Token() string {
	var b []byte
	for range tokenBlocks {
		block := r.block()
		b = append(b, block[:]...)
	}
	return base64.StdEncoding.EncodeToString(b)
}
