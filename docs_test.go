package stepworks

// This file defines what holds of the documentation: links lead somewhere, and
// every page can be reached from README.md.

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	markdownLink = regexp.MustCompile(`\]\(<?([^)\s>]+)>?(?: "[^"]*")?\)`)
	fence        = regexp.MustCompile("(?ms)^```.*?^```")
	codeSpan     = regexp.MustCompile("`[^`\n]*`")
	heading      = regexp.MustCompile(`(?m)^#{1,6} +(.+?) *$`)
	notInAnchor  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// markdown reads all pages, without their code, by path.
func markdown(t *testing.T) map[string]string {
	t.Helper()
	pages := map[string]string{}
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && p != "." && d.Name() != ".github"):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(p) != ".md":
			return nil
		}
		text, err := os.ReadFile(p)
		pages[filepath.ToSlash(p)] = fence.ReplaceAllString(string(text), "")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

// anchors are the fragments that a page's headings can be linked by, as GitHub
// makes them.
func anchors(page string) map[string]bool {
	out := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(page, -1) {
		text := strings.ToLower(strings.NewReplacer("`", "", "*", "").Replace(markdownLink.ReplaceAllString(m[1], "")))
		out[strings.ReplaceAll(notInAnchor.ReplaceAllString(text, ""), " ", "-")] = true
	}
	return out
}

// fault says what is wrong with a relative link of a page, "" if nothing is.
func fault(pages map[string]string, page, link string) string {
	file, anchor, _ := strings.Cut(link, "#")
	target := page
	if file != "" {
		target = path.Join(path.Dir(page), file)
		if _, err := os.Stat(filepath.FromSlash(target)); err != nil {
			return "there is no " + target
		}
	}
	if text, ok := pages[target]; ok && anchor != "" && !anchors(text)[anchor] {
		return target + " has no heading for #" + anchor
	}
	return ""
}

func TestLinksLeadSomewhere(t *testing.T) {
	pages := markdown(t)
	linked := map[string]bool{"README.md": true}
	checked := 0
	for page, text := range pages {
		for _, m := range markdownLink.FindAllStringSubmatch(codeSpan.ReplaceAllString(text, ""), -1) {
			link := m[1]
			if strings.Contains(link, ":") { // another site
				continue
			}
			checked++
			if wrong := fault(pages, page, link); wrong != "" {
				t.Errorf("%s links to %s: %s", page, link, wrong)
			}
			if page == "README.md" {
				linked[path.Join(path.Dir(page), strings.SplitN(link, "#", 2)[0])] = true
			}
		}
	}
	for page := range pages {
		if (path.Dir(page) == "docs" || path.Dir(page) == ".") && !linked[page] {
			t.Errorf("README.md does not link to %s", page)
		}
	}
	if checked < 50 {
		t.Errorf("only %d links were found: does the test read them?", checked)
	}
}

func TestTheCheckOfLinksFindsFaults(t *testing.T) {
	pages := map[string]string{"docs/a.md": "# A `b`, and c\n"}
	for link, bad := range map[string]bool{"#a-b-and-c": false, "#nothing": true, "nowhere.md": true, "orders.md": false, "../README.md": false} {
		if got := fault(pages, "docs/a.md", link); (got != "") != bad {
			t.Errorf("%s: %q", link, got)
		}
	}
}
