package story

// This file defines the story of the correlation id: one trace leads from an event
// to every log line that it caused.

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eb "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
)

var traceStories = []Story{
	{Name: "trace", Title: "One id leads from an event to every log line that it caused", tell: traced},
}

func traced(ctx context.Context, w *World) error {
	reference := w.newReference("ORD-1001", false)
	id := fmt.Sprintf("1-%08x-%024x", time.Now().Unix(), time.Now().UnixNano())
	detail := fmt.Sprintf(`{"job": {"kind": "print-labels", "reference": %q, "pieces": 1}, "wait_time": 5}`, reference)
	_, err := w.events.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []eb.PutEventsRequestEntry{{Source: aws.String("myapp.jobs"), DetailType: aws.String("Job Requested"),
		Detail: &detail, TraceHeader: aws.String("Root=" + id + ";Sampled=1")}}})
	if err != nil {
		return err
	}
	w.say("event    Job Requested, trace %s", id)
	if _, err := w.caused(ctx, "JobPollerWorkflow", reference, 1); err != nil {
		return err
	}
	for function, message := range map[string]string{"job-submit": "job submitted", "job-status": "job status"} {
		line, err := w.logged(ctx, function, id)
		if err != nil {
			return err
		}
		w.say("log      %s: %s", function, message)
		w.expect(strings.Contains(line, `"`+message+`"`) && strings.Contains(line, `"correlationId":"`+id+`"`),
			"the log line of %s must have the event's trace, but is %s", function, line)
	}
	return nil
}

// logged waits for a function's log line that contains text.
func (w *World) logged(ctx context.Context, function, text string) (string, error) {
	client := cloudwatchlogs.NewFromConfig(w.sdk)
	return poll(ctx, w, func(ctx context.Context) (string, bool, error) {
		pages := cloudwatchlogs.NewFilterLogEventsPaginator(client, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("/aws/lambda/" + w.Prefix + function)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return "", false, err
			}
			for _, e := range page.Events {
				if strings.Contains(*e.Message, text) && strings.HasPrefix(*e.Message, "{") && strings.Contains(*e.Message, `"message"`) {
					return strings.TrimSpace(*e.Message), true, nil
				}
			}
		}
		return "", false, nil
	}, function+" has logged nothing about "+text)
}
