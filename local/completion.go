package main

// This file defines `completion`. Nobody can type `local` at a prompt, where it is
// a word of the shell, so what is printed defines a function, stepworks, that runs
// `go run ./local`, and completes that.

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/stepworks/stepworks/local/internal/story"
)

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Run prints the script.
func (c *completionCommand) Run(_ context.Context, k *kong.Context) error {
	words := completions(k.Model)
	text := bashCompletion(words)
	switch c.Shell {
	case "zsh":
		text = "autoload -Uz compinit bashcompinit && compinit && bashcompinit\n" + text
	case "fish":
		text = fishCompletion(words)
	}
	_, err := fmt.Print(text)
	return err
}

// completion is what can follow a command.
type completion struct {
	command, help string
	flags         []*kong.Flag
	words         []string // arguments that are not files
}

// valued are the values of flags that a shell can offer.
func valued(f *kong.Flag) []string {
	switch {
	case f.Name == "story" || f.Name == "only":
		var names []string
		for _, s := range story.Stories {
			names = append(names, s.Name)
		}
		return names
	case f.Name == "time":
		return []string{"real", "virtual", "x60"}
	case f.Enum != "":
		return f.EnumSlice()
	}
	return nil
}

func completions(app *kong.Application) []completion {
	var out []completion
	for _, n := range app.Children {
		c := completion{command: n.Name, help: n.Help, flags: append(slices.Clone(n.Flags), app.HelpFlag)}
		for _, child := range n.Children {
			c.words = append(c.words, child.Name)
		}
		for _, p := range n.Positional {
			c.words = append(c.words, p.EnumSlice()...)
		}
		c.words = slices.DeleteFunc(c.words, func(w string) bool { return w == "" })
		out = append(out, c)
	}
	return out
}

const bashFunction = `stepworks() { go run ./local "$@"; }
_stepworks() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="%s"
  else
    case "${COMP_WORDS[1]} $before" in
%s    *)
      case "${COMP_WORDS[1]}" in
%s      esac ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o bashdefault -o default -F _stepworks stepworks
`

func bashCompletion(all []completion) string {
	var names []string
	var values, flags strings.Builder
	for _, c := range all {
		names = append(names, c.command)
		words := slices.Clone(c.words)
		for _, f := range c.flags {
			words = append(words, "--"+f.Name)
			if v := valued(f); v != nil {
				fmt.Fprintf(&values, "    \"%s --%s\") words=\"%s\" ;;\n", c.command, f.Name, strings.Join(v, " "))
			}
		}
		fmt.Fprintf(&flags, "      %s) words=\"%s\" ;;\n", c.command, strings.Join(words, " "))
	}
	return fmt.Sprintf(bashFunction, strings.Join(names, " "), values.String(), flags.String())
}

func fishCompletion(all []completion) string {
	var b strings.Builder
	b.WriteString("function stepworks; go run ./local $argv; end\ncomplete -c stepworks -n __fish_use_subcommand -f\n")
	for _, c := range all {
		fmt.Fprintf(&b, "complete -c stepworks -n __fish_use_subcommand -a %s -d %s\n", c.command, fishQuote(c.help))
		for _, w := range c.words {
			fmt.Fprintf(&b, "complete -c stepworks -n '__fish_seen_subcommand_from %s' -f -a %s\n", c.command, w)
		}
		for _, f := range c.flags {
			fmt.Fprintf(&b, "complete -c stepworks -n '__fish_seen_subcommand_from %s' -l %s -d %s", c.command, f.Name, fishQuote(f.Help))
			if v := valued(f); v != nil {
				fmt.Fprintf(&b, " -x -a '%s'", strings.Join(v, " "))
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

func fishQuote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}
