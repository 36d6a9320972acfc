package awswire

// This file defines how many connections the listener has at a time. Each takes
// one of the files that the process may have open, and without files the store and
// the functions could not work: whoever opens connections without end must not be
// able to take them all.

import (
	"log/slog"
	"net"
	"net/http"
	"sync"
)

// mostConnections bounds a gate whatever the system allows: 16,384 connections
// take some 300 MB.
const mostConnections = 16_384

// MostConnections is what a process can bear: three quarters of its open files.
func MostConnections() int {
	if files, known := openFiles(); known {
		return int(min(files/4*3, mostConnections))
	}
	return mostConnections / 16
}

// gate is a listener that lets in as many connections as there is room for. When
// there is none, the connection that has been idle the longest goes, as servers do
// at any time; if none is idle, the next waits until one ends. Slow ones end by
// the server's timeouts.
type gate struct {
	net.Listener
	most int
	log  *slog.Logger

	mu     sync.Mutex
	ended  *sync.Cond
	closed bool
	open   int
	clock  uint64
	idle   map[net.Conn]uint64 // since when, in counted changes
	full   bool                // it was said
}

// Gate bounds the connections of a server that serves l. Serve the listener it
// returns.
func Gate(server *http.Server, l net.Listener, most int, log *slog.Logger) net.Listener {
	if log == nil {
		log = slog.Default()
	}
	g := &gate{Listener: l, most: most, log: log, idle: map[net.Conn]uint64{}}
	g.ended = sync.NewCond(&g.mu)
	server.ConnState = g.changed
	return g
}

// Accept implements net.Listener.
func (g *gate) Accept() (net.Conn, error) {
	c, err := g.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if !g.enter() {
		_ = c.Close()
		return nil, net.ErrClosed
	}
	return c, nil
}

// Close implements net.Listener.
func (g *gate) Close() error {
	g.mu.Lock()
	g.closed = true
	g.ended.Broadcast()
	g.mu.Unlock()
	return g.Listener.Close()
}

// enter waits until there is room, or the listener is closed.
func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.open >= g.most && !g.closed {
		if !g.full {
			g.full = true
			g.log.Warn("there are as many connections as this process can bear; idle ones are closed, further ones wait", "connections", g.open)
		}
		g.evict()
		g.ended.Wait()
	}
	g.open++
	return !g.closed
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open--
	g.full = g.full && g.open > g.most/2
	g.ended.Signal()
}

// evict closes the connection that has been idle the longest.
func (g *gate) evict() {
	var oldest net.Conn
	for c, since := range g.idle {
		if oldest == nil || since < g.idle[oldest] {
			oldest = c
		}
	}
	if oldest != nil {
		delete(g.idle, oldest)
		_ = oldest.Close() // the server notices, and reports its end
	}
}

// changed implements the ConnState of a server.
func (g *gate) changed(c net.Conn, state http.ConnState) {
	if state == http.StateNew {
		return
	}
	g.mu.Lock()
	delete(g.idle, c)
	if state == http.StateIdle {
		g.clock++
		g.idle[c] = g.clock
		g.ended.Signal() // whoever waits may have its place
	}
	g.mu.Unlock()
	if state == http.StateClosed || state == http.StateHijacked {
		g.leave()
	}
}
