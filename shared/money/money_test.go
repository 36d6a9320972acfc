package money

import (
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestScaled(t *testing.T) {
	for _, c := range []struct {
		text   string
		digits int
		want   int64
		err    error
	}{
		{"1029.98", 2, 102998, nil},
		{"999.99", 2, 99999, nil},
		{"0.1", 2, 10, nil},
		{"-0.01", 2, -1, nil},
		{"50", 2, 5000, nil},
		{"50.00000", 2, 5000, nil},
		{"1.02998e3", 2, 102998, nil},
		{"1.02998E+3", 2, 102998, nil},
		{"102998e-2", 2, 102998, nil},
		{"0", 2, 0, nil},
		{"0.000", 0, 0, nil},
		{"0e-99", 2, 0, nil},
		{"0E99", 0, 0, nil},
		{"-0.0e999999999", 2, 0, nil},
		{"0." + strings.Repeat("0", 57) + "1e99", 0, 0, ErrTooLarge},
		{"1" + strings.Repeat("0", 58) + "e-99", 2, 0, ErrTooPrecise},
		{"2.0", 0, 2, nil},
		{"2e0", 0, 2, nil},
		{"007", 0, 7, nil},
		{"92233720368547758.07", 2, 1<<63 - 1, nil},
		{"92233720368547758.08", 2, 0, ErrTooLarge},
		{"9999999999999999999", 0, 0, ErrTooLarge},
		{"99999999999999999999", 0, 0, ErrTooLarge},
		{"1e400", 2, 0, ErrTooLarge},
		{"-1e400", 2, 0, ErrTooLarge},
		{"1e999999999", 2, 0, ErrTooLarge},
		{"1e99999999999999999999", 2, 0, ErrTooLarge},
		{"1e-999999999", 2, 0, ErrTooPrecise},
		{"1e-99999999999999999999", 2, 0, ErrTooPrecise},
		{strings.Repeat("9", 100_000), 2, 0, ErrTooLarge},
		{"0." + strings.Repeat("0", 100_000) + "1", 2, 0, ErrTooLarge},
		{"0.001", 2, 0, ErrTooPrecise},
		{"1.5", 0, 0, ErrTooPrecise},
		{"", 2, 0, ErrNotANumber},
		{"-", 2, 0, ErrNotANumber},
		{".5", 2, 0, ErrNotANumber},
		{"5.", 2, 0, ErrNotANumber},
		{"1e", 2, 0, ErrNotANumber},
		{"1e+-5", 2, 0, ErrNotANumber},
		{"1e5.5", 2, 0, ErrNotANumber},
		{"NaN", 2, 0, ErrNotANumber},
		{"Infinity", 2, 0, ErrNotANumber},
		{"0x10", 2, 0, ErrNotANumber},
		{"1,5", 2, 0, ErrNotANumber},
		{`"12"`, 2, 0, ErrNotANumber},
		{"١٢", 2, 0, ErrNotANumber},
	} {
		name := c.text[:min(len(c.text), 30)]
		got, err := Scaled(c.text, c.digits)
		assert.Equal(t, c.want, got, name)
		assert.ErrorIs(t, err, c.err, name)
		if err != nil {
			assert.Less(t, len(err.Error()), 200, "an error is for people: %s", name)
		}
	}
}

func TestHostileNumbersAreCheap(t *testing.T) {
	start := time.Now()
	for range 10_000 {
		_, err := Scaled("1e999999999", 2)
		require.Error(t, err)
	}
	assert.Less(t, time.Since(start), time.Second)
}

// TestScaledIsExact compares with arbitrary precision.
func TestScaledIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,8})?([eE][+-]?[0-9]{1,2})?`).Draw(t, "number")
		digits := rapid.IntRange(0, 4).Draw(t, "digits")
		exact, ok := new(big.Rat).SetString(text)
		require.True(t, ok)
		exact.Mul(exact, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil)))
		got, err := Scaled(text, digits)
		switch {
		case err == nil:
			require.Zero(t, exact.Cmp(new(big.Rat).SetInt64(got)), "%s times 10^%d is %s, not %d", text, digits, exact, got)
		case errors.Is(err, ErrTooPrecise):
			require.False(t, exact.IsInt(), "%s is exact in %d digits", text, digits)
		case errors.Is(err, ErrTooLarge):
			require.False(t, exact.IsInt() && exact.Num().IsInt64(), "%s fits", text)
		default:
			t.Fatalf("%s: %v", text, err)
		}
	})
}

func TestAmountAsText(t *testing.T) {
	for _, c := range []struct {
		text, currency, want string
	}{
		{"1029.98", "USD", "1029.98"},
		{"1e3", "EUR", "1000.00"},
		{"0.05", "USD", "0.05"},
		{"-0.05", "USD", "-0.05"},
		{"500", "JPY", "500"},
		{"1.5", "KWD", "1.500"},
		{"0.001", "BHD", "0.001"},
	} {
		amount, err := Parse(c.text, c.currency)
		require.NoError(t, err)
		assert.Equal(t, c.want, amount.String())
		written, err := json.Marshal(amount)
		require.NoError(t, err)
		assert.Equal(t, c.want, string(written))
	}
	assert.Equal(t, "-92233720368547758.08", Amount{-1 << 63, "USD"}.String())
}

func TestArithmeticNeverWraps(t *testing.T) {
	amounts := rapid.Custom(func(t *rapid.T) Amount {
		return Amount{rapid.Int64().Draw(t, "minor"), rapid.SampledFrom([]string{"USD", "EUR"}).Draw(t, "currency")}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b, n := amounts.Draw(t, "a"), amounts.Draw(t, "b"), rapid.Int64().Draw(t, "n")
		sum := new(big.Int).Add(big.NewInt(a.Minor), big.NewInt(b.Minor))
		got, ok := a.Plus(b)
		require.Equal(t, sum.IsInt64() && a.Currency == b.Currency, ok)
		if ok {
			require.Equal(t, sum.Int64(), got.Minor)
		}
		product := new(big.Int).Mul(big.NewInt(a.Minor), big.NewInt(n))
		if got, ok = a.Times(n); ok {
			require.Equal(t, product.Int64(), got.Minor)
		} else {
			require.False(t, product.IsInt64() && product.Int64() != -1<<63, "%d times %d fits", a.Minor, n)
		}
	})
}

func FuzzScaled(f *testing.F) {
	for _, seed := range []string{"1029.98", "1e400", "-0", "1e-5", "", "00.00", "9223372036854775807"} {
		f.Add(seed, 2)
	}
	f.Fuzz(func(t *testing.T, text string, digits int) {
		n, err := Scaled(text, min(max(digits, 0), 18))
		if err != nil && n != 0 {
			t.Errorf("Scaled(%q) is %d and an error", text, n)
		}
	})
}
