package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/intake"
	"github.com/stepworks/stepworks/shared/notify"
	"github.com/stepworks/stepworks/shared/object/objecttest"
	"github.com/stepworks/stepworks/shared/step/steptest"
	"github.com/stepworks/stepworks/shared/table/tabletest"
)

type ear struct {
	told []string
	deaf int // so many times
}

func (e *ear) Tell(_ context.Context, m notify.Message) error {
	if e.deaf > 0 {
		e.deaf--
		return errors.New("the topic does not answer")
	}
	e.told = append(e.told, string(m.Action)+" "+m.SK)
	return nil
}

// runs has one map run, or none.
type runs struct{ arn string }

func (r runs) ListMapRuns(context.Context, *sfn.ListMapRunsInput, ...func(*sfn.Options)) (*sfn.ListMapRunsOutput, error) {
	if r.arn == "" {
		return &sfn.ListMapRunsOutput{}, nil
	}
	return &sfn.ListMapRunsOutput{MapRuns: []types.MapRunListItem{{MapRunArn: aws.String(r.arn)}}}, nil
}

const (
	run    = "00000000-0000-0000-0000-000000000001"
	folder = "work/0123456789abcdef0123456789/"
)

func setUp(t *testing.T) (handler, *tabletest.DB, *objecttest.Server) {
	t.Helper()
	db, s3 := tabletest.New(map[string]string{"import_tmp": "pk sk"}), objecttest.New(t)
	in := steptest.Sample[Input](t, "csvFinalize")
	db.Set("import_tmp", intake.Job{PK: in.PK, SK: in.SK, Status: intake.Processing})
	s3.Set(folder+"structure.csv", "line,column,problem\n9,,it has 2 fields\n")
	return handler{intake.Book{API: db, Table: "import_tmp", Status: &ear{}}, s3.Bucket, runs{"arn:aws:states:r:1:mapRun:import-csv/import-csv:" + run}}, db, s3
}

// results puts a manifest with its files.
func results(s3 *objecttest.Server, files map[string]string) {
	named := map[string][]map[string]string{}
	for status, text := range files {
		key := folder + "results/" + run + "/" + status + "_0.json"
		s3.Set(key, text)
		named[status] = append(named[status], map[string]string{"Key": key})
	}
	text, _ := json.Marshal(map[string]any{"ResultFiles": named})
	s3.Set(folder+"results/"+run+"/manifest.json", string(text))
}

const (
	good   = `[{"Input":"{}","Output":"{\"totalRows\":2,\"succeededRows\":2,\"unchangedRows\":1,\"errors\":[]}"}]`
	half   = `[{"Output":"{\"totalRows\":2,\"succeededRows\":1,\"failedRows\":1,\"errors\":[{\"line\":3,\"column\":\"price\",\"problem\":\"no\"}]}"}]`
	broken = `[{"Input":"{\"Items\":[{\"_line\":\"2\"},{\"_line\":\"3\"}]}","Error":"Access.Denied","Cause":"c"}]`
	left   = `[{"Input":"{\"Items\":[{\"_line\":\"2\"},{\"_line\":\"3\"}]}"}]`
)

