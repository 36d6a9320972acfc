package contract_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/contract"
)

// entry is an entry of PutEvents, as in `aws events put-events --entries file://...`.
type entry struct {
	Source, DetailType, Detail, EventBusName string
}

func read(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(into), path)
}

func files(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("../../events", pattern))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	return paths
}

// roundTrip decodes text, with nothing unknown in it, and expects the same JSON
// back: the structs lose nothing, and the samples hold nothing that the structs
// do not know.
func roundTrip(t *testing.T, path, text string, into any) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(into), path)
	written, err := json.Marshal(into)
	require.NoError(t, err, path)
	assert.JSONEq(t, text, string(written), path)
}

func TestSamplesOfEvents(t *testing.T) {
	types := map[[2]string]contract.Type{}
	for _, typ := range contract.Catalogue {
		types[[2]string{typ.Source, typ.DetailType}] = typ
	}
	for _, path := range files(t, "put/*.json") {
		var entries []entry
		read(t, path, &entries)
		assert.LessOrEqual(t, len(entries), 10, "%s: PutEvents takes ten", path)
		for _, e := range entries {
			typ, known := types[[2]string{e.Source, e.DetailType}]
			if assert.True(t, known, "%s: %s %q is not in the catalogue", path, e.Source, e.DetailType) {
				roundTrip(t, path, e.Detail, typ.Detail())
			}
		}
	}
}

// stepInput is what a step of orders may find in its input: their samples hold no
// field that no function reads. The samples of other domains are the inputs of
// their handlers' tests.
type stepInput struct {
	Order          json.RawMessage         `json:"order,omitempty"`
	Status         string                  `json:"status,omitempty"`
	OrderData      *contract.Order         `json:"orderData,omitempty"`
	ValidatedOrder *contract.Order         `json:"validatedOrder,omitempty"`
	EventMetadata  *contract.EventMetadata `json:"eventMetadata,omitempty"`
	Execution      json.RawMessage         `json:"execution,omitempty"`

	OrderID         string          `json:"orderId,omitempty"`
	CustomerID      string          `json:"customerId,omitempty"`
	Amount          json.Number     `json:"amount,omitempty"`
	Currency        string          `json:"currency,omitempty"`
	Items           []contract.Line `json:"items,omitempty"`
	ShippingAddress json.RawMessage `json:"shippingAddress,omitempty"`

	Action    string `json:"action,omitempty"`
	PaymentID string `json:"paymentId,omitempty"`
	TxnID     string `json:"transactionId,omitempty"`
	Failure   string `json:"failure,omitempty"`
	Reason    string `json:"reason,omitempty"`

	Results   []json.RawMessage       `json:"results,omitempty"`
	Result    *contract.GatewayResult `json:"result,omitempty"`
	TaskToken string                  `json:"taskToken,omitempty"`
	Decision  string                  `json:"decision,omitempty"`
	Approver  string                  `json:"approver,omitempty"`
	Comment   string                  `json:"comment,omitempty"`
	Form      string                  `json:"form,omitempty"`

	BatchID     string          `json:"batchId,omitempty"`
	Item        json.RawMessage `json:"item,omitempty"`
	Request     json.RawMessage `json:"request,omitempty"`
	BatchDate   string          `json:"batchDate,omitempty"`
	BatchType   string          `json:"batchType,omitempty"`
	TriggeredBy string          `json:"triggeredBy,omitempty"`
	PageSize    int             `json:"pageSize,omitempty"`
}

func TestSamplesOfInputs(t *testing.T) {
	for _, path := range append(files(t, "*.json"), files(t, "executions/order-*.json")...) {
		step, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(path), ".json"), "-")
		if _, err := os.Stat("../../functions/orders/" + step); err != nil && filepath.Base(filepath.Dir(path)) == "events" {
			continue
		}
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		if strings.HasSuffix(path, "paymentGateway.json") {
			continue // a queue's batch: its handler's test reads it
		}
		if strings.HasSuffix(path, "paymentCompleted.json") {
			var event struct {
				Version   string
				Resources []string
				contract.Event[contract.PaymentCompletedDetail]
			}
			roundTripEvent(t, path, string(text), &event)
			continue
		}
		var in stepInput
		roundTrip(t, path, string(text), &in)
		for _, part := range []json.RawMessage{in.Order, in.Request} {
			if part != nil {
				roundTrip(t, path, string(part), new(stepInput))
			}
		}
	}
}

// roundTripEvent does not write back: version and resources are EventBridge's own.
func roundTripEvent(t *testing.T, path, text string, into any) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(into), path)
}

func TestCatalogue(t *testing.T) {
	seen := map[string]bool{}
	for _, typ := range contract.Catalogue {
		assert.False(t, seen[typ.DetailType], "%s stands twice", typ.DetailType)
		seen[typ.DetailType] = true
		assert.NotEmpty(t, typ.Meaning, typ.DetailType)
		assert.LessOrEqual(t, len(typ.DetailType), 128, typ.DetailType)
	}
}

// TestMachineAnnouncesByTheContract: what the state machine publishes itself
// has the fields of the structs.
func TestMachineAnnouncesByTheContract(t *testing.T) {
	var machine struct {
		States map[string]struct {
			Resource   string
			Parameters struct {
				Entries []struct {
					Source, DetailType string
					Detail             map[string]any
				}
			}
		}
	}
	text, err := os.ReadFile("../../statemachines/order-processing.asl.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &machine))
	announced := map[string]bool{}
	for name, state := range machine.States {
		for _, e := range state.Parameters.Entries {
			announced[e.DetailType] = true
			found := false
			for _, typ := range contract.Catalogue {
				if typ.Source == e.Source && typ.DetailType == e.DetailType {
					found = true
					detail := map[string]string{}
					for field := range e.Detail {
						detail[strings.TrimSuffix(field, ".$")] = "x"
					}
					example, err := json.Marshal(detail)
					require.NoError(t, err)
					roundTrip(t, name, string(example), typ.Detail())
				}
			}
			assert.True(t, found, "%s announces %s %q, which is not in the catalogue", name, e.Source, e.DetailType)
		}
	}
	assert.Equal(t, map[string]bool{contract.OrderFailed: true, contract.OrderFulfilled: true}, announced)
}
