package stepfunctions

// This file defines the inputs that a map run stores before it begins, and what
// it leaves when it ends.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/asl/interp"
	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

// inputsPerRow is how many inputs share a row of the store, and rowsAtOnce how
// many rows an update.
const (
	inputsPerRow = 100
	rowsAtOnce   = 50
)

func inputsKey(mapRun string, row int) string {
	return store.Key(mapRun, store.Uint64(uint64(row)))
}

// saveInputs writes the inputs a line each, and then that they are all there.
func (s *Service) saveInputs(rec *mapRecord, inputs interp.Items) error {
	var rows [][]byte // that wait to be written
	first := 0        // the number of rows[0]
	flush := func() error {
		err := s.Store.Update(func(tx *store.Tx) error {
			for i, text := range rows {
				tx.Put(bucketMapInput, inputsKey(rec.ARN, first+i), text)
			}
			return nil
		})
		first, rows = first+len(rows), nil
		return err
	}
	for v, err := range inputs {
		if err != nil {
			return err
		}
		if rec.Children%inputsPerRow == 0 {
			if len(rows) == rowsAtOnce {
				if err := flush(); err != nil {
					return err
				}
			}
			rows = append(rows, nil)
		} else {
			rows[len(rows)-1] = append(rows[len(rows)-1], '\n')
		}
		rows[len(rows)-1] = jsonvalue.Append(rows[len(rows)-1], v)
		rec.Children++
	}
	if err := flush(); err != nil {
		return err
	}
	rec.Prepared = true
	return s.Store.Update(func(tx *store.Tx) error { rec.save(tx); return nil })
}

// inputCache holds the row that was read last.
type inputCache struct {
	row   int
	lines []string
}

func (c *inputCache) get(st *store.Store, mapRun string, i int) (string, error) {
	if row := i / inputsPerRow; c.lines == nil || c.row != row {
		err := st.View(func(r store.Reader) error {
			text, ok := r.Get(bucketMapInput, inputsKey(mapRun, row))
			if !ok {
				return fmt.Errorf("the inputs of %s are not in the store", mapRun)
			}
			c.row, c.lines = row, strings.Split(string(text), "\n")
			return nil
		})
		if err != nil {
			return "", err
		}
	}
	return c.lines[i%inputsPerRow], nil
}

// finish writes the results, records the end and tells the parent.
func (m *mapRun) finish() error {
	m.rec.Status = interp.Succeeded
	switch {
	case m.aborted:
		m.rec.Status = interp.Aborted
	case m.failing != nil:
		m.rec.Status, m.rec.Error, m.rec.Cause = interp.Failed, m.failing.Name, m.failing.Cause
	}
	if err := m.results(); err != nil {
		if m.s.ctx.Err() != nil {
			m.rec.Status = interp.Running
			return err
		}
		m.rec.Status, m.rec.Error, m.rec.Cause = interp.Failed, interp.ErrResultWriter, err.Error()
	}
	m.rec.Stop, m.rec.Counts = m.s.now().UnixMilli(), m.counted()
	if err := m.s.Store.Update(func(tx *store.Tx) error { m.rec.save(tx); return nil }); err != nil {
		return err
	}
	m.report()
	return nil
}

// report tells the parent how the map run ended.
func (m *mapRun) report() {
	m.s.mu.Lock()
	delete(m.s.mapRuns, m.rec.ARN)
	r := m.s.runs[m.rec.Execution]
	m.s.mu.Unlock()
	switch {
	case r == nil || m.rec.Status == interp.Aborted:
	case m.rec.Status == interp.Succeeded:
		r.tell(interp.MapRunSucceeded{MapRun: m.rec.ID, Output: jsonvalue.MustParse(m.rec.Output)})
	default:
		r.tell(interp.MapRunFailed{MapRun: m.rec.ID, Error: m.rec.Error, Cause: m.rec.Cause})
	}
}

