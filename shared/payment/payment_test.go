package payment

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSameOrderSameAnswer(t *testing.T) {
	s := Simulator{DeclinePercent: 10}
	for i := range 100 {
		c := Charge{OrderID: fmt.Sprint("ORD-", i)}
		first, err := s.Charge(t.Context(), c)
		require.NoError(t, err)
		again, err := s.Charge(t.Context(), c)
		require.NoError(t, err)
		assert.Equal(t, first, again)
		assert.Equal(t, first.Approved, strings.HasPrefix(first.PaymentID, "pay_") && strings.HasPrefix(first.TransactionID, "txn_"))
		assert.Equal(t, first.Approved, first.Reason == "")
	}
	assert.NoError(t, s.Refund(t.Context(), "ORD-1"))
}

func TestShareOfDeclines(t *testing.T) {
	for _, percent := range []int{0, 1, 10, 50, 100} {
		declined := 0
		for i := range 20_000 {
			if (Simulator{DeclinePercent: percent}).Declines(fmt.Sprintf("order-%d", i)) {
				declined++
			}
		}
		assert.InDelta(t, percent*200, declined, 200, "%d %%", percent)
	}
}

// TestSamplesMeanWhatTheySay: the ids in events/put and those of the stories.
func TestSamplesMeanWhatTheySay(t *testing.T) {
	s := Simulator{DeclinePercent: 10}
	assert.True(t, s.Declines("ORD-1016"), "events/put/order-declined.json")
	for _, id := range []string{"ORD-1001", "ORD-1002", "ORD-1003", "ORD-1004"} {
		assert.False(t, s.Declines(id), id)
	}
	for i := range 20 {
		assert.False(t, s.Declines(fmt.Sprintf("RUSH-%02d", i+1)))
	}
}

func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, err := Simulator{Delay: 2 * time.Second}.Charge(t.Context(), Charge{OrderID: "A"})
		require.NoError(t, err)
		assert.Equal(t, 2*time.Second, time.Since(start))

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = Simulator{Delay: 2 * time.Second}.Charge(ctx, Charge{OrderID: "A"})
		assert.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestNewSimulator(t *testing.T) {
	s, err := NewSimulator("250ms", "7")
	require.NoError(t, err)
	assert.Equal(t, Simulator{250 * time.Millisecond, 7}, s)
	for _, c := range [][2]string{{"2", "10"}, {"", "10"}, {"-1s", "10"}, {"2s", "101"}, {"2s", "-1"}, {"2s", "10%"}, {"2s", ""}} {
		_, err := NewSimulator(c[0], c[1])
		assert.Error(t, err, c)
	}
}
