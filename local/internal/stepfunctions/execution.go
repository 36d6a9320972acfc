package stepfunctions

// This file defines the operations on executions: describe, list, stop, redrive.

import (
	"context"
	"encoding/json"
	"time"

	"github.com/stepworks/stepworks/local/internal/asl/interp"
	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/store"
)

type describeExecutionInput struct {
	ExecutionArn string `json:"executionArn" check:"required,min=1,max=256"`
	IncludedData string `json:"includedData" check:"enum=ALL_DATA|METADATA_ONLY"`
}

type included struct {
	Included bool `json:"included"`
}

type executionView struct {
	ExecutionArn           string       `json:"executionArn"`
	StateMachineArn        string       `json:"stateMachineArn"`
	Name                   string       `json:"name,omitzero"`
	Status                 string       `json:"status"`
	StartDate              awswire.Time `json:"startDate"`
	StopDate               awswire.Time `json:"stopDate,omitzero"`
	Input                  *string      `json:"input,omitzero"`
	InputDetails           *included    `json:"inputDetails,omitzero"`
	Output                 *string      `json:"output,omitzero"`
	OutputDetails          *included    `json:"outputDetails,omitzero"`
	TraceHeader            string       `json:"traceHeader,omitzero"`
	MapRunArn              string       `json:"mapRunArn,omitzero"`
	Error                  *string      `json:"error,omitzero"`
	Cause                  *string      `json:"cause,omitzero"`
	StateMachineVersionArn string       `json:"stateMachineVersionArn,omitzero"`
	StateMachineAliasArn   string       `json:"stateMachineAliasArn,omitzero"`
	RedriveCount           *int         `json:"redriveCount,omitzero"`
	RedriveDate            awswire.Time `json:"redriveDate,omitzero"`
	RedriveStatus          string       `json:"redriveStatus,omitzero"`
	RedriveStatusReason    string       `json:"redriveStatusReason,omitzero"`
}

func (s *Service) describeExecution(_ context.Context, in *describeExecutionInput) (*executionView, error) {
	var view *executionView
	err := s.withExecution(in.ExecutionArn, func(_ store.Reader, rec *record) error {
		view = s.describe(rec, in.IncludedData != "METADATA_ONLY")
		return nil
	})
	return view, err
}

// withExecution finds an execution that the API may show: a standard one, or a
// map run's child.
func (s *Service) withExecution(arn string, do func(store.Reader, *record) error) error {
	key, err := executionKey(arn)
	if err != nil {
		return err
	}
	return s.Store.View(func(r store.Reader) error {
		rec, ok := loadRecord(r, key)
		if !ok || rec.ARN != arn {
			return errNoExecution(arn)
		}
		return do(r, rec)
	})
}

func (s *Service) describe(rec *record, data bool) *executionView {
	v := &executionView{
		ExecutionArn: rec.ARN, StateMachineArn: rec.MachineARN, Name: rec.Name, Status: string(rec.Status),
		StartDate: atMillis(rec.Start), StopDate: atMillis(rec.Stop), TraceHeader: rec.Trace, MapRunArn: rec.MapRun,
		Error: nonEmpty(rec.Error), Cause: nonEmpty(rec.Failure), StateMachineVersionArn: rec.VersionARN, StateMachineAliasArn: rec.AliasARN,
	}
	if data {
		v.Input, v.InputDetails = &rec.Input, &included{true}
		if rec.Status == interp.Succeeded {
			v.Output, v.OutputDetails = &rec.Output, &included{true}
		}
	}
	if !rec.Express {
		v.RedriveCount, v.RedriveDate = &rec.Redrives, atMillis(rec.Redriven)
		v.RedriveStatus, v.RedriveStatusReason = s.redriveStatus(rec)
	}
	return v
}

func nonEmpty(s *string) *string {
	if s == nil || *s == "" {
		return nil
	}
	return s
}

// redriveFor is how long an execution may be redriven after it ended, and
// redriveEvents how long its history may be.
// https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html
const (
	redriveFor    = 14 * 24 * time.Hour
	redriveEvents = 24999
)

