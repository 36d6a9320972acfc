package cloudformation

// This file defines substitutions in state machine definitions: ${Name}.

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

var placeholder = regexp.MustCompile(`\$\{([A-Za-z0-9_]+)\}`)

// substitute replaces every ${Name} of text. A name without a value is an error:
// AWS would hand the placeholder to Step Functions, where it fails later and
// less plainly.
func substitute(text string, values *jsonvalue.Object) (string, error) {
	var missing []string
	out := placeholder.ReplaceAllStringFunc(text, func(match string) string {
		name := match[2 : len(match)-1]
		v, ok := values.Get(name)
		if !ok {
			missing = append(missing, name)
			return match
		}
		if s, ok := v.(string); ok {
			return s
		}
		return jsonvalue.String(v)
	})
	if len(missing) > 0 {
		return "", fmt.Errorf("the definition uses ${%s}, which DefinitionSubstitutions does not give", strings.Join(missing, "}, ${"))
	}
	return out, nil
}
