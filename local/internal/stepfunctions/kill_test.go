package stepfunctions

// This file kills the service for real: a child process serves the API on a
// directory and is killed with SIGKILL at random moments, over a load that uses
// every way an execution can wait. In the end every execution must have ended
// once, with the right output and an unbroken history, and no task may have run
// again after something that came behind it had run.
//
//	go test ./local/internal/stepfunctions -run TestKills -kills 200 -v

import (
	"bufio"
	"context"
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

var kills = flag.Int("kills", 5, "how often TestKills kills the service")

const killDir = "STEPWORKS_KILL_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(killDir); dir != "" {
		serveUntilKilled(dir)
		return
	}
	os.Exit(m.Run())
}

// worker is what tasks of the killed process reach: functions that write down
// that they ran, and a queue whose messages are task tokens.
type worker struct {
	server *awswire.Server
	log    *os.File
}

func (k *worker) Call(ctx context.Context, as awswire.Identity, service, operation string, params jsonvalue.Value) (jsonvalue.Value, error) {
	switch service {
	case "states":
		return k.server.Call(ctx, as, service, operation, params)
	case "sqs":
		k.write("token " + text(member(params, "MessageBody")))
		return jsonvalue.MustParse(`{"MessageId":"1"}`), nil
	}
	event, _ := base64.StdEncoding.DecodeString(text(member(params, "Payload")))
	name := text(member(params, "FunctionName"))
	v := jsonvalue.MustParse(string(event))
	k.write(fmt.Sprintf("ran %s %s", jsonvalue.String(member(v, "e")), name[strings.LastIndexByte(name, ':')+1:]))
	time.Sleep(time.Duration(rand.IntN(5)) * time.Millisecond)
	out := base64.StdEncoding.EncodeToString(event)
	return jsonvalue.NewObject(jsonvalue.Member{Name: "StatusCode", Value: jsonvalue.Int(200)}, jsonvalue.Member{Name: "Payload", Value: out}), nil
}

func (k *worker) write(line string) { _, _ = k.log.WriteString(line + "\n") }

