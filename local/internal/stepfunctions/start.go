package stepfunctions

// This file defines how executions begin: StartExecution, and what nested
// executions and map runs begin with it.

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/asl/interp"
	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/journal"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

// maxData is the limit of inputs, outputs and results in bytes of UTF-8:
// https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
const maxData = 262144

// nameReuse is how long the name of a closed execution stays taken:
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
const nameReuse = 90 * 24 * time.Hour

type startExecutionInput struct {
	StateMachineArn string  `json:"stateMachineArn" check:"required,min=1,max=256"`
	Name            *string `json:"name" check:"min=1,max=80"`
	Input           *string `json:"input"`
	TraceHeader     string  `json:"traceHeader" check:"max=256"`
}

type startExecutionOutput struct {
	ExecutionArn string       `json:"executionArn"`
	StartDate    awswire.Time `json:"startDate"`
}

// beginning is a new execution on its way to its first step.
type beginning struct {
	rec   *record
	input jsonvalue.Value
	def   *asl.Machine
	m     *machine
}

func (s *Service) startExecution(ctx context.Context, in *startExecutionInput) (*startExecutionOutput, error) {
	b, err := s.beginning(in)
	if err != nil {
		return nil, err
	}
	b.rec.Parent = parentFrom(ctx)
	if b.rec.Express {
		return s.startExpress(ctx, b)
	}
	started, err := s.begin(ctx, b, in.Name != nil)
	if err != nil {
		return nil, err
	}
	return &startExecutionOutput{ExecutionArn: started.ARN, StartDate: atMillis(started.Start)}, nil
}

// beginning checks a request to start an execution.
func (s *Service) beginning(in *startExecutionInput) (*beginning, error) {
	arn, testCase := splitTestCase(in.StateMachineArn)
	res, err := parseARN(arn, kindMachine)
	if err != nil {
		return nil, err
	}
	m := s.machines.get(res.name)
	if m == nil || m.Deleting {
		return nil, errNoMachine(arn)
	}
	rec := &record{Machine: m.Name, MachineARN: s.arn(kindMachine, m.Name), RoleARN: m.RoleARN, Definition: m.Definition,
		Express: m.Type == "EXPRESS", Trace: in.TraceHeader, Status: interp.Running, Start: s.now().UnixMilli(), Input: "{}", TestCase: testCase}
	if err := s.nameExecution(rec, in.Name); err != nil {
		return nil, err
	}
	if err := s.qualify(rec, res, arn); err != nil {
		return nil, err
	}
	b := &beginning{rec: rec, m: m}
	if b.input, err = parseInput(in.Input); err != nil {
		return nil, err
	}
	if in.Input != nil {
		rec.Input = *in.Input
	}
	b.def, err = s.machineOf(rec.Definition)
	return b, err
}

func (s *Service) nameExecution(rec *record, name *string) error {
	rec.Name = newUUID()
	if name != nil {
		if err := checkName(*name); err != nil {
			return err
		}
		rec.Name = *name
	}
	rec.ARN = s.arn(kindExecution, rec.Machine, rec.Name)
	if rec.Express {
		rec.ARN = s.arn(kindExpress, rec.Machine, rec.Name, newUUID())
	}
	return nil
}

// parseInput reads an execution's input; none is {}.
func parseInput(text *string) (jsonvalue.Value, error) {
	if text == nil {
		return jsonvalue.NewObject(), nil
	}
	if len(*text) > maxData {
		return nil, errValidation("1 validation error detected: Value at 'input' failed to satisfy constraint: Member must have length less than or equal to %d", maxData)
	}
	v, err := jsonvalue.Parse([]byte(*text))
	if err != nil {
		return nil, errInvalidInput(err.Error())
	}
	return v, nil
}

