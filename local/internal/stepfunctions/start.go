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
	r := &run{s: s, key: rec.key(), durable: true, rec: rec, exec: interp.New(b.def, start), log: s.newLog(b.m, rec)}
	r.exec.Check = r.check
	r.inbox.claim()
	return r
}

// opening is an execution that has done its first step, which is not durable yet.
type opening struct {
	run     *run
	step    step
	started record // as it is told while it runs
}

func (s *Service) opening(ctx context.Context, b *beginning) *opening {
	o := &opening{run: s.newRun(b), step: step{touched: true, fresh: true}, started: *b.rec}
	o.run.cause = s.recordStart(ctx, b.rec)
	o.run.stepWith(&o.step, interp.Started{})
	return o
}

// open lets an execution whose first step is durable go on.
func (o *opening) open() {
	r := o.run
	r.s.publishStatus(r.context(), &o.started)
	r.s.countStart(&o.started)
	r.limit(&o.started)
	r.perform(&o.step)
	r.leave()
	r.handOver()
}

func (o *opening) give(err error) {
	o.run.s.forget(o.run)
	o.run.drop(err)
}

// begin runs the first step and makes it durable together with the execution's
// existence: an execution that needs no waiting costs one update.
func (s *Service) begin(ctx context.Context, b *beginning, named bool) (*record, error) {
	o := s.opening(ctx, b)
	var twin *record
	err := o.run.persist(&o.step, func(tx *store.Tx) error {
		if named {
			var err error
			if twin, err = s.claimName(tx, &o.started); err != nil {
				return err
			}
		}
		saveParent(tx, &o.started)
		return s.register(o.run)
	})
	switch {
	case twin != nil:
		return twin, nil
	case err != nil:
		o.give(err)
		return nil, err
	}
	o.open()
	return &o.started, nil
}

// openAll begins executions together, in one update.
func (s *Service) openAll(all []*opening) error {
	rows := make([]*written, len(all))
	for i, o := range all {
		rows[i] = o.run.write(&o.step)
	}
	err := s.Store.Update(func(tx *store.Tx) error {
		for i, o := range all {
			rows[i].put(tx)
			if err := s.register(o.run); err != nil {
				return err
			}
		}
		return nil
	})
	for _, o := range all {
		if err != nil {
			o.give(err)
		} else {
			o.open()
		}
	}
	return err
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
	if r.inbox.quit() {
		r.begin()
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
	s.waiting = []func(){}
	for _, key := range keys {
		if err := s.resume(key); err != nil {
			s.Log.Error("an execution cannot be taken up", "execution", key, "error", err)
		}
	}
	s.mu.Lock()
	waiting := s.waiting
	s.waiting = nil
	s.mu.Unlock()
	for _, f := range waiting {
		f()
	}
	return s.restartExpress()
}

// machineNamed returns the machine of an execution, whose map run's label may
// stand behind its name.
func (s *Service) machineNamed(full string) *machine {
	name, _ := splitLabel(full)
	return s.machines.get(name)
}

// whenStarted does f, or leaves it to the end of Start: map runs count on their
// children being taken up before.
func (s *Service) whenStarted(f func()) {
	s.mu.Lock()
	if s.waiting != nil {
		s.waiting = append(s.waiting, f)
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	f()
}

// resume takes one execution up.
func (s *Service) resume(key string) error {
	r := &run{s: s, key: key, durable: true}
	r.inbox.claim()
	if err := r.load(); err != nil {
		return err
	}
	if err := s.register(r); err != nil {
		return err
	}
	r.log = s.newLog(s.machineNamed(r.rec.Machine), r.rec)
	st := step{commands: r.exec.Pending()}
	r.note(st.commands)
	r.limit(r.rec)
	r.perform(&st)
	r.leave()
	r.handOver()
	return nil
}
