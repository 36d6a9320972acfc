package console

// This file defines pages: templates, what they can say, and how what is shown
// is made safe.

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/stepworks/stepworks/local/internal/graph"
	"github.com/stepworks/stepworks/local/internal/journal"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

//go:embed assets pages
var files embed.FS

// The address of the template functions that pages use.
var functions = template.FuncMap{
	"show": show, "clock": clockTime, "took": took, "at": func(s string) string { return url.PathEscape(s) },
	"last": lastOf, "status": statusClass, "ago": func(t time.Time) string { return t.Format("15:04:05") },
	"money": func(f float64) string { return fmt.Sprintf("$%.6f", f) },
}

var templates = func() map[string]*template.Template {
	all := map[string]*template.Template{}
	names, _ := files.ReadDir("pages")
	for _, n := range names {
		if n.Name() != "layout.html" {
			all[n.Name()] = template.Must(template.New("layout.html").Funcs(functions).ParseFS(files, "pages/layout.html", "pages/"+n.Name()))
		}
	}
	return all
}()

// view is what every page has.
type view struct {
	Title, Section string
	Now            time.Time
	Endpoint       string
	Said           string // by the last action
	Seen           uint64 // the journal's latest entry before the page was made
	Data           any
}

type seenKey struct{}

// dated notes how far the journal is before a page reads anything, so that the
// page can tell whether something happened since.
func (c *Console) dated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), seenKey{}, c.Journal.Last())))
	})
}

func seen(r *http.Request) uint64 {
	id, _ := r.Context().Value(seenKey{}).(uint64)
	return id
}

// render writes a page; an error of reading the services becomes a page too.
func (c *Console) render(w http.ResponseWriter, r *http.Request, name, section, title string, data any, err error) {
	status := http.StatusOK
	if err != nil {
		name, data, status = "fault.html", plainError(err), http.StatusNotFound
		title = "Not found"
	}
	v := view{Title: title, Section: section, Now: c.Clock.Now(), Endpoint: c.Endpoint, Said: r.URL.Query().Get("said"), Seen: seen(r), Data: data}
	var page bytes.Buffer
	if err := templates[name].Execute(&page, v); err != nil {
		http.Error(w, "The page could not be made: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes())
}

func plainError(err error) string { return redacted(err.Error()) }

// maxShown is how much of one value a page shows.
const maxShown = 64 << 10

// show makes a value readable: JSON indented, secrets out, cut where it is huge.
func show(v any) string {
	switch x := v.(type) {
	case doc:
		return show(x.v)
	case nil:
		return ""
	case string:
		if parsed, err := jsonvalue.Parse([]byte(x)); err == nil {
			if _, text := parsed.(string); !text {
				return cut(jsonvalue.Indent(journal.Redact(parsed)))
			}
		}
		return cut(redacted(x))
	case []byte:
		return show(string(x))
	}
	return cut(jsonvalue.Indent(journal.Redact(v)))
}

func redacted(s string) string {
	text, _ := journal.Redact(s).(string)
	return text
}

func cut(s string) string {
	if len(s) <= maxShown {
		return s
	}
	n := maxShown
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + fmt.Sprintf("\n… and %d bytes more", len(s)-n)
}

func clockTime(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.UTC().Format("2006-01-02 15:04:05.000")
}

func took(d time.Duration) string {
	switch {
	case d < 0:
		return "–"
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	case d < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', 2, 64) + " s"
	}
	return d.Round(time.Second).String()
}

// statusClass is the CSS class of a status in words.
func statusClass(s string) string {
	switch s {
	case "SUCCEEDED", "succeeded":
		return "good"
	case "FAILED", "TIMED_OUT", "ABORTED", "failed", "caught":
		return "bad"
	case "RUNNING", "running", "waiting", "PENDING_REDRIVE":
		return "busy"
	}
	return "plain"
}

var contentTypes = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

func asset(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	text := []byte(graph.Style)
	if name != "graph.css" {
		var err error
		if text, err = files.ReadFile("assets/" + name); err != nil || strings.Contains(name, "/") {
			http.NotFound(w, r)
			return
		}
	}
	w.Header().Set("Content-Type", contentTypes[path.Ext(name)])
	w.Header().Set("Cache-Control", "max-age=60")
	_, _ = w.Write(text)
}
