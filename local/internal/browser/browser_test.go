package browser

import (
	"bytes"
	"image/png"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const page = `<!doctype html><title>t</title><link rel=icon href=data:,>
<p id=out>nothing</p><details><summary>More</summary><input id=field value=old></details>
<button>Say it</button><div style="position:fixed;left:0;top:300px;width:100%;height:200px;background:red"></div>
<button id=under style="position:fixed;top:350px">Under</button><div style="position:fixed;left:0;top:300px;width:100%;height:200px;background:#00f8"></div>
<script>document.querySelector("button").onclick=()=>{out.textContent=field.value}
addEventListener("keydown",(e)=>{if(e.key==="x")throw new Error("pressed x");if(e.key==="y")fetch("http://elsewhere.example/")})</script>`

func TestAPersonAtABrowser(t *testing.T) {
	path, found := Find()
	if !found {
		t.Skip("NOT CHECKED: there is no Chromium on this machine (or name one in CHROMIUM)")
	}
	b, err := Start(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(page)) }))
	defer site.Close()
	ctx := t.Context()
	p, err := b.Open(ctx, site.URL, Window{Width: 400, Height: 600})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []error{p.Click(ctx, "More"), p.Fill(ctx, "#field", "new"), p.Click(ctx, "Say it"), p.UntilText(ctx, "new")} {
		if step != nil {
			t.Fatal(step)
		}
	}
	if err := p.Click(ctx, "#under"); err == nil || !strings.Contains(err.Error(), "lies over") {
		t.Errorf("a covered button was clicked: %v", err)
	}
	if said := p.Complaints(); len(said) != 0 {
		t.Errorf("complaints of a good page: %q", said)
	}
	if err := p.Press(ctx, "Tab", "y", "x"); err != nil {
		t.Fatal(err)
	}
	if err := p.Until(ctx, "true"); err != nil {
		t.Fatal(err)
	}
	if said := strings.Join(p.Complaints(), "\n"); !strings.Contains(said, "pressed x") {
		t.Errorf("an exception is not told: %q", said)
	}
	if asked := strings.Join(p.Requests(), "\n"); !strings.Contains(asked, "elsewhere.example") {
		t.Errorf("a foreign request is not told: %q", asked)
	}
	picture, err := p.Picture(ctx, false)
	if err != nil {
		t.Fatal(err)
	}
	if image, err := png.Decode(bytes.NewReader(picture)); err != nil || image.Bounds().Dx() != 400 {
		t.Errorf("the picture: %v %v", image.Bounds(), err)
	}
}
