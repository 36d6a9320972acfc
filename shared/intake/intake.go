// Package intake is how files of rows come in: the job that says which file goes
// into which table, and what came of it, row by row.
//
//	createImport ──> import_tmp ──stream──> importStream ──SNS import-execute──> import-action-queue ──> importAction
//	   │ direct: a row of import_tmp for every row of the file (CREATED ... COMPLETED, FAILED)  ──────────┤ publishes it
//	   └ step function: a job  ───────────────────────────────────────────────────────────────────────────┘ starts import-csv
//
//	import-csv:  prepare_csv   the file as it came -> a clean copy with line numbers, and a report of what is no row
//	             import-csv    a distributed map over the copy: csvRows validates, and publishes commands
//	             csv_finalize  counts, the report of every row that did not get in, and the job's final status
//
// A row becomes a command on top of the latest version of its item. Where the item
// is like that already nothing is written, so an import that runs twice, or goes on
// after it was killed, puts every valid row into the data exactly once. Within one
// file each key counts once, at its first row: the very same row again is
// unchanged, one of other content is an error in the report.
//
// A job ends COMPLETED, or FAILED if more rows failed than it tolerates; good rows
// are in either way.
//
// Start at [Importer] and [Book].
package intake

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"github.com/stepworks/stepworks/shared/command"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/sheet"
)

// Counts is what became of the rows.
type Counts struct {
	Total     int `dynamodbav:"totalRows" json:"totalRows"`
	Succeeded int `dynamodbav:"succeededRows" json:"succeededRows"` // the unchanged ones included
	Unchanged int `dynamodbav:"unchangedRows" json:"unchangedRows"`
	Failed    int `dynamodbav:"failedRows" json:"failedRows"`
}

// Add adds up.
func (c *Counts) Add(other Counts) {
	c.Total += other.Total
	c.Succeeded += other.Succeeded
	c.Unchanged += other.Unchanged
	c.Failed += other.Failed
}

// Tolerated tells whether no more than this share of the rows failed.
func (c Counts) Tolerated(percent float64) bool {
	return float64(c.Failed)*100 <= percent*float64(c.Total)
}

// Result is what came of some rows.
type Result struct {
	Counts
	Errors []sheet.RowError `json:"errors"`
}

// Importer brings rows into one table for one import.
type Importer struct {
	Ledger   command.Ledger
	Schema   sheet.Schema
	Tenant   string
	Source   string // the import's id, which its commands carry
	Commands bool   // a command and its machine for each row; otherwise written at once
}

// NewImporter finds the table's schema.
func NewImporter(l command.Ledger, table, tenant, source string, commands bool) (Importer, error) {
	schema, known, ok := sheet.Find(table)
	if !ok {
		return Importer{}, failure.New(failure.InputMalformed, "there is no table %q to import into; there are: %s", table, known)
	}
	if tenant == "" || source == "" {
		return Importer{}, failure.New(failure.InputMalformed, "tenantCode and sourceId must say who imports what")
	}
	return Importer{l, schema, tenant, source, commands}, nil
}

// Line is a row of a file, by column.
type Line struct {
	Number int
	Values map[string]string
}

// Import brings rows in. What is wrong with a row stands in the result; an error
// says that rows may be missing, and that all may be given again.
func (i Importer) Import(ctx context.Context, lines []Line) (Result, error) {
	r := Result{Counts: Counts{Total: len(lines)}, Errors: []sheet.RowError{}}
	var submissions []command.Submission
	var numbers []int
	seen := map[string]bool{}
	for _, line := range lines {
		item, problems := i.Schema.Item(line.Number, line.Values)
		if len(problems) > 0 {
			r.Failed++
			r.Errors = append(r.Errors, problems...)
			continue
		}
		s, err := i.submission(line.Number, item)
		if err != nil {
			return r, err
		}
		if seen[s.SK] { // the ones before first: what is written together must have different keys
			if err := i.put(ctx, submissions, numbers, &r); err != nil {
				return r, err
			}
			submissions, numbers, seen = nil, nil, map[string]bool{}
		}
		submissions, numbers, seen[s.SK] = append(submissions, s), append(numbers, line.Number), true
	}
	return r, i.put(ctx, submissions, numbers, &r)
}

