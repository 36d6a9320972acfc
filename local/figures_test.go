//go:build unix

package main

// This file defines the figures of imports: files of many rows, the whole way
// through the deployed stack. It takes minutes, so it runs on request:
//
//	FIGURES=10000 go test ./local -run TestImportFigures -v -timeout 60m
//	FIGURES=1000000 COMMANDS=false BATCH=100 go test ./local -run TestImportFigures -v -timeout 120m
//	FIGURES=2000 KILL=true go test ./local -run TestImportFigures -v
//
// COMMANDS=false writes each row at once; KILL=true kills everything half-way and
// starts again on the same state.
//
// Memory is what a process itself holds (RssAnon), looked at twice a second. The pages
// of the database that the runtime maps are told apart: the system takes them back when
// it needs them, and each connection of SQLite counts them once more.

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

const figuresBucket = "stepworks-imports-123456789012-us-east-1"

// running is a local AWS of its own process.
type running struct {
	t     *testing.T
	dir   string
	cmd   *exec.Cmd
	sdk   aws.Config
	peaks map[string]int // MiB of memory, by program and, with "+mapped", of files
}

func (r *running) start() {
	r.t.Helper()
	r.cmd = exec.Command(filepath.Join(r.dir, "local"), "up", "--port", "0", "--console-port=-1", "--no-watch", "--template", "../template.yaml", "--state", filepath.Join(r.dir, "state"))
	r.cmd.Stderr = os.Stderr
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if url, ok := strings.CutPrefix(lines.Text(), "ready "); ok {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			r.sdk, err = config.LoadDefaultConfig(r.t.Context(), config.WithRegion("us-east-1"), config.WithBaseEndpoint(url),
				config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("root", "root", "")))
			if err != nil {
				r.t.Fatal(err)
			}
			return
		}
	}
	r.t.Fatal("it did not start")
}

// kill ends the process and all that it started, as a power cut would.
func (r *running) kill() {
	_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL)
	_ = r.cmd.Wait()
}

// measure notes how much memory the runtime and the functions have had.
func (r *running) measure() {
	statuses, _ := filepath.Glob("/proc/[0-9]*/status")
	for _, path := range statuses {
		text, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(text), "RssAnon") {
			continue
		}
		pid := strings.Split(path, "/")[2]
		exe, err := os.Readlink("/proc/" + pid + "/exe")
		if err != nil || !strings.HasPrefix(exe, r.dir) { // the runtime, and the programs under its state
			continue
		}
		for name, kind := range map[string]string{"": "RssAnon:", "+mapped": "RssFile:"} {
			_, rest, _ := strings.Cut(string(text), kind)
			kib, _ := strconv.Atoi(strings.Fields(rest)[0])
			name = filepath.Base(exe) + name
			r.peaks[name] = max(r.peaks[name], kib/1024)
		}
	}
}

func (r *running) invoke(function string, in, out any) {
	r.t.Helper()
	payload, err := json.Marshal(in)
	if err != nil {
		r.t.Fatal(err)
	}
	answer, err := lambda.NewFromConfig(r.sdk).Invoke(r.t.Context(), &lambda.InvokeInput{FunctionName: &function, Payload: payload})
	if err != nil || answer.FunctionError != nil {
		r.t.Fatalf("%s: %v %s", function, err, answer.Payload)
	}
	if err := json.Unmarshal(answer.Payload, out); err != nil {
		r.t.Fatal(err)
	}
}

