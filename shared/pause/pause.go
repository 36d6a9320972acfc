// Package pause waits, for as long as the invocation allows. It guarantees that
// nobody sleeps past the end of a context; it does not decide how long to wait.
// Start at [For].
package pause

import (
	"context"
	"time"
)

// For waits for d, or until ctx ends; then it returns the reason.
func For(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