// newRun makes the execution and its seed, which task tokens come from.
func (s *Service) newRun(b *beginning) *run {
	rec := b.rec
	start := interp.Start{ARN: rec.ARN, Name: rec.Name, RoleARN: rec.RoleARN, MachineARN: rec.MachineARN, VersionARN: rec.VersionARN,
		AliasARN: rec.AliasARN, Express: rec.Express, Input: b.input, Time: s.now()}
	_, _ = rand.Read(start.Seed[:])
	r := &run{s: s, key: rec.key(), durable: true, busy: true, rec: rec, exec: interp.New(b.def, start), log: s.newLog(b.m, rec)}
	r.exec.Check = r.check
	return r
}

// begin runs the first step and makes it durable together with the execution's
// existence: an execution that needs no waiting costs one update.
func (s *Service) begin(ctx context.Context, b *beginning, named bool) (*record, error) {
	r := s.newRun(b)
	r.cause = s.recordStart(ctx, b.rec)
	st := step{touched: true, fresh: true}
	running := *b.rec
	r.stepWith(&st, interp.Started{})
	var twin *record
	err := r.persist(&st, func(tx *store.Tx) error {
		if named {
			var err error
			if twin, err = s.claimName(tx, &running); err != nil {
				return err
			}
		}
		saveParent(tx, &running)
		return s.register(r)
	})
	switch {
	case twin != nil:
		return twin, nil
	case err != nil:
		s.forget(r)
		r.drop(err)
		return nil, err
	}
	s.publishStatus(r.context(), &running)
	s.countStart(&running)
	r.perform(&st)
	r.leave()
	r.handOver()
	return &running, nil
}

// errTwin ends the update that found the execution started already.
type errTwin struct{}

func (errTwin) Error() string { return "the execution is under way already" }

// claimName refuses a name that is taken. While an execution runs, asking again
// with the same name and input means it.
func (s *Service) claimName(tx *store.Tx, rec *record) (twin *record, err error) {
	key := rec.key()
	have, ok := loadRecord(tx, key)
	switch {
	case !ok:
		return nil, nil
	case have.Status == interp.Running && have.Input == rec.Input && have.MachineARN == rec.MachineARN:
		return have, errTwin{}
	case have.Status != interp.Running && rec.Start-have.Stop >= nameReuse.Milliseconds():
		forgetExecution(tx, have, key)
		return nil, nil
	}
	return nil, errExecutionExists(rec.ARN)
}

// handOver ends the work of who began the execution; what came in meanwhile is
// another's.
func (r *run) handOver() {
	r.mu.Lock()
	if len(r.inbox) == 0 {
		r.busy = false
		r.mu.Unlock()
		return
	}
	r.mu.Unlock()
	release := r.s.Clock.Hold()
	if !r.s.execute(func() { defer release(); r.work() }) {
		release()
		r.drop(errClosed)
	}
}

func (s *Service) recordStart(ctx context.Context, rec *record) uint64 {
	if s.Journal == nil {
		return awswire.CallerFrom(ctx).Cause
	}
	e := journal.Entry{Kind: journal.ExecutionStarted, Subject: rec.ARN, Name: rec.Machine, Cause: awswire.CallerFrom(ctx).Cause}
	return journal.CauseFrom(s.Journal.Record(ctx, e))
}

// Start takes up every execution where it was: it loads those that run, sets
// their timers and asks again what was asked. The other services must be ready.
func (s *Service) Start() error {
	var keys []string
	err := s.Store.View(func(r store.Reader) error {
		for key := range r.Scan(bucketRunning, "", "") {
			keys = append(keys, key)
		}
		return nil
	})
	if err != nil {
		return err
	}
	release := s.Clock.Hold()
	defer release()
	for _, key := range keys {
		if err := s.resume(key); err != nil {
			s.Log.Error("an execution cannot be taken up", "execution", key, "error", err)
		}
	}
	return s.restartExpress()
}

// resume takes one execution up.
func (s *Service) resume(key string) error {
	r := &run{s: s, key: key, durable: true, busy: true}
	if err := r.load(); err != nil {
		return err
	}
	if err := s.register(r); err != nil {
		return err
	}
	r.log = s.newLog(s.machines.get(r.rec.Machine), r.rec)
	st := step{commands: r.exec.Pending()}
	r.note(st.commands)
	r.perform(&st)
	r.leave()
	r.handOver()
	return nil
}
