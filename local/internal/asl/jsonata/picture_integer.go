package jsonata

// This file defines $formatInteger and $parseInteger: integers as digits,
// letters, Roman numerals and English words, after XPath's format-integer.
// https://www.w3.org/TR/xpath-functions-31/#formatting-integers

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

type integerForm uint8

const (
	inDigits integerForm = iota
	inLetters
	inRoman
	inWords
	inSequence // of some alphabet: not supported
)

type letterCase uint8

const (
	lowerCase letterCase = iota
	upperCase
	titleCase
)

// integerPicture says how an integer is written.
type integerPicture struct {
	form                integerForm
	letters             letterCase
	ordinal             bool
	mandatory, optional int
	zero                rune
	separators          []separator // from the right
	regular             int
	text                string
}

type separator struct {
	at   int // digits to the right of it
	char string
}

var integerForms = map[string]integerPicture{
	"A": {form: inLetters, letters: upperCase}, "a": {form: inLetters}, "I": {form: inRoman, letters: upperCase}, "i": {form: inRoman},
	"W": {form: inWords, letters: upperCase}, "Ww": {form: inWords, letters: titleCase}, "w": {form: inWords},
}

func parseIntegerPicture(picture string) (*integerPicture, error) {
	primary, ordinal := picture, false
	if at := strings.LastIndex(picture, ";"); at >= 0 {
		primary, ordinal = picture[:at], strings.HasPrefix(picture[at+1:], "o")
	}
	p, named := integerForms[primary]
	p.ordinal, p.text = ordinal, primary
	if named {
		return &p, nil
	}
	return &p, p.digits(primary)
}

func (p *integerPicture) digits(primary string) error {
	chars := []rune(primary)
	slices.Reverse(chars)
	for _, c := range chars {
		zero, isDigit := digitFamily(c)
		switch {
		case isDigit && p.mandatory > 0 && zero != p.zero:
			return fault("D3131", 0, "")
		case isDigit:
			p.mandatory, p.zero = p.mandatory+1, zero
		case c == '#':
			p.optional++
		default:
			p.separators = append(p.separators, separator{p.mandatory + p.optional, string(c)})
		}
	}
	if p.mandatory == 0 {
		p.form = inSequence
		return nil
	}
	same := true
	positions := make([]int, len(p.separators))
	for i, s := range p.separators {
		positions[i] = s.at
		same = same && s.char == p.separators[0].char
	}
	if same {
		p.regular = regularGroup(positions)
	}
	return nil
}

// digitFamily returns the zero of the family of digits that c belongs to.
func digitFamily(c rune) (zero rune, ok bool) {
	for _, r := range unicode.Nd.R16 {
		if lo := rune(r.Lo); c >= lo && c <= rune(r.Hi) {
			return lo + (c-lo)/10*10, true
		}
	}
	return 0, false
}

func (p *integerPicture) unsupported() error {
	return fault("D3130", 0, "", "value", quote(p.text))
}

func formatInteger(r *run, args []any) (any, error) {
	f, ok := number(args[0])
	if !ok {
		return undefined, nil
	}
	picture, _ := args[1].(string)
	p, err := parseIntegerPicture(picture)
	if err != nil {
		return nil, err
	}
	s, err := p.format(math.Floor(f), r)
	return s, err
}

func (p *integerPicture) format(f float64, r *run) (string, error) {
	negative := f < 0
	f = math.Abs(f)
	var s string
	switch p.form {
	case inLetters:
		if s = letters(f, r.limits.Size); s == "" && f > 0 {
			return "", p.unsupported()
		}
	case inRoman:
		if f > 1e6 {
			return "", fault("D1001", 0, "", "value", formatNumber(f))
		}
		s = roman(int(f))
	case inWords:
		s = words(f, false, p.ordinal)
		if p.letters == lowerCase {
			s = strings.ToLower(s)
		}
	case inSequence:
		return "", p.unsupported()
	default:
		s = p.formatDigits(f)
	}
	if p.letters == upperCase {
		s = strings.ToUpper(s)
	}
	if negative {
		s = "-" + s
	}
	return s, r.grow(len(s))
}

func (p *integerPicture) formatDigits(f float64) string {
	plain := strconv.FormatFloat(f, 'f', 0, 64)
	plain = strings.Repeat("0", max(0, p.mandatory-len(plain))) + plain
	var b strings.Builder
	for i, c := range plain {
		right := len(plain) - i
		for _, s := range p.separators {
			if i > 0 && (p.regular == 0 && s.at == right || p.regular > 0 && right%p.regular == 0) {
				b.WriteString(s.char)
				if p.regular > 0 {
					break
				}
			}
		}
		b.WriteRune(c - '0' + p.zero)
	}
	if p.ordinal {
		b.WriteString(ordinalSuffix(plain))
	}
	return b.String()
}

func ordinalSuffix(digits string) string {
	last := digits[len(digits)-1]
	if len(digits) > 1 && digits[len(digits)-2] == '1' {
		return "th"
	}
	switch last {
	case '1':
		return "st"
	case '2':
		return "nd"
	case '3':
		return "rd"
	}
	return "th"
}

// letters counts a, b, ... z, aa, ab, ...
func letters(f float64, limit int) string {
	var out []byte
	for ; f >= 1 && len(out) < min(limit, 300); f = math.Floor((f - 1) / 26) {
		out = append(out, byte('a'+int(math.Mod(f-1, 26))))
	}
	slices.Reverse(out)
	return string(out)
}

