package stepfunctions

// This file defines SdkHttpMetadata and SdkResponseMetadata, which version 1 of
// the SDK adds to the answers of optimized integrations. The headers are those
// that AWS sends; lengths and ids are true of the answer here.

import (
	"fmt"
	"hash/crc32"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

type metadata struct {
	contentType string
	body        string
	length      int // of the body, when it is not at hand
	date        time.Time
	lambda      string // the executed version, of a function's answer
	dynamoDB    bool
}

type header struct{ name, value string }

// headers are in the order AWS shows them.
func (m metadata) headers(requestID string) []header {
	common := []header{{"x-amzn-RequestId", requestID}, {"connection", "keep-alive"}}
	switch {
	case m.lambda != "":
		common = []header{{"X-Amz-Executed-Version", m.lambda}, {"x-amzn-Remapped-Content-Length", "0"}, {"Connection", "keep-alive"}, {"x-amzn-RequestId", requestID}}
	case m.dynamoDB:
		sum := strconv.FormatUint(uint64(crc32.ChecksumIEEE([]byte(m.body))), 10)
		common = []header{{"Server", "Server"}, {"Connection", "keep-alive"}, {"x-amzn-RequestId", requestID}, {"x-amz-crc32", sum}}
	}
	length := max(m.length, len(m.body))
	common = append(common, header{"Content-Length", strconv.Itoa(length)}, header{"Date", m.date.UTC().Format(http.TimeFormat)})
	if m.lambda != "" {
		id := strings.ReplaceAll(requestID, "-", "")
		common = append(common, header{"X-Amzn-Trace-Id", fmt.Sprintf("root=1-%08x-%s;parent=%s;sampled=0", m.date.Unix(), id[8:], id[:16])})
	}
	return append(common, header{"Content-Type", m.contentType})
}

// set adds the two members.
func (m metadata) set(b *jsonvalue.Builder) {
	requestID := newUUID()
	var all, last jsonvalue.Builder
	for _, h := range m.headers(requestID) {
		all.Set(h.name, []any{h.value})
		last.Set(h.name, h.value)
	}
	var sdk, response jsonvalue.Builder
	sdk.Set("AllHttpHeaders", all.Object()).Set("HttpHeaders", last.Object()).Set("HttpStatusCode", jsonvalue.Int(200))
	b.Set("SdkHttpMetadata", sdk.Object())
	b.Set("SdkResponseMetadata", response.Set("RequestId", requestID).Object())
}
