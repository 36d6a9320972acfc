package stack

// This file defines deploying a template from the local disk: what `sam build`
// and `sam deploy` do together on AWS.

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"time"

	"github.com/stepworks/stepworks/local/internal/cloudformation"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/template"
)

// Name is the name of the stack that `up` and `run` deploy.
const Name = "stepworks"

// Deployment is what to deploy.
type Deployment struct {
	Template   string // file
	Parameters map[string]string
	// Preferred are values for parameters that the template may have; those in
	// Parameters win.
	Preferred map[string]string
	Progress  io.Writer
}

// Deploy builds the template's functions and brings the stack to what the
// template says. A fault in the template, a state machine or a function is told
// with file and line, and nothing is deployed then.
func (s *Stack) Deploy(ctx context.Context, d Deployment) error {
	began := time.Now()
	text, err := os.ReadFile(d.Template)
	if err != nil {
		return fmt.Errorf("the template cannot be read: give one with --template: %w", err)
	}
	parsed, err := template.Parse(d.Template, text)
	if err != nil {
		return err
	}
	wanted, err := template.New(parsed, s.cfn.Environment(Name, d.parameters(parsed)))
	if err != nil {
		return err
	}
	if err := cloudformation.Unsupported(wanted); err != nil {
		return err
	}
	local := &localFiles{dir: filepath.Dir(d.Template)}
	if err := local.read(wanted); err != nil {
		return err
	}
	if local.code, err = s.services.build(ctx, local.dir, wanted.Resources, d.Progress); err != nil {
		return err
	}
	built := time.Now()
	var events []cloudformation.Event
	_, err = s.cfn.Deploy(ctx, cloudformation.Deployment{Stack: Name, Wanted: wanted, Adapt: local.adapt,
		Progress: func(e cloudformation.Event) { events = append(events, e) }})
	if err != nil {
		return err
	}
	if d.Progress != nil {
		_, _ = fmt.Fprintf(d.Progress, "built %d functions in %.1f s, deployed %s in %.2f s: %s\n", len(local.code), built.Sub(began).Seconds(),
			d.Template, time.Since(built).Seconds(), cloudformation.Summary(events))
	}
	return nil
}

// parameters are those given and, of those preferred, what the template has.
func (d Deployment) parameters(t *template.Template) map[string]string {
	all := map[string]string{}
	for _, p := range t.Parameters {
		if v, ok := d.Preferred[p.Name]; ok {
			all[p.Name] = v
		}
	}
	maps.Copy(all, d.Parameters)
	return all
}

// localFiles are the files that a template's resources refer to.
type localFiles struct {
	dir         string
	definitions map[string]string            // logical id -> text
	code        map[string]*jsonvalue.Object // logical id -> Code property
}

// read reads every state machine definition, so that a missing or broken one is
// told before anything is built.
func (l *localFiles) read(wanted *template.Stack) error {
	l.definitions = map[string]string{}
	for _, r := range wanted.Resources {
		if r.Local.Property != "Definition" {
			continue
		}
		path := filepath.Join(l.dir, filepath.FromSlash(r.Local.Path))
		text, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("%s:%d: %s: the definition cannot be read: %w", wanted.Template.File, r.At.Line, r.LogicalID, err)
		}
		if err := checkDefinition(path, text); err != nil {
			return err
		}
		l.definitions[r.LogicalID] = string(text)
	}
	return nil
}

// adapt puts local content in the place of the properties that refer to it.
func (l *localFiles) adapt(r *template.Resource, properties *jsonvalue.Object) (*jsonvalue.Object, error) {
	switch r.Local.Property {
	case "Definition":
		return properties.With("DefinitionString", l.definitions[r.LogicalID]), nil
	case "Code":
		code, ok := l.code[r.LogicalID]
		if !ok {
			return nil, fmt.Errorf("no code was built for it")
		}
		return properties.With("Code", code), nil
	}
	return properties, nil
}
