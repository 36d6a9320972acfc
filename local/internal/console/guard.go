package console

// This file defines who may ask. The console acts as the account's root, so a
// page of another site must not reach it: neither by a form or a script (Origin),
// nor by a name that it lets point to this machine (Host, DNS rebinding).

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

// policy lets a page load from here alone, and run no inline script or style.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

const maxBody = 2 << 20

func (c *Console) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		switch {
		case !c.ours(r.Host):
			http.Error(w, "This console answers to localhost and 127.0.0.1 alone.", http.StatusForbidden)
		case r.Method != http.MethodGet && r.Method != http.MethodHead && !c.fromHere(r):
			http.Error(w, "What changes something must come from a page of this console.", http.StatusForbidden)
		default:
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			next.ServeHTTP(w, r)
		}
	})
}

// ours tells whether a Host header names this machine and port.
func (c *Console) ours(host string) bool {
	name, port, err := net.SplitHostPort(host)
	return err == nil && slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, name) && port == strconv.Itoa(c.Port)
}

// fromHere tells whether a form was sent by a page of this console: browsers say
// where from with every POST. https://developer.mozilla.org/docs/Web/HTTP/Headers/Origin
func (c *Console) fromHere(r *http.Request) bool {
	from, err := url.Parse(r.Header.Get("Origin"))
	site := r.Header.Get("Sec-Fetch-Site")
	return err == nil && from.Scheme == "http" && from.Host == r.Host && (site == "" || site == "same-origin")
}
