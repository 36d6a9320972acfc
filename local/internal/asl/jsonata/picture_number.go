package jsonata

// This file defines $formatNumber: a number after a decimal picture, as in XPath.
// https://www.w3.org/TR/xpath-functions-31/#formatting-numbers

import (
	"math"
	"strconv"
	"strings"
)

// symbols are the characters that mean something in a picture.
type symbols struct {
	decimal, grouping, exponent, digit, separator, percent, permille, minus string
	zero                                                                    rune
}

// subPicture is one of the up to two parts of a picture, taken apart.
type subPicture struct {
	prefix, suffix           string
	active                   string // all between them
	mantissa, exponent       string
	integer, fraction        string
	groups, fractionGroups   []int // digits to the right (left) of each separator
	regular                  int   // if the groups are all alike
	minInteger, scale        int
	minFraction, maxFraction int
	minExponent              int
	isPercent, isPermille    bool
}

func formatPicture(r *run, args []any) (any, error) {
	f, ok := number(args[0])
	if !ok {
		return undefined, nil
	}
	picture, _ := args[1].(string)
	sym := symbolsOf(argument(args, 2))
	parts := strings.Split(picture, sym.separator)
	if len(parts) > 2 {
		return nil, fault("D3080", 0, "formatNumber")
	}
	subs := make([]*subPicture, len(parts))
	for i, part := range parts {
		var err error
		if subs[i], err = sym.analyse(part); err != nil {
			return nil, err
		}
	}
	sub := subs[0]
	if f < 0 {
		if len(subs) == 1 {
			negative := *sub
			negative.prefix = sym.minus + sub.prefix
			sub = &negative
		} else {
			sub = subs[1]
		}
	}
	out := sub.format(math.Abs(f), &sym)
	return out, r.grow(len(out))
}

func symbolsOf(options any) symbols {
	get := func(name, standard string) string {
		if s, ok := field(options, name).(string); ok && s != "" {
			return s
		}
		return standard
	}
	return symbols{
		decimal: get("decimal-separator", "."), grouping: get("grouping-separator", ","), exponent: get("exponent-separator", "e"),
		digit: get("digit", "#"), separator: get("pattern-separator", ";"), percent: get("percent", "%"),
		permille: get("per-mille", "‰"), minus: get("minus-sign", "-"), zero: []rune(get("zero-digit", "0"))[0],
	}
}

func (y *symbols) isDigit(c rune) bool { return c >= y.zero && c <= y.zero+9 }

func (y *symbols) isActive(c rune) bool {
	s := string(c)
	return y.isDigit(c) || s == y.decimal || s == y.exponent || s == y.grouping || s == y.digit
}

// digits counts the characters of part that are digits, mandatory or not.
func (y *symbols) digits(part string, optional bool) (n int) {
	for _, c := range part {
		if y.isDigit(c) || optional && string(c) == y.digit {
			n++
		}
	}
	return n
}

func (y *symbols) analyse(picture string) (*subPicture, error) {
	p := y.takeApart(picture)
	if code := y.check(p, picture); code != "" {
		return nil, fault(code, 0, "formatNumber")
	}
	p.isPercent, p.isPermille = strings.Contains(picture, y.percent), strings.Contains(picture, y.permille)
	p.groups = y.positions(p.integer, true)
	p.fractionGroups = y.positions(p.fraction, false)
	p.regular = regularGroup(p.groups)
	p.minInteger = y.digits(p.integer, false)
	p.scale = p.minInteger
	p.minFraction, p.maxFraction = y.digits(p.fraction, false), y.digits(p.fraction, true)
	p.minExponent = y.digits(p.exponent, false)
	if p.minInteger == 0 && p.maxFraction == 0 {
		if p.exponent != "" {
			p.minFraction, p.maxFraction = 1, 1
		} else {
			p.minInteger = 1
		}
	}
	if p.exponent != "" && p.minInteger == 0 && strings.Contains(p.integer, y.digit) {
		p.minInteger = 1
	}
	if p.minInteger == 0 && p.minFraction == 0 {
		p.minFraction = 1
	}
	return p, nil
}

func (y *symbols) takeApart(picture string) *subPicture {
	chars := []rune(picture)
	from, to := 0, len(chars)
	ends := func(c rune) bool { return y.isActive(c) && string(c) != y.exponent }
	for from < len(chars) && !ends(chars[from]) {
		from++
	}
	for to > from && !ends(chars[to-1]) {
		to--
	}
	p := &subPicture{prefix: string(chars[:from]), suffix: string(chars[to:]), active: string(chars[from:to])}
	p.mantissa = p.active
	if at := strings.Index(p.active, y.exponent); at >= 0 {
		p.mantissa, p.exponent = p.active[:at], p.active[at+len(y.exponent):]
	}
	p.integer, p.fraction = p.mantissa, p.suffix
	if at := strings.Index(p.mantissa, y.decimal); at >= 0 {
		p.integer, p.fraction = p.mantissa[:at], p.mantissa[at+len(y.decimal):]
	} else {
		p.fraction = ""
	}
	return p
}

