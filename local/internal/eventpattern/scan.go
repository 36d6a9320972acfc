package eventpattern

// This file defines the JSON reader under patterns and events. It is ours because
// AWS's messages carry the position at which its own streaming parser stood
// (Jackson's: it reads the first token behind a name together with the name, and
// a string's body only when somebody wants it), and because an event is read
// ten times faster without building values nobody asks for.

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

type tokenKind byte

const (
	endOfText tokenKind = iota
	objectStart
	objectEnd
	arrayStart
	arrayEnd
	fieldName
	stringValue
	numberValue
	trueValue
	falseValue
	nullValue
)

// maxDepth is how deep AWS lets an event or pattern nest:
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
const maxDepth = 1000

// scanner reads one token at a time.
type scanner struct {
	text string
	at   int // the next byte to read
	open []container

	kind    tokenKind // of the current token
	name    string    // of the current field
	behind  tokenKind // the token read ahead behind a field name
	start   int       // where the current value's text starts
	end     int       // and ends; for a string known when it was read
	pending bool      // the current value is a string whose body was not read yet
	plain   bool      // the string has no escapes
}

type container struct {
	array bool
	start int
	used  bool // has at least one entry
}

// next moves to the next token.
func (s *scanner) next() (tokenKind, error) {
	if s.kind == fieldName {
		s.kind = s.behind
		return s.kind, nil
	}
	if s.pending {
		if err := s.finishString(); err != nil {
			return endOfText, err
		}
	}
	kind, err := s.read()
	s.kind = kind
	return kind, err
}

func (s *scanner) read() (tokenKind, error) {
	c, err := s.peek()
	if err != nil || c < 0 {
		return endOfText, err
	}
	if c == '}' || c == ']' {
		return s.close(byte(c))
	}
	if len(s.open) == 0 {
		return s.readValue()
	}
	in := &s.open[len(s.open)-1]
	if in.used {
		if c != ',' {
			return endOfText, s.unexpected("was expecting comma to separate " + in.what() + " entries")
		}
		s.at++
	}
	in.used = true
	if in.array {
		return s.readValue()
	}
	return s.readName()
}

func (c container) what() string {
	if c.array {
		return "Array"
	}
	return "Object"
}

// peek returns the next byte that is not white space, -1 at the proper end of
// the text.
func (s *scanner) peek() (int, error) {
	for ; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; c {
		case ' ', '\n', '\r', '\t':
		default:
			return int(c), nil
		}
	}
	if len(s.open) == 0 {
		return -1, nil
	}
	in := s.open[len(s.open)-1]
	return -1, s.fault(fmt.Sprintf("Unexpected end-of-input: expected close marker for %s (start marker at %s)",
		in.what(), s.location(in.start)))
}

func (s *scanner) close(marker byte) (tokenKind, error) {
	s.at++
	kind, want := objectEnd, byte('}')
	if n := len(s.open); n > 0 && s.open[n-1].array {
		kind, want = arrayEnd, ']'
	}
	if len(s.open) == 0 {
		s.at--
		return endOfText, s.unexpected("expected a value")
	}
	in := s.open[len(s.open)-1]
	if marker != want {
		return endOfText, s.fault(fmt.Sprintf("Unexpected close marker '%c': expected '%c' (for %s starting at %s)",
			marker, want, in.what(), s.location(in.start)))
	}
	s.open = s.open[:len(s.open)-1]
	return kind, nil
}

// readName reads a field's name, the colon, and the first token of its value.
func (s *scanner) readName() (tokenKind, error) {
	c, err := s.peek()
	if err != nil {
		return endOfText, err
	}
	if c != '"' {
		return endOfText, s.unexpected("was expecting double-quote to start field name")
	}
	s.openString()
	if s.name, err = s.value(); err != nil {
		return endOfText, err
	}
	if c, err = s.peek(); err != nil {
		return endOfText, err
	}
	if c != ':' {
		return endOfText, s.unexpected("was expecting a colon to separate field name and value")
	}
	s.at++
	if s.behind, err = s.readValue(); err != nil {
		return endOfText, err
	}
	return fieldName, nil
}

func (s *scanner) readValue() (tokenKind, error) {
	c, err := s.peek()
	if err != nil {
		return endOfText, err
	}
	s.start, s.plain = s.at, true
	switch {
	case c == '"':
		s.openString()
		return stringValue, nil
	case c == '{':
		return objectStart, s.push(false)
	case c == '[':
		return arrayStart, s.push(true)
	case c == '-' || '0' <= c && c <= '9':
		return numberValue, s.readNumber()
	case c == 't':
		return trueValue, s.readLiteral("true")
	case c == 'f':
		return falseValue, s.readLiteral("false")
	case c == 'n':
		return nullValue, s.readLiteral("null")
	case c == '_' || c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z':
		return endOfText, s.readLiteral("")
	}
	return endOfText, s.unexpected("expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')")
}

func (s *scanner) push(array bool) error {
	s.open = append(s.open, container{array: array, start: s.at})
	s.at++
	if len(s.open) > maxDepth {
		return s.fault(fmt.Sprintf("Document nesting depth (%d) exceeds the maximum allowed (%d)", len(s.open), maxDepth))
	}
	return nil
}

// readLiteral reads want, or names the token that stands in its place.
func (s *scanner) readLiteral(want string) error {
	for s.at < len(s.text) && isWord(s.text[s.at]) {
		s.at++
	}
	s.end = s.at
	if got := s.text[s.start:s.at]; got != want {
		return s.fault("Unrecognized token '" + got + "': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')")
	}
	return nil
}

func isWord(c byte) bool {
	return c == '_' || c == '$' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || c >= utf8.RuneSelf
}

// readNumber reads a number and insists on JSON's grammar.
func (s *scanner) readNumber() error {
	if s.text[s.at] == '-' {
		s.at++
	}
	from := s.at
	if s.digits() == 0 {
		return s.unexpected("expected digit (0-9) to follow minus sign, for valid numeric value")
	}
	if s.text[from] == '0' && s.at > from+1 {
		s.at = from + 1
		return s.fault("Invalid numeric value: Leading zeroes not allowed")
	}
	if s.has(".") && s.digits() == 0 {
		return s.unexpected("Decimal point not followed by a digit")
	}
	if s.has("eE") {
		s.has("+-")
		if s.digits() == 0 {
			return s.unexpected("Exponent indicator not followed by a digit")
		}
	}
	s.end = s.at
	if s.at < len(s.text) && isWord(s.text[s.at]) {
		return s.unexpected("Expected space separating root-level values")
	}
	return nil
}

// has skips the next byte if it is one of these.
func (s *scanner) has(any string) bool {
	if s.at < len(s.text) && strings.IndexByte(any, s.text[s.at]) >= 0 {
		s.at++
		return true
	}
	return false
}

func (s *scanner) digits() int {
	from := s.at
	for s.at < len(s.text) && '0' <= s.text[s.at] && s.text[s.at] <= '9' {
		s.at++
	}
	return s.at - from
}

// skip reads past the rest of the value that the current token starts.
func (s *scanner) skip() error {
	if s.kind != objectStart && s.kind != arrayStart {
		return nil
	}
	for depth := len(s.open); len(s.open) >= depth; {
		if _, err := s.next(); err != nil {
			return err
		}
	}
	return nil
}

// spelling returns the current token as it stands in the text.
func (s *scanner) spelling() string {
	switch s.kind {
	case objectStart, objectEnd, arrayStart, arrayEnd:
		return s.text[s.at-1 : s.at]
	}
	return s.text[s.start:s.end]
}
