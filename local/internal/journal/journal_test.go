package journal

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

func TestEntriesNameTheirCauseAndOldOnesGo(t *testing.T) {
	j := New(3, func() time.Time { return time.Unix(0, 0) })
	ctx := j.Record(context.Background(), Entry{Kind: EventReceived, Subject: "e"})
	ctx = j.Record(ctx, Entry{Kind: RuleMatched, Subject: "r"})
	_, more := j.After(2, 10)
	select {
	case <-more:
		t.Error("there is nothing more yet")
	default:
	}
	j.Record(ctx, Entry{Kind: ExecutionStarted, Subject: "x"})
	<-more
	j.Record(WithCause(ctx, 1), Entry{Kind: ExecutionEnded, Subject: "x"})
	got, _ := j.After(0, 10)
	if len(got) != 3 || got[0].ID != 2 || got[0].Cause != 1 || got[1].Cause != 2 || got[2].Cause != 1 {
		t.Errorf("got %+v", got)
	}
	if got, _ := j.After(2, 1); len(got) != 1 || got[0].ID != 3 {
		t.Errorf("one after 2: %+v", got)
	}
	if (*Journal)(nil).Record(ctx, Entry{}) != ctx {
		t.Error("a nil journal must do nothing")
	}
}

func TestSecretsNeverGetIn(t *testing.T) {
	const secret = "AQCEAAAAKgAAAAMAAAAAAAAAAe"
	for _, text := range []string{
		`{"TaskToken":"` + secret + `"}`,
		`{"a":[{"taskToken":"` + secret + `","b":1}]}`,
		`{"Payload":{"token":"` + secret + `"}}`,
		`{"Detail":"{\"TaskToken\":\"` + secret + `\"}"}`,
		`"https://b.s3.amazonaws.com/k?X-Amz-Algorithm=A&X-Amz-Signature=` + secret + `&x=1"`,
		`{"url":"{\"u\":\"http://h/k?X-Amz-Security-Token=` + secret + `\"}"}`,
	} {
		if got := jsonvalue.String(Redact(jsonvalue.MustParse(text))); strings.Contains(got, secret) || !strings.Contains(got, Redacted) {
			t.Errorf("%s", got)
		}
	}
	if got := jsonvalue.String(Redact(jsonvalue.MustParse(`{"tokens":3,"a":null}`))); got != `{"tokens":3,"a":null}` {
		t.Errorf("too much: %s", got)
	}
}
