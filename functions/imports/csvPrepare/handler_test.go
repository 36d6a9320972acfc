package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/object/objecttest"
	"github.com/stepworks/stepworks/shared/step/steptest"
)

func setUp(t *testing.T, file string) (handler, Input, *objecttest.Server) {
	t.Helper()
	s3, in := objecttest.New(t), steptest.Sample[Input](t, "csvPrepare")
	in.Bucket = objecttest.Bucket
	s3.Set(in.Key, file)
	return handler{s3.Bucket}, in, s3
}

func TestCopyAndReport(t *testing.T) {
	h, in, s3 := setUp(t, "\xef\xbb\xbfname;sku;price\r\n\"Two\r\nlines\";A;1\r\nBob;B\r\nCy;C;3\r\nCy;C;3\r\nCyd;C;3\r\nM\xfcller;D;4\r\n;;\r\n")
	p, err := h.handle(t.Context(), in)
	require.NoError(t, err)
	assert.Equal(t, Prepared{Bucket: "bucket", Key: "work/" + in.Code + "/rows.csv", Rows: 3, Same: 1, BadRows: 3, Report: "work/" + in.Code + "/structure.csv"}, p)
	rows, _ := s3.Text(p.Key)
	assert.Equal(t, "_line,sku,name,price,quantity,description,active,availableFrom\n2,A,\"Two\nlines\",1,,,,\n5,C,Cy,3,,,,\n9,,,,,,,\n", rows)
	report, _ := s3.Text(p.Report)
	assert.Equal(t, "line,column,problem\n4,,\"it has 2 fields, the first line has 3\"\n7,,\"\"\"C\"\" stands in line 5 already, with other content\"\n8,name,it is not UTF-8\n", report)
}

func TestRefusals(t *testing.T) {
	h, in, s3 := setUp(t, "")
	_, err := h.handle(t.Context(), in)
	assert.Equal(t, failure.ImportRefused, failure.NameOf(err))
	assert.Len(t, s3.Keys(), 1, "nothing is left behind")
	for want, change := range map[failure.Name]func(*Input){
		failure.InputMalformed: func(i *Input) { i.TableName = "planets" },
		failure.ObjectNotFound: func(i *Input) { i.Key = "nowhere" },
	} {
		other := in
		change(&other)
		_, err := h.handle(t.Context(), other)
		assert.Equal(t, want, failure.NameOf(err))
	}
	in.Bucket = "another"
	_, err = h.handle(t.Context(), in)
	assert.Equal(t, failure.InputMalformed, failure.NameOf(err))
}

// TestFileThatEndsBadly leaves no copy that looks whole.
func TestFileThatEndsBadly(t *testing.T) {
	h, in, s3 := setUp(t, "sku,name,price\nA,\""+strings.Repeat("x", 3<<20))
	_, err := h.handle(t.Context(), in)
	assert.Equal(t, failure.ImportRefused, failure.NameOf(err))
	assert.Len(t, s3.Keys(), 1)
	assert.Zero(t, s3.Pending())
}

func TestCopyThatCannotBeWritten(t *testing.T) {
	h, in, s3 := setUp(t, "sku,name,price\nA,Ann,1\n")
	s3.Fail(func(method, _ string) int {
		if method == http.MethodPut {
			return 403
		}
		return 0
	})
	_, err := h.handle(t.Context(), in)
	assert.Error(t, err)
}

// TestWire: what template.yaml gives the function is what it needs.
func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "IMPORTS_BUCKET")
}
