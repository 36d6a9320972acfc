package store

// This file defines composite keys.

import (
	"encoding/binary"
	"strings"
)

// Key joins parts so that keys sort by their first part, then the second, and so
// on, whatever bytes the parts hold: a zero byte within a part becomes 00 FF, the
// end of a part is 00 01.
func Key(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(strings.ReplaceAll(p, "\x00", "\x00\xff"))
		b.WriteString("\x00\x01")
	}
	return b.String()
}

// SplitKey returns the parts that Key joined.
func SplitKey(key string) []string {
	parts := strings.Split(strings.TrimSuffix(key, "\x00\x01"), "\x00\x01")
	for i, p := range parts {
		parts[i] = strings.ReplaceAll(p, "\x00\xff", "\x00")
	}
	return parts
}

// Prefix returns the range of keys that begin with these parts, for Scan.
func Prefix(parts ...string) (from, to string) {
	from = Key(parts...)
	return from, After(from)
}

// After returns the first key behind all that begin with prefix; "" if there is
// none.
func After(prefix string) string {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			return prefix[:i] + string([]byte{prefix[i] + 1})
		}
	}
	return ""
}

// Uint64 spells n so that keys sort by number.
func Uint64(n uint64) string { return string(binary.BigEndian.AppendUint64(nil, n)) }

// ParseUint64 reads what Uint64 wrote.
func ParseUint64(s string) uint64 {
	if len(s) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64([]byte(s))
}
