// Package sheet reads CSV files as people send them, and rows as tables declare
// them.
//
// [Open] reads a file of any length in constant memory: a byte order mark, either
// line end, quoted fields with line breaks and doubled quotes, and comma,
// semicolon, tab or bar between fields, found out from the first line or told.
// A row that is wrong in itself (too many or too few fields, a stray quote, bytes
// that are not UTF-8) is a [*RowError] with its line and column, and reading goes
// on after it. A file that is no table at all is failure.ImportRefused.
//
// A [Schema] says which columns a table takes, and turns a row's texts into
// typed attributes or into errors that name the column.
//
// It knows neither S3 nor commands. What a spreadsheet shows differently from what
// the file holds (dates, leading zeros) it cannot know.
//
// Start at [Open] and [Schemas].
package sheet

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/stepworks/stepworks/shared/failure"
)

// MaxRecord is how long a row may be. A quote that is never closed would
// otherwise take the rest of the file into one field.
const MaxRecord = 1 << 20

// Delimiters are what may stand between fields, by Step Functions' names.
// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html
var Delimiters = map[string]rune{"COMMA": ',', "SEMICOLON": ';', "TAB": '\t', "PIPE": '|'}

// Row is a good row: a text for each column of the schema, in its order.
type Row struct {
	Line   int // in the file, from 1: where the row begins
	Values []string
}

// RowError is what is wrong with one row.
type RowError struct {
	Line    int    `json:"line"`
	Column  string `json:"column"` // "" for the row as a whole
	Problem string `json:"problem"`
}

// Error says where and what.
func (e *RowError) Error() string {
	if e.Column == "" {
		return fmt.Sprintf("line %d: %s", e.Line, e.Problem)
	}
	return fmt.Sprintf("line %d, %s: %s", e.Line, e.Column, e.Problem)
}

// Reader reads the rows of one file.
type Reader struct {
	schema Schema
	csv    *csv.Reader
	guard  *guard
	header []string
	places []int // column of the schema -> field of the file, -1 if it has none
}

// Open reads the first line and holds it against the schema. delimiter is a name
// of [Delimiters], or empty: then it is found out.
func Open(file io.Reader, schema Schema, delimiter string) (*Reader, error) {
	g := &guard{in: file}
	buffered := bufio.NewReaderSize(g, 64<<10)
	if err := skipMark(buffered); err != nil {
		return nil, err
	}
	comma, err := chosen(buffered, delimiter)
	if err != nil {
		return nil, err
	}
	r := &Reader{schema: schema, csv: csv.NewReader(buffered), guard: g}
	r.csv.Comma, r.csv.FieldsPerRecord, r.csv.ReuseRecord = comma, -1, true
	first, err := r.csv.Read()
	switch {
	case errors.Is(err, io.EOF):
		return nil, failure.New(failure.ImportRefused, "the file is empty: its first line must name the columns")
	case err != nil:
		return nil, failure.Wrap(failure.ImportRefused, err, "the first line")
	}
	r.header = slices.Clone(first)
	return r, r.place()
}

// skipMark drops a byte order mark and refuses the marks of other encodings.
func skipMark(in *bufio.Reader) error {
	start, _ := in.Peek(3) // an error comes again at the first read
	if bytes.HasPrefix(start, []byte("\xef\xbb\xbf")) {
		_, err := in.Discard(3)
		return err
	}
	if bytes.HasPrefix(start, []byte("\xff\xfe")) || bytes.HasPrefix(start, []byte("\xfe\xff")) {
		return failure.New(failure.ImportRefused, "the file is UTF-16: save it as CSV UTF-8")
	}
	return nil
}

