// Package template reads AWS SAM and CloudFormation templates and says what a
// stack made of one consists of. It is pure: text in, data out.
//
//	Parse      text -> Template: sections and expression trees, each node with its line
//	New        Template, Environment -> Stack: SAM expanded, conditions decided, every
//	           property checked, resources ordered by what they reference
//	Resolve    Resource, Attributes -> the properties as JSON, once what it refers to exists
//	Plan       two stacks -> what to create, update, replace and delete, in order
//
// It guarantees that whatever it does not support (a resource type, a property, an
// intrinsic function, an event source) is an error with file, line and path, and
// that all of a template's errors come at once ([Problems]): nothing is ignored,
// and a stack that New returns has nothing left to refuse but what AWS's services
// refuse by themselves. What is supported stands in one table, resources.txt.
//
// It creates nothing, reads no file and knows no service: where a function's code
// or a state machine's definition lies on the local disk, a Resource says so
// ([Local]) and leaves the reading to its user. Start at [Parse] and [New].
//
// Where this follows documentation, the page is named beside the code. The whole:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html
// https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification.html
package template

// Template is what a template file says, before anything is decided.
type Template struct {
	File        string
	Description string
	Transforms  []string
	Parameters  []Parameter
	Globals     *Node // SAM's; nil if absent
	Mappings    *Node
	Conditions  []Entry
	Resources   []*Resource
	Outputs     []Output
	Metadata    *Node
}

// Resource is one entry of a template's Resources section, or of what SAM makes
// of it.
type Resource struct {
	LogicalID           string
	Type                string
	Properties          *Node // a Map; never nil
	Condition           string
	DependsOn           []string // as written
	DeletionPolicy      string   // Delete, Retain, RetainExceptOnCreate or Snapshot; "" is Delete
	UpdateReplacePolicy string   // Delete, Retain or Snapshot; "" is Delete
	Metadata            *Node
	UpdatePolicy        *Node
	Local               Local
	Needs               []string // every resource that must exist first, sorted
	At                  Position

	typeAt    Position
	dependsAt Position
	path      string // where it stands in the template
}

// Local says that a property's content lies on the local disk: a function's code
// or a state machine's definition that was not uploaded. The zero value says
// that nothing does.
type Local struct {
	Property    string // what it stands for: "Code" or "Definition"
	Path        string // relative to the template's folder
	BuildMethod string // a function's Metadata.BuildMethod
	Source      string // the logical id in the template; SAM builds by it
}

// Parameter is one entry of the Parameters section.
type Parameter struct {
	Name, Type, Description string
	Default                 *string
	AllowedValues           []string
	AllowedPattern          string
	ConstraintDescription   string
	MinLength, MaxLength    *int64
	MinValue, MaxValue      *float64
	NoEcho                  bool
	At                      Position
}

// Output is one entry of the Outputs section.
type Output struct {
	Name        string
	Description string
	Condition   string
	Value       *Node
	Export      *Node // nil if not exported
	At          Position
}

// HasSAM reports whether the template asks for AWS's serverless transform.
func (t *Template) HasSAM() bool {
	for _, name := range t.Transforms {
		if name == samTransform {
			return true
		}
	}
	return false
}

const samTransform = "AWS::Serverless-2016-10-31"
