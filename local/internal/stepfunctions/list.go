package stepfunctions

// This file defines ListStateMachines, DescribeStateMachineForExecution and
// ValidateStateMachineDefinition.

import (
	"context"
	"encoding/json"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/store"
)

type listMachinesInput struct {
	MaxResults int    `json:"maxResults" check:"min=0,max=1000"`
	NextToken  string `json:"nextToken" check:"min=1,max=1024"`
}

type listedMachine struct {
	StateMachineArn string       `json:"stateMachineArn"`
	Name            string       `json:"name"`
	Type            string       `json:"type"`
	CreationDate    awswire.Time `json:"creationDate"`
}

type listMachinesOutput struct {
	StateMachines []listedMachine `json:"stateMachines"`
	NextToken     string          `json:"nextToken,omitzero"`
}

// listMachines tells them by name.
func (s *Service) listMachines(_ context.Context, in *listMachinesInput) (*listMachinesOutput, error) {
	out := new(listMachinesOutput)
	return out, s.Store.View(func(r store.Reader) error {
		var err error
		out.StateMachines, out.NextToken, err = pageForward(r, bucketMachine, "", "", in.NextToken, pageSize(in.MaxResults), func(_ string, text []byte) (listedMachine, bool) {
			var m machine
			ok := json.Unmarshal(text, &m) == nil
			return listedMachine{s.arn(kindMachine, m.Name), m.Name, m.Type, atMillis(m.Created)}, ok
		})
		return err
	})
}

type describeForExecutionInput struct {
	ExecutionArn string `json:"executionArn" check:"required,min=1,max=256"`
	IncludedData string `json:"includedData" check:"enum=ALL_DATA|METADATA_ONLY"`
}

type describeForExecutionOutput struct {
	StateMachineArn         string                   `json:"stateMachineArn"`
	Name                    string                   `json:"name"`
	Definition              string                   `json:"definition"`
	RoleArn                 string                   `json:"roleArn"`
	UpdateDate              awswire.Time             `json:"updateDate"`
	LoggingConfiguration    *loggingConfiguration    `json:"loggingConfiguration"`
	TracingConfiguration    *tracingConfiguration    `json:"tracingConfiguration"`
	EncryptionConfiguration *encryptionConfiguration `json:"encryptionConfiguration"`
	MapRunArn               string                   `json:"mapRunArn,omitzero"`
	Label                   string                   `json:"label,omitzero"`
	RevisionID              string                   `json:"revisionId,omitzero"`
	VariableReferences      map[string][]string      `json:"variableReferences,omitempty"`
}

// describeForExecution tells the definition and role that an execution began
// with, whatever its machine has become since.
func (s *Service) describeForExecution(_ context.Context, in *describeForExecutionInput) (*describeForExecutionOutput, error) {
	var out *describeForExecutionOutput
	err := s.withExecution(in.ExecutionArn, func(r store.Reader, rec *record) error {
		def, err := s.definitionFor(rec)
		if err != nil {
			return err
		}
		name, label := splitLabel(rec.Machine)
		out = &describeForExecutionOutput{StateMachineArn: rec.MachineARN, Name: name, Definition: def.Text(), RoleArn: rec.RoleARN,
			UpdateDate: atMillis(rec.Start), MapRunArn: rec.MapRun, Label: label, VariableReferences: variableReferences(def.Text())}
		if m := s.machines.get(name); m != nil {
			logging := m.Logging
			out.LoggingConfiguration, out.TracingConfiguration, out.EncryptionConfiguration = &logging, &m.Tracing, &m.Encryption
			out.RevisionID, out.UpdateDate = m.Revision, atMillis(max(m.Created, m.Updated))
		}
		return nil
	})
	if err == nil && in.IncludedData == "METADATA_ONLY" {
		out.Definition, out.VariableReferences = "", nil
	}
	return out, err
}

type validateInput struct {
	Definition string `json:"definition" check:"required,min=1,max=1048576"`
	Type       string `json:"type" check:"enum=STANDARD|EXPRESS"`
	Severity   string `json:"severity" check:"enum=ERROR|WARNING"`
	MaxResults int    `json:"maxResults" check:"min=0,max=100"`
}

type diagnostic struct {
	Severity string `json:"severity"`
	Code     string `json:"code"`
	Message  string `json:"message"`
	Location string `json:"location,omitzero"`
}

type validateOutput struct {
	Result      string       `json:"result"`
	Diagnostics []diagnostic `json:"diagnostics"`
	Truncated   bool         `json:"truncated"`
}

// validate tells all that is wrong with a definition; warnings only when asked.
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinition.html
func (s *Service) validate(_ context.Context, in *validateInput) (*validateOutput, error) {
	t := asl.Standard
	if in.Type == "EXPRESS" {
		t = asl.Express
	}
	out := &validateOutput{Result: "OK", Diagnostics: []diagnostic{}}
	for _, f := range asl.Validate(in.Definition, t) {
		severity := "ERROR"
		if f.Warning {
			severity = "WARNING"
		} else {
			out.Result = "FAIL"
		}
		if f.Warning && in.Severity != "WARNING" {
			continue
		}
		if len(out.Diagnostics) == pageSize(in.MaxResults) {
			out.Truncated = true
			break
		}
		out.Diagnostics = append(out.Diagnostics, diagnostic{severity, f.Code, f.Message, f.Location})
	}
	return out, nil
}
