// Package money keeps amounts exact: decimal text comes in, an int64 of minor
// units (cents) is inside, decimal text goes out. No float64 anywhere, because
// 0.1 + 0.2 is not 0.3 there and whole numbers end at 2^53.
//
// [Scaled] reads any JSON number, and refuses hostile ones (1e400,
// 1e999999999, a hundred thousand digits) by looking at a few characters, before
// any arithmetic. It does not round: a number with more decimals than the
// currency has is an error. It knows how many decimals a currency has; it does
// not know whether a currency exists, and does not convert.
//
// Start at [Parse].
package money

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// Amount is an exact amount of money. The zero value is nothing, in no currency.
type Amount struct {
	Minor    int64  // in the currency's smallest unit: 102998 is 1029.98 USD
	Currency string // ISO 4217, such as USD
}

// decimals holds the currencies that do not have two decimals. ISO 4217, list
// one: https://www.six-group.com/en/products-services/financial-information/data-standards.html
var decimals = map[string]int{
	"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0,
	"RWF": 0, "UGX": 0, "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
	"BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
}

// Decimals is the number of digits after the point that a currency has.
func Decimals(currency string) int {
	if n, ok := decimals[currency]; ok {
		return n
	}
	return 2
}

// Parse reads text, a JSON number such as 1029.98, as an amount of currency.
func Parse(text, currency string) (Amount, error) {
	minor, err := Scaled(text, Decimals(currency))
	return Amount{minor, currency}, err
}

// String is the amount as decimal text with all of its decimals: 1029.98, 50.00.
func (a Amount) String() string {
	digits := strconv.FormatUint(magnitude(a.Minor), 10)
	n := Decimals(a.Currency)
	if missing := n + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	if point := len(digits) - n; n > 0 {
		digits = digits[:point] + "." + digits[point:]
	}
	if a.Minor < 0 {
		return "-" + digits
	}
	return digits
}

// MarshalJSON writes the amount as a JSON number with all of its decimals.
func (a Amount) MarshalJSON() ([]byte, error) { return []byte(a.String()), nil }

// Times multiplies; ok is false when the product does not fit.
func (a Amount) Times(n int64) (product Amount, ok bool) {
	hi, lo := bits.Mul64(magnitude(a.Minor), magnitude(n))
	if hi != 0 || lo > maxInt64 {
		return Amount{}, false
	}
	minor := int64(lo)
	if (a.Minor < 0) != (n < 0) {
		minor = -minor
	}
	return Amount{minor, a.Currency}, true
}

// Plus adds an amount of the same currency; ok is false when the sum does not
// fit, or when the currencies differ.
func (a Amount) Plus(b Amount) (sum Amount, ok bool) {
	minor := a.Minor + b.Minor
	overflow := (minor > a.Minor) != (b.Minor > 0) && b.Minor != 0
	if overflow || a.Currency != b.Currency {
		return Amount{}, false
	}
	return Amount{minor, a.Currency}, true
}

const maxInt64 = 1<<63 - 1

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

// What Scaled finds wrong with a number.
var (
	ErrNotANumber = errors.New("not a decimal number")
	ErrTooLarge   = errors.New("too large")
	ErrTooPrecise = errors.New("too many decimals")
)

// maxText is longer than any number worth reading; maxExponent is larger than
// any exponent such a number can need.
const (
	maxText     = 64
	maxExponent = 99
)

// Scaled reads text as a decimal number and returns it times 10 to the power of
// digits: Scaled("1029.98", 2) is 102998. It is exact or an error, and it costs
// no more for 1e999999999 than for 1.
func Scaled(text string, digits int) (int64, error) {
	if len(text) > maxText {
		return 0, fmt.Errorf("%w: %d characters, at most %d are read", ErrTooLarge, len(text), maxText)
	}
	significand, exponent, negative, err := split(text)
	if err != nil {
		return 0, fmt.Errorf("%q is %w", text, err)
	}
	n, err := shift(significand, exponent+digits)
	if err != nil {
		return 0, fmt.Errorf("%q has %w (%d are possible)", text, err, digits)
	}
	if n > maxInt64 {
		return 0, fmt.Errorf("%q is %w", text, ErrTooLarge)
	}
	if negative {
		return -int64(n), nil
	}
	return int64(n), nil
}

// split takes a JSON number apart into its digits, without leading and trailing
// zeros, and the power of ten they stand for.
func split(text string) (significand string, exponent int, negative bool, err error) {
	text, negative = strings.CutPrefix(text, "-")
	mantissa, power, scientific := strings.Cut(strings.ToLower(text), "e")
	whole, fraction, pointed := strings.Cut(mantissa, ".")
	if !decimal(whole) || pointed && !decimal(fraction) {
		return "", 0, false, ErrNotANumber
	}
	if scientific {
		if exponent, err = parseExponent(power); err != nil {
			return "", 0, false, err
		}
	}
	exponent -= len(fraction)
	significand = strings.TrimLeft(whole+fraction, "0")
	trimmed := strings.TrimRight(significand, "0")
	exponent += len(significand) - len(trimmed)
	return trimmed, exponent, negative, nil
}

// parseExponent reads no further than maxExponent, so that nobody counts to it: from
// there on a number is too large or too precise, whatever its digits, or zero.
func parseExponent(text string) (int, error) {
	unsigned, negative := strings.CutPrefix(text, "-")
	if !negative {
		unsigned = strings.TrimPrefix(text, "+")
	}
	if !decimal(unsigned) {
		return 0, ErrNotANumber
	}
	exponent, err := strconv.Atoi(unsigned) // out of range says so, and costs nothing
	if err != nil || exponent > maxExponent {
		exponent = maxExponent
	}
	if negative {
		return -exponent, nil
	}
	return exponent, nil
}

func decimal(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// shift multiplies digits by ten to the power of exponent.
func shift(digits string, exponent int) (uint64, error) {
	switch {
	case digits == "":
		return 0, nil
	case exponent < 0:
		return 0, ErrTooPrecise
	case len(digits)+exponent > 19:
		return maxInt64 + 1, nil
	}
	return strconv.ParseUint(digits+strings.Repeat("0", exponent), 10, 64)
}
