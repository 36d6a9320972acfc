package jsonata

// This file defines function signatures such as <s-nn?:s>: which arguments a
// function takes, what is taken from the context, what becomes an array.
// https://docs.jsonata.org/programming#function-signatures

import (
	"strings"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

type signature struct{ params []parameter }

type parameter struct {
	accepts  string // the letters of the types it takes
	repeat   byte   // 0, ? or +
	context  bool   // the context stands in where it is left out
	isArray  bool   // anything else becomes an array of one
	subtype  string
	declared byte
}

// What each letter of a signature accepts; m is a missing value.
var accepted = map[byte]string{
	's': "sm", 'n': "nm", 'b': "bm", 'l': "lm", 'o': "om", 'a': "asnblfom", 'f': "f", 'j': "asnblom", 'x': "asnblfom",
}

func mustSignature(text string) *signature {
	s, err := compileSignature(text, 0)
	if err != nil {
		panic(err)
	}
	return s
}

func compileSignature(text string, pos int) (*signature, error) {
	text = strings.TrimSuffix(strings.TrimPrefix(text, "<"), ">")
	s := &signature{}
	for i := 0; i < len(text) && text[i] != ':'; i++ {
		c := text[i]
		prev := len(s.params) - 1
		switch c {
		case '-', '?', '+':
			if prev >= 0 {
				s.params[prev].suffix(c)
			}
		case '(':
			end := strings.IndexByte(text[i:], ')')
			if end < 0 {
				return nil, fault("S0203", pos, "", "value", `")"`)
			}
			choice := text[i+1 : i+end]
			if strings.Contains(choice, "<") {
				return nil, fault("S0402", pos, "", "value", quote(choice))
			}
			s.params = append(s.params, parameter{accepts: choice + "m", declared: c})
			i += end
		case '<':
			end := matching(text[i:])
			if prev < 0 || s.params[prev].declared != 'a' && s.params[prev].declared != 'f' {
				return nil, fault("S0401", pos, "", "value", quote(text))
			}
			s.params[prev].subtype = text[i+1 : i+end]
			i += end
		default:
			if types, ok := accepted[c]; ok {
				s.params = append(s.params, parameter{accepts: types, isArray: c == 'a', declared: c})
			}
		}
	}
	return s, nil
}

func (p *parameter) suffix(c byte) {
	if c == '-' {
		p.context, c = true, '?'
	}
	p.repeat = c
}

// matching is the offset of the > that closes the < at the start.
func matching(text string) int {
	depth := 0
	for i := range len(text) {
		switch text[i] {
		case '<':
			depth++
		case '>':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return len(text) - 1
}

// letter is the type of a value in the notation of signatures.
func letter(v any) byte {
	switch v.(type) {
	case nil:
		return 'l'
	case bool:
		return 'b'
	case string:
		return 's'
	case float64, jsonvalue.Number:
		return 'n'
	case *function:
		return 'f'
	case none:
		return 'm'
	}
	if isArray(v) {
		return 'a'
	}
	return 'o'
}

func (p *parameter) takes(v any) bool { return strings.IndexByte(p.accepts, letter(v)) >= 0 }

// accept checks arguments and puts them in the places of the parameters.
func (s *signature) accept(args []any, in any) ([]any, error) {
	if s == nil {
		return args, nil
	}
	counts := make([]int, len(s.params))
	if !s.match(args, 0, 0, counts) {
		return nil, s.mismatch(args)
	}
	out := make([]any, 0, len(s.params))
	at := 0
	for i := range s.params {
		p := &s.params[i]
		if counts[i] == 0 {
			v, err := p.absent(args, at, in)
			if err != nil {
				return nil, err
			}
			if !p.context {
				at++
			}
			out = append(out, v)
			continue
		}
		for range counts[i] {
			v, err := p.shape(args[at], at)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
			at++
		}
	}
	return out, nil
}

// match decides how many arguments each parameter takes: greedily, giving back
// where the rest would not fit.
func (s *signature) match(args []any, arg, param int, counts []int) bool {
	if param == len(s.params) {
		return arg == len(args)
	}
	p := &s.params[param]
	most, least := 1, 1
	switch p.repeat {
	case '?':
		least = 0
	case '+':
		most = len(args) - arg
	}
	n := 0
	for n < most && arg+n < len(args) && p.takes(args[arg+n]) {
		n++
	}
	for ; n >= least; n-- {
		counts[param] = n
		if s.match(args, arg+n, param+1, counts) {
			return true
		}
	}
	return false
}

// mismatch names the first argument that does not fit.
func (s *signature) mismatch(args []any) error {
	good := 0
	for n := 1; n <= len(s.params); n++ {
		part, fits := signature{s.params[:n]}, -1
		for k := len(args); k >= 0 && fits < 0; k-- {
			if part.match(args[:k], 0, 0, make([]int, n)) {
				fits = k
			}
		}
		if fits < 0 {
			break
		}
		good = fits
	}
	return fault("T0410", 0, "", "index", formatNumber(float64(good+1)), "value", show(argument(args, good)))
}

// absent is what stands for an argument that was left out.
func (p *parameter) absent(args []any, at int, in any) (any, error) {
	if !p.context {
		return argument(args, at), nil
	}
	if !p.takes(in) {
		return nil, fault("T0411", 0, "", "index", formatNumber(float64(at+1)), "value", show(in))
	}
	return in, nil
}

var subtypeNames = map[string]string{
	"a": "arrays", "b": "booleans", "f": "functions", "n": "numbers", "o": "objects", "s": "strings",
}

// shape makes an array of an argument that is to be one, and checks its items.
func (p *parameter) shape(v any, at int) (any, error) {
	if !p.isArray || isUndefined(v) {
		return v, nil
	}
	ok := isArray(v)
	if p.subtype != "" {
		items, _ := elements(v)
		of := p.subtype[0]
		fits := ok || string(letter(v)) == p.subtype
		if ok && len(items) > 0 {
			fits = letter(items[0]) == of
			for _, item := range items {
				fits = fits && letter(item) == letter(items[0])
			}
		}
		if !fits {
			return nil, fault("T0412", 0, "", "index", formatNumber(float64(at+1)), "type", subtypeNames[string(of)], "value", show(v))
		}
	}
	if !ok {
		return &array{items: []any{v}}, nil
	}
	return v, nil
}
