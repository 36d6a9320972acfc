package eventpattern

// This file defines what numbers, addresses and globs are to AWS's engine.

import (
	"math"
	"net/netip"
	"strconv"
	"strings"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// problem is a fault of an operand, in AWS's words.
type problem string

func (p problem) Error() string { return string(p) }

// exactDigits is how many significant digits any decimal number can have and
// still survive the way through a double.
const exactDigits = 15

// comparableNumber returns the double that a number's text stands for. AWS
// compares a number only when nothing is lost on the way: ok is false for 1e400,
// and for 37.807807921694092, whose double spells 37.80780792169409. Such
// numbers match their own spelling and nothing else.
func comparableNumber(text string) (f float64, ok bool) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) {
		return 0, false
	}
	if len(text) <= exactDigits && !strings.ContainsAny(text, "eE") {
		return f, true
	}
	shortest := jsonvalue.Number(strconv.FormatFloat(f, 'g', -1, 64))
	return f, jsonvalue.Number(text).Compare(shortest) == 0
}

// parseAddress reads an IP address as AWS does: four decimal numbers, leading
// zeros allowed, or hexadecimal groups; an IPv4 address within IPv6 is IPv4.
func parseAddress(text string) (netip.Addr, error) {
	switch {
	case looksLikeIPv4(text):
		text = withoutLeadingZeros(text)
	case strings.IndexByte(text, ':') < 0 || strings.Trim(text, "0123456789abcdefABCDEF:") != "":
		return netip.Addr{}, problem("Nonstandard IP address: " + text)
	}
	address, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}, problem("Invalid IP address: " + text)
	}
	return address.Unmap(), nil
}

func looksLikeIPv4(text string) bool {
	parts := strings.Split(text, ".")
	if len(text) > len("255.255.255.255") || len(parts) != 4 {
		return false
	}
	for _, part := range parts {
		if part == "" || len(part) > 3 || strings.Trim(part, "0123456789") != "" {
			return false
		}
	}
	return true
}

func withoutLeadingZeros(text string) string {
	parts := strings.Split(text, ".")
	for i, part := range parts {
		n, _ := strconv.Atoi(part)
		parts[i] = strconv.Itoa(n)
	}
	return strings.Join(parts, ".")
}

// parseBlock reads a CIDR block. A block of one address (/32, /128) is refused, as by AWS.
func parseBlock(text string) (netip.Prefix, error) {
	base, mask, found := strings.Cut(text, "/")
	if !found || mask == "" || base == "" || strings.Contains(mask, "/") {
		return netip.Prefix{}, problem("Malformed CIDR, one '/' required")
	}
	bits, err := strconv.ParseInt(mask, 10, 32)
	if err != nil {
		return netip.Prefix{}, problem("Malformed CIDR, mask bits must be an integer")
	}
	if bits < 0 {
		return netip.Prefix{}, problem("Malformed CIDR, mask bits must not be negative")
	}
	address, err := parseAddress(base)
	switch {
	case err != nil:
		return netip.Prefix{}, err
	case address.Is4() && bits > 31:
		return netip.Prefix{}, problem("IPv4 mask bits must be < 32")
	case address.Is6() && bits > 127:
		return netip.Prefix{}, problem("IPv6 mask bits must be < 128")
	}
	return netip.PrefixFrom(address, int(bits)).Masked(), nil
}

// glob is a wildcard pattern: literal parts with any run of characters between them.
type glob struct {
	source string
	parts  []string
}

// parseGlob reads a wildcard pattern. Positions count bytes from the opening
// quote, as AWS counts them.
func parseGlob(source string) (glob, error) {
	g := glob{source: source}
	var part strings.Builder
	for i := 0; i < len(source); i++ {
		switch c := source[i]; {
		case c == '*' && strings.HasPrefix(source[i+1:], "*"):
			return g, problem("Consecutive wildcard characters at pos " + strconv.Itoa(i+1))
		case c == '*':
			g.parts = append(g.parts, part.String())
			part.Reset()
		case c == '\\':
			if i++; i == len(source) || source[i] != '*' && source[i] != '\\' {
				return g, problem("Invalid escape character at pos " + strconv.Itoa(i))
			}
			part.WriteByte(source[i])
		default:
			part.WriteByte(c)
		}
	}
	g.parts = append(g.parts, part.String())
	return g, nil
}

// matches reports whether the whole of s matches. Taking each part at its first
// occurrence is enough, so it is linear in s for each part.
func (g glob) matches(s string) bool {
	last := len(g.parts) - 1
	if last == 0 {
		return s == g.parts[0]
	}
	if !strings.HasPrefix(s, g.parts[0]) {
		return false
	}
	s = s[len(g.parts[0]):]
	for _, part := range g.parts[1:last] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return strings.HasSuffix(s, g.parts[last])
}
