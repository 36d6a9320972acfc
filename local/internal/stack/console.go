package stack

// This file defines the console's listener, beside that of the services.

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"time"

	"github.com/stepworks/stepworks/local/internal/console"
)

// ServeConsole serves the web console on a port of the loopback address (0: any
// free one) until the stack is closed, and returns its URL. Samples are files of
// events that people may send; nil for none.
func (s *Stack) ServeConsole(ctx context.Context, port int, samples fs.FS) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return "", fmt.Errorf("port %d cannot be used for the console: take another one with --console-port (0: any free one): %w", port, err)
	}
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return "", errors.Join(errors.New("the console's listener has no TCP address"), l.Close())
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx)) // ends live pages
	c := console.New(console.Config{Account: s.Account, Region: s.Region, Endpoint: s.URL(), Caller: s.wire, Journal: s.Journal, Clock: s.Clock,
		Explain: s.Explain, Samples: samples, Port: addr.Port})
	s.console = &http.Server{Handler: c.Handler(), ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10, BaseContext: func(net.Listener) context.Context { return ctx }}
	s.console.RegisterOnShutdown(stop)
	go func() {
		if err := s.console.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.Log.Error("the console's listener failed", "error", err)
		}
	}()
	return "http://" + l.Addr().String(), nil
}

func (s *Stack) closeConsole(ctx context.Context) error {
	if s.console == nil {
		return nil
	}
	return s.console.Shutdown(ctx)
}
