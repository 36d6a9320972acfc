package main

// This file defines `exec`: running one state machine with mocked tasks, in
// virtual time.

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/stepworks/stepworks/local/internal/stack"
	"github.com/stepworks/stepworks/local/simulate"
)

type execCommand struct {
	File     string `arg:"" help:"The definition, *.asl.json."`
	Input    string `short:"i" placeholder:"FILE" help:"The input, JSON; without it, {}."`
	Mock     string `placeholder:"FILE" help:"Answers for tasks, a mock file in the format of Step Functions Local."`
	Machine  string `placeholder:"NAME" help:"The machine's name in the mock file, if it has several."`
	Case     string `placeholder:"NAME" help:"The test case, if the machine has several."`
	Coverage bool   `help:"Say which places of the definition the run did not take."`
	output
}

// Run runs the machine; the command fails when the machine does.
func (c *execCommand) Run(context.Context) error {
	m, err := loadMachine(c.File)
	if err != nil {
		return err
	}
	input := []byte("{}")
	if c.Input != "" {
		if input, err = readFile(c.Input, "the input, JSON"); err != nil {
			return err
		}
	}
	if c.Mock != "" {
		file, err := readFile(c.Mock, "a mock file in the format of Step Functions Local")
		if err != nil {
			return err
		}
		if err := m.Mocks(file, c.Machine, c.Case); err != nil {
			return fmt.Errorf("%s: %w", c.Mock, err)
		}
	}
	run := m.Run(string(input))
	if err := c.print(m, run); err != nil {
		return err
	}
	if run.Status != simulate.Succeeded {
		return fmt.Errorf("%s: the execution ended as %s", c.File, run.Status)
	}
	return nil
}

// loadMachine reads a definition; its faults are told as `check` tells them.
func loadMachine(file string) (*simulate.Machine, error) {
	text, err := readFile(file, "a state machine definition, such as statemachines/order-processing.asl.json")
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(strings.TrimSpace(string(text)), "{") {
		return nil, fmt.Errorf("%s is no state machine definition: give one such as statemachines/order-processing.asl.json", file)
	}
	m, err := simulate.Load(file, simulate.Anything)
	if faults := stack.CheckDefinition(file, text); err != nil && len(faults) > 0 {
		var errs []error
		for _, f := range faults {
			errs = append(errs, errors.New(f.String()))
		}
		return nil, errors.Join(errs...)
	}
	return m, err
}

func (c *execCommand) print(m *simulate.Machine, run simulate.Run) error {
	if c.JSON {
		return printJSON(run)
	}
	fmt.Printf("status   %s after %v\npath     %s\n", run.Status, run.Took, strings.Join(run.Path, " → "))
	if run.Status == simulate.Succeeded {
		fmt.Println("output  ", run.Output)
	} else {
		fmt.Printf("error    %s\ncause    %s\n", run.Error, run.Cause)
	}
	if c.Coverage {
		fmt.Println("coverage", m.Coverage())
	}
	return nil
}
