package s3

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"pgregory.net/rapid"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

func TestVersions(t *testing.T) {
	w := newWorld(t)
	w.bucket("vvv")
	version := func(status types.BucketVersioningStatus) {
		t.Helper()
		if _, err := w.client.PutBucketVersioning(t.Context(), &awss3.PutBucketVersioningInput{Bucket: aws.String("vvv"), VersioningConfiguration: &types.VersioningConfiguration{Status: status}}); err != nil {
			t.Fatal(err)
		}
	}
	w.put("vvv", "k", "before")
	version("Enabled")
	second := w.put("vvv", "k", "second")
	gone, err := w.client.DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: aws.String("vvv"), Key: aws.String("k")})
	if err != nil || !aws.ToBool(gone.DeleteMarker) {
		t.Fatalf("deleting made no marker: %+v, %v", gone, err)
	}
	_, err = w.get("vvv", "k")
	w.want("NoSuchKey", err)
	_, err = w.client.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: aws.String("vvv"), Key: aws.String("k"), VersionId: gone.VersionId})
	w.want("MethodNotAllowed", err)
	old, err := w.client.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: aws.String("vvv"), Key: aws.String("k"), VersionId: second.VersionId})
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := io.ReadAll(old.Body); string(text) != "second" {
		t.Errorf("the second version reads %q", text)
	}
	version("Suspended")
	w.put("vvv", "k", "null again") // takes the place of what was there before versioning
	list, err := w.client.ListObjectVersions(t.Context(), &awss3.ListObjectVersionsInput{Bucket: aws.String("vvv")})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, v := range list.Versions {
		ids = append(ids, *v.VersionId)
	}
	if want := []string{"null", *second.VersionId}; !slices.Equal(ids, want) || len(list.DeleteMarkers) != 1 {
		t.Errorf("versions are %v and %d markers, want %v and 1", ids, len(list.DeleteMarkers), want)
	}
	_, err = w.client.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: aws.String("vvv"), Key: aws.String("k"), VersionId: aws.String("never-was")})
	w.want("InvalidArgument", err)
	_, err = w.client.DeleteBucket(t.Context(), &awss3.DeleteBucketInput{Bucket: aws.String("vvv")})
	w.want("BucketNotEmpty", err)
}

// Pages of any size add up to the list that the keys themselves give.
func TestListsAddUp(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Dir = "" })
	rapid.Check(t, func(rt *rapid.T) {
		name := strings.ToLower("l" + newVersionID())
		w.bucket(name)
		keys := rapid.SliceOfNDistinct(rapid.StringMatching(`[ab/é]{1,5}`), 0, 12, rapid.ID).Draw(rt, "keys")
		for _, k := range keys {
			w.put(name, k, "x")
		}
		prefix := rapid.SampledFrom([]string{"", "a", "a/", "é"}).Draw(rt, "prefix")
		delimiter := rapid.SampledFrom([]string{"", "/", "b"}).Draw(rt, "delimiter")
		var want []string
		for _, k := range keys {
			if rest, ok := strings.CutPrefix(k, prefix); ok {
				if i := strings.Index(rest, delimiter); delimiter != "" && i >= 0 {
					k = prefix + rest[:i+len(delimiter)]
				}
				want = append(want, k)
			}
		}
		slices.Sort(want)
		want = slices.Compact(want)
		var got []string
		pages := awss3.NewListObjectsV2Paginator(w.client, &awss3.ListObjectsV2Input{Bucket: &name, Prefix: &prefix, Delimiter: &delimiter, MaxKeys: aws.Int32(int32(rapid.IntRange(1, 4).Draw(rt, "page")))})
		for pages.HasMorePages() {
			p, err := pages.NextPage(t.Context())
			if err != nil {
				rt.Fatal(err)
			}
			for _, o := range p.Contents {
				got = append(got, *o.Key)
			}
			for _, c := range p.CommonPrefixes {
				got = append(got, *c.Prefix)
			}
		}
		slices.Sort(got) // within a page prefixes come after keys
		if !slices.Equal(got, want) {
			rt.Fatalf("listed %q, want %q", got, want)
		}
	})
}

