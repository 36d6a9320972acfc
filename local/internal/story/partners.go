package story

// This file defines the stories of batches and partners.

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

var partnerStories = []Story{
	{Name: "batch", Title: "Goods come in: a batch of stock movements, one of them bad, arrives twice", tell: batchBooked},
	{Name: "partner-call", Title: "The partner is called, and is busy at first", tell: partnerCalled},
	{Name: "partner-path", Title: "Somebody tries to reach more of the partner's host than is allowed", tell: partnerGuarded},
}

// batchBooked books the sample batch, and the same again.
func batchBooked(ctx context.Context, w *World) error {
	if err := w.seed(ctx, seedStock); err != nil {
		return err
	}
	entries, err := w.sample("batch-request")
	if err != nil {
		return err
	}
	id := w.newOrderID("goods-in", accepted)
	entries[0].detail["batchId"] = id
	for n := 1; n <= 2; n++ {
		if err := w.publish(ctx, entries...); err != nil {
			return err
		}
		runs, err := w.caused(ctx, "BatchProcessingWorkflow", id, n)
		if err != nil {
			return err
		}
		w.tellRun(runs[0])
		w.expect(runs[0].status == "SUCCEEDED", "the batch must succeed, but %s: %s", runs[0].err, runs[0].cause)
		if err := w.compareStock(ctx, map[string]int{"LAPTOP001": 15, "MOUSE001": 25, "KEYBOARD001": -2}); err != nil {
			return err
		}
	}
	told := w.hear(ctx, "Batch Processed", id, 2)
	w.expect(len(told) == 2, "both executions must say what became of the batch, but %d did", len(told))
	for _, h := range told {
		var d struct {
			Items, Failed int
			FailedItems   []struct{ ItemID, Error string }
		}
		_ = json.Unmarshal(h.Detail, &d) // what is not there differs below
		w.expect(d.Items == 5 && d.Failed == 1 && len(d.FailedItems) == 1, "one of 5 items must be reported, but the event says %s", h.Detail)
		if len(d.FailedItems) == 1 {
			w.say("reported %s: %s", d.FailedItems[0].ItemID, d.FailedItems[0].Error)
		}
	}
	return nil
}

// callPartner publishes the sample with an id and an endpoint of its own.
func (w *World) callPartner(ctx context.Context, endpoint string) (id string, r run, err error) {
	entries, err := w.sample("external")
	if err != nil {
		return "", r, err
	}
	id = w.newOrderID("REQ", accepted)
	entries[0].detail["requestId"] = id
	if endpoint != "" {
		entries[0].detail["endpoint"] = endpoint
	}
	w.say("request  %s, POST %v", id, entries[0].detail["endpoint"])
	if err := w.publish(ctx, entries...); err != nil {
		return id, r, err
	}
	runs, err := w.caused(ctx, "ExternalIntegrationWorkflow", id, 1)
	if err != nil {
		return id, r, err
	}
	w.tellRun(runs[0])
	return id, runs[0], nil
}

func partnerCalled(ctx context.Context, w *World) error {
	if w.Partner == nil {
		w.say("left out: there is no partner to call from there")
		return nil
	}
	w.Partner.occupy(2)
	id, r, err := w.callPartner(ctx, "")
	if err != nil {
		return err
	}
	w.expect(r.status == "SUCCEEDED", "the call must succeed, but %s: %s", r.err, r.cause)
	calls := w.Partner.got()
	var answers []string
	keys := map[string]bool{}
	for _, c := range calls {
		answers = append(answers, fmt.Sprint(c.status))
		keys[c.key] = true
		w.expect(strings.HasPrefix(c.token, "Bearer "), "the call must carry the connection's token")
		w.expect(c.path == "POST /v1/shipments" && strings.Contains(c.body, "ORD-1001"), "the partner must get the payload under the path, but got %s with %s", c.path, c.body)
	}
	w.say("partner  answered %s", strings.Join(answers, ", "))
	w.expect(strings.Join(answers, " ") == "429 429 201", "the partner must be asked until it takes the call")
	w.expect(len(keys) == 1, "every attempt must carry the same key")
	w.expect(len(w.hear(ctx, "API Integration Completed", id, 1)) == 1, "whoever asked must be told")
	return nil
}

// partnerGuarded: what is no path below /v1/ is refused before anything is called.
func partnerGuarded(ctx context.Context, w *World) error {
	if w.Partner != nil {
		w.Partner.occupy(0)
	}
	for _, endpoint := range []string{"/v1/../admin", "@evil.example/v1/x"} {
		id, r, err := w.callPartner(ctx, endpoint)
		if err != nil {
			return err
		}
		w.expect(r.err == "PartnerCallFailed", "the execution must fail as PartnerCallFailed, but ended as %s %s", r.status, r.err)
		w.expect(len(w.hear(ctx, "API Integration Failed", id, 1)) == 1, "whoever asked must be told")
	}
	w.expect(w.Partner == nil || len(w.Partner.got()) == 0, "nothing may be called")
	return nil
}
