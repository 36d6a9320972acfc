package sheet_test

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/sheet"
)

// read reads all: rows as line:a|b|c of the filled columns, errors as they are.
func read(file, delimiter string) ([]string, error) {
	r, err := sheet.Open(strings.NewReader(file), sheet.Schemas["products"], delimiter)
	if err != nil {
		return nil, err
	}
	var all []string
	for {
		row, err := r.Next()
		var wrong *sheet.RowError
		switch {
		case errors.Is(err, io.EOF):
			return all, nil
		case errors.As(err, &wrong):
			all = append(all, wrong.Error())
		case err != nil:
			return all, err
		default:
			all = append(all, strings.Join(row.Values[:3], "|"))
		}
	}
}

func TestFiles(t *testing.T) {
	for _, c := range []struct {
		what, file, delimiter string
		want                  []string
	}{
		{"plain", "sku,name,price\nA,Ann,1\nB,Bob,2\n", "", []string{"A|Ann|1", "B|Bob|2"}},
		{"no line end at the end", "sku,name,price\nA,Ann,1", "", []string{"A|Ann|1"}},
		{"header only", "sku,name,price\n", "", nil},
		{"header only, no line end", "sku,name,price", "", nil},
		{"other order, spaces around", " price , sku ,name\n1, A , Ann \n", "", []string{"A|Ann|1"}},
		{"byte order mark", "\xef\xbb\xbfsku,name,price\nA,Ann,1\n", "", []string{"A|Ann|1"}},
		{"CRLF", "sku,name,price\r\nA,Ann,1\r\nB,Bob,2\r\n", "", []string{"A|Ann|1", "B|Bob|2"}},
		{"empty lines", "sku,name,price\n\nA,Ann,1\n\n\n", "", []string{"A|Ann|1"}},
		{"quoted: delimiter, quote, line break", "sku,name,price\nA,\"a, \"\"b\"\"\nc\",1\nB,Bob,2\n", "", []string{"A|a, \"b\"\nc|1", "B|Bob|2"}},
		{"semicolons", "sku;name;price\nA;a, b;1\n", "", []string{"A|a, b|1"}},
		{"tabs", "sku\tname\tprice\nA\ta, b\t1\n", "", []string{"A|a, b|1"}},
		{"bars", "sku|name|price\nA|a|1\n", "", []string{"A|a|1"}},
		{"told", "sku;name;price\nA;a;1\n", "SEMICOLON", []string{"A|a|1"}},
		{"too few fields", "sku,name,price\nA,Ann\nB,Bob,2\n", "", []string{"line 2: it has 2 fields, the first line has 3", "B|Bob|2"}},
		{"too many fields", "sku,name,price\nA,Ann,1,2\nB,Bob,2\n", "", []string{"line 2: it has 4 fields, the first line has 3", "B|Bob|2"}},
		{"not UTF-8", "sku,name,price\nA,M\xfcller,1\nB,Bob,2\n", "", []string{"line 2, name: it is not UTF-8", "B|Bob|2"}},
		{"a stray quote", "sku,name,price\nA,An\"n,1\nB,Bob,2\n", "", []string{"line 2: a quote stands inside a field that is not quoted: quote the field and write the quote twice", "B|Bob|2"}},
		{"text after a quote", "sku,name,price\nA,\"An\"n,1\nB,Bob,2\n", "", []string{"line 2: a quoted field is not followed by a delimiter: a quote inside it is written twice", "B|Bob|2"}},
		{"a quote never closed", "sku,name,price\nA,Ann,1\nB,\"Bob,2\nC,Cy,3\n", "", []string{"A|Ann|1", "line 3: a quoted field that begins here ends wrongly or never: it goes on to line 4"}},
		{"lines are counted through line breaks", "sku,name,price\nA,\"x\ny\",1\nB,Bob\n", "", []string{"A|x\ny|1", "line 4: it has 2 fields, the first line has 3"}},
	} {
		got, err := read(c.file, c.delimiter)
		require.NoError(t, err, c.what)
		assert.Equal(t, c.want, got, c.what)
	}
}