func serveUntilKilled(dir string) {
	fail := func(err error) {
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	st, err := store.Open(dir)
	fail(err)
	log, err := os.OpenFile(filepath.Join(dir, "calls"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	fail(err)
	clk := clock.Scaled(20)
	server := awswire.NewServer(awswire.Config{Account: account, Region: "us-east-1", Clock: clk})
	s, err := New(Config{Account: account, Region: "us-east-1", Store: st, Clock: clk, Caller: &worker{server, log}, Log: slog.New(slog.DiscardHandler)})
	fail(err)
	server.Add(s.API())
	fail(s.Start())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	fail(err)
	fmt.Println("http://" + l.Addr().String())
	fail(http.Serve(l, server))
}

// victim is the process that is killed, and what talks to it.
type victim struct {
	*testing.T
	dir string

	mu     sync.Mutex
	cmd    *exec.Cmd
	client *sfn.Client
}

func (v *victim) start() {
	v.Helper()
	exe, err := os.Executable()
	if err != nil {
		v.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), killDir+"="+v.dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		v.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		v.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "http") {
		rest, _ := io.ReadAll(out)
		v.Fatalf("the service did not start: %s%s", line, rest)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.cmd = cmd
	v.client = sfn.New(sfn.Options{Region: "us-east-1", BaseEndpoint: aws.String(strings.TrimSpace(line)), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("any", "thing", "")})
}

func (v *victim) kill() {
	v.mu.Lock()
	defer v.mu.Unlock()
	_ = v.cmd.Process.Kill()
	_ = v.cmd.Wait()
}

// api calls until the service answers; a client does the same over a restart.
func (v *victim) api(f func(*sfn.Client) error) {
	for v.Context().Err() == nil {
		v.mu.Lock()
		client := v.client
		v.mu.Unlock()
		if f(client) == nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// everything waits for a function, a timer, a token, a child, an activity's
// worker, iterations and a map run's children; every function gets the
// execution's number. A worker that is handed a task by a process that dies at
// that moment never hears of it: the activity's timeout sees to that, as on AWS.
func everything(child, activity string) string {
	f := func(name string) string {
		return `"Type":"Task","Resource":"arn:aws:lambda:us-east-1:` + account + `:function:` + name + `","ResultPath":null`
	}
	return `{"StartAt":"A","States":{
		"A":{` + f("a") + `,"Next":"W"},
		"W":{"Type":"Wait","Seconds":1,"Next":"B"},
		"B":{` + f("b") + `,"Next":"P"},
		"P":{"Type":"Parallel","ResultPath":null,"Next":"T","Branches":[{"StartAt":"P1","States":{"P1":{` + f("p") + `,"End":true}}},{"StartAt":"P2","States":{"P2":{"Type":"Wait","Seconds":1,"End":true}}}]},
		"T":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken","TimeoutSeconds":3600,"Parameters":{"QueueUrl":"q","MessageBody.$":"$$.Task.Token"},"ResultPath":null,"Next":"C"},
		"C":{` + f("c") + `,"Next":"N"},
		"N":{"Type":"Task","Resource":"arn:aws:states:::states:startExecution.sync:2","Parameters":{"StateMachineArn":"` + child + `","Input.$":"$"},"ResultPath":null,"Next":"D"},
		"D":{` + f("d") + `,"Next":"X"},
		"X":{"Type":"Task","Resource":"` + activity + `","TimeoutSeconds":20,"Retry":[{"ErrorEquals":["States.Timeout"],"IntervalSeconds":1,"BackoffRate":1,"MaxAttempts":99}],"ResultPath":null,"Next":"E"},
		"E":{` + f("e") + `,"Next":"M"},
		"M":{"Type":"Map","ItemsPath":"$.items","MaxConcurrency":2,"ResultPath":null,"ItemSelector":{"e.$":"$.e"},"Next":"F","ItemProcessor":{"StartAt":"I","States":{"I":{` + f("i") + `,"End":true}}}},
		"F":{` + f("f") + `,"Next":"R"},
		"R":{"Type":"Map","ItemsPath":"$.items","MaxConcurrency":2,"ResultPath":null,"ItemSelector":{"e.$":"$.e"},"Next":"G","ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"I2","States":{"I2":{` + f("j") + `,"End":true}}}},
		"G":{` + f("g") + `,"End":true}}}`
}

// order is that of the functions of one execution.
const order = "abpcdeifjg"

func TestKills(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes")
	}
	v := &victim{T: t, dir: t.TempDir()}
	v.start()
	defer v.kill()
	machine := v.prepare()
	executions := max(8, *kills/4)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() { v.answerTokens(stop) })
	wg.Go(func() { v.work(stop) })
	wg.Go(func() {
		for i := range executions {
			v.api(func(c *sfn.Client) error {
				_, err := c.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: &machine, Name: aws.String(fmt.Sprint("e", i)), Input: aws.String(fmt.Sprintf(`{"e":%d,"items":[1,2,3]}`, i))})
				if err != nil && strings.Contains(err.Error(), "ExecutionAlreadyExists") {
					return nil
				}
				return err
			})
			time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond)
		}
	})
	for range *kills {
		time.Sleep(time.Duration(20+rand.IntN(150)) * time.Millisecond)
		v.kill()
		v.start()
	}
	var histories []string
	for i := range executions {
		histories = append(histories, v.verify(machine, i))
	}
	close(stop)
	wg.Wait()
	again := v.verifyCalls(executions)
	t.Logf("%d kills, %d executions of %d events each, %d calls made again because a kill took their answer", *kills, executions, strings.Count(histories[0], " ")+1, again)
}

func (v *victim) prepare() (machine string) {
	activity := prefix + "activity:work"
	v.api(func(c *sfn.Client) error {
		_, err := c.CreateActivity(v.Context(), &sfn.CreateActivityInput{Name: aws.String("work")})
		return err
	})
	for name, definition := range map[string]string{"child": `{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":1,"End":true}}}`, "m": everything(prefix+"stateMachine:child", activity)} {
		if _, err := v.client.CreateStateMachine(v.Context(), &sfn.CreateStateMachineInput{Name: &name, Definition: &definition, RoleArn: aws.String(role)}); err != nil {
			v.Fatal(err)
		}
	}
	return prefix + "stateMachine:m"
}

