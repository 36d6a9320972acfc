package stepfunctions

// This file defines what the store keeps of an execution, and the one place
// where a step of it is written.

import (
	"encoding/json"
	"time"

	"github.com/stepworks/stepworks/local/internal/asl/interp"
	"github.com/stepworks/stepworks/local/internal/store"
)

// record is what DescribeExecution tells, and what a restart needs to know.
type record struct {
	ARN        string
	Name       string
	Machine    string // its name; MACHINE/LABEL for a map run's child
	MachineARN string
	VersionARN string `json:",omitzero"`
	AliasARN   string `json:",omitzero"`
	RoleARN    string
	Definition string // hash
	Pointer    string `json:",omitzero"` // of the Map state whose processor a map run's child runs
	Express    bool   `json:",omitzero"`
	Trace      string `json:",omitzero"`
	TestCase   string `json:",omitzero"` // of the mock file

	Status  interp.Status
	Start   int64 // milliseconds
	Stop    int64 `json:",omitzero"`
	Input   string
	Output  string  `json:",omitzero"`
	Error   *string `json:",omitzero"`
	Failure *string `json:",omitzero"` // the cause
	Events  int64   `json:",omitzero"` // of the history, when it ended

	Redrives int   `json:",omitzero"`
	Redriven int64 `json:",omitzero"` // milliseconds

	Parent *parent `json:",omitzero"` // whose task started this execution
	MapRun string  `json:",omitzero"` // the map run's ARN
	Item   int     `json:",omitzero"` // which of the map run's children this is
	Items  int     `json:",omitzero"` // how many items its input holds
}

// parent is a task that started a nested execution, or whose token someone has.
type parent struct {
	Execution string // key
	Task      interp.ID
	Waits     bool `json:",omitzero"` // for the execution's end
	JSON      bool `json:",omitzero"` // and wants its data as JSON, not as text
}

func (rec *record) key() string {
	key, _ := executionKey(rec.ARN)
	return key
}

func loadRecord(r store.Reader, key string) (*record, bool) {
	return getJSON[record](r, bucketExecution, key)
}

// listKey orders the executions of a machine, or of a map run, by their start.
func (rec *record) listKey(key string) string {
	owner := rec.Machine
	if rec.MapRun != "" {
		owner = rec.MapRun
	}
	return store.Key(owner, store.Uint64(uint64(rec.Start)), key)
}

// listEntry is what ListExecutions filters by without reading the records.
type listEntry struct {
	Status   interp.Status `json:"S"`
	Redriven bool          `json:"R,omitzero"`
}

// save writes the record and its place in the list.
func (rec *record) save(tx *store.Tx, key string) {
	putJSON(tx, bucketExecution, key, rec)
	entry, _ := json.Marshal(listEntry{rec.Status, rec.Redrives > 0})
	tx.Put(bucketList, rec.listKey(key), entry)
}

// finish notes how the execution ended.
func (rec *record) finish(c interp.Complete, output string, now time.Time, events int64) {
	rec.Status, rec.Stop, rec.Events = c.Status, now.UnixMilli(), events
	rec.Output, rec.Error, rec.Failure = output, nil, nil
	if c.Status != interp.Succeeded {
		rec.Error, rec.Failure = &c.Error, &c.Cause
	}
}

// step is what one or more calls of Step left to do.
type step struct {
	commands []interp.Command
	events   []interp.HistoryEvent
	touched  bool // the record changed beyond its history
	fresh    bool // the first step: nothing of the execution is stored yet
}

func (st *step) add(commands []interp.Command, events []interp.HistoryEvent) {
	st.commands = append(st.commands, commands...)
	st.events = append(st.events, events...)
}

// timeOut tells a stop as the end of the execution's time.
func (st *step) timeOut() {
	if c, ok := st.complete(); ok {
		c.Status = interp.TimedOut
		st.commands[len(st.commands)-1] = c
		st.events[len(st.events)-1].Type = "ExecutionTimedOut"
	}
}

func (st *step) empty() bool { return len(st.commands) == 0 && len(st.events) == 0 && !st.touched }

// complete returns the command that ends the execution, if it is there.
func (st *step) complete() (interp.Complete, bool) {
	if n := len(st.commands); n > 0 {
		c, ok := st.commands[n-1].(interp.Complete)
		return c, ok
	}
	return interp.Complete{}, false
}

// written is a step as rows of the store, made outside of the transaction.
type written struct {
	key        string
	rec        *record
	saveRecord bool
	fresh      bool
	snapshot   []byte
	closed     bool // the execution ended
	keep       bool // and may be redriven
	history    []byte
	first      int64 // event in history
	tokens     []tokenRow
}

func (w *written) put(tx *store.Tx) {
	if w.saveRecord {
		w.rec.save(tx, w.key)
	}
	if len(w.history) > 0 {
		tx.Put(bucketHistory, historyKey(w.key, w.first), w.history)
	}
	for _, t := range w.tokens {
		t.put(tx)
	}
	switch {
	case !w.closed:
		tx.Put(bucketRunning, w.key, w.snapshot)
	case w.keep:
		tx.Put(bucketClosed, w.key, w.snapshot)
	}
	if w.closed && !w.fresh {
		tx.Delete(bucketRunning, w.key)
	}
}

func historyKey(execution string, first int64) string {
	return store.Key(execution, store.Uint64(uint64(first)))
}

// encodeHistory writes events a line each: JSON as GetExecutionHistory tells it
// has no line ends of its own.
func encodeHistory(events []interp.HistoryEvent) (text []byte, first int64) {
	for i, e := range events {
		if i == 0 {
			first = e.ID
		} else {
			text = append(text, '\n')
		}
		text = e.Append(text, true)
	}
	return text, first
}
