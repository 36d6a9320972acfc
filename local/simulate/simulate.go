// Package simulate runs a state machine in a unit test: its tasks are mocked or
// bound to Go functions, its waits and retries pass in virtual time, and what it
// did can be asserted: status, output, the path through its states, the history
// as AWS would have recorded it, and which parts of the definition the test never
// took.
//
//	m, err := simulate.Load("statemachines/order-processing.asl.json", simulate.Anything)
//	m.Task("ValidateOrder", simulate.Returns(`{"isValid": true}`))
//	m.Task("ProcessPayment", simulate.Fails("Transient.Unavailable", ""), simulate.Returns(`{"paymentStatus": "success"}`))
//	run := m.Run(`{"orderId": "1"}`)
//	run.Status // SUCCEEDED
//	run.Path   // [ValidateOrder ProcessPayment ...]
//
// It is the interpreter of the local AWS, so it behaves as `make up` does: same
// errors, same histories. No service stands behind it: a task that is not mocked
// ends the run with [Unmocked] and a cause that names the state.
//
// The same machine run with the same input and answers gives the same result. A
// Machine may not be used by several goroutines at once. Start at [Load].
package simulate

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/asl/interp"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// Unmocked is the error of a task that nothing answers: the one that no retrier
// and no catcher takes, so a forgotten mock cannot pass for a failure of the task.
const Unmocked = "States.Runtime"

// Machine is a state machine with answers for its tasks.
type Machine struct {
	Start time.Time // of every run, in virtual time; zero: 2026-01-01T00:00:00Z
	Name  string    // of the execution
	// Items answers the ItemReader of a distributed map, by its state's name: a
	// JSON array.
	Items map[string]string

	machine *asl.Machine
	tasks   map[string]Task // by state name
	byARN   map[string]Task // by the Resource field
	byName  map[string]Task // by the function's name
	taken   map[string]int  // location -> how often, over all runs
}

// Substitutions gives the values of a definition's ${Names}.
type Substitutions map[string]string

// Anything substitutes what tests need not care about: for a Resource that is a
// placeholder, a function's ARN that ends in the placeholder's name; elsewhere the
// name itself, or the number 1 where no quotes stand around it.
var Anything Substitutions

// Load reads a definition from a file. The error names every fault with file and
// line.
func Load(file string, substitutions Substitutions) (*Machine, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	m, err := Parse(string(text), substitutions)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return m, nil
}

// Parse reads a definition.
func Parse(definition string, substitutions Substitutions) (*Machine, error) {
	machine, err := asl.Parse(substitute(definition, substitutions), asl.Standard)
	if err != nil {
		return nil, err
	}
	return &Machine{machine: machine, tasks: map[string]Task{}, byARN: map[string]Task{}, byName: map[string]Task{}, taken: map[string]int{}}, nil
}

var (
	resource    = regexp.MustCompile(`("Resource"\s*:\s*)"\$\{(\w+)\}"`)
	bare        = regexp.MustCompile(`([:\[,]\s*)\$\{\w+\}`)
	placeholder = regexp.MustCompile(`\$\{(\w+)\}`)
)

func substitute(text string, values Substitutions) string {
	for name, value := range values {
		text = strings.ReplaceAll(text, "${"+name+"}", value)
	}
	text = resource.ReplaceAllString(text, `$1"arn:aws:lambda:us-east-1:123456789012:function:$2"`)
	text = bare.ReplaceAllString(text, "${1}1")
	return placeholder.ReplaceAllString(text, "$1")
}

// Task answers the task of a state: the first answer for the first attempt, and
// so on; the last one goes for all that follow. Later calls replace earlier ones.
func (m *Machine) Task(state string, answers ...Task) { m.tasks[state] = inTurn(answers) }

// Resource answers every task with this Resource that [Machine.Task] does not
// answer by its state.
func (m *Machine) Resource(resource string, answers ...Task) { m.byARN[resource] = inTurn(answers) }

// Function answers every task that invokes the Lambda function of this name and
// that neither [Machine.Task] nor [Machine.Resource] answers, by its ARN or through
// lambda:invoke. Its input is what the function gets: with lambda:invoke, the
// Payload.
func (m *Machine) Function(name string, answers ...Task) { m.byName[name] = inTurn(answers) }

// Status is how a run ended.
type Status string

// How runs end. Waiting is a run in which nothing more can happen: a task was
// told never to answer, and no timeout stands beside it.
const (
	Succeeded Status = "SUCCEEDED"
	Failed    Status = "FAILED"
	TimedOut  Status = "TIMED_OUT"
	Waiting   Status = "WAITING"
)

// Run is what a run did.
type Run struct {
	Status  Status
	Output  string // JSON; "" unless it succeeded
	Error   string
	Cause   string
	Path    []string      // the states entered, in order; those of map run children too
	History []Event       // of the execution itself
	Took    time.Duration // virtual
}

// Event is one line of the history.
type Event struct {
	ID, Previous int64
	Type         string
	Time         time.Time
	Details      string // JSON of its details, as GetExecutionHistory has them; "{}" for none
}

// Run runs the machine with an input, JSON text.
func (m *Machine) Run(input string) Run {
	in, err := jsonvalue.Parse([]byte(input))
	if err != nil {
		return Run{Status: Failed, Error: "States.Runtime", Cause: "the input is not JSON: " + err.Error()}
	}
	start := m.Start
	if start.IsZero() {
		start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	name := m.Name
	if name == "" {
		name = "simulated"
	}
	s := &simulation{machine: m, now: start}
	root := s.begin(m.machine, interp.Start{Name: name, Input: in, Time: start,
		ARN:        "arn:aws:states:us-east-1:123456789012:execution:Simulated:" + name,
		MachineARN: "arn:aws:states:us-east-1:123456789012:stateMachine:Simulated",
		RoleARN:    "arn:aws:iam::123456789012:role/simulated"}, nil)
	s.run(root)
	return s.result(root, start)
}
