package sheet

// This file defines what tables take: their columns, and how a text becomes a
// value.

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Kind is what a column holds.
type Kind string

// The kinds.
const (
	Text    Kind = "text"
	Integer Kind = "integer" // whole, up to 18 digits
	Decimal Kind = "decimal" // exact, as text: prices
	Boolean Kind = "boolean" // true, false, yes, no, 1, 0
	Date    Kind = "date"    // 2026-11-21
)

// Column is one column.
type Column struct {
	Name     string
	Kind     Kind
	Required bool // in the header, and not empty in a row
	NotBelow string
}

// Schema is what a table takes from a file.
type Schema struct {
	Table   string // as an import names it
	Type    string // of the items: their pk is <Type>#<tenant>
	Key     string // the column that is the item's sk
	Title   string // the column that is the item's name
	Columns []Column
}

// Schemas are the tables that files can be imported into.
var Schemas = map[string]Schema{
	"products": {Table: "products", Type: "PRODUCT", Key: "sku", Title: "name", Columns: []Column{
		{Name: "sku", Kind: Text, Required: true},
		{Name: "name", Kind: Text, Required: true},
		{Name: "price", Kind: Decimal, Required: true, NotBelow: "0"},
		{Name: "quantity", Kind: Integer, NotBelow: "0"},
		{Name: "description", Kind: Text},
		{Name: "active", Kind: Boolean},
		{Name: "availableFrom", Kind: Date},
	}},
	"customers": {Table: "customers", Type: "CUSTOMER", Key: "customerId", Title: "name", Columns: []Column{
		{Name: "customerId", Kind: Text, Required: true},
		{Name: "name", Kind: Text, Required: true},
		{Name: "email", Kind: Text},
		{Name: "city", Kind: Text},
		{Name: "since", Kind: Date},
	}},
}

// Find returns a table's schema; ok is false with the tables that there are.
func Find(table string) (s Schema, known string, ok bool) {
	s, ok = Schemas[table]
	return s, strings.Join(slices.Sorted(maps.Keys(Schemas)), ", "), ok
}

// Names are the columns' names.
func (s Schema) Names() []string {
	names := make([]string, len(s.Columns))
	for i, c := range s.Columns {
		names[i] = c.Name
	}
	return names
}

func (s Schema) has(name string) bool {
	return slices.ContainsFunc(s.Columns, func(c Column) bool { return c.Name == name })
}

// Item is a valid row.
type Item struct {
	Key, Title string
	Attributes map[string]any // strings, bools and json.Numbers; what is empty is absent
}

// Item makes an item of a row's texts, by column, or says everything that is
// wrong with it.
func (s Schema) Item(line int, values map[string]string) (Item, []RowError) {
	item := Item{Attributes: map[string]any{}}
	var problems []RowError
	for _, c := range s.Columns {
		text := strings.TrimSpace(values[c.Name])
		if text == "" {
			if c.Required {
				problems = append(problems, RowError{line, c.Name, "it is empty"})
			}
			continue
		}
		v, problem := c.value(text)
		if problem != "" {
			problems = append(problems, RowError{line, c.Name, problem})
			continue
		}
		item.Attributes[c.Name] = v
	}
	item.Key, item.Title = strings.TrimSpace(values[s.Key]), strings.TrimSpace(values[s.Title])
	if strings.ContainsAny(item.Key, "@#") || len(item.Key) > 200 {
		problems = append(problems, RowError{line, s.Key, `a key has up to 200 bytes and neither @ nor #`})
	}
	return item, problems
}

var (
	integer = regexp.MustCompile(`^[+-]?[0-9]{1,18}$`)
	decimal = regexp.MustCompile(`^[+-]?[0-9]{1,15}(\.[0-9]{1,15})?$`)
)

var booleans = map[string]bool{"true": true, "yes": true, "1": true, "false": false, "no": false, "0": false}

func (c Column) value(text string) (any, string) {
	switch c.Kind {
	case Integer:
		if !integer.MatchString(text) {
			return nil, fmt.Sprintf("%s is no whole number", short(text))
		}
		return c.number(text)
	case Decimal:
		if !decimal.MatchString(text) {
			return nil, fmt.Sprintf("%s is no number such as 1299.90", short(text))
		}
		return c.number(text)
	case Boolean:
		b, ok := booleans[strings.ToLower(text)]
		if !ok {
			return nil, fmt.Sprintf("%s is neither true nor false", short(text))
		}
		return b, ""
	case Date:
		if _, err := time.Parse(time.DateOnly, text); err != nil {
			return nil, fmt.Sprintf("%s is no date such as 2026-11-21", short(text))
		}
	}
	return text, ""
}

// number keeps the digits as they are, without what JSON does not take: a plus,
// and zeros in front.
func (c Column) number(text string) (any, string) {
	if c.NotBelow != "" {
		n, _ := new(big.Rat).SetString(text)
		limit, _ := new(big.Rat).SetString(c.NotBelow)
		if n.Cmp(limit) < 0 {
			return nil, fmt.Sprintf("%s is below %s", text, c.NotBelow)
		}
	}
	sign := ""
	if strings.HasPrefix(text, "-") {
		sign = "-"
	}
	digits := strings.TrimLeft(text, "+-0")
	if digits == "" || digits[0] == '.' {
		digits = "0" + digits
	}
	return json.Number(sign + digits), ""
}

// short quotes a value, cut where it is long: reports are read by people.
func short(text string) string {
	const limit = 60
	if runes := []rune(text); len(runes) > limit {
		text = string(runes[:limit]) + "…"
	}
	return fmt.Sprintf("%q", text)
}
