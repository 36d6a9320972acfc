package main

// This file defines the commands.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/stack"
)

// where is embedded in commands that deploy.
type where struct {
	Template  string            `default:"template.yaml" placeholder:"FILE" help:"The SAM or CloudFormation template."`
	Parameter map[string]string `placeholder:"NAME=VALUE" help:"A parameter of the template; may be given again."`
	Account   string            `default:"123456789012" help:"The account id, twelve digits."`
	Region    string            `default:"us-east-1" help:"The region."`
	Mock      string            `placeholder:"FILE" help:"Answers for tasks that no service here does, a mock file in the format of Step Functions Local: an execution of a machine's ARN with #CASE behind it gets them."`
	Verbose   bool              `short:"v" help:"Say what the local AWS does."`
}

var twelveDigits = regexp.MustCompile(`^[0-9]{12}$`)

// Validate refuses what AWS would refuse of every name.
func (o where) Validate() error {
	if !twelveDigits.MatchString(o.Account) {
		return fmt.Errorf("--account %s: give twelve digits such as 123456789012", o.Account)
	}
	return nil
}

// mocks reads the mock file, if there is one.
func (o where) mocks() ([]byte, error) {
	if o.Mock == "" {
		return nil, nil
	}
	return readFile(o.Mock, "a mock file in the format of Step Functions Local")
}

