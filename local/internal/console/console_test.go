package console

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/journal"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

const (
	hostile = `<script>alert(1)</script>"'&`
	secret  = "AQCEAAAAKgAAAAMAAAAAAAAAAeSecretSecretSecretSecretSecretSecretSecretSecretSecretSecretSecretSecretSecret"
	machine = `{"StartAt":"Ask","States":{"Ask":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken","Parameters":{"QueueUrl":"q","MessageBody":{"taskToken.$":"$$.Task.Token"}},"Next":"Done"},"Done":{"Type":"Succeed"}}}`
	anARN   = "arn:aws:states:us-east-1:123456789012:execution:M:x"
)

// fake answers operations with texts, and remembers what it was asked.
type fake struct {
	answers map[string]string
	asked   []string
	events  int // of the history, beside those in answers
}

func (f *fake) Call(_ context.Context, as awswire.Identity, service, operation string, in jsonvalue.Value) (jsonvalue.Value, error) {
	if !strings.HasSuffix(as.ARN, ":root") {
		return nil, errors.New("the console is the account's root")
	}
	f.asked = append(f.asked, service+":"+operation+" "+jsonvalue.String(in))
	if operation == "GetExecutionHistory" && f.events > 0 {
		return f.page(doc{in}), nil
	}
	text, ok := f.answers[operation]
	if !ok {
		return nil, awswire.Errorf("ResourceNotFoundException", "there is no %s", hostile)
	}
	v, err := jsonvalue.Parse([]byte(text))
	if from := (doc{in}).text("NextToken"); from != "" && err == nil {
		o, _ := v.(*jsonvalue.Object)
		var rest []any
		for _, e := range (doc{v}).list("Events") {
			if n, _ := strconv.Atoi(from); e.int("id") >= n {
				rest = append(rest, e.v)
			}
		}
		return o.With("Events", rest), nil
	}
	return v, err
}

// page makes up a page of a long history: visits of Pass states.
func (f *fake) page(in doc) jsonvalue.Value {
	from, _ := strconv.Atoi(in.text("NextToken"))
	from = max(1, from)
	var events []any
	for id := from; id <= f.events && len(events) < in.int("MaxResults"); id++ {
		kind, member := "PassStateEntered", "stateEnteredEventDetails"
		if id%2 == 0 {
			kind, member = "PassStateExited", "stateExitedEventDetails"
		}
		events = append(events, params("id", id, "previousEventId", id-1, "timestamp", 1000+id, "type", kind, member, params("name", "Done")))
	}
	if last := from + len(events); last <= f.events {
		return params("Events", events, "NextToken", strconv.Itoa(last))
	}
	return params("Events", events)
}