func (i Importer) submission(line int, item sheet.Item) (command.Submission, error) {
	attributes, err := json.Marshal(item.Attributes)
	if err != nil {
		return command.Submission{}, failure.Wrap(failure.InternalUnexpected, err, "row %s", item.Key)
	}
	return command.Submission{
		Key: command.Key{PK: i.Schema.Type + "#" + i.Tenant, SK: item.Key}, Version: command.Latest, Code: item.Key, Name: item.Title, Type: i.Schema.Type,
		Attributes: attributes, Source: i.Source, RequestID: i.Source + "/" + strconv.Itoa(line), By: "import", OncePerSource: true,
	}, nil
}

// put publishes or writes, and adds what came of it to the result.
func (i Importer) put(ctx context.Context, submissions []command.Submission, numbers []int, r *Result) error {
	results := i.all(ctx, submissions)
	for n, result := range results {
		switch name := failure.NameOf(result.Err); {
		case result.Err == nil:
			r.Succeeded++
			if result.Unchanged {
				r.Unchanged++
			}
		case name == failure.CommandConflict || name == failure.InputMalformed:
			r.Failed++
			r.Errors = append(r.Errors, sheet.RowError{Line: numbers[n], Column: i.Schema.Key, Problem: result.Err.Error()})
		default:
			return fmt.Errorf("line %d: %w", numbers[n], result.Err)
		}
	}
	return nil
}

func (i Importer) all(ctx context.Context, submissions []command.Submission) []command.Result {
	if !i.Commands {
		return i.Ledger.WriteAll(ctx, submissions)
	}
	results := make([]command.Result, len(submissions))
	for n, s := range submissions {
		p, err := i.Ledger.Publish(ctx, s)
		results[n] = command.Result{Published: p, Err: err}
		if err != nil && failure.NameOf(err) != failure.CommandConflict && failure.NameOf(err) != failure.InputMalformed {
			return results[:n+1]
		}
	}
	return results
}

// Report writes a report of rows as CSV: line, column, problem.
type Report struct{ out *csv.Writer }

// ReportHeader is the first line of a report.
var ReportHeader = []string{"line", "column", "problem"}

// NewReport begins a report.
func NewReport(w io.Writer) (*Report, error) {
	r := &Report{csv.NewWriter(w)}
	return r, r.out.Write(ReportHeader)
}

// Continue goes on with a report that was begun elsewhere.
func Continue(w io.Writer) *Report { return &Report{csv.NewWriter(w)} }

// Add adds what is wrong with a row.
func (r *Report) Add(e sheet.RowError) error {
	return r.out.Write([]string{strconv.Itoa(e.Line), e.Column, harmless(e.Problem)})
}

// harmless keeps a spreadsheet from taking a text for a formula.
// https://owasp.org/www-community/attacks/CSV_Injection
func harmless(text string) string {
	if text != "" && (text[0] == '=' || text[0] == '+' || text[0] == '-' || text[0] == '@') {
		return "'" + text
	}
	return text
}

// Close writes what is left; it does not close the writer below.
func (r *Report) Close() error {
	r.out.Flush()
	return r.out.Error()
}

// LineColumn is the first column of the clean copy: where the row stood in the file.
const LineColumn = "_line"

// The objects of an import stand under its code.

// RowsKey is the clean copy.
func RowsKey(code string) string { return "work/" + code + "/rows.csv" }

// StructureKey is the report of lines that are no rows.
func StructureKey(code string) string { return "work/" + code + "/structure.csv" }

// ResultsPrefix is where the map run leaves its results, in a folder of its id.
func ResultsPrefix(code string) string { return "work/" + code + "/results" }

// ReportKey is the report of every row that did not get in.
func ReportKey(code string) string { return "reports/" + code + "/errors.csv" }
