package report_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/stepworks/stepworks/shared/contract"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/object/objecttest"
	"github.com/stepworks/stepworks/shared/report"
	"github.com/stepworks/stepworks/shared/report/reporttest"
)

const execution = "arn:aws:states:us-east-1:123456789012:execution:EventDrivenMachine:job-1"

func TestKeys(t *testing.T) {
	job, err := report.JobOf(execution)
	require.NoError(t, err)
	assert.Equal(t, report.Job{Execution: execution, Name: "job-1", Machine: "EventDrivenMachine", Account: "123456789012"}, job)
	assert.Equal(t, "job-1/0-cookies.json", job.Summary())
	for name, want := range map[string]string{
		"Mrs. Heather West":       "mrs-heather-west",
		"O'Hara/\"Bob\"":          "o-hara-bob",
		"../../etc/passwd":        "etc-passwd",
		"Ana María":               "ana-maría",
		"李小龍":                     "李小龍",
		"محمد علي":                "محمد-علي",
		"नरेन्द्र":                "नरेन्द्र",
		"🍪🍪":                      "unnamed",
		"a?b#c%d&e":               "a-b-c-d-e",
		"\x00\n\t":                "unnamed",
		strings.Repeat("ж", 100):  strings.Repeat("ж", 29),
		strings.Repeat("x ", 100): strings.TrimSuffix(strings.Repeat("x-", 30), "-"),
		"0-cookies":               "0-cookies",
	} {
		p := report.Person{Job: job, Index: 3, Name: name}
		assert.Equal(t, "job-1/basic-003-"+want+".json", p.Basic())
		assert.Equal(t, "job-1/final-003-"+want+".json", p.Final())
	}
}

// TestKeysAreApart: whatever two people are called, their documents are two, in
// the job's folder, and S3 takes their keys.
func TestKeysAreApart(t *testing.T) {
	job, err := report.JobOf(execution)
	require.NoError(t, err)
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.String()
		a := report.Person{Job: job, Index: rapid.IntRange(0, report.MaxPeople-1).Draw(t, "a"), Name: name.Draw(t, "first")}
		b := report.Person{Job: job, Index: rapid.IntRange(0, report.MaxPeople-1).Draw(t, "b"), Name: name.Draw(t, "second")}
		keys := map[string]bool{a.Basic(): true, a.Final(): true, job.Summary(): true}
		if a.Index != b.Index {
			keys[b.Basic()], keys[b.Final()] = true, true
			assert.Len(t, keys, 5)
		}
		for key := range keys {
			assert.True(t, utf8.ValidString(key) && len(key) < 200 && strings.Count(key, "/") == 1 && strings.HasPrefix(key, "job-1/"), key)
		}
	})
}

func TestExecutions(t *testing.T) {
	express, err := report.JobOf("arn:aws:states:us-east-1:123456789012:express:M:name:id")
	require.NoError(t, err)
	assert.Equal(t, "id", express.Name)
	for _, bad := range []string{"", "job-1", "arn:aws:states:us-east-1:1:stateMachine:M", "arn:aws:states:us-east-1:1:execution:M:", "arn:aws:s3:::b:execution:M:x", "arn:aws:states:us-east-1:1:execution:M:a/b"} {
		_, err := report.JobOf(bad)
		assert.Equal(t, failure.InputMalformed, failure.NameOf(err), bad)
	}
}

func TestSeedsDiffer(t *testing.T) {
	job, _ := report.JobOf(execution)
	other, _ := report.JobOf(execution + "2")
	seen := map[int64]bool{job.Seed(0, "a"): true, job.Seed(1, "a"): true, job.Seed(0, "b"): true, other.Seed(0, "a"): true}
	assert.Len(t, seen, 4)
	assert.Equal(t, job.Seed(1, "a"), job.Seed(1, "a"))
}

