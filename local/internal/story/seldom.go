package story

// This file defines the stories of ways that are taken seldom: they use what no other
// story does, permissions first of all.

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

var seldomStories = []Story{
	{Name: "import-at-once", Title: "Products are written without commands, then changed, by both ways of importing", tell: importAtOnce},
	{Name: "import-refused", Title: "A file that is not there, and one with too many faults", tell: importRefused},
	{Name: "command-large", Title: "An item with more attributes than fit into a row", tell: commandLarge},
	{Name: "refund", Title: "What was paid and cannot be fulfilled is given back", Virtual: true, tell: paidBack},
}

// importAtOnce imports a file, changes every name in it, and imports it again.
func importAtOnce(ctx context.Context, w *World) error {
	for _, mode := range []string{"STEP_FUNCTION", "DIRECT"} {
		err := w.importing(ctx, mode, func(in map[string]any, tenant string) error {
			in["commands"] = false
			defer func() { _ = w.removeAll(context.WithoutCancel(ctx), "history", "PRODUCT#"+tenant) }()
			for round, edit := range []string{"Cable", "Wire"} {
				if err := w.overwrite(ctx, in, "Cable", edit); err != nil {
					return err
				}
				in["requestId"] = fmt.Sprint(tenant, round)
				if err := w.imported(ctx, in); err != nil {
					return err
				}
			}
			return w.checkHistory(ctx, tenant)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// overwrite puts the import's file again, with a word changed.
func (w *World) overwrite(ctx context.Context, in map[string]any, word, edit string) error {
	text, err := fs.ReadFile(w.Files, importFile)
	if err != nil {
		return err
	}
	bucket, key := fmt.Sprint(in["bucket"]), fmt.Sprint(in["key"])
	_, err = w.s3().PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(bytes.ReplaceAll(text, []byte(word), []byte(edit)))})
	return err
}

// imported asks for an import that must succeed.
func (w *World) imported(ctx context.Context, in map[string]any) error {
	j, err := w.importedAndTold(ctx, in)
	w.say("outcome  %s, %s: %s", in["processingMode"], j.Status, j.Message)
	w.expect(j.Status == "COMPLETED" && j.FailedRows == importBad, "all but %d rows must come in, but the job is %+v", importBad, j)
	return err
}

// importedAndTold asks for an import and waits until it has ended and was told of.
func (w *World) importedAndTold(ctx context.Context, in map[string]any) (job, error) {
	news, err := w.subscribe(ctx, "main-sns")
	if err != nil {
		return job{}, err
	}
	defer news.close(context.WithoutCancel(ctx))
	j, err := w.askImport(ctx, in)
	if err != nil {
		return j, err
	}
	if j, err = w.importEnded(ctx, j.PK, j.SK); err != nil {
		return j, err
	}
	heard, err := news.collect(ctx, fmt.Sprintf(`"action":"import-status","id":"%s#%s"`, j.PK, j.SK), 1)
	w.expect(len(heard) > 0, "whoever asked for the import must hear that it has ended") // at least once
	return j, err
}

func (w *World) checkHistory(ctx context.Context, tenant string) error {
	before, err := w.all(ctx, "history", "PRODUCT#"+tenant)
	if err != nil {
		return err
	}
	w.say("history  %d products as they were", len(before))
	w.expect(len(before) > 0, "what was changed must be in history as it was")
	for _, item := range before {
		w.expect(strings.Contains(fmt.Sprint(item), "Cable"), "history must hold what was before, but holds %v", item)
	}
	return nil
}

func importRefused(ctx context.Context, w *World) error {
	return w.importing(ctx, "STEP_FUNCTION", func(in map[string]any, _ string) error {
		there := in["key"]
		in["key"] = "incoming/nothing-" + w.tag + ".csv"
		failed, err := w.invoke(ctx, "import-create", in, &job{})
		if err != nil {
			return err
		}
		w.expect(failed == "Object.NotFound", "a file that is not there must be told from one that may not be read, but it is %q", failed)
		in["key"], in["toleratedFailurePercentage"] = there, 1
		j, err := w.askImport(ctx, in)
		if err != nil {
			return err
		}
		if j, err = w.importEnded(ctx, j.PK, j.SK); err != nil {
			return err
		}
		w.say("outcome  %s: %s", j.Status, j.Message)
		w.expect(j.Status == "FAILED" && j.FailedRows > 0, "too many rows are bad, but the job is %+v", j)
		return w.nothingGood(ctx, in)
	})
}

// nothingGood imports a file without one good row at once: the import has ended as it
// begins.
func (w *World) nothingGood(ctx context.Context, in map[string]any) error {
	text, err := fs.ReadFile(w.Files, importFile)
	if err != nil {
		return err
	}
	first, _, _ := bytes.Cut(text, []byte("\n"))
	bucket, key := fmt.Sprint(in["bucket"]), fmt.Sprint(in["key"])
	if _, err = w.s3().PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(append(first, "\nnothing\nnothing again\n"...))}); err != nil {
		return err
	}
	in["processingMode"] = "DIRECT"
	j, err := w.importedAndTold(ctx, in)
	w.say("outcome  %s: %s", j.Status, j.Message)
	w.expect(j.Status == "FAILED" && j.FailedRows == 2, "no row is good, but the job is %+v", j)
	return err
}

// commandLarge publishes attributes that go to S3, and then what changes one.
func commandLarge(ctx context.Context, w *World) error {
	in, err := w.readSample("publishCommand")
	if err != nil {
		return err
	}
	tenant := "story" + w.tag + "large"
	pk, sk := "ORDER#"+tenant, "ORDER#order123"
	in["pk"], in["requestId"], in["attributes"] = pk, "", map[string]any{"note": strings.Repeat("much ", 30_000)}
	defer w.forget(context.WithoutCancel(ctx), tenant, pk)
	w.say("item     %s %s with 150 kB of attributes", pk, sk)
	for version, change := range []map[string]any{in, {"pk": pk, "sk": sk, "partial": true, "attributes": map[string]any{"status": "shipped"}}} {
		var p published
		if failed, err := w.invoke(ctx, "command-publish", change, &p); err != nil || failed != "" {
			return fmt.Errorf("publishing: %s %w", failed, err)
		}
		w.expect(p.Version == version+1, "it must be version %d, but is %d", version+1, p.Version)
		runs, err := w.caused(ctx, "command-handler", pk, version+1)
		if err != nil {
			return err
		}
		for _, r := range runs {
			w.expect(r.status == "SUCCEEDED", "%s is %s: %s %s", r.arn, r.status, r.err, r.cause)
		}
	}
	data, err := w.row(ctx, "data", pk, sk)
	w.say("data     version %v, its attributes at %.20v...", data["version"], data["attributes"])
	w.expect(strings.HasPrefix(fmt.Sprint(data["attributes"]), "s3://"), "attributes so large must be in S3")
	return err
}

// paidBack lets the fulfillment fail for good.
func paidBack(ctx context.Context, w *World) error {
	if err := w.seed(ctx, seedStock); err != nil {
		return err
	}
	return w.without(ctx, "fulfillment-processing", "dynamodb:UpdateItem", func() error {
		return w.inEach(ctx, accepted, func(e entry, r run) error {
			record, err := w.item(ctx, "Orders", e.orderID())
			w.expect(r.end() == "FulfillmentFailed" && record["refundedAt"] != "", "order %s must be paid back, but is %v and its execution ended in %s", e.orderID(), record, r.end())
			w.announced(ctx, e, "failed")
			return err
		})
	})
}
