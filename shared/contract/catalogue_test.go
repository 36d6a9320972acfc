package contract_test

// This file defines the event catalogue, docs/events.md: written from Catalogue,
// and held to it.

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/contract"
)

var update = flag.Bool("update", false, "write docs/events.md anew")

const catalogueFile = "../../docs/events.md"

func TestTheEventCatalogueIsCurrent(t *testing.T) {
	want := catalogue()
	if *update {
		require.NoError(t, os.WriteFile(catalogueFile, []byte(want), 0o600))
	}
	got, err := os.ReadFile(catalogueFile)
	require.NoError(t, err)
	assert.True(t, want == string(got), "docs/events.md is not what shared/contract says; it is written by: go test ./shared/contract -update")
}

func catalogue() string {
	var b strings.Builder
	b.WriteString("# Events\n\nWhat is said on the event buses. Written from [shared/contract](../shared/contract) by `go test ./shared/contract -update`; a test holds it current.\n" +
		"Numbers that are money are exact decimals. Consumers accept unknown fields; a field never changes its meaning or goes away.\n")
	for _, typ := range contract.Catalogue {
		_, _ = fmt.Fprintf(&b, "\n## %s\n\nSource `%s`: %s.\n\n", typ.DetailType, typ.Source, strings.TrimSuffix(typ.Meaning, "."))
		if typ.Detail == nil {
			continue
		}
		b.WriteString("| field | type | may be absent |\n| --- | --- | --- |\n")
		fields(&b, "", reflect.TypeOf(typ.Detail()).Elem())
	}
	return b.String()
}

// fields writes a line for every field of a payload, those of its parts too.
func fields(b *strings.Builder, prefix string, t reflect.Type) {
	if t.Kind() != reflect.Struct {
		return
	}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			fields(b, prefix, part(f.Type))
			continue
		}
		if name == "-" || !f.IsExported() {
			continue
		}
		absent := ""
		if strings.Contains(options, "omit") {
			absent = "yes"
		}
		_, _ = fmt.Fprintf(b, "| `%s%s` | %s | %s |\n", prefix, name, kind(f.Type), absent)
		if p := part(f.Type); kind(p) == "object" && p.Kind() == reflect.Struct {
			fields(b, prefix+name+brackets(f.Type)+".", p)
		}
	}
}

// part is what a pointer points to, or a list is made of.
func part(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	return t
}

func brackets(t reflect.Type) string {
	if t.Kind() == reflect.Slice {
		return "[]"
	}
	return ""
}

var kinds = map[string]string{"json.Number": "number", "json.RawMessage": "any", "time.Time": "time", "string": "text", "bool": "true or false", "interface {}": "any"}

func kind(t reflect.Type) string {
	if known, ok := kinds[t.String()]; ok {
		return known
	}
	switch t.Kind() {
	case reflect.Pointer:
		return kind(t.Elem())
	case reflect.Slice:
		return "list of " + kind(t.Elem())
	case reflect.String:
		return "text"
	case reflect.Int, reflect.Int64, reflect.Float64:
		return "number"
	default:
		return "object"
	}
}
