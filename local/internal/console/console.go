// Package console is the web console of the local AWS: pages for people, from
// an event to the rule, the execution, each state's input and output, the
// function's log, and the events it caused.
//
//	guard.go      who may ask: this machine's browser, from this very page
//	page.go       pages, their data made safe to show
//	home.go       what is deployed, what ran, what failed; sending events
//	machine.go    a machine's graph with what happened at its states
//	execution.go  one execution: history.go turns its events into visits of states
//	events.go     events, the rules they matched, why not the others, what they caused
//	resources.go  functions, tables, queues, buckets
//	action.go     what a person can do: stop, redrive, run again, answer, replay, skip
//
// It reads the services as the account's root through the operations that the
// SDKs use too, and the journal. It keeps nothing: a restart loses no page but
// those of journal entries. Pages are HTML made here, work without script, and
// renew themselves when something happens. Everything shown passes
// [journal.Redact]: neither task tokens nor signatures appear, in no field and no
// form. It is no API: pages change from version to version.
//
// Start at [New].
package console

import (
	"context"
	"io/fs"
	"net/http"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/journal"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// Caller runs operations of the services.
type Caller interface {
	Call(ctx context.Context, as awswire.Identity, service, operation string, params jsonvalue.Value) (jsonvalue.Value, error)
}

// Verdict is what a rule makes of an event.
type Verdict struct {
	Bus     string `json:"bus"`
	Rule    string `json:"rule"`
	Matched bool   `json:"matched"`
	Why     string `json:"why"`
}

// Config is what the console shows.
type Config struct {
	Account, Region, Endpoint string
	Caller                    Caller
	Journal                   *journal.Journal
	Clock                     clock.Clock
	// Explain says what each rule of a bus makes of an event.
	Explain func(bus string, event []byte) ([]Verdict, error)
	// Samples are files of entries for PutEvents; nil for none.
	Samples fs.FS
	// Port is where the console listens; requests for other hosts are refused.
	Port int
}

// Console serves the pages. Make it with [New].
type Console struct {
	Config
	histories histories
}

// New returns the console.
func New(c Config) *Console { return &Console{Config: c} }

// Handler returns what serves the console.
func (c *Console) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", c.home)
	mux.HandleFunc("GET /machines/{name}", c.machine)
	mux.HandleFunc("GET /executions/{arn}", c.execution)
	mux.HandleFunc("GET /events", c.events)
	mux.HandleFunc("GET /events/{id}", c.event)
	mux.HandleFunc("GET /functions", c.functions)
	mux.HandleFunc("GET /functions/{name}", c.function)
	mux.HandleFunc("GET /data", c.data)
	mux.HandleFunc("GET /tables/{name}", c.table)
	mux.HandleFunc("GET /queues/{name}", c.queue)
	mux.HandleFunc("GET /buckets/{name}", c.bucket)
	mux.HandleFunc("GET /time", c.time)
	mux.HandleFunc("GET /live", c.live)
	mux.HandleFunc("GET /journal", c.journal)
	mux.HandleFunc("GET /assets/{file}", asset)
	c.actions(mux)
	return c.guard(c.dated(mux))
}
