package failure_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/failure"
)

func TestNameOf(t *testing.T) {
	named := failure.New(failure.OrderNotFound, "order X is not in the book")
	for _, c := range []struct {
		what string
		err  error
		want failure.Name
	}{
		{"bare", named, failure.OrderNotFound},
		{"wrapped", fmt.Errorf("load: %w", named), failure.OrderNotFound},
		{"joined", errors.Join(errors.New("first"), named), failure.OrderNotFound},
		{"named over named: the outer one counts", failure.Wrap(failure.TransientUnavailable, named, "gateway"), failure.TransientUnavailable},
		{"deadline", fmt.Errorf("call: %w", context.DeadlineExceeded), failure.TransientTimeout},
		{"throttled by DynamoDB", &types.ProvisionedThroughputExceededException{}, failure.TransientThrottled},
		{"operation error of the SDK", &smithy.OperationError{ServiceID: "DynamoDB", Err: &types.RequestLimitExceeded{}}, failure.TransientThrottled},
		{"access denied", &smithy.GenericAPIError{Code: "AccessDeniedException"}, failure.AccessDenied},
		{"unknown code, server fault", &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: &http.Response{StatusCode: 503}}, Err: &smithy.GenericAPIError{Code: "Odd"}}, failure.TransientUnavailable},
		{"unknown code, our fault", &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: &http.Response{StatusCode: 400}}, Err: &smithy.GenericAPIError{Code: "ValidationException"}}, failure.InternalUnexpected},
		{"network", &net.OpError{Op: "dial", Err: errors.New("connection refused")}, failure.TransientUnavailable},
		{"anything", errors.New("?"), failure.InternalUnexpected},
	} {
		assert.Equal(t, c.want, failure.NameOf(c.err), c.what)
	}
}

func TestRetryable(t *testing.T) {
	assert.True(t, failure.Retryable(&types.RequestLimitExceeded{}))
	assert.False(t, failure.Retryable(failure.New(failure.OrderSuperseded, "")))
	assert.False(t, failure.Retryable(errors.New("?")))
}

func TestTable(t *testing.T) {
	seen := map[failure.Name]bool{}
	for _, row := range failure.Table {
		assert.False(t, seen[row.Name], "%s stands twice", row.Name)
		seen[row.Name] = true
		assert.NotEmpty(t, row.Meaning, row.Name)
		domain, _, dotted := strings.Cut(string(row.Name), ".")
		assert.True(t, dotted || row.Name == failure.ExternalProcessFailed, "%s has no domain", row.Name)
		assert.NotContains(t, []string{"States", "Lambda"}, domain, "%s: the domain belongs to AWS", row.Name)
		assert.Equal(t, domain == "Transient", row.Retryable, "%s: what passes is called Transient", row.Name)
	}
}

// TestMachinesNeverRetryARefusal reads every state machine: a function's first
// retrier names the failures of its domain that time does not cure, with no
// attempts, and the second all that it does; so a broad States.TaskFailed below
// them meets neither.
func TestMachinesNeverRetryARefusal(t *testing.T) {
	passing, refusals := []string{}, map[string][]string{} // refusals by domain
	for _, row := range failure.Table {
		domain, _, _ := strings.Cut(string(row.Name), ".")
		switch {
		case row.Retryable:
			passing = append(passing, string(row.Name))
		case row.Worker && row.Name != failure.InternalUnexpected:
			refusals[domain] = append(refusals[domain], string(row.Name))
		}
	}
	files, err := filepath.Glob("../../statemachines/*.asl.json")
	require.NoError(t, err)
	tasks := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var m machine
		require.NoError(t, json.Unmarshal(text, &m))
		m.each(func(name string, s state) {
			tasks++
			where := filepath.Base(file) + ": " + name
			require.GreaterOrEqual(t, len(s.Retry), 2, where)
			assert.Zero(t, *s.Retry[0].MaxAttempts, where)
			named := s.Retry[0].ErrorEquals
			for domain, all := range refusals {
				if slices.ContainsFunc(named, func(n string) bool { return strings.HasPrefix(n, domain+".") }) || domain == "Input" || domain == "Access" {
					assert.Subset(t, named, all, "%s: a domain is named as a whole", where)
				}
			}
			assert.NotSubset(t, named, passing, where)
			assert.Subset(t, s.Retry[1].ErrorEquals, passing, where)
			assert.Positive(t, *s.Retry[1].MaxAttempts, where)
		})
	}
	assert.Positive(t, tasks)
}

// machine is what the test reads of a state machine.
type machine struct{ States map[string]state }

type state struct {
	Resource   string
	Parameters struct{ FunctionName string }
	Retry      []struct {
		ErrorEquals []string
		MaxAttempts *int
	}
	ItemProcessor *machine
	Branches      []machine
}

// each calls f for every task that is one of our functions.
func (m machine) each(f func(name string, s state)) {
	for name, s := range m.States {
		if strings.HasSuffix(s.Resource, "FunctionArn}") || strings.HasSuffix(s.Parameters.FunctionName, "FunctionArn}") {
			f(name, s)
		}
		for _, b := range s.Branches {
			b.each(f)
		}
		if s.ItemProcessor != nil {
			s.ItemProcessor.each(f)
		}
	}
}