func waiting() *fake {
	token := jsonvalue.String(`{"MessageBody":{"taskToken":"` + secret + `"}}`)
	return &fake{answers: map[string]string{
		"ListStateMachines":                `{"StateMachines":[{"Name":"M","StateMachineArn":"arn:aws:states:us-east-1:123456789012:stateMachine:M","Type":"STANDARD"}]}`,
		"ListExecutions":                   `{"Executions":[{"ExecutionArn":"` + anARN + `","Name":` + jsonvalue.String(hostile) + `,"StateMachineArn":"a:M","Status":"RUNNING","StartDate":1000}]}`,
		"ListFunctions":                    `{"Functions":[{"FunctionName":"f","MemorySize":128,"Timeout":3}]}`,
		"DescribeStateMachine":             `{"Type":"STANDARD","RoleArn":"r","Definition":` + jsonvalue.String(machine) + `}`,
		"DescribeStateMachineForExecution": `{"Name":"M","StateMachineArn":"arn:m","RoleArn":"arn:r","Definition":` + jsonvalue.String(machine) + `}`,
		"DescribeExecution":                `{"ExecutionArn":"` + anARN + `","Name":"x","StateMachineArn":"a:M","Status":"RUNNING","StartDate":1000,"Input":` + jsonvalue.String(`{"taskToken":"`+secret+`","h":`+jsonvalue.String(hostile)+`}`) + `}`,
		"GetExecutionHistory":              `{"Events":[{"id":1,"previousEventId":0,"timestamp":1000,"type":"TaskStateEntered","stateEnteredEventDetails":{"name":"Ask","input":"{}"}},{"id":2,"previousEventId":1,"timestamp":1001,"type":"TaskScheduled","taskScheduledEventDetails":{"resource":"sendMessage.waitForTaskToken","parameters":` + token + `}}]}`,
		"ListMapRuns":                      `{"MapRuns":[]}`,
		"ListTables":                       `{"TableNames":["CallbackTokens"]}`,
		"Scan":                             `{"Items":[{"orderId":{"S":` + jsonvalue.String(hostile) + `},"taskToken":{"S":"` + secret + `"},"n":{"N":"1.50"}}]}`,
		"ListQueues":                       `{"QueueUrls":["http://h/1/dlq"]}`,
		"GetQueueUrl":                      `{"QueueUrl":"http://h/1/dlq"}`,
		"GetQueueAttributes":               `{"Attributes":{"ApproximateNumberOfMessages":"3","ApproximateNumberOfMessagesNotVisible":"0","QueueArn":"arn:aws:sqs:us-east-1:1:dlq"}}`,
		"ListBuckets":                      `{"Buckets":[{"Name":"b"}]}`,
		"ListObjectsV2":                    `{"Contents":[{"Key":"` + "a/b.csv" + `","Size":12}]}`,
		"GetFunctionConfiguration":         `{"FunctionName":"f"}`,
		"FilterLogEvents":                  `{"Events":[{"Message":"https://h/k?X-Amz-Signature=` + secret + `"}]}`,
		"PutEvents":                        `{"Entries":[{"EventId":"e"}]}`,
		"SendTaskSuccess":                  `{}`,
		"CreateStateMachine":               `{"StateMachineArn":"arn:made"}`,
		"StartExecution":                   `{"ExecutionArn":"` + anARN + `"}`,
	}}
}

type site struct {
	*fake
	handler http.Handler
}

func newSite(t testing.TB, f *fake) site {
	t.Helper()
	clk := clock.NewVirtual(time.Unix(2000, 0), 0)
	j := journal.New(60_000, clk.Now)
	ctx := j.Record(context.Background(), journal.Entry{Kind: journal.EventReceived, Subject: "e", Name: hostile, Where: "default",
		Detail: jsonvalue.MustParse(`{"source":"shop","detail-type":"T","detail":{"taskToken":"` + secret + `","a":` + jsonvalue.String(hostile) + `}}`)})
	ctx = j.Record(ctx, journal.Entry{Kind: journal.RuleMatched, Name: "Rule"})
	ctx = j.Record(ctx, journal.Entry{Kind: journal.ExecutionStarted, Subject: anARN, Name: "M"})
	j.Record(ctx, journal.Entry{Kind: journal.StateEntered, Subject: anARN, Name: "Ask"})
	j.Record(ctx, journal.Entry{Kind: journal.InvocationEnded, Name: "f", Error: hostile, Detail: jsonvalue.MustParse(`{"requestId":"r","durationMs":12.5,"cold":true}`)})
	return site{f, New(Config{Account: "123456789012", Region: "us-east-1", Endpoint: "http://127.0.0.1:4566", Caller: f, Journal: j, Clock: clk, Port: 4567,
		Samples: fstest.MapFS{"order.json": {Data: []byte(`[{"Source":"` + "shop" + `"}]`)}},
		Explain: func(string, []byte) ([]Verdict, error) {
			return []Verdict{{Rule: "Rule", Matched: true}, {Rule: "Other", Why: hostile}}, nil
		}}).Handler()}
}

func (s site) get(path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Host = "127.0.0.1:4567"
	s.handler.ServeHTTP(w, r)
	return w
}

func (s site) post(path, origin string, form url.Values) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Host = "127.0.0.1:4567"
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", origin)
	s.handler.ServeHTTP(w, r)
	return w
}

var pages = []string{"/", "/machines/M", "/executions/" + anARN, "/executions/" + anARN + "?state=1", "/events", "/events/1", "/functions", "/functions/f",
	"/data", "/tables/CallbackTokens", "/queues/dlq", "/buckets/b", "/time", "/?said=" + url.QueryEscape(hostile), "/events/99"}