// check returns the code of the rule that the picture breaks.
func (y *symbols) check(p *subPicture, picture string) string {
	count := func(s string) int { return strings.Count(picture, s) }
	passive := false
	for _, c := range p.active {
		passive = passive || !y.isActive(c)
	}
	decimalAt := strings.Index(picture, y.decimal)
	switch {
	case count(y.decimal) > 1:
		return "D3081"
	case count(y.percent) > 1:
		return "D3082"
	case count(y.permille) > 1:
		return "D3083"
	case count(y.percent) > 0 && count(y.permille) > 0:
		return "D3084"
	case y.digits(p.mantissa, true) == 0:
		return "D3085"
	case passive:
		return "D3086"
	case decimalAt >= 0 && (strings.Contains(picture, y.grouping+y.decimal) || strings.Contains(picture, y.decimal+y.grouping)):
		return "D3087"
	case decimalAt < 0 && strings.HasSuffix(p.integer, y.grouping):
		return "D3088"
	case strings.Contains(picture, y.grouping+y.grouping):
		return "D3089"
	case y.mixed(p.integer, true):
		return "D3090"
	case y.mixed(p.fraction, false):
		return "D3091"
	case p.exponent != "" && count(y.percent)+count(y.permille) > 0:
		return "D3092"
	case p.exponent != "" && y.digits(p.exponent, false) != len([]rune(p.exponent)):
		return "D3093"
	}
	return ""
}

// mixed tells of an optional digit within the mandatory ones: to the right of
// one in the integer part, to the left in the fraction.
func (y *symbols) mixed(part string, mandatoryFirst bool) bool {
	first := strings.IndexFunc(part, y.isDigit)
	optional := strings.LastIndex(part, y.digit)
	if !mandatoryFirst {
		first, optional = strings.Index(part, y.digit), strings.LastIndexFunc(part, y.isDigit)
	}
	return first >= 0 && optional > first
}

// positions counts, for each separator, the digits between it and the point.
func (y *symbols) positions(part string, toTheRight bool) (out []int) {
	for at, rest := 0, part; ; {
		i := strings.Index(rest, y.grouping)
		if i < 0 {
			return out
		}
		at += i
		side := part[:at]
		if toTheRight {
			side = part[at+len(y.grouping):]
		}
		out = append(out, y.digits(side, true))
		at += len(y.grouping)
		rest = part[at:]
	}
}

// regularGroup is the size of the groups, if the positions are its multiples.
func regularGroup(positions []int) int {
	if len(positions) == 0 {
		return 0
	}
	size := positions[0]
	for _, p := range positions {
		for a, b := size, p; ; a, b = b, a%b {
			if b == 0 {
				size = a
				break
			}
		}
	}
	if size == 0 {
		return 0
	}
	for i := 1; i <= len(positions); i++ {
		found := false
		for _, p := range positions {
			found = found || p == i*size
		}
		if !found {
			return 0
		}
	}
	return size
}

func (p *subPicture) format(f float64, y *symbols) string {
	switch {
	case p.isPercent:
		f *= 100
	case p.isPermille:
		f *= 1000
	}
	exponent := 0
	if p.minExponent > 0 {
		f, exponent = p.normalise(f)
	}
	integer, fraction, _ := strings.Cut(strconv.FormatFloat(roundTo(f, p.maxFraction), 'f', p.maxFraction, 64), ".")
	integer = strings.TrimLeft(integer, "0")
	fraction = strings.TrimRight(fraction, "0")
	integer = strings.Repeat("0", max(0, p.minInteger-len(integer))) + integer
	fraction += strings.Repeat("0", max(0, p.minFraction-len(fraction)))
	out := p.group(integer, y)
	if fraction != "" {
		out += y.decimal + p.groupFraction(fraction, y)
	}
	if p.minExponent > 0 {
		digits := strconv.Itoa(max(exponent, -exponent))
		out += y.exponent
		if exponent < 0 {
			out += y.minus
		}
		out += strings.Repeat("0", max(0, p.minExponent-len(digits))) + digits
	}
	return p.prefix + y.own(out) + p.suffix
}

// normalise splits f so that the mantissa has as many integer digits as the
// picture asks for.
func (p *subPicture) normalise(f float64) (mantissa float64, exponent int) {
	if f == 0 {
		return 0, 0
	}
	_, e, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	exponent, _ = strconv.Atoi(e)
	exponent -= p.scale - 1
	return shift(f, -exponent), exponent
}

// own replaces the digits by the picture's family of them.
func (y *symbols) own(s string) string {
	if y.zero == '0' {
		return s
	}
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' {
			return c - '0' + y.zero
		}
		return c
	}, s)
}

func (p *subPicture) group(digits string, y *symbols) string {
	var b strings.Builder
	for i := range len(digits) {
		right := len(digits) - i
		separated := p.regular > 0 && right%p.regular == 0
		for _, at := range p.groups {
			separated = separated || p.regular == 0 && at == right
		}
		if i > 0 && separated {
			b.WriteString(y.grouping)
		}
		b.WriteByte(digits[i])
	}
	return b.String()
}

func (p *subPicture) groupFraction(digits string, y *symbols) string {
	var b strings.Builder
	for i := range len(digits) {
		for _, at := range p.fractionGroups {
			if i > 0 && at == i {
				b.WriteString(y.grouping)
			}
		}
		b.WriteByte(digits[i])
	}
	return b.String()
}
