package interp

// This file defines the pure parts of a map run for its driver: the inputs of
// the children, when failures are too many, and what becomes of the results.

import (
	"crypto/sha256"
	"fmt"
	"slices"
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

// Batch groups selected items into child inputs: {"BatchInput": ..., "Items":
// [...]}, as many items in each as MaxItemsPerBatch, MaxInputBytesPerBatch and
// the limit on inputs allow. Without an ItemBatcher every item is one input.
// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itembatcher.html
func (s *Selector) Batch(items []jsonvalue.Value) ([]jsonvalue.Value, error) {
	b := s.run.Batcher
	if b == nil {
		return items, nil
	}
	limit := int64(maxData)
	if b.MaxBytes > 0 {
		limit = min(limit, b.MaxBytes)
	}
	empty := int64(len(jsonvalue.String(batchOf(b, nil))))
	var out []jsonvalue.Value
	var batch []any
	size := empty
	for i, it := range items {
		n := int64(len(jsonvalue.String(it))) + 1 // with its comma
		if empty+n-1 > limit {
			return nil, &Error{ErrItemReader, fmt.Sprintf("Item %d is larger than a batch may be: %d bytes", i, limit)}
		}
		if full := size+n-1 > limit || b.MaxItems > 0 && int64(len(batch)) >= b.MaxItems; full && len(batch) > 0 {
			out, batch, size = append(out, batchOf(b, batch)), nil, empty
		}
		batch, size = append(batch, it), size+n
	}
	if len(batch) > 0 {
		out = append(out, batchOf(b, batch))
	}
	return out, nil
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

// ResultFile is one file that a result writer leaves.
type ResultFile struct {
	Key  string
	Text []byte
}

// manifestName is the file that lists the others. AWS starts another file of a
// kind at 5 GB; here there is one.
const manifestName = "manifest.json"

// Files returns what a map run's ResultWriter puts into its bucket, the
// manifest last, and the state's result.
func (run *StartMapRun) Files(children []Child) ([]ResultFile, jsonvalue.Value) {
	params, _ := run.Writer.Parameters.(*jsonvalue.Object)
	bucket, _ := params.Get("Bucket")
	prefix, _ := params.Get("Prefix")
	folder := lastPart(run.ARN) + "/"
	if p, _ := prefix.(string); p != "" {
		folder = p + "/" + folder
	}
	var files []ResultFile
	lists := []any{}
	for _, kind := range []string{"FAILED", "PENDING", "SUCCEEDED"} {
		var of []any
		if text := run.fileText(children, kind); text != nil {
			file := ResultFile{Key: folder + kind + "_0." + run.extension(), Text: text}
			files = append(files, file)
			of = append(of, object("Key", file.Key, "Size", jsonvalue.Int(int64(len(text)))))
		}
		lists = append(lists, kind, slices.Clip(append([]any{}, of...)))
	}
	manifest := object("DestinationBucket", bucket, "MapRunArn", run.ARN, "ResultFiles", object(lists...))
	files = append(files, ResultFile{Key: folder + manifestName, Text: jsonvalue.Append(nil, manifest)})
	return files, object("MapRunArn", run.ARN, "ResultWriterDetails", object("Bucket", bucket, "Key", folder+manifestName))
}

func (run *StartMapRun) extension() string {
	if run.Writer.OutputType == "JSONL" {
		return "jsonl"
	}
	return "json"
}

// fileKinds has the file that a child of each status goes into. Children that
// never ran are pending.
var fileKinds = map[Status]string{
	Succeeded: "SUCCEEDED", Failed: "FAILED", TimedOut: "FAILED", Aborted: "FAILED", "": "PENDING", Running: "PENDING",
}

// fileText is the text of the file of one kind, nil when nothing goes there.
func (run *StartMapRun) fileText(children []Child, kind string) []byte {
	transformation := run.Writer.Transformation
	if transformation == "" || kind != "SUCCEEDED" {
		transformation = "NONE"
	}
	var rows []any
	for _, c := range children {
		if fileKinds[c.Status] == kind {
			rows = append(rows, transformed(c, transformation)...)
		}
	}
	if rows == nil || run.extension() == "json" {
		if rows == nil {
			return nil
		}
		return jsonvalue.Append(nil, rows)
	}
	var text []byte
	for _, row := range rows {
		text = append(jsonvalue.Append(text, row), '\n')
	}
	return text
}
