package jsonata

// This file defines the syntax tree. The parser makes one that follows the
// text; resolve turns it into the one that is evaluated, whose paths are lists
// of steps.

type kind uint8

const (
	kConstant kind = iota // value
	kString
	kName
	kVariable
	kWildcard
	kDescendant
	kParent
	kRegex
	kNegate      // left
	kArray       // items
	kObject      // pairs
	kBlock       // items
	kCondition   // left ? right : other
	kBind        // left := right
	kCall        // left(items)
	kPartial     // left(items), of which some are kPlaceholder
	kPlaceholder // ?
	kLambda      // function(items)<sig>{right}
	kTransform   // |left|right,other|
	kBinary      // left text right: arithmetic, comparison, logic, &, in
	kRange       // left..right
	kApply       // left ~> right
	// Only as parsed:
	kDot    // left.right
	kFilter // left[right]
	kGroup  // left{pairs}
	kOrder  // left^(terms)
	kFocus  // left@$text
	kIndex  // left#$text
	// Only as resolved:
	kPath // items are the steps
	kSort // a step: terms
)

type node struct {
	kind   kind
	pos    int
	text   string
	value  any
	left   *node
	right  *node
	other  *node
	items  []*node
	pairs  []pair
	terms  []term
	sig    *signature
	sigTxt string

	keepArray bool // written with []

	// As resolved.
	stages     []stage // filters and indexes of a step of a path
	predicates []stage // filters of anything else
	group      *node   // the object that groups what the expression yields
	focus      string  // step@$focus
	index      string  // step#$index
	tuple      bool    // the step needs its bindings carried along
	ancestor   *slot   // the step whose input is somebody's parent
	slot       *slot   // of kParent
	seeking    []*slot // parents still to be found further left
	cons       bool    // an array constructor at an end of a path stays an array
	keepOne    bool    // of a path: a single result stays an array
	straight   bool    // of a path: a variable or nothing, then plain names
	op         operator
	reference  string // a name that was called like a function
}

type pair struct{ key, value *node }

type term struct {
	by         *node
	descending bool
}

// stage is one filter or one positional variable behind a step.
type stage struct {
	filter *node
	index  string
}

// slot is one use of % and the name under which the parent is bound.
type slot struct {
	label *string
	level int
}
