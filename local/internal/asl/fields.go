package asl

// This file defines which fields the objects of a definition may carry: one
// table, read by the validation in schema.go.
// https://states-language.net/spec.html#state-type-table

import "slices"

// object is a kind of JSON object in a definition. The kinds are bits, so that
// one row of the table can speak of several.
type object uint32

const (
	inMachine object = 1 << iota
	inBranch
	inProcessor
	inTask
	inPass
	inWait
	inChoice
	inParallel
	inMap
	inSucceed
	inFail
	inRetrier
	inCatcher
	inRule // an element of Choices
	inTest // a test inside And, Or and Not: a rule without a transition
	inReader
	inReaderConfig
	inBatcher
	inWriter
	inWriterConfig
	inProcessorConfig
)

const (
	anyState    = inTask | inPass | inWait | inChoice | inParallel | inMap | inSucceed | inFail
	goingOn     = inTask | inPass | inWait | inParallel | inMap // has Next or End
	withResult  = inTask | inParallel | inMap
	withTest    = inRule | inTest
	anyGraph    = inMachine | inBranch | inProcessor
	everyObject = object(1)<<31 - 1
)

// stateObjects are the kinds of object that states are, in the order in which
// AWS lists the values of Type.
var stateObjects = []struct {
	name Type
	kind object
}{
	{TypeTask, inTask}, {TypeWait, inWait}, {TypePass, inPass}, {TypeSucceed, inSucceed},
	{TypeFail, inFail}, {TypeChoice, inChoice}, {TypeParallel, inParallel}, {TypeMap, inMap},
}

// form is what a field's value must look like.
type form int

const (
	anything form = iota
	text
	pathless // a string that has a ...Path sibling
	boolean
	integer
	number
	words      // an array of strings
	oneOf      // a string out of the row's values
	states     // the States object
	list       // an array of objects of the row's kind
	nested     // an object of the row's kind
	path       // a JSONPath
	pathOrNull // the same, or null for the empty object
	source     // a JSONPath that leads to one value
	sourceCall // a JSONPath or a call of an intrinsic function
	resultPath // a reference path or null
	template   // any value, with expressions
	objectOnly // an object, with expressions
	variables  // an object whose names are variables, with expressions
	time       // an ISO 8601 time
	resource   // an ARN that names work
	target     // the name of a state of the same graph
	label
)

// field is one row of the table.
type field struct {
	name     string
	in       object
	form     form
	only     QueryLanguage // "": both
	dynamic  bool          // JSONata may give it as {% expression %}
	required bool
	of       object   // list, nested
	values   []string // oneOf
	min, max float64  // integer, number; max 0: none
}

// maxSeconds is AWS's greatest number of seconds anywhere in a definition.
const maxSeconds = 99999999

