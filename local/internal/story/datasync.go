package story

// This file defines the stories of data that partners send.

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

var dataStories = []Story{
	{Name: "data-sync", Title: "A partner sends its stock as a table, asks again, and corrects it in two other formats", tell: dataSynced},
	{Name: "data-refused", Title: "A partner asks for files that it must not have, and for such as cannot be read", tell: dataRefused},
	{Name: "bulk-import", Title: "A partner's products are handed over to be imported, once", tell: bulkImported},
}

// What testdata/partners/stock.csv holds: three good rows and three that are left
// out: a formula, one without an id, one with a cell too few.
const (
	stockFile = "testdata/partners/stock.csv"
	stockGood = 3
	stockBad  = 3
)

// supplier is a partner of this run, with its folder in the bucket.
type supplier struct {
	w          *World
	id, bucket string
	keys       []string        // what is removed afterwards
	known      map[string]bool // executions that were looked at
}

// supply lets a partner act and removes what came of it.
func (w *World) supply(ctx context.Context, tell func(p *supplier) error) error {
	bucket, err := w.importBucket()
	if err != nil {
		return err
	}
	w.serial++
	p := &supplier{w: w, id: fmt.Sprintf("story%s%d", w.tag, w.serial), bucket: bucket, known: map[string]bool{}}
	defer p.leave(context.WithoutCancel(ctx))
	return tell(p)
}

func (p *supplier) leave(ctx context.Context) {
	for _, key := range p.keys {
		if _, err := p.w.s3().DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &p.bucket, Key: &key}); err != nil {
			p.w.say("%s could not be removed: %v", key, err)
		}
	}
	if err := p.w.removeAll(ctx, "PartnerRecords", "PARTNER#"+p.id); err != nil {
		p.w.say("records of %s could not be removed: %v", p.id, err)
	}
}

// put uploads a file into the partner's folder and returns its location.
func (p *supplier) put(ctx context.Context, name, text string) (location string, err error) {
	key := "incoming/" + p.id + "/" + name
	p.keys = append(p.keys, key)
	_, err = p.w.s3().PutObject(ctx, &s3.PutObjectInput{Bucket: &p.bucket, Key: &key, Body: strings.NewReader(text)})
	return "s3://" + p.bucket + "/" + key, err
}

// ask publishes a sample as the partner's request, with fields of its own in it,
// and waits for the n-th execution about it.
func (p *supplier) ask(ctx context.Context, sample, requestID string, n int, fields map[string]any) (run, error) {
	entries, err := p.w.sample(sample)
	if err != nil {
		return run{}, err
	}
	detail := entries[0].detail
	detail["requestId"], detail["partner"] = requestID, map[string]any{"id": p.id}
	for name, value := range fields {
		detail[name] = value
	}
	if err := p.w.publish(ctx, entries...); err != nil {
		return run{}, err
	}
	p.keys = append(p.keys, "work/partners/"+p.id+"/"+requestID+".jsonl")
	runs, err := p.w.caused(ctx, "data-integration-workflow", requestID, n)
	if err != nil {
		return run{}, err
	}
	r := runs[slices.IndexFunc(runs, func(r run) bool { return !p.known[r.arn] })]
	p.known[r.arn] = true
	p.w.say("request  %s: %v %v, %s", requestID, detail["format"], detail["s3Location"], r.end())
	return r, nil
}

// records are the partner's rows in the table, by id, as they were loaded.
func (p *supplier) records(ctx context.Context) (map[string]string, error) {
	items, err := p.w.all(ctx, "PartnerRecords", "PARTNER#"+p.id)
	found := map[string]string{}
	for _, item := range items {
		found[fmt.Sprint(item["sk"])] = fmt.Sprint(item["data"])
	}
	return found, err
}

// told expects one event about the request and returns it.
func (p *supplier) told(ctx context.Context, detailType, requestID string) (d struct {
	PartnerID, Reason, TableName string
	Rows, Rejected               int
}) {
	heard := p.w.hear(ctx, detailType, requestID, 1)
	p.w.expect(len(heard) == 1, "the partner must be told of %s once: %s, but was told %d times", requestID, detailType, len(heard))
	if len(heard) > 0 {
		_ = json.Unmarshal(heard[0].Detail, &d) // what is not there differs below
		p.w.expect(d.PartnerID == p.id, "%s of %s must name partner %s, but is %s", detailType, requestID, p.id, heard[0].Detail)
	}
	return d
}

