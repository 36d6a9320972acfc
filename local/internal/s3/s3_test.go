package s3

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

const account = "123456789012"

// world is S3 behind a real listener, driven by the real SDK.
type world struct {
	t       testing.TB
	service *Service
	server  *awswire.Server
	client  *awss3.Client
	url     string
	heard   *recorder
}

// oneKey knows one key, of a role; every other is the root's.
type oneKey struct{}

func (oneKey) Lookup(id string) (string, awswire.Identity, bool) {
	if id != "AKIAROLE" {
		return "", awswire.Identity{}, false
	}
	return "role-secret", awswire.Identity{Account: account, ARN: "arn:aws:sts::" + account + ":assumed-role/R/s", Role: "arn:aws:iam::" + account + ":role/R"}, true
}

// allowed is what the role may do: "action resource", with a star at the end.
type allowed []string

func (a allowed) Authorize(_ context.Context, id awswire.Identity, access awswire.Access) error {
	if id.Role == "" {
		return nil
	}
	for _, entry := range a {
		have := access.Action + " " + access.Resource
		if p, ok := strings.CutSuffix(entry, "*"); entry == have || ok && strings.HasPrefix(have, p) {
			return nil
		}
	}
	return errors.New("User: " + id.ARN + " is not authorized to perform: " + access.Action)
}

// recorder is the other services: it hears what S3 tells them.
type recorder struct {
	mu    sync.Mutex
	calls []string
	got   chan struct{}
}

func (r *recorder) Call(_ context.Context, as awswire.Identity, service, operation string, params jsonvalue.Value) (jsonvalue.Value, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, as.Service+" "+service+":"+operation+" "+jsonvalue.String(params))
	r.got <- struct{}{}
	return jsonvalue.NewObject(), nil
}

// next waits for n calls.
func (r *recorder) next(t testing.TB, n int) []string {
	t.Helper()
	for range n {
		select {
		case <-r.got:
		case <-time.After(5 * time.Second):
			t.Fatal("no event came")
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.calls
	r.calls = nil
	return out
}

type option func(*Config)

func newWorld(t testing.TB, options ...option) *world {
	t.Helper()
	db := store.Memory()
	t.Cleanup(func() { _ = db.Close() })
	w := &world{t: t, heard: &recorder{got: make(chan struct{}, 100)}}
	cfg := Config{Account: account, Region: "us-east-1", Store: db, Clock: clock.Real(), Dir: t.TempDir(), Caller: w.heard, Log: slog.New(slog.DiscardHandler)}
	for _, o := range options {
		o(&cfg)
	}
	var err error
	if w.service, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	if err := w.service.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.service.Close)
	w.server = awswire.NewServer(awswire.Config{Account: account, Region: "us-east-1", Keys: oneKey{}, Authorizer: cfg.Authorizer, Clock: cfg.Clock, Log: cfg.Log}, w.service.API())
	listener := httptest.NewServer(w.server)
	t.Cleanup(listener.Close)
	w.url = listener.URL
	w.client = w.as("root", "any")
	return w
}

func (w *world) as(key, secret string) *awss3.Client {
	return awss3.New(awss3.Options{Region: "us-east-1", BaseEndpoint: &w.url, UsePathStyle: true, Credentials: credentials.NewStaticCredentialsProvider(key, secret, ""), RetryMaxAttempts: 1})
}

func (w *world) bucket(name string) {
	w.t.Helper()
	if _, err := w.client.CreateBucket(w.t.Context(), &awss3.CreateBucketInput{Bucket: &name}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) put(bucket, key, body string) *awss3.PutObjectOutput {
	w.t.Helper()
	out, err := w.client.PutObject(w.t.Context(), &awss3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(body)})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *world) get(bucket, key string) (string, error) {
	out, err := w.client.GetObject(w.t.Context(), &awss3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return "", err
	}
	defer out.Body.Close()
	text, err := io.ReadAll(out.Body)
	return string(text), err
}

func codeOf(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return ""
}

func (w *world) want(code string, err error) {
	w.t.Helper()
	if got := codeOf(err); got != code {
		w.t.Errorf("the answer is %q (%v), want %q", got, err, code)
	}
}

// noise is a body that does not repeat.
func noise(n int) []byte {
	b := make([]byte, n)
	x := uint32(2463534242)
	for i := range b {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = byte(x)
	}
	return b
}

func TestManagerUploadsAndDownloads(t *testing.T) {
	w := newWorld(t)
	w.bucket("big")
	want := noise(11 << 20)
	up := manager.NewUploader(w.client)                                                                                                                               //nolint:staticcheck // what the workers use
	out, err := up.Upload(t.Context(), &awss3.PutObjectInput{Bucket: aws.String("big"), Key: aws.String("a b/ü+%.bin"), Body: io.MultiReader(bytes.NewReader(want))}) //nolint:staticcheck // as above
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(*out.ETag, `-3"`) {
		t.Errorf("the ETag of three parts is %s", *out.ETag)
	}
	got := manager.NewWriteAtBuffer(nil)                                                                                                                  //nolint:staticcheck // as above
	_, err = manager.NewDownloader(w.client).Download(t.Context(), got, &awss3.GetObjectInput{Bucket: aws.String("big"), Key: aws.String("a b/ü+%.bin")}) //nolint:staticcheck // as above
	if err != nil || !bytes.Equal(got.Bytes(), want) {
		t.Errorf("downloaded %d bytes of %d, or others (%v)", len(got.Bytes()), len(want), err)
	}
}

func TestPresignedURLs(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Authorizer = allowed{"s3:GetObject arn:aws:s3:::shared/*", "s3:PutObject arn:aws:s3:::shared/*"}
	})
	w.bucket("shared")
	sign := awss3.NewPresignClient(w.as("AKIAROLE", "role-secret"))
	do := func(method, url, body string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(text)
	}
	put, err := sign.PresignPutObject(t.Context(), &awss3.PutObjectInput{Bucket: aws.String("shared"), Key: aws.String("x.txt")})
	if err != nil {
		t.Fatal(err)
	}
	if status, text := do("PUT", put.URL, "through a URL"); status != 200 {
		t.Errorf("PUT answered %d %s", status, text)
	}
	get, err := sign.PresignGetObject(t.Context(), &awss3.GetObjectInput{Bucket: aws.String("shared"), Key: aws.String("x.txt"), ResponseContentType: aws.String("text/plain")})
	if err != nil {
		t.Fatal(err)
	}
	if status, text := do("GET", get.URL, ""); status != 200 || text != "through a URL" {
		t.Errorf("GET answered %d %q", status, text)
	}
	if status, text := do("GET", strings.Replace(get.URL, "x.txt", "y.txt", 1), ""); status != 403 || !strings.Contains(text, "SignatureDoesNotMatch") {
		t.Errorf("a URL for another key answered %d %s", status, text)
	}
	old, err := awss3.NewPresignClient(w.as("AKIAROLE", "role-secret"), func(o *awss3.PresignOptions) { o.Expires = time.Second }).
		PresignGetObject(t.Context(), &awss3.GetObjectInput{Bucket: aws.String("shared"), Key: aws.String("x.txt")})
	if err != nil {
		t.Fatal(err)
	}
	date := old.URL[strings.Index(old.URL, "X-Amz-Date=")+len("X-Amz-Date="):][:16]
	if status, text := do("GET", strings.Replace(old.URL, date, "20200101T000000Z", 1), ""); status != 403 || !strings.Contains(text, "Request has expired") {
		t.Errorf("an expired URL answered %d %s", status, text)
	}
	if status, text := do("GET", w.url+"/shared/x.txt", ""); status != 403 || !strings.Contains(text, "<Code>AccessDenied</Code>") {
		t.Errorf("nobody's request answered %d %s", status, text)
	}
}

