package browser

// This file defines pages: opening, looking, clicking, typing, taking pictures,
// and what went wrong meanwhile.

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Window is how a page is looked at.
type Window struct {
	Width, Height int
	Dark          bool
	Scale         float64 // pixels of the picture for one of the page; 0 is 1
}

// Page is a tab. Its methods must not be called at the same time.
type Page struct {
	b       *Browser
	session string

	mu         sync.Mutex
	complaints []string
	requests   []string
}

// Open makes a tab and opens a URL in it.
func (b *Browser) Open(ctx context.Context, url string, w Window) (*Page, error) {
	var target struct{ TargetID string }
	if err := b.call(ctx, "", "Target.createTarget", map[string]any{"url": "about:blank"}, &target); err != nil {
		return nil, err
	}
	var session struct{ SessionID string }
	if err := b.call(ctx, "", "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &session); err != nil {
		return nil, err
	}
	p := &Page{b: b, session: session.SessionID}
	b.mu.Lock()
	b.pages[p.session] = p
	b.mu.Unlock()
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		if err := p.call(ctx, domain+".enable", struct{}{}, nil); err != nil {
			return nil, err
		}
	}
	if err := p.Look(ctx, w); err != nil {
		return nil, err
	}
	return p, p.Go(ctx, url)
}

func (p *Page) call(ctx context.Context, method string, params, out any) error {
	return p.b.call(ctx, p.session, method, params, out)
}

// Look changes the window.
func (p *Page) Look(ctx context.Context, w Window) error {
	scheme := map[bool]string{true: "dark", false: "light"}[w.Dark]
	err := p.call(ctx, "Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"}}}, nil)
	return errors.Join(err, p.call(ctx, "Emulation.setDeviceMetricsOverride", map[string]any{"width": w.Width, "height": w.Height, "deviceScaleFactor": max(w.Scale, 0), "mobile": false}, nil))
}

// Go opens a URL and waits until the page with its scripts is there.
func (p *Page) Go(ctx context.Context, url string) error {
	var loaded struct{ ErrorText string }
	if err := p.call(ctx, "Page.navigate", map[string]any{"url": url}, &loaded); err != nil {
		return err
	}
	if loaded.ErrorText != "" {
		return fmt.Errorf("%s: %s", url, loaded.ErrorText)
	}
	return p.Until(ctx, `location.href !== "about:blank" && document.readyState === "complete"`)
}

// Eval evaluates an expression on the page, waits for it if it is a promise, and
// decodes its value into out.
func (p *Page) Eval(ctx context.Context, expression string, out any) error {
	var answer struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	if err := p.call(ctx, "Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true}, &answer); err != nil {
		return err
	}
	if e := answer.ExceptionDetails; e != nil {
		return fmt.Errorf("%s: %s %s", expression, e.Text, e.Exception.Description)
	}
	if out == nil || len(answer.Result.Value) == 0 {
		return nil
	}
	return json.Unmarshal(answer.Result.Value, out)
}

// Until waits until an expression is true, across pages that replace each other.
func (p *Page) Until(ctx context.Context, expression string) error {
	var is bool
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		err := p.Eval(ctx, "!!("+expression+")", &is)
		if is && err == nil {
			return nil
		}
		if ctx.Err() != nil || time.Now().After(end) {
			var shown string
			_ = p.Eval(ctx, "location.pathname + location.search + '\\n' + document.body.innerText.slice(0, 3000)", &shown)
			return errors.Join(fmt.Errorf("never came true: %s\non %s", expression, shown), err, ctx.Err())
		}
	}
}

// UntilText waits until the page shows a text.
func (p *Page) UntilText(ctx context.Context, text string) error {
	return p.Until(ctx, "document.body.innerText.includes("+quote(text)+")")
}

func quote(s string) string {
	text, _ := json.Marshal(s) // strings always can
	return string(text)
}

// find is a script that finds what somebody would click: a CSS selector, or a
// button, link, summary or label by its whole text.
const find = `((what) => {
  const named = [...document.querySelectorAll("button,a,summary,label,option")].filter((e) => (e.innerText ?? e.textContent).trim() === what && e.getClientRects().length);
  if (named.length) return named[0];
  try { return document.querySelector(what); } catch { return null; }
})`

