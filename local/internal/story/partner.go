package story

// This file defines who stands in for the partner's API: a server on this machine
// that the local AWS finds under the partner's name.

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// PartnerHost is the host that external integrations call, by the template's default.
const PartnerHost = "api.partner.com"

// Partner is the partner's API, as far as stories need it: it takes what it is
// sent, once it is no longer busy. Start at [OpenPartner].
type Partner struct {
	URL    string
	server *http.Server

	mu    sync.Mutex
	busy  int // how many calls it still puts off
	calls []partnerCall
}

// partnerCall is a call that the partner got.
type partnerCall struct {
	path, token, key, body string
	status                 int
}

// OpenPartner starts a partner on a free port.
func OpenPartner(ctx context.Context) (*Partner, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Partner{URL: "http://" + l.Addr().String()}
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: time.Second}
	go func() { _ = p.server.Serve(l) }() // ends with Close
	return p, nil
}

// Close ends the partner.
func (p *Partner) Close() { _ = p.server.Close() }

// ServeHTTP answers 429 while the partner is busy, 401 without a token, then 201.
func (p *Partner) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return // the caller broke off
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	status := http.StatusCreated
	switch {
	case p.busy > 0:
		p.busy--
		status = http.StatusTooManyRequests
	case r.Header.Get("Authorization") == "":
		status = http.StatusUnauthorized
	}
	p.calls = append(p.calls, partnerCall{r.Method + " " + r.URL.Path, r.Header.Get("Authorization"), r.Header.Get("Idempotency-Key"), string(body), status})
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"accepted":true}`)
}

// occupy lets the partner put off the next n calls and forgets the calls so far.
func (p *Partner) occupy(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy, p.calls = n, nil
}

func (p *Partner) got() []partnerCall {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls
}
