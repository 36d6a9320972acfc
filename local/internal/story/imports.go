package story

// This file defines the stories of imports.

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// What testdata/imports/products.csv holds: 24 products, one of them again, and
// six rows that cannot come in.
const (
	importFile  = "testdata/imports/products.csv"
	importGood  = 24
	importAgain = 1
	importBad   = 6
)

// importBucket is the bucket of imports, whose name has account and region in it.
func (w *World) importBucket() (string, error) {
	arn, err := w.machineARN("import-csv")
	if err != nil {
		return "", err
	}
	parts := strings.Split(arn, ":")
	return fmt.Sprintf("%sstepworks-imports-%s-%s", w.Prefix, parts[4], parts[3]), nil
}

// s3 finds buckets by path, which works at every endpoint.
func (w *World) s3() *s3.Client {
	return s3.NewFromConfig(w.sdk, func(o *s3.Options) { o.UsePathStyle = w.Endpoint != "" })
}

// upload puts a file of the repository into the bucket, where it stays until
// done is called.
func (w *World) upload(ctx context.Context, bucket, key, file string) (done func(), err error) {
	text, err := fs.ReadFile(w.Files, file)
	if err != nil {
		return nil, err
	}
	_, err = w.s3().PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(text)})
	return func() {
		if _, err := w.s3().DeleteObject(context.WithoutCancel(ctx), &s3.DeleteObjectInput{Bucket: &bucket, Key: &key}); err != nil {
			w.say("%s could not be removed: %v", key, err)
		}
	}, err
}

// job is an import as import-create answers, and as import_tmp holds it.
type job struct {
	PK, SK, Status, Message, ErrorReport                string
	TotalRows, SucceededRows, UnchangedRows, FailedRows int
}

// askImport asks for the file to be imported for a tenant of this run.
func (w *World) askImport(ctx context.Context, in map[string]any) (job, error) {
	var j job
	failed, err := w.invoke(ctx, "import-create", in, &j)
	if err == nil && failed != "" {
		err = fmt.Errorf("import-create: %s", failed)
	}
	return j, err
}

// importEnded waits for a job's end.
func (w *World) importEnded(ctx context.Context, pk, sk string) (job, error) {
	return poll(ctx, w, func(ctx context.Context) (job, bool, error) {
		row, err := w.row(ctx, "import_tmp", pk, sk)
		if err != nil {
			return job{}, false, err
		}
		n := func(name string) int { f, _ := row[name].(float64); return int(f) }
		j := job{PK: pk, SK: sk, Status: fmt.Sprint(row["status"]), Message: fmt.Sprint(row["message"]), ErrorReport: fmt.Sprint(row["errorReport"]),
			TotalRows: n("totalRows"), SucceededRows: n("succeededRows"), UnchangedRows: n("unchangedRows"), FailedRows: n("failedRows")}
		return j, j.Status == "COMPLETED" || j.Status == "FAILED", nil
	}, "the import "+sk+" has not ended: is something in import-dead-letter-queue?")
}

// importing is what the stories of imports share: the file is there, and what they
// make is gone afterwards.
func (w *World) importing(ctx context.Context, mode string, tell func(in map[string]any, tenant string) error) error {
	bucket, err := w.importBucket()
	if err != nil {
		return err
	}
	w.serial++
	tenant := fmt.Sprintf("story%s%d", w.tag, w.serial)
	key := "incoming/" + tenant + "/products.csv" // where a partner of that name may put it
	done, err := w.upload(ctx, bucket, key, importFile)
	if err != nil {
		return err
	}
	defer done()
	defer func() {
		for table, pk := range map[string]string{"import_tmp": "CSV_IMPORT#" + tenant, "commands": "PRODUCT#" + tenant, "data": "PRODUCT#" + tenant} {
			if err := w.removeAll(context.WithoutCancel(ctx), table, pk); err != nil {
				w.say("rows of %s in %s could not be removed: %v", pk, table, err)
			}
		}
		_ = w.removeAll(context.WithoutCancel(ctx), "data", "SUMMARY#"+tenant)
		_ = w.removeAll(context.WithoutCancel(ctx), "import_tmp", "IMPORT#"+tenant)
	}()
	w.say("file     %s into table products of tenant %s", importFile, tenant)
	return tell(map[string]any{"bucket": bucket, "key": key, "tableName": "products", "tenantCode": tenant, "processingMode": mode, "toleratedFailurePercentage": 20}, tenant)
}

