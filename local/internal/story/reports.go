package story

// This file defines the stories of cookie reports, which are made by events alone.

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
)

var reportStories = []Story{
	{Name: "report", Title: "Somebody wants a cookie report, and everybody hears it", tell: reportTold},
	{Name: "report-names", Title: "A report of nobody, and one of names in any script", tell: reportNames},
	{Name: "report-refused", Title: "A report that cannot be made says why", tell: reportRefused},
}

// cookies is a report, and the documents behind it.
type cookies struct {
	Names                []string `json:"names"`
	NumberOfPeople       int      `json:"numberOfPeople"`
	TotalCookiesConsumed int      `json:"totalCookiesConsumed"`
}

// askReport publishes start with a detail and awaits the execution that it starts.
func (w *World) askReport(ctx context.Context, sample string, detail map[string]any) (run, error) {
	tag, err := w.publishStart(ctx, sample, detail)
	if err != nil {
		return run{}, err
	}
	runs, err := w.caused(ctx, "EventDrivenMachine", tag, 1)
	if err != nil {
		return run{}, err
	}
	return runs[0], nil
}

// publishStart publishes start with a detail, and returns the seed in it, which
// tells this request from all others.
func (w *World) publishStart(ctx context.Context, sample string, detail map[string]any) (seed string, err error) {
	entries, err := w.sample(sample)
	if err != nil {
		return "", err
	}
	w.serial++
	number := time.Now().UnixMilli()*1000 + int64(w.serial)
	maps.Copy(entries[0].detail, detail)
	entries[0].detail["seed"] = number
	return strconv.FormatInt(number, 10), w.publish(ctx, entries...)
}

func reportTold(ctx context.Context, w *World) error {
	r, err := w.askReport(ctx, "start", nil)
	if err != nil {
		return err
	}
	w.tellRun(r)
	text, err := w.checkReport(ctx, r, 5)
	if err != nil {
		return err
	}
	for line := range strings.Lines(text) {
		w.say("         %s", strings.TrimRight(line, "\n"))
	}
	return w.tellTrace(ctx, r)
}

func reportNames(ctx context.Context, w *World) error {
	for _, c := range []struct {
		sample string
		detail map[string]any
		people int
	}{
		{"start", map[string]any{"numberOfPeople": 0}, 0},
		{"start-names", nil, 4},
	} {
		r, err := w.askReport(ctx, c.sample, c.detail)
		if err != nil {
			return err
		}
		w.tellRun(r)
		text, err := w.checkReport(ctx, r, c.people)
		if err != nil {
			return err
		}
		w.say("report   %s", strings.Join(strings.Fields(text), " "))
	}
	return nil
}

func reportRefused(ctx context.Context, w *World) error {
	r, err := w.askReport(ctx, "start", map[string]any{"numberOfPeople": 1_000_000})
	if err != nil {
		return err
	}
	w.tellRun(r)
	w.say("because  %s", r.cause)
	w.expect(r.status == "FAILED" && r.err == "Input.Malformed", "a report of a million must fail as Input.Malformed, but is %s: %s", r.status, r.err)
	return nil
}

// checkReport holds a report against a recount of what stands in the bucket, and
// returns its text.
func (w *World) checkReport(ctx context.Context, r run, people int) (string, error) {
	w.expect(r.end() == "Success", "the report must end in Success, but ends in %s (%s: %s)", r.end(), r.err, r.cause)
	bucket, err := w.reportsBucket(ctx)
	if err != nil {
		return "", err
	}
	job := r.arn[strings.LastIndex(r.arn, ":")+1:]
	text, got, err := w.recount(ctx, bucket, job)
	if err != nil {
		return "", err
	}
	var report cookies
	if err := json.Unmarshal([]byte(text), &report); err != nil {
		return "", fmt.Errorf("s3://%s/%s/0-cookies.json: %w", bucket, job, err)
	}
	slices.Sort(got.Names)
	names := slices.Sorted(slices.Values(report.Names))
	w.expect(report.NumberOfPeople == people && got.NumberOfPeople == people, "the report must be about %d people, is about %d, and there are documents of %d", people, report.NumberOfPeople, got.NumberOfPeople)
	w.expect(slices.Equal(names, got.Names), "the report names %q, the documents %q", names, got.Names)
	w.expect(report.TotalCookiesConsumed == got.TotalCookiesConsumed, "the report says %d cookies, the documents %d", report.TotalCookiesConsumed, got.TotalCookiesConsumed)
	var out struct {
		Names                struct{ Value []string }
		TotalCookiesConsumed struct{ Value int }
	}
	_ = json.Unmarshal([]byte(r.output), &out) // a failed run has none, which stands above
	w.expect(len(out.Names.Value) == people && out.TotalCookiesConsumed.Value == got.TotalCookiesConsumed, "the execution's output must say so too, but is %s", r.output)
	w.expect(!strings.Contains(r.output, "TaskToken\":\""), "the output must tell no token")
	return text, nil
}

