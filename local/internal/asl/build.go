package asl

// This file defines how a Machine is built out of a definition that validation
// has accepted. Getters answer zero for what is absent; what they meet is of
// the right form.

import (
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// must unwraps what validation has tried before.
func must[T any](v T, err error) T {
	if err != nil {
		panic("asl: it passed validation: " + err.Error())
	}
	return v
}

// builder builds the states of one machine.
type builder struct {
	machine *Machine
}

func build(text string, doc *jsonvalue.Object) *Machine {
	m := &Machine{text: text, states: map[string]*State{}, QueryLanguage: JSONPath}
	m.Comment = str(doc, "Comment")
	m.TimeoutSeconds = whole(doc, "TimeoutSeconds", 0)
	if lang := str(doc, "QueryLanguage"); lang != "" {
		m.QueryLanguage = QueryLanguage(lang)
	}
	b := builder{m}
	m.Graph = *b.graph(doc, nil)
	return m
}

func str(o *jsonvalue.Object, name string) string {
	v, _ := o.Get(name)
	s, _ := v.(string)
	return s
}

func whole(o *jsonvalue.Object, name string, absent int64) int64 {
	v, ok := o.Get(name)
	if !ok {
		return absent
	}
	n, _ := v.(jsonvalue.Number)
	i, _ := n.Int64()
	return i
}

func child(o *jsonvalue.Object, name string) *jsonvalue.Object {
	v, _ := o.Get(name)
	c, _ := v.(*jsonvalue.Object)
	return c
}

func elements(o *jsonvalue.Object, name string) []any {
	v, _ := o.Get(name)
	a, _ := v.([]any)
	return a
}

func textsOf(o *jsonvalue.Object, name string) []string {
	var out []string
	for _, v := range elements(o, name) {
		s, _ := v.(string)
		out = append(out, s)
	}
	return out
}

func (b builder) graph(o *jsonvalue.Object, at *place) *Graph {
	g := &Graph{StartAt: str(o, "StartAt"), byName: map[string]*State{}}
	for name, v := range child(o, "States").All() {
		s := b.state(name, v.(*jsonvalue.Object), at.at("States").at(name))
		g.States = append(g.States, s)
		g.byName[name] = s
	}
	return g
}

func (b builder) state(name string, o *jsonvalue.Object, at *place) *State {
	s := &State{
		Name: name, Type: Type(str(o, "Type")), Location: at.key(), Language: b.machine.QueryLanguage,
		Comment: str(o, "Comment"), Next: str(o, "Next"),
	}
	if lang := str(o, "QueryLanguage"); lang != "" {
		s.Language = QueryLanguage(lang)
	}
	end, _ := o.Get("End")
	s.End = end == true
	b.processing(s, o)
	b.own(s, o, at)
	b.machine.states[s.Location] = s
	return s
}

// processing builds what states of several types share.
func (b builder) processing(s *State, o *jsonvalue.Object) {
	tmpl := func(name string) *Template { return templateOf(o, name, s.Language) }
	s.InputPath, s.OutputPath = pathOf(o, "InputPath"), pathOf(o, "OutputPath")
	s.Parameters, s.ResultSelector = tmpl("Parameters"), tmpl("ResultSelector")
	s.ResultPath = resultPathOf(o)
	s.Arguments, s.Output, s.Assign = tmpl("Arguments"), tmpl("Output"), tmpl("Assign")
	for _, v := range elements(o, "Retry") {
		s.Retry = append(s.Retry, retrier(v.(*jsonvalue.Object)))
	}
	for _, v := range elements(o, "Catch") {
		c := v.(*jsonvalue.Object)
		s.Catch = append(s.Catch, Catcher{
			ErrorEquals: textsOf(c, "ErrorEquals"), Next: str(c, "Next"), ResultPath: resultPathOf(c),
			Assign: templateOf(c, "Assign", s.Language), Output: templateOf(c, "Output", s.Language),
		})
	}
}

// retrier has AWS's defaults for absent fields:
// https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
func retrier(o *jsonvalue.Object) Retrier {
	r := Retrier{
		ErrorEquals: textsOf(o, "ErrorEquals"), IntervalSeconds: whole(o, "IntervalSeconds", 1),
		MaxAttempts: whole(o, "MaxAttempts", 3), BackoffRate: 2, MaxDelaySeconds: whole(o, "MaxDelaySeconds", 0),
		Jitter: str(o, "JitterStrategy") == "FULL",
	}
	if v, ok := o.Get("BackoffRate"); ok {
		r.BackoffRate, _ = v.(jsonvalue.Number).Float64()
	}
	return r
}

// own builds what the state's type alone has.
func (b builder) own(s *State, o *jsonvalue.Object, at *place) {
	switch s.Type {
	case TypeTask:
		r, _ := parseResource(str(o, "Resource"), inTask)
		s.Task = &Task{
			Resource: r, Timeout: operandOf(o, "TimeoutSeconds", s.Language),
			Heartbeat:   operandOf(o, "HeartbeatSeconds", s.Language),
			Credentials: templateOf(o, "Credentials", s.Language),
		}
	case TypePass:
		result, has := o.Get("Result")
		s.Pass = &Pass{Result: result, HasResult: has}
	case TypeWait:
		s.Wait = &Wait{Seconds: operandOf(o, "Seconds", s.Language), Timestamp: operandOf(o, "Timestamp", s.Language)}
	case TypeChoice:
		s.Choice = b.choice(o, s.Language)
	case TypeParallel:
		s.Parallel = &Parallel{}
		for i, v := range elements(o, "Branches") {
			s.Parallel.Branches = append(s.Parallel.Branches, b.graph(v.(*jsonvalue.Object), at.at("Branches").item(i)))
		}
	case TypeMap:
		s.Map = b.mapState(s, o, at)
	case TypeFail:
		s.Fail = &Fail{Error: operandOf(o, "Error", s.Language), Cause: operandOf(o, "Cause", s.Language)}
	}
}

func (b builder) choice(o *jsonvalue.Object, lang QueryLanguage) *Choice {
	c := &Choice{Default: str(o, "Default")}
	for _, v := range elements(o, "Choices") {
		rule := v.(*jsonvalue.Object)
		r := Rule{Next: str(rule, "Next"), Assign: templateOf(rule, "Assign", lang), Output: templateOf(rule, "Output", lang)}
		if lang == JSONata {
			r.Condition = templateOf(rule, "Condition", lang)
		} else {
			r.Test = buildTest(rule)
		}
		c.Rules = append(c.Rules, r)
	}
	return c
}

func (b builder) mapState(s *State, o *jsonvalue.Object, at *place) *Map {
	name, processor := processorOf(o)
	m := &Map{
		Processor: b.graph(processor, at.at(name)), Distributed: isDistributed(o),
		ExecutionType: str(child(processor, "ProcessorConfig"), "ExecutionType"),
		ItemsPath:     pathOf(o, "ItemsPath"), Items: templateOf(o, "Items", s.Language),
		ItemSelector:               templateOf(o, "ItemSelector", s.Language),
		MaxConcurrency:             operandOf(o, "MaxConcurrency", s.Language),
		Label:                      str(o, "Label"),
		ToleratedFailureCount:      operandOf(o, "ToleratedFailureCount", s.Language),
		ToleratedFailurePercentage: operandOf(o, "ToleratedFailurePercentage", s.Language),
		Reader:                     readerOf(child(o, "ItemReader"), s.Language),
		Writer:                     writerOf(child(o, "ResultWriter"), s.Language),
	}
	if m.ExecutionType == "" {
		m.ExecutionType = string(Standard)
	}
	if s.Parameters != nil { // the old name of ItemSelector
		m.ItemSelector, s.Parameters = s.Parameters, nil
	}
	if batcher := child(o, "ItemBatcher"); batcher != nil {
		m.Batcher = &ItemBatcher{
			MaxItems: operandOf(batcher, "MaxItemsPerBatch", s.Language),
			MaxBytes: operandOf(batcher, "MaxInputBytesPerBatch", s.Language),
			Input:    templateOf(batcher, "BatchInput", s.Language),
		}
	}
	return m
}

func readerOf(o *jsonvalue.Object, lang QueryLanguage) *ItemReader {
	if o == nil {
		return nil
	}
	r, _ := parseResource(str(o, "Resource"), inReader)
	config := child(o, "ReaderConfig")
	return &ItemReader{
		Resource: r, Parameters: argumentsOf(o, lang),
		InputType: str(config, "InputType"), CSVHeaderLocation: str(config, "CSVHeaderLocation"),
		CSVDelimiter: str(config, "CSVDelimiter"), ManifestType: str(config, "ManifestType"),
		Transformation: str(config, "Transformation"), ItemsPointer: str(config, "ItemsPointer"),
		CSVHeaders: textsOf(config, "CSVHeaders"), MaxItems: operandOf(config, "MaxItems", lang),
	}
}

func writerOf(o *jsonvalue.Object, lang QueryLanguage) *ResultWriter {
	if o == nil {
		return nil
	}
	r, _ := parseResource(str(o, "Resource"), inWriter)
	config := child(o, "WriterConfig")
	return &ResultWriter{
		Resource: r, Parameters: argumentsOf(o, lang),
		Transformation: str(config, "Transformation"), OutputType: str(config, "OutputType"),
	}
}

func argumentsOf(o *jsonvalue.Object, lang QueryLanguage) *Template {
	if lang == JSONata {
		return templateOf(o, "Arguments", lang)
	}
	return templateOf(o, "Parameters", lang)
}

func templateOf(o *jsonvalue.Object, name string, lang QueryLanguage) *Template {
	v, ok := o.Get(name)
	if !ok {
		return nil
	}
	return newTemplate(v, lang)
}

func pathOf(o *jsonvalue.Object, name string) *Path {
	v, ok := o.Get(name)
	if !ok {
		return nil
	}
	if v == nil {
		return &Path{Null: true}
	}
	return must(parsePath(v.(string)))
}

func resultPathOf(o *jsonvalue.Object) *Path {
	v, ok := o.Get("ResultPath")
	if !ok {
		return nil
	}
	if v == nil {
		return &Path{Null: true}
	}
	return must(parseReference(v.(string)))
}

// operandOf builds the operand that a field or its ...Path sibling gives.
func operandOf(o *jsonvalue.Object, name string, lang QueryLanguage) Operand {
	if v, ok := o.Get(name); ok {
		op := Operand{Field: name, Literal: v}
		if t := newTemplate(v, lang); !t.IsLiteral() {
			op.Literal, op.JSONata = nil, t
		}
		return op
	}
	if v, ok := o.Get(name + "Path"); ok {
		return Operand{Field: name + "Path", Path: must(parseExpr(v.(string)))}
	}
	return Operand{}
}