var romanNumerals = []struct {
	value int
	text  string
}{
	{1000, "m"}, {900, "cm"}, {500, "d"}, {400, "cd"}, {100, "c"}, {90, "xc"}, {50, "l"}, {40, "xl"}, {10, "x"}, {9, "ix"}, {5, "v"}, {4, "iv"}, {1, "i"},
}

func roman(n int) string {
	var b strings.Builder
	for _, r := range romanNumerals {
		for ; n >= r.value; n -= r.value {
			b.WriteString(r.text)
		}
	}
	return b.String()
}

func fromRoman(s string) (n float64) {
	s = strings.ToLower(s)
	for _, r := range romanNumerals {
		for strings.HasPrefix(s, r.text) {
			n, s = n+float64(r.value), s[len(r.text):]
		}
	}
	return n
}

var (
	few = strings.Fields("Zero One Two Three Four Five Six Seven Eight Nine Ten Eleven Twelve Thirteen Fourteen Fifteen " +
		"Sixteen Seventeen Eighteen Nineteen")
	fewth = strings.Fields("Zeroth First Second Third Fourth Fifth Sixth Seventh Eighth Ninth Tenth Eleventh Twelfth Thirteenth " +
		"Fourteenth Fifteenth Sixteenth Seventeenth Eighteenth Nineteenth")
	tens       = strings.Fields("Twenty Thirty Forty Fifty Sixty Seventy Eighty Ninety")
	magnitudes = strings.Fields("Thousand Million Billion Trillion")
)

// words writes f in English, in title case. follows tells of words before it.
func words(f float64, follows, ordinal bool) string {
	lead := func(s string) string {
		if follows {
			return s
		}
		return ""
	}
	switch {
	case f < 20 && ordinal:
		return lead(" and ") + fewth[int(f)]
	case f < 20:
		return lead(" and ") + few[int(f)]
	case f < 100:
		ten, rest := tens[int(f)/10-2], math.Mod(f, 10)
		switch {
		case rest > 0:
			ten += "-" + words(rest, false, ordinal)
		case ordinal:
			ten = ten[:len(ten)-1] + "ieth"
		}
		return lead(" and ") + ten
	case f < 1000:
		return lead(", ") + few[int(f)/100] + " Hundred" + wordsRest(math.Mod(f, 100), ordinal)
	}
	magnitude := min(int(math.Floor(math.Log10(f)/3+1e-9)), len(magnitudes))
	factor := math.Pow10(3 * magnitude)
	count := math.Floor(f / factor)
	return lead(", ") + words(count, false, false) + " " + magnitudes[magnitude-1] + wordsRest(f-count*factor, ordinal)
}

func wordsRest(f float64, ordinal bool) string {
	switch {
	case f > 0:
		return words(f, true, ordinal)
	case ordinal:
		return "th"
	}
	return ""
}

// wordValues has what each word adds or multiplies.
var wordValues = func() map[string]float64 {
	out := map[string]float64{"hundred": 100, "hundredth": 100}
	for i := range few {
		out[strings.ToLower(few[i])], out[strings.ToLower(fewth[i])] = float64(i), float64(i)
	}
	for i, ten := range tens {
		ten = strings.ToLower(ten)
		out[ten], out[ten[:len(ten)-1]+"ieth"] = float64(10*i+20), float64(10*i+20)
	}
	for i, m := range magnitudes {
		m = strings.ToLower(m)
		out[m], out[m+"th"] = math.Pow10(3*i+3), math.Pow10(3*i+3)
	}
	return out
}()

func fromWords(s string) (total float64, ok bool) {
	var parts []float64
	for _, w := range strings.FieldsFunc(strings.ToLower(s), func(c rune) bool { return c == ' ' || c == ',' || c == '-' }) {
		if w == "and" {
			continue
		}
		v, known := wordValues[w]
		if !known {
			return 0, false
		}
		last := len(parts) - 1
		switch {
		case v < 100 && last >= 0 && parts[last] < 1000:
			parts[last] += v
		case v < 100:
			parts = append(parts, v)
		case last >= 0:
			parts[last] *= v
		}
	}
	for _, p := range parts {
		total += p
	}
	return total, len(parts) > 0
}

func parseInteger(_ *run, args []any) (any, error) {
	s, ok := args[0].(string)
	picture, also := args[1].(string)
	if !ok || !also {
		return undefined, nil
	}
	p, err := parseIntegerPicture(picture)
	if err != nil {
		return nil, err
	}
	f, ok, err := p.parse(s)
	if err != nil || !ok {
		return undefined, err
	}
	return f, nil
}

func (p *integerPicture) parse(s string) (float64, bool, error) {
	switch p.form {
	case inLetters:
		n := 0.0
		for _, c := range strings.ToLower(s) {
			n = n*26 + float64(c-'a'+1)
		}
		return n, s != "", nil
	case inRoman:
		return fromRoman(s), true, nil
	case inWords:
		f, ok := fromWords(s)
		return f, ok, nil
	case inSequence:
		return 0, false, p.unsupported()
	}
	if p.ordinal && len(s) > 2 {
		s = strings.TrimRight(s, "dhnrst") // st, nd, rd, th
	}
	for _, sep := range p.separators {
		s = strings.ReplaceAll(s, sep.char, "")
	}
	if p.zero != '0' {
		s = strings.Map(func(c rune) rune {
			if c >= p.zero && c <= p.zero+9 {
				return c - p.zero + '0'
			}
			return c
		}, s)
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil && utf8.ValidString(s), nil
}
