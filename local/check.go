package main

// This file defines `check`: everything that can be found wrong with a template
// and with state machines before anything runs.

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/stepworks/stepworks/local/internal/stack"
)

type checkCommand struct {
	where
	output
	Files []string `arg:"" optional:"" help:"State machine definitions (*.asl.json) or templates; without any, the template and all its machines."`
}

// Run prints every fault with file, line and place.
func (c *checkCommand) Run(context.Context) error {
	files := c.Files
	if len(files) == 0 {
		files = []string{c.Template}
	}
	faults := []stack.Fault{}
	for _, file := range files {
		found, err := c.check(file)
		if err != nil {
			return err
		}
		faults = append(faults, found...)
	}
	if err := c.print(files, faults); err != nil {
		return err
	}
	if len(faults) > 0 {
		return fmt.Errorf("%d found", len(faults))
	}
	return nil
}

func (c *checkCommand) print(files []string, faults []stack.Fault) error {
	if c.JSON {
		return printJSON(faults)
	}
	for _, f := range faults {
		fmt.Println(f)
	}
	if len(faults) > 0 {
		return nil
	}
	fmt.Printf("%s: nothing to say\n", strings.Join(files, ", "))
	return nil
}

func (c *checkCommand) check(file string) ([]stack.Fault, error) {
	const wanted = "a template (*.yaml, *.json) or a state machine definition (*.asl.json)"
	text, err := readFile(file, wanted)
	if err != nil {
		return nil, err
	}
	name := filepath.Base(file)
	switch filepath.Ext(name) {
	case ".yaml", ".yml", ".template", ".json":
		if strings.HasSuffix(name, ".asl.json") {
			return stack.CheckDefinition(file, text), nil
		}
		return stack.CheckTemplate(file, text, c.Account, c.Region, c.Parameter), nil
	}
	return nil, fmt.Errorf("%s cannot be checked: give %s", file, wanted)
}
