package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestWatchTellsCausesAndColoursOnlyATerminal(t *testing.T) {
	const stream = `{"id":7,"time":"2026-01-01T10:00:00Z","kind":"event","words":"event","name":"Order Placed"}
{"id":8,"cause":7,"time":"2026-01-01T10:00:01Z","kind":"match","words":"matched rule","name":"R"}
{"id":9,"cause":8,"time":"2026-01-01T10:00:02Z","kind":"execution-end","words":"execution ended","name":"FAILED","error":"E"}
`
	const want = "10:00:00.000  event Order Placed\n10:00:01.000    matched rule R\n10:00:02.000      execution ended FAILED: E\n"
	var out, colored, raw bytes.Buffer
	if err := (&watchCommand{}).tell(strings.NewReader(stream), &out, false); err != nil || out.String() != want {
		t.Errorf("%v\n%s", err, out.String())
	}
	if err := (&watchCommand{}).tell(strings.NewReader(stream), &colored, true); err != nil || !strings.Contains(colored.String(), "\x1b[31mexecution ended") {
		t.Errorf("%v\n%s", err, colored.String())
	}
	if err := (&watchCommand{JSON: true}).tell(strings.NewReader(stream), &raw, true); err != nil || raw.String() != stream {
		t.Errorf("%v\n%s", err, raw.String())
	}
	if err := (&watchCommand{}).tell(strings.NewReader("<html>"), &raw, false); err == nil {
		t.Error("a page is no journal")
	}
}
