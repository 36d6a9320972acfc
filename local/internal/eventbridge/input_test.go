package eventbridge

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

const inputEvent = `{"version":"0","id":"1","detail-type":"Order Placed","source":"shop","account":"123456789012","time":"2026-11-20T10:00:00Z","region":"us-east-1","resources":["arn:a"],"detail":` +
	`{"id":"7","n":1.50,"yes":true,"no":null,"say":"he said \"hi\"","list":["a","b"],"items":[{"sku":"x"},{"sku":"y"}],"deep":{"a-b":{"c_d":1}},"big":12345678901234567890}}`

var variable = regexp.MustCompile(`<(\w+)>`)

// TestInputs runs testdata/inputs.txt, which documents itself.
func TestInputs(t *testing.T) {
	data, err := os.ReadFile("testdata/inputs.txt")
	if err != nil {
		t.Fatal(err)
	}
	event := jsonvalue.MustParse(inputEvent).(*jsonvalue.Object)
	about := variables{"arn:rule", "r", time.Date(2026, 11, 20, 10, 0, 1, 0, time.UTC)}
	var target Target
	cases := 0
	for i, line := range strings.Split(string(data), "\n") {
		at := "inputs.txt:" + strconv.Itoa(i+1)
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "path":
			target = Target{ID: "t", InputPath: rest}
		case "template":
			target = Target{ID: "t", InputTransformer: &InputTransformer{InputPathsMap: map[string]string{}, InputTemplate: rest}}
			for _, m := range variable.FindAllStringSubmatch(rest, -1) {
				target.InputTransformer.InputPathsMap[m[1]] = "$.detail." + m[1]
			}
		case "=", "!":
			cases++
			if err := target.checkInput(); err != nil {
				t.Errorf("%s: refused: %v", at, err)
			}
			got, err := target.input(event, about)
			if err != nil {
				got = err.Error()
			}
			if want := strings.ReplaceAll(rest, "EVENT", inputEvent); got != want || (err != nil) != (word == "!") {
				t.Errorf("%s\n got %s\nwant %s", at, got, want)
			}
		}
	}
	if cases < 25 {
		t.Errorf("only %d cases were read", cases)
	}
}

func FuzzTransform(f *testing.F) {
	for _, seed := range []string{`{"a": <id>}`, `"<id> <list>"`, `"\"<id>\""`, `<deep>`, "\"a\"\n\"<id>\"", `{"a": "<`} {
		f.Add(seed)
	}
	event := jsonvalue.MustParse(inputEvent).(*jsonvalue.Object)
	f.Fuzz(func(t *testing.T, template string) {
		transformer := &InputTransformer{InputPathsMap: map[string]string{"id": "$.detail.id", "list": "$.detail.list", "deep": "$.detail.deep"}, InputTemplate: template}
		if transformer.check("t") != nil {
			return
		}
		got, err := transformer.transform(event, variables{})
		if err == nil && !isText(template) {
			if _, err := jsonvalue.Parse([]byte(got)); err != nil {
				t.Errorf("%s made %s: %v", template, got, err)
			}
		}
	})
}

func FuzzPath(f *testing.F) {
	for _, seed := range []string{"$", "$.a[0]['b'].*", "$[*]", "$['a", "$..a"} {
		f.Add(seed)
	}
	event := jsonvalue.MustParse(inputEvent)
	f.Fuzz(func(_ *testing.T, text string) {
		if p, err := parsePath(text); err == nil {
			p.find(event)
		}
	})
}