func TestEventsReachTheBusAndQueues(t *testing.T) {
	w := newWorld(t)
	w.bucket("eee")
	_, err := w.client.PutBucketNotificationConfiguration(t.Context(), &awss3.PutBucketNotificationConfigurationInput{Bucket: aws.String("eee"), NotificationConfiguration: &types.NotificationConfiguration{
		EventBridgeConfiguration: &types.EventBridgeConfiguration{},
		QueueConfigurations: []types.QueueConfiguration{{QueueArn: aws.String("arn:aws:sqs:us-east-1:" + account + ":q"), Events: []types.Event{"s3:ObjectRemoved:*"},
			Filter: &types.NotificationConfigurationFilter{Key: &types.S3KeyFilter{FilterRules: []types.FilterRule{{Name: "suffix", Value: aws.String(".txt")}}}}}}}})
	if err != nil {
		t.Fatal(err)
	}
	if test := w.heard.next(t, 1); !strings.Contains(test[0], "s3:TestEvent") {
		t.Errorf("the queue first hears %s", test)
	}
	w.put("eee", "a.txt", "hello")
	created := w.heard.next(t, 1)[0]
	for _, part := range []string{"s3.amazonaws.com events:PutEvents", `"Source":"aws.s3"`, `"DetailType":"Object Created"`, `\"bucket\":{\"name\":\"eee\"}`, `\"key\":\"a.txt\",\"size\":5`, `\"reason\":\"PutObject\"`} {
		if !strings.Contains(created, part) {
			t.Errorf("the event of a PutObject has no %s: %s", part, created)
		}
	}
	if _, err := w.client.DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: aws.String("eee"), Key: aws.String("a.txt")}); err != nil {
		t.Fatal(err)
	}
	deleted := w.heard.next(t, 2)
	if !strings.Contains(deleted[0], `\"deletion-type\":\"Permanently Deleted\"`) || !strings.Contains(deleted[1], "sqs:SendMessage") || !strings.Contains(deleted[1], "ObjectRemoved:Delete") {
		t.Errorf("a deletion is told as %q", deleted)
	}
}

func TestLifecycleExpires(t *testing.T) {
	virtual := clock.NewVirtual(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), 0)
	hold := virtual.Hold()
	w := newWorld(t, func(c *Config) { c.Clock = virtual })
	w.bucket("xxx")
	w.put("xxx", "old/a", "a")
	w.put("xxx", "kept", "b")
	_, err := w.client.PutBucketLifecycleConfiguration(t.Context(), &awss3.PutBucketLifecycleConfigurationInput{Bucket: aws.String("xxx"), LifecycleConfiguration: &types.BucketLifecycleConfiguration{
		Rules: []types.LifecycleRule{{ID: aws.String("r"), Status: "Enabled", Filter: &types.LifecycleRuleFilter{Prefix: aws.String("old/")}, Expiration: &types.LifecycleExpiration{Days: aws.Int32(2)}}}}})
	if err != nil {
		t.Fatal(err)
	}
	head, err := w.client.HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: aws.String("xxx"), Key: aws.String("old/a")})
	if want := `expiry-date="Wed, 04 Mar 2026 00:00:00 GMT", rule-id="r"`; err != nil || aws.ToString(head.Expiration) != want {
		t.Errorf("expiration is %q (%v), want %s", aws.ToString(head.Expiration), err, want)
	}
	hold()
	if err := virtual.Quiet(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.get("xxx", "old/a"); err != nil {
		t.Errorf("an idle clock must not jump to the expiry: %v", err)
	}
	passed := make(chan struct{})
	virtual.AfterFunc(61*time.Hour, func() { close(passed) })
	<-passed
	_, err = w.get("xxx", "old/a")
	w.want("NoSuchKey", err)
	if text, err := w.get("xxx", "kept"); err != nil || text != "b" {
		t.Errorf("the other object reads %q, %v", text, err)
	}
}

