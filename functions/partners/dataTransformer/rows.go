package main

// This file defines how rows are read, one at a time, and what a row must be.

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/stepworks/stepworks/shared/failure"
)

// Limits of a row. Without them one unclosed quote would hold a whole file.
const (
	maxRow     = 256 << 10
	maxColumns = 200
	maxID      = 128
)

// row is a row of data: names and texts, numbers, booleans.
type row map[string]any

// rejected is why one row cannot be taken, while the file can.
type rejected string

func (r rejected) Error() string { return string(r) }

// rows are the rows of a file. next returns io.EOF after the last one, a rejected
// for a row to leave out, and anything else for a file that is not its format.
type rows interface{ next() (row, error) }

func open(format string, r io.Reader) (rows, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	if head, _ := b.Peek(3); bytes.Equal(head, []byte("\xef\xbb\xbf")) {
		_, _ = b.Discard(3) // a byte order mark, which spreadsheets write
	}
	limited := &budget{r: b, left: maxRow}
	switch format {
	case "csv":
		return openCSV(limited)
	case "json":
		return openJSON(limited)
	case "jsonl":
		lines := bufio.NewScanner(b)
		lines.Buffer(make([]byte, 0, 4096), maxRow)
		return &jsonLines{lines}, nil
	}
	return nil, failure.New(failure.InputMalformed, "format must be csv, json or jsonl, not %q", format)
}

// budget lets so many bytes through until it is renewed, so that a row that never
// ends is noticed.
type budget struct {
	r    io.Reader
	left int
}

var errRowTooLong = failure.New(failure.DataMalformed, "a row has more than %d bytes: is a quote or a bracket left open?", maxRow)

func (b *budget) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errRowTooLong
	}
	n, err := b.r.Read(p[:min(len(p), b.left, 4096)])
	b.left -= n
	return n, err
}

type csvRows struct {
	budget *budget
	csv    *csv.Reader
	names  []string
}

func openCSV(b *budget) (rows, error) {
	r := csv.NewReader(b)
	r.FieldsPerRecord = -1 // counted here, where a wrong count is one row's fault
	header, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, failure.New(failure.DataMalformed, "the file is empty: a CSV begins with a header")
	}
	if err != nil {
		return nil, malformed(err)
	}
	if len(header) > maxColumns {
		return nil, failure.New(failure.DataMalformed, "the header has %d columns, %d are taken", len(header), maxColumns)
	}
	seen := map[string]bool{}
	for i, name := range header {
		header[i] = strings.TrimSpace(name)
		if header[i] == "" || seen[header[i]] {
			return nil, failure.New(failure.DataMalformed, "column %d of the header is empty or stands there twice: %q", i+1, header[i])
		}
		seen[header[i]] = true
	}
	r.ReuseRecord = true
	return &csvRows{b, r, header}, nil
}

func (c *csvRows) next() (row, error) {
	c.budget.left = maxRow
	cells, err := c.csv.Read()
	if err != nil {
		return nil, malformed(err)
	}
	if len(cells) != len(c.names) {
		return nil, rejected(fmt.Sprintf("it has %d cells, the header has %d", len(cells), len(c.names)))
	}
	r := make(row, len(cells))
	for i, cell := range cells {
		r[c.names[i]] = strings.Clone(cell)
	}
	return r, nil
}

type jsonLines struct{ *bufio.Scanner }

func (j *jsonLines) next() (row, error) {
	for j.Scan() {
		if line := bytes.TrimSpace(j.Bytes()); len(line) > 0 {
			return parse(line)
		}
	}
	if errors.Is(j.Err(), bufio.ErrTooLong) {
		return nil, errRowTooLong
	}
	if j.Err() != nil {
		return nil, j.Err()
	}
	return nil, io.EOF
}

type jsonRows struct {
	budget *budget
	*json.Decoder
}

func openJSON(b *budget) (rows, error) {
	d := json.NewDecoder(b)
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return nil, failure.New(failure.DataMalformed, "a JSON file must be a list of objects")
	}
	return &jsonRows{b, d}, nil
}

func (j *jsonRows) next() (row, error) {
	j.budget.left = maxRow
	if !j.More() {
		if _, err := j.Token(); err != nil {
			return nil, unexpected(err)
		}
		return nil, io.EOF
	}
	var text json.RawMessage
	if err := j.Decode(&text); err != nil {
		return nil, unexpected(err)
	}
	return parse(text)
}

// unexpected turns the end of a file inside its list into a fault of the file.
func unexpected(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return failure.New(failure.DataMalformed, "the file ends inside its list")
	}
	return malformed(err)
}

// malformed names what is wrong with a file; what S3 or the network broke keeps
// its own name.
func malformed(err error) error {
	var table *csv.ParseError
	var syntax *json.SyntaxError
	if errors.As(err, &table) && !errors.Is(err, errRowTooLong) || errors.As(err, &syntax) {
		return failure.Wrap(failure.DataMalformed, err, "the file is not its format")
	}
	return err
}

// parse reads a row of JSON. Numbers stay as they are written.
func parse(text []byte) (row, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var r row
	if err := d.Decode(&r); err != nil || r == nil || d.More() {
		return nil, rejected("it is not a JSON object")
	}
	if len(r) > maxColumns {
		return nil, rejected(fmt.Sprintf("it has %d fields, %d are taken", len(r), maxColumns))
	}
	return r, nil
}

// normalise gives a row its one shape: trimmed names and texts, nothing empty, an
// id. It returns what is wrong with it, or "".
func (r row) normalise() string {
	for name, value := range r {
		text, isText := value.(string)
		switch value.(type) {
		case map[string]any, []any:
			return fmt.Sprintf("%q is a list or an object: rows are flat", name)
		}
		trimmed := strings.TrimSpace(name)
		if trimmed != name {
			return fmt.Sprintf("the field name %q has spaces around it", name)
		}
		if !isText {
			if value == nil {
				delete(r, name)
			}
			continue
		}
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return fmt.Sprintf("%q is not UTF-8 text", name)
		}
		if text = strings.TrimSpace(text); formula(text) {
			return fmt.Sprintf("%q begins like a formula: a spreadsheet would run it", name)
		}
		if r[name] = text; text == "" {
			delete(r, name)
		}
	}
	if id, ok := r["id"].(json.Number); ok {
		r["id"] = id.String()
	}
	if id, _ := r["id"].(string); id == "" || len(id) > maxID {
		return fmt.Sprintf("id must have 1 to %d bytes", maxID)
	}
	return ""
}

// formula tells whether a spreadsheet would take a text for one. Signed numbers
// and phone numbers are none. https://owasp.org/www-community/attacks/CSV_Injection
func formula(text string) bool {
	if text == "" {
		return false
	}
	switch text[0] {
	case '=', '@':
		return true
	case '+', '-':
		digits := strings.NewReplacer(" ", "", "-", "", "+", "", "(", "", ")", "").Replace(text)
		_, err := strconv.ParseFloat(digits, 64)
		return err != nil && digits != ""
	}
	return false
}
