package interp

// This file defines the pure parts of a map run for its driver: the inputs of
// the children, when failures are too many, and what becomes of the results.

import (
	"crypto/sha256"
	"fmt"
	"iter"
	"time"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// Errors of map runs, as AWS names them.
const (
	ErrTooManyFailures = "States.ExceedToleratedFailureThreshold"
	ErrItemReader      = "States.ItemReaderFailed"
	ErrResultWriter    = "States.ResultWriterFailed"

	// CauseTooManyFailures is AWS's cause of ErrTooManyFailures.
	CauseTooManyFailures = "The specified tolerated failure threshold was exceeded"
)

// Error is an error with AWS's name for it.
type Error struct{ Name, Cause string }

func (e *Error) Error() string { return e.Name + ": " + e.Cause }

// Items are the items of a map run, or the inputs of its children, one after the
// other, for they may be millions. An error is the last.
type Items = iter.Seq2[jsonvalue.Value, error]

// Each returns the items of a list.
func Each(list []jsonvalue.Value) Items {
	return func(yield func(jsonvalue.Value, error) bool) {
		for _, v := range list {
			if !yield(v, nil) {
				return
			}
		}
	}
}

// Collect makes a list of items.
func Collect(items Items) (list []jsonvalue.Value, err error) {
	for v, err := range items {
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// Selector makes child inputs out of a map run's items. Its results depend on
// the run and the item's index alone, so that a driver may ask again after a
// restart.
type Selector struct {
	run StartMapRun
	at  *asl.State
	x   *Execution
	f   *frame
}

// NewSelector returns the selector of a map run of the machine m.
func NewSelector(m *asl.Machine, run StartMapRun) (*Selector, error) {
	at := m.At(run.Location)
	if at == nil || at.Map == nil {
		return nil, fmt.Errorf("the definition has no Map state at %q", run.Location)
	}
	s := &Selector{run: run, at: at}
	s.x = &Execution{machine: m, outer: run.Selection.Context}
	s.f = &frame{at: at, Location: at.Location, Input: newData(run.Selection.Input), EnteredID: run.Selection.EnteredID}
	for name, v := range run.Selection.Variables.All() {
		if s.f.Variables == nil {
			s.f.Variables = map[string]*data{}
		}
		s.f.Variables[name] = newData(v)
	}
	return s, nil
}

// Item returns what ItemSelector makes of an item; without one, the item.
func (s *Selector) Item(index int, value jsonvalue.Value) (jsonvalue.Value, error) {
	if s.at.Map.ItemSelector == nil {
		return value, nil
	}
	s.x.Random = newRandom(sha256.Sum256(fmt.Appendf(nil, "%s#%d", s.run.ARN, index)))
	d, e := languageOf(s.f).selected(s.x, s.f, &item{index, value})
	if e != nil {
		return nil, &Error{e.Error, e.Cause}
	}
	return d.Value(), nil
}

// Inputs returns the inputs of the children that a map run's items make: each
// selected, and grouped if there is an ItemBatcher.
func (s *Selector) Inputs(items Items) Items {
	return s.Batch(func(yield func(jsonvalue.Value, error) bool) {
		i := 0
		for v, err := range items {
			if err == nil {
				v, err = s.Item(i, v)
			}
			if i++; !yield(v, err) || err != nil {
				return
			}
		}
	})
}

// Batch groups selected items into child inputs: {"BatchInput": ..., "Items":
// [...]}, as many items in each as MaxItemsPerBatch, MaxInputBytesPerBatch and
// the limit on inputs allow. Without an ItemBatcher every item is one input.
// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itembatcher.html
func (s *Selector) Batch(items Items) Items {
	b := s.run.Batcher
	if b == nil {
		return items
	}
	limit := int64(maxData)
	if b.MaxBytes > 0 {
		limit = min(limit, b.MaxBytes)
	}
	empty := int64(len(jsonvalue.String(batchOf(b, nil))))
	return func(yield func(jsonvalue.Value, error) bool) {
		var batch []any
		size, i := empty, 0
		for it, err := range items {
			if err != nil {
				yield(nil, err)
				return
			}
			n := int64(len(jsonvalue.String(it))) + 1 // with its comma
			if empty+n-1 > limit {
				yield(nil, &Error{ErrItemReader, fmt.Sprintf("Item %d is larger than a batch may be: %d bytes", i, limit)})
				return
			}
			if full := size+n-1 > limit || b.MaxItems > 0 && int64(len(batch)) >= b.MaxItems; full && len(batch) > 0 {
				if !yield(batchOf(b, batch), nil) {
					return
				}
				batch, size = nil, empty
			}
			batch, size = append(batch, it), size+n
			i++
		}
		if len(batch) > 0 {
			yield(batchOf(b, batch), nil)
		}
	}
}

func batchOf(b *ItemBatcher, items []any) *jsonvalue.Object {
	if b.Input == nil {
		return object("Items", items)
	}
	return object("BatchInput", b.Input, "Items", items)
}

// Exceeded reports whether a map run has failed: more of its items failed than
// ToleratedFailureCount, or a greater part than ToleratedFailurePercentage. With
// neither, one failure is too many; with both, either threshold counts.
// https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html#maprun-fail-threshold
func (run *StartMapRun) Exceeded(total, failed int64) bool {
	count, percentage := run.ToleratedFailureCount, run.ToleratedFailurePercentage
	if failed == 0 {
		return false
	}
	if count == nil && percentage == nil {
		return true
	}
	return count != nil && failed > *count ||
		percentage != nil && float64(failed)*100 > *percentage*float64(total)
}

// Child is what a map run remembers of a child execution.
type Child struct {
	ARN, Name, MachineARN string
	Input                 jsonvalue.Value
	Output                jsonvalue.Value // when it succeeded
	Status                Status
	Error, Cause          string
	Started, Stopped      time.Time
}

// Results is the state's result without export to S3: the outputs of the
// children that succeeded, in order, or what WriterConfig makes of them.
func (run *StartMapRun) Results(children []Child) jsonvalue.Value {
	transformation := "COMPACT"
	if run.Writer != nil && run.Writer.Transformation != "" {
		transformation = run.Writer.Transformation
	}
	out := []any{}
	for _, c := range children {
		if c.Status == Succeeded || transformation == "NONE" {
			out = append(out, transformed(c, transformation)...)
		}
	}
	return out
}

// transformed is what one child adds to the results.
// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
func transformed(c Child, transformation string) []any {
	switch transformation {
	case "NONE":
		return []any{metadata(c)}
	case "FLATTEN":
		if a, ok := c.Output.([]any); ok {
			return a
		}
	}
	return []any{c.Output}
}

// metadata is a child as result files tell it.
func metadata(c Child) *jsonvalue.Object {
	included := object("Included", true)
	o := []any{"ExecutionArn", c.ARN, "Input", jsonvalue.String(c.Input), "InputDetails", included, "Name", c.Name}
	if c.Status == Succeeded {
		o = append(o, "Output", jsonvalue.String(c.Output), "OutputDetails", included)
	} else {
		o = append(o, "Error", c.Error, "Cause", c.Cause)
	}
	o = append(o, "StartDate", timestamp(c.Started), "StateMachineArn", c.MachineARN, "Status", string(c.Status), "StopDate", timestamp(c.Stopped))
	return object(o...)
}

// manifestName is the file that lists the others. AWS starts another file of a
// kind at 5 GB; here there is one.
const manifestName = "manifest.json"

// ResultKinds are the files that a ResultWriter leaves beside the manifest, in
// its order.
var ResultKinds = []string{"FAILED", "PENDING", "SUCCEEDED"}

// FileKey is the key of the result file of one kind.
func (run *StartMapRun) FileKey(kind string) string {
	return run.folder() + kind + "_0." + run.extension()
}

func (run *StartMapRun) folder() string {
	params, _ := run.Writer.Parameters.(*jsonvalue.Object)
	prefix, _ := params.Get("Prefix")
	folder := lastPart(run.ARN) + "/"
	if p, _ := prefix.(string); p != "" {
		folder = p + "/" + folder
	}
	return folder
}

func (run *StartMapRun) extension() string {
	if run.Writer.OutputType == "JSONL" {
		return "jsonl"
	}
	return "json"
}

// Manifest returns the text and key of the file that lists the others, which have
// these sizes by their kinds, and the state's result.
func (run *StartMapRun) Manifest(sizes map[string]int64) (key string, text []byte, output jsonvalue.Value) {
	params, _ := run.Writer.Parameters.(*jsonvalue.Object)
	bucket, _ := params.Get("Bucket")
	lists := []any{}
	for _, kind := range ResultKinds {
		of := []any{}
		if size, ok := sizes[kind]; ok {
			of = append(of, object("Key", run.FileKey(kind), "Size", jsonvalue.Int(size)))
		}
		lists = append(lists, kind, of)
	}
	key = run.folder() + manifestName
	manifest := object("DestinationBucket", bucket, "MapRunArn", run.ARN, "ResultFiles", object(lists...))
	return key, jsonvalue.Append(nil, manifest), object("MapRunArn", run.ARN, "ResultWriterDetails", object("Bucket", bucket, "Key", key))
}

// fileKinds has the file that a child of each status goes into. Children that
// never ran are pending.
var fileKinds = map[Status]string{
	Succeeded: "SUCCEEDED", Failed: "FAILED", TimedOut: "FAILED", Aborted: "FAILED", "": "PENDING", Running: "PENDING",
}

// FileText yields the text of the result file of one kind, a child at a time;
// nothing when nothing goes there.
func (run *StartMapRun) FileText(children iter.Seq[Child], kind string) iter.Seq[[]byte] {
	transformation := run.Writer.Transformation
	if transformation == "" || kind != "SUCCEEDED" {
		transformation = "NONE"
	}
	open, between, end := "[", ",", "]"
	if run.extension() == "jsonl" {
		open, between, end = "", "\n", "\n"
	}
	return func(yield func([]byte) bool) {
		before := open
		for c := range children {
			if fileKinds[c.Status] != kind {
				continue
			}
			for _, row := range transformed(c, transformation) {
				if !yield(jsonvalue.Append([]byte(before), row)) {
					return
				}
				before = between
			}
		}
		if before == between {
			yield([]byte(end))
		}
	}
}