// Click presses the pointer's button where the element is; it fails if there is
// none, or if something else lies over it.
func (p *Page) Click(ctx context.Context, what string) error {
	if err := p.Until(ctx, find+"("+quote(what)+")"); err != nil {
		return err
	}
	var at struct {
		X, Y float64
		Hit  bool
	}
	err := p.Eval(ctx, `(() => { const e = `+find+`(`+quote(what)+`);
		e.scrollIntoView({block: "center", behavior: "instant"});
		const box = e.getClientRects()[0], x = box.left + box.width / 2, y = box.top + box.height / 2, there = document.elementFromPoint(x, y);
		return {X: x, Y: y, Hit: !!there && (e.contains(there) || there.contains(e))}; })()`, &at)
	if err != nil {
		return err
	}
	if !at.Hit {
		return fmt.Errorf("something lies over %s at %.0f, %.0f", what, at.X, at.Y)
	}
	for _, kind := range []string{"mousePressed", "mouseReleased"} {
		if err := p.call(ctx, "Input.dispatchMouseEvent", map[string]any{"type": kind, "x": at.X, "y": at.Y, "button": "left", "clickCount": 1}, nil); err != nil {
			return err
		}
	}
	return nil
}

// Fill clicks a field and replaces what is in it.
func (p *Page) Fill(ctx context.Context, field, text string) error {
	if err := p.Click(ctx, field); err != nil {
		return err
	}
	return errors.Join(p.Eval(ctx, "document.activeElement.select()", nil), p.call(ctx, "Input.insertText", map[string]any{"text": text}, nil))
}

// keys are those with a name; https://www.w3.org/TR/uievents-key/
var keys = map[string]struct {
	code int
	text string
}{"Tab": {9, ""}, "Enter": {13, "\r"}, "Escape": {27, ""}, "ArrowDown": {40, ""}}

// Press presses keys one after the other: letters, or names such as Tab.
func (p *Page) Press(ctx context.Context, names ...string) error {
	for _, name := range names {
		k, known := keys[name]
		if !known {
			k.text = name
			k.code = int(strings.ToUpper(name)[0])
		}
		for _, kind := range []string{"keyDown", "keyUp"} {
			params := map[string]any{"type": kind, "key": name, "windowsVirtualKeyCode": k.code}
			if kind == "keyDown" && k.text != "" {
				params["text"] = k.text
			}
			if err := p.call(ctx, "Input.dispatchKeyEvent", params, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// Picture takes a picture of the window, PNG; if whole, of all of the page.
func (p *Page) Picture(ctx context.Context, whole bool) ([]byte, error) {
	var taken struct{ Data string }
	if err := p.call(ctx, "Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": whole}, &taken); err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(taken.Data)
}

// Complaints are what the browser or the page's script complained about: errors,
// warnings, what the policy stopped, what could not be loaded.
func (p *Page) Complaints() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.complaints)
}

// Requests are the URLs that were asked for.
func (p *Page) Requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.requests)
}

// note keeps what an event tells.
func (p *Page) note(m message) {
	var e struct {
		Type  string
		Args  []struct{ Value, Description json.RawMessage }
		Entry struct{ Level, Text, URL string }
		// an exception's
		ExceptionDetails struct {
			Text      string
			Exception struct{ Description string }
		}
		Request struct{ URL string }
	}
	if json.Unmarshal(m.Params, &e) != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case m.Method == "Network.requestWillBeSent":
		p.requests = append(p.requests, e.Request.URL)
	case m.Method == "Log.entryAdded" && (e.Entry.Level == "error" || e.Entry.Level == "warning"):
		p.complaints = append(p.complaints, strings.TrimSpace(e.Entry.Text+" "+e.Entry.URL))
	case m.Method == "Runtime.exceptionThrown":
		p.complaints = append(p.complaints, e.ExceptionDetails.Text+" "+e.ExceptionDetails.Exception.Description)
	case m.Method == "Runtime.consoleAPICalled" && (e.Type == "error" || e.Type == "warning"):
		said := ""
		for _, a := range e.Args {
			said += string(a.Value) + string(a.Description) + " "
		}
		p.complaints = append(p.complaints, said)
	}
}
