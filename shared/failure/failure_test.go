package failure_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
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
		assert.True(t, dotted, "%s has no domain", row.Name)
		assert.NotContains(t, []string{"States", "Lambda"}, domain, "%s: the domain belongs to AWS", row.Name)
		assert.Equal(t, domain == "Transient", row.Retryable, "%s: what passes is called Transient", row.Name)
	}
}

// TestMachinesNeverRetryARefusal reads every state machine: a function's first
// retrier names all failures that time does not cure, with no attempts, and the
// second all that it does; so a broad States.TaskFailed below them meets neither.
func TestMachinesNeverRetryARefusal(t *testing.T) {
	var refusals, passing []string
	for _, row := range failure.Table {
		switch {
		case row.Retryable:
			passing = append(passing, string(row.Name))
		case row.Worker && row.Name != failure.InternalUnexpected:
			refusals = append(refusals, string(row.Name))
		}
	}
	var machine struct {
		States map[string]struct {
			Resource string
			Retry    []struct {
				ErrorEquals []string
				MaxAttempts *int
			}
		}
	}
	text, err := os.ReadFile("../../statemachines/order-processing.asl.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &machine))
	tasks := 0
	for name, state := range machine.States {
		if !strings.HasSuffix(state.Resource, "FunctionArn}") {
			continue
		}
		tasks++
		require.GreaterOrEqual(t, len(state.Retry), 3, name)
		assert.ElementsMatch(t, refusals, state.Retry[0].ErrorEquals, name)
		assert.Zero(t, *state.Retry[0].MaxAttempts, name)
		assert.Subset(t, state.Retry[1].ErrorEquals, passing, name)
		assert.Positive(t, *state.Retry[1].MaxAttempts, name)
	}
	assert.Positive(t, tasks)
}
