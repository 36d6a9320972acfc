package stepfunctions

// This file defines express executions. They run in memory: an asynchronous one
// leaves its beginning in the store until it ends, so that it runs again, from
// the start, after a crash (at least once); a synchronous one lives as long as
// the request that waits for it (at most once).
// https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html

import (
	"context"
	"encoding/json"
	"math"
	"time"

	"github.com/stepworks/stepworks/local/internal/asl/interp"
	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

// expressLimit is how long an express execution may take:
// https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
const expressLimit = 5 * time.Minute

// startExpress starts an asynchronous express execution.
func (s *Service) startExpress(ctx context.Context, b *beginning) (*startExecutionOutput, error) {
	rec := b.rec
	if rec.Parent != nil && rec.Parent.Waits {
		return nil, errTypeNotSupported()
	}
	key := rec.key()
	err := s.Store.Update(func(tx *store.Tx) error {
		putJSON(tx, bucketExpress, key, rec)
		return nil
	})
	if err != nil {
		return nil, err
	}
	started := rec.Start
	s.runExpress(ctx, b, func(*record) { s.expressEnded(key) })
	return &startExecutionOutput{ExecutionArn: rec.ARN, StartDate: atMillis(started)}, nil
}

func (s *Service) expressEnded(key string) {
	err := s.Store.Update(func(tx *store.Tx) error {
		tx.Delete(bucketExpress, key)
		return nil
	})
	if err != nil {
		s.Log.Error("an express execution that ended will run again at the next start", "execution", key, "error", err)
	}
}

// runExpress runs an execution in memory and tells ended how it went.
func (s *Service) runExpress(ctx context.Context, b *beginning, ended func(*record)) *run {
	r := s.newRun(b)
	r.durable, r.ended = false, ended
	r.cause = s.recordStart(ctx, b.rec)
	if err := s.register(r); err != nil {
		return r
	}
	s.countStart(b.rec)
	r.limit(b.rec)
	var st step
	r.stepWith(&st, interp.Started{})
	_ = r.persist(&st, nil) // in memory: nothing that could fail
	r.perform(&st)
	r.leave()
	r.handOver()
	return r
}

// limit ends an express execution when its time is over.
func (r *run) limit(rec *record) {
	if !rec.Express {
		return
	}
	end := time.UnixMilli(rec.Start).Add(expressLimit)
	t := r.s.Clock.AfterFunc(end.Sub(r.s.now()), func() {
		r.feed(message{event: interp.Stopped{Error: "States.Timeout"}, expired: true})
	})
	r.timers = append(r.timers, timer{0, t})
}

// restartExpress runs again what a crash interrupted.
func (s *Service) restartExpress() error {
	var recs []*record
	err := s.Store.View(func(r store.Reader) error {
		for _, text := range r.Scan(bucketExpress, "", "") {
			rec := new(record)
			if json.Unmarshal(text, rec) == nil {
				recs = append(recs, rec)
			}
		}
		return nil
	})
	for _, rec := range recs {
		key := rec.key()
		m, defErr := s.machineOf(rec.Definition)
		input, inputErr := jsonvalue.Parse([]byte(rec.Input))
		if defErr != nil || inputErr != nil {
			s.Log.Error("an express execution cannot run again", "execution", key, "error", defErr)
			continue
		}
		rec.Start = s.now().UnixMilli() // it runs from the start, and its time does
		s.runExpress(s.ctx, &beginning{rec: rec, input: input, def: m, m: s.machines.get(rec.Machine)}, func(*record) { s.expressEnded(key) })
	}
	return err
}

type startSyncInput struct {
	StateMachineArn string  `json:"stateMachineArn" check:"required,min=1,max=256"`
	Name            *string `json:"name" check:"min=1,max=80"`
	Input           *string `json:"input"`
	TraceHeader     string  `json:"traceHeader" check:"max=256"`
	IncludedData    string  `json:"includedData" check:"enum=ALL_DATA|METADATA_ONLY"`
}

type billing struct {
	BilledMemoryUsedInMB         int64 `json:"billedMemoryUsedInMB"`
	BilledDurationInMilliseconds int64 `json:"billedDurationInMilliseconds"`
}

type startSyncOutput struct {
	ExecutionArn    string       `json:"executionArn"`
	StateMachineArn string       `json:"stateMachineArn"`
	Name            string       `json:"name"`
	StartDate       awswire.Time `json:"startDate"`
	StopDate        awswire.Time `json:"stopDate"`
	Status          string       `json:"status"`
	Error           *string      `json:"error,omitzero"`
	Cause           *string      `json:"cause,omitzero"`
	Input           *string      `json:"input,omitzero"`
	InputDetails    *included    `json:"inputDetails,omitzero"`
	Output          *string      `json:"output,omitzero"`
	OutputDetails   *included    `json:"outputDetails,omitzero"`
	TraceHeader     string       `json:"traceHeader,omitzero"`
	BillingDetails  *billing     `json:"billingDetails,omitzero"`
}

// startSync answers when the execution ended.
func (s *Service) startSync(ctx context.Context, in *startSyncInput) (*startSyncOutput, error) {
	b, err := s.beginning(&startExecutionInput{StateMachineArn: in.StateMachineArn, Name: in.Name, Input: in.Input, TraceHeader: in.TraceHeader})
	if err != nil {
		return nil, err
	}
	if !b.rec.Express {
		return nil, errTypeNotSupported()
	}
	type end struct {
		rec     *record
		release func() // the answer is work in progress until it is given
	}
	done := make(chan end, 1)
	r := s.runExpress(ctx, b, func(rec *record) { done <- end{rec, s.Clock.Hold()} })
	awswire.Waiting(ctx)
	select {
	case e := <-done:
		defer e.release()
		return s.syncAnswer(e.rec, in), nil
	case <-ctx.Done():
		r.tell(interp.Stopped{})
		return nil, ctx.Err()
	case <-s.ctx.Done():
		return nil, errClosed
	}
}

func (s *Service) syncAnswer(rec *record, in *startSyncInput) *startSyncOutput {
	out := &startSyncOutput{
		ExecutionArn: rec.ARN, StateMachineArn: rec.MachineARN, Name: rec.Name, StartDate: atMillis(rec.Start), StopDate: atMillis(rec.Stop),
		Status: string(rec.Status), Error: nonEmpty(rec.Error), Cause: nonEmpty(rec.Failure), TraceHeader: rec.Trace, BillingDetails: bill(rec),
	}
	if in.IncludedData != "METADATA_ONLY" {
		out.Input, out.InputDetails = &rec.Input, &included{true}
		if rec.Status == interp.Succeeded {
			out.Output, out.OutputDetails = &rec.Output, &included{true}
		}
	}
	return out
}

// bill rounds as AWS does: the duration up to 100 ms, the memory to chunks of 64 MB.
// https://aws.amazon.com/step-functions/pricing/
func bill(rec *record) *billing {
	rounded := int64(math.Ceil(float64(rec.Stop-rec.Start)/100)) * 100
	return &billing{BilledMemoryUsedInMB: 64, BilledDurationInMilliseconds: max(rounded, 100)}
}