// holds compares the partner's rows with what must be there.
func (p *supplier) holds(ctx context.Context, want map[string]string) error {
	got, err := p.records(ctx)
	p.w.expect(len(got) == len(want), "there must be %d records, but there are %d: %v", len(want), len(got), got)
	for id, data := range want {
		p.w.expect(got[id] == data, "record %s must be %s, but is %q", id, data, got[id])
	}
	return err
}

func dataSynced(ctx context.Context, w *World) error {
	text, err := fs.ReadFile(w.Files, stockFile)
	if err != nil {
		return err
	}
	return w.supply(ctx, func(p *supplier) error {
		want := map[string]string{
			"A-1": `{"delta":"-5","id":"A-1","name":"Cable","pieces":"40"}`,
			"A-2": `{"delta":"+3","id":"A-2","name":"Headset","note":"box 7, \"left\"","pieces":"12"}`,
			"A-3": `{"delta":"0","id":"A-3","name":"Zwölf Schrauben","note":"日本語","pieces":"12"}`,
		}
		if err := p.syncTwice(ctx, string(text), want); err != nil {
			return err
		}
		want["A-1"], want["A-9"] = `{"id":"A-1","pieces":39.50}`, `{"id":"A-9","pieces":1}`
		for format, text := range map[string]string{"jsonl": `{"id": "A-1", "pieces": 39.50, "note": null}`, "json": `[{"id": "A-9", "pieces": 1}]`} {
			if err := p.sync(ctx, format, text, 1, 0); err != nil {
				return err
			}
		}
		return p.holds(ctx, want)
	})
}

// sync sends a file in a request of its own.
func (p *supplier) sync(ctx context.Context, format, text string, rows, rejected int) error {
	location, err := p.put(ctx, "stock."+format, text)
	if err != nil {
		return err
	}
	id := "REQ-" + p.id + "-" + format + "-1" // no id is the beginning of another
	r, err := p.ask(ctx, "data-sync", id, 1, map[string]any{"s3Location": location, "format": format})
	if err != nil {
		return err
	}
	p.w.expect(r.end() == "Data Loaded", "the data must be loaded, but %s: %s %s", r.end(), r.err, r.cause)
	d := p.told(ctx, "Data Sync Completed", id)
	p.w.expect(d.Rows == rows && d.Rejected == rejected, "%d rows must come in and %d be left out, but the partner hears %d and %d", rows, rejected, d.Rows, d.Rejected)
	p.w.say("heard    %d rows, %d left out", d.Rows, d.Rejected)
	return nil
}

// syncTwice asks for the same table twice; the second time nothing is done.
func (p *supplier) syncTwice(ctx context.Context, text string, want map[string]string) error {
	if err := p.sync(ctx, "csv", text, stockGood, stockBad); err != nil {
		return err
	}
	if err := p.holds(ctx, want); err != nil {
		return err
	}
	id := "REQ-" + p.id + "-csv-1"
	r, err := p.ask(ctx, "data-sync", id, 2, map[string]any{"s3Location": "s3://" + p.bucket + "/incoming/" + p.id + "/stock.csv"})
	if err != nil {
		return err
	}
	p.w.expect(r.end() == "Handled Elsewhere", "the same request must be taken once, but the second one ended in %s", r.end())
	p.told(ctx, "Data Sync Completed", id)
	return p.holds(ctx, want)
}

// dataRefused makes requests that are refused, and one that fails, is put right
// and made again.
func dataRefused(ctx context.Context, w *World) error {
	return w.supply(ctx, func(p *supplier) error {
		good, err := p.put(ctx, "good.csv", "id,name\nA-1,Cable\n")
		if err != nil {
			return err
		}
		for i, fields := range []map[string]any{
			{"s3Location": "s3://elsewhere/incoming/" + p.id + "/good.csv"},
			{"s3Location": "s3://" + p.bucket + "/incoming/somebody-else/good.csv"},
			{"s3Location": "s3://" + p.bucket + "/incoming/" + p.id + "/../somebody-else/good.csv"},
			{"s3Location": "https://evil.example/incoming/" + p.id + "/good.csv"},
			{"s3Location": "s3://" + p.bucket + "/incoming/" + p.id + "/nothing.csv"},
			{"s3Location": good, "format": "xml"},
			{"s3Location": good, "format": `csv", "isValid": true, "x": "`},
			{"s3Location": []any{good}},
			{"s3Location": nil},
		} {
			if err := p.refused(ctx, fmt.Sprintf("REQ-%s-bad%d", p.id, i), fields); err != nil {
				return err
			}
		}
		if err := p.holds(ctx, nil); err != nil {
			return err
		}
		return p.putRight(ctx)
	})
}

