package stepfunctions

// This file defines where the items of a map run come from: the state's input,
// or an object or a listing of S3.
// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
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
func (s *Service) readItems(ctx context.Context, as awswire.Identity, c *interp.StartMapRun) ([]jsonvalue.Value, error) {
	if c.Reader == nil {
		return c.Items, nil
	}
	r := reader{s, ctx, as, c.Reader}
	if r.MaxItems < 0 {
		return nil, readerFailed("field MaxItems must be positive")
	}
	var items []jsonvalue.Value
	var err error
	if r.Resource.Action == "listObjectsV2" {
		items, err = r.list()
	} else {
		items, err = r.object(r.Parameters, r.InputType)
	}
	if err != nil {
		return nil, err
	}
	return items[:min(len(items), r.limit())], nil
}

func (r reader) limit() int {
	if r.MaxItems == 0 {
		return maxItems
	}
	return int(min(r.MaxItems, maxItems))
}

// object reads the items in one object.
func (r reader) object(params jsonvalue.Value, inputType string) ([]jsonvalue.Value, error) {
	body, err := r.get(params)
	if err != nil {
		return nil, err
	}
	switch inputType {
	case "CSV":
		return r.csv(body)
	case "JSON":
		return r.json(body)
	case "JSONL":
		return r.lines(body)
	case "MANIFEST":
		return r.manifest(body)
	}
	return nil, readerFailed("The local AWS does not read %s; it reads CSV, JSON, JSONL and MANIFEST", inputType)
}

func (r reader) get(params jsonvalue.Value) ([]byte, error) {
	v, err := r.s.Caller.Call(r.ctx, r.as, "s3", "GetObject", params)
	if err != nil {
		return nil, readerFailed("%s", s3Cause(wireError(err)))
	}
	body, err := base64.StdEncoding.DecodeString(text(member(v, "Body")))
	if err != nil {
		return nil, readerFailed("the object's body cannot be read: %v", err)
	}
	return unzipped(body)
}

