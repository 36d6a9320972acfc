package schedule

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const day = "2006-01-02T15:04:05"

func TestNext(t *testing.T) {
	for _, c := range []struct{ expression, zone, after, want string }{
		{"rate(5 minutes)", "", "2026-11-20T10:00:00", "2026-11-20T10:05:00 2026-11-20T10:10:00"},
		{"rate(1 day)", "", "2026-11-20T10:00:00", "2026-11-21T10:00:00"},
		{"rate(36 hours)", "", "2026-11-20T10:00:00", "2026-11-21T22:00:00"},
		{"cron(0 2 * * ? *)", "", "2026-11-20T02:00:00", "2026-11-21T02:00:00"},
		{"cron(0 12 * * ? *)", "", "2026-11-20T10:00:00", "2026-11-20T12:00:00"},
		{"cron(5,35 14 * * ? *)", "", "2026-11-20T14:05:00", "2026-11-20T14:35:00"},
		{"cron(0 2 ? * SAT *)", "", "2026-11-20T10:00:00", "2026-11-21T02:00:00"},
		{"cron(0 2 ? * 7 *)", "", "2026-11-20T10:00:00", "2026-11-21T02:00:00"},
		{"cron(0 2 ? * L *)", "", "2026-11-20T10:00:00", "2026-11-21T02:00:00"},
		{"cron(0 2 ? * SAT#3 *)", "", "2026-11-20T10:00:00", "2026-11-21T02:00:00 2026-12-19T02:00:00"},
		{"cron(0 2 ? * 7#3 *)", "", "2026-11-20T10:00:00", "2026-11-21T02:00:00 2026-12-19T02:00:00"},
		{"cron(15 10 ? * 6L *)", "", "2026-11-20T10:00:00", "2026-11-27T10:15:00"},
		{"cron(15 10 ? * 6L 2002-2005)", "", "2026-11-20T10:00:00", ""},
		{"cron(0 18 ? * MON-FRI *)", "", "2026-11-20T18:00:00", "2026-11-23T18:00:00"},
		{"cron(0 18 ? * 2-6 *)", "", "2026-11-20T18:00:00", "2026-11-23T18:00:00"},
		{"cron(0/15 * * * ? *)", "", "2026-11-20T10:01:00", "2026-11-20T10:15:00"},
		{"cron(0/5 8-17 ? * MON-FRI *)", "", "2026-11-20T17:56:00", "2026-11-23T08:00:00"},
		{"cron(0 8 1 * ? *)", "", "2026-11-20T10:00:00", "2026-12-01T08:00:00"},
		{"cron(0 8 L * ? *)", "", "2026-11-20T10:00:00", "2026-11-30T08:00:00"},
		{"cron(0 8 15W * ? *)", "", "2026-11-01T10:00:00", "2026-11-16T08:00:00"},
		{"cron(0 0 29 2 ? *)", "", "2026-11-20T10:00:00", "2028-02-29T00:00:00"},
		{"cron(0 9 ? JAN 2/2 *)", "", "2026-11-20T10:00:00", "2027-01-01T09:00:00"},
		{"at(2026-11-20T13:00:00)", "", "2026-11-20T10:00:00", "2026-11-20T13:00:00"},
		{"at(2026-11-20T13:00:00)", "", "2026-11-20T13:00:00", ""},
		{"at(2026-11-20T13:00:00)", "America/New_York", "2026-11-20T10:00:00", "2026-11-20T18:00:00"},
		{"cron(30 2 * * ? *)", "Europe/Berlin", "2026-03-28T12:00:00", "2026-03-30T00:30:00"},                     // 02:30 on the 29th does not exist
		{"cron(30 2 * * ? *)", "Europe/Berlin", "2026-10-24T12:00:00", "2026-10-25T00:30:00 2026-10-26T01:30:00"}, // on the 25th it comes twice
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Parse(c.expression, zone)
		if err != nil {
			t.Error(err)
			continue
		}
		anchor, _ := time.Parse(day, c.after)
		at := anchor
		var got []string
		for range max(len(strings.Fields(c.want)), 1) {
			next, ok := s.Next(at, anchor)
			if !ok {
				break
			}
			got, at = append(got, next.Format(day)), next
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s in %q after %s: got %v, want %s", c.expression, c.zone, c.after, got, c.want)
		}
	}
}

func TestInvalid(t *testing.T) {
	for _, expression := range []string{
		"", "rate", "rate()", "rate(10)", "rate(10 seconds)", "rate(10 years)", "rate(10 minutess)", "rate(foo minutes)", "rate(0 minutes)", "rate(-10 minutes)",
		"rate( 10 minutes )", " rate(10 minutes)", "rate(10 MINUTES)", "cron()", "cron(INVALID)", "cron(0 1 * * * *)", "cron(7 20 * * NOT *)", "cron(0 1 ? * ? *)",
		"cron(0 dummy ? * MON-FRI *)", "cron(71 8 1 * ? *)", "cron(0 0 ? * 8 *)", "cron(0 2 * * ?)", "at(2021-12-31)", "at(2021-12-31T23:59:59Z)", "at(2021-02-30T00:00:00)",
	} {
		if _, err := Parse(expression, nil); err == nil {
			t.Errorf("%q was accepted", expression)
		}
	}
	for _, expression := range []string{"rate(1 minutes)", "rate(10 minute)", "rate(2 hour)", "at(2026-11-20T13:00:00)", "cron(x)"} {
		if _, err := ParseRule(expression); err == nil {
			t.Errorf("%q was accepted for a rule", expression)
		}
	}
	if _, err := Parse("rate(1 minutes)", nil); err != nil {
		t.Errorf("Scheduler takes the plural for one: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"rate(5 minutes)", "cron(0/15 8-17 ? * MON-FRI 2026)", "cron(0 0 L * ? *)", "cron(0 0 ? * 6#3,2L *)", "at(2026-11-20T13:00:00)"} {
		f.Add(seed)
	}
	now := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, expression string) {
		s, err := Parse(expression, nil)
		if err != nil {
			return
		}
		if next, ok := s.Next(now, now); ok && !next.After(now) {
			t.Errorf("%s is due at %v, which is not after %v", expression, next, now)
		}
	})
}

func ExampleSchedule_Next() {
	s, err := Parse("cron(0 2 ? * MON-FRI *)", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	friday := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	next, _ := s.Next(friday, friday)
	fmt.Println(next.Format(time.RFC1123))
	// Output: Mon, 23 Nov 2026 02:00:00 UTC
}
