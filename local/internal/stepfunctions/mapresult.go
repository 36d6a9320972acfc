package stepfunctions

// This file defines the inputs that a map run stores before it begins, and what
// it leaves when it ends.

import (
	"encoding/base64"
	"fmt"
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
func (s *Service) saveInputs(rec *mapRecord, inputs []jsonvalue.Value) error {
	for row := 0; row*inputsPerRow < len(inputs); row += rowsAtOnce {
		err := s.Store.Update(func(tx *store.Tx) error {
			for i := row; i < row+rowsAtOnce && i*inputsPerRow < len(inputs); i++ {
				var text []byte
				for n, v := range inputs[i*inputsPerRow : min((i+1)*inputsPerRow, len(inputs))] {
					if n > 0 {
						text = append(text, '\n')
					}
					text = jsonvalue.Append(text, v)
				}
				tx.Put(bucketMapInput, inputsKey(rec.ARN, i), text)
			}
			return nil
		})
		if err != nil {
			return err
		}
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
	children, err := m.children()
	if err != nil {
		return err
	}
	if !exports {
		m.rec.Output = jsonvalue.String(run.Results(children))
		return nil
	}
	files, output := run.Files(children)
	m.rec.Output = jsonvalue.String(output)
	for _, file := range files {
		if err := m.put(run, file); err != nil {
			return err
		}
	}
	m.mu.Lock()
	m.tally.Written = m.rec.Items
	m.mu.Unlock()
	return nil
}

func (m *mapRun) children() ([]interp.Child, error) {
	children := make([]interp.Child, m.rec.Children)
	err := m.s.Store.View(func(r store.Reader) error {
		for i := range children {
			if rec, ok := loadRecord(r, m.childKey(i)); ok {
				children[i] = childOfRecord(rec)
			}
		}
		return nil
	})
	for i := range children { // those that never ran
		if children[i].ARN != "" || err != nil {
			continue
		}
		var text string
		text, err = m.inputs.get(m.s.Store, m.rec.ARN, i)
		if err == nil {
			children[i] = interp.Child{Input: jsonvalue.MustParse(text), MachineARN: m.rec.MachineARN}
		}
	}
	return children, err
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
func (m *mapRun) put(run *interp.StartMapRun, file interp.ResultFile) error {
	params := jsonvalue.NewObject(
		jsonvalue.Member{Name: "Bucket", Value: member(run.Writer.Parameters, "Bucket")},
		jsonvalue.Member{Name: "Key", Value: file.Key},
		jsonvalue.Member{Name: "ContentType", Value: "application/json"},
		jsonvalue.Member{Name: "Body", Value: base64.StdEncoding.EncodeToString(file.Text)},
	)
	if _, err := m.s.Caller.Call(m.context(), m.identity(), "s3", "PutObject", params); err != nil {
		return fmt.Errorf("%s", s3Cause(wireError(err)))
	}
	return nil
}

// s3Cause tells of an S3 error as version 1 of the SDK does.
func s3Cause(e *awswire.Error) string {
	return fmt.Sprintf("%s (Service: Amazon S3; Status Code: %d; Error Code: %s; Request ID: %s; S3 Extended Request ID: %s; Proxy: null)",
		e.Message, status(e), e.Code, newUUID(), newUUID())
}
