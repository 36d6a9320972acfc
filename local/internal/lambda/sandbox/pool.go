package sandbox

// This file defines which invocation gets which environment: the queue of each
// function's version, and when a process is started or ended for it.

import (
	"context"
	"slices"
	"time"
)

type poolKey struct{ function, version string }

// pool is the environments and the queue of one version. The manager's lock
// guards it.
type pool struct {
	key      poolKey
	spec     *Spec
	idle     []*environment // the one used last is last, and is taken first
	starting int
	queue    []*flight
}

// flight is an invocation on its way.
type flight struct {
	Invocation
	pool    *pool
	spec    *Spec
	release func() // the hold on the clock
	done    chan struct{}
	result  Result
	err     error

	queued     bool
	since      time.Time // when it came
	begun      time.Time
	timer      *time.Timer
	answered   bool // result has the function's answer, or what became of it
	concluding bool // whoever set it lands the flight
	reason     string
	lines      tail
}

// admit queues an invocation, or refuses it as AWS does:
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
func (m *Manager) admit(spec *Spec, inv Invocation) (*flight, error) {
	if inv.TraceHeader == "" {
		inv.TraceHeader = newTrace(m.Clock.Now())
	}
	f := &flight{Invocation: inv, spec: spec, done: make(chan struct{}), timer: time.NewTimer(time.Hour), since: time.Now()}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.closing:
		return nil, ErrClosed
	case spec.Reserved != nil && m.inFlight[spec.Function] >= *spec.Reserved:
		return nil, &Throttle{"ReservedFunctionConcurrentInvocationLimitExceeded"}
	case m.total >= accountConcurrency:
		return nil, &Throttle{"ConcurrentInvocationLimitExceeded"}
	}
	f.release = m.Clock.Hold()
	m.inFlight[spec.Function]++
	m.total++
	f.pool = m.poolFor(spec)
	f.queued = true
	f.pool.queue = append(f.pool.queue, f)
	m.dispatch(f.pool)
	return f, nil
}

// poolFor returns the pool of spec's version; environments of another revision
// are ended.
func (m *Manager) poolFor(spec *Spec) *pool {
	key := poolKey{spec.Function, spec.Version}
	p := m.pools[key]
	if p == nil {
		p = &pool{key: key, spec: spec}
		m.pools[key] = p
	}
	if p.spec.Revision != spec.Revision {
		p.spec = spec
		m.retire(p, spec.Revision)
	}
	p.spec = spec
	return p
}

// retire ends p's environments whose revision is not keep, busy ones later.
func (m *Manager) retire(p *pool, keep string) {
	for _, e := range m.environments {
		if e.pool != p || e.spec.Revision == keep {
			continue
		}
		e.retired = true
		if e.state == idle {
			m.end(e)
		}
	}
}

// withdraw takes a flight whose caller gave up out of the queue; it reports
// false when the flight has left it.
func (m *Manager) withdraw(f *flight) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !f.queued {
		return false
	}
	p := f.pool
	p.queue = slices.DeleteFunc(p.queue, func(x *flight) bool { return x == f })
	m.land(f, context.Canceled)
	return true
}

func (m *Manager) dropQueued() {
	for _, p := range m.pools {
		for _, f := range p.queue {
			m.land(f, ErrClosed)
		}
		p.queue = nil
	}
}

// land ends a flight; its result must be complete.
func (m *Manager) land(f *flight, err error) {
	if err != nil {
		f.err = err
	}
	f.queued = false
	m.total--
	if m.inFlight[f.spec.Function]--; m.inFlight[f.spec.Function] == 0 {
		delete(m.inFlight, f.spec.Function)
	}
	close(f.done)
	f.release()
	m.changed.Broadcast()
}

// dispatch gives p's queue to idle environments and starts further ones. Starts
// are limited to what the machine can start at once: under a burst of short
// invocations an environment that becomes free is sooner there than a new one.
func (m *Manager) dispatch(p *pool) {
	for len(p.queue) > 0 {
		if n := len(p.idle); n > 0 {
			e := p.idle[n-1]
			p.idle = p.idle[:n-1]
			m.assign(e, p.take())
			continue
		}
		if p.starting >= len(p.queue) || m.starting >= m.maxStarting || m.closing || p.spec.Debug && m.has(p) {
			return
		}
		if m.live >= m.MaxEnvironments {
			m.evict()
			return
		}
		m.launch(p, 1)
	}
}

// has tells whether p has an environment: a debugger's port serves one.
func (m *Manager) has(p *pool) bool {
	for _, e := range m.environments {
		if e.pool == p {
			return true
		}
	}
	return false
}

// dispatchAll looks after every queue, when a process may be started again.
func (m *Manager) dispatchAll() {
	for _, p := range m.pools {
		m.dispatch(p)
	}
}

// evict ends the environment that has been idle longest, for the sake of another
// function's queue, which is served again when the process is gone.
func (m *Manager) evict() {
	var oldest *environment
	for _, e := range m.environments {
		switch {
		case e.state == ending:
			return
		case e.state == idle && (oldest == nil || e.idleSince.Before(oldest.idleSince)):
			oldest = e
		}
	}
	if oldest != nil {
		m.end(oldest)
	}
}

// Functions that wait for functions can take up all environments and wait for
// ever. So when nothing became free for a while one more is started, up to a
// multiple of the limit.
const (
	patience = time.Second
	overload = 4
)

// relieve starts one environment beyond the limit for the queue that has waited
// longest, if it is time.
func (m *Manager) relieve(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.live < m.MaxEnvironments || m.live >= overload*m.MaxEnvironments || m.starting > 0 || m.closing {
		return
	}
	var longest *pool
	for _, p := range m.pools {
		if len(p.queue) > 0 && !p.spec.Debug && (longest == nil || p.queue[0].since.Before(longest.queue[0].since)) {
			longest = p
		}
	}
	if longest != nil && now.Sub(longest.queue[0].since) > patience {
		m.launch(longest, 1)
	}
}

func (p *pool) take() *flight {
	f := p.queue[0]
	p.queue[0] = nil
	p.queue = p.queue[1:]
	f.queued = false
	return f
}

// requeue puts a flight that no runtime has taken back to the front.
func (m *Manager) requeue(f *flight) {
	if m.closing {
		m.land(f, ErrClosed)
		return
	}
	f.queued = true
	f.pool.queue = slices.Insert(f.pool.queue, 0, f)
}

// assign hands a flight to an idle environment; its parked /next picks it up.
func (m *Manager) assign(e *environment, f *flight) {
	e.state = busy
	e.current = f
	e.work <- f
}

// launch starts an environment for p. A start that fails is tried once more, as
// AWS repeats a failed INIT within the invocation, and then fails the invocation
// at the head of the queue.
func (m *Manager) launch(p *pool, attempt int) {
	m.live++
	m.starting++
	p.starting++
	e := newEnvironment(m, p, attempt)
	m.environments[e.id] = e
	go e.start()
}
