package main

// This file tests what a day can be asked by: anything.

import (
	"regexp"
	"testing"
	"time"

	"github.com/stepworks/stepworks/shared/failure"
)

var justADay = regexp.MustCompile(`^reports/2[0-9]{3}-[0-9]{2}-[0-9]{2}\.json$`)

// FuzzDay: whatever is asked for is a day that had begun, and a key of the one form,
// or it is refused by name.
func FuzzDay(f *testing.F) {
	for _, text := range []string{night, "2026-11-21", "", "2026-11-31", "../../x", "0000-01-01", "9999-12-31T23:59:59-23:59", "2000-01-01T00:00:00+23:59", "2026-11-22T02:00:00,5Z", "2026-2-3", "２０２６-11-21", "2016-12-31T23:59:60Z"} {
		f.Add(text)
	}
	then := time.Date(2026, 11, 22, 2, 0, 1, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		d, err := Request{BatchDate: text}.dayOf(then)
		if err != nil {
			if failure.NameOf(err) != failure.InputMalformed || len(err.Error()) > 400 {
				t.Fatalf("%q is refused as %s: %v", text, failure.NameOf(err), err)
			}
			return
		}
		if !justADay.MatchString(reportKey(d)) || d.After(then) || d.from() >= d.until() || d.Hour() != 0 || d.Location() != time.UTC {
			t.Fatalf("%q means %v", text, d)
		}
	})
}
