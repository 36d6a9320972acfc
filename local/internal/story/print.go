package story

// This file defines how a story reads.

import (
	"fmt"
	"strings"
	"time"
)

const (
	bold  = "\x1b[1m"
	dim   = "\x1b[2m"
	red   = "\x1b[31m"
	green = "\x1b[32m"
	plain = "\x1b[0m"
)

func (w *World) paint(color, text string) string {
	if !w.Color {
		return text
	}
	return color + text + plain
}

func (w *World) printf(format string, args ...any) { _, _ = fmt.Fprintf(w.Out, format, args...) }

func (w *World) title(n int, title string) {
	w.printf("\n%s\n", w.paint(bold, fmt.Sprintf("%d  %s", n, title)))
}

// say prints one line of a story.
func (w *World) say(format string, args ...any) { w.printf("   "+format+"\n", args...) }

// expect notes a difference unless ok.
func (w *World) expect(ok bool, format string, args ...any) {
	if !ok {
		w.differences = append(w.differences, fmt.Sprintf(format, args...))
	}
}

func (w *World) verdict(outcome string, ok bool) string {
	if ok {
		return w.paint(green, outcome)
	}
	return w.paint(red, outcome)
}

func (w *World) complain() {
	for _, d := range w.differences {
		w.say("%s %s", w.paint(red, "not as expected:"), d)
	}
}

func (w *World) summary(stories, leftOut int, wrong []string, took time.Duration) {
	verdict := w.paint(green, "all as expected")
	if len(wrong) > 0 {
		verdict = w.paint(red, "not as expected: "+strings.Join(wrong, ", "))
	}
	if leftOut > 0 {
		verdict += fmt.Sprintf("; %d more were left out, because time cannot be skipped there", leftOut)
	}
	told := fmt.Sprintf("%d stories", stories-leftOut)
	if stories-leftOut == 1 {
		told = "1 story"
	}
	w.printf("\n%s in %.1f s: %s\n", told, took.Seconds(), verdict)
}

func (w *World) tellOrder(e entry) {
	var items []string
	for _, i := range e.items() {
		items = append(items, fmt.Sprintf("%d × %s", i.quantity, i.product))
	}
	w.say("order    %s: %s = %s", e.orderID(), strings.Join(items, ", "), e.total())
}

// tellRun prints an execution's way through its states.
func (w *World) tellRun(r run) {
	way := strings.Join(r.states, " → ")
	const width = 96
	lines := wrap(way, width)
	for i, line := range lines {
		head := "path     "
		if i > 0 {
			head = "         "
		}
		w.say("%s%s", head, line)
	}
	end := r.status
	if took := r.ended.Sub(r.began).Round(time.Millisecond); took > 0 { // skipped time may have stood still
		end += fmt.Sprintf(" after %v", took)
	}
	if r.err != "" {
		end += ": " + r.err
	}
	w.say("         %s", w.paint(dim, end))
}

func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.SplitAfter(text, " → ") {
		if len([]rune(line+word)) > width && line != "" {
			lines = append(lines, strings.TrimRight(line, " "))
			line = ""
		}
		line += word
	}
	return append(lines, line)
}
