// Package asl reads the Amazon States Language.
//
// [Parse] turns the text of a definition into an immutable [Machine], or
// reports all that is wrong with it at once, in the codes and words of AWS's
// ValidateStateMachineDefinition where those are known. [Validate] reports
// without building, warnings included. What the language has and this package
// does not support is a fault too, never ignored.
//
//	state type  what it does                        its own part of a State
//	Task        work outside the execution          [Task]
//	Pass        passes or makes data                [Pass]
//	Wait        lets time go by                     [Wait]
//	Choice      picks the next state                [Choice]
//	Parallel    runs branches side by side          [Parallel]
//	Map         runs one graph for every item       [Map]
//	Succeed     ends its graph well                 (none)
//	Fail        ends the execution with an error    [Fail]
//
// Which fields each of these may carry, of what type and within what bounds, is
// one table in fields.go; which services a Task can call is another in
// integrations.go. The grammar is that of https://states-language.net/spec.html
// and https://docs.aws.amazon.com/step-functions/latest/dg/concepts-amazon-states-language.html.
//
// The package is pure: no I/O, no clock. What a machine does when it runs is
// the business of package interp below it.
package asl

import "github.com/stepworks/stepworks/local/internal/jsonvalue"

// QueryLanguage says how a state's expressions are written.
type QueryLanguage string

// The query languages.
const (
	JSONPath QueryLanguage = "JSONPath"
	JSONata  QueryLanguage = "JSONata"
)

// Type is the Type of a state.
type Type string

// The types of state.
const (
	TypeTask     Type = "Task"
	TypePass     Type = "Pass"
	TypeWait     Type = "Wait"
	TypeChoice   Type = "Choice"
	TypeParallel Type = "Parallel"
	TypeMap      Type = "Map"
	TypeSucceed  Type = "Succeed"
	TypeFail     Type = "Fail"
)

// Machine is a state machine's definition. It never changes once parsed, so
// any number of executions share one.
type Machine struct {
	Graph
	Comment        string
	QueryLanguage  QueryLanguage
	TimeoutSeconds int64 // of the whole execution; 0: none

	text   string
	states map[string]*State // all states, those of branches and processors too, by location
}

// Text returns the definition as it was given.
func (m *Machine) Text() string { return m.text }

// At returns the state at a location ([State].Location), or nil.
func (m *Machine) At(location string) *State { return m.states[location] }

// Graph is a set of states and where it starts: a machine, a branch of a
// Parallel, the item processor of a Map.
type Graph struct {
	StartAt string
	States  []*State // in the order of the definition

	byName map[string]*State
}

// State returns the state of that name, or nil.
func (g *Graph) State(name string) *State { return g.byName[name] }

// State is one state. Fields that its type or query language does not have are
// zero.
type State struct {
	Name     string
	Type     Type
	Location string // where it stands: "/States/Pay", "/States/P/Branches[0]/States/B"; / and ~ in names are ~1 and ~0
	Language QueryLanguage
	Comment  string

	Next string
	End  bool

	// The input and output processing of JSONPath states. A nil *Path is an
	// absent field, one whose Null is set a field that is null.
	InputPath, OutputPath, ResultPath *Path
	Parameters, ResultSelector        *Template

	// The processing of JSONata states.
	Arguments, Output *Template

	Assign *Template

	Retry []Retrier
	Catch []Catcher

	// What only one type of state has; the others are nil.
	Task     *Task
	Pass     *Pass
	Wait     *Wait
	Choice   *Choice
	Parallel *Parallel
	Map      *Map
	Fail     *Fail
}

// Task is what a Task state has of its own.
type Task struct {
	Resource    Resource
	Timeout     Operand // TimeoutSeconds or TimeoutSecondsPath
	Heartbeat   Operand
	Credentials *Template
}

// Pass is what a Pass state has of its own.
type Pass struct {
	Result    jsonvalue.Value
	HasResult bool // null is a result too
}

// Wait is what a Wait state has of its own; one of the two is given.
type Wait struct{ Seconds, Timestamp Operand }

// Choice is what a Choice state has of its own.
type Choice struct {
	Rules   []Rule
	Default string // "": none
}

// Parallel is what a Parallel state has of its own.
type Parallel struct{ Branches []*Graph }

// Map is what a Map state has of its own.
type Map struct {
	Processor     *Graph
	Distributed   bool
	ExecutionType string // of a distributed map's children: STANDARD or EXPRESS

	ItemsPath      *Path
	Items          *Template // JSONata
	ItemSelector   *Template
	MaxConcurrency Operand

	Reader                     *ItemReader
	Batcher                    *ItemBatcher
	Writer                     *ResultWriter
	Label                      string
	ToleratedFailureCount      Operand
	ToleratedFailurePercentage Operand
}

// ItemReader is where a distributed map's items come from.
type ItemReader struct {
	Resource   Resource
	Parameters *Template // Arguments in JSONata

	InputType, CSVHeaderLocation, CSVDelimiter string
	ManifestType, Transformation, ItemsPointer string
	CSVHeaders                                 []string
	MaxItems                                   Operand
}

// ItemBatcher groups a distributed map's items.
type ItemBatcher struct {
	MaxItems, MaxBytes Operand
	Input              *Template
}

// ResultWriter is where a distributed map's results go. Resource and
// Parameters may be missing when only the form of the results is configured.
type ResultWriter struct {
	Resource                   Resource
	Parameters                 *Template
	Transformation, OutputType string
}

// Fail is what a Fail state has of its own; either may be missing.
type Fail struct{ Error, Cause Operand }

// Retrier is one element of Retry. Absent numbers have AWS's defaults.
type Retrier struct {
	ErrorEquals     []string
	IntervalSeconds int64
	MaxAttempts     int64
	BackoffRate     float64
	MaxDelaySeconds int64 // 0: none
	Jitter          bool  // JitterStrategy FULL
}

// Catcher is one element of Catch.
type Catcher struct {
	ErrorEquals []string
	Next        string
	ResultPath  *Path
	Assign      *Template
	Output      *Template // JSONata
}

// Operand is a value that a definition gives as a literal ("Seconds"), by the
// path of a sibling field ("SecondsPath") or, in JSONata, as an expression.
type Operand struct {
	Field   string // the field that was given; "" when none was
	Literal jsonvalue.Value
	Path    *Path
	JSONata *Template
}

// Given reports whether the definition has the operand.
func (o Operand) Given() bool { return o.Field != "" }

// Processor returns the item processor of the Map state at a location as a
// machine of its own, which a map run's children execute; nil when there is no
// Map there.
func (m *Machine) Processor(location string) *Machine {
	s := m.states[location]
	if s == nil || s.Map == nil {
		return nil
	}
	return &Machine{Graph: *s.Map.Processor, QueryLanguage: m.QueryLanguage, text: m.text, states: m.states}
}
