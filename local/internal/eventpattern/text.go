package eventpattern

// This file defines the scanner's strings and its errors.

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// SyntaxError says what is wrong with a pattern, in AWS's words.
type SyntaxError struct {
	Problem      string
	Line, Column int // from 1, counting UTF-16 units as AWS's parser does; 0 where AWS names no position
	source       string
	again        bool // AWS repeats the position for faults inside some lists
}

// Error returns the reason as EventBridge words it behind "Event pattern is not valid. Reason: ".
func (e *SyntaxError) Error() string {
	if e.Line == 0 {
		return e.Problem
	}
	at := fmt.Sprintf("\n at [Source: %s; line: %d, column: %d]", e.source, e.Line, e.Column)
	if e.again {
		at += at
	}
	return e.Problem + at
}

func (s *scanner) openString() {
	s.at++
	s.start, s.pending, s.plain = s.at, true, true
}

// finishString reads the body of the current string.
func (s *scanner) finishString() error {
	s.pending = false
	for ; s.at < len(s.text); s.at++ {
		c := s.text[s.at]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		switch c {
		case '"':
			s.end = s.at
			s.at++
			return nil
		case '\\':
			s.plain = false
			if err := s.escape(); err != nil {
				return err
			}
			s.at--
		default:
			s.at++
			return s.fault(fmt.Sprintf("Illegal unquoted character ((CTRL-CHAR, code %d)): has to be escaped using backslash to be included in string value", c))
		}
	}
	return s.fault("Unexpected end-of-input: was expecting closing quote for a string value")
}

func (s *scanner) escape() error {
	s.at++
	if s.at >= len(s.text) {
		return s.fault("Unexpected end-of-input in character escape sequence")
	}
	r, size := utf8.DecodeRuneInString(s.text[s.at:])
	s.at += size
	if r != 'u' {
		if !strings.ContainsRune(`"\/bfnrt`, r) {
			return s.fault("Unrecognized character escape " + describe(r))
		}
		return nil
	}
	for range 4 {
		if s.at >= len(s.text) {
			return s.fault("Unexpected end-of-input in character escape sequence")
		}
		c := s.text[s.at]
		s.at++
		if !isHex(c) {
			return s.fault("Unexpected character (" + describe(rune(c)) + "): expected a hex-digit for character escape sequence")
		}
	}
	return nil
}

// value returns the current scalar: a string's content, anything else's spelling.
func (s *scanner) value() (string, error) {
	if s.pending {
		if err := s.finishString(); err != nil {
			return "", err
		}
	}
	raw := s.text[s.start:s.end]
	if s.plain {
		return raw, nil
	}
	return unescape(raw), nil
}

// unescape resolves the escapes of a string body that was checked before. A lone
// surrogate becomes U+FFFD: Go's strings cannot hold it.
func unescape(raw string) string {
	var b strings.Builder
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			b.WriteByte(raw[i])
			continue
		}
		i++
		if raw[i] != 'u' {
			b.WriteByte(unescaped[raw[i]])
			continue
		}
		r := hexRune(raw[i+1:])
		i += 4
		if utf16.IsSurrogate(r) && strings.HasPrefix(raw[i+1:], `\u`) {
			if pair := utf16.DecodeRune(r, hexRune(raw[i+3:])); pair != unicode.ReplacementChar {
				r = pair
				i += 6
			}
		}
		b.WriteRune(r)
	}
	return b.String()
}

var unescaped = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func hexRune(s string) rune {
	n, _ := strconv.ParseUint(s[:4], 16, 32)
	return rune(n)
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// describe names a character as AWS's parser does.
func describe(r rune) string {
	switch {
	case unicode.IsControl(r):
		return fmt.Sprintf("(CTRL-CHAR, code %d)", r)
	case r > 255:
		return fmt.Sprintf("'%c' (code %d / 0x%x)", r, r, r)
	}
	return fmt.Sprintf("'%c' (code %d)", r, r)
}

// unexpected reports the next character, at its own position.
func (s *scanner) unexpected(comment string) error {
	if s.at >= len(s.text) {
		return s.fault("Unexpected end-of-input: " + comment)
	}
	r, _ := utf8.DecodeRuneInString(s.text[s.at:])
	return s.fault("Unexpected character (" + describe(r) + "): " + comment)
}

// fault reports a problem where the scanner stands.
func (s *scanner) fault(problem string) error {
	line, column := s.position(s.at)
	return &SyntaxError{Problem: problem, Line: line, Column: column, source: s.source()}
}

func (s *scanner) position(offset int) (line, column int) {
	before := s.text[:min(offset, len(s.text))]
	line = 1 + strings.Count(before, "\n")
	column = 1
	for _, r := range before[strings.LastIndexByte(before, '\n')+1:] {
		column += max(utf16.RuneLen(r), 1)
	}
	return line, column
}

func (s *scanner) location(offset int) string {
	line, column := s.position(offset)
	return fmt.Sprintf("[Source: %s; line: %d, column: %d]", s.source(), line, column)
}

// maxSource is how much of a text AWS's parser quotes.
const maxSource = 500

func (s *scanner) source() string {
	units := utf16.Encode([]rune(s.text))
	if len(units) <= maxSource {
		return `(String)"` + s.text + `"`
	}
	shown := string(utf16.Decode(units[:maxSource]))
	return fmt.Sprintf(`(String)"%s"[truncated %d chars]`, shown, len(units)-maxSource)
}
