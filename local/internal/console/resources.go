package console

// This file defines the pages of functions, tables, queues, buckets and time.

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/journal"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

type functionRow struct {
	Name, Memory, Timeout    string
	Invocations, Cold, Error int
	Longest, total           time.Duration
}

// Mean is how long an invocation took.
func (f functionRow) Mean() time.Duration {
	if f.Invocations == 0 {
		return -1
	}
	return f.total / time.Duration(f.Invocations)
}

func (c *Console) functionRows(r *http.Request) ([]functionRow, error) {
	all, err := c.all(r.Context(), "lambda", "ListFunctions", "Functions", "NextMarker")
	rows := map[string]*functionRow{}
	for _, f := range all {
		rows[f.text("FunctionName")] = &functionRow{Name: f.text("FunctionName"), Memory: f.text("MemorySize"), Timeout: f.text("Timeout")}
	}
	for _, e := range c.entries() {
		row := rows[e.Name]
		if e.Kind != journal.InvocationEnded || row == nil {
			continue
		}
		row.Invocations++
		row.total += durationOf(e)
		row.Longest = max(row.Longest, durationOf(e))
		if (doc{e.Detail}).get("cold").v == true {
			row.Cold++
		}
		if e.Error != "" {
			row.Error++
		}
	}
	out := make([]functionRow, 0, len(rows))
	for _, row := range rows {
		out = append(out, *row)
	}
	slices.SortFunc(out, func(a, b functionRow) int { return strings.Compare(a.Name, b.Name) })
	return out, err
}

func (c *Console) functions(w http.ResponseWriter, r *http.Request) {
	rows, err := c.functionRows(r)
	c.render(w, r, "functions.html", "functions", "Functions", rows, err)
}

type functionPage struct {
	functionRow
	Calls []call
	Lines []string
}

func (c *Console) function(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	rows, _ := c.functionRows(r)
	p := functionPage{}
	i := slices.IndexFunc(rows, func(f functionRow) bool { return f.Name == name })
	if i >= 0 {
		p.functionRow = rows[i]
	}
	_, err := c.ask(r.Context(), "lambda", "GetFunctionConfiguration", "FunctionName", name)
	for _, e := range c.entries() {
		if e.Kind == journal.InvocationEnded && e.Name == name {
			d := doc{e.Detail}
			p.Calls = append(p.Calls, call{Function: name, Request: d.text("requestId"), Error: e.Error, Time: e.Time, Took: durationOf(e), Cold: d.get("cold").v == true})
		}
	}
	p.Calls = p.Calls[max(0, len(p.Calls)-50):]
	slices.Reverse(p.Calls)
	p.Lines = c.lines(r.Context(), name, "")
	c.render(w, r, "function.html", "functions", name, p, err)
}

type dataPage struct {
	Tables, Buckets []string
	Queues          []queueRow
}

type queueRow struct{ Name, URL, Waiting, Flight, Source string }

func (c *Console) data(w http.ResponseWriter, r *http.Request) {
	var p dataPage
	tables, err := c.ask(r.Context(), "dynamodb", "ListTables")
	for _, t := range tables.list("TableNames") {
		name, _ := t.v.(string)
		p.Tables = append(p.Tables, name)
	}
	queues, _ := c.all(r.Context(), "sqs", "ListQueues", "QueueUrls", "NextToken")
	for _, q := range queues {
		url, _ := q.v.(string)
		p.Queues = append(p.Queues, c.queueRow(r, url))
	}
	if buckets, err := c.ask(r.Context(), "s3", "ListBuckets"); err == nil {
		for _, b := range buckets.list("Buckets") {
			p.Buckets = append(p.Buckets, b.text("Name"))
		}
	}
	c.render(w, r, "data.html", "data", "Data", p, err)
}

func (c *Console) queueRow(r *http.Request, url string) queueRow {
	q := queueRow{Name: lastOf(url), URL: url}
	if a, err := c.ask(r.Context(), "sqs", "GetQueueAttributes", "QueueUrl", url, "AttributeNames", []any{"All"}); err == nil {
		attributes := a.get("Attributes")
		q.Waiting, q.Flight = attributes.text("ApproximateNumberOfMessages"), attributes.text("ApproximateNumberOfMessagesNotVisible")
		q.Source = attributes.text("QueueArn")
	}
	return q
}

type listPage struct {
	Name  string
	Queue queueRow
	Items []item
	More  bool
}

type item struct{ Name, Body string }

const itemsShown = 100

func (c *Console) table(w http.ResponseWriter, r *http.Request) {
	p := listPage{Name: r.PathValue("name")}
	page, err := c.ask(r.Context(), "dynamodb", "Scan", "TableName", p.Name, "Limit", itemsShown)
	for _, i := range page.list("Items") {
		p.Items = append(p.Items, item{Body: show(plainItem(i.v))})
	}
	p.More = page.has("LastEvaluatedKey")
	c.render(w, r, "table.html", "data", p.Name, p, err)
}

// plainItem takes DynamoDB's type letters off, for readers.
func plainItem(v jsonvalue.Value) jsonvalue.Value {
	o, ok := v.(*jsonvalue.Object)
	if !ok {
		return v
	}
	var b jsonvalue.Builder
	for name, x := range o.All() {
		b.Set(name, plainAttribute(x))
	}
	return b.Object()
}

func plainAttribute(v jsonvalue.Value) jsonvalue.Value {
	o, ok := v.(*jsonvalue.Object)
	if !ok || o.Len() != 1 {
		return v
	}
	switch m := o.At(0); m.Name {
	case "N":
		if s, ok := m.Value.(string); ok {
			return jsonvalue.Number(s)
		}
		return m.Value
	case "NULL":
		return nil
	case "M":
		return plainItem(m.Value)
	case "L":
		list, _ := m.Value.([]any)
		out := make([]any, len(list))
		for i, x := range list {
			out[i] = plainAttribute(x)
		}
		return out
	default:
		return m.Value
	}
}

func (c *Console) queue(w http.ResponseWriter, r *http.Request) {
	p := listPage{Name: r.PathValue("name")}
	u, err := c.ask(r.Context(), "sqs", "GetQueueUrl", "QueueName", p.Name)
	if err == nil {
		p.Queue = c.queueRow(r, u.text("QueueUrl"))
	}
	c.render(w, r, "queue.html", "data", p.Name, p, err)
}

func (c *Console) bucket(w http.ResponseWriter, r *http.Request) {
	p := listPage{Name: r.PathValue("name")}
	page, err := c.ask(r.Context(), "s3", "ListObjectsV2", "Bucket", p.Name, "MaxKeys", itemsShown)
	for _, o := range page.list("Contents") {
		p.Items = append(p.Items, item{o.text("Key"), o.text("Size") + " bytes"})
	}
	p.More = page.get("IsTruncated").v == true
	c.render(w, r, "bucket.html", "data", p.Name, p, err)
}

type timePage struct {
	Virtual bool
	Next    time.Time
	Timers  bool
}

func (c *Console) time(w http.ResponseWriter, r *http.Request) {
	var p timePage
	if v, ok := c.Clock.(*clock.Virtual); ok {
		p.Virtual = true
		p.Next, p.Timers = v.Next()
	}
	c.render(w, r, "time.html", "time", "Time", p, nil)
}
