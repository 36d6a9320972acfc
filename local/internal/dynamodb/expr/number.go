package expr

// This file defines DynamoDB's numbers: exact decimals of up to 38 digits.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html#HowItWorks.DataTypes.Number

import (
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"
)

// Number is a number in its one spelling: plain digits, no exponent, no zeros
// that mean nothing. Two Numbers are equal when their texts are. Make it with
// [ParseNumber].
type Number string

const (
	maxDigits   = 38
	maxExponent = 125  // of the first digit
	minExponent = -130 // of the first digit
)

// The refusals of numbers.
const (
	tooPrecise = "Attempting to store more than 38 significant digits in a Number"
	tooLarge   = "Number overflow. Attempting to store a number with magnitude larger than supported range"
	tooSmall   = "Number underflow. Attempting to store a number with magnitude smaller than supported range"
)

// ParseNumber reads a number in any spelling that DynamoDB takes.
func ParseNumber(text string) (Number, error) {
	if isPlainInteger(text) {
		return Number(text), nil
	}
	negative, digits, exponent, ok := splitNumber(text)
	if !ok {
		if text == "" {
			return "", errorf("The parameter cannot be converted to a numeric value")
		}
		return "", errorf("The parameter cannot be converted to a numeric value: %s", text)
	}
	if digits == "" {
		return "0", nil
	}
	switch {
	case len(digits) > maxDigits:
		return "", errorf(tooPrecise)
	case exponent > maxExponent:
		return "", errorf(tooLarge)
	case exponent < minExponent:
		return "", errorf(tooSmall)
	}
	return spell(negative, digits, exponent), nil
}

// isPlainInteger reports whether text is already the one spelling of an integer
// that fits; most numbers are.
func isPlainInteger(text string) bool {
	digits := strings.TrimPrefix(text, "-")
	if digits == "" || len(digits) > maxDigits || digits[0] == '0' && text != "0" {
		return false
	}
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return false
		}
	}
	return true
}

// splitNumber takes a number apart: its significant digits, without zeros at
// either end, and the power of ten of the first of them.
func splitNumber(text string) (negative bool, digits string, exponent int, ok bool) {
	rest := text
	if rest != "" && (rest[0] == '-' || rest[0] == '+') {
		negative, rest = rest[0] == '-', rest[1:]
	}
	mantissa, exp := rest, ""
	if i := strings.IndexAny(rest, "eE"); i >= 0 {
		mantissa, exp = rest[:i], rest[i+1:]
		if exponent, ok = parseExponent(exp); !ok {
			return false, "", 0, false
		}
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	all := whole + fraction
	if all == "" || strings.Trim(all, "0123456789") != "" {
		return false, "", 0, false
	}
	significant := strings.TrimLeft(all, "0")
	exponent += len(whole) - 1 - (len(all) - len(significant))
	return negative, strings.TrimRight(significant, "0"), exponent, true
}

// parseExponent reads an exponent; one too long for an int is far out of range
// anyway and is cut.
func parseExponent(text string) (int, bool) {
	unsigned := strings.TrimLeft(strings.TrimPrefix(strings.TrimPrefix(text, "-"), "+"), "0")
	if len(unsigned) > 9 && strings.Trim(unsigned, "0123456789") == "" {
		if text[0] == '-' {
			return -999999999, true
		}
		return 999999999, true
	}
	n, err := strconv.Atoi(strings.TrimPrefix(text, "+"))
	return n, err == nil && !strings.HasPrefix(text, "+-")
}

// spell writes digits with the decimal point behind the digit of 10^0.
func spell(negative bool, digits string, exponent int) Number {
	var b strings.Builder
	if negative {
		b.WriteByte('-')
	}
	switch {
	case exponent < 0:
		b.WriteString("0.")
		b.WriteString(strings.Repeat("0", -exponent-1))
		b.WriteString(digits)
	case exponent+1 >= len(digits):
		b.WriteString(digits)
		b.WriteString(strings.Repeat("0", exponent+1-len(digits)))
	default:
		b.WriteString(digits[:exponent+1])
		b.WriteByte('.')
		b.WriteString(digits[exponent+1:])
	}
	return Number(b.String())
}

// Compare orders numbers.
func (n Number) Compare(m Number) int {
	nNegative, mNegative := strings.HasPrefix(string(n), "-"), strings.HasPrefix(string(m), "-")
	switch {
	case n == m:
		return 0
	case nNegative && !mNegative:
		return -1
	case mNegative && !nNegative:
		return 1
	case nNegative:
		return compareUnsigned(string(m[1:]), string(n[1:]))
	}
	return compareUnsigned(string(n), string(m))
}

// compareUnsigned orders plain decimals: more digits before the point is more,
// else the texts decide, since a fraction has no zeros at its end.
func compareUnsigned(a, b string) int {
	aWhole, aFraction, _ := strings.Cut(a, ".")
	bWhole, bFraction, _ := strings.Cut(b, ".")
	if len(aWhole) != len(bWhole) {
		return len(aWhole) - len(bWhole)
	}
	if c := strings.Compare(aWhole, bWhole); c != 0 {
		return c
	}
	return strings.Compare(aFraction, bFraction)
}

// Parts returns the significant digits of a number that is not zero and the
// power of ten of the first of them, for key encodings and sizes.
func (n Number) Parts() (negative bool, digits string, exponent int) {
	negative, digits, exponent, _ = splitNumber(string(n))
	return negative, digits, exponent
}

// Add returns n + m, or an error when the sum needs more than DynamoDB has.
func (n Number) Add(m Number) (Number, error) { return arithmetic(n, m, (*apd.Context).Add) }

// Sub returns n - m.
func (n Number) Sub(m Number) (Number, error) { return arithmetic(n, m, (*apd.Context).Sub) }

// exact computes without rounding: no sum of two numbers in range has more
// digits than lie between their exponents.
var exact = apd.BaseContext.WithPrecision(maxExponent - minExponent + maxDigits)

func arithmetic(n, m Number, op func(c *apd.Context, d, x, y *apd.Decimal) (apd.Condition, error)) (Number, error) {
	x, _, err := apd.NewFromString(string(n))
	if err != nil {
		return "", err
	}
	y, _, err := apd.NewFromString(string(m))
	if err != nil {
		return "", err
	}
	var d apd.Decimal
	if _, err := op(exact, &d, x, y); err != nil {
		return "", err
	}
	return ParseNumber(d.Text('f'))
}

// size is what a number costs in an item: a byte, one more for two digits before
// the point and for two behind it, and one if it is negative. The documentation
// has it roughly (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html);
// this is what AWS was measured to charge.
func (n Number) size() int {
	negative, digits, exponent := n.Parts()
	whole := min(max(exponent+1, 0), len(digits))
	size := 1 + (whole+1)/2 + (len(digits)-whole+1)/2
	if negative {
		size++
	}
	return size
}
