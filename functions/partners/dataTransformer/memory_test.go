//go:build unix

package main

// This file measures the transformer's memory: it runs in a process of its own,
// against a server that makes the file up and throws the upload away.

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/object"
)

var size = flag.Int64("size", smallSize, "megabytes that TestMemory transforms")

// smallSize is what every run of the tests transforms, of CSV alone.
const smallSize = 12

// limit is what docs/partners.md promises, in bytes.
const limit = 64 << 20

func TestMemory(t *testing.T) {
	if url := os.Getenv("TRANSFORM_FROM"); url != "" {
		alone(t, url)
		return
	}
	if runtime.GOOS != "linux" {
		t.Skip("peak memory is read as Linux reports it")
	}
	formats := []string{"csv"}
	if *size > smallSize {
		formats = []string{"csv", "jsonl", "json"}
	}
	for _, format := range formats {
		server := httptest.NewServer(madeUp(format, *size<<20))
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestMemory$")
		cmd.Env = append(os.Environ(), "TRANSFORM_FROM="+server.URL, "FORMAT="+format)
		out, err := cmd.CombinedOutput()
		server.Close()
		require.NoError(t, err, string(out))
		usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		require.True(t, ok)
		peak := usage.Maxrss << 10
		t.Logf("%s: %d MB transformed in %v, with %.1f MiB at the peak", format, *size, cmd.ProcessState.UserTime(), float64(peak)/(1<<20))
		assert.Less(t, peak, int64(limit), format)
	}
}

// alone transforms as the function does.
func alone(t *testing.T, url string) {
	debug.SetMemoryLimit(memoryLimit)
	bucket := object.New(aws.Config{Region: "us-east-1", BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}, "bucket")
	got, err := handler{bucket}.handle(t.Context(), Input{RequestID: "R", PartnerID: "P", Key: "incoming/P/x", ETag: `"e"`, Format: os.Getenv("FORMAT")})
	require.NoError(t, err)
	assert.Positive(t, got.Rows)
	assert.Zero(t, got.Rejected, got.Problems)
}

// madeUp serves a file of so many bytes and takes uploads.
func madeUp(format string, bytes int64) http.Handler {
	head, row, tail := "id,name,amount,comment\n", "A-%09d,some product,1029.98,nothing to say about this one\n", ""
	if format != "csv" {
		head, row = "", `{"id":"A-%09d","name":"some product","amount":1029.98,"comment":"nothing to say"}`+"\n"
	}
	if format == "json" {
		head, tail = `[{"id":"first"}`, "]"
		row = "," + row
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // the client may have gone
		w.Header().Set("ETag", `"e"`)
		switch {
		case r.Method == http.MethodGet:
			_, _ = io.WriteString(w, head)
			for n := int64(0); n*int64(len(row)) < bytes; n++ {
				_, _ = fmt.Fprintf(w, row, n)
			}
			_, _ = io.WriteString(w, tail)
		case r.URL.Query().Has("uploads"):
			_, _ = io.WriteString(w, "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>")
		case r.Method == http.MethodPost:
			_, _ = io.WriteString(w, "<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>")
		}
	})
}

// FuzzRows: no file makes the reader panic, loop or write what is no JSON line.
func FuzzRows(f *testing.F) {
	for _, s := range []string{"id,a\n1,2\n", `[{"id":1},{"id":"=1"}]`, `{"id":1}` + "\n{", "\xef\xbb\xbfid\n\"", "[[[["} {
		for _, format := range []string{"csv", "json", "jsonl"} {
			f.Add(format, s)
		}
	}
	f.Fuzz(func(t *testing.T, format, text string) {
		rows, err := open(format, strings.NewReader(text))
		if err != nil {
			return
		}
		var out strings.Builder
		result := Result{}
		_ = transform(rows, &out, &result) // whatever it says, what was written must be lines of JSON
		for line := range strings.Lines(out.String()) {
			var r row
			require.NoError(t, json.Unmarshal([]byte(line), &r))
			require.NotEmpty(t, r["id"])
		}
	})
}
