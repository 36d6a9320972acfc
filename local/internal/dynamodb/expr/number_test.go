package expr

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseNumber(t *testing.T) {
	huge := "1" + strings.Repeat("0", 125)
	for text, want := range map[string]string{
		"0": "0", "-0": "0", "0.00": "0", "0e99999999999": "0", "1": "1", "-1": "-1", "+1.": "1", ".5": "0.5", "1.50": "1.5", "00042": "42",
		"1.5E2": "150", "1e+5": "100000", "1E-3": "0.001", "-12.345e1": "-123.45", "1e125": huge, "1e-130": "0." + strings.Repeat("0", 129) + "1",
		"12345678901234567890123456789012345678":   "12345678901234567890123456789012345678",
		"123456789012345678901234567890123456780":  "123456789012345678901234567890123456780",
		"123456789012345678901234567890123456789":  "! " + tooPrecise,
		"1.23456789012345678901234567890123456789": "! " + tooPrecise,
		"1e126": "! " + tooLarge, "-1e126": "! " + tooLarge, "1e99999999999": "! " + tooLarge, "1e-131": "! " + tooSmall, "1e-99999999999": "! " + tooSmall,
		"": "! The parameter cannot be converted to a numeric value",
	} {
		n, err := ParseNumber(text)
		expect(t, want, result(string(n), err))
	}
	for _, text := range []string{"x", "1 ", " 1", "--1", "1e", "e1", ".", "1e+-5", "0x10", "NaN", "Infinity", "1_000", "1,5", "١"} {
		_, err := ParseNumber(text)
		if err == nil {
			t.Errorf("%q passes for a number", text)
			continue
		}
		expect(t, "The parameter cannot be converted to a numeric value: "+text, err.Error())
	}
}

// The sizes that AWS was measured to charge, and some that follow.
func TestSizes(t *testing.T) {
	for _, c := range []struct {
		v    Value
		want int
	}{
		{Number("1"), 2}, {Number("123456"), 4}, {Number("3.14159"), 5}, {Number("-1"), 3}, {Number("0.001"), 2}, {Number("1" + strings.Repeat("0", 125)), 2},
		{String("abÿ"), 4}, {Binary("\x00\x01"), 2}, {Bool(true), 1}, {Null{}, 1}, {&Set{S, []string{"a", "bc"}}, 3}, {&Set{N, []string{"1", "22"}}, 4},
		{List{String("a"), Bool(true)}, 3 + 2 + 2}, {(&Map{}).With("k", String("v")), 3 + 1 + 2},
	} {
		if got := Size(c.v); got != c.want {
			t.Errorf("%s costs %d, want %d", Show(c.v), got, c.want)
		}
	}
}

// numbers draws a number in some spelling, with its value.
func numbers() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		digits := rapid.StringMatching(`[0-9]{1,20}`).Draw(t, "digits")
		point := rapid.IntRange(0, len(digits)).Draw(t, "point")
		exponent := rapid.IntRange(-100, 100).Draw(t, "exponent")
		sign := rapid.SampledFrom([]string{"", "-", "+"}).Draw(t, "sign")
		return fmt.Sprintf("%s%s.%se%d", sign, digits[:point], digits[point:], exponent)
	})
}

func exactly(t *rapid.T, text string) *big.Rat {
	r, ok := new(big.Rat).SetString(strings.Replace(text, ".e", ".0e", 1))
	if !ok {
		t.Fatalf("the test cannot read %q", text)
	}
	return r
}

// TestNumbersAreExact holds numbers against rational arithmetic.
func TestNumbersAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := numbers().Draw(t, "a"), numbers().Draw(t, "b")
		x, errX := ParseNumber(a)
		y, errY := ParseNumber(b)
		if errX != nil || errY != nil {
			return // out of range
		}
		p, q := exactly(t, a), exactly(t, b)
		if exactly(t, string(x)).Cmp(p) != 0 {
			t.Fatalf("%s reads as %s", a, x)
		}
		if again, err := ParseNumber(string(x)); again != x || err != nil {
			t.Fatalf("%s reads again as %s, %v", x, again, err)
		}
		if got := sign(x.Compare(y)); got != p.Cmp(q) {
			t.Fatalf("%s compared with %s: %d", x, y, got)
		}
		if sum, err := x.Add(y); err == nil && exactly(t, string(sum)).Cmp(new(big.Rat).Add(p, q)) != 0 {
			t.Fatalf("%s + %s = %s", x, y, sum)
		}
		if difference, err := x.Sub(y); err == nil && exactly(t, string(difference)).Cmp(new(big.Rat).Sub(p, q)) != 0 {
			t.Fatalf("%s - %s = %s", x, y, difference)
		}
	})
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}
