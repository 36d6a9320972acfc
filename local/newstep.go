package main

// This file defines `new step`: a step's folder, test and sample, as the
// conventions want them.

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"go/format"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"
)

//go:embed templates/step
var stepTemplates embed.FS

type newCommand struct {
	Step newStepCommand `cmd:"" help:"Make a function: folder, handler, test and sample event, and print what belongs into the template."`
}

type newStepCommand struct {
	output
	Name string `arg:"" help:"DOMAIN/NAME, such as orders/thankCustomer; the name is a verb and what it is done to."`
}

var stepName = regexp.MustCompile(`^([a-z]+)/([a-z][a-zA-Z0-9]*)$`)

// Run writes the files; it overwrites none.
func (c *newStepCommand) Run(context.Context) error {
	m := stepName.FindStringSubmatch(c.Name)
	if m == nil {
		return fmt.Errorf("%q is no step: give DOMAIN/NAME such as orders/thankCustomer", c.Name)
	}
	module, err := moduleName()
	if err != nil {
		return err
	}
	step := map[string]string{"Module": module, "Domain": m[1], "Name": m[2], "Title": strings.ToUpper(m[2][:1]) + m[2][1:], "Physical": kebab(m[2])}
	dir := filepath.Join("functions", m[1], m[2])
	sample := filepath.Join("events", m[2]+".json")
	for _, path := range []string{dir, sample} {
		if _, err := os.Stat(path); err == nil {
			return fmt.Errorf("%s is there already: nothing was written", path)
		}
	}
	for name, path := range map[string]string{"main.go": filepath.Join(dir, "main.go"), "handler.go": filepath.Join(dir, "handler.go"), "handler_test.go": filepath.Join(dir, "handler_test.go"), "sample.json": sample} {
		if err := writeStep(name, path, step); err != nil {
			return err
		}
	}
	text, err := stepText("resources.yaml", step)
	if c.JSON && err == nil {
		return printJSON(madeStep{dir, sample, step["Title"] + "Function", string(text)})
	}
	fmt.Printf("wrote %s and %s; try: go test ./functions/%s/...\n\nInto template.yaml, the section of %s:\n\n%s", dir, sample, c.Name, m[1], text)
	return err
}

// madeStep says what was made, and what is still to be put into the template.
type madeStep struct {
	Folder     string `json:"folder"`
	Sample     string `json:"sample"`
	LogicalID  string `json:"logicalId"`
	ToTemplate string `json:"toTemplate"`
}

// moduleName is the module of the repository that the command runs in.
func moduleName() (string, error) {
	text, err := os.ReadFile("go.mod")
	if errors.Is(err, fs.ErrNotExist) {
		return "", errors.New("there is no go.mod here: run this at the root of the repository")
	}
	first, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSpace(strings.TrimPrefix(first, "module ")), err
}

func stepText(name string, step map[string]string) ([]byte, error) {
	t, err := template.New("").Delims("<<", ">>").ParseFS(stepTemplates, "templates/step/"+name+".tmpl")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.ExecuteTemplate(&b, name+".tmpl", step)
	return b.Bytes(), err
}

func writeStep(name, path string, step map[string]string) error {
	text, err := stepText(name, step)
	if err == nil && strings.HasSuffix(name, ".go") {
		text, err = format.Source(text)
	}
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

var hump = regexp.MustCompile(`[A-Z]`)

// kebab turns thankCustomer into thank-customer.
func kebab(name string) string {
	return strings.ToLower(hump.ReplaceAllString(name, "-$0"))
}
