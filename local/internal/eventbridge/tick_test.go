package eventbridge

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// schedule makes a scheduled rule with a Lambda target. The target disables the
// rule when it was called this often: a schedule that goes on would keep virtual
// time from ever being quiet.
func (w *world) schedule(name, expression string, times int) {
	w.Helper()
	w.answer = func(recordedCall) error {
		if times--; times == 0 {
			w.run(`DisableRule {"Name":"` + name + `"}`)
		}
		return nil
	}
	hold := w.clock.Hold()
	defer hold()
	w.run(`PutRule {"Name":"` + name + `","ScheduleExpression":"` + expression + `"}`)
	w.run(`PutTargets {"Rule":"` + name + `","Targets":[{"Id":"t","Arn":"` + lambdaARN + `"}]}`)
}

func TestScheduledRules(t *testing.T) {
	for expression, want := range map[string][]string{
		"rate(1 hour)":         {"2026-11-20T11:00:00Z", "2026-11-20T12:00:00Z", "2026-11-20T13:00:00Z"},
		"cron(0 2 * * ? *)":    {"2026-11-21T02:00:00Z", "2026-11-22T02:00:00Z"},
		"cron(0 0 29 2 ? *)":   {"2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"},
		"cron(30 9 ? * MON *)": {"2026-11-23T09:30:00Z"},
	} {
		t.Run(expression, func(t *testing.T) {
			w := newWorld(t)
			w.schedule("daily", expression, len(want))
			var got []string
			for _, call := range w.recorded() {
				event := payload(call)
				if !strings.Contains(event, `"detail-type":"Scheduled Event","source":"aws.events","account":"123456789012"`) ||
					!strings.Contains(event, `"resources":["arn:aws:events:us-east-1:123456789012:rule/daily"],"detail":{}}`) {
					t.Errorf("got %s", event)
				}
				at := event[strings.Index(event, `"time":"`)+8:]
				got = append(got, at[:20])
			}
			if !slices.Equal(got, want) {
				t.Errorf("triggered at %v, want %v", got, want)
			}
		})
	}
}

// A new process goes on with a schedule; what came due long before it is left out.
func TestSchedulesSurviveTheProcess(t *testing.T) {
	for _, c := range []struct {
		expression, want string
	}{
		{"rate(2 hours)", "2026-11-20T14:00:00Z"}, // due at 12:00, three quarters of an hour ago: left out
		{"rate(164 minutes)", "2026-11-20T12:44:00Z"},
		{"rate(4 hours)", "2026-11-20T14:00:00Z"},
	} {
		w := newWorld(t)
		hold := w.clock.Hold()
		w.schedule("r", c.expression, 1)
		w.service.Close()
		w.clock.AfterFunc(2*time.Hour+45*time.Minute, func() {})
		hold()
		w.quiet()
		w.boot()
		calls := w.recorded()
		if len(calls) != 1 || !strings.Contains(payload(calls[0]), `"time":"`+c.want+`"`) {
			t.Errorf("%s: %v", c.expression, calls)
		}
	}
}
