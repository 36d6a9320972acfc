package main

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/intake"
	"github.com/stepworks/stepworks/shared/notify"
	"github.com/stepworks/stepworks/shared/object/objecttest"
	"github.com/stepworks/stepworks/shared/step/steptest"
	"github.com/stepworks/stepworks/shared/table/tabletest"
)

const good = "sku,name,price\nA,Ann,1\nB,Bob,2\nA,Ann,1\n"

func setUp(t *testing.T, file string) (handler, *tabletest.DB, *objecttest.Server) {
	t.Helper()
	db, s3 := tabletest.New(map[string]string{"import_tmp": "pk sk"}), objecttest.New(t)
	s3.Set("incoming/products.csv", file)
	return handler{intake.Book{API: db, Table: "import_tmp", Status: nil}, s3.Bucket}, db, s3
}

func request(t *testing.T, name string) intake.Request {
	t.Helper()
	in := steptest.Sample[intake.Request](t, name)
	in.Bucket = objecttest.Bucket
	return in
}

func TestJob(t *testing.T) {
	h, db, _ := setUp(t, good)
	for range 2 { // the same request again
		j, err := h.handle(t.Context(), request(t, "createImport"))
		require.NoError(t, err)
		assert.Equal(t, intake.Created, j.Status)
		assert.Equal(t, "CSV_IMPORT#tenant1", j.PK)
		assert.Equal(t, intake.DefaultBatch, j.Order.BatchSize)
		assert.True(t, j.Order.Commands)
		assert.Equal(t, j.ID, j.Order.SourceID)
	}
	assert.Len(t, db.Rows("import_tmp"), 1, "one job; its rows are the machine's")
}

// TestDirect: a row of the table for each good row of the file, once.
func TestDirect(t *testing.T) {
	h, db, s3 := setUp(t, good+"C,Cy,cheap\nB,Bo,2\nD\n")
	for range 2 {
		j, err := h.handle(t.Context(), request(t, "createImport-direct"))
		require.NoError(t, err)
		assert.Equal(t, intake.Processing, j.Status)
		assert.Equal(t, intake.Counts{Total: 6, Succeeded: 1, Unchanged: 1, Failed: 3}, j.Counts)
		assert.Equal(t, 4, j.Processed)
		report, ok := s3.Text(strings.TrimPrefix(j.ErrorReport, "s3://bucket/"))
		require.True(t, ok)
		assert.Equal(t, "line,column,problem\n5,price,\"\"\"cheap\"\" is no number such as 1299.90\"\n6,,\"\"\"B\"\" stands in line 3 already, with other content\"\n7,,\"it has 1 fields, the first line has 3\"\n", report)
	}
	assert.Len(t, db.Rows("import_tmp"), 3)
}

// TestDirectWithoutRows: nobody else would end it.
func TestDirectWithoutRows(t *testing.T) {
	for file, want := range map[string]intake.Status{"sku,name,price\n": intake.Completed, "sku,name,price\nA,,1\n": intake.Failed} {
		h, _, _ := setUp(t, file)
		var topic ear
		h.book.Status = &topic
		j, err := h.handle(t.Context(), request(t, "createImport-direct"))
		require.NoError(t, err)
		assert.Equal(t, want, j.Status, file)
		assert.EqualValues(t, 1, topic, "its end is told")
	}
}

func TestRefusals(t *testing.T) {
	h, db, _ := setUp(t, good)
	elsewhere, gone := steptest.Sample[intake.Request](t, "createImport"), request(t, "createImport")
	gone.Key = "nowhere"
	planets := request(t, "createImport-malformed")
	long, empty := request(t, "createImport-direct"), request(t, "createImport-direct")
	for what, c := range map[string]struct {
		in   intake.Request
		file string
		want failure.Name
	}{
		"another's bucket":   {elsewhere, good, failure.InputMalformed},
		"no such file":       {gone, good, failure.ObjectNotFound},
		"no such table":      {planets, good, failure.InputMalformed},
		"too long":           {long, "sku,name,price\n" + strings.Repeat("A,Ann,1\n", 501), failure.ImportRefused},
		"too large":          {long, "sku,name,price\n" + strings.Repeat("x", 5<<20), failure.ObjectTooLarge},
		"empty":              {empty, "", failure.ImportRefused},
		"no columns of ours": {empty, "a,b\n1,2\n", failure.ImportRefused},
	} {
		h2, db2, _ := setUp(t, c.file)
		_, err := h2.handle(t.Context(), c.in)
		assert.Equal(t, c.want, failure.NameOf(err), "%s: %v", what, err)
		assert.Empty(t, db2.Rows("import_tmp"), what)
	}
	for _, change := range []func(*intake.Request){
		func(r *intake.Request) { r.TenantCode = "" }, func(r *intake.Request) { r.TenantCode = "a#b" }, func(r *intake.Request) { r.Mode = "SOMEHOW" },
		func(r *intake.Request) { r.Delimiter = "COLON" }, func(r *intake.Request) { r.BatchSize = 101 }, func(r *intake.Request) { r.Tolerated = 101 }, func(r *intake.Request) { r.Key = "" },
	} {
		in := request(t, "createImport")
		change(&in)
		_, err := h.handle(t.Context(), in)
		assert.Equal(t, failure.InputMalformed, failure.NameOf(err), "%+v", in)
	}
	assert.Empty(t, db.Rows("import_tmp"))
}

// ear counts what it is told.
type ear int

func (e *ear) Tell(context.Context, notify.Message) error { *e++; return nil }

// TestWire: what template.yaml gives the function is what it needs.
func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "IMPORT_TABLE", "IMPORTS_BUCKET", "MAIN_TOPIC_ARN")
}