func TestPagesAreValidQuietAndDiscreet(t *testing.T) {
	s := newSite(t, waiting())
	for _, page := range pages {
		w := s.get(page)
		body := w.Body.String()
		if want := map[bool]int{true: 200, false: 404}[page != "/events/99"]; w.Code != want {
			t.Errorf("%s: status %d: %s", page, w.Code, body)
		}
		for _, bad := range []string{secret, "<script>alert", " style=", " onclick=", "http://www", "//cdn"} {
			if strings.Contains(strings.ReplaceAll(body, "http://www.w3.org/2000/svg", ""), bad) {
				t.Errorf("%s contains %s", page, bad)
			}
		}
		for _, fault := range faultsOfHTML(body) {
			t.Errorf("%s: %s", page, fault)
		}
		if !strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s has no strict policy", page)
		}
	}
}

var void = []string{"meta", "link", "input", "img", "br"}

// faultsOfHTML checks what browsers forgive and readers of pages do not: nesting,
// ids that repeat, forms in paragraphs, fields without a label, images without a
// text, a missing language or title.
func faultsOfHTML(page string) []string {
	var faults, open []string
	ids := map[string]bool{}
	dec := xml.NewDecoder(strings.NewReader(strings.TrimPrefix(page, "<!doctype html>")))
	dec.Strict, dec.Entity = false, xml.HTMLEntity
	for {
		tok, err := dec.RawToken()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return append(faults, err.Error())
		}
		switch e := tok.(type) {
		case xml.StartElement:
			faults = append(faults, faultsOfElement(e, open, ids)...)
			if !slices.Contains(void, e.Name.Local) {
				open = append(open, e.Name.Local)
			}
		case xml.EndElement:
			if n := len(open); n > 0 && open[n-1] == e.Name.Local {
				open = open[:n-1]
			} else if !slices.Contains(void, e.Name.Local) {
				return append(faults, fmt.Sprintf("</%s> closes %v", e.Name.Local, open))
			}
		}
	}
	if len(open) > 0 {
		faults = append(faults, fmt.Sprintf("left open: %v", open))
	}
	for _, wanted := range []string{`<html lang="en">`, "<title>", "<h1>", `<main id="main"`} {
		if !strings.Contains(page, wanted) {
			faults = append(faults, "no "+wanted)
		}
	}
	return faults
}

func faultsOfElement(e xml.StartElement, open []string, ids map[string]bool) (faults []string) {
	has := map[string]string{}
	for _, a := range e.Attr {
		has[a.Name.Local] = a.Value
	}
	if id := has["id"]; id != "" {
		if ids[id] {
			faults = append(faults, "id "+id+" twice")
		}
		ids[id] = true
	}
	name := e.Name.Local
	if slices.Contains([]string{"form", "div", "section", "table", "ul", "pre", "details"}, name) && slices.Contains(open, "p") {
		faults = append(faults, name+" in a paragraph")
	}
	if slices.Contains([]string{"textarea", "select", "input"}, name) && has["type"] != "hidden" && !slices.Contains(open, "label") {
		faults = append(faults, name+" without a label")
	}
	if _, ok := has["alt"]; name == "img" && !ok {
		faults = append(faults, "an image without a text")
	}
	return faults
}

func TestTheCheckOfHTMLFindsFaults(t *testing.T) {
	if found := faultsOfHTML("<ul></p></ul>"); len(found) != 1 {
		t.Errorf("wrong nesting: %v", found)
	}
	for _, page := range []string{"<p><form></form></p>", "<p>", `<b id="a"></b><i id="a"></i>`, "<input>", "<img src=x>"} {
		if found := faultsOfHTML(page); len(found) < 5 { // the four that a fragment always has, and its own
			t.Errorf("%s: %v", page, found)
		}
	}
}

