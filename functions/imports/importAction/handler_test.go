package main

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/command"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/feed"
	"github.com/stepworks/stepworks/shared/intake"
	"github.com/stepworks/stepworks/shared/notify"
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
		return failure.New(failure.TransientUnavailable, "the topic does not answer")
	}
	e.told = append(e.told, string(m.Action)+" "+m.SK)
	return nil
}

type machine struct {
	started map[string]string
	down    bool
}

func (m *machine) StartExecution(_ context.Context, in *sfn.StartExecutionInput, _ ...func(*sfn.Options)) (*sfn.StartExecutionOutput, error) {
	if m.down {
		return nil, failure.New(failure.TransientUnavailable, "down")
	}
	if _, there := m.started[*in.Name]; there {
		return nil, &types.ExecutionAlreadyExists{}
	}
	m.started[*in.Name] = *in.Input
	return &sfn.StartExecutionOutput{ExecutionArn: aws.String("arn:aws:states:r:1:execution:import-csv:" + *in.Name)}, nil
}

const (
	code = "0123456789abcdef0123456789"
	sk   = "products#" + code
)

func setUp() (handler, *tabletest.DB, *machine, *ear) {
	tables := map[string]string{"import_tmp": "pk sk", "commands": "pk sk", "data": "pk sk", "history": "pk sk", "master": "pk sk"}
	db, m, e := tabletest.New(tables), &machine{started: map[string]string{}}, &ear{}
	order := intake.Order{TableName: "products", Code: code, Commands: true}
	db.Set("import_tmp", intake.Job{PK: "CSV_IMPORT#tenant1", SK: sk, ID: "job", Code: code, TenantCode: "tenant1", Status: intake.Created, Order: order})
	ledger := command.Ledger{API: db, Commands: "commands", Data: "data", History: "history", Master: "master"}
	return handler{intake.Book{API: db, Table: "import_tmp", Status: e}, ledger, m, "arn:aws:states:r:1:stateMachine:import-csv"}, db, m, e
}

func job(t *testing.T, db *tabletest.DB) intake.Job {
	t.Helper()
	var j intake.Job
	require.True(t, db.Load("import_tmp", tabletest.Pair("CSV_IMPORT#tenant1", sk), &j))
	return j
}

func TestJobStartsOneExecution(t *testing.T) {
	h, db, m, _ := setUp()
	for range 2 {
		got, err := h.handle(t.Context(), steptest.Sample[feed.Batch](t, "importAction"))
		require.NoError(t, err)
		assert.Empty(t, got.BatchItemFailures)
		assert.Equal(t, intake.Processing, job(t, db).Status)
		assert.Equal(t, "arn:aws:states:r:1:execution:import-csv:import-"+code, job(t, db).ExecutionARN)
	}
	require.Len(t, m.started, 1)
	assert.Contains(t, m.started["import-"+code], `"tableName":"products"`)
}

// TestRows of a direct import: published and counted once; the last one ends the job.
func TestRows(t *testing.T) {
	for values, want := range map[string]struct {
		row, job intake.Status
		commands int
	}{
		`{"sku":"A","name":"Ann","price":"1"}`:     {intake.Completed, intake.Completed, 1},
		`{"sku":"A","name":"Ann","price":"cheap"}`: {intake.Failed, intake.Failed, 0},
	} {
		h, db, _, e := setUp()
		j := job(t, db)
		j.Total, j.Status, j.Mode = 1, intake.Processing, intake.Direct
		db.Set("import_tmp", j)
		entry := j.NewEntry(intake.Line{Number: 2})
		require.NoError(t, json.Unmarshal([]byte(values), &entry.Values))
		db.Set("import_tmp", entry)
		for range 2 { // the message comes twice
			got, err := h.handle(t.Context(), steptest.Sample[feed.Batch](t, "importAction-row"))
			require.NoError(t, err)
			assert.Empty(t, got.BatchItemFailures)
		}
		var after intake.Entry
		require.True(t, db.Load("import_tmp", tabletest.Pair(entry.PK, entry.SK), &after))
		assert.Equal(t, want.row, after.Status, after.Message)
		assert.Equal(t, want.job, job(t, db).Status)
		assert.Equal(t, 1, job(t, db).Processed)
		assert.Len(t, db.Rows("commands"), want.commands)
		assert.Equal(t, []string{"import-status " + sk}, e.told)
	}
}

// TestTheLastRowTells: a telling that failed is made up for when the message comes again,
// although the job is over by then.
func TestTheLastRowTells(t *testing.T) {
	h, db, _, e := setUp()
	e.deaf = 1
	j := job(t, db)
	j.Total, j.Status, j.Mode = 1, intake.Processing, intake.Direct
	db.Set("import_tmp", j)
	entry := j.NewEntry(intake.Line{Number: 2})
	require.NoError(t, json.Unmarshal([]byte(`{"sku":"A","name":"Ann","price":"1"}`), &entry.Values))
	db.Set("import_tmp", entry)
	for _, failed := range []int{1, 0, 0} {
		got, err := h.handle(t.Context(), steptest.Sample[feed.Batch](t, "importAction-row"))
		require.NoError(t, err)
		assert.Len(t, got.BatchItemFailures, failed)
		assert.Equal(t, intake.Completed, job(t, db).Status)
	}
	assert.Equal(t, []string{"import-status " + sk}, e.told)
}

// TestTheLastRowCloses: whoever settled the last row died before the job's end.
func TestTheLastRowCloses(t *testing.T) {
	h, db, _, e := setUp()
	j := job(t, db)
	j.Total, j.Processed, j.Succeeded, j.Status, j.Mode = 1, 1, 1, intake.Processing, intake.Direct
	db.Set("import_tmp", j)
	entry := j.NewEntry(intake.Line{Number: 2})
	entry.Status = intake.Completed
	db.Set("import_tmp", entry)
	got, err := h.handle(t.Context(), steptest.Sample[feed.Batch](t, "importAction-row"))
	require.NoError(t, err)
	assert.Empty(t, got.BatchItemFailures)
	assert.Equal(t, intake.Completed, job(t, db).Status)
	assert.Equal(t, []string{"import-status " + sk}, e.told)
}

// TestEachMessageForItself: one that fails comes again.
func TestEachMessageForItself(t *testing.T) {
	h, _, m, _ := setUp()
	m.down = true
	batch := feed.Batch{Records: append(steptest.Sample[feed.Batch](t, "importAction").Records,
		json.RawMessage(`{"messageId":"odd","body":"{\"action\":\"make-coffee\"}"}`), json.RawMessage(`{"messageId":"garbled","body":"{"}`),
		json.RawMessage(`{"messageId":"gone","body":"{\"action\":\"import-execute\",\"pk\":\"IMPORT#t\",\"sk\":\"x\"}"}`))}
	got, err := h.handle(t.Context(), batch)
	require.NoError(t, err)
	assert.Len(t, got.BatchItemFailures, 4)
}

// TestWire: what template.yaml gives the function is what it needs.
func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "IMPORT_TABLE", "COMMANDS_TABLE", "DATA_TABLE", "HISTORY_TABLE", "MASTER_TABLE", "MAIN_TOPIC_ARN", "STATE_MACHINE_ARN")
}
