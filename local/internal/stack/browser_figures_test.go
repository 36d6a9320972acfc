package stack

// This file defines the figures of the console in a browser, with a thousand
// executions and a history near its limit of 25,000 events:
//
//	FIGURES=true go test ./local/internal/stack -run TestConsoleFigures -v

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

const countingMachine = `{"StartAt":"Count","States":{"Count":{"Type":"Pass","Parameters":{"n.$":"States.MathAdd($.n, -1)"},"Next":"More?"},` +
	`"More?":{"Type":"Choice","Choices":[{"Variable":"$.n","NumericGreaterThan":0,"Next":"Count"}],"Default":"Done"},"Done":{"Type":"Succeed"}}}`

// load starts a thousand short executions and a long one, and waits for that.
func load(ctx context.Context, t *testing.T, s *Stack) (long string) {
	t.Helper()
	ask := func(operation string, params jsonvalue.Value) *jsonvalue.Object {
		answer, err := s.wire.Call(ctx, awswire.Root(s.Account), "states", operation, params)
		if err != nil {
			t.Fatal(err)
		}
		o, _ := answer.(*jsonvalue.Object)
		return o
	}
	object := func(pairs ...string) *jsonvalue.Object {
		var b jsonvalue.Builder
		for i := 0; i < len(pairs); i += 2 {
			b.Set(pairs[i], pairs[i+1])
		}
		return b.Object()
	}
	machine, _ := ask("CreateStateMachine", object("Name", "Counting", "Definition", countingMachine, "RoleArn", "arn:aws:iam::123456789012:role/counting")).Get("StateMachineArn")
	arn, _ := machine.(string)
	started, _ := ask("StartExecution", object("StateMachineArn", arn, "Input", `{"n":6200}`)).Get("ExecutionArn")
	long, _ = started.(string)
	for range 1000 {
		ask("StartExecution", object("StateMachineArn", arn, "Input", `{"n":1}`))
	}
	for {
		if status, _ := ask("DescribeExecution", object("ExecutionArn", long)).Get("Status"); status != "RUNNING" {
			return long
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func TestConsoleFigures(t *testing.T) {
	if os.Getenv("FIGURES") == "" {
		t.Skip("takes a while: FIGURES=true")
	}
	s, err := Start(t.Context(), Options{Account: "123456789012", Region: "us-east-1", Memory: true, Clock: clock.Real(), Log: slog.New(slog.DiscardHandler), Lenient: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	long := load(t.Context(), t, s)
	site, err := s.ServeConsole(t.Context(), 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := newReader(t, site)
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "page\tHTML kB\tfirst byte ms\tfirst content ms\tcomplete ms\telements")
	for _, page := range []struct{ name, path string }{
		{"home, 1,000 executions", "/"}, {"machine", "/machines/Counting"}, {"history, first page", "/executions/" + long}, {"history, last page", "/executions/" + long + "?page=62"},
		{"events", "/events"}, {"functions", "/functions"}, {"data", "/data"},
	} {
		var m struct{ Weight, Byte, Content, Complete, Elements float64 }
		r.must(r.page.Go(r.ctx, site+page.path))
		r.must(r.page.Until(r.ctx, `performance.getEntriesByName("first-contentful-paint").length && performance.getEntriesByType("navigation")[0].loadEventEnd`))
		r.must(r.page.Eval(r.ctx, `(() => { const n = performance.getEntriesByType("navigation")[0];
			return {Weight: n.decodedBodySize / 1024, Byte: n.responseStart, Content: performance.getEntriesByName("first-contentful-paint")[0].startTime, Complete: n.loadEventEnd, Elements: document.querySelectorAll("*").length}; })()`, &m))
		fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\n", page.name, m.Weight, m.Byte, m.Content, m.Complete, m.Elements)
		if m.Content > 10_000 { // ten times what was measured: this machine may be busy
			t.Errorf("%s: first content after %.0f ms", page.name, m.Content)
		}
	}
	_ = w.Flush() // to memory
	r.quiet()
	last := site + "/executions/" + long + "?page=62"
	fmt.Fprintf(&table, "renewing the history's last page: first %.0f ms, then %.0f ms\n", renewed(t, last, 1), renewed(t, last, 20))
	fmt.Print(table.String())
}

// renewed is the median of how long a page takes that asks for itself again, in ms.
func renewed(t *testing.T, page string, times int) float64 {
	t.Helper()
	var took []float64
	for range times {
		began := time.Now()
		answer, err := http.Get(page) //nolint:gosec,noctx // our own
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(io.Discard, answer.Body)
		if err = errors.Join(err, answer.Body.Close()); err != nil {
			t.Fatal(err)
		}
		took = append(took, float64(time.Since(began).Microseconds())/1000)
	}
	slices.Sort(took)
	return took[len(took)/2]
}