func TestOtherSitesAndOtherHostsAreRefused(t *testing.T) {
	s := newSite(t, waiting())
	for _, host := range []string{"evil.example:4567", "127.0.0.1:4566", "127.0.0.1", "localhost.evil.example:4567", ""} {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = host
		if s.handler.ServeHTTP(w, r); w.Code != http.StatusForbidden {
			t.Errorf("host %q: %d", host, w.Code)
		}
	}
	form := url.Values{"entries": {"[]"}}
	for _, origin := range []string{"", "null", "http://evil.example", "http://127.0.0.1:4566", "https://127.0.0.1:4567"} {
		if w := s.post("/do/send", origin, form); w.Code != http.StatusForbidden {
			t.Errorf("origin %q: %d", origin, w.Code)
		}
	}
	if len(s.asked) > 0 {
		t.Errorf("refused requests reached the services: %v", s.asked)
	}
	if w := s.post("/do/send", "http://127.0.0.1:4567", form); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/events?said=Sent+1+event%28s%29." {
		t.Errorf("our own page: %d %v", w.Code, w.Header())
	}
	if w := s.post("/do/send", "http://127.0.0.1:4567", url.Values{"entries": {"no JSON"}, "back": {"//evil.example"}}); !strings.HasPrefix(w.Header().Get("Location"), "/?said=") {
		t.Errorf("an action leads elsewhere: %v", w.Header())
	}
}

func TestATokenIsAnsweredWithoutBeingShown(t *testing.T) {
	s := newSite(t, waiting())
	w := s.post("/do/answer", "http://127.0.0.1:4567", url.Values{"execution": {anARN}, "scheduled": {"2"}, "output": {`{"ok":true}`}, "outcome": {"success"}})
	want := `states:SendTaskSuccess {"TaskToken":"` + secret + `","Output":"{\"ok\":true}"}`
	if last := s.asked[len(s.asked)-1]; last != want || w.Code != http.StatusSeeOther || strings.Contains(w.Header().Get("Location"), secret) {
		t.Errorf("%d %v\nasked %s\nwant  %s", w.Code, w.Header(), last, want)
	}
}

func TestRunningAgainFromAStateLeavesOutWhatItDoesNotReach(t *testing.T) {
	s := newSite(t, waiting())
	s.post("/do/again", "http://127.0.0.1:4567", url.Values{"execution": {anARN}, "from": {"Done"}, "input": {`{"a":1}`}})
	if got := strings.Join(s.asked, "\n"); !strings.Contains(got, `{\"StartAt\":\"Done\",\"States\":{\"Done\":{\"Type\":\"Succeed\"}}}`) || !strings.Contains(got, `"StateMachineArn":"arn:made","Input":"{\"a\":1}"`) {
		t.Errorf("asked %s", got)
	}
	w := s.post("/do/again", "http://127.0.0.1:4567", url.Values{"execution": {anARN}, "from": {"Done"}, "input": {`{"t":"(redacted)"}`}})
	if !strings.Contains(w.Header().Get("Location"), "did+not+work") {
		t.Error("a redacted input was sent:", w.Header())
	}
}

func TestALongHistoryAndAThousandExecutionsStayQuick(t *testing.T) {
	f := waiting()
	f.events = 25_000
	var rows []string
	for i := range 1000 {
		rows = append(rows, fmt.Sprintf(`{"ExecutionArn":"%s%d","Name":"x%d","StateMachineArn":"a:M","Status":"SUCCEEDED","StartDate":%d,"StopDate":%d}`, anARN, i, i, i, i+1))
	}
	f.answers["ListExecutions"] = `{"Executions":[` + strings.Join(rows, ",") + `]}`
	s := newSite(t, f)
	for path, limit := range map[string]int{"/": 60 << 10, "/machines/M": 400 << 10, "/executions/" + anARN: 120 << 10, "/executions/" + anARN + "?page=63": 120 << 10} {
		began := time.Now()
		w := s.get(path)
		if took := time.Since(began); w.Code != 200 || w.Body.Len() > limit || took > 3*time.Second {
			t.Errorf("%s: status %d, %d bytes of %d, %v", path, w.Code, w.Body.Len(), limit, took)
		} else {
			t.Logf("%s: %d bytes in %v", path, w.Body.Len(), took.Round(time.Millisecond))
		}
	}
	if body := s.get("/executions/" + anARN).Body.String(); !strings.Contains(body, "12500 visits, page 1 of 63") {
		t.Error("not all visits were read")
	}
}