// What a crash may leave behind is a file that no record names: the next start
// removes it, and nothing else.
func TestStartSweepsOrphans(t *testing.T) {
	dir, db := t.TempDir(), store.Memory()
	defer db.Close()
	w := newWorld(t, func(c *Config) { c.Dir, c.Store = dir, db })
	w.bucket("sss")
	w.put("sss", "k", "body")
	orphan := filepath.Join(dir, "zz")
	if err := os.MkdirAll(orphan, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"zzwhole", "zzhalf" + unfinished} {
		if err := os.WriteFile(filepath.Join(orphan, name), []byte("lost"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again := newWorld(t, func(c *Config) { c.Dir, c.Store = dir, db })
	if left, _ := os.ReadDir(orphan); len(left) > 0 {
		t.Errorf("orphans are left: %v", left)
	}
	if text, err := again.get("sss", "k"); err != nil || text != "body" {
		t.Errorf("after a restart the object reads %q, %v", text, err)
	}
	if _, err := again.client.DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: aws.String("sss"), Key: aws.String("k")}); err != nil {
		t.Fatal(err)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*", "*")); len(files) > 0 {
		t.Errorf("a deleted object leaves %v", files)
	}
}

// A reader keeps what it opened, whatever becomes of the object.
func TestReadersKeepTheirBody(t *testing.T) {
	w := newWorld(t)
	w.bucket("rrr")
	root := awswire.Root(account)
	if _, err := w.service.StoreObject(t.Context(), root, "rrr", "k", "text/plain", strings.NewReader("first words")); err != nil {
		t.Fatal(err)
	}
	reader, info, err := w.service.OpenObject(t.Context(), root, "rrr", "k", "")
	if err != nil || info.Size != 11 {
		t.Fatalf("opened %+v, %v", info, err)
	}
	w.put("rrr", "k", "other")
	if _, err := reader.Seek(6, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(reader); err != nil || string(text) != "words" {
		t.Errorf("the reader goes on with %q, %v", text, err)
	}
	if err := reader.Close(); err != nil {
		t.Error(err)
	}
	if files, _ := filepath.Glob(filepath.Join(w.service.Dir, "*", "*")); len(files) != 1 {
		t.Errorf("after the last reader there are %d files, want the new one alone", len(files))
	}
}

// The operations in process, as Step Functions and CloudFormation call them.
func TestCallInProcess(t *testing.T) {
	w := newWorld(t)
	body := base64.StdEncoding.EncodeToString([]byte("\xff\x00 bytes"))
	for _, step := range []struct{ operation, params, want string }{
		{"CreateBucket", `{"Bucket":"calls"}`, `{"Location":"/calls","BucketArn":"arn:aws:s3:::calls"}`},
		{"PutObject", `{"Bucket":"calls","Key":"k","Body":"` + body + `","Metadata":{"a":"b"}}`, `"ETag":`},
		{"GetObject", `{"Bucket":"calls","Key":"k"}`, `"Body":"` + body + `"`},
		{"HeadObject", `{"Bucket":"calls","Key":"k"}`, `"Metadata":{"a":"b"}`},
		{"ListObjectsV2", `{"Bucket":"calls"}`, `"Contents":[{"Key":"k","LastModified":`},
		{"CopyObject", `{"Bucket":"calls","Key":"c","CopySource":"calls/k"}`, `"CopyObjectResult":{"`},
		{"PutBucketVersioning", `{"Bucket":"calls","VersioningConfiguration":{"Status":"Enabled"}}`, `{}`},
		{"DeleteObject", `{"Bucket":"calls","Key":"c"}`, `"DeleteMarker":true`},
		{"GetObject", `{"Bucket":"calls","Key":"nope"}`, `NoSuchKey`},
		{"PutObject", `{"Bucket":"calls","Key":"k","Body":"not base64!"}`, `InvalidArgument`},
	} {
		params, err := jsonvalue.Parse([]byte(step.params))
		if err != nil {
			t.Fatal(err)
		}
		out, err := w.server.Call(context.Background(), awswire.Root(account), "s3", step.operation, params)
		got := fmt.Sprint(err)
		if err == nil {
			got = jsonvalue.String(out)
		}
		if !strings.Contains(got, step.want) {
			t.Errorf("%s(%s) answers %s, want %s", step.operation, step.params, got, step.want)
		}
	}
}
