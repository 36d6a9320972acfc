package main

// This file defines `graph`: drawing a state machine.

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
)

type graphCommand struct {
	output
	File string `arg:"" help:"The definition, *.asl.json."`
}

// Run writes the drawing, or what would be drawn, to standard output.
func (c *graphCommand) Run(context.Context) error {
	m, err := loadMachine(c.File)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(m.Outline())
	}
	name, _, _ := strings.Cut(filepath.Base(c.File), ".")
	fmt.Print(m.Drawing("The state machine " + name))
	return nil
}
