package stepfunctions

// This file defines where the items of a map run come from: the state's input,
// or an object or a listing of S3.
// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"

	"github.com/stepworks/stepworks/local/internal/asl/interp"
	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// maxItems is AWS's bound on MaxItems.
const maxItems = 100_000_000

// reader reads for one map run.
type reader struct {
	s   *Service
	ctx context.Context
	as  awswire.Identity
	*interp.ItemReader
}

func readerFailed(format string, args ...any) error {
	return &interp.Error{Name: interp.ErrItemReader, Cause: fmt.Sprintf(format, args...)}
}

// readItems returns the items of a map run.
func (s *Service) readItems(ctx context.Context, as awswire.Identity, c *interp.StartMapRun) interp.Items {
	if c.Reader == nil {
		return interp.Each(c.Items)
	}
	r := reader{s, ctx, as, c.Reader}
	switch {
	case r.MaxItems < 0:
		return failing(readerFailed("field MaxItems must be positive"))
	case r.Resource.Action == "listObjectsV2":
		return r.limited(r.list())
	}
	return r.limited(r.object(r.Parameters, r.InputType))
}

// failing are items that cannot be read.
func failing(err error) interp.Items {
	return func(yield func(jsonvalue.Value, error) bool) { yield(nil, err) }
}

// limited ends items at MaxItems.
func (r reader) limited(items interp.Items) interp.Items {
	return func(yield func(jsonvalue.Value, error) bool) {
		n := 0
		for v, err := range items {
			if n++; !yield(v, err) || n == r.limit() {
				return
			}
		}
	}
}

func (r reader) limit() int {
	if r.MaxItems == 0 {
		return maxItems
	}
	return int(min(r.MaxItems, maxItems))
}

// object reads the items in one object.
func (r reader) object(params jsonvalue.Value, inputType string) interp.Items {
	parse := map[string]func(io.Reader) interp.Items{"CSV": r.csv, "JSON": r.json, "JSONL": r.lines, "MANIFEST": r.manifest}[inputType]
	if parse == nil {
		return failing(readerFailed("The local AWS does not read %s; it reads CSV, JSON, JSONL and MANIFEST", inputType))
	}
	return func(yield func(jsonvalue.Value, error) bool) {
		body, err := r.s.objects().Read(r.ctx, r.as, params)
		if err != nil {
			yield(nil, readerFailed("%s", s3Cause(wireError(err))))
			return
		}
		defer body.Close()
		text, err := unzipped(body)
		if err != nil {
			yield(nil, err)
			return
		}
		for v, err := range parse(text) {
			if !yield(v, err) {
				return
			}
		}
	}
}

// unzipped undoes gzip, which inventories and exports come in, and drops a byte
// order mark, which spreadsheets write.
func unzipped(body io.Reader) (io.Reader, error) {
	text := bufio.NewReader(body)
	if head, _ := text.Peek(2); bytes.Equal(head, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(text)
		if err != nil {
			return nil, readerFailed("the object is not gzip: %v", err)
		}
		text = bufio.NewReader(z)
	}
	if head, _ := text.Peek(3); string(head) == "\xef\xbb\xbf" {
		_, _ = text.Discard(3) // just seen
	}
	return text, nil
}

// all reads a document that has to be read whole.
func all(text io.Reader) ([]byte, error) {
	body, err := io.ReadAll(text)
	if err != nil {
		return nil, readerFailed("the object cannot be read: %v", err)
	}
	return body, nil
}

var delimiters = map[string]rune{"": ',', "COMMA": ',', "PIPE": '|', "SEMICOLON": ';', "SPACE": ' ', "TAB": '\t'}

// csv makes an object of every row. Columns without a value are empty, values
// without a column are dropped.
func (r reader) csv(text io.Reader) interp.Items {
	return func(yield func(jsonvalue.Value, error) bool) {
		in := csv.NewReader(text)
		in.Comma, in.FieldsPerRecord, in.LazyQuotes = delimiters[r.CSVDelimiter], -1, true
		headers := r.CSVHeaders
		for first := r.CSVHeaderLocation != "GIVEN"; ; first = false {
			row, err := in.Read()
			switch {
			case err == io.EOF:
				return
			case err != nil:
				yield(nil, readerFailed("%v", err))
				return
			case first:
				headers = row
			case !yield(rowObject(headers, row), nil):
				return
			}
		}
	}
}

func rowObject(headers, row []string) *jsonvalue.Object {
	var b jsonvalue.Builder
	for i, name := range headers {
		value := ""
		if i < len(row) {
			value = row[i]
		}
		b.Set(name, value)
	}
	return b.Object()
}

// json takes the array that the object is, or that ItemsPointer finds in it.
func (r reader) json(text io.Reader) interp.Items {
	body, err := all(text)
	if err != nil {
		return failing(err)
	}
	v, err := jsonvalue.Parse(body)
	if err != nil {
		return failing(readerFailed("The object is not JSON: %v", err))
	}
	if r.ItemsPointer != "" {
		if v, err = pointed(v, r.ItemsPointer); err != nil {
			return failing(err)
		}
	}
	items, ok := v.([]any)
	if !ok {
		return failing(readerFailed("Attempting to map over non-iterable node."))
	}
	return interp.Each(items)
}

