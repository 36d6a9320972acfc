package lambda

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// elfFor is the head of a Linux program for a machine.
func elfFor(machine elf.Machine) []byte {
	var b bytes.Buffer
	h := elf.Header64{Type: uint16(elf.ET_EXEC), Machine: uint16(machine), Version: 1, Ehsize: 64}
	copy(h.Ident[:], []byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), 1})
	_ = binary.Write(&b, binary.LittleEndian, h)
	return b.Bytes()
}

func foreignMachine() (elf.Machine, string) {
	if runtime.GOARCH == "arm64" {
		return elf.EM_X86_64, "linux/amd64"
	}
	return elf.EM_AARCH64, "linux/arm64"
}

// TestZips deploys zips and reads what is said of them.
func TestZips(t *testing.T) {
	w := newWorld(t)
	machine, foreign := foreignMachine()
	for _, c := range []struct {
		name string
		zip  []byte
		want string
	}{
		{"for this machine", w.zip(), ""},
		{"a script", zipOf(t, map[string][]byte{"bootstrap": []byte("#!/bin/sh\n"), "lib/data.json": []byte("{}")}), ""},
		{"for another machine", zipOf(t, map[string][]byte{"bootstrap": elfFor(machine)}), "InvalidParameterValueException: The zip's bootstrap is a program for " + foreign + ", and this machine runs " + runtime.GOOS + "/" + runtime.GOARCH},
		{"for no machine known here", zipOf(t, map[string][]byte{"bootstrap": elfFor(elf.EM_RISCV)}), "The zip's bootstrap is a program for linux/riscv"},
		{"without a program", zipOf(t, map[string][]byte{"main": nil}), "InvalidParameterValueException: The zip holds no program named bootstrap at its top"},
		{"leading out", zipOf(t, map[string][]byte{"../../evil": nil}), `InvalidParameterValueException: Could not unzip uploaded file: the name "../../evil" leads out of it.`},
		{"truncated", w.zip()[:1000], "InvalidParameterValueException: Could not unzip uploaded file."},
	} {
		_, err := w.server.Call(context.Background(), awswire.Root(account), "lambda", "CreateFunction", jsonvalue.NewObject(member("FunctionName", "zip"), member("Role", role),
			member("Runtime", "provided.al2023"), member("Handler", "bootstrap"), member("Code", jsonvalue.NewObject(member("ZipFile", base64Text(c.zip))))))
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			if c.name == "for this machine" {
				if out := w.invoke("zip", `{"Do":"echo"}`); out.FunctionError != nil {
					t.Errorf("%s: %s", c.name, out.Payload)
				}
			}
			if _, err := w.sdk.DeleteFunction(context.Background(), &awslambda.DeleteFunctionInput{FunctionName: aws.String("zip")}); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v\nwant %s", c.name, err, c.want)
		}
	}
	if _, err := os.Stat(filepath.Join(w.dir, "..", "evil")); err == nil {
		t.Error("a file was written outside")
	}
}

func TestCodeInS3(t *testing.T) {
	w := newWorld(t)
	w.answer = func(call recordedCall) (jsonvalue.Value, error) {
		if textOf(call.params, "Key") != "f.zip" {
			return nil, awswire.Errorf("NoSuchKey", "The specified key does not exist.")
		}
		return jsonvalue.NewObject(member("Body", base64Text(w.zip()))), nil
	}
	w.create("f", member("Code", jsonvalue.NewObject(member("S3Bucket", "b"), member("S3Key", "f.zip"))))
	if out := w.invoke("f", `{"Do":"echo"}`); out.FunctionError != nil {
		t.Errorf("%s", out.Payload)
	}
	_, err := w.sdk.UpdateFunctionCode(context.Background(), &awslambda.UpdateFunctionCodeInput{FunctionName: aws.String("f"), S3Bucket: aws.String("b"), S3Key: aws.String("gone")})
	if got := apiError(err); got != "InvalidParameterValueException: Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist." {
		t.Error(got)
	}
}

