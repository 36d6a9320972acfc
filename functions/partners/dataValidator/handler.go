package main

// This file defines what a partner may ask for.

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/stepworks/stepworks/shared/contract"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/object"
	"github.com/stepworks/stepworks/shared/order"
)

// maxSize is the largest file that is taken: transforming one of 500 MB takes well
// under a function's 15 minutes.
const maxSize = 1 << 30

// Input is the request as the rule delivers it, where absent fields are "". It is
// not trusted: whatever its shape, the answer says what is wrong.
type Input struct {
	Request   json.RawMessage `json:"request"`
	Execution order.Execution `json:"execution"`
}

type request struct {
	RequestID   string          `json:"requestId"`
	RequestType string          `json:"requestType"`
	DataSource  string          `json:"dataSource"`
	DataFormat  string          `json:"dataFormat"`
	S3Location  string          `json:"s3Location"`
	PartnerInfo json.RawMessage `json:"partnerInfo"`
	Options     json.RawMessage `json:"processingOptions"`
}

// options are those of a bulk import: which table the rows are for, and what share
// of them may be bad.
type options struct {
	TableName  string  `json:"tableName"`
	TenantCode string  `json:"tenantCode"`
	Tolerated  float64 `json:"toleratedFailurePercentage"`
}

// Checked is what the steps that follow go by.
type Checked struct {
	IsValid   bool   `json:"isValid"`
	Duplicate bool   `json:"duplicate"` // another execution has or had the request
	Bulk      bool   `json:"bulk"`
	Error     string `json:"error"`

	RequestID string    `json:"requestId"` // "" where the request has none that is safe to repeat
	PartnerID string    `json:"partnerId"`
	Claim     string    `json:"claim"` // key of the claim in the Idempotency table
	Since     time.Time `json:"since"` // of the claim: newer data goes before older
	Bucket    string    `json:"bucket"`
	Key       string    `json:"key"`
	ETag      string    `json:"etag"`
	Size      int64     `json:"size"`
	Format    string    `json:"format"`
	Table     string    `json:"tableName"`
	Tenant    string    `json:"tenantCode"`
	Tolerated float64   `json:"toleratedFailurePercentage"`
}

type handler struct {
	bucket *object.Bucket
	claims claims
}

func (h handler) handle(ctx context.Context, in Input) (Checked, error) {
	c, problem := check(in.Request, h.bucket.Name)
	if problem != "" {
		c.Error = problem
		return c, nil
	}
	info, err := h.bucket.Stat(ctx, c.Key)
	switch {
	case failure.NameOf(err) == failure.ObjectNotFound:
		c.Error = fmt.Sprintf("s3://%s/%s is not there", c.Bucket, c.Key)
		return c, nil
	case err != nil:
		return c, err
	case info.Size == 0 || info.Size > maxSize:
		c.Error = fmt.Sprintf("the file has %d bytes; 1 to %d are taken", info.Size, maxSize)
		return c, nil
	}
	c.ETag, c.Size = info.ETag, info.Size
	return h.claims.take(ctx, c, in.Execution)
}

// ids of requests and partners end up in keys and folders.
var plainID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

var formats = []string{"csv", "json", "jsonl"}

// check reads the request. What it returns beside a problem is safe to repeat.
func check(text json.RawMessage, bucket string) (c Checked, problem string) {
	var r request
	var partner contract.Partner
	mistyped := json.Unmarshal(text, &r) // reads the fields that are of their type all the same
	if !plainID.MatchString(r.RequestID) {
		return c, "requestId must have 1 to 64 letters, digits, dots, hyphens or underscores"
	}
	c.RequestID = r.RequestID
	if json.Unmarshal(r.PartnerInfo, &partner) != nil || !plainID.MatchString(partner.ID) {
		return c, "partner.id must have 1 to 64 letters, digits, dots, hyphens or underscores"
	}
	c.PartnerID, c.Bulk = partner.ID, r.RequestType == contract.BulkRequested
	if mistyped != nil { // the partner can be told which request of its own it is about
		return c, "requestId, source, format and s3Location must be strings"
	}
	if c.Format = r.DataFormat; !slices.Contains(formats, c.Format) {
		c.Format = ""
		return c, "format must be csv, json or jsonl"
	}
	if problem := c.locate(r.S3Location, bucket); problem != "" || !c.Bulk {
		return c, problem
	}
	return c, c.forImport(r.Options)
}

// locate reads the location. There is one bucket, and in it one folder for each
// partner; whatever could be read in two ways is refused.
func (c *Checked) locate(location, bucket string) string {
	path, ok := strings.CutPrefix(location, "s3://")
	if !ok {
		return "s3Location must be s3://bucket/key"
	}
	name, key, _ := strings.Cut(path, "/")
	folder := "incoming/" + c.PartnerID + "/"
	switch {
	case name != bucket:
		return "s3Location must be in bucket " + bucket
	case !strings.HasPrefix(key, folder) || len(key) == len(folder) || strings.HasSuffix(key, "/"):
		return "s3Location must be a file below " + folder
	case len(key) > 512 || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' || r == '\\' || r == '%' }):
		return "the key must have up to 512 printable ASCII characters, without \\ and %"
	case slices.ContainsFunc(strings.Split(key, "/"), func(s string) bool { return s == "" || s == "." || s == ".." }):
		return "the key must have no empty, . or .. segments"
	}
	c.Bucket, c.Key = name, key
	return ""
}

// forImport reads what imports/createImport needs; it checks the values itself.
func (c *Checked) forImport(text json.RawMessage) string {
	var o options
	if json.Unmarshal(text, &o) != nil || o.TableName == "" || o.TenantCode == "" {
		return "a bulk import needs options.tableName and options.tenantCode, strings; options.toleratedFailurePercentage may be a number"
	}
	if c.Format != "csv" {
		return "a bulk import takes format csv"
	}
	c.Table, c.Tenant, c.Tolerated = o.TableName, o.TenantCode, o.Tolerated
	return ""
}