// TestARenewedPageReadsWhatIsNew: a history is read once, then from where it ended;
// what an execution's end left failed goes on when it is redriven.
func TestARenewedPageReadsWhatIsNew(t *testing.T) {
	f := waiting()
	f.events = 20_001
	s := newSite(t, f)
	history := func(status, want string) (asked int) {
		t.Helper()
		f.answers["DescribeExecution"] = `{"ExecutionArn":"` + anARN + `","Name":"x","StateMachineArn":"a:M","Status":"` + status + `","StartDate":1000}`
		f.asked = nil
		body := s.get("/executions/" + anARN + "?page=51").Body.String()
		for _, call := range f.asked {
			if strings.Contains(call, "GetExecutionHistory") && strings.Contains(call, `"MaxResults":1000`) {
				asked++
			}
		}
		row := body[max(0, strings.LastIndex(body, "<tbody>")):]
		if !strings.Contains(row, want) {
			t.Errorf("%s: the page must say %s: %s", status, want, row)
		}
		return asked
	}
	if asked := history("RUNNING", "running"); asked != 21 {
		t.Errorf("20,001 events were asked for %d times", asked)
	}
	for _, c := range []struct{ status, want string }{{"FAILED", "failed"}, {"RUNNING", "running"}} {
		if asked := history(c.status, c.want); asked != 1 {
			t.Errorf("%s: nothing new was asked for %d times", c.status, asked)
		}
	}
	f.events += 2
	if asked := history("RUNNING", "running"); asked != 1 {
		t.Errorf("two new events were asked for %d times", asked)
	}
	for i := range remembered {
		f.answers["DescribeExecution"] = fmt.Sprintf(`{"ExecutionArn":"%s%d","Name":"x","StateMachineArn":"a:M","Status":"RUNNING","StartDate":1000}`, anARN, i)
		s.get("/executions/" + anARN + strconv.Itoa(i))
	}
	if asked := history("RUNNING", "running"); asked != 21 {
		t.Errorf("what was forgotten is read again, and not asked for %d times", asked)
	}
}

var (
	colour   = regexp.MustCompile(`--([a-z-]+):(#[0-9a-f]{3,6})`)
	onGround = [][2]string{{"ink", "paper"}, {"ink", "ground"}, {"soft", "paper"}, {"soft", "ground"}, {"link", "paper"}, {"link", "ground"}, {"good", "goodfill"}, {"good", "paper"},
		{"bad", "badfill"}, {"bad", "paper"}, {"busy", "busyfill"}, {"buttonink", "button"}}
	inGraph = [][2]string{{"g-ink", "g-box"}, {"g-ink", "g-okfill"}, {"g-ink", "g-badfill"}, {"g-ink", "g-runfill"}, {"g-ink", "g-warnfill"}, {"g-soft", "g-box"}, {"g-soft", "g-frame"},
		{"g-soft", "g-okfill"}, {"g-soft", "g-badfill"}, {"g-soft", "g-runfill"}, {"g-soft", "g-warnfill"}, {"g-soft", "g-paper"}, {"g-bad", "g-paper"}}
)

// TestContrastIsWCAGAA holds text to 4.5:1, dark and light.
// https://www.w3.org/TR/WCAG22/#contrast-minimum
func TestContrastIsWCAGAA(t *testing.T) {
	for file, pairs := range map[string][][2]string{"assets/console.css": onGround, "../graph/style.css": inGraph} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		light, dark, ok := strings.Cut(string(text), "prefers-color-scheme:dark")
		dark, _, _ = strings.Cut(dark, "}}")
		for scheme, css := range map[string]string{"light": light, "dark": dark} {
			colours := map[string]string{}
			for _, m := range colour.FindAllStringSubmatch(css, -1) {
				colours[m[1]] = m[2]
			}
			for _, p := range pairs {
				if ratio := contrast(colours[p[0]], colours[p[1]]); !ok || !(ratio >= 4.5) { // NaN too: a colour is missing
					t.Errorf("%s, %s: %s on %s is %.2f:1", file, scheme, p[0], p[1], ratio)
				}
			}
		}
	}
}

func contrast(a, b string) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminance(hex string) float64 {
	hex = strings.TrimPrefix(hex, "#")
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil {
		return math.NaN()
	}
	linear := func(shift uint) float64 {
		c := float64(n>>shift&0xff) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(16) + 0.7152*linear(8) + 0.0722*linear(0)
}