// redriveStatus says whether an execution can be redriven, and if not why.
func (s *Service) redriveStatus(rec *record) (status, reason string) {
	const not = "NOT_REDRIVABLE"
	switch {
	case rec.MapRun != "" && rec.Status != interp.Running && rec.Status != interp.Succeeded:
		return "REDRIVABLE_BY_MAP_RUN", ""
	case rec.Status == interp.Running || rec.Status == interp.Succeeded:
		return not, "Execution is " + string(rec.Status) + " and cannot be redriven"
	case s.now().UnixMilli()-rec.Stop > redriveFor.Milliseconds():
		return not, "Execution has exceeded the redrivable period and cannot be redriven"
	case rec.Events >= redriveEvents:
		return not, "Execution history event limit exceeded and cannot be redriven"
	}
	return "REDRIVABLE", ""
}

type listExecutionsInput struct {
	StateMachineArn string `json:"stateMachineArn" check:"min=1,max=256"`
	MapRunArn       string `json:"mapRunArn" check:"min=1,max=2000"`
	StatusFilter    string `json:"statusFilter" check:"enum=RUNNING|SUCCEEDED|FAILED|TIMED_OUT|ABORTED|PENDING_REDRIVE"`
	RedriveFilter   string `json:"redriveFilter" check:"enum=REDRIVEN|NOT_REDRIVEN"`
	MaxResults      int    `json:"maxResults" check:"min=0,max=1000"`
	NextToken       string `json:"nextToken" check:"min=1,max=3096"`
}

type listedExecution struct {
	ExecutionArn           string       `json:"executionArn"`
	StateMachineArn        string       `json:"stateMachineArn"`
	Name                   string       `json:"name"`
	Status                 string       `json:"status"`
	StartDate              awswire.Time `json:"startDate"`
	StopDate               awswire.Time `json:"stopDate,omitzero"`
	MapRunArn              string       `json:"mapRunArn,omitzero"`
	ItemCount              *int         `json:"itemCount,omitzero"`
	StateMachineVersionArn string       `json:"stateMachineVersionArn,omitzero"`
	StateMachineAliasArn   string       `json:"stateMachineAliasArn,omitzero"`
	RedriveCount           *int         `json:"redriveCount,omitzero"`
	RedriveDate            awswire.Time `json:"redriveDate,omitzero"`
}

type listExecutionsOutput struct {
	Executions []listedExecution `json:"executions"`
	NextToken  string            `json:"nextToken,omitzero"`
}

// listExecutions tells a machine's or a map run's executions, the latest first.
func (s *Service) listExecutions(_ context.Context, in *listExecutionsInput) (*listExecutionsOutput, error) {
	owner, match, err := s.listScope(in)
	if err != nil {
		return nil, err
	}
	from, to := store.Prefix(owner)
	out := new(listExecutionsOutput)
	err = s.Store.View(func(r store.Reader) error {
		var err error
		out.Executions, out.NextToken, err = pageBack(r, bucketList, from, to, in.NextToken, pageSize(in.MaxResults), func(key string, value []byte) (listedExecution, bool) {
			var e listEntry
			if json.Unmarshal(value, &e) != nil || !in.admits(e) {
				return listedExecution{}, false
			}
			parts := store.SplitKey(key)
			rec, ok := loadRecord(r, parts[len(parts)-1])
			if !ok || !match(rec) {
				return listedExecution{}, false
			}
			return s.listed(rec), true
		})
		return err
	})
	return out, err
}

func (in *listExecutionsInput) admits(e listEntry) bool {
	return (in.StatusFilter == "" || in.StatusFilter == string(e.Status)) &&
		(in.RedriveFilter == "" || (in.RedriveFilter == "REDRIVEN") == e.Redriven)
}

