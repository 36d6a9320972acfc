package feed_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/feed"
)

func batch(t *testing.T, text string) feed.Batch {
	t.Helper()
	var b feed.Batch
	require.NoError(t, json.Unmarshal([]byte(`{"Records":`+text+`}`), &b))
	return b
}

const changes = `[
	{"eventID":"a","dynamodb":{"SequenceNumber":"1","Keys":{"pk":{"S":"K"}},"NewImage":{"n":{"N":"7"},"s":{"S":"x"},"m":{"M":{}},"l":[]}}},
	{"eventID":"b","dynamodb":{"SequenceNumber":"2"}},
	{"eventID":"c","dynamodb":{"SequenceNumber":"3"}}]`

func TestStreamStopsWhereItFails(t *testing.T) {
	for failing, want := range map[string][]feed.Failure{
		"":  {},
		"a": {{ItemIdentifier: "1"}},
		"b": {{ItemIdentifier: "2"}},
		"c": {{ItemIdentifier: "3"}},
	} {
		var seen []string
		got, err := feed.Stream(t.Context(), batch(t, changes), func(_ context.Context, r feed.Record) error {
			seen = append(seen, r.EventID)
			if r.EventID == failing {
				return errors.New("no")
			}
			return nil
		})
		require.NoError(t, err)
		assert.Equal(t, want, got.BatchItemFailures, failing)
		if failing != "" {
			assert.Equal(t, failing, seen[len(seen)-1], "nothing after it")
		}
	}
}

func TestText(t *testing.T) {
	_, err := feed.Stream(t.Context(), batch(t, changes), func(_ context.Context, r feed.Record) error {
		if r.EventID == "a" {
			assert.Equal(t, []string{"7", "x", "", "", ""}, []string{r.Text("n"), r.Text("s"), r.Text("m"), r.Text("l"), r.Text("gone")})
			assert.Equal(t, "K", r.Change.Keys["pk"].S)
			assert.Contains(t, string(r.Raw), `"eventID":"a"`)
		}
		return nil
	})
	require.NoError(t, err)
}

func TestQueueGoesOn(t *testing.T) {
	got, err := feed.Queue(t.Context(), batch(t, `[{"messageId":"1","body":"good"},{"messageId":"2","body":"bad"},{"messageId":"3","body":7},{"messageId":"4","body":"good"}]`),
		func(_ context.Context, m feed.Message) error {
			if m.Body == "bad" {
				return errors.New("no")
			}
			return nil
		})
	require.NoError(t, err)
	assert.Equal(t, []feed.Failure{{ItemIdentifier: "2"}, {ItemIdentifier: "3"}}, got.BatchItemFailures)
}

func TestWhatIsNoRecord(t *testing.T) {
	_, err := feed.Stream(t.Context(), batch(t, `[{"messageId":"1"}]`), nil)
	assert.Equal(t, failure.InputMalformed, failure.NameOf(err))
	_, err = feed.Queue(t.Context(), batch(t, `[7]`), nil)
	assert.Equal(t, failure.InputMalformed, failure.NameOf(err))
	got, err := feed.Queue(t.Context(), feed.Batch{}, nil)
	require.NoError(t, err)
	text, err := json.Marshal(got)
	require.NoError(t, err)
	assert.JSONEq(t, `{"batchItemFailures":[]}`, string(text))
}