func (p *supplier) refused(ctx context.Context, id string, fields map[string]any) error {
	r, err := p.ask(ctx, "data-sync", id, 1, fields)
	if err != nil {
		return err
	}
	p.w.expect(r.err == "DataIntegrationFailed", "%v must be refused, but ended in %s: %s %s", fields, r.end(), r.err, r.cause)
	d := p.told(ctx, "Data Sync Failed", id)
	p.w.say("         refused: %s", d.Reason)
	p.w.expect(d.Reason != "" && d.Reason == r.cause, "the partner must hear why: %q, but hears %q", r.cause, d.Reason)
	return nil
}

// putRight sends a file that is not its format, and then one that is, under the
// same request.
func (p *supplier) putRight(ctx context.Context) error {
	id := "REQ-" + p.id + "-again"
	location, err := p.put(ctx, "list.json", `[{"id": "A-1"}, {"id"`)
	if err != nil {
		return err
	}
	fields := map[string]any{"s3Location": location, "format": "json"}
	if err := p.refused(ctx, id, fields); err != nil {
		return err
	}
	if err := p.holds(ctx, nil); err != nil {
		return err
	}
	if _, err := p.put(ctx, "list.json", `[{"id": "A-1"}]`); err != nil {
		return err
	}
	r, err := p.ask(ctx, "data-sync", id, 2, fields)
	if err != nil {
		return err
	}
	p.w.expect(r.end() == "Data Loaded", "what failed may be asked for again, but ended in %s: %s %s", r.end(), r.err, r.cause)
	return p.holds(ctx, map[string]string{"A-1": `{"id":"A-1"}`})
}

// bulkImported hands the products over, asks for the same again, and for a tenant
// that there cannot be.
func bulkImported(ctx context.Context, w *World) error {
	return w.importing(ctx, "STEP_FUNCTION", func(in map[string]any, tenant string) error {
		p := &supplier{w: w, id: tenant, bucket: fmt.Sprint(in["bucket"]), known: map[string]bool{}}
		id := "REQ-" + tenant + "-good"
		fields := map[string]any{"s3Location": fmt.Sprintf("s3://%s/%s", p.bucket, in["key"]), "options": map[string]any{"tableName": "products", "tenantCode": tenant, "toleratedFailurePercentage": 20}}
		for n, end := range []string{"Handed Over", "Handled Elsewhere"} {
			r, err := p.ask(ctx, "bulk-import", id, n+1, fields)
			if err != nil {
				return err
			}
			w.expect(r.end() == end, "request %d must end in %s, but ended in %s: %s %s", n+1, end, r.end(), r.err, r.cause)
		}
		d := p.told(ctx, "Bulk Import Accepted", id)
		w.expect(d.TableName == "products", "the partner must hear of table products, but hears of %q", d.TableName)
		if err := p.importedOnce(ctx, tenant); err != nil {
			return err
		}
		fields["options"] = map[string]any{"tableName": "products", "tenantCode": tenant + "#else"}
		bad := "REQ-" + tenant + "-bad"
		r, err := p.ask(ctx, "bulk-import", bad, 1, fields)
		if err != nil {
			return err
		}
		w.expect(r.err == "DataIntegrationFailed" && r.cause == "Input.Malformed", "a tenant with a # must be refused, but ended in %s: %s %s", r.end(), r.err, r.cause)
		p.told(ctx, "Data Sync Failed", bad)
		return nil
	})
}

// importedOnce expects one import of the tenant and waits for its products.
func (p *supplier) importedOnce(ctx context.Context, tenant string) error {
	jobs, err := p.w.all(ctx, "import_tmp", "CSV_IMPORT#"+tenant)
	if err != nil {
		return err
	}
	p.w.expect(len(jobs) == 1, "there must be one import, but there are %d", len(jobs))
	for _, found := range jobs {
		j, err := p.w.importEnded(ctx, "CSV_IMPORT#"+tenant, fmt.Sprint(found["sk"]))
		if err != nil {
			return err
		}
		p.w.say("outcome  %s: %s", j.Status, j.Message)
		p.w.expect(j.Status == "COMPLETED" && j.TotalRows == importGood+importAgain+importBad, "all rows must be looked at, but the job is %+v", j)
	}
	_, err = poll(ctx, p.w, func(ctx context.Context) (int, bool, error) {
		items, err := p.w.all(ctx, "data", "PRODUCT#"+tenant)
		return len(items), len(items) == importGood, err
	}, "the commands of the import have not been carried out")
	if err != nil {
		return err
	}
	return p.w.checkProducts(ctx, tenant)
}
