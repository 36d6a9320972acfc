package main

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/object/objecttest"
	"github.com/stepworks/stepworks/shared/step/steptest"
)

const output = "work/partners/acme/REQ-9001.jsonl"

// setUp stores a file; the input is the sample's, of that file.
func setUp(t *testing.T, format, text string) (handler, *objecttest.Server, Input) {
	t.Helper()
	var in Input
	sample, err := os.ReadFile("../../../events/dataTransformer.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(sample, &in))
	s3 := objecttest.New(t)
	s3.Set(in.Key, text)
	info, err := s3.Stat(t.Context(), in.Key)
	require.NoError(t, err)
	in.ETag, in.Format = info.ETag, format
	return handler{s3.Bucket}, s3, in
}

func TestFormats(t *testing.T) {
	want := `{"id":"1","name":"one, \"1\"","price":"9.90"}` + "\n" + `{"id":"2","name":"zwölf"}` + "\n"
	for _, c := range []struct{ format, text, want string }{
		{"csv", "\xef\xbb\xbfid, name ,price\r\n1,\"one, \"\"1\"\"\",9.90\r\n2, zwölf ,\r\n", want},
		{"jsonl", `{"id":"1","name":"one, \"1\"","price":"9.90"}` + "\n\n" + `{"price":null,"name":" zwölf ","id":2}`, want},
		{"json", `[{"id":"1","name":"one, \"1\"","price":"9.90"}, {"id":2,"name":"zwölf","price":""}]`, want},
		{"json", `[{"id":1,"n":12345678901234567890.10,"ok":true}]`, `{"id":"1","n":12345678901234567890.10,"ok":true}` + "\n"},
		{"csv", "id,phone,delta\n1,+49 30 1234-5,-5\n", `{"delta":"-5","id":"1","phone":"+49 30 1234-5"}` + "\n"},
	} {
		h, s3, in := setUp(t, c.format, c.text)
		got, err := h.handle(t.Context(), in)
		require.NoError(t, err, c.text)
		text, _ := s3.Text(output)
		assert.Equal(t, c.want, text)
		assert.Equal(t, Result{Key: output, Rows: strings.Count(c.want, "\n"), Problems: []Problem{}}, got)
		assert.Equal(t, "application/x-ndjson", s3.ContentType(output))
	}
}

// TestRows: a bad row is left out, counted and described.
func TestRows(t *testing.T) {
	for bad, want := range map[string]string{
		`{"id":"x","a":"=cmd|' /C calc'!A0"}`:       `"a" begins like a formula`,
		`{"id":"x","a":"@SUM(A1)"}`:                 "formula",
		`{"id":"x","a":" \t=1+1"}`:                  "formula",
		`{"id":"x","a":"+cmd"}`:                     "formula",
		`{"id":"x","a":"-2+3+cmd"}`:                 "formula",
		`{"a":1}`:                                   "id must have",
		`{"id":""}`:                                 "id must have",
		`{"id":null}`:                               "id must have",
		`{"id":true}`:                               "id must have",
		`{"id":"` + strings.Repeat("x", 129) + `"}`: "id must have",
		`{"id":"x","a":{"b":1}}`:                    "rows are flat",
		`{"id":"x","a":[1]}`:                        "rows are flat",
		`{"id":"x"," a":1}`:                         "spaces around it",
		`{"id":"x","a":"\u0000"}`:                   "not UTF-8 text",
		`[1]`:                                       "not a JSON object",
		`null`:                                      "not a JSON object",
		`{"id":`:                                    "not a JSON object",
		`{"id":"x"} {"id":"y"}`:                     "not a JSON object",
		`{"id":"x"` + manyFields() + `}`:            "201 fields",
	} {
		h, s3, in := setUp(t, "jsonl", `{"id":"1"}`+"\n"+bad+"\n"+`{"id":"3"}`)
		got, err := h.handle(t.Context(), in)
		require.NoError(t, err)
		text, _ := s3.Text(output)
		assert.Equal(t, `{"id":"1"}`+"\n"+`{"id":"3"}`+"\n", text, bad)
		if assert.Len(t, got.Problems, 1, bad) {
			assert.Equal(t, 2, got.Problems[0].Row)
			assert.Contains(t, got.Problems[0].Reason, want, bad)
		}
	}
}

func manyFields() string {
	var b strings.Builder
	for i := range 200 {
		b.WriteString(`,"f` + strings.Repeat("x", i) + `":1`)
	}
	return b.String()
}

// TestFiles: a file that is not its format fails the step, and nothing appears.
func TestFiles(t *testing.T) {
	long := strings.Repeat("x", maxRow+5000)
	for _, c := range []struct {
		format, text string
		want         failure.Name
	}{
		{"csv", "", failure.DataMalformed},
		{"csv", "id,name\n", failure.DataMalformed},
		{"csv", "id,id\n1,2\n", failure.DataMalformed},
		{"csv", "id,\n1,2\n", failure.DataMalformed},
		{"csv", strings.Repeat("a,", 200) + "id\n1", failure.DataMalformed},
		{"csv", "id,name\n1,one,more\n", failure.DataMalformed},
		{"csv", "id\n1\n2\"x\n", failure.DataMalformed},
		{"csv", "id\n1\n\"" + long, failure.DataMalformed},
		{"json", "", failure.DataMalformed},
		{"json", `{"id":1}`, failure.DataMalformed},
		{"json", `[{"id":1}`, failure.DataMalformed},
		{"json", `[{"id":1},`, failure.DataMalformed},
		{"json", `[{"id":1}}`, failure.DataMalformed},
		{"json", `[{"id":1},{"a":"` + long, failure.DataMalformed},
		{"json", strings.Repeat("[", 100_000), failure.DataMalformed},
		{"jsonl", "", failure.DataMalformed},
		{"jsonl", `{"id":1}` + "\n" + long, failure.DataMalformed},
		{"xml", "<a/>", failure.InputMalformed},
	} {
		h, s3, in := setUp(t, c.format, c.text)
		_, err := h.handle(t.Context(), in)
		what := c.format + " " + c.text[:min(40, len(c.text))]
		if assert.Error(t, err, what) {
			assert.Equal(t, c.want, failure.NameOf(err), "%s: %v", what, err)
		}
		_, there := s3.Text(output)
		assert.False(t, there, what)
		assert.Zero(t, s3.Pending(), what)
	}
}

func TestReplacedMeanwhile(t *testing.T) {
	h, s3, in := setUp(t, "csv", "id\n1\n")
	s3.Set(in.Key, "id\n2\n")
	_, err := h.handle(t.Context(), in)
	assert.Equal(t, failure.DataChanged, failure.NameOf(err))
	in.Key = "incoming/acme/gone.csv"
	_, err = h.handle(t.Context(), in)
	assert.Equal(t, failure.ObjectNotFound, failure.NameOf(err))
}

// TestUploadFails: the reader ends, and S3's word is the error.
func TestUploadFails(t *testing.T) {
	h, s3, in := setUp(t, "csv", "id\n"+strings.Repeat("1\n", 100_000))
	s3.Fail(func(method, _ string) int {
		if method == http.MethodGet {
			return 0
		}
		return http.StatusForbidden
	})
	_, err := h.handle(t.Context(), in)
	assert.Equal(t, failure.AccessDenied, failure.NameOf(err), "%v", err)
}

// TestWire: what template.yaml gives the function is what it needs.
func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "PARTNER_BUCKET")
}
