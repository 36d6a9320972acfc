package main

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/feed"
	"github.com/stepworks/stepworks/shared/intake"
	"github.com/stepworks/stepworks/shared/notify"
	"github.com/stepworks/stepworks/shared/step/steptest"
	"github.com/stepworks/stepworks/shared/table/tabletest"
)

type ear struct{ told []string }

func (e *ear) Tell(_ context.Context, m notify.Message) error {
	e.told = append(e.told, string(m.Action)+" "+m.SK)
	return nil
}

const sk = "products#0123456789abcdef0123456789"

func TestNewImportsAreAnnouncedOnce(t *testing.T) {
	db, e := tabletest.New(map[string]string{"import_tmp": "pk sk"}), &ear{}
	db.Set("import_tmp", intake.Job{PK: "CSV_IMPORT#tenant1", SK: sk, Status: intake.Created, Mode: intake.StepFunction})
	db.Set("import_tmp", intake.Entry{PK: "IMPORT#tenant1", SK: sk + "-0000002", Status: intake.Created})
	h := handler{intake.Book{API: db, Table: "import_tmp", Status: e}}
	for _, name := range []string{"importStream", "importStream-direct", "importStream", "importStream-direct"} {
		got, err := h.handle(t.Context(), steptest.Sample[feed.Batch](t, name))
		require.NoError(t, err)
		assert.Empty(t, got.BatchItemFailures, name)
	}
	assert.Equal(t, []string{"import-execute " + sk, "import-execute " + sk + "-0000002"}, e.told, "a direct import's job starts nothing, its rows do")
}

// TestGone: what was removed meanwhile needs nobody.
func TestGone(t *testing.T) {
	h := handler{intake.Book{API: tabletest.New(map[string]string{"import_tmp": "pk sk"}), Table: "import_tmp", Status: &ear{}}}
	got, err := h.handle(t.Context(), steptest.Sample[feed.Batch](t, "importStream"))
	require.NoError(t, err)
	assert.Empty(t, got.BatchItemFailures)
}

// TestWire: what template.yaml gives the function is what it needs.
func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "IMPORT_TABLE", "MAIN_TOPIC_ARN")
}
