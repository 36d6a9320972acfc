package sandbox

import (
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestOutput writes chunks, draining after each, and compares the lines.
func TestOutput(t *testing.T) {
	long := strings.Repeat("x", maxLine+10)
	for _, c := range []struct {
		name   string
		chunks []string
		lines  []string
	}{
		{"lines", []string{"a\nb\n", "\nc\r\n"}, []string{"a", "b", "", "c"}},
		{"a drain ends a line", []string{"a", "b\n"}, []string{"a", "b"}},
		{"not UTF-8", []string{"a\xffb\n"}, []string{"a\uFFFDb"}},
		{"too long", []string{long + "\n"}, []string{long[:maxLine], long[maxLine:]}},
		{"too long without an end", []string{long}, []string{long[:maxLine], long[maxLine:]}},
		{"nothing", nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var mu sync.Mutex
			var got []string
			o, w, err := newOutput(func(lines []string) {
				mu.Lock()
				defer mu.Unlock()
				got = append(got, lines...)
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, chunk := range c.chunks {
				if _, err := w.WriteString(chunk); err != nil {
					t.Fatal(err)
				}
				o.drain()
			}
			_ = w.Close()
			o.finish()
			o.finish()
			o.drain()
			if !slices.Equal(got, c.lines) {
				t.Errorf("got %.80q", got)
			}
		})
	}
}

func TestLevels(t *testing.T) {
	for _, c := range []struct {
		threshold, line string
		passes          bool
	}{
		{"INFO", "plain text", true},
		{"WARN", "plain text", false},
		{"WARN", `{"level":"warn","msg":""}`, true},
		{"WARN", `{"level":"INFO"}`, false},
		{"TRACE", `{"level":"trace"}`, true},
		{"INFO", `{"level":"debug"}`, false},
		{"INFO", `{"level":7}`, true},
		{"INFO", `{"level":"strange"}`, true},
		{"ERROR", `{"level":"error`, false},
	} {
		if got := lets(c.threshold, levelOf(c.line)); got != c.passes {
			t.Errorf("%s lets %s: %v", c.threshold, c.line, got)
		}
	}
}

func BenchmarkInvokeWarm(b *testing.B) {
	bench := newBench(b, Config{})
	s := function()
	bench.invoke(s, `{"Do":"echo"}`)
	for b.Loop() {
		bench.invoke(s, `{"Do":"echo"}`)
	}
}

func BenchmarkInvokeCold(b *testing.B) {
	bench := newBench(b, Config{})
	for i := range b.N {
		bench.invoke(function(func(s *Spec) { s.Revision = string(rune('a' + i%2)) }), `{"Do":"echo"}`)
	}
}