func TestPermissions(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Authorizer = allowed{"s3:GetObject arn:aws:s3:::mine/open/*", "s3:DeleteObject arn:aws:s3:::mine/open/*"}
	})
	w.bucket("mine")
	w.put("mine", "open/a", "a")
	w.put("mine", "shut/b", "b")
	root := w.client
	w.client = w.as("AKIAROLE", "role-secret")
	if text, err := w.get("mine", "open/a"); err != nil || text != "a" {
		t.Errorf("an allowed read answered %q, %v", text, err)
	}
	for _, key := range []string{"shut/b", "open/missing"} { // who may not list is not told what is missing
		_, err := w.get("mine", key)
		w.want("AccessDenied", err)
	}
	_, err := w.client.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: aws.String("mine"), Key: aws.String("open/a")})
	w.want("AccessDenied", err)
	_, err = w.client.ListObjectsV2(t.Context(), &awss3.ListObjectsV2Input{Bucket: aws.String("mine")})
	w.want("AccessDenied", err)
	_, err = w.client.CopyObject(t.Context(), &awss3.CopyObjectInput{Bucket: aws.String("mine"), Key: aws.String("open/c"), CopySource: aws.String("mine/shut/b")})
	w.want("AccessDenied", err)
	out, err := w.client.DeleteObjects(t.Context(), &awss3.DeleteObjectsInput{Bucket: aws.String("mine"), Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: aws.String("open/a")}, {Key: aws.String("shut/b")}}}})
	if err != nil || len(out.Deleted) != 1 || len(out.Errors) != 1 || *out.Errors[0].Code != "AccessDenied" {
		t.Errorf("deleting one's own and another's answered %+v, %v", out, err)
	}
	w.client = w.as("AKIAROLE", "wrong")
	_, err = w.get("mine", "open/a")
	w.want("SignatureDoesNotMatch", err)
	w.client = root
	if text, err := w.get("mine", "shut/b"); err != nil || text != "b" {
		t.Errorf("root reads %q, %v", text, err)
	}
}