// chosen is the delimiter: as told, or whichever of them stands most often in
// the first line outside quotes.
func chosen(in *bufio.Reader, name string) (rune, error) {
	if comma, ok := Delimiters[name]; ok {
		return comma, nil
	}
	if name != "" {
		return 0, failure.New(failure.InputMalformed, "delimiter must be COMMA, SEMICOLON, TAB, PIPE or absent, not %q", name)
	}
	start, _ := in.Peek(32 << 10)
	counts, quoted := map[rune]int{}, false
	for _, c := range string(start) {
		if c == '"' {
			quoted = !quoted
		}
		if c == '\n' && !quoted {
			break
		}
		if !quoted {
			counts[c]++
		}
	}
	best := ','
	for _, c := range []rune{';', '\t', '|'} {
		if counts[c] > counts[best] {
			best = c
		}
	}
	return best, nil
}

// place finds each column in the header. A column that the schema does not know
// is refused, for it would be lost.
func (r *Reader) place() error {
	seen := map[string]int{}
	for i, name := range r.header {
		name = strings.TrimSpace(name)
		switch {
		case !utf8.ValidString(name):
			return failure.New(failure.ImportRefused, "the first line is not UTF-8: save the file as CSV UTF-8")
		case !r.schema.has(name):
			return failure.New(failure.ImportRefused, "column %q is none of table %s, whose columns are %s", name, r.schema.Table, strings.Join(r.schema.Names(), ", "))
		}
		if _, twice := seen[name]; twice {
			return failure.New(failure.ImportRefused, "column %q stands twice in the first line", name)
		}
		seen[name] = i
	}
	for _, c := range r.schema.Columns {
		i, there := seen[c.Name]
		if !there && c.Required {
			return failure.New(failure.ImportRefused, "column %q is missing in the first line, which has %s", c.Name, strings.Join(r.header, ", "))
		}
		if !there {
			i = -1
		}
		r.places = append(r.places, i)
	}
	return nil
}

// Next returns the next row; io.EOF at the end; a [*RowError] for a row that is
// wrong, after which reading goes on. Any other error ends the file.
func (r *Reader) Next() (Row, error) {
	r.guard.allow(r.csv.InputOffset())
	fields, err := r.csv.Read()
	var parse *csv.ParseError
	switch {
	case errors.As(err, &parse):
		return Row{}, &RowError{Line: parse.StartLine, Problem: quotes(parse)}
	case errors.Is(err, errTooLong):
		line, _ := r.csv.FieldPos(0)
		return Row{}, failure.New(failure.ImportRefused, "the row after line %d has no end within %d bytes: a quote is never closed", line, MaxRecord)
	case err != nil:
		return Row{}, err
	}
	line, _ := r.csv.FieldPos(0)
	if len(fields) != len(r.header) {
		return Row{}, &RowError{Line: line, Problem: fmt.Sprintf("it has %d fields, the first line has %d", len(fields), len(r.header))}
	}
	row := Row{Line: line, Values: make([]string, len(r.places))}
	for i, at := range r.places {
		if at < 0 {
			continue
		}
		if !utf8.ValidString(fields[at]) {
			return Row{}, &RowError{Line: line, Column: r.schema.Columns[i].Name, Problem: "it is not UTF-8"}
		}
		row.Values[i] = strings.TrimSpace(fields[at])
	}
	return row, nil
}

func quotes(e *csv.ParseError) string {
	if errors.Is(e.Err, csv.ErrBareQuote) {
		return `a quote stands inside a field that is not quoted: quote the field and write the quote twice`
	}
	if e.Line > e.StartLine {
		return fmt.Sprintf("a quoted field that begins here ends wrongly or never: it goes on to line %d", e.Line)
	}
	return `a quoted field is not followed by a delimiter: a quote inside it is written twice`
}

var errTooLong = errors.New("the record is too long")

// guard lets no more be read than one record may have beyond the last one.
type guard struct {
	in          io.Reader
	read, limit int64
}

func (g *guard) allow(offset int64) { g.limit = offset + MaxRecord + 128<<10 }

func (g *guard) Read(p []byte) (int, error) {
	if g.limit > 0 && g.read >= g.limit {
		return 0, errTooLong
	}
	n, err := g.in.Read(p)
	g.read += int64(n)
	return n, err
}
