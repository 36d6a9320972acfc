package main

// This file defines `check`: everything that can be found wrong with a template
// and with state machines before anything runs.

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/stepworks/stepworks/local/internal/stack"
)

type checkCommand struct {
	where
	Files []string `arg:"" optional:"" help:"State machine definitions (*.asl.json) or templates; without any, the template and all its machines."`
}

// Run prints every fault with file, line and place.
func (c *checkCommand) Run(context.Context) error {
	files := c.Files
	if len(files) == 0 {
		files = []string{c.Template}
	}
	faults := 0
	for _, file := range files {
		found, err := c.check(file)
		if err != nil {
			return err
		}
		for _, f := range found {
			fmt.Println(f)
		}
		faults += len(found)
	}
	if faults > 0 {
		return fmt.Errorf("%d found", faults)
	}
	fmt.Printf("%s: nothing to say\n", strings.Join(files, ", "))
	return nil
}

func (c *checkCommand) check(file string) ([]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if ext := filepath.Ext(file); ext == ".yaml" || ext == ".yml" || !strings.Contains(filepath.Base(file), ".asl.") {
		return stack.CheckTemplate(file, text, c.Account, c.Region, c.Parameter), nil
	}
	return stack.CheckDefinition(file, text), nil
}
