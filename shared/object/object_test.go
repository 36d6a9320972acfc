package object_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/object/objecttest"
)

func TestDocuments(t *testing.T) {
	s, ctx := objecttest.New(t), t.Context()
	require.NoError(t, s.PutJSON(ctx, "jobs/1/report é.json", map[string]int{"cookies": 3}))
	text, _ := s.Text("jobs/1/report é.json")
	assert.Equal(t, "{\n  \"cookies\": 3\n}", text)
	assert.Equal(t, "application/json", s.ContentType("jobs/1/report é.json"))

	var back map[string]int
	require.NoError(t, s.GetJSON(ctx, "jobs/1/report é.json", 100, &back))
	assert.Equal(t, map[string]int{"cookies": 3}, back)
	info, err := s.Stat(ctx, "jobs/1/report é.json")
	require.NoError(t, err)
	assert.EqualValues(t, len(text), info.Size)
}

// TestFailures: each has the name that a state machine matches.
func TestFailures(t *testing.T) {
	s, ctx := objecttest.New(t), t.Context()
	s.Set("here", "not JSON")
	read := func(key string, limit int64) func() error {
		return func() error { _, err := s.Get(ctx, key, limit); return err }
	}
	for _, c := range []struct {
		what   string
		status int
		do     func() error
		want   failure.Name
	}{
		{"missing", 0, read("nowhere", 10), failure.ObjectNotFound},
		{"missing, looked at", 0, func() error { _, err := s.Stat(ctx, "nowhere"); return err }, failure.ObjectNotFound},
		{"too large", 0, read("here", 7), failure.ObjectTooLarge},
		{"as large as allowed", 0, read("here", 8), ""},
		{"no JSON", 0, func() error { var v any; return s.GetJSON(ctx, "here", 10, &v) }, failure.InputMalformed},
		{"not allowed", http.StatusForbidden, read("here", 10), failure.AccessDenied},
		{"overloaded", http.StatusServiceUnavailable, func() error { return s.PutJSON(ctx, "k", 1) }, failure.TransientThrottled},
		{"broken", http.StatusInternalServerError, read("here", 10), failure.TransientUnavailable},
		{"no JSON to write", 0, func() error { return s.PutJSON(ctx, "k", func() {}) }, failure.InternalUnexpected},
	} {
		s.Fail(func(string, string) int { return c.status })
		err := c.do()
		if c.want == "" {
			assert.NoError(t, err, c.what)
			continue
		}
		require.Error(t, err, c.what)
		assert.Equal(t, c.want, failure.NameOf(err), "%s: %v", c.what, err)
	}
}

// TestStream: an object larger than a part arrives whole, and a stream that
// breaks leaves nothing behind.
func TestStream(t *testing.T) {
	s, ctx := objecttest.New(t), t.Context()
	const size = 12 << 20
	random := func() io.Reader { return io.LimitReader(rand.NewChaCha8([32]byte{1}), size) }
	require.NoError(t, s.Stream(ctx, "large", "application/x-ndjson", random()))
	body, info, err := s.Open(ctx, "large")
	require.NoError(t, err)
	got, want := sha256.New(), sha256.New()
	n, err := io.Copy(got, body)
	require.NoError(t, err)
	require.NoError(t, body.Close())
	_, _ = io.Copy(want, random())
	assert.EqualValues(t, size, n)
	assert.EqualValues(t, size, info.Size)
	assert.Equal(t, "application/x-ndjson", info.ContentType)
	assert.Equal(t, want.Sum(nil), got.Sum(nil))

	broken := errors.New("the source broke")
	err = s.Stream(ctx, "broken", "text/plain", io.MultiReader(bytes.NewReader(make([]byte, 6<<20)), failing{broken}))
	require.ErrorIs(t, err, broken)
	assert.Equal(t, []string{"large"}, s.Keys())
	assert.Zero(t, s.Pending(), "parts of the broken upload are removed")
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestLink(t *testing.T) {
	s := objecttest.New(t)
	s.Set("jobs/1/Ana María.json", "{}")
	url, err := s.Link(t.Context(), "jobs/1/Ana María.json", 15*time.Minute)
	require.NoError(t, err)
	assert.Contains(t, url, "X-Amz-Expires=900")
	answer, err := http.Get(url) //nolint:noctx,gosec // a test, and the test's own server
	require.NoError(t, err)
	defer answer.Body.Close() //nolint:errcheck // read
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	assert.Equal(t, "{}", string(text))
}
