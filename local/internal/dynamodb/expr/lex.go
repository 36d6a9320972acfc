package expr

// This file defines the tokens of expressions.

import (
	"strings"
	"unicode/utf8"
)

// token is a piece of an expression, found at text[start:end].
type token struct {
	kind       tokenKind
	text       string
	start, end int
}

type tokenKind byte

const (
	tokenEnd    tokenKind = iota // text is "<EOF>", as AWS calls it
	tokenName                    // a bare name: an attribute, a function or a keyword
	tokenAlias                   // #name
	tokenValue                   // :value
	tokenNumber                  // digits, in [brackets]
	tokenSymbol                  // ( ) [ ] , . = <> < <= > >= + -
	tokenBad                     // a character that no token begins with
)

// lex splits text into tokens; the last one is tokenEnd. Characters that no token
// begins with become tokens too, for the parser to name in its error.
func lex(text string) []token {
	tokens := make([]token, 0, 16)
	for at := 0; ; {
		for at < len(text) && strings.IndexByte(" \t\r\n\f", text[at]) >= 0 {
			at++
		}
		if at == len(text) {
			return append(tokens, token{tokenEnd, "<EOF>", at, at})
		}
		kind, end := next(text, at)
		tokens = append(tokens, token{kind, text[at:end], at, end})
		at = end
	}
}

// next finds the token that begins at text[at].
func next(text string, at int) (kind tokenKind, end int) {
	c := text[at]
	switch {
	case isLetter(c):
		return tokenName, at + run(text[at:], isWord)
	case isDigit(c):
		return tokenNumber, at + run(text[at:], isDigit)
	case (c == '#' || c == ':') && at+1 < len(text) && isWord(text[at+1]):
		kind = tokenAlias
		if c == ':' {
			kind = tokenValue
		}
		return kind, at + 1 + run(text[at+1:], isWord)
	}
	if at+1 < len(text) {
		switch text[at : at+2] {
		case "<>", "<=", ">=":
			return tokenSymbol, at + 2
		}
	}
	if strings.IndexByte("()[],.=<>+-", c) >= 0 {
		return tokenSymbol, at + 1
	}
	_, size := utf8.DecodeRuneInString(text[at:])
	return tokenBad, at + size
}

func run(text string, in func(byte) bool) int {
	for i := range len(text) {
		if !in(text[i]) {
			return i
		}
	}
	return len(text)
}

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func isWord(c byte) bool   { return isLetter(c) || isDigit(c) || c == '_' }

// IsPlaceholder reports whether key may stand in ExpressionAttributeNames
// (sigil '#') or ExpressionAttributeValues (sigil ':').
func IsPlaceholder(key string, sigil byte) bool {
	return len(key) > 1 && key[0] == sigil && run(key[1:], isWord) == len(key)-1
}
