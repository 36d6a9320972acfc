package s3

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
)

// TestWire sends the requests of testdata/wire.txt: a line is METHOD PATH, headers
// in [] and a body after "<"; the next one what the answer must hold, parts between
// " & ". A part that begins with "!" must not be there.
func TestWire(t *testing.T) {
	w := newWorld(t)
	text, err := os.ReadFile("testdata/wire.txt")
	if err != nil {
		t.Fatal(err)
	}
	var request string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		switch want, isWant := strings.CutPrefix(line, "  = "); {
		case line == "" || strings.HasPrefix(line, "#"):
		case !isWant:
			request = line
		default:
			got := w.exchange(request)
			for part := range strings.SplitSeq(want, " & ") {
				absent, negated := strings.CutPrefix(part, "!")
				if strings.Contains(got, absent) == negated {
					t.Errorf("%s\nwant %s\ngot  %s", request, part, got)
				}
			}
		}
	}
}

// exchange sends one request as root and returns status, headers and body as text.
func (w *world) exchange(line string) string {
	w.t.Helper()
	line, body, _ := strings.Cut(line, " < ")
	line, headers, _ := strings.Cut(line, " [")
	method, path, _ := strings.Cut(line, " ")
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, strings.NewReader(strings.NewReplacer(`\r`, "\r", `\n`, "\n").Replace(body)))
	if err != nil {
		w.t.Fatal(err)
	}
	now := time.Now().UTC()
	req.Header.Set("X-Amz-Date", now.Format("20060102T150405Z"))
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=any/"+now.Format("20060102")+"/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00")
	for h := range strings.SplitSeq(strings.TrimSuffix(headers, "]"), "; ") {
		if name, value, ok := strings.Cut(h, ": "); ok {
			req.Header.Set(name, value)
		}
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	b.WriteString(resp.Status + "\n")
	_ = resp.Header.Write(&b)
	_, _ = io.Copy(&b, resp.Body)
	return b.String()
}

// A body in chunks is decoded, or refused as incomplete, whatever it holds.
func FuzzChunked(f *testing.F) {
	f.Add("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", int64(5))
	f.Add("5;chunk-signature=ab\r\nhello\r\n0;chunk-signature=cd\r\n\r\n", int64(5))
	f.Add("ffffffffffffffff\r\n", int64(3))
	f.Add("5\r\nhel", int64(5))
	f.Fuzz(func(t *testing.T, text string, want int64) {
		c := &chunked{in: bufio.NewReaderSize(strings.NewReader(text), 64), trailer: http.Header{}, want: want}
		got, err := io.ReadAll(c)
		if err == nil && int64(len(got)) > max(want, 0) {
			t.Fatalf("%d bytes of %d announced", len(got), want)
		}
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && awswire.CodeOf(err) != "IncompleteBody" {
			t.Fatalf("refused with %v", err)
		}
	})
}
