package main

// This file defines `watch`: what happens in a running local AWS, line by line,
// each thing below what caused it.

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// consoleFile tells where the running local AWS has its console.
const consoleFile = "console"

type watchCommand struct {
	State string `default:".local" placeholder:"DIR" help:"The state directory of the running local AWS."`
	JSON  bool   `name:"json" help:"Print for programs: a line of JSON for each thing that happens."`
}

// Run prints until it is interrupted or the local AWS stops.
func (c *watchCommand) Run(ctx context.Context) error {
	url, err := os.ReadFile(filepath.Join(c.State, consoleFile))
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("no local AWS with a console is running here: start one with `make up`")
	}
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSpace(string(url))+"/journal", nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("the local AWS does not answer: is it still running? %w", err)
	}
	defer answer.Body.Close()
	return c.tell(answer.Body, os.Stdout, colourful(os.Stdout))
}

// happening is a line of the console's journal.
type happening struct {
	ID, Cause                uint64
	Time                     time.Time
	Kind, Words, Name, Error string
}

func (c *watchCommand) tell(from io.Reader, to io.Writer, color bool) error {
	depth := map[uint64]int{}
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		if c.JSON {
			fmt.Fprintln(to, lines.Text())
			continue
		}
		var h happening
		if err := json.Unmarshal(lines.Bytes(), &h); err != nil {
			return fmt.Errorf("the console answers something else: is another program on its port? %w", err)
		}
		if h.Cause != 0 {
			depth[h.ID] = min(depth[h.Cause]+1, 12)
		}
		fmt.Fprintln(to, h.line(depth[h.ID], color))
	}
	return lines.Err()
}

func (h happening) line(depth int, color bool) string {
	text := strings.TrimSpace(h.Words + " " + h.Name)
	if h.Error != "" {
		text += ": " + h.Error
		if color {
			text = "\x1b[31m" + text + "\x1b[0m"
		}
	}
	return h.Time.Format("15:04:05.000") + "  " + strings.Repeat("  ", depth) + text
}