// items counts what stands under pk, and how many of it are at version 1.
func (r *running) items(table, pk string) (all, first int) {
	pages := dynamodb.NewQueryPaginator(dynamodb.NewFromConfig(r.sdk), &dynamodb.QueryInput{TableName: &table, KeyConditionExpression: aws.String("pk = :pk"),
		ProjectionExpression: aws.String("version"), ExpressionAttributeValues: map[string]ddb.AttributeValue{":pk": &ddb.AttributeValueMemberS{Value: pk}}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		if err != nil {
			return all, first
		}
		all += len(page.Items)
		for _, item := range page.Items {
			if n, ok := item["version"].(*ddb.AttributeValueMemberN); ok && n.Value == "1" {
				first++
			}
		}
	}
	return all, first
}

func (r *running) job(pk, sk string) (status, message string) {
	out, err := dynamodb.NewFromConfig(r.sdk).GetItem(context.Background(), &dynamodb.GetItemInput{TableName: aws.String("import_tmp"),
		Key: map[string]ddb.AttributeValue{"pk": &ddb.AttributeValueMemberS{Value: pk}, "sk": &ddb.AttributeValueMemberS{Value: sk}}})
	if err != nil {
		return "", err.Error()
	}
	text := func(name string) string {
		s, _ := out.Item[name].(*ddb.AttributeValueMemberS)
		if s == nil {
			return ""
		}
		return s.Value
	}
	return text("status"), text("message")
}

// rowsFile writes a file of rows and tells how long encoding/csv takes to read it.
func rowsFile(t *testing.T, path string, rows int) (size int64, alone time.Duration) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "sku,name,price,quantity,description,active,availableFrom")
	for i := range rows {
		fmt.Fprintf(w, "SKU%08d,Row %d,%d.%02d,%d,\"a row, number %d\",yes,2026-11-21\n", i, i, i%1000, i%100, i%500, i)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	began, n := time.Now(), 0
	in := csv.NewReader(bufio.NewReader(f))
	in.ReuseRecord = true
	for {
		if _, err := in.Read(); err != nil {
			break
		}
		n++
	}
	alone = time.Since(began)
	info, err := f.Stat()
	if err != nil || n != rows+1 {
		t.Fatalf("%d rows in the file, %v", n, err)
	}
	return info.Size(), alone
}

func TestImportFigures(t *testing.T) {
	rows, _ := strconv.Atoi(os.Getenv("FIGURES"))
	if rows == 0 {
		t.Skip("takes minutes: FIGURES=10000 go test ./local -run TestImportFigures -v")
	}
	if runtime.GOOS != "linux" {
		t.Skip("memory is read from /proc")
	}
	r := &running{t: t, dir: t.TempDir(), peaks: map[string]int{}}
	if out, err := exec.Command("go", "build", "-o", filepath.Join(r.dir, "local"), ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	path := filepath.Join(r.dir, "rows.csv")
	size, alone := rowsFile(t, path, rows)
	r.start()
	t.Cleanup(func() { r.kill() })
	r.importFile(path, rows, size, alone)
}

// importFile uploads the file, asks for its import and follows it to its end.
func (r *running) importFile(path string, rows int, size int64, alone time.Duration) {
	t := r.t
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // it was read
	if _, err := s3.NewFromConfig(r.sdk, func(o *s3.Options) { o.UsePathStyle = true }).PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(figuresBucket), Key: aws.String("incoming/rows.csv"), Body: f}); err != nil {
		t.Fatal(err)
	}
	batch, _ := strconv.Atoi(os.Getenv("BATCH"))
	commands := os.Getenv("COMMANDS") != "false"
	var j struct{ PK, SK string }
	began := time.Now()
	r.invoke("import-create", map[string]any{"bucket": figuresBucket, "key": "incoming/rows.csv", "tableName": "products", "tenantCode": "figures", "batchSize": batch, "commands": commands}, &j)
	killed := os.Getenv("KILL") != "true"
	looked := began
	for status := ""; status != "COMPLETED"; {
		time.Sleep(500 * time.Millisecond) // the processes are others; nothing here can be told when they are done
		r.measure()
		if time.Since(looked) > time.Minute {
			looked = time.Now()
			t.Logf("after %.0f s: peak memory in MiB: runtime %d, csvRows %d", looked.Sub(began).Seconds(), r.peaks["local"], r.peaks["csvRows"])
		}
		var message string
		if status, message = r.job(j.PK, j.SK); status == "FAILED" {
			t.Fatal(message)
		}
		table := "data"
		if commands {
			table = "commands"
		}
		if n := 0; !killed {
			if n, _ = r.items(table, "PRODUCT#figures"); n > rows/2 {
				r.kill()
				t.Logf("killed when %d of %d rows were in", n, rows)
				killed = true
				r.start()
			}
		}
	}
	imported := time.Since(began)
	all, first := 0, 0
	for last := -1; all < rows; {
		time.Sleep(time.Second)
		r.measure()
		if all, first = r.items("data", "PRODUCT#figures"); all != last {
			last = all
		}
		if time.Since(began) > 50*time.Minute {
			break
		}
	}
	took := time.Since(began)
	if all != rows || first != rows {
		t.Errorf("%d rows came to %d items, %d of them at version 1", rows, all, first)
	}
	t.Logf("%d rows, %.1f MB, commands %v, batches of %d: import ended after %.1f s, data complete after %.1f s, %.0f rows/s", rows, float64(size)/1e6, commands, max(batch, 10), imported.Seconds(), took.Seconds(), float64(rows)/took.Seconds())
	t.Logf("encoding/csv alone reads the file in %.3f s", alone.Seconds())
	t.Logf("peak memory in MiB: %v", r.peaks)
}
