package logs

// This file defines filter patterns: terms that must (or, with "-", must not) be
// in the message, optional terms with "?", and { $.field = value } on JSON.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html

import (
	"regexp"
	"strings"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

var (
	term      = regexp.MustCompile(`([?-]?)(?:"((?:[^"\\]|\\.)*)"|(\S+))`)
	jsonMatch = regexp.MustCompile(`^\{\s*\$\.([\w.-]+)\s*(=|!=)\s*(?:"([^"]*)"|([^\s"}]+))\s*\}$`)
)

// compileFilter returns what a message must be like; nil lets everything through.
func compileFilter(pattern string) (func(string) bool, error) {
	pattern = strings.TrimSpace(pattern)
	switch {
	case pattern == "":
		return nil, nil
	case strings.HasPrefix(pattern, "{"):
		return compileJSON(pattern)
	case strings.HasPrefix(pattern, "[") || strings.HasPrefix(pattern, "%"):
		return nil, errPattern("space-delimited and regular expression patterns are not offered by the local AWS")
	}
	var all, none, some []string
	for _, m := range term.FindAllStringSubmatch(pattern, -1) {
		text := strings.ReplaceAll(m[2], `\"`, `"`) + m[3]
		switch m[1] {
		case "-":
			none = append(none, text)
		case "?":
			some = append(some, text)
		default:
			all = append(all, text)
		}
	}
	return func(message string) bool {
		return every(all, message, true) && every(none, message, false) && (len(some) == 0 || !every(some, message, false))
	}, nil
}

// every tells whether each term is, or is not, in the message.
func every(terms []string, message string, in bool) bool {
	for _, t := range terms {
		if strings.Contains(message, t) != in {
			return false
		}
	}
	return true
}

func compileJSON(pattern string) (func(string) bool, error) {
	m := jsonMatch.FindStringSubmatch(pattern)
	if m == nil {
		return nil, errPattern(`of JSON patterns the local AWS offers { $.field = "value" } and { $.field != "value" }`)
	}
	path, equal, want := strings.Split(m[1], "."), m[2] == "=", m[3]+m[4]
	return func(message string) bool {
		v, err := jsonvalue.Parse([]byte(message))
		if err != nil {
			return false
		}
		for _, name := range path {
			o, ok := v.(*jsonvalue.Object)
			if !ok {
				return false
			}
			if v, ok = o.Get(name); !ok {
				return false
			}
		}
		text, ok := v.(string)
		if !ok {
			text = jsonvalue.String(v)
		}
		return (text == want) == equal
	}, nil
}

func errPattern(text string) error {
	return awswire.Errorf("InvalidParameterException", "Invalid filter pattern: %s", text)
}
