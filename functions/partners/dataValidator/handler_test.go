package main

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/object/objecttest"
	"github.com/stepworks/stepworks/shared/step/steptest"
	"github.com/stepworks/stepworks/shared/table/tabletest"
)

const key = "incoming/acme/stock.csv"

func setUp(t *testing.T) (handler, *objecttest.Server, *tabletest.DB) {
	t.Helper()
	s3, db := objecttest.New(t), tabletest.New(map[string]string{"Idempotency": "id"})
	s3.Set(key, "id,name\n1,one\n")
	return handler{s3.Bucket, claims{db, "Idempotency"}}, s3, db
}

func sample(t *testing.T) (in Input) {
	t.Helper()
	text, err := os.ReadFile("../../../events/dataValidator.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal([]byte(strings.ReplaceAll(string(text), "stepworks-imports-123456789012-us-east-1", objecttest.Bucket)), &in))
	return in
}

func TestClaimedOnce(t *testing.T) {
	h, _, db := setUp(t)
	first, err := h.handle(t.Context(), sample(t))
	require.NoError(t, err)
	assert.True(t, first.IsValid, first.Error)
	assert.Equal(t, []any{"REQ-9001", "acme", objecttest.Bucket, key, "csv", int64(14)}, []any{first.RequestID, first.PartnerID, first.Bucket, first.Key, first.Format, first.Size})
	assert.NotEmpty(t, first.ETag)
	again := sample(t)
	again.Execution.Time = again.Execution.Time.Add(time.Minute)
	got, err := h.handle(t.Context(), again)
	require.NoError(t, err)
	assert.Equal(t, first, got, "a repeated step answers the same")
	again.Execution.ID = "another"
	got, err = h.handle(t.Context(), again)
	require.NoError(t, err)
	assert.True(t, got.Duplicate && !got.IsValid)

	var c claim
	db.Load("Idempotency", first.Claim, &c)
	c.Status = "failed"
	db.Set("Idempotency", c)
	got, err = h.handle(t.Context(), again)
	require.NoError(t, err)
	assert.True(t, got.IsValid, "what failed may be tried again")
	third := again
	third.Execution.ID, third.Execution.Time = "third", again.Execution.Time.Add(lease+time.Second)
	got, err = h.handle(t.Context(), third)
	require.NoError(t, err)
	assert.True(t, got.IsValid, "an execution that died gives its claim up")
	third.Request = json.RawMessage(strings.Replace(string(third.Request), `"csv"`, `"jsonl"`, 1))
	got, err = h.handle(t.Context(), third)
	require.NoError(t, err)
	assert.Contains(t, got.Error, "was used before, for "+key+" csv")
}

func TestManyAtOnce(t *testing.T) {
	h, _, _ := setUp(t)
	var wg sync.WaitGroup
	var winners atomic.Int32
	for i := range 50 {
		in := sample(t)
		in.Execution.ID += string(rune('a' + i))
		wg.Go(func() {
			got, err := h.handle(t.Context(), in)
			assert.NoError(t, err)
			if got.IsValid {
				winners.Add(1)
			}
		})
	}
	wg.Wait()
	assert.EqualValues(t, 1, winners.Load())
}

// TestRefusals: a named problem, nothing claimed, and nothing asked of S3 but below
// the partner's folder.
func TestRefusals(t *testing.T) {
	in := `{"requestId":"R","requestType":"Data Sync Request","dataFormat":"csv","s3Location":"s3://bucket/incoming/acme/stock.csv","partnerInfo":{"id":"acme"},"processingOptions":""}`
	location := func(l string) string {
		text, _ := json.Marshal(l)
		return strings.Replace(in, `"s3://bucket/incoming/acme/stock.csv"`, string(text), 1)
	}
	bulk := strings.Replace(in, "Data Sync Request", "Bulk Import Request", 1)
	for request, want := range map[string]string{
		`null`: "requestId must", `7`: "requestId must", `{}`: "requestId must", `{"requestId":7}`: "requestId must",
		strings.Replace(in, `"csv"`, `["csv"]`, 1):                        "must be strings",
		strings.Replace(in, `"R"`, `""`, 1):                               "requestId must",
		strings.Replace(in, `"R"`, `"../R"`, 1):                           "requestId must",
		strings.Replace(in, `"R"`, `"R#x"`, 1):                            "requestId must",
		strings.Replace(in, `"acme"`, `"../other"`, 1):                    "partner.id must",
		strings.Replace(in, `{"id":"acme"}`, `""`, 1):                     "partner.id must",
		strings.Replace(in, `{"id":"acme"}`, `null`, 1):                   "partner.id must",
		strings.Replace(in, `"csv"`, `"xml"`, 1):                          "format must",
		strings.Replace(in, `"csv"`, `""`, 1):                             "format must",
		location(""):                                                      "s3Location must be s3://",
		location("https://bucket/incoming/acme/stock.csv"):                "s3Location must be s3://",
		location("s3://other/incoming/acme/stock.csv"):                    "must be in bucket",
		location("s3://bucket.evil/incoming/acme/stock.csv"):              "must be in bucket",
		location("s3://"):                                                 "must be in bucket",
		location("s3://bucket"):                                           "below incoming/acme/",
		location("s3://bucket/incoming/other/stock.csv"):                  "below incoming/acme/",
		location("s3://bucket/incoming/acme/"):                            "below incoming/acme/",
		location("s3://bucket/incoming/acme/a/"):                          "below incoming/acme/",
		location("s3://bucket/incoming/acme/../other/x"):                  ". or .. segments",
		location("s3://bucket/incoming/acme/./x"):                         ". or .. segments",
		location("s3://bucket/incoming/acme//x"):                          "empty",
		location("s3://bucket/incoming/acme/%2e%2e/x"):                    "without",
		location(`s3://bucket/incoming/acme/..\x`):                        "without",
		location("s3://bucket/incoming/acme/x\n"):                         "printable",
		location("s3://bucket/incoming/acme/\u202e"):                      "printable",
		location("s3://bucket/incoming/acme/" + strings.Repeat("x", 600)): "up to 512",
		location("s3://bucket/incoming/acme/nothing.csv"):                 "is not there",
		location("s3://bucket/incoming/acme/empty.csv"):                   "has 0 bytes",
		bulk: "a bulk import needs options",
		strings.Replace(bulk, `"processingOptions":""`, `"processingOptions":{"tableName":"products","tenantCode":7}`, 1):                                          "a bulk import needs options",
		strings.Replace(strings.Replace(bulk, `"processingOptions":""`, `"processingOptions":{"tableName":"products","tenantCode":"t"}`, 1), `"csv"`, `"json"`, 1): "takes format csv",
	} {
		h, s3, db := setUp(t)
		s3.Set("incoming/acme/empty.csv", "")
		s3.Fail(func(_, key string) int {
			assert.True(t, strings.HasPrefix(key, "incoming/acme/"), request)
			return 0
		})
		got, err := h.handle(t.Context(), Input{Request: json.RawMessage(request)})
		require.NoError(t, err)
		assert.False(t, got.IsValid || got.Duplicate, request)
		assert.Contains(t, got.Error, want, request)
		named := !strings.Contains(want, "requestId must")
		assert.Equal(t, named, got.RequestID != "", "the partner must be told which request is refused: %s", request)
		assert.Empty(t, db.Rows("Idempotency"), request)
	}
}

func TestBulk(t *testing.T) {
	h, _, _ := setUp(t)
	in := sample(t)
	in.Request = json.RawMessage(strings.NewReplacer("Data Sync Request", "Bulk Import Request", `"processingOptions": ""`, `"processingOptions": {"tableName":"products","tenantCode":"tenant1","toleratedFailurePercentage":20}`).Replace(string(in.Request)))
	got, err := h.handle(t.Context(), in)
	require.NoError(t, err)
	assert.True(t, got.IsValid && got.Bulk, got.Error)
	assert.Equal(t, []any{"products", "tenant1", 20.0}, []any{got.Table, got.Tenant, got.Tolerated})
	in.Request = json.RawMessage(strings.Replace(string(in.Request), "tenant1", "tenant2", 1))
	in.Execution.ID = "another"
	got, err = h.handle(t.Context(), in)
	require.NoError(t, err)
	assert.Contains(t, got.Error, "into products of tenant1", "the same file for another tenant is another request")
}

func TestFault(t *testing.T) {
	h, s3, _ := setUp(t)
	s3.Fail(func(string, string) int { return http.StatusForbidden })
	_, err := h.handle(t.Context(), sample(t))
	assert.Error(t, err)
	assert.NotEqual(t, failure.ObjectNotFound, failure.NameOf(err))
}

// TestWire: what template.yaml gives the function is what it needs.
func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "PARTNER_BUCKET", "IDEMPOTENCY_TABLE")
}