var fields = []field{
	{name: "StartAt", in: anyGraph, form: target, required: true},
	{name: "States", in: anyGraph, form: states, required: true},
	{name: "Comment", in: everyObject &^ inProcessorConfig, form: text},
	{name: "Version", in: inMachine, form: oneOf, values: []string{"1.0"}},
	{name: "TimeoutSeconds", in: inMachine, form: integer, min: 1, max: maxSeconds},
	{name: "QueryLanguage", in: inMachine | anyState, form: oneOf, values: []string{"JSONPath", "JSONata"}},
	{name: "ProcessorConfig", in: inProcessor, form: nested, of: inProcessorConfig},
	{name: "Mode", in: inProcessorConfig, form: oneOf, values: []string{"INLINE", "DISTRIBUTED"}},
	{name: "ExecutionType", in: inProcessorConfig, form: oneOf, values: []string{"STANDARD", "EXPRESS"}},

	{name: "Type", in: anyState, form: anything, required: true}, // checked before all others
	{name: "Next", in: goingOn, form: target},
	{name: "End", in: goingOn, form: boolean},
	{name: "InputPath", in: anyState &^ inFail, form: pathOrNull, only: JSONPath},
	{name: "OutputPath", in: anyState &^ inFail, form: pathOrNull, only: JSONPath},
	{name: "Parameters", in: withResult | inPass, form: template, only: JSONPath},
	{name: "ResultSelector", in: withResult, form: template, only: JSONPath},
	{name: "ResultPath", in: withResult | inPass | inCatcher, form: resultPath, only: JSONPath},
	{name: "Arguments", in: inTask | inParallel, form: template, only: JSONata},
	{name: "Output", in: anyState&^inFail | inCatcher | inRule, form: template, only: JSONata},
	{name: "Assign", in: anyState&^(inSucceed|inFail) | inCatcher | inRule, form: variables},
	{name: "Retry", in: withResult, form: list, of: inRetrier},
	{name: "Catch", in: withResult, form: list, of: inCatcher},

	{name: "Resource", in: inTask | inReader, form: resource, required: true},
	{name: "Resource", in: inWriter, form: resource},
	{name: "TimeoutSeconds", in: inTask, form: integer, min: 1, max: maxSeconds, dynamic: true},
	{name: "TimeoutSecondsPath", in: inTask, form: source, only: JSONPath},
	{name: "HeartbeatSeconds", in: inTask, form: integer, min: 1, max: maxSeconds, dynamic: true},
	{name: "HeartbeatSecondsPath", in: inTask, form: source, only: JSONPath},
	{name: "Credentials", in: inTask, form: objectOnly, dynamic: true},

	{name: "Result", in: inPass, form: anything, only: JSONPath},

	{name: "Seconds", in: inWait, form: integer, min: 0, max: maxSeconds, dynamic: true},
	{name: "SecondsPath", in: inWait, form: source, only: JSONPath},
	{name: "Timestamp", in: inWait, form: time, dynamic: true},
	{name: "TimestampPath", in: inWait, form: source, only: JSONPath},

	{name: "Choices", in: inChoice, form: list, of: inRule, required: true},
	{name: "Default", in: inChoice, form: target},
	{name: "Next", in: inRule | inCatcher, form: target, required: true},
	{name: "Condition", in: inRule, form: template, only: JSONata},
	{name: "Variable", in: withTest, form: source, only: JSONPath},
	{name: "And", in: withTest, form: list, of: inTest, only: JSONPath},
	{name: "Or", in: withTest, form: list, of: inTest, only: JSONPath},
	{name: "Not", in: withTest, form: nested, of: inTest, only: JSONPath},

	{name: "Branches", in: inParallel, form: list, of: inBranch, required: true},

	{name: "ItemProcessor", in: inMap, form: nested, of: inProcessor},
	{name: "Iterator", in: inMap, form: nested, of: inProcessor},
	{name: "ItemsPath", in: inMap, form: path, only: JSONPath},
	{name: "Items", in: inMap, form: template, only: JSONata},
	{name: "ItemSelector", in: inMap, form: template},
	{name: "MaxConcurrency", in: inMap, form: integer, min: 0, dynamic: true},
	{name: "MaxConcurrencyPath", in: inMap, form: source, only: JSONPath},
	{name: "ItemReader", in: inMap, form: nested, of: inReader},
	{name: "ItemBatcher", in: inMap, form: nested, of: inBatcher},
	{name: "ResultWriter", in: inMap, form: nested, of: inWriter},
	{name: "Label", in: inMap, form: label},
	{name: "ToleratedFailureCount", in: inMap, form: integer, min: 0, dynamic: true},
	{name: "ToleratedFailureCountPath", in: inMap, form: source, only: JSONPath},
	{name: "ToleratedFailurePercentage", in: inMap, form: number, min: 0, max: 100, dynamic: true},
	{name: "ToleratedFailurePercentagePath", in: inMap, form: source, only: JSONPath},

	{name: "Parameters", in: inReader | inWriter, form: objectOnly, only: JSONPath},
	{name: "Arguments", in: inReader | inWriter, form: template, only: JSONata},
	{name: "ReaderConfig", in: inReader, form: nested, of: inReaderConfig},
	{name: "InputType", in: inReaderConfig, form: oneOf, values: []string{"CSV", "JSON", "JSONL", "MANIFEST", "PARQUET"}},
	{name: "CSVHeaderLocation", in: inReaderConfig, form: oneOf, values: []string{"FIRST_ROW", "GIVEN"}},
	{name: "CSVHeaders", in: inReaderConfig, form: words},
	{name: "CSVDelimiter", in: inReaderConfig, form: oneOf, values: []string{"COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"}},
	{name: "ManifestType", in: inReaderConfig, form: oneOf, values: []string{"S3_INVENTORY", "ATHENA_DATA"}},
	{name: "Transformation", in: inReaderConfig, form: oneOf, values: []string{"NONE", "LOAD_AND_FLATTEN"}},
	{name: "ItemsPointer", in: inReaderConfig, form: text},
	{name: "MaxItems", in: inReaderConfig, form: integer, min: 0, max: 100000000, dynamic: true},
	{name: "MaxItemsPath", in: inReaderConfig, form: source, only: JSONPath},

	{name: "MaxItemsPerBatch", in: inBatcher, form: integer, min: 1, dynamic: true},
	{name: "MaxItemsPerBatchPath", in: inBatcher, form: source, only: JSONPath},
	{name: "MaxInputBytesPerBatch", in: inBatcher, form: integer, min: 1, max: 262144, dynamic: true},
	{name: "MaxInputBytesPerBatchPath", in: inBatcher, form: source, only: JSONPath},
	{name: "BatchInput", in: inBatcher, form: template},

	{name: "WriterConfig", in: inWriter, form: nested, of: inWriterConfig},
	{name: "Transformation", in: inWriterConfig, form: oneOf, values: []string{"NONE", "COMPACT", "FLATTEN"}},
	{name: "OutputType", in: inWriterConfig, form: oneOf, values: []string{"JSON", "JSONL"}},

	{name: "Error", in: inFail, form: pathless, dynamic: true},
	{name: "ErrorPath", in: inFail, form: sourceCall, only: JSONPath},
	{name: "Cause", in: inFail, form: pathless, dynamic: true},
	{name: "CausePath", in: inFail, form: sourceCall, only: JSONPath},

	{name: "ErrorEquals", in: inRetrier | inCatcher, form: words, required: true},
	{name: "IntervalSeconds", in: inRetrier, form: integer, min: 1, max: maxSeconds},
	{name: "MaxAttempts", in: inRetrier, form: integer, min: 0, max: maxSeconds},
	{name: "BackoffRate", in: inRetrier, form: number, min: 1},
	{name: "MaxDelaySeconds", in: inRetrier, form: integer, min: 1, max: 31622400},
	{name: "JitterStrategy", in: inRetrier, form: oneOf, values: []string{"FULL", "NONE"}},
}