func (v *victim) calls() []string {
	text, err := os.ReadFile(filepath.Join(v.dir, "calls"))
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// answerTokens answers every token once.
func (v *victim) answerTokens(stop chan struct{}) {
	answered := map[string]bool{}
	for {
		for _, line := range v.calls() {
			token, ok := strings.CutPrefix(line, "token ")
			if !ok || answered[token] {
				continue
			}
			v.mu.Lock()
			client := v.client
			v.mu.Unlock()
			_, err := client.SendTaskSuccess(v.Context(), &sfn.SendTaskSuccessInput{TaskToken: &token, Output: aws.String("1")})
			answered[token] = err == nil || strings.Contains(err.Error(), "TaskTimedOut") || strings.Contains(err.Error(), "InvalidToken")
		}
		select {
		case <-stop:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// work is the activity's worker. It answers a task until the service heard.
func (v *victim) work(stop chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		v.mu.Lock()
		client := v.client
		v.mu.Unlock()
		ctx, cancel := context.WithTimeout(v.Context(), 300*time.Millisecond)
		task, err := client.GetActivityTask(ctx, &sfn.GetActivityTaskInput{ActivityArn: aws.String(prefix + "activity:work")})
		cancel()
		if err != nil || task.TaskToken == nil || *task.TaskToken == "" {
			time.Sleep(5 * time.Millisecond)
			continue
		}
		v.api(func(c *sfn.Client) error {
			_, err := c.SendTaskSuccess(v.Context(), &sfn.SendTaskSuccessInput{TaskToken: task.TaskToken, Output: aws.String("1")})
			if err != nil && strings.Contains(err.Error(), "TaskTimedOut") {
				return nil // the answer was heard before the kill
			}
			return err
		})
	}
}

// verify waits for an execution's end and reads its history.
func (v *victim) verify(machine string, i int) (typesOfEvents string) {
	arn := strings.Replace(machine, "stateMachine", "execution", 1) + fmt.Sprint(":e", i)
	end := time.Now().Add(30 * time.Second)
	v.api(func(c *sfn.Client) error {
		out, err := c.DescribeExecution(v.Context(), &sfn.DescribeExecutionInput{ExecutionArn: &arn})
		if time.Now().After(end) {
			v.Errorf("execution %d is lost: %v %v", i, out, err)
			return nil
		}
		if err != nil || out.Status == types.ExecutionStatusRunning {
			return io.ErrNoProgress
		}
		if want := fmt.Sprintf(`{"e":%d,"items":[1,2,3]}`, i); out.Status != types.ExecutionStatusSucceeded || *out.Output != want {
			v.Errorf("execution %d: %s", i, verdict(out))
		}
		return nil
	})
	v.api(func(c *sfn.Client) error {
		var names []string
		p := sfn.NewGetExecutionHistoryPaginator(c, &sfn.GetExecutionHistoryInput{ExecutionArn: &arn})
		for p.HasMorePages() {
			page, err := p.NextPage(v.Context())
			if err != nil {
				return err
			}
			for _, e := range page.Events {
				names = append(names, string(e.Type))
				if e.Id != int64(len(names)) || e.PreviousEventId >= e.Id {
					v.Errorf("execution %d: event %d stands at %d, after %d", i, e.Id, len(names), e.PreviousEventId)
				}
			}
		}
		typesOfEvents = strings.Join(names, " ")
		return nil
	})
	if n := strings.Count(typesOfEvents, "ExecutionSucceeded"); n != 1 {
		v.Errorf("execution %d ended %d times: %s", i, n, typesOfEvents)
	}
	return typesOfEvents
}

// verifyCalls demands that no function ran again after one that comes behind it.
func (v *victim) verifyCalls(executions int) (again int) {
	runs := map[string]string{}
	for _, line := range v.calls() {
		if f := strings.Fields(line); f[0] == "ran" {
			runs[f[1]] += f[2]
		}
	}
	for i := range executions {
		at, sequence := 0, runs[fmt.Sprint(i)]
		for _, f := range sequence {
			n := strings.IndexRune(order, f)
			if n < at {
				v.Errorf("execution %d: %c ran again after what comes behind it: %s", i, f, sequence)
			}
			at = max(at, n)
		}
		again += len(sequence) - len(order) - 2 - 2 // i and j run three times
	}
	return again
}
