package expr

import "testing"

// FuzzParse checks that what is read prints as something that reads back the same.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"a = :v AND (b > c OR NOT attribute_exists(d[3].#e))", "SET a = if_not_exists(a, :z) + :n, b[1] = list_append(:l, b) REMOVE c ADD d :n DELETE e :s",
		"a, b.c[0], #d", "a BETWEEN :x AND :y", "a IN (:x, size(b))", "((", "a..b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if tree, err := parseCondition(text); err == nil {
			again, err := parseCondition(tree.String())
			if err != nil || again.String() != tree.String() {
				t.Errorf("%q printed as %q reads as %v, %v", text, tree, again, err)
			}
		}
		if sections, err := parseUpdate(text); err == nil {
			printed := ""
			for _, s := range sections {
				printed += s.String() + " "
			}
			again, err := parseUpdate(printed)
			if err != nil || len(again) != len(sections) || again[0].String() != sections[0].String() {
				t.Errorf("%q printed as %q reads as %v, %v", text, printed, again, err)
			}
		}
		_, _ = parseProjection(text)
	})
}
