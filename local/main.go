// Command local is AWS on your machine: one process that deploys template.yaml,
// runs its state machines and functions, and speaks AWS's wire protocols.
//
//	go run ./local up      keep it running, for the AWS CLI, SDKs and `make run ENDPOINT=...`
//	go run ./local run     start it, deploy, tell the stories, stop; exit 1 if one goes wrong
//	go run ./local check   say what is wrong with template and machines, file and line
//	go run ./local exec    run one state machine with mocked tasks, in virtual time
//	go run ./local graph   draw a state machine, as SVG
//	go run ./local watch   tell what happens in the running local AWS, as it happens
//	go run ./local new     make a step: folder, handler, test, sample, and its part of the template
//	go run ./local explain say of every rule whether an event matches it, and why not
//	go run ./local invoke  invoke one function of the template
//	go run ./local cost    say what an order would cost on AWS
//	go run ./local iam     report what roles are granted and never use
//	go run ./local env     print the exports that point the CLI and SDKs at it
//	go run ./local completion  print the shell's function stepworks and its completion
//	go run ./local reset   forget its state
//
// Exit codes: 0 as asked; 1 something was not as expected or could not be done,
// the reason is on standard error; 2 the command line was wrong.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// commands is the command line.
type commands struct {
	Up      upCommand      `cmd:"" help:"Deploy the template and keep the local AWS running."`
	Run     runCommand     `cmd:"" help:"Deploy the template, tell the stories, and stop."`
	Check   checkCommand   `cmd:"" help:"Say what is wrong with the template and its state machines, with file and line."`
	Exec    execCommand    `cmd:"" help:"Run one state machine with mocked tasks, in virtual time."`
	Graph   graphCommand   `cmd:"" help:"Draw a state machine as SVG, on standard output."`
	Watch   watchCommand   `cmd:"" help:"Tell what happens in the running local AWS, as it happens."`
	New     newCommand     `cmd:"" help:"Make something new that follows the conventions."`
	Explain explainCommand `cmd:"" help:"Say of every rule whether an event matches it, and why not."`
	Invoke  invokeCommand  `cmd:"" help:"Invoke one function of the template."`
	Cost    costCommand    `cmd:"" help:"Place orders on a local AWS that meters, and say what they would cost on AWS."`
	Iam     iamCommand     `cmd:"" help:"Tell the stories and report what the template's roles are granted and never use."`
	Env     envCommand     `cmd:"" help:"Print the exports that point the AWS CLI and SDKs at the running local AWS."`
	Reset   resetCommand   `cmd:"" help:"Forget the state under .local."`

	Completion completionCommand `cmd:"" help:"Print a shell function, stepworks, that runs this, with completion: eval \"$(go run ./local completion bash)\"."`
}

const description = `AWS on your machine, for event-driven workflows.

Exit codes: 0 as asked; 1 something was not as expected or could not be done, the reason is on standard error; 2 the command line was wrong. Results go to standard output, everything else to standard error. Docs: docs/cli.md`

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	var cli commands
	parser, err := kong.New(&cli, kong.Name("local"), kong.Description(description), kong.Exit(func(code int) { panic(exit(code)) }))
	if len(args) == 0 && err == nil {
		parser.Stdout = os.Stderr
		_ = parse(parser, []string{"--help"})
		return 2
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "local:", err)
		return 2
	}
	if args[0] == "help" { // as of other tools: help, or help COMMAND
		args = append(args[1:], "--help")
	}
	return parse(parser, args)
}

// exit is how kong's --help leaves.
type exit int

func parse(parser *kong.Kong, args []string) (code int) {
	defer func() {
		if r := recover(); r != nil {
			c, ok := r.(exit)
			if !ok {
				panic(r)
			}
			code = int(c)
		}
	}()
	k, err := parser.Parse(args)
	if err != nil {
		complain(err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	k.BindTo(ctx, (*context.Context)(nil))
	if err := k.Run(); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "local:", err)
		return 1
	}
	return 0
}

// complain says what was wrong with the command line, what belongs there, and
// where to read on.
func complain(err error) {
	fmt.Fprintln(os.Stderr, "local:", err)
	command := "local"
	var wrong *kong.ParseError
	if errors.As(err, &wrong) && wrong.Context != nil && wrong.Context.Selected() != nil {
		at := wrong.Context.Selected()
		command += " " + strings.TrimSpace(at.Path())
		for _, p := range at.Positional {
			fmt.Fprintf(os.Stderr, "  <%s>  %s\n", p.Name, p.Help)
		}
	}
	fmt.Fprintf(os.Stderr, "try: go run ./%s --help\n", command)
}