func TestOutcomes(t *testing.T) {
	for what, c := range map[string]struct {
		sample  string
		files   map[string]string
		status  intake.Status
		counts  intake.Counts
		message string
		report  string // its lines after the header and csvPrepare's
	}{
		"all in but one line": {"csvFinalize", map[string]string{"SUCCEEDED": good}, intake.Failed, intake.Counts{Total: 4, Succeeded: 3, Unchanged: 2, Failed: 1}, "4 rows: 3 imported", ""},
		"a bad row":           {"csvFinalize", map[string]string{"SUCCEEDED": half}, intake.Failed, intake.Counts{Total: 4, Succeeded: 2, Unchanged: 1, Failed: 2}, "2 failed", "3,price,no\n"},
		"a batch failed":      {"csvFinalize", map[string]string{"FAILED": broken}, intake.Failed, intake.Counts{Total: 4, Succeeded: 1, Unchanged: 1, Failed: 3}, "3 failed", "2,,its batch failed: Access.Denied: c\n3,,its batch failed: Access.Denied: c\n"},
		"the map was stopped": {"csvFinalize-failed", map[string]string{"PENDING": left}, intake.Failed, intake.Counts{Total: 4, Succeeded: 1, Unchanged: 1, Failed: 3}, "ExceedToleratedFailureThreshold", "2,,its batch was not processed\n3,,its batch was not processed\n"},
		"no results at all":   {"csvFinalize-failed", nil, intake.Failed, intake.Counts{Total: 4, Succeeded: 1, Unchanged: 1, Failed: 3}, "2 rows were not processed", ""},
		"no table":            {"csvFinalize-refused", nil, intake.Failed, intake.Counts{}, "Import.Refused: the file is empty", "-"},
	} {
		h, db, s3 := setUp(t)
		if c.files != nil {
			results(s3, c.files)
		}
		var out Output
		for range 2 { // it is tried again
			var err error
			out, err = h.handle(t.Context(), steptest.Sample[Input](t, c.sample))
			require.NoError(t, err, what)
		}
		assert.Equal(t, c.status, out.Status, what)
		assert.Equal(t, c.counts, out.Counts, what)
		assert.Contains(t, out.Message, c.message, what)
		var j intake.Job
		in := steptest.Sample[Input](t, c.sample)
		require.True(t, db.Load("import_tmp", tabletest.Pair(in.PK, in.SK), &j))
		assert.Equal(t, c.status, j.Status, what)
		assert.Equal(t, out.Message, j.Message)
		if c.report != "-" {
			text, ok := s3.Text(strings.TrimPrefix(out.ErrorReport, "s3://bucket/"))
			require.True(t, ok, what)
			assert.Equal(t, "line,column,problem\n9,,it has 2 fields\n"+c.report, text, what)
		}
	}
}

// TestToldInTheEnd: the end is written before it is told; a telling that failed is made
// up for by the next attempt, and what was told is not told again.
func TestToldInTheEnd(t *testing.T) {
	h, _, s3 := setUp(t)
	results(s3, map[string]string{"SUCCEEDED": good})
	topic := &ear{deaf: 1}
	h.book.Status = topic
	in := steptest.Sample[Input](t, "csvFinalize")
	_, err := h.handle(t.Context(), in)
	require.ErrorContains(t, err, "does not answer")
	for range 2 {
		_, err = h.handle(t.Context(), in)
		require.NoError(t, err)
		assert.Equal(t, []string{"import-status " + in.SK}, topic.told)
	}
}

// TestTolerated: 25 of a hundred rows may fail.
func TestTolerated(t *testing.T) {
	h, _, s3 := setUp(t)
	results(s3, map[string]string{"SUCCEEDED": good})
	in := steptest.Sample[Input](t, "csvFinalize")
	in.Tolerated, in.PK, in.SK = 25, "", "" // started by hand: there is no job
	out, err := h.handle(t.Context(), in)
	require.NoError(t, err)
	assert.Equal(t, intake.Completed, out.Status)
}

func TestOddFiles(t *testing.T) {
	for what, text := range map[string]string{"not JSON": "x", "no list": `[7]`, "no output of ours": `[{"Output":"x"}]`, "no input of ours": `[{"Input":"x"}]`} {
		h, _, s3 := setUp(t)
		results(s3, map[string]string{"SUCCEEDED": text})
		_, err := h.handle(t.Context(), steptest.Sample[Input](t, "csvFinalize"))
		assert.Equal(t, failure.InternalUnexpected, failure.NameOf(err), what)
		assert.NotContains(t, s3.Keys(), "reports/0123456789abcdef0123456789/errors.csv", what)
	}
	h, _, _ := setUp(t)
	_, err := h.handle(t.Context(), steptest.Sample[Input](t, "csvFinalize"))
	assert.Equal(t, failure.ObjectNotFound, failure.NameOf(err), "the manifest is gone")
	_, err = h.handle(t.Context(), Input{})
	assert.Equal(t, failure.InputMalformed, failure.NameOf(err))
}

// TestNoMapRun: a map that never began has none.
func TestNoMapRun(t *testing.T) {
	h, _, _ := setUp(t)
	h.api = runs{}
	out, err := h.handle(t.Context(), steptest.Sample[Input](t, "csvFinalize-failed"))
	require.NoError(t, err)
	assert.Equal(t, 3, out.Failed)
}

// TestWire: what template.yaml gives the function is what it needs.
func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "IMPORT_TABLE", "IMPORTS_BUCKET", "MAIN_TOPIC_ARN")
}
