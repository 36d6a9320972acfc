package stepfunctions

// This file defines map runs as the store keeps them and the API shows them.
// https://docs.aws.amazon.com/step-functions/latest/dg/concepts-examine-map-run.html

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/stepworks/stepworks/local/internal/asl/interp"
	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

// mapRecord is what the store keeps of a map run: all that its driver needs to
// go on, but the inputs of its children, which are rows of their own.
type mapRecord struct {
	ARN       string
	Execution string // the parent's key
	ID        interp.ID
	Machine   string // MACHINE/LABEL
	Parent    string // the parent's ARN

	MachineARN, RoleARN string
	Definition          string // hash
	Location            string // of the Map state
	Express             bool   `json:",omitzero"`
	MaxConcurrency      int    `json:",omitzero"`
	FailureCount        *int64
	FailurePercentage   *float64
	Batched             bool         `json:",omitzero"`
	Writer              *savedWriter `json:",omitzero"`

	Prepared bool // the children's inputs are stored
	Children int
	Items    int

	Status   interp.Status
	Start    int64
	Stop     int64 `json:",omitzero"`
	Redrives int   `json:",omitzero"`
	Redriven int64 `json:",omitzero"`
	Counts   tally // when it ended

	// How it ended, for a parent that has not heard of it.
	Output       string `json:",omitzero"`
	Error, Cause string `json:",omitzero"`
}

// savedWriter is an interp.ResultWriter as it is stored.
type savedWriter struct {
	Parameters                 string // JSON; "" when results are not exported
	Transformation, OutputType string
}

// tally counts children, or the items in them, by what became of them.
type tally struct {
	Executions, Items map[interp.Status]int
	Written           int // items in result files
}

func newTally() tally {
	return tally{Executions: map[interp.Status]int{}, Items: map[interp.Status]int{}}
}

func (t tally) add(status interp.Status, items, sign int) {
	t.Executions[status] += sign
	t.Items[status] += sign * items
}

// failedItems are those of children that ended without success.
func (t tally) failedItems() int64 {
	return int64(t.Items[interp.Failed] + t.Items[interp.TimedOut] + t.Items[interp.Aborted])
}

// mapRunKey orders map runs by their machine.
func mapRunKey(arn string) (string, error) {
	r, err := parseARN(arn, kindMapRun)
	if err != nil {
		return "", err
	}
	machine, _ := splitLabel(r.name)
	return store.Key(machine, arn), nil
}

func (rec *mapRecord) key() string {
	key, _ := mapRunKey(rec.ARN)
	return key
}

func (rec *mapRecord) save(tx *store.Tx) { putJSON(tx, bucketMapRun, rec.key(), rec) }

// run makes the command that the record was made of, as far as it is needed
// after its beginning.
func (rec *mapRecord) run() *interp.StartMapRun {
	run := &interp.StartMapRun{ARN: rec.ARN, ToleratedFailureCount: rec.FailureCount, ToleratedFailurePercentage: rec.FailurePercentage}
	if w := rec.Writer; w != nil {
		run.Writer = &interp.ResultWriter{Transformation: w.Transformation, OutputType: w.OutputType}
		if w.Parameters != "" {
			run.Writer.Parameters = jsonvalue.MustParse(w.Parameters)
		}
	}
	return run
}

// splitLabel takes MACHINE/LABEL apart.
func splitLabel(machine string) (name, label string) {
	name, label, _ = strings.Cut(machine, "/")
	return name, label
}

type mapRunInput struct {
	MapRunArn string `json:"mapRunArn" check:"required,min=1,max=2000"`
}

// counts are itemCounts or executionCounts.
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_MapRunItemCounts.html
type counts struct {
	Pending               int64 `json:"pending"`
	Running               int64 `json:"running"`
	Succeeded             int64 `json:"succeeded"`
	Failed                int64 `json:"failed"`
	TimedOut              int64 `json:"timedOut"`
	Aborted               int64 `json:"aborted"`
	Total                 int64 `json:"total"`
	ResultsWritten        int64 `json:"resultsWritten"`
	FailuresNotRedrivable int64 `json:"failuresNotRedrivable"`
	PendingRedrive        int64 `json:"pendingRedrive"`
}

type mapRunView struct {
	MapRunArn                  string       `json:"mapRunArn"`
	ExecutionArn               string       `json:"executionArn"`
	Status                     string       `json:"status"`
	StartDate                  awswire.Time `json:"startDate"`
	StopDate                   awswire.Time `json:"stopDate,omitzero"`
	MaxConcurrency             int          `json:"maxConcurrency"`
	ToleratedFailurePercentage float64      `json:"toleratedFailurePercentage"`
	ToleratedFailureCount      int64        `json:"toleratedFailureCount"`
	ItemCounts                 counts       `json:"itemCounts"`
	ExecutionCounts            counts       `json:"executionCounts"`
	RedriveCount               int          `json:"redriveCount"`
	RedriveDate                awswire.Time `json:"redriveDate,omitzero"`
}

