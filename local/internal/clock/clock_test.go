package clock

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestVirtualFiresInOrderAndJumps(t *testing.T) {
	c := NewVirtual(start, 0)
	var mu sync.Mutex
	var got []string
	note := func(s string) func() {
		return func() {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, s+"@"+c.Now().Sub(start).String())
		}
	}
	release := c.Hold()
	c.AfterFunc(24*time.Hour, note("day"))
	c.AfterFunc(time.Second, note("second"))
	c.AfterFunc(time.Second, note("second too"))
	c.AfterFunc(-time.Second, note("now"))
	stopped := c.AfterFunc(time.Minute, note("never"))
	if !stopped.Stop() || stopped.Stop() {
		t.Error("Stop must succeed exactly once")
	}
	if c.Now() != start {
		t.Error("a held clock moved")
	}
	release()
	release()
	if err := c.Quiet(context.Background()); err != nil {
		t.Fatal(err)
	}
	want := []string{"now@0s", "second@1s", "second too@1s", "day@24h0m0s"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestVirtualWaitsForHolders(t *testing.T) {
	c := NewVirtual(start, 0)
	fired := make(chan time.Time, 1)
	release := c.Hold()
	c.AfterFunc(time.Hour, func() { fired <- c.Now() })
	select {
	case <-fired:
		t.Fatal("fired while held")
	default:
	}
	release()
	if at := <-fired; at != start.Add(time.Hour) {
		t.Errorf("fired at %v", at)
	}
}

func TestVirtualGraceIsCutShortByAHold(t *testing.T) {
	c := NewVirtual(start, time.Hour) // never within this test
	c.AfterFunc(time.Second, func() { t.Error("fired within its grace") })
	c.Hold()()
	if at, ok := c.Next(); !ok || at != start.Add(time.Second) {
		t.Errorf("Next = %v, %v", at, ok)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if c.Quiet(ctx) == nil {
		t.Error("Quiet returned with a timer left")
	}
}

func TestBackgroundTimersDoNotDrive(t *testing.T) {
	c := NewVirtual(start, 0)
	var mu sync.Mutex
	fired := map[string]time.Duration{}
	note := func(s string) func() {
		return func() { mu.Lock(); defer mu.Unlock(); fired[s] = c.Now().Sub(start) }
	}
	c.Background(time.Hour, note("hourly"))
	c.Background(48*time.Hour, note("later"))
	if err := c.Quiet(t.Context()); err != nil || len(fired) != 0 {
		t.Errorf("%v %v", fired, err)
	}
	c.AfterFunc(24*time.Hour, note("day"))
	if err := c.Quiet(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(fired) != 2 || fired["hourly"] != time.Hour || fired["day"] != 24*time.Hour {
		t.Errorf("%v", fired)
	}
	if !c.Skip() || c.Skip() {
		t.Error("Skip must jump to the one timer left, and then to none")
	}
	if err := c.Quiet(t.Context()); err != nil || fired["later"] != 48*time.Hour {
		t.Errorf("%v %v", fired, err)
	}
}

func TestAdvanceFiresAllThatFallsDue(t *testing.T) {
	c := NewVirtual(start, time.Hour) // a grace so long that only Advance moves it
	var fired []string
	note := func(s string) func() {
		return func() { fired = append(fired, s+" "+c.Now().Format("15:04")) }
	}
	c.Background(2*time.Hour, func() {
		note("nightly")()
		c.AfterFunc(30*time.Minute, note("its retry"))
	})
	c.AfterFunc(time.Hour, note("approval"))
	c.AfterFunc(25*time.Hour, note("tomorrow's"))
	if err := c.Advance(t.Context(), 24*time.Hour); err != nil {
		t.Fatal(err)
	}
	if want := []string{"approval 01:00", "nightly 02:00", "its retry 02:30"}; !slices.Equal(fired, want) {
		t.Errorf("fired %q, want %q", fired, want)
	}
	if now := c.Now(); !now.Equal(start.Add(24 * time.Hour)) {
		t.Errorf("the clock shows %v", now)
	}
	release := c.Hold()
	defer release()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Advance(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("while somebody holds the clock, Advance must wait: %v", err)
	}
}

func TestPollingDoesNotStopVirtualTime(t *testing.T) {
	const grace = 20 * time.Millisecond
	c := NewVirtual(start, grace)
	c.AfterFunc(24*time.Hour, func() {})
	for began := time.Now(); c.Now() == start; { // polls far more often than once a grace
		c.Hold()()
		if time.Since(began) > 100*grace {
			t.Fatal("the clock stands still while somebody polls")
		}
	}
}

func TestScaledRunsFaster(t *testing.T) {
	c := Scaled(1e6)
	fired := make(chan struct{})
	before := c.Now()
	c.AfterFunc(time.Minute, func() { close(fired) })
	<-fired
	if gone := c.Now().Sub(before); gone < time.Minute {
		t.Errorf("only %v went by", gone)
	}
	if (*Timer)(nil).Stop() {
		t.Error("a nil timer had something to stop")
	}
}
