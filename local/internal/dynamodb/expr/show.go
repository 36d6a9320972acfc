package expr

// This file defines how values look in errors.

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// Show prints a value as AWS's errors do: {S:abc}, {N:1}.
func Show(v Value) string {
	var text string
	switch v := v.(type) {
	case Binary:
		text = base64.StdEncoding.EncodeToString([]byte(v))
	case Null:
		text = "true"
	case *Set:
		text = "[" + strings.Join(v.Members, ", ") + "]"
	case List:
		var parts []string
		for _, x := range v {
			parts = append(parts, Show(x))
		}
		text = "[" + strings.Join(parts, ", ") + "]"
	case *Map:
		var parts []string
		for name, x := range v.All() {
			parts = append(parts, name+"="+Show(x))
		}
		text = "{" + strings.Join(parts, ", ") + "}"
	default:
		text = fmt.Sprint(v)
	}
	return fmt.Sprintf("{%s:%s}", v.Kind(), text)
}
