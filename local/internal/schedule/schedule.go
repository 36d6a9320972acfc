// Package schedule reads AWS's schedule expressions and says when they are due.
//
//	rate(5 minutes)          every five minutes from an anchor on
//	cron(0 2 * * ? *)        six fields: minutes hours day-of-month month day-of-week year
//	at(2026-11-20T13:00:00)  once
//
// cron and at are wall-clock times of a time zone. Where clocks go forward, times
// that do not exist are skipped; where they go back, a time that comes twice is
// due once, the first time.
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
//
// The package is pure: it reads no clock. Start at [Parse] and [Schedule.Next].
package schedule

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/cronexpr"
)

// Kind says which of the three forms an expression has.
type Kind int

// The forms.
const (
	Rate Kind = iota
	Cron
	At
)

// Schedule is a parsed expression.
type Schedule struct {
	Kind  Kind
	every time.Duration
	cron  *cronexpr.Expression
	at    time.Time // its wall-clock time, spelled in UTC
	zone  *time.Location
	exact bool // the unit of a rate agrees with its number
}

var (
	form  = regexp.MustCompile(`^(rate|cron|at)\((.*)\)$`)
	rates = regexp.MustCompile(`^([0-9]+) (minute|hour|day)(s?)$`)
)

// Parse reads an expression for a time zone; nil is UTC.
func Parse(expression string, zone *time.Location) (Schedule, error) {
	if zone == nil {
		zone = time.UTC
	}
	s, m := Schedule{zone: zone}, form.FindStringSubmatch(expression)
	if m == nil {
		return s, fmt.Errorf("%q is none of rate(5 minutes), cron(0 2 * * ? *) and at(2026-11-20T13:00:00)", expression)
	}
	var err error
	switch m[1] {
	case "rate":
		s.Kind, err = Rate, s.parseRate(m[2])
	case "cron":
		s.Kind, err = Cron, s.parseCron(m[2])
	case "at":
		s.Kind = At
		s.at, err = time.Parse("2006-01-02T15:04:05", m[2])
	}
	if err != nil {
		return s, fmt.Errorf("%s: %w", expression, err)
	}
	return s, nil
}

// ParseRule reads the expression of an EventBridge rule, which knows no at() and
// insists on 1 minute and 2 minutes.
func ParseRule(expression string) (Schedule, error) {
	s, err := Parse(expression, nil)
	switch {
	case err != nil:
	case s.Kind == At:
		err = fmt.Errorf("%s: a rule knows rate and cron", expression)
	case s.Kind == Rate && !s.exact:
		err = fmt.Errorf("%s: the unit must be singular for 1 and plural for more", expression)
	}
	return s, err
}

var units = map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}

func (s *Schedule) parseRate(text string) error {
	m := rates.FindStringSubmatch(text)
	if m == nil {
		return fmt.Errorf("a rate is a number and minutes, hours or days")
	}
	n, err := strconv.ParseInt(m[1], 10, 32)
	if err != nil || n == 0 {
		return fmt.Errorf("the number must be positive")
	}
	s.every = time.Duration(n) * units[m[2]]
	s.exact = (n == 1) == (m[3] == "")
	return nil
}

const (
	dayOfMonth = 2
	dayOfWeek  = 4
	cronFields = 6
)

func (s *Schedule) parseCron(text string) (err error) {
	fields := strings.Fields(text)
	if len(fields) != cronFields {
		return fmt.Errorf("there must be six fields, there are %d", len(fields))
	}
	if (fields[dayOfMonth] == "?") == (fields[dayOfWeek] == "?") {
		return fmt.Errorf("exactly one of day-of-month and day-of-week must be ?")
	}
	if fields[dayOfWeek], err = fromSunday(fields[dayOfWeek]); err != nil {
		return err
	}
	s.cron, err = cronexpr.Parse(strings.Join(fields, " "))
	return err
}

var number = regexp.MustCompile(`[0-9]+`)

// fromSunday spells a day-of-week field as cronexpr reads it. AWS counts from
// Sunday = 1 and takes L alone for Saturday; what follows / or # is no day.
func fromSunday(field string) (string, error) {
	if strings.EqualFold(field, "L") {
		return "6", nil
	}
	var err error
	parts := strings.Split(field, ",")
	for i, part := range parts {
		end := strings.IndexAny(part, "/#")
		if end < 0 {
			end = len(part)
		}
		parts[i] = number.ReplaceAllStringFunc(part[:end], func(day string) string {
			n, _ := strconv.Atoi(day)
			if n < 1 || n > 7 {
				err = fmt.Errorf("a day of the week is 1 (Sunday) to 7, not %s", day)
			}
			return strconv.Itoa(n - 1)
		}) + part[end:]
	}
	return strings.Join(parts, ","), err
}

// Next returns when the schedule is due next after a time. A rate is due at its
// anchor and every so often from then on. ok is false when it is not due any more.
func (s Schedule) Next(after, anchor time.Time) (due time.Time, ok bool) {
	switch s.Kind {
	case Rate:
		if after.Before(anchor) {
			return anchor.UTC(), true
		}
		n := after.Sub(anchor)/s.every + 1
		return anchor.Add(n * s.every).UTC(), true
	case At:
		due, real := s.inZone(s.at)
		return due, real && due.After(after)
	}
	wall := s.wall(after)
	for {
		if wall = s.cron.Next(wall); wall.IsZero() {
			return time.Time{}, false
		}
		if due, real := s.inZone(wall); real && due.After(after) {
			return due, true
		}
	}
}

// wall spells a time's wall clock in the zone as if it were UTC's.
func (s Schedule) wall(t time.Time) time.Time {
	t = t.In(s.zone)
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// inZone returns when the zone's clocks first show a wall-clock time; real is
// false when they skip it.
func (s Schedule) inZone(wall time.Time) (t time.Time, real bool) {
	t = time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), wall.Nanosecond(), s.zone).UTC()
	_, yesterday := t.Add(-24 * time.Hour).In(s.zone).Zone()
	if first := wall.Add(-time.Duration(yesterday) * time.Second); s.wall(first).Equal(wall) {
		t = first // the clocks go back and show it twice
	}
	return t, s.wall(t).Equal(wall)
}