// unzipped undoes gzip, which inventories and exports come in.
func unzipped(body []byte) ([]byte, error) {
	if !bytes.HasPrefix(body, []byte{0x1f, 0x8b}) {
		return trimBOM(body), nil
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err == nil {
		body, err = io.ReadAll(z)
	}
	if err != nil {
		return nil, readerFailed("the object is not gzip: %v", err)
	}
	return trimBOM(body), nil
}

// trimBOM drops a byte order mark, which spreadsheets write.
func trimBOM(text []byte) []byte { return bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")) }

var delimiters = map[string]rune{"": ',', "COMMA": ',', "PIPE": '|', "SEMICOLON": ';', "SPACE": ' ', "TAB": '\t'}

// csv makes an object of every row. Columns without a value are empty, values
// without a column are dropped.
func (r reader) csv(body []byte) ([]jsonvalue.Value, error) {
	in := csv.NewReader(bytes.NewReader(body))
	in.Comma, in.FieldsPerRecord, in.LazyQuotes = delimiters[r.CSVDelimiter], -1, true
	headers := r.CSVHeaders
	if r.CSVHeaderLocation != "GIVEN" {
		row, err := in.Read()
		if err == io.EOF {
			return nil, nil
		}
		if err != nil {
			return nil, readerFailed("%v", err)
		}
		headers = row
	}
	items := []jsonvalue.Value{}
	for len(items) < r.limit() {
		row, err := in.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, readerFailed("%v", err)
		}
		items = append(items, rowObject(headers, row))
	}
	return items, nil
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
func (r reader) json(body []byte) ([]jsonvalue.Value, error) {
	v, err := jsonvalue.Parse(body)
	if err != nil {
		return nil, readerFailed("The object is not JSON: %v", err)
	}
	if r.ItemsPointer != "" {
		if v, err = pointed(v, r.ItemsPointer); err != nil {
			return nil, err
		}
	}
	items, ok := v.([]any)
	if !ok {
		return nil, readerFailed("Attempting to map over non-iterable node.")
	}
	return items, nil
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

func (r reader) lines(body []byte) ([]jsonvalue.Value, error) {
	items := []jsonvalue.Value{}
	for i, line := range bytes.Split(body, []byte("\n")) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		v, err := jsonvalue.Parse(line)
		if err != nil {
			return nil, readerFailed("Line %d is not JSON: %v", i+1, err)
		}
		if items = append(items, v); len(items) == r.limit() {
			break
		}
	}
	return items, nil
}

// manifest reads what a manifest lists: an S3 inventory's rows, or the contents
// of the data files of an Athena UNLOAD.
func (r reader) manifest(body []byte) ([]jsonvalue.Value, error) {
	if r.ManifestType == "ATHENA_DATA" {
		return r.athena(body)
	}
	v, err := jsonvalue.Parse(body)
	files, ok := member(v, "files").([]any)
	if err != nil || !ok {
		return nil, readerFailed("The object is no manifest of an S3 inventory")
	}
	if format := text(member(v, "fileFormat")); format != "" && format != "CSV" {
		return nil, readerFailed("The local AWS reads inventories in CSV, not in %s", format)
	}
	bucket := text(member(v, "destinationBucket"))
	bucket = bucket[strings.LastIndexByte(bucket, ':')+1:]
	var headers []string
	for _, name := range strings.Split(text(member(v, "fileSchema")), ",") {
		headers = append(headers, strings.TrimSpace(name))
	}
	items := []jsonvalue.Value{}
	for _, file := range files {
		given := r
		given.ItemReader = &interp.ItemReader{CSVHeaderLocation: "GIVEN", CSVHeaders: headers, MaxItems: r.MaxItems}
		rows, err := given.object(location(bucket, text(member(file, "key"))), "CSV")
		if err != nil {
			return nil, err
		}
		items = append(items, rows...)
	}
	return items, nil
}

func (r reader) athena(body []byte) ([]jsonvalue.Value, error) {
	items := []jsonvalue.Value{}
	for _, line := range strings.Fields(string(body)) {
		u, err := url.Parse(strings.TrimSpace(line))
		if err != nil || u.Scheme != "s3" {
			return nil, readerFailed("The manifest lists %q, which is no s3:// address", line)
		}
		inputType := "JSONL"
		if strings.Contains(u.Path, ".csv") {
			inputType = "CSV"
		}
		more, err := r.object(location(u.Host, strings.TrimPrefix(u.Path, "/")), inputType)
		if err != nil {
			return nil, err
		}
		items = append(items, more...)
	}
	return items, nil
}

func location(bucket, key string) jsonvalue.Value {
	return jsonvalue.NewObject(jsonvalue.Member{Name: "Bucket", Value: bucket}, jsonvalue.Member{Name: "Key", Value: key})
}

// list makes an item of every object, or takes the items within them all.
func (r reader) list() ([]jsonvalue.Value, error) {
	params, _ := r.Parameters.(*jsonvalue.Object)
	items := []jsonvalue.Value{}
	for {
		v, err := r.s.Caller.Call(r.ctx, r.as, "s3", "ListObjectsV2", params)
		if err != nil {
			return nil, readerFailed("%s", s3Cause(wireError(err)))
		}
		contents, _ := member(v, "Contents").([]any)
		more, err := r.listed(text(member(params, "Bucket")), contents)
		if err != nil {
			return nil, err
		}
		items = append(items, more...)
		next := text(member(v, "NextContinuationToken"))
		if next == "" || len(items) >= r.limit() {
			return items, nil
		}
		params = params.With("ContinuationToken", next)
	}
}

func (r reader) listed(bucket string, contents []any) ([]jsonvalue.Value, error) {
	items := make([]jsonvalue.Value, 0, len(contents))
	for _, o := range contents {
		if r.Transformation != "LOAD_AND_FLATTEN" {
			items = append(items, listItem(o))
			continue
		}
		inner, err := r.object(location(bucket, text(member(o, "Key"))), r.InputType)
		if err != nil {
			return nil, err
		}
		items = append(items, inner...)
	}
	return items, nil
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
