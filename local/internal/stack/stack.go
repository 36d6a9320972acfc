// Package stack puts the local AWS together: it makes the services, lets them
// meet, listens, and deploys a template into them. It is the only package that
// knows all services.
//
//	Start    the services over one store, on one loopback listener
//	Deploy   a template: functions built, resources created in order
//	Close    what is under way ends or is stored; nothing accepted is lost
//
// Services meet in awswire.Server.Call alone, each as the role or service
// principal it acts for. Start at [Start].
package stack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/cloudformation"
	"github.com/stepworks/stepworks/local/internal/journal"
	"github.com/stepworks/stepworks/local/internal/store"
	"github.com/stepworks/stepworks/local/internal/template"
)

// Options say what to start.
type Options struct {
	Port            int // 0: any free one
	Account, Region string
	Memory          bool   // no state on disk
	StateDir        string // unless Memory
	Programs        string // where built functions stay; empty: with the state
	Clock           clock.Clock
	Log             *slog.Logger
	// Lenient lets through what nobody has set up permissions for, where AWS would
	// refuse it: roles that were never made, and services that reach resources
	// without any policy. For a bare AWS, whose users test something else.
	Lenient bool
	// Routes sends HTTP tasks and API destinations for a host elsewhere.
	Routes map[string]string
	// Mocks is a mock file with answers for tasks; nil for none.
	Mocks []byte
	// Meter collects what AWS would bill. May be nil.
	Meter *Meter
}

// VirtualClock is a clock for `--time virtual`: it begins now, and leaves clients
// outside of the process a moment to take their turn before it jumps.
func VirtualClock() *clock.Virtual { return clock.NewVirtual(time.Now(), 50*time.Millisecond) }

// journalKeeps is how many entries the journal holds.
const journalKeeps = 50_000

// Stack is the running local AWS.
type Stack struct {
	Options
	Journal *journal.Journal

	deployed []*template.Resource // of the template that Deploy brought here

	store    *store.Store
	wire     *awswire.Server
	services *services
	cfn      *cloudformation.Service
	listener net.Listener
	http     *http.Server
	console  *http.Server // nil unless served
}

// Start makes the services and listens on a loopback address.
func Start(ctx context.Context, o Options) (*Stack, error) {
	listener, err := listen(ctx, o.Port)
	if err != nil {
		return nil, err
	}
	s := &Stack{Options: o, listener: listener}
	if err := s.start(); err != nil {
		return nil, errors.Join(err, listener.Close(), s.closeStore())
	}
	return s, nil
}

func listen(ctx context.Context, port int) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, fmt.Errorf("port %d cannot be used: is another local AWS running on it? Stop it, or take another port with --port (0: any free one): %w", port, err)
	}
	return l, nil
}

func (s *Stack) start() error {
	if err := s.openStore(); err != nil {
		return err
	}
	s.Journal = journal.New(journalKeeps, s.Clock.Now)
	if err := s.compose(); err != nil {
		return err
	}
	s.cfn = cloudformation.New(cloudformation.Config{Account: s.Account, Region: s.Region, Store: s.store, Clock: s.Clock, Caller: s.wire})
	s.wire.Add(s.cfn.API())
	s.http = awswire.HTTPServer(s.wire)
	gate := awswire.Gate(s.http, s.listener, awswire.MostConnections(), s.Log)
	go func() {
		if err := s.http.Serve(gate); !errors.Is(err, http.ErrServerClosed) {
			s.Log.Error("the listener failed", "error", err)
		}
	}()
	return errors.Join(s.cfn.Start(), s.services.resume())
}

func (s *Stack) openStore() (err error) {
	if s.Memory {
		s.store = store.Memory()
		return nil
	}
	s.store, err = store.Open(s.StateDir)
	return err
}

func (s *Stack) closeStore() error {
	if s.store == nil {
		return nil
	}
	return s.store.Close()
}

// URL is the endpoint.
func (s *Stack) URL() string { return "http://" + s.listener.Addr().String() }

// closePatience is how long invocations under way may take to end.
const closePatience = 3 * time.Second

// Close stops listening, lets the services finish or store what is under way,
// and closes the store.
func (s *Stack) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closePatience)
	defer cancel()
	consoleErr := s.closeConsole(ctx)
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) { // long polls: they end now
		err = s.http.Close()
	}
	s.cfn.Close()
	s.services.close(ctx)
	return errors.Join(consoleErr, err, s.closeStore())
}