func (s *Service) describeMapRun(_ context.Context, in *mapRunInput) (*mapRunView, error) {
	rec, err := s.loadMapRun(in.MapRunArn)
	if err != nil {
		return nil, err
	}
	t := rec.Counts
	if m := s.mapRun(rec.ARN); m != nil {
		t = m.counted()
	}
	view := &mapRunView{MapRunArn: rec.ARN, ExecutionArn: rec.Parent, Status: string(rec.Status), StartDate: atMillis(rec.Start), StopDate: atMillis(rec.Stop),
		MaxConcurrency: rec.MaxConcurrency, RedriveCount: rec.Redrives, RedriveDate: atMillis(rec.Redriven),
		ExecutionCounts: countsOf(t.Executions, rec.Children), ItemCounts: countsOf(t.Items, rec.Items)}
	if rec.FailureCount != nil {
		view.ToleratedFailureCount = *rec.FailureCount
	}
	if rec.FailurePercentage != nil {
		view.ToleratedFailurePercentage = *rec.FailurePercentage
	}
	view.ItemCounts.ResultsWritten = int64(t.Written)
	view.ExecutionCounts.ResultsWritten = min(int64(t.Written), view.ExecutionCounts.Total)
	return view, nil
}

func countsOf(by map[interp.Status]int, total int) counts {
	c := counts{Running: int64(by[interp.Running]), Succeeded: int64(by[interp.Succeeded]), Failed: int64(by[interp.Failed]),
		TimedOut: int64(by[interp.TimedOut]), Aborted: int64(by[interp.Aborted]), Total: int64(total)}
	c.Pending = c.Total - c.Running - c.Succeeded - c.Failed - c.TimedOut - c.Aborted
	return c
}

func (s *Service) loadMapRun(arn string) (*mapRecord, error) {
	key, err := mapRunKey(arn)
	if err != nil {
		return nil, err
	}
	var rec *mapRecord
	err = s.Store.View(func(r store.Reader) error {
		var ok bool
		if rec, ok = getJSON[mapRecord](r, bucketMapRun, key); !ok {
			return errNoResource(arn)
		}
		return nil
	})
	return rec, err
}

type listMapRunsInput struct {
	ExecutionArn string `json:"executionArn" check:"required,min=1,max=256"`
	MaxResults   int    `json:"maxResults" check:"min=0,max=1000"`
	NextToken    string `json:"nextToken" check:"min=1,max=1024"`
}

type listedMapRun struct {
	ExecutionArn    string       `json:"executionArn"`
	MapRunArn       string       `json:"mapRunArn"`
	StateMachineArn string       `json:"stateMachineArn"`
	StartDate       awswire.Time `json:"startDate"`
	StopDate        awswire.Time `json:"stopDate,omitzero"`
}

type listMapRunsOutput struct {
	MapRuns   []listedMapRun `json:"mapRuns"`
	NextToken string         `json:"nextToken,omitzero"`
}

func (s *Service) listMapRuns(_ context.Context, in *listMapRunsInput) (*listMapRunsOutput, error) {
	res, err := parseARN(in.ExecutionArn, kindExecution)
	if err != nil {
		return nil, err
	}
	machine, _ := splitLabel(res.name)
	from, to := store.Prefix(machine)
	out := new(listMapRunsOutput)
	return out, s.withExecution(in.ExecutionArn, func(r store.Reader, _ *record) error {
		var err error
		out.MapRuns, out.NextToken, err = pageForward(r, bucketMapRun, from, to, in.NextToken, pageSize(in.MaxResults), func(_ string, text []byte) (listedMapRun, bool) {
			var rec mapRecord
			ok := json.Unmarshal(text, &rec) == nil && rec.Parent == in.ExecutionArn
			return listedMapRun{rec.Parent, rec.ARN, rec.MachineARN, atMillis(rec.Start), atMillis(rec.Stop)}, ok
		})
		return err
	})
}

type updateMapRunInput struct {
	MapRunArn                  string   `json:"mapRunArn" check:"required,min=1,max=2000"`
	MaxConcurrency             *int     `json:"maxConcurrency" check:"min=0"`
	ToleratedFailurePercentage *float64 `json:"toleratedFailurePercentage"`
	ToleratedFailureCount      *int64   `json:"toleratedFailureCount" check:"min=0"`
}

// updateMapRun changes the limits of a map run that runs.
func (s *Service) updateMapRun(_ context.Context, in *updateMapRunInput) (*empty, error) {
	key, err := mapRunKey(in.MapRunArn)
	if err != nil {
		return nil, err
	}
	if p := in.ToleratedFailurePercentage; p != nil && (*p < 0 || *p > 100) {
		return nil, errValidation("1 validation error detected: Value '%v' at 'toleratedFailurePercentage' failed to satisfy constraint: Member must have value between 0 and 100", *p)
	}
	err = s.Store.Update(func(tx *store.Tx) error {
		rec, ok := getJSON[mapRecord](tx, bucketMapRun, key)
		switch {
		case !ok:
			return errNoResource(in.MapRunArn)
		case rec.Status != interp.Running:
			return errValidation("Map Run is not running: %s", in.MapRunArn)
		}
		in.apply(rec)
		rec.save(tx)
		return nil
	})
	if m := s.mapRun(in.MapRunArn); err == nil && m != nil {
		m.tell(mapMessage{update: in})
	}
	return &empty{}, err
}

func (in *updateMapRunInput) apply(rec *mapRecord) {
	if in.MaxConcurrency != nil {
		rec.MaxConcurrency = *in.MaxConcurrency
	}
	if in.ToleratedFailureCount != nil {
		rec.FailureCount = in.ToleratedFailureCount
	}
	if in.ToleratedFailurePercentage != nil {
		rec.FailurePercentage = in.ToleratedFailurePercentage
	}
}

// mapRunScope says which executions ListExecutions tells for a map run.
func (s *Service) mapRunScope(in *listExecutionsInput) (owner string, match func(*record) bool, err error) {
	rec, err := s.loadMapRun(in.MapRunArn)
	if err != nil {
		return "", nil, err
	}
	return rec.ARN, func(*record) bool { return true }, nil
}