// listScope says whose executions are listed, and which of them.
func (s *Service) listScope(in *listExecutionsInput) (owner string, match func(*record) bool, err error) {
	switch {
	case (in.StateMachineArn == "") == (in.MapRunArn == ""):
		return "", nil, errValidation("Must provide exactly one of stateMachineArn or mapRunArn")
	case in.MapRunArn != "":
		return s.mapRunScope(in)
	case in.RedriveFilter != "":
		return "", nil, errValidation("redriveFilter is only valid with mapRunArn")
	}
	res, err := parseARN(in.StateMachineArn, kindMachine)
	if err != nil {
		return "", nil, err
	}
	m := s.machines.get(res.name)
	switch {
	case m == nil:
		return "", nil, errNoMachine(in.StateMachineArn)
	case m.Type == "EXPRESS":
		return "", nil, errTypeNotSupported()
	case res.rest == "":
		return m.Name, func(*record) bool { return true }, nil
	}
	return m.Name, func(rec *record) bool {
		return rec.VersionARN == in.StateMachineArn || rec.AliasARN == in.StateMachineArn
	}, nil
}

func (s *Service) listed(rec *record) listedExecution {
	e := listedExecution{ExecutionArn: rec.ARN, StateMachineArn: rec.MachineARN, Name: rec.Name, Status: string(rec.Status),
		StartDate: atMillis(rec.Start), StopDate: atMillis(rec.Stop), MapRunArn: rec.MapRun,
		StateMachineVersionArn: rec.VersionARN, StateMachineAliasArn: rec.AliasARN}
	if !rec.Express {
		e.RedriveCount, e.RedriveDate = &rec.Redrives, atMillis(rec.Redriven)
	}
	if rec.MapRun != "" {
		e.ItemCount = &rec.Items
	}
	return e
}

type stopExecutionInput struct {
	ExecutionArn string `json:"executionArn" check:"required,min=1,max=256"`
	Error        string `json:"error" check:"max=256"`
	Cause        string `json:"cause" check:"max=32768"`
}

type stopExecutionOutput struct {
	StopDate awswire.Time `json:"stopDate"`
}