func (o where) logger() *slog.Logger {
	level := slog.LevelWarn
	if o.Verbose {
		level = slog.LevelInfo
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}

type upCommand struct {
	where
	output
	Port        int               `default:"4566" help:"The endpoint's port; 0 takes any free one."`
	ConsolePort int               `default:"4567" help:"The web console's port; 0 takes any free one, -1 serves none."`
	Empty       bool              `help:"Deploy nothing: a bare AWS. What nobody has set up permissions for is allowed: roles never made, resources without any policy."`
	Memory      bool              `help:"Keep no state on disk."`
	State       string            `default:".local" placeholder:"DIR" help:"Where the state is kept."`
	Route       map[string]string `placeholder:"HOST=URL" help:"Where HTTP tasks and API destinations find a host; may be given again."`
	Debug       string            `placeholder:"FUNCTION" help:"The function, by its logical id in the template, that runs under Delve: it waits for an editor or dlv connect, without time limits."`
	Watch       bool              `default:"true" negatable:"" help:"Bring changed sources, state machines and templates to what runs."`
	Time        string            `default:"real" placeholder:"real|virtual|xN" help:"How time passes: as it does, from timer to timer, or N times as fast."`
}

// Validate refuses ports and clocks that there are not.
func (c *upCommand) Validate() error {
	if c.Port < 0 || c.Port > 65535 {
		return fmt.Errorf("--port %d: give 0 to 65535; 0 takes any free one", c.Port)
	}
	if c.ConsolePort < -1 || c.ConsolePort > 65535 {
		return fmt.Errorf("--console-port %d: give -1 to 65535; 0 takes any free one, -1 serves none", c.ConsolePort)
	}
	_, err := parseClock(c.Time)
	return errors.Join(err, c.where.Validate())
}

// Run keeps the local AWS up until it is interrupted. Standard output carries
// one line, "ready URL" or what runs as JSON, for whoever started it; progress goes
// to standard error.
func (c *upCommand) Run(ctx context.Context) error {
	clk, err := parseClock(c.Time)
	if err != nil {
		return err
	}
	mocks, err := c.mocks()
	if err != nil {
		return err
	}
	s, err := stack.Start(ctx, stack.Options{Port: c.Port, Account: c.Account, Region: c.Region, Memory: c.Memory, StateDir: c.State, Clock: clk, Log: c.logger(), Lenient: c.Empty, Routes: c.Route, Mocks: mocks})
	if err != nil {
		return err
	}
	defer s.Close()
	if !c.Empty {
		if err := c.deploy(ctx, s); err != nil {
			return err
		}
	}
	forget, err := announce(c.State, s.URL())
	if err != nil {
		return err
	}
	defer forget()
	console, err := c.console(ctx, s)
	if err != nil {
		return err
	}
	if c.JSON {
		err = json.NewEncoder(os.Stdout).Encode(serving{s.URL(), console, c.Account, c.Region}) // one line, as ready is
	} else {
		_, err = fmt.Println("ready", s.URL())
	}
	if err != nil {
		return err
	}
	if !c.Empty {
		fmt.Fprintf(os.Stderr, "The AWS CLI and SDKs reach it after: eval \"$(go run ./local env)\"\nStop it with Ctrl-C; its state stays in %s.\n", c.State)
	}
	<-ctx.Done()
	return nil
}

// serving is what runs, for programs.
type serving struct {
	Endpoint string `json:"endpoint"`
	Console  string `json:"console,omitempty"`
	Account  string `json:"account"`
	Region   string `json:"region"`
}

// deploy deploys the template and keeps an eye on what it is made of.
func (c *upCommand) deploy(ctx context.Context, s *stack.Stack) error {
	d := c.deployment()
	if err := s.Deploy(ctx, d); err != nil {
		return err
	}
	say := func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
	if err := c.stock(ctx, s.URL(), say); err != nil {
		return err
	}
	if c.Debug != "" {
		address, err := s.Debug(c.Debug)
		if err != nil {
			return fmt.Errorf("--debug %s: %w", c.Debug, err)
		}
		say("%s waits for a debugger at %s when it is invoked", c.Debug, address)
	}
	if c.Watch {
		go func() {
			if err := s.Watch(ctx, d, say); err != nil {
				say("changes are not noticed: %v", err)
			}
		}()
	}
	return nil
}

// usualConsolePort is the default of --console-port.
const usualConsolePort = 4567

// console serves the web console, with the project's sample events.
func (c *upCommand) console(ctx context.Context, s *stack.Stack) (url string, err error) {
	if c.ConsolePort < 0 {
		return "", nil
	}
	samples := os.DirFS(filepath.Join(filepath.Dir(c.Template), "events", "put"))
	url, err = s.ServeConsole(ctx, c.ConsolePort, samples)
	if err != nil && c.ConsolePort == usualConsolePort { // another local AWS has it
		url, err = s.ServeConsole(ctx, 0, samples)
	}
	if err != nil {
		return "", err
	}
	fmt.Fprintln(os.Stderr, "console", url)
	return url, os.WriteFile(filepath.Join(c.State, consoleFile), []byte(url+"\n"), 0o600)
}

// deployment is what to deploy; it tells how far it is on standard error.
func (o where) deployment() stack.Deployment {
	p := newProgress(os.Stderr)
	return stack.Deployment{Template: o.Template, Parameters: o.Parameter, Preferred: laptopDefaults, Progress: p, Step: p.step}
}

// laptopDefaults are what our template's parameters are on a laptop unless said
// otherwise: nobody waits for a simulated gateway there.
var laptopDefaults = map[string]string{"PaymentDelay": "0s"}

// Stories are told with everything switched on, and with answers for the services
// that are not here.
var storyDefaults = map[string]string{"PaymentDelay": "0s", "EnableContainerTasks": "true", "ApprovalThreshold": "150000"}

const storyMocks = "statemachines/container-tasks.mock.json"

func parseClock(text string) (clock.Clock, error) {
	var factor float64
	switch {
	case text == "real":
		return clock.Real(), nil
	case text == "virtual":
		return stack.VirtualClock(), nil
	case strings.HasPrefix(text, "x"):
		if _, err := fmt.Sscanf(text, "x%g", &factor); err == nil && factor > 0 && factor <= 1e6 {
			return clock.Scaled(factor), nil
		}
	}
	return nil, fmt.Errorf("--time %s: give real, virtual, or x and a factor such as x60", text)
}

// endpointFile tells other commands where the running local AWS listens.
const endpointFile = "endpoint"

func announce(dir, url string) (forget func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, endpointFile)
	return func() { _ = os.Remove(file) }, os.WriteFile(file, []byte(url+"\n"), 0o600)
}

type resetCommand struct {
	State string `default:".local" placeholder:"DIR" help:"The state directory to forget."`
}

// Run removes the state, unless somebody is using it.
func (c *resetCommand) Run(context.Context) error {
	if _, err := os.Stat(filepath.Join(c.State, endpointFile)); err == nil {
		return fmt.Errorf("a local AWS is running on %s: stop it first (or remove %s if it was killed)", c.State, filepath.Join(c.State, endpointFile))
	}
	if _, err := os.Stat(c.State); errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(os.Stderr, "there is no state in %s: nothing to forget\n", c.State)
		return nil
	}
	if err := os.RemoveAll(c.State); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "forgot the state in %s\n", c.State)
	return nil
}