func TestRefusedFiles(t *testing.T) {
	for file, want := range map[string]string{
		"":                          "the file is empty",
		"\xef\xbb\xbf":              "the file is empty",
		"\xff\xfes\x00k\x00":        "UTF-16",
		"sku,name\nA,Ann\n":         `column "price" is missing`,
		"sku,name,price,colour\n":   `column "colour" is none of table products, whose columns are sku, name, price`,
		"sku,name,price,sku\n":      `column "sku" stands twice`,
		"sku,name,pri\xfce\n":       "not UTF-8",
		"\"sku\n":                   "the first line",
		"sku;name;price\n":          "",
		"A,Ann,1\n":                 `column "A" is none of table products`,
		"sku,name,price\rA,Ann,1\r": "is none of table products",
		"sku,name,price\nA,\"" + strings.Repeat("x", 3<<20): "a quote is never closed",
	} {
		_, err := read(file, "")
		if want == "" {
			require.NoError(t, err)
			continue
		}
		assert.Equal(t, failure.ImportRefused, failure.NameOf(err), "%.40q", file)
		assert.ErrorContains(t, err, want, "%.40q", file)
	}
	_, err := read("sku,name,price\n", "COLON")
	assert.Equal(t, failure.InputMalformed, failure.NameOf(err))
}

func TestItems(t *testing.T) {
	s := sheet.Schemas["products"]
	for _, c := range []struct {
		values map[string]string
		want   string // attributes, or the problems
	}{
		{map[string]string{"sku": "A", "name": "Ann", "price": "1.50"}, `{"name":"Ann","price":1.50,"sku":"A"}`},
		{map[string]string{"sku": "A", "name": "Ann", "price": "+007.10", "quantity": "000", "active": "YES", "availableFrom": "2026-11-21", "description": " x "},
			`{"active":true,"availableFrom":"2026-11-21","description":"x","name":"Ann","price":7.10,"quantity":0,"sku":"A"}`},
		{map[string]string{}, "line 7, sku: it is empty; line 7, name: it is empty; line 7, price: it is empty"},
		{map[string]string{"sku": "A@1", "name": "n", "price": "1,5"}, `line 7, price: "1,5" is no number such as 1299.90; line 7, sku: a key has up to 200 bytes and neither @ nor #`},
		{map[string]string{"sku": "A", "name": "n", "price": "-1", "quantity": "1.5", "active": "maybe", "availableFrom": "21.11.2026"},
			`line 7, price: -1 is below 0; line 7, quantity: "1.5" is no whole number; line 7, active: "maybe" is neither true nor false; line 7, availableFrom: "21.11.2026" is no date such as 2026-11-21`},
		{map[string]string{"sku": "A", "name": "n", "price": strings.Repeat("9", 100)}, `line 7, price: "` + strings.Repeat("9", 60) + `…" is no number such as 1299.90`},
	} {
		item, problems := s.Item(7, c.values)
		var got []string
		for _, p := range problems {
			got = append(got, p.Error())
		}
		if len(problems) == 0 {
			text, err := json.Marshal(item.Attributes)
			require.NoError(t, err)
			got = []string{string(text)}
		}
		assert.Equal(t, c.want, strings.Join(got, "; "))
	}
}

// FuzzRead: whatever a file holds, reading it ends, and every row has a text for
// each column.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{"", "sku,name,price\nA,\"x\ny\",1\n", "sku;name;price\r\nA;;\r\n\"", "\xef\xbb\xbfsku|name|price\n\x00|\xff|1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, file string) {
		r, err := sheet.Open(strings.NewReader(file), sheet.Schemas["products"], "")
		if err != nil {
			return
		}
		for range len(file) + 2 {
			row, err := r.Next()
			var wrong *sheet.RowError
			if err != nil && !errors.As(err, &wrong) {
				return
			}
			if err == nil && len(row.Values) != len(sheet.Schemas["products"].Columns) {
				t.Fatalf("%d values", len(row.Values))
			}
		}
		t.Fatal("it never ends")
	})
}
