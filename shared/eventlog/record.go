package eventlog

// This file defines how an event becomes a row: what is read out of it, and what
// is left out.

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"github.com/stepworks/stepworks/shared/contract"
	"github.com/stepworks/stepworks/shared/report"
)

// Event is an event with whatever detail it has.
type Event = contract.Event[json.RawMessage]

// maxDetail is how large a detail is kept, in bytes. A row of DynamoDB has 400 KB
// and is paid by the kilobyte; what is larger stands in the event's own job.
const maxDetail = 16 << 10

// record reads an event. A detail of any other shape than the contract's is kept
// as well: fields that are not of the right type count as absent.
func record(e Event) Record {
	r := Record{ID: e.ID, Time: e.Time.UTC(), Source: e.Source, DetailType: e.DetailType, Account: e.Account, Region: e.Region,
		SK: e.Time.UTC().Format("2006-01-02T15:04:05.000Z07:00") + "#" + e.ID, ExpiresAt: e.Time.Add(keeps).Unix()}
	var detail map[string]json.RawMessage
	_ = json.Unmarshal(e.Detail, &detail) // no object: nothing to read out of it
	r.Execution, r.Correlation, r.StateName = text(detail["execution"]), text(detail["correlation"]), text(detail["stateName"])
	token := text(detail["TaskToken"])
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		r.Task = hex.EncodeToString(sum[:8])
	}
	var meta contract.Meta
	if json.Unmarshal(detail["meta"], &meta) == nil && meta.Function != "" {
		r.Function, r.Incoming = meta.Function, &meta.Incoming
	}
	r.place(e)
	r.PK = "JOB#" + r.Job
	r.Detail = redacted(e.Detail, token)
	return r
}

// place says which job the event belongs to. The event that begins a job knows no
// execution yet: it is a job of its own, and its id everybody's correlation.
func (r *Record) place(e Event) {
	if job, err := report.JobOf(r.Execution); err == nil {
		r.Job, r.StateMachine = job.Name, job.Machine
		return
	}
	r.Job = e.ID
	if r.Correlation == "" {
		r.Correlation = e.ID
	}
}

func text(raw json.RawMessage) string {
	var s string
	_ = json.Unmarshal(raw, &s) // another type: as if absent
	return s
}

// Hidden stands where a secret stood.
const Hidden = "[redacted]"

// redacted is detail without tokens and signatures.
func redacted(detail json.RawMessage, token string) string {
	if len(detail) > maxDetail {
		text, _ := json.Marshal(map[string]int{"omittedBytes": len(detail)}) // a number in an object is always JSON
		return string(text)
	}
	decoder := json.NewDecoder(bytes.NewReader(detail))
	decoder.UseNumber()
	var v any
	if decoder.Decode(&v) != nil {
		return ""
	}
	out, err := json.Marshal(hide(v, token))
	if err != nil {
		return ""
	}
	return string(out)
}

func hide(v any, token string) any {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if strings.EqualFold(name, "taskToken") || strings.EqualFold(name, "token") {
				v[name] = Hidden
				continue
			}
			v[name] = hide(member, token)
		}
	case []any:
		for i, member := range v {
			v[i] = hide(member, token)
		}
	case string:
		return hideText(v, token)
	}
	return v
}

// hideText cuts the query off a signed URL, and a token that stands elsewhere.
func hideText(s, token string) string {
	if token != "" {
		s = strings.ReplaceAll(s, token, Hidden)
	}
	if path, query, signed := strings.Cut(s, "?"); signed && strings.Contains(strings.ToLower(query), "signature=") {
		return path + "?" + Hidden
	}
	return s
}

// at is the time of a row for people.
func at(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