// group is a set of fields of which an object may have one at most.
type group struct {
	in       object
	names    []string
	required bool // and must have one
}

var groups = []group{
	{in: goingOn, names: []string{"Next", "End"}, required: true},
	{in: inTask, names: []string{"TimeoutSeconds", "TimeoutSecondsPath"}},
	{in: inTask, names: []string{"HeartbeatSeconds", "HeartbeatSecondsPath"}},
	{in: inWait, names: []string{"Seconds", "SecondsPath", "Timestamp", "TimestampPath"}, required: true},
	{in: inMap, names: []string{"ItemProcessor", "Iterator"}, required: true},
	{in: inMap, names: []string{"ItemSelector", "Parameters"}},
	{in: inMap, names: []string{"MaxConcurrency", "MaxConcurrencyPath"}},
	{in: inMap, names: []string{"ToleratedFailureCount", "ToleratedFailureCountPath"}},
	{in: inMap, names: []string{"ToleratedFailurePercentage", "ToleratedFailurePercentagePath"}},
	{in: inReaderConfig, names: []string{"MaxItems", "MaxItemsPath"}},
	{in: inBatcher, names: []string{"MaxItemsPerBatch", "MaxItemsPerBatchPath"}},
	{in: inBatcher, names: []string{"MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath"}},
	{in: inFail, names: []string{"Error", "ErrorPath"}},
	{in: inFail, names: []string{"Cause", "CausePath"}},
}

// distributedOnly are the fields of a Map that need Mode DISTRIBUTED.
// https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
var distributedOnly = []string{
	"ItemReader", "ItemBatcher", "ResultWriter", "Label",
	"ToleratedFailureCount", "ToleratedFailureCountPath", "ToleratedFailurePercentage", "ToleratedFailurePercentagePath",
}

// fieldsOf finds rows by kind of object and name.
var fieldsOf = func() map[object]map[string]*field {
	index := map[object]map[string]*field{}
	for kind := inMachine; kind <= inProcessorConfig; kind <<= 1 {
		index[kind] = map[string]*field{}
		for i := range fields {
			if fields[i].in&kind != 0 {
				index[kind][fields[i].name] = &fields[i]
			}
		}
	}
	return index
}()

// requiredOf lists what an object must have, in the order AWS tells it: for a
// machine "[States, StartAt]" (conformance case EMPTY_DICT).
func requiredOf(kind object) []string {
	if kind&anyGraph != 0 {
		return []string{"States", "StartAt"}
	}
	var names []string
	for _, f := range fields {
		if f.in&kind != 0 && f.required && !slices.Contains(names, f.name) {
			names = append(names, f.name)
		}
	}
	return names
}