// stopExecution answers with the date of an execution's end, whoever ended it.
func (s *Service) stopExecution(ctx context.Context, in *stopExecutionInput) (*stopExecutionOutput, error) {
	key, err := executionKey(in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	if r := s.running(key); r != nil {
		if _, err := r.ask(ctx, message{event: interp.Stopped{Error: in.Error, Cause: in.Cause}}); err != nil {
			return nil, err
		}
	}
	out := new(stopExecutionOutput)
	err = s.withExecution(in.ExecutionArn, func(_ store.Reader, rec *record) error {
		if rec.Express && rec.MapRun == "" {
			return errTypeNotSupported()
		}
		out.StopDate = atMillis(rec.Stop)
		return nil
	})
	return out, err
}

// ask feeds a message and waits until what came of it is durable.
func (r *run) ask(ctx context.Context, m message) (accepted bool, err error) {
	done := make(chan struct{})
	m.done = func(ok bool, e error) {
		accepted, err = ok, e
		close(done)
	}
	r.feed(m)
	select {
	case <-done:
		return accepted, err
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

type redriveInput struct {
	ExecutionArn string `json:"executionArn" check:"required,min=1,max=256"`
	ClientToken  string `json:"clientToken" check:"min=1,max=64"`
}

type redriveOutput struct {
	RedriveDate awswire.Time `json:"redriveDate"`
}

// redriveExecution lets an unsuccessful execution go on where it failed. The
// execution comes back into memory, and the redrive is an event like any other.
func (s *Service) redriveExecution(ctx context.Context, in *redriveInput) (*redriveOutput, error) {
	key, err := executionKey(in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	if err := s.withExecution(in.ExecutionArn, func(_ store.Reader, rec *record) error {
		return s.mayRedrive(rec)
	}); err != nil {
		return nil, err
	}
	r, err := s.reopen(key)
	if err != nil {
		return nil, err
	}
	accepted, err := r.ask(ctx, message{event: interp.Redriven{}, redrive: true})
	if err != nil {
		return nil, err
	}
	out := new(redriveOutput)
	err = s.withExecution(in.ExecutionArn, func(_ store.Reader, rec *record) error {
		if !accepted {
			return s.mayRedrive(rec)
		}
		out.RedriveDate = atMillis(rec.Redriven)
		return nil
	})
	return out, err
}

func (s *Service) mayRedrive(rec *record) error {
	if rec.Express && rec.MapRun == "" {
		return errTypeNotSupported()
	}
	if status, reason := s.redriveStatus(rec); status != "REDRIVABLE" {
		if reason == "" {
			reason = "Execution is a child of a Map Run and is redriven by it"
		}
		return errNotRedrivable(reason)
	}
	return nil
}

// reopen returns the run of an execution that may have ended.
func (s *Service) reopen(key string) (*run, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	if r := s.runs[key]; r != nil {
		return r, nil
	}
	r := &run{s: s, key: key, durable: true}
	s.runs[key] = r
	return r, nil
}

// redrivable says why the execution cannot be redriven, "" when it can.
func (r *run) redrivable() string {
	status, reason := r.s.redriveStatus(r.rec)
	if status == "REDRIVABLE" || status == "REDRIVABLE_BY_MAP_RUN" {
		return ""
	}
	return reason + "."
}

// redriven puts the record back to RUNNING.
func (r *run) redriven(st *step) {
	st.touched = true
	r.rec.Status, r.rec.Stop = interp.Running, 0
	r.rec.Error, r.rec.Failure = nil, nil
	r.rec.Redrives++
	r.rec.Redriven = r.s.now().UnixMilli()
}

// forgetExecution removes all that the store has of an execution.
func forgetExecution(tx *store.Tx, rec *record, key string) {
	tx.Delete(bucketExecution, key)
	tx.Delete(bucketList, rec.listKey(key))
	tx.Delete(bucketRunning, key)
	tx.Delete(bucketClosed, key)
	from, to := store.Prefix(key)
	for _, bucket := range []string{bucketHistory, bucketChild} {
		for k := range tx.Scan(bucket, from, to) {
			tx.Delete(bucket, k)
		}
	}
}

// forgetAtOnce is how many executions one update removes, so that others get
// their turn.
const forgetAtOnce = 100

// forgetMachine ends and removes the executions of a deleted machine and of its
// map runs.
func (s *Service) forgetMachine(machine string) error {
	owners := []string{machine}
	err := s.Store.Update(func(tx *store.Tx) error {
		from, to := store.Prefix(machine)
		for key := range tx.Scan(bucketMapRun, from, to) {
			arn := store.SplitKey(key)[1]
			owners = append(owners, arn)
			tx.Delete(bucketMapRun, key)
			first, end := store.Prefix(arn)
			for row := range tx.Scan(bucketMapInput, first, end) {
				tx.Delete(bucketMapInput, row)
			}
		}
		return nil
	})
	s.mu.Lock()
	for _, arn := range owners {
		delete(s.mapRuns, arn)
	}
	s.mu.Unlock()
	for _, owner := range owners {
		if err == nil {
			err = s.forgetExecutions(owner)
		}
	}
	return err
}

func (s *Service) forgetExecutions(owner string) error {
	for {
		var gone []string
		err := s.Store.Update(func(tx *store.Tx) error {
			from, to := store.Prefix(owner)
			for key := range tx.Scan(bucketList, from, to) {
				parts := store.SplitKey(key)
				id := parts[len(parts)-1]
				if rec, ok := loadRecord(tx, id); ok {
					forgetExecution(tx, rec, id)
				}
				tx.Delete(bucketList, key)
				if r := s.running(id); r != nil {
					r.gone.Store(true)
				}
				if gone = append(gone, id); len(gone) == forgetAtOnce {
					break
				}
			}
			return nil
		})
		if err != nil || len(gone) == 0 {
			return err
		}
		for _, id := range gone {
			if r := s.running(id); r != nil {
				s.discard(r)
			}
		}
	}
}

// discard takes an execution that is gone from those under way. Its timers fire
// into nothing.
func (s *Service) discard(r *run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.runs, r.key)
}
