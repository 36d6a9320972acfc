package eventpattern

// This file defines which wildcards are too many.

import "strings"

// maxWildcards is how many wildcards of one field may have to be followed at the
// same time. AWS refuses more than some number, which it does not name:
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-wildcard-matching-complexity
// Users report that four times *.x and twice */dir/*.x (four wildcards) are taken
// and four times */dir/*.x (eight) is refused, so it lies between; this is the
// most lenient limit that fits.
const maxWildcards = 7

const tooComplex = "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences after a wildcard character"

// checkComplexity refuses a pattern one of whose fields has too many wildcards.
func (p *Pattern) checkComplexity() error {
	for _, c := range p.alternatives {
		for _, f := range c {
			if f.wildcards() > maxWildcards {
				return &SyntaxError{Problem: tooComplex}
			}
		}
	}
	return nil
}

// wildcards counts the wildcards that the worst string keeps open at once: those
// of all globs whose literal beginnings do not exclude each other.
func (f field) wildcards() int {
	globs := f.globs()
	worst := 0
	for _, g := range globs {
		open := 0
		for _, other := range globs {
			if strings.HasPrefix(g.parts[0], other.parts[0]) {
				open += len(other.parts) - 1
			}
		}
		worst = max(worst, open)
	}
	return worst
}

func (f field) globs() []glob {
	var globs []glob
	collect := func(tests []test) {
		for _, t := range tests {
			if w, ok := t.(wildcard); ok {
				globs = append(globs, w.glob)
			}
		}
	}
	collect(f.tests)
	for _, t := range f.tests {
		if but, ok := t.(anythingBut); ok {
			collect(but.refused)
		}
	}
	return globs
}
