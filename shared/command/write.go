package command

// This file defines writing without a state machine: the command, the data and
// the history in one transaction, for who must see the effect at once or writes
// too much for an execution each.

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/table"
)

// Synchronous marks commands that the stream leaves alone: they are done.
const Synchronous = "SYNC"

// PerTransaction is how many submissions [Ledger.WriteAll] puts into one
// transaction: three writes each, and the summary.
const PerTransaction = table.MaxWrites / 4

// Result is what became of one submission of many.
type Result struct {
	Published
	Err error
}

// Write does at once what Publish and the state machine do: the command and its
// effect stand in the same transaction. It is refused while a command of the
// item is under way, for it would overtake it.
func (l Ledger) Write(ctx context.Context, in Submission) (Published, error) {
	for range rounds {
		w, err := l.plan(ctx, in)
		if err != nil || w.Unchanged {
			return w.Published, err
		}
		err = table.Transact(ctx, l.API, w.writes...)
		var refused *table.Refused
		if !errors.As(err, &refused) {
			return w.Published, err
		}
		var standing Row
		if err := unmarshal(refused.Old[0], &standing); err != nil {
			return Published{}, err
		}
		if in.RequestID != "" && standing.RequestID == in.RequestID {
			return Published{Row: standing}, nil
		}
		if in.Version != Latest || standing.Version > 0 && standing.SyncMode != Synchronous {
			return Published{}, conflict(in, standing.Version)
		}
	}
	return Published{}, failure.New(failure.TransientThrottled, "%s changes too fast to write it", in.ID())
}

// WriteAll writes many items, [PerTransaction] in one transaction; where one of
// them is refused, each for itself. Keys must differ.
func (l Ledger) WriteAll(ctx context.Context, all []Submission) []Result {
	l.settings = map[string]int{} // read once for all of them
	results := make([]Result, len(all))
	for from := 0; from < len(all); from += PerTransaction {
		to := min(from+PerTransaction, len(all))
		l.together(ctx, all[from:to], results[from:to])
	}
	return results
}

func (l Ledger) together(ctx context.Context, some []Submission, results []Result) {
	standing, err := l.readAll(ctx, some)
	if err != nil {
		for i := range results {
			results[i].Err = err
		}
		return
	}
	var writes []table.Write
	for i, in := range some {
		w, err := l.planOn(ctx, in, standing[in.Key])
		results[i] = Result{w.Published, err}
		writes = append(writes, w.writes...)
	}
	if len(writes) == 0 || table.Transact(ctx, l.API, writes...) == nil {
		return
	}
	for i, in := range some {
		if results[i].Err == nil && !results[i].Unchanged {
			p, err := l.Write(ctx, in)
			results[i] = Result{p, err}
		}
	}
}

// readAll reads the items of submissions with one request.
func (l Ledger) readAll(ctx context.Context, some []Submission) (map[Key]Row, error) {
	var keys []table.Item
	for _, in := range some {
		if in.Key.Check() == nil { // the others are refused one by one
			keys = append(keys, table.Pair(in.PK, in.SK))
		}
	}
	rows, err := table.GetAll[Row](ctx, l.API, l.Data, keys)
	standing := map[Key]Row{}
	for _, r := range rows {
		standing[r.key()] = r
	}
	return standing, err
}

// planned is a submission as the writes it comes to; the first is the command.
type planned struct {
	Published
	writes []table.Write
}

func (l Ledger) plan(ctx context.Context, in Submission) (planned, error) {
	if err := in.check(); err != nil {
		return planned{}, err
	}
	data, err := l.Read(ctx, in.Key)
	if err != nil {
		return planned{}, err
	}
	return l.planOn(ctx, in, data)
}

func (l Ledger) planOn(ctx context.Context, in Submission, data Row) (planned, error) {
	if err := in.check(); err != nil {
		return planned{}, err
	}
	if in.Version != Latest && in.Version != data.Version {
		return planned{}, conflict(in, data.Version)
	}
	row, changed, err := l.next(ctx, in, data)
	if err != nil || !changed {
		return planned{Published: Published{Row: data, Unchanged: true}}, err
	}
	row.SyncMode, row.Status = Synchronous, StatusOf(StateFinish, Finished)
	w := planned{Published: Published{Row: row}, writes: []table.Write{
		{Table: l.Commands, Put: row, Condition: "attribute_not_exists(pk)"},
		l.dataWrite(row, data),
	}}
	if data.Version > 0 {
		copied, err := l.historyRow(ctx, data, row.UpdatedAt)
		if err != nil {
			return planned{}, err
		}
		w.writes = append(w.writes, table.Write{Table: l.History, Put: copied})
	}
	if summarised(row, data) {
		w.writes = append(w.writes, l.summaryWrite(row))
	}
	return w, nil
}

func unmarshal(item table.Item, into *Row) error { return attributevalue.UnmarshalMap(item, into) }
