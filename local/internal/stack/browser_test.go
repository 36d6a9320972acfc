package stack

// This file defines the browser tests of the console: a person with a pointer and
// a keyboard, on a small stack, in `make test`. The whole order workflow is clicked
// through by `make browser` (local/browser_test.go).

import (
	"context"
	"strings"
	"testing"

	"github.com/stepworks/stepworks/local/internal/browser"
)

// reader is somebody with a browser.
type reader struct {
	*testing.T
	ctx  context.Context
	page *browser.Page
	site string
}

func newReader(t *testing.T, site string) reader {
	t.Helper()
	path, found := browser.Find()
	if !found {
		t.Skip("NOT CHECKED in a browser: there is no Chromium on this machine (or name one in CHROMIUM)")
	}
	b, err := browser.Start(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	page, err := b.Open(t.Context(), site, browser.Window{Width: 1280, Height: 900})
	if err != nil {
		t.Fatal(err)
	}
	return reader{t, t.Context(), page, site}
}

func (r reader) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r reader) click(what ...string) {
	r.Helper()
	for _, w := range what {
		r.must(r.page.Click(r.ctx, w))
	}
}

func (r reader) sees(texts ...string) {
	r.Helper()
	for _, text := range texts {
		r.must(r.page.UntilText(r.ctx, text))
	}
}

func (r reader) is(expression string) bool {
	r.Helper()
	var is bool
	r.must(r.page.Eval(r.ctx, "!!("+expression+")", &is))
	return is
}

// stay marks the page, to see that it renews itself and is not loaded again.
func (r reader) stay() { r.must(r.page.Eval(r.ctx, "window.stayed = true", nil)) }

func (r reader) stayed() {
	r.Helper()
	if !r.is("window.stayed") {
		r.Error("the page was loaded again instead of renewing itself")
	}
}

// quiet holds that nothing complained, that nothing left this site, and that no
// script of the hostile data ran.
func (r reader) quiet() {
	r.Helper()
	for _, said := range r.page.Complaints() {
		r.Errorf("the browser complains: %s", said)
	}
	for _, url := range r.page.Requests() {
		if !strings.HasPrefix(url, r.site) {
			r.Errorf("a request left the console: %s", url)
		}
	}
}

const hostileEntries = `[{"Source":"shop","DetailType":"<img src=x onerror=window.pwned=1>","Detail":"{\"n\":\"</pre><script>window.pwned=1</script>\",\"u\":\"javascript:window.pwned=1\"}"}]`

func TestAPersonAtABrowserWorksThroughTheConsole(t *testing.T) {
	p := newPeople(t)
	r := newReader(t, p.console)
	r.answersByHand()
	r.redrivesAndRunsAgain()
	r.replays()
	r.usesTheKeyboard()
	r.readsHostileData(p)
	r.quiet()
}

// answersByHand sends the sample, sees the execution come, and refuses what
// its task waits for.
func (r reader) answersByHand() {
	r.Helper()
	r.click("sold", "Send sold")
	r.sees("Sent 1 event(s).", "Sold", "CounterRule")
	r.must(r.page.Go(r.ctx, r.site))
	r.sees("RUNNING")
	r.click("#main section:last-of-type tbody a")
	r.sees("Ask waits for an answer")
	r.click("Answer with a failure")
	r.sees("Answered with a failure.", "Console.Refused", "FAILED")
}

// redrivesAndRunsAgain lets the execution go on where it failed, answers with
// what its choice refuses, and runs from the choice with another input.
func (r reader) redrivesAndRunsAgain() {
	r.Helper()
	r.click("Redrive")
	r.sees("Redriven: it goes on where it failed.", "Ask waits for an answer")
	r.must(r.page.Fill(r.ctx, ".wait textarea", `{"good":false}`))
	r.click("Answer with success")
	r.sees("Answered with success.", "Counter.No", "FAILED")
	r.click("tbody tr:nth-last-child(2) a")
	r.sees("Close")
	r.must(r.page.Until(r.ctx, `document.querySelector("select[name=from]").value === "Good?"`))
	r.must(r.page.Fill(r.ctx, "#again textarea", `{"good":true}`))
	r.click("#again button")
	r.sees("Started.", "SUCCEEDED", "Counter-from-")
}

// replays sends the event once more and watches its execution end: no click, no
// loading.
func (r reader) replays() {
	r.Helper()
	r.must(r.page.Go(r.ctx, r.site+"/events"))
	r.click("Sold")
	r.sees("What followed", "matched rule", "execution of")
	r.click("Send it again")
	r.sees("Sent 1 event(s).")
	r.must(r.page.Go(r.ctx, r.site+"/machines/Counter"))
	r.click("#main section tbody a")
	r.sees("Ask waits for an answer")
	r.stay()
	r.must(r.page.Eval(r.ctx, `fetch("/do/stop", {method: "POST", body: new URLSearchParams({execution: decodeURIComponent(location.pathname.split("/").pop())})}).then(() => 1)`, nil))
	r.sees("ABORTED", "Console.Stopped")
	r.stayed()
}

// usesTheKeyboard finds the way without a pointer: the link that skips the
// header, keys for the sections, a filter, and a focus that stays where it was
// when the page renews itself.
func (r reader) usesTheKeyboard() {
	r.Helper()
	r.must(r.page.Press(r.ctx, "h"))
	r.must(r.page.Until(r.ctx, `location.pathname === "/" && document.readyState === "complete"`))
	r.must(r.page.Press(r.ctx, "Tab"))
	r.must(r.page.Until(r.ctx, `document.activeElement.className === "skip" && document.activeElement.getBoundingClientRect().left > 0`))
	r.must(r.page.Press(r.ctx, "Enter", "Tab"))
	r.must(r.page.Until(r.ctx, `document.getElementById("main").contains(document.activeElement)`))
	if !r.is(`getComputedStyle(document.activeElement).outlineStyle !== "none"`) {
		r.Error("the focus cannot be seen")
	}
	r.must(r.page.Press(r.ctx, "e"))
	r.must(r.page.Until(r.ctx, `location.pathname === "/events" && document.readyState === "complete"`))
	r.must(r.page.Press(r.ctx, "/", "n", "o", "p", "e"))
	r.must(r.page.Until(r.ctx, `document.getElementById("filter").value === "nope" && ![...document.querySelectorAll("tbody tr")].some((e) => e.getClientRects().length)`))
}

// readsHostileData publishes an event that is all script, and looks at every page
// that shows it; meanwhile the page renews itself under the reader's focus.
func (r reader) readsHostileData(p *people) {
	r.Helper()
	r.must(r.page.Go(r.ctx, r.site))
	r.must(r.page.Eval(r.ctx, `[...document.querySelectorAll("main a")].find((e) => e.innerText === "Counter").focus(); window.stayed = true`, nil))
	p.send("/do/send", "entries", hostileEntries)
	r.sees("RUNNING")
	r.stayed()
	if !r.is(`document.activeElement.innerText === "Counter"`) {
		r.Error("the focus was lost when the page renewed itself")
	}
	for _, page := range []string{"/events", "/?said=%3Cimg+src%3Dx+onerror%3Dwindow.pwned%3D1%3E"} {
		r.must(r.page.Go(r.ctx, r.site+page))
		r.sees("<img src=x onerror")
	}
	r.must(r.page.Go(r.ctx, r.site+"/events"))
	r.click("#main tbody a")
	r.sees("</pre><script>")
	if r.is("window.pwned") {
		r.Error("a script that came as data was run")
	}
}
