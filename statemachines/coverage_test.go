package statemachines

// This file counts, over all tests of the package, which places of each machine
// some run took: states, transitions, choice rules, retriers and catchers. A place
// that no run took fails the package, unless notTaken says why.

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/local/simulate"
)

// notTaken are the places that simulate cannot take, with the reason.
var notTaken = map[string]string{
	"import-csv.asl.json/States/import-csv/Retry[0]": "simulate's reader and writer do not fail; local/internal/stepfunctions fails them over the wire",
}

// simulated are the machines of the tests, by file.
var simulated = map[string][]*simulate.Machine{}

// load is the one way a test comes by a machine.
func load(t *testing.T, file string) *simulate.Machine {
	t.Helper()
	m, err := simulate.Load(file, simulate.Anything)
	require.NoError(t, err)
	simulated[file] = append(simulated[file], m)
	return m
}

func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 && filterless() {
		code = report()
	}
	os.Exit(code)
}

// filterless tells whether all tests ran: only then is a place missed that none took.
func filterless() bool {
	return !slices.ContainsFunc(os.Args, func(a string) bool {
		for _, flag := range []string{"-test.run", "-test.skip", "-test.list", "-test.bench=", "-test.fuzz="} {
			if strings.HasPrefix(a, flag) {
				return true
			}
		}
		return false
	})
}

// report prints a line a machine; the exit code is 1 if a place is missing.
func report() (code int) {
	files, _ := filepath.Glob("*.asl.json") // the pattern is well-formed
	for _, file := range files {
		c := covered(file)
		line := fmt.Sprintf("coverage %-30s %3d of %3d places", strings.TrimSuffix(file, ".asl.json"), c.Total-len(c.Missing), c.Total)
		for _, place := range c.Missing {
			if why, ok := notTaken[file+place]; ok {
				line += "; not " + place + ": " + why
				continue
			}
			line, code = line+"; NEVER TAKEN: "+place, 1
		}
		if c.Total == 0 {
			line, code = line+"; NO TEST LOADS IT", 1
		}
		if testing.Verbose() || code != 0 {
			fmt.Println(line)
		}
	}
	return code
}

// covered sums up every test of the machine: what is missing is what all miss.
func covered(file string) simulate.Coverage {
	var sum simulate.Coverage
	missed := map[string]int{}
	for _, m := range simulated[file] {
		c := m.Coverage()
		sum.Total = c.Total
		for _, place := range c.Missing {
			missed[place]++
		}
	}
	for _, place := range slices.Sorted(maps.Keys(missed)) {
		if missed[place] == len(simulated[file]) {
			sum.Missing = append(sum.Missing, place)
		}
	}
	return sum
}