// pointed follows a JSON pointer.
func pointed(v jsonvalue.Value, pointer string) (jsonvalue.Value, error) {
	for _, part := range strings.Split(strings.TrimPrefix(pointer, "/"), "/") {
		name := strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
		switch x := v.(type) {
		case *jsonvalue.Object:
			member, ok := x.Get(name)
			if !ok {
				return nil, readerFailed("ItemsPointer %s leads nowhere: there is no member %q", pointer, name)
			}
			v = member
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(x) {
				return nil, readerFailed("ItemsPointer %s leads nowhere: there is no element %q", pointer, name)
			}
			v = x[i]
		default:
			return nil, readerFailed("ItemsPointer %s leads nowhere: %q is in a %s", pointer, name, jsonvalue.Kind(v))
		}
	}
	return v, nil
}

func (r reader) lines(text io.Reader) interp.Items {
	return func(yield func(jsonvalue.Value, error) bool) {
		in := bufio.NewReader(text)
		for n := 1; ; n++ {
			line, end := in.ReadBytes('\n')
			if end != nil && end != io.EOF {
				yield(nil, readerFailed("the object cannot be read: %v", end))
				return
			}
			if len(bytes.TrimSpace(line)) > 0 {
				v, err := jsonvalue.Parse(bytes.TrimSpace(line))
				if err != nil {
					err = readerFailed("Line %d is not JSON: %v", n, err)
				}
				if !yield(v, err) || err != nil {
					return
				}
			}
			if end != nil {
				return
			}
		}
	}
}

// manifest reads what a manifest lists: an S3 inventory's rows, or the contents
// of the data files of an Athena UNLOAD.
func (r reader) manifest(text io.Reader) interp.Items {
	body, err := all(text)
	if err != nil {
		return failing(err)
	}
	if r.ManifestType == "ATHENA_DATA" {
		return r.athena(body)
	}
	return r.inventory(body)
}

func (r reader) inventory(body []byte) interp.Items {
	v, err := jsonvalue.Parse(body)
	files, ok := member(v, "files").([]any)
	if err != nil || !ok {
		return failing(readerFailed("The object is no manifest of an S3 inventory"))
	}
	if format := text(member(v, "fileFormat")); format != "" && format != "CSV" {
		return failing(readerFailed("The local AWS reads inventories in CSV, not in %s", format))
	}
	bucket := text(member(v, "destinationBucket"))
	bucket = bucket[strings.LastIndexByte(bucket, ':')+1:]
	var headers []string
	for _, name := range strings.Split(text(member(v, "fileSchema")), ",") {
		headers = append(headers, strings.TrimSpace(name))
	}
	given := r
	given.ItemReader = &interp.ItemReader{CSVHeaderLocation: "GIVEN", CSVHeaders: headers}
	var parts []interp.Items
	for _, file := range files {
		parts = append(parts, given.object(location(bucket, text(member(file, "key"))), "CSV"))
	}
	return joined(parts)
}

func (r reader) athena(body []byte) interp.Items {
	var parts []interp.Items
	for _, line := range strings.Fields(string(body)) {
		u, err := url.Parse(strings.TrimSpace(line))
		if err != nil || u.Scheme != "s3" {
			return failing(readerFailed("The manifest lists %q, which is no s3:// address", line))
		}
		inputType := "JSONL"
		if strings.Contains(u.Path, ".csv") {
			inputType = "CSV"
		}
		parts = append(parts, r.object(location(u.Host, strings.TrimPrefix(u.Path, "/")), inputType))
	}
	return joined(parts)
}

// joined are the items of all parts, one part after the other.
func joined(parts []interp.Items) interp.Items {
	return func(yield func(jsonvalue.Value, error) bool) {
		for _, part := range parts {
			for v, err := range part {
				if !yield(v, err) || err != nil {
					return
				}
			}
		}
	}
}

func location(bucket, key string) jsonvalue.Value {
	return jsonvalue.NewObject(jsonvalue.Member{Name: "Bucket", Value: bucket}, jsonvalue.Member{Name: "Key", Value: key})
}

// list makes an item of every object, or takes the items within them all.
func (r reader) list() interp.Items {
	return func(yield func(jsonvalue.Value, error) bool) {
		params, _ := r.Parameters.(*jsonvalue.Object)
		for {
			v, err := r.s.Caller.Call(r.ctx, r.as, "s3", "ListObjectsV2", params)
			if err != nil {
				yield(nil, readerFailed("%s", s3Cause(wireError(err))))
				return
			}
			contents, _ := member(v, "Contents").([]any)
			for v, err := range r.listed(text(member(params, "Bucket")), contents) {
				if !yield(v, err) || err != nil {
					return
				}
			}
			next := text(member(v, "NextContinuationToken"))
			if next == "" {
				return
			}
			params = params.With("ContinuationToken", next)
		}
	}
}

func (r reader) listed(bucket string, contents []any) interp.Items {
	var parts []interp.Items
	for _, o := range contents {
		if r.Transformation == "LOAD_AND_FLATTEN" {
			parts = append(parts, r.object(location(bucket, text(member(o, "Key"))), r.InputType))
		} else {
			parts = append(parts, interp.Each([]jsonvalue.Value{listItem(o)}))
		}
	}
	return joined(parts)
}

// listItem is an object of a listing as AWS hands it to a child: the date in
// whole seconds, and Etag for ETag.
func listItem(v jsonvalue.Value) jsonvalue.Value {
	var b jsonvalue.Builder
	b.Set("Etag", member(v, "ETag")).Set("Key", member(v, "Key"))
	b.Set("LastModified", jsonvalue.Int(millisOf(member(v, "LastModified"))/1000))
	b.Set("Size", member(v, "Size")).Set("StorageClass", member(v, "StorageClass"))
	return b.Object()
}