func (w *World) removeAll(ctx context.Context, table, pk string) error {
	items, err := w.all(ctx, table, pk)
	if err != nil {
		return err
	}
	for _, item := range items {
		_, err := w.tables.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: aws.String(w.Prefix + table), Key: pair(pk, fmt.Sprint(item["sk"]))})
		if err != nil {
			return err
		}
	}
	return nil
}

func importProducts(ctx context.Context, w *World) error {
	return w.importing(ctx, "STEP_FUNCTION", func(in map[string]any, tenant string) error {
		for round, unchanged := range []int{importAgain, importGood + importAgain} {
			in["requestId"] = fmt.Sprint(tenant, round)
			j, err := w.askImport(ctx, in)
			if err != nil {
				return err
			}
			runs, err := w.caused(ctx, "import-csv", j.SK, 1)
			if err != nil {
				return err
			}
			if j, err = w.importEnded(ctx, j.PK, j.SK); err != nil {
				return err
			}
			w.tellRun(runs[0])
			if err := w.checkImport(ctx, j, unchanged); err != nil {
				return err
			}
		}
		return w.checkProducts(ctx, tenant)
	})
}

// checkImport holds a job against what the file must come to. Which of two rows
// with one key comes first is nobody's promise: the other one is refused.
func (w *World) checkImport(ctx context.Context, j job, unchanged int) error {
	w.say("outcome  %s: %s", j.Status, j.Message)
	w.expect(j.Status == "COMPLETED" && j.TotalRows == importGood+importAgain+importBad && j.FailedRows == importBad && j.UnchangedRows == unchanged,
		"%d rows must come in, %d of them there already, and %d fail, but the job is %+v", importGood+importAgain, unchanged, importBad, j)
	bucket, key, _ := strings.Cut(strings.TrimPrefix(j.ErrorReport, "s3://"), "/")
	out, err := w.s3().GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)})
	if err != nil {
		return fmt.Errorf("the report of bad rows %q: %w", j.ErrorReport, err)
	}
	defer func() { _ = out.Body.Close() }() // read to its end
	text, err := io.ReadAll(out.Body)
	if err != nil {
		return err
	}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		w.say("         %s", line)
	}
	w.expect(strings.Count(string(text), "BAD") == 0 && strings.Contains(string(text), "it is not UTF-8"), "the report must name lines and columns")
	return nil
}

func (w *World) checkProducts(ctx context.Context, tenant string) error {
	items, err := w.all(ctx, "data", "PRODUCT#"+tenant)
	if err != nil {
		return err
	}
	w.say("data     %d products, each at version 1", len(items))
	w.expect(len(items) == importGood, "%d products must be there, but there are %d", importGood, len(items))
	for _, item := range items {
		w.expect(fmt.Sprint(item["version"]) == "1", "%v must be at version 1, but is at %v", item["sk"], item["version"])
	}
	return nil
}

func importDirect(ctx context.Context, w *World) error {
	return w.importing(ctx, "DIRECT", func(in map[string]any, tenant string) error {
		j, err := w.askImport(ctx, in)
		if err != nil {
			return err
		}
		w.say("import   %s is %s", j.SK, j.Status)
		if j, err = w.importEnded(ctx, j.PK, j.SK); err != nil {
			return err
		}
		w.say("outcome  %s: %s", j.Status, j.Message)
		w.expect(j.Status == "COMPLETED" && j.FailedRows == importBad && j.SucceededRows == importGood+importAgain, "as through the machine, but the job is %+v", j)
		_, err = poll(ctx, w, func(ctx context.Context) (int, bool, error) {
			items, err := w.all(ctx, "data", "PRODUCT#"+tenant)
			return len(items), len(items) == importGood, err
		}, "the commands have not been carried out")
		if err != nil {
			return err
		}
		return w.checkProducts(ctx, tenant)
	})
}