// results makes the map run's output and writes its files, if it has a writer.
// Of a failed map run only the files matter.
func (m *mapRun) results() error {
	run := m.rec.run()
	exports := run.Writer != nil && run.Writer.Parameters != nil
	if m.aborted || m.rec.Status != interp.Succeeded && !exports || !m.rec.Prepared {
		return nil
	}
	if !exports {
		children, err := m.children()
		if err == nil {
			m.rec.Output = jsonvalue.String(run.Results(children))
		}
		return err
	}
	sizes := map[string]int64{}
	for _, kind := range interp.ResultKinds {
		if err := m.writeFile(run, kind, sizes); err != nil {
			return err
		}
	}
	key, manifest, output := run.Manifest(sizes)
	m.rec.Output = jsonvalue.String(output)
	if err := m.put(run, key, bytes.NewReader(manifest)); err != nil {
		return err
	}
	m.mu.Lock()
	m.tally.Written = m.rec.Items
	m.mu.Unlock()
	return nil
}

// writeFile writes the result file of one kind, if anything goes there, a child
// at a time.
func (m *mapRun) writeFile(run *interp.StartMapRun, kind string, sizes map[string]int64) error {
	var failed error
	children := func(yield func(interp.Child) bool) {
		for i := range m.rec.Children {
			var c interp.Child
			if c, failed = m.childAt(i); failed != nil || !yield(c) {
				return
			}
		}
	}
	next, stop := iter.Pull(run.FileText(children, kind))
	defer stop()
	text := &pieces{next: next}
	if !text.more() {
		return failed
	}
	err := m.put(run, run.FileKey(kind), text)
	sizes[kind] = text.size
	return errors.Join(failed, err)
}

// pieces reads a text that comes in pieces.
type pieces struct {
	next  func() ([]byte, bool)
	piece []byte
	size  int64
}

func (p *pieces) more() bool {
	if len(p.piece) == 0 {
		p.piece, _ = p.next()
	}
	return len(p.piece) > 0
}

func (p *pieces) Read(b []byte) (int, error) {
	if !p.more() {
		return 0, io.EOF
	}
	n := copy(b, p.piece)
	p.piece = p.piece[n:]
	p.size += int64(n)
	return n, nil
}

func (m *mapRun) children() ([]interp.Child, error) {
	children := make([]interp.Child, m.rec.Children)
	for i := range children {
		var err error
		if children[i], err = m.childAt(i); err != nil {
			return nil, err
		}
	}
	return children, nil
}

// childAt is what became of a child, or the input of one that never ran.
func (m *mapRun) childAt(i int) (c interp.Child, err error) {
	var rec *record
	err = m.s.Store.View(func(r store.Reader) error {
		rec, _ = loadRecord(r, m.childKey(i))
		return nil
	})
	if err != nil || rec != nil {
		if rec != nil {
			c = childOfRecord(rec)
		}
		return c, err
	}
	text, err := m.inputs.get(m.s.Store, m.rec.ARN, i)
	if err != nil {
		return c, err
	}
	return interp.Child{Input: jsonvalue.MustParse(text), MachineARN: m.rec.MachineARN}, nil
}

func childOfRecord(rec *record) interp.Child {
	c := interp.Child{ARN: rec.ARN, Name: rec.Name, MachineARN: rec.MachineARN, Status: rec.Status, Input: jsonvalue.MustParse(rec.Input),
		Started: time.UnixMilli(rec.Start).UTC(), Stopped: time.UnixMilli(rec.Stop).UTC()}
	if rec.Status == interp.Succeeded {
		c.Output = jsonvalue.MustParse(rec.Output)
	}
	if rec.Error != nil {
		c.Error = *rec.Error
	}
	if rec.Failure != nil {
		c.Cause = *rec.Failure
	}
	return c
}

// put writes one result file as the machine's role.
func (m *mapRun) put(run *interp.StartMapRun, key string, body io.Reader) error {
	err := m.s.objects().Write(m.context(), m.identity(), text(member(run.Writer.Parameters, "Bucket")), key, "application/json", body)
	if err != nil {
		return fmt.Errorf("%s", s3Cause(wireError(err)))
	}
	return nil
}

// s3Cause tells of an S3 error as version 1 of the SDK does.
func s3Cause(e *awswire.Error) string {
	return fmt.Sprintf("%s (Service: Amazon S3; Status Code: %d; Error Code: %s; Request ID: %s; S3 Extended Request ID: %s; Proxy: null)",
		e.Message, status(e), e.Code, newUUID(), newUUID())
}
