package stack

import (
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stepworks/stepworks/local/internal/clock"
)

// people is a stack on which somebody works through the console.
type people struct {
	*testing.T
	console string
	client  http.Client
}

const counter = `
Resources:
  Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: tellers}}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: {Service: [states.amazonaws.com, events.amazonaws.com]}, Action: "sts:AssumeRole"}]}
      Policies: [{PolicyName: p, PolicyDocument: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: ["sqs:SendMessage", "states:StartExecution"], Resource: "*"}]}}]
  Machine:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      StateMachineName: Counter
      RoleArn: !GetAtt Role.Arn
      DefinitionString: !Sub |
        {"StartAt":"Ask","States":{
          "Ask":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken","Parameters":{"QueueUrl":"${Queue}","MessageBody":{"taskToken.$":"$$.Task.Token"}},"Next":"Good?"},
          "Good?":{"Type":"Choice","Choices":[{"Variable":"$.good","BooleanEquals":true,"Next":"Yes"}],"Default":"No"},
          "Yes":{"Type":"Succeed"},"No":{"Type":"Fail","Error":"Counter.No","Cause":"it was no good"}}}
  Rule:
    Type: AWS::Events::Rule
    Properties:
      Name: CounterRule
      EventPattern: {source: [shop]}
      Targets: [{Id: machine, Arn: !Ref Machine, RoleArn: !GetAtt Role.Arn}]
`

func newPeople(t *testing.T) *people {
	t.Helper()
	s, err := Start(t.Context(), Options{Account: "123456789012", Region: "us-east-1", Memory: true, Clock: clock.Real(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	file := filepath.Join(t.TempDir(), "t.yaml")
	if err := os.WriteFile(file, []byte(counter), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Deploy(t.Context(), Deployment{Template: file, Progress: io.Discard}); err != nil {
		t.Fatal(err)
	}
	at, err := s.ServeConsole(t.Context(), 0, fstest.MapFS{"sold.json": {Data: []byte(`[{"Source":"shop","DetailType":"Sold","Detail":"{\"n\":1}"}]`)}})
	if err != nil {
		t.Fatal(err)
	}
	return &people{T: t, console: at, client: http.Client{Timeout: 10 * time.Second}}
}

func (p *people) do(r *http.Request, err error) (page, at string) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
	w, err := p.client.Do(r)
	if err != nil {
		p.Fatal(err)
	}
	defer w.Body.Close()
	body, err := io.ReadAll(w.Body)
	if err != nil {
		p.Fatal(err)
	}
	return string(body), w.Request.URL.RequestURI()
}

func (p *people) open(path string) string {
	p.Helper()
	page, _ := p.do(http.NewRequestWithContext(p.Context(), http.MethodGet, p.console+path, nil))
	return page
}

// send fills in a form, and returns the page that it leads to.
func (p *people) send(path string, fields ...string) (page, at string) {
	p.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	r, err := http.NewRequestWithContext(p.Context(), http.MethodPost, p.console+path, strings.NewReader(form.Encode()))
	if err == nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", p.console)
	}
	return p.do(r, err)
}

// until opens a page again and again until it has a text.
func (p *people) until(path, text string) string {
	p.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; {
		page := p.open(path)
		if strings.Contains(page, text) {
			return page
		}
		if time.Now().After(deadline) {
			p.Fatalf("%s never had %q:\n%s", path, text, page)
		}
	}
}

var executionLink = regexp.MustCompile(`/executions/[^"?#]+`)

func TestAPersonWorksThroughTheConsole(t *testing.T) {
	p := newPeople(t)
	p.send("/do/send", "entries", `[{"Source":"shop","DetailType":"Sold","Detail":"{\"n\":1}"},{"Source":"other","DetailType":"Else","Detail":"{}"}]`)
	home := p.until("/", "RUNNING")
	x := executionLink.FindString(home)
	page := p.until(x, "Ask waits for an answer")
	scheduled := regexp.MustCompile(`name="scheduled" value="(\d+)"`).FindStringSubmatch(page)
	arn, err := url.PathUnescape(strings.TrimPrefix(x, "/executions/"))
	if err != nil || scheduled == nil {
		t.Fatal(err, page)
	}
	if page, _ := p.send("/do/answer", "execution", arn, "scheduled", scheduled[1], "outcome", "success", "output", `{"good":false}`); !strings.Contains(page, "Answered with success") {
		t.Errorf("the answer: %s", page)
	}
	p.until(x, "Counter.No")
	if page := p.open(x + "?state=" + "1"); !strings.Contains(page, "it was no good") {
		t.Error("the cause is not shown")
	}
	_, again := p.send("/do/again", "execution", arn, "from", "Good?", "input", `{"good":true}`)
	again, _, _ = strings.Cut(again, "?")
	p.until(again, "SUCCEEDED")
	if page, _ := p.send("/do/redrive", "execution", arn); !strings.Contains(page, "Redriven") {
		t.Errorf("redrive: %s", page)
	}
	p.events()
}

// events looks at the event, and sends it once more.
func (p *people) events() {
	p.Helper()
	link := regexp.MustCompile(`/events/\d+">Sold`).FindString(p.open("/events"))
	link, _, _ = strings.Cut(link, `"`)
	page := p.open(link)
	for _, wanted := range []string{"matched rule", "CounterRule", "execution of", "Send it again"} {
		if !strings.Contains(page, wanted) {
			p.Errorf("the event's page has no %q", wanted)
		}
	}
	p.send("/do/send", "entries", `[{"Source":"shop","DetailType":"Sold","Detail":"{\"n\":1}"}]`)
	x := executionLink.FindString(p.until("/", "RUNNING"))
	arn, _ := url.PathUnescape(strings.TrimPrefix(x, "/executions/"))
	if page, _ := p.send("/do/stop", "execution", arn); !strings.Contains(page, "Stopped.") {
		p.Error("the execution was not stopped")
	}
	if page := p.open("/events/" + strings.TrimPrefix(link, "/events/")); !strings.Contains(page, "What followed") {
		p.Error("no tree")
	}
}
