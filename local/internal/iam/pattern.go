package iam

// This file defines wildcards and policy variables.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html

import "strings"

// pattern is a text with wildcards and variables in it.
type pattern struct {
	source     string
	parts      []part
	components [][]part // of an ARN; nil where there are variables, which may hold colons
	variables  bool
}

// part is a literal stretch, a wildcard or a variable.
type part struct {
	text     string // literal text, or a variable's key in lower case
	kind     byte   // 0 literal, '*', '?', or '$' for a variable
	fallback string // ${key, 'fallback'}
	defaults bool
}

// parsePattern reads a pattern; variables tells whether ${} means anything, which
// it does from version 2012-10-17 on.
func parsePattern(source string, variables bool) pattern {
	p := pattern{source: source}
	for rest := source; rest != ""; {
		i := strings.IndexAny(rest, "*?$")
		if i < 0 {
			i = len(rest)
		}
		if i > 0 {
			p.parts = append(p.parts, part{text: rest[:i]})
			rest = rest[i:]
			continue
		}
		if rest[0] == '$' {
			key, after, closed := strings.Cut(strings.TrimPrefix(rest, "${"), "}")
			if !variables || !strings.HasPrefix(rest, "${") || !closed {
				p.parts = append(p.parts, part{text: "$"})
				rest = rest[1:]
				continue
			}
			x := variable(key)
			p.variables = p.variables || x.kind == '$'
			p.parts = append(p.parts, x)
			rest = after
			continue
		}
		p.parts = append(p.parts, part{kind: rest[0]})
		rest = rest[1:]
	}
	if !p.variables {
		p.components = splitARN(p.parts)
	}
	return p
}

// variable reads what stands within ${}: a key, a key with a default, or one of
// the characters that would mean something else.
func variable(key string) part {
	if key == "*" || key == "?" || key == "$" {
		return part{text: key}
	}
	name, fallback, has := strings.Cut(key, ",")
	fallback = strings.Trim(strings.TrimSpace(fallback), "'")
	return part{kind: '$', text: strings.ToLower(strings.TrimSpace(name)), fallback: fallback, defaults: has}
}

// expand replaces variables by their values, which match as they are: a wildcard
// in a value is no wildcard. A variable without a value makes the pattern match
// nothing.
func (p pattern) expand(context contextKeys) ([]part, bool) {
	if !p.variables {
		return p.parts, true
	}
	out := make([]part, 0, len(p.parts))
	for _, x := range p.parts {
		if x.kind != '$' {
			out = append(out, x)
			continue
		}
		values, ok := context.get(x.text)
		switch {
		case ok && len(values) == 1:
			out = append(out, part{text: values[0]})
		case x.defaults:
			out = append(out, part{text: x.fallback})
		default:
			return nil, false
		}
	}
	return out, true
}

// expandARN is expand for an ARN's components.
func (p pattern) expandARN(context contextKeys) ([][]part, bool) {
	if !p.variables {
		return p.components, true
	}
	parts, ok := p.expand(context)
	return splitARN(parts), ok
}

// match matches the whole of s, a wildcard standing for any characters.
func (p pattern) match(s string, context contextKeys) bool {
	parts, ok := p.expand(context)
	return ok && glob(parts, s)
}

// glob matches with backtracking to the last star alone, so it is linear in the
// product of the lengths.
func glob(parts []part, s string) bool {
	pos, i := 0, 0
	starPart, starPos := -1, 0
	for {
		switch {
		case i == len(parts) && pos == len(s):
			return true
		case i < len(parts) && parts[i].kind == '*':
			starPart, starPos = i, pos
			i++
			continue
		case i < len(parts) && parts[i].kind == '?' && pos < len(s):
			pos += runeLen(s[pos:])
			i++
			continue
		case i < len(parts) && parts[i].kind == 0 && strings.HasPrefix(s[pos:], parts[i].text):
			pos += len(parts[i].text)
			i++
			continue
		}
		if starPart < 0 || starPos >= len(s) {
			return false
		}
		starPos += runeLen(s[starPos:])
		i, pos = starPart+1, starPos
	}
}

func runeLen(s string) int {
	for i := 1; i < len(s); i++ {
		if s[i]&0xc0 != 0x80 {
			return i
		}
	}
	return len(s)
}

// splitARN splits a pattern at its first five colons, the ones between an ARN's
// components.
func splitARN(parts []part) [][]part {
	out := [][]part{nil}
	for _, x := range parts {
		if x.kind != 0 {
			out[len(out)-1] = append(out[len(out)-1], x)
			continue
		}
		for i, piece := range strings.SplitN(x.text, ":", 7-len(out)) {
			if i > 0 {
				out = append(out, nil)
			}
			if piece != "" {
				out[len(out)-1] = append(out[len(out)-1], part{text: piece})
			}
		}
	}
	return out
}

// matchARN matches component by component, as ArnLike and Principal do.
func (p pattern) matchARN(arn string, context contextKeys) bool {
	components, ok := p.expandARN(context)
	texts := strings.SplitN(arn, ":", 6)
	if !ok || len(components) != 6 || len(texts) != 6 {
		return ok && len(components) == 1 && glob(components[0], arn)
	}
	for i := range components {
		if !glob(components[i], texts[i]) {
			return false
		}
	}
	return true
}

// matchResource matches a Resource element. An ARN of fewer than six components
// is completed by stars, and a star that ends a component goes on beyond the
// colon; any other wildcard stays within its component.
func (p pattern) matchResource(resource string, context contextKeys) bool {
	if p.source == "*" {
		return true
	}
	components, ok := p.expandARN(context)
	texts := strings.SplitN(resource, ":", 6)
	if !ok || len(texts) != 6 {
		return ok && glob(joinComponents(components), resource)
	}
	return matchComponents(components, texts)
}

func matchComponents(components [][]part, texts []string) bool {
	for i, c := range components {
		if n := len(c); n > 0 && c[n-1].kind == '*' {
			// The star may take in what stands behind the colon, too.
			return glob(joinComponents(components[i:]), strings.Join(texts[i:], ":"))
		}
		if !glob(c, texts[i]) {
			return false
		}
	}
	return true
}

// joinComponents puts components together again, with their colons.
func joinComponents(components [][]part) []part {
	var out []part
	for i, c := range components {
		if i > 0 {
			out = append(out, part{text: ":"})
		}
		out = append(out, c...)
	}
	return out
}
