package main

// This file defines what a browser does with the whole of template.yaml: it clicks
// through the order workflow, and takes the pictures of the documentation. Both
// build every function, so they run on request:
//
//	make browser       BROWSER=true go test ./local -run TestOrdersInABrowser -v
//	make screenshots   SCREENSHOTS=docs/images go test ./local -run TestScreenshots -v

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stepworks/stepworks/local/internal/browser"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/stack"
	"github.com/stepworks/stepworks/local/internal/story"
)

// visitor is a browser before the console of a deployed template.yaml.
type visitor struct {
	*testing.T
	ctx   context.Context
	stack *stack.Stack
	site  string
	page  *browser.Page
}

// visit deploys the template and opens the console: with routes as the stories
// want it, otherwise so that payments take a while and a gateway's callback waits.
func visit(t *testing.T, clk clock.Clock, routes map[string]string) *visitor {
	t.Helper()
	path, found := browser.Find()
	if !found {
		t.Fatal("there is no Chromium on this machine: install it, or name one in CHROMIUM")
	}
	t.Chdir("..") // to the repository
	mocks, err := os.ReadFile(storyMocks)
	must(t, err)
	s, err := stack.Start(t.Context(), stack.Options{Account: "123456789012", Region: "us-east-1", Memory: true, Clock: clk, Log: slog.New(slog.DiscardHandler), Mocks: mocks, Routes: routes})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	parameters := map[string]string{"PaymentDelay": "1s", "PaymentGateway": "external"}
	if routes != nil {
		parameters = storyDefaults
	}
	must(t, s.Deploy(t.Context(), stack.Deployment{Template: "template.yaml", Parameters: parameters, Progress: io.Discard}))
	site, err := s.ServeConsole(t.Context(), 0, os.DirFS("events/put"))
	must(t, err)
	b, err := browser.Start(path)
	must(t, err)
	t.Cleanup(func() { must(t, b.Close()) })
	page, err := b.Open(t.Context(), site, browser.Window{Width: 1280, Height: 900})
	must(t, err)
	return &visitor{t, t.Context(), s, site, page}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func (v *visitor) goTo(path string) {
	v.Helper()
	must(v.T, v.page.Go(v.ctx, v.site+path))
}

func (v *visitor) click(what ...string) {
	v.Helper()
	for _, w := range what {
		must(v.T, v.page.Click(v.ctx, w))
	}
}

func (v *visitor) sees(texts ...string) {
	v.Helper()
	for _, text := range texts {
		must(v.T, v.page.UntilText(v.ctx, text))
	}
}

// send sends a sample from the first page.
func (v *visitor) send(sample string) {
	v.Helper()
	v.goTo("/")
	v.click(sample, "Send "+sample)
	v.sees("Sent 1 event(s).")
}

// latest opens the latest execution of a machine.
func (v *visitor) latest(machine string) {
	v.Helper()
	v.goTo("/machines/" + machine)
	v.click("#main section tbody a")
	v.sees("Timeline")
}

// TestOrdersInABrowser sends an order and watches it to its end without loading
// the page again; sees why a declined one failed, with its functions' log, and
// redrives it; answers a payment gateway's callback by hand; replays the order's event.
func TestOrdersInABrowser(t *testing.T) {
	if os.Getenv("BROWSER") == "" {
		t.Skip("builds every function: make browser")
	}
	v := visit(t, clock.Real(), nil)
	sendStock(t, v.stack.URL())
	v.send("order-placed")
	v.sees("OrderPlacedRule")
	v.latest("OrderProcessingWorkflow")
	must(t, v.page.Eval(v.ctx, "window.stayed = true", nil))
	v.sees("SUCCEEDED", "ProcessFulfillment")
	must(t, v.page.Until(v.ctx, "window.stayed"))
	v.declined()
	v.callback()
	v.goTo("/events")
	v.click("Order Placed")
	v.sees("OrderPlacedRule", "What followed")
	v.click("Send it again")
	v.sees("Sent 1 event(s).")
	for _, page := range []string{"/", "/machines/OrderProcessingWorkflow", "/events", "/functions", "/functions/order-validation", "/data", "/tables/Orders", "/queues/workflow-execution-failures", "/time"} {
		for _, width := range []int{320, 1280, 3840} {
			must(t, v.page.Look(v.ctx, browser.Window{Width: width, Height: 900}))
			v.goTo(page)
			v.fits(fmt.Sprintf("%s at %d pixels", page, width))
		}
	}
	v.quiet()
}

func (v *visitor) declined() {
	v.Helper()
	v.send("order-declined")
	v.latest("OrderProcessingWorkflow")
	v.sees("FAILED", "PaymentFailed")
	v.click("#main details summary")
	v.sees("platform.report")
	v.click("Redrive")
	v.sees("Redriven: it goes on where it failed.")
}

func (v *visitor) callback() {
	v.Helper()
	v.goTo("/machines/OrderCallbackWorkflow")
	order, err := os.ReadFile("events/executions/order-payment-callback.json")
	must(v.T, err, v.page.Fill(v.ctx, "textarea[name=input]", string(order)))
	v.click("Start an execution")
	v.sees("waits for an answer")
	must(v.T, v.page.Fill(v.ctx, ".wait textarea", `{"paymentStatus":"success","status":"processed","paymentId":"pay_by_hand","transactionId":"txn_by_hand","orderId":"ORD-6001","amount":1029.98}`))
	v.click("Answer with success")
	v.sees("Answered with success.", "SUCCEEDED")
}

// quiet holds that nothing complained and that nothing left this machine.
func (v *visitor) quiet() {
	v.Helper()
	for _, said := range v.page.Complaints() {
		v.Errorf("the browser complains: %s", said)
	}
	for _, url := range v.page.Requests() {
		if !strings.HasPrefix(url, v.site) {
			v.Errorf("a request left the console: %s", url)
		}
	}
}

func sendStock(t *testing.T, endpoint string) {
	t.Helper()
	must(t, story.Tell(t.Context(), story.Config{Endpoint: endpoint, Region: "us-east-1", Files: os.DirFS("."), Out: io.Discard, Only: "placed"}))
}

// TestScreenshots tells the stories and takes a picture of each page.
func TestScreenshots(t *testing.T) {
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		t.Skip("writes pictures: make screenshots")
	}
	partner, err := story.OpenPartner(t.Context())
	must(t, err)
	defer partner.Close()
	clk := stack.VirtualClock()
	v := visit(t, clk, map[string]string{story.PartnerHost: partner.URL})
	tell := story.Config{Endpoint: v.stack.URL(), Region: "us-east-1", Files: os.DirFS("."), Out: io.Discard, Advance: clk.Advance, Partner: partner}
	must(t, story.Tell(v.ctx, tell))
	wide, phone := browser.Window{Width: 1280, Height: 900}, browser.Window{Width: 390, Height: 844, Dark: true}
	v.send("order-declined")
	v.sees("Order Failed")
	v.latest("OrderProcessingWorkflow")
	v.sees("FAILED", "PaymentFailed")
	var execution string
	must(t, v.page.Eval(v.ctx, "location.pathname", &execution))
	v.goTo("/events?bus=ecommerce-orders")
	v.click("tbody tr:last-child a")
	var event string
	must(t, v.page.Until(v.ctx, `location.pathname !== "/events" && document.readyState === "complete"`), v.page.Eval(v.ctx, "location.pathname", &event))
	for _, shot := range []struct {
		name, path string
		window     browser.Window
	}{
		{"home", "/", wide}, {"home-phone-dark", "/", phone}, {"machine", "/machines/OrderProcessingWorkflow", wide}, {"execution", execution, wide},
		{"execution-phone", execution, browser.Window{Width: 390, Height: 844}}, {"execution-dark", execution, browser.Window{Width: 1280, Height: 900, Dark: true}},
		{"events", "/events?bus=ecommerce-orders", wide}, {"event", event, wide}, {"functions", "/functions", wide}, {"data", "/data", wide}, {"time", "/time", browser.Window{Width: 1280, Height: 400}},
	} {
		must(t, v.page.Look(v.ctx, shot.window))
		v.goTo(shot.path)
		time.Sleep(200 * time.Millisecond) // the live light
		v.fits(shot.name)
		picture, err := v.page.Picture(v.ctx, false)
		must(t, err, os.WriteFile(filepath.Join(dir, shot.name+".png"), picture, 0o600))
		t.Logf("%s.png: %d kB", shot.name, len(picture)>>10)
	}
	v.quiet()
}

// fits holds that a page needs no scrolling sideways.
func (v *visitor) fits(name string) {
	v.Helper()
	var over float64
	must(v.T, v.page.Eval(v.ctx, "document.documentElement.scrollWidth - innerWidth", &over))
	if over > 0 {
		v.Errorf("%s is %.0f pixels wider than its window", name, over)
	}
}
