package stack

// This file defines deploying a template from the local disk: what `sam build`
// and `sam deploy` do together on AWS.

import (
	"context"
	"crypto/sha256"
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
	// Unbuilt, unless empty, is why functions are not built: what whoever invokes one
	// is told.
	Unbuilt string
	// Step is told each resource that is there, of so many. It may be nil.
	Step func(done, of int, name string)
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
	wanted, err := s.load(d, text, nil)
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
	if local.code, err = s.services.build(ctx, local.dir, wanted.Resources, d); err != nil {
		return err
	}
	// Names of versions tell one state of the code from another, so the stack is
	// made again now that there is code.
	if wanted, err = s.load(d, text, local.digest); err != nil {
		return err
	}
	built := time.Now()
	var events []cloudformation.Event
	_, err = s.cfn.Deploy(ctx, cloudformation.Deployment{Stack: Name, Wanted: wanted, Adapt: local.adapt, Source: cloudformation.Source{Template: string(text), Capabilities: wanted.Capabilities()},
		Progress: func(e cloudformation.Event) {
			events = append(events, e)
			if done := e.Status == "CREATE_COMPLETE" || e.Status == "UPDATE_COMPLETE"; done && d.Step != nil {
				d.Step(min(len(events), len(wanted.Resources)), len(wanted.Resources), e.LogicalID)
			}
		}})
	if err != nil {
		return err
	}
	s.deployed = wanted.Resources
	if d.Progress != nil {
		_, _ = fmt.Fprintf(d.Progress, "built %d functions in %.1f s, deployed %s in %.2f s: %s\n", len(local.code), built.Sub(began).Seconds(),
			d.Template, time.Since(built).Seconds(), cloudformation.Summary(events))
	}
	return nil
}

// load reads the template with the parameters of d and, of those preferred, what
// the template has.
func (s *Stack) load(d Deployment, text []byte, digest func(template.Local) string) (*template.Stack, error) {
	given := map[string]string{}
	if parsed, err := template.Parse(d.Template, text); err == nil { // if not, Load tells all that is wrong
		for _, p := range parsed.Parameters {
			if v, ok := d.Preferred[p.Name]; ok {
				given[p.Name] = v
			}
		}
	}
	maps.Copy(given, d.Parameters)
	env, err := s.cfn.Environment(Name, given)
	if err != nil {
		return nil, err
	}
	env.CodeDigest = digest
	return template.Load(d.Template, text, env)
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

// digest tells one state of a function's program from another.
func (l *localFiles) digest(of template.Local) string {
	path, _ := l.code[of.Source].Get("LocalPath") // a function keeps its logical id
	name, _ := path.(string)
	program, err := os.ReadFile(name) //nolint:gosec // a program that was just built
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%x", sha256.Sum256(program))
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
