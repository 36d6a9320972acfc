package stack

// This file sends odd values to every operation where there is something to be asked
// for: each member of each request of operations.txt, however deep, and of the
// documents in it, becomes each of them in turn. (badinput_test.go spoils what a client sends to an empty AWS.)
//
//	SLOW=1 go test ./local/internal/stack -run TestOddValues -v

import (
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
)

// oddValues are what a member becomes.
var oddValues = []any{nil, "", "\x00", " ", "..", "../../etc/passwd", "{", "${a}", "$.a[", "\xff\xfe", strings.Repeat("a", 300), strings.Repeat("ä", 70_000), "arn:aws:sqs:us-east-1:123456789012:", "arn:::::", "99999999999999999999999",
	0.0, -1.0, 1e308, 9007199254740993.0, 0.5, true, []any{}, []any{nil}, map[string]any{}, map[string]any{"": nil}, deep(200)}

// deep is a list in a list, and so on.
func deep(n int) any {
	var v any = []any{}
	for range n {
		v = []any{v}
	}
	return v
}

// plea is a request that can be sent again.
type plea struct {
	request *http.Request
	body    []byte
}

func TestOddValues(t *testing.T) {
	every := 499
	if os.Getenv("SLOW") != "" {
		every = 1
	}
	var first, last []plea // those that undo come last
	a := newAttacked(t, func(r *http.Request, body []byte) {
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		if k := (plea{r, body}); r.Method == http.MethodDelete || undoing.MatchString(operation) {
			last = append(last, k)
		} else {
			first = append(first, k)
		}
	})
	n, sent := 0, 0
	for _, k := range slices.Concat(first, last) {
		for odd := range k.odd() {
			if n++; n%every == 0 {
				sent++
				request, body := odd()
				a.send(t, request, body)
			}
		}
	}
	t.Logf("%d requests with odd values of %d, made of %d plausible ones", sent, n, len(first)+len(last))
	if sent == 0 {
		t.Error("nothing was sent")
	}
}

// odd are the requests with one odd value each, to be made at once or not at all.
func (k plea) odd() iter.Seq[func() (*http.Request, []byte)] {
	return func(yield func(func() (*http.Request, []byte)) bool) {
		var body any
		form, err := url.ParseQuery(string(k.body))
		switch {
		case json.Unmarshal(k.body, &body) == nil:
			for v := range oddOnes(body) {
				if !yield(func() (*http.Request, []byte) { return k.clone(k.request.URL), marshal(v) }) {
					return
				}
			}
		case err == nil && strings.HasPrefix(k.request.Header.Get("Content-Type"), "application/x-www-form-urlencoded"):
			for odd := range oddForms(form) {
				if !yield(func() (*http.Request, []byte) { return k.clone(k.request.URL), []byte(odd.Encode()) }) {
					return
				}
			}
		}
		for u := range oddURLs(k.request.URL) {
			if !yield(func() (*http.Request, []byte) { return k.clone(u), k.body }) {
				return
			}
		}
	}
}

func (k plea) clone(u *url.URL) *http.Request {
	r := k.request.Clone(k.request.Context())
	address := *u
	r.URL = &address
	return r
}

// oddOnes are copies of v in which one member, or v itself, is odd.
func oddOnes(v any) iter.Seq[any] {
	return func(yield func(any) bool) {
		for _, odd := range oddValues {
			if !yield(odd) {
				return
			}
		}
		switch v := v.(type) {
		case map[string]any:
			for name, member := range v {
				for odd := range oddOnes(member) {
					v[name] = odd
					if !yield(v) {
						return
					}
				}
				v[name] = member
			}
		case []any:
			for i, member := range v {
				for odd := range oddOnes(member) {
					v[i] = odd
					if !yield(v) {
						return
					}
				}
				v[i] = member
			}
		case string:
			for text := range oddDocuments(v) {
				if !yield(text) {
					return
				}
			}
		}
	}
}

// oddDocuments are copies of a text that is JSON: a policy, a pattern, a machine.
func oddDocuments(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		var document any
		if !strings.HasPrefix(text, "{") || json.Unmarshal([]byte(text), &document) != nil {
			return
		}
		for odd := range oddOnes(document) {
			if !yield(string(marshal(odd))) {
				return
			}
		}
	}
}

func marshal(v any) []byte {
	text, _ := json.Marshal(v) // what came of JSON is JSON, and odd values too
	return text
}

func oddForms(form url.Values) iter.Seq[url.Values] {
	return func(yield func(url.Values) bool) {
		for name, before := range form {
			if name == "Action" || name == "Version" {
				continue
			}
			odd := slices.AppendSeq(oddTexts(), oddDocuments(before[0]))
			for _, text := range odd {
				form[name] = []string{text}
				if !yield(form) {
					return
				}
			}
			form[name] = before
		}
	}
}

// oddURLs are u with one odd value in its query or one odd part of its path.
func oddURLs(u *url.URL) iter.Seq[*url.URL] {
	return func(yield func(*url.URL) bool) {
		query := u.Query()
		for form := range oddForms(query) {
			odd := *u
			if odd.RawQuery = form.Encode(); !yield(&odd) {
				return
			}
		}
		parts := strings.Split(u.EscapedPath(), "/")
		for i := 2; i < len(parts); i++ { // the first says which API it is
			for _, text := range oddTexts() {
				if len(text) > 1000 {
					continue // no client gets that far with a URL
				}
				changed := slices.Clone(parts)
				changed[i] = url.PathEscape(text)
				odd := *u
				odd.RawPath = strings.Join(changed, "/")
				if path, err := url.PathUnescape(odd.RawPath); err == nil {
					if odd.Path = path; !yield(&odd) {
						return
					}
				}
			}
		}
	}
}

func oddTexts() (texts []string) {
	for _, v := range oddValues {
		if text, ok := v.(string); ok {
			texts = append(texts, text)
		}
	}
	return append(texts, "-1", "1e308", "true")
}
