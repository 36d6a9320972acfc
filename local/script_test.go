package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"local": func() { os.Exit(run(os.Args[1:])) }, "consumer": func() { lambda.Start(consumer) }, "worker": func() { lambda.Start(worker) }})
}

// TestScripts runs testdata/script. Beside testscript's own commands there are
//
//	ready                     waits until `local up` of this script serves
//	call TARGET [JSON]        sends a signed JSON request ("AWSStepFunctions.ListExecutions") and keeps the answer
//	until TEXT TARGET [JSON]  calls until the answer contains TEXT
//	answer TEXT               checks what the last call answered
//
// $STATE is the state directory, $REPO the repository.
func TestScripts(t *testing.T) {
	repo, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("STATE", filepath.Join(e.WorkDir, ".local"))
			e.Setenv("REPO", repo)
			for _, name := range []string{"PATH", "HOME", "GOCACHE", "GOMODCACHE", "GOPATH", "GOFLAGS", "GOPROXY", "GOSUMDB"} {
				if v := os.Getenv(name); v != "" {
					e.Setenv(name, v)
				}
			}
			if home, err := os.UserHomeDir(); err == nil {
				e.Setenv("HOME", home) // the Go toolchain's caches
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"ready": ready, "call": callCommand, "until": until, "answer": answer},
	})
}

// patience is how long a script waits for something to become so.
const patience = 60 * time.Second

func endpoint(ts *testscript.TestScript) string {
	url, err := os.ReadFile(filepath.Join(ts.Getenv("STATE"), endpointFile))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(url))
}

func eventually(ts *testscript.TestScript, what string, ok func() bool) {
	for end := time.Now().Add(patience); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			ts.Fatalf("%s: not within %v", what, patience)
		}
	}
}

func ready(ts *testscript.TestScript, _ bool, _ []string) {
	eventually(ts, "ready", func() bool {
		url := endpoint(ts)
		if url == "" {
			return false
		}
		resp, err := http.Get(url) //nolint:noctx // a probe
		if err != nil {
			return false
		}
		return resp.Body.Close() == nil
	})
}

func callCommand(ts *testscript.TestScript, neg bool, args []string) {
	status, body := send(ts, args)
	if (status < 300) == neg {
		ts.Fatalf("call %v: %d %s", args, status, body)
	}
	ts.Check(os.WriteFile(ts.MkAbs("answer"), body, 0o600))
}

func until(ts *testscript.TestScript, _ bool, args []string) {
	var body []byte
	eventually(ts, fmt.Sprint("until ", args), func() bool {
		_, body = send(ts, args[1:])
		return bytes.Contains(body, []byte(args[0]))
	})
	ts.Check(os.WriteFile(ts.MkAbs("answer"), body, 0o600))
}

func answer(ts *testscript.TestScript, neg bool, args []string) {
	if body := ts.ReadFile("answer"); strings.Contains(body, args[0]) == neg {
		ts.Fatalf("the answer is %s", body)
	}
}

// send sends one JSON request, signed by nobody in particular.
func send(ts *testscript.TestScript, args []string) (int, []byte) {
	body := "{}"
	if len(args) > 1 {
		body = args[1]
	}
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, endpoint(ts), strings.NewReader(body))
	ts.Check(err)
	r.Header.Set("X-Amz-Target", args[0])
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	sum := sha256.Sum256([]byte(body))
	ts.Check(v4.NewSigner().SignHTTP(context.Background(), aws.Credentials{AccessKeyID: "any", SecretAccessKey: "thing"}, r, hex.EncodeToString(sum[:]), "any", "us-east-1", time.Now()))
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, []byte(err.Error())
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	ts.Check(err)
	return resp.StatusCode, text
}