// recount reads a job's folder: the report, and what its final documents add up to.
func (w *World) recount(ctx context.Context, bucket, job string) (text string, sum cookies, err error) {
	bodies, err := w.folder(ctx, bucket, job+"/")
	if err != nil {
		return "", sum, err
	}
	for key, body := range bodies {
		switch {
		case strings.HasSuffix(key, "/0-cookies.json"):
			text = body
		case strings.Contains(key, "/final-"):
			var one struct {
				Name                    string
				NumberOfCookiesConsumed int
			}
			if err := json.Unmarshal([]byte(body), &one); err != nil {
				return "", sum, fmt.Errorf("%s: %w", key, err)
			}
			sum.Names = append(sum.Names, one.Name)
			sum.NumberOfPeople++
			sum.TotalCookiesConsumed += one.NumberOfCookiesConsumed
		}
	}
	return text, sum, nil
}

func (w *World) folder(ctx context.Context, bucket, prefix string) (map[string]string, error) {
	client := s3.NewFromConfig(w.sdk, func(o *s3.Options) { o.UsePathStyle = true })
	bodies := map[string]string{}
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, o := range page.Contents {
			if strings.Contains(*o.Key, "/basic-") {
				continue // nothing is counted there
			}
			out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: o.Key})
			if err != nil {
				return nil, err
			}
			body, err := io.ReadAll(out.Body)
			_ = out.Body.Close() // read to its end
			if err != nil {
				return nil, err
			}
			bodies[*o.Key] = string(body)
		}
	}
	return bodies, nil
}

// reportsBucket asks a function where it puts the reports.
func (w *World) reportsBucket(ctx context.Context) (string, error) {
	out, err := lambda.NewFromConfig(w.sdk).GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: aws.String(w.Prefix + "report-post-process-all")})
	if err != nil {
		return "", err
	}
	return out.Environment.Variables["BUCKET"], nil
}

// trace is what jobEvents answers, as far as a story tells it.
type trace struct {
	Status string
	Events []struct {
		DetailType string
		Detail     json.RawMessage
	}
	Graph struct {
		Edges []struct {
			From, To, DetailType string
			Count                int
		}
	}
}

// tellTrace asks jobEvents what was seen of the report, waiting until all is
// written down, and draws who talked to whom.
func (w *World) tellTrace(ctx context.Context, r run) error {
	// Of five people: start, two hops for the names, four for each person, two for the sum.
	const events = 1 + 2 + 5*4 + 2
	function := lambda.NewFromConfig(w.sdk)
	t, err := poll(ctx, w, func(ctx context.Context) (t trace, done bool, err error) {
		out, err := function.Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String(w.Prefix + "job-events"), Payload: fmt.Appendf(nil, `{"job": %q}`, r.arn)})
		if err != nil {
			return t, false, err
		}
		err = json.Unmarshal(out.Payload, &t)
		return t, len(t.Events) >= events && t.Status == "finished", err
	}, "jobEvents does not tell all events of "+r.arn)
	if err != nil {
		return err
	}
	w.say("seen     %d events; who talks to whom:", len(t.Events))
	sides := 0
	for _, e := range t.Graph.Edges {
		w.say("         %-40s %-26s ×%d → %s", shortNode(e.From), e.DetailType, e.Count, shortNode(e.To))
		if e.DetailType == "async.complete" {
			sides += e.Count
		}
	}
	w.expect(sides == 5, "the side effects of five people must be seen, but there are %d", sides)
	return w.noSecrets(ctx, r, t)
}

// noSecrets looks for the execution's task tokens and for signatures in what was
// written down.
func (w *World) noSecrets(ctx context.Context, r run, t trace) error {
	history, err := w.states.GetExecutionHistory(ctx, &sfn.GetExecutionHistoryInput{ExecutionArn: &r.arn, MaxResults: 1000})
	if err != nil {
		return err
	}
	tokens := 0
	for _, h := range history.Events {
		if h.TaskScheduledEventDetails == nil {
			continue
		}
		var asked struct {
			Entries []struct{ Detail struct{ TaskToken string } }
		}
		if json.Unmarshal([]byte(*h.TaskScheduledEventDetails.Parameters), &asked) != nil || len(asked.Entries) == 0 {
			continue
		}
		token := asked.Entries[0].Detail.TaskToken
		tokens++
		for _, e := range t.Events {
			w.expect(!strings.Contains(string(e.Detail), token) && !strings.Contains(string(e.Detail), "Signature"), "%s was written down with a secret in it", e.DetailType)
		}
	}
	w.expect(tokens == 7, "seven tasks have a token that the history shows, as on AWS; there are %d", tokens)
	return nil
}

// shortNode is a node's kind and name.
func shortNode(id string) string {
	parts := strings.Split(id, ":")
	return parts[0] + " " + parts[len(parts)-1]
}