// TestLocalPrograms deploys programs of this machine, in place.
func TestLocalPrograms(t *testing.T) {
	w := newWorld(t)
	local := filepath.Join(t.TempDir(), "step")
	install := func(script string) {
		if err := os.WriteFile(local, []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	code := func(path, fault string) jsonvalue.Member {
		return member("Code", jsonvalue.NewObject(member("LocalPath", path), member("LocalFault", fault)))
	}
	install("#!/bin/sh\nexit 1\n")
	w.create("f", code(local, ""))
	if out := w.invoke("f", `{}`); !strings.Contains(string(out.Payload), "exit status 1") {
		t.Errorf("%s", out.Payload)
	}
	if _, err := w.sdk.PublishVersion(context.Background(), &awslambda.PublishVersionInput{FunctionName: aws.String("f")}); err != nil {
		t.Fatal(err)
	}
	install("#!/bin/sh\nexit 2\n") // built anew while nobody serves
	w.reboot()
	if out := w.invoke("f", `{}`); !strings.Contains(string(out.Payload), "exit status 2") {
		t.Errorf("$LATEST after a new build: %s", out.Payload)
	}
	if out := w.invoke("f:1", `{}`); !strings.Contains(string(out.Payload), "exit status 1") {
		t.Errorf("the published version changed: %s", out.Payload)
	}
	if err := os.Remove(local); err != nil {
		t.Fatal(err)
	}
	if out := w.invoke("f", `{}`); !strings.Contains(string(out.Payload), "Couldn't find valid bootstrap(s)") {
		t.Errorf("after its removal: %s", out.Payload)
	}
	w.create("broken", code("", "handler.go:3:1: undefined: x"))
	out := w.invoke("broken", `{}`)
	if aws.ToString(out.FunctionError) != "Unhandled" || !strings.Contains(string(out.Payload), `"errorType":"Runtime.InvalidEntrypoint"`) || !strings.Contains(string(out.Payload), "handler.go:3:1: undefined: x") {
		t.Errorf("a function that does not compile: %s", out.Payload)
	}
}

// TestVersionsRun invokes versions and an alias with all its weight on one.
func TestVersionsRun(t *testing.T) {
	w := newWorld(t)
	w.create("f", member("Environment", jsonvalue.NewObject(member("Variables", jsonvalue.NewObject(member("STAGE", "one"))))), member("Publish", true))
	call := func(operation, params string) {
		t.Helper()
		if _, err := w.server.Call(context.Background(), awswire.Root(account), "lambda", operation, jsonvalue.MustParse(params)); err != nil {
			t.Fatal(err)
		}
	}
	call("UpdateFunctionConfiguration", `{"FunctionName":"f","Environment":{"Variables":{"STAGE":"two"}}}`)
	call("PublishVersion", `{"FunctionName":"f"}`)
	call("CreateAlias", `{"FunctionName":"f","Name":"live","FunctionVersion":"1","RoutingConfig":{"AdditionalVersionWeights":{"2":1}}}`)
	call("CreateAlias", `{"FunctionName":"f","Name":"old","FunctionVersion":"1"}`)
	for target, want := range map[string]string{"f": "two/$LATEST", "f:1": "one/1", "f:2": "two/2", "f:live": "two/2", "f:old": "one/1"} {
		out := w.invoke(target, `{"Do":"environment"}`)
		v, err := jsonvalue.Parse(out.Payload)
		if err != nil {
			t.Fatal(err)
		}
		o := v.(*jsonvalue.Object)
		if got := textOf(o, "STAGE") + "/" + textOf(o, "AWS_LAMBDA_FUNCTION_VERSION"); got != want || "/"+*out.ExecutedVersion != want[strings.Index(want, "/"):] {
			t.Errorf("%s ran %s, answered as %s, want %s", target, got, *out.ExecutedVersion, want)
		}
	}
}

// TestDebugged runs a function under a debugger that is a shell script: it starts
// the program after the "--" of its own options.
func TestDebugged(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("NOT CHECKED: the debugger of this test is a shell script")
	}
	path := t.TempDir()
	t.Setenv("PATH", path+string(os.PathListSeparator)+os.Getenv("PATH"))
	w := newWorld(t)
	if address, err := w.service.Debug("f"); err == nil {
		t.Logf("Delve is installed here; %s", address)
	} else if !strings.Contains(err.Error(), "go install github.com/go-delve/delve/cmd/dlv@latest") {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(path, "dlv"), []byte("#!/bin/sh\nexec $6\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	w.create("f", member("Timeout", jsonvalue.Int(1)))
	if address, err := w.service.Debug("f"); err != nil || address == "" {
		t.Fatal(address, err)
	}
	out, err := w.sdk.Invoke(context.Background(), &awslambda.InvokeInput{FunctionName: aws.String("f"), LogType: "Tail", Payload: []byte(`{"Do":"context"}`)})
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonvalue.Parse(out.Payload)
	if err != nil {
		t.Fatal(err)
	}
	left, _ := v.(*jsonvalue.Object).Get("left")
	if ms, _ := left.(jsonvalue.Number).Int64(); ms < 1e6 {
		t.Errorf("%d ms are left: a function that is debugged has no timeout", ms)
	}
}