// TestOnlyTheDocumentIsFetched: whatever else an event says, nothing is asked.
func TestOnlyTheDocumentIsFetched(t *testing.T) {
	s := objecttest.New(t)
	elsewhere := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	defer other.Close()
	job, err := report.JobOf(execution)
	require.NoError(t, err)
	p := report.Person{Job: job, Index: 0, Name: "Ana María"}
	s.Set(p.Basic(), `{"name":"Ana María"}`)
	s.Set("job-2/basic-000-ana-maría.json", `{"name":"Ana María"}`)
	good, err := s.Link(t.Context(), p.Basic(), time.Minute)
	require.NoError(t, err)
	reader := report.NewReader(s.Bucket)
	profile, err := reader.Profile(t.Context(), p, good)
	require.NoError(t, err)
	assert.Equal(t, "Ana María", profile.Name)

	asked := 0
	s.Fail(func(string, string) int { asked++; return 0 })
	foreign, err := s.Link(t.Context(), "job-2/basic-000-ana-maría.json", time.Minute)
	require.NoError(t, err)
	for _, bad := range []string{"", "::", other.URL, "http://169.254.169.254/latest/meta-data/", "file:///etc/passwd", foreign,
		strings.Replace(good, "http:", "https:", 1), strings.Replace(good, "http://", "http://user@", 1), strings.Replace(good, "/job-1/", "/x/../job-1/", 1),
		strings.Replace(good, "basic-", "final-", 1), other.URL + "/" + good} {
		_, err := reader.Profile(t.Context(), p, bad)
		assert.Equal(t, failure.InputMalformed, failure.NameOf(err), bad)
	}
	assert.Zero(t, asked+elsewhere)
}

func TestAnswersOfS3(t *testing.T) {
	s := objecttest.New(t)
	job, err := report.JobOf(execution)
	require.NoError(t, err)
	p := report.Person{Job: job, Index: 0, Name: "a"}
	link, err := s.Link(t.Context(), p.Basic(), time.Minute)
	require.NoError(t, err)
	for _, c := range []struct {
		status int
		text   string
		want   failure.Name
	}{
		{http.StatusForbidden, "", failure.AccessDenied},
		{http.StatusNotFound, "", failure.ObjectNotFound},
		{http.StatusMovedPermanently, "", failure.InputMalformed},
		{http.StatusServiceUnavailable, "", failure.TransientUnavailable},
		{http.StatusTooManyRequests, "", failure.TransientUnavailable},
		{0, "<Error/>", failure.InputMalformed},
		{0, strings.Repeat(" ", report.DocumentLimit+1), failure.ObjectTooLarge},
	} {
		s.Set(p.Basic(), c.text)
		s.Fail(func(string, string) int { return c.status })
		_, err := report.NewReader(s.Bucket).Profile(t.Context(), p, link)
		require.Error(t, err, c.status)
		assert.Equal(t, c.want, failure.NameOf(err), c.status)
		assert.NotContains(t, err.Error(), "Signature")
	}
}

// TestUnreachable: the error of a failed request does not tell the URL.
func TestUnreachable(t *testing.T) {
	s := objecttest.New(t)
	job, err := report.JobOf(execution)
	require.NoError(t, err)
	p := report.Person{Job: job, Index: 0, Name: "a"}
	link, err := s.Link(t.Context(), p.Basic(), time.Minute)
	require.NoError(t, err)
	reader := report.NewReader(s.Bucket)
	reader.Client = &http.Client{Transport: broken{}}
	_, err = reader.Profile(t.Context(), p, link)
	assert.Equal(t, failure.TransientUnavailable, failure.NameOf(err))
	assert.NotContains(t, err.Error(), "Signature")
}

type broken struct{}

func (broken) RoundTrip(*http.Request) (*http.Response, error) { return nil, http.ErrServerClosed }

func TestLongCausesAreCut(t *testing.T) {
	w := reporttest.New(t)
	call := report.Call{Hop: contract.Hop{TaskToken: "T", Execution: execution}}
	_, err := w.Out.Fail(t.Context(), call, failure.New(failure.InputMalformed, "%s", strings.Repeat("ж", 20_000)))
	require.NoError(t, err)
	var d contract.TaskFailedDetail
	w.Published(t, &d)
	assert.Less(t, len(d.Cause), 9<<10, "SendTaskFailure takes 32,768 characters")
}
