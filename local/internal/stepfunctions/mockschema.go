package stepfunctions

// This file defines the schemas that TestState checks mocked results against:
// the answers of the operations that workflows use most. Results of others are
// taken as they are.
//
// A schema is written in a few signs:
//
//	str num bool time       a value of that type; time is text or a number
//	int(1..10)              a number within bounds
//	(A|B)                   one of these words
//	[x]  {Name:x Name!:x}   an array; an object, whose members with "!" are required
//	{*:x}                   an object with members of any name
//	any                     anything

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

const (
	attributeMap   = `{*:{S:str N:str B:str BOOL:bool NULL:bool SS:[str] NS:[str] BS:[str] M:any L:[any]}}`
	capacity       = `{CapacityUnits:num ReadCapacityUnits:num WriteCapacityUnits:num TableName:str}`
	itemChanged    = `{Attributes:` + attributeMap + ` ConsumedCapacity:` + capacity + ` ItemCollectionMetrics:any}`
	functionConfig = `{FunctionName:str FunctionArn:str Role:str Handler:str Runtime:str CodeSize:num Description:str Timeout:int(1..) MemorySize:int(128..10240) LastModified:str Version:str State:(Pending|Active|Inactive|Failed|Deactivating|Deactivated|ActiveNonInvocable|Deleting) PackageType:(Zip|Image) RevisionId:str}`
)

// schemas are by local service and operation.
var schemas = map[string]string{
	"lambda:Invoke":             `{StatusCode:num FunctionError:str LogResult:str Payload:any ExecutedVersion:str}`,
	"lambda:GetFunction":        `{Configuration:` + functionConfig + ` Code:any Tags:{*:str}}`,
	"dynamodb:GetItem":          `{Item:` + attributeMap + ` ConsumedCapacity:` + capacity + `}`,
	"dynamodb:PutItem":          itemChanged,
	"dynamodb:UpdateItem":       itemChanged,
	"dynamodb:DeleteItem":       itemChanged,
	"dynamodb:Query":            `{Items:[` + attributeMap + `] Count:num ScannedCount:num LastEvaluatedKey:` + attributeMap + ` ConsumedCapacity:` + capacity + `}`,
	"dynamodb:Scan":             `{Items:[` + attributeMap + `] Count:num ScannedCount:num LastEvaluatedKey:` + attributeMap + ` ConsumedCapacity:` + capacity + `}`,
	"sqs:SendMessage":           `{MD5OfMessageBody:str MD5OfMessageAttributes:str MD5OfMessageSystemAttributes:str MessageId:str SequenceNumber:str}`,
	"sqs:ReceiveMessage":        `{Messages:[{MessageId:str ReceiptHandle:str MD5OfBody:str Body:str Attributes:{*:str}}]}`,
	"sns:Publish":               `{MessageId:str SequenceNumber:str}`,
	"events:PutEvents":          `{FailedEntryCount:num Entries:[{EventId:str ErrorCode:str ErrorMessage:str}]}`,
	"states:StartExecution":     `{ExecutionArn!:str StartDate!:time}`,
	"states:StartSyncExecution": `{ExecutionArn!:str StateMachineArn:str Name:str StartDate!:time StopDate!:time Status!:(SUCCEEDED|FAILED|TIMED_OUT) Error:str Cause:str Input:str Output:str}`,
	"states:DescribeExecution":  `{ExecutionArn!:str StateMachineArn!:str Name:str Status!:(RUNNING|SUCCEEDED|FAILED|TIMED_OUT|ABORTED|PENDING_REDRIVE) StartDate!:time StopDate:time Error:str Cause:str}`,
	"s3:GetObject":              `{Body:any AcceptRanges:str ContentLength:num ContentType:str ContentEncoding:str ETag:str LastModified:time VersionId:str Metadata:{*:str} DeleteMarker:bool PartsCount:num ServerSideEncryption:str StorageClass:(STANDARD|REDUCED_REDUNDANCY|STANDARD_IA|ONEZONE_IA|INTELLIGENT_TIERING|GLACIER|DEEP_ARCHIVE|OUTPOSTS|GLACIER_IR|SNOW|EXPRESS_ONEZONE|FSX_OPENZFS)}`,
	"s3:PutObject":              `{ETag:str VersionId:str Expiration:str ServerSideEncryption:str Size:num}`,
	"s3:ListObjectsV2":          `{IsTruncated:bool Name:str Prefix:str Delimiter:str MaxKeys:num KeyCount:num ContinuationToken:str NextContinuationToken:str Contents:[{Key:str LastModified:time ETag:str Size:num StorageClass:str}] CommonPrefixes:[{Prefix:str}]}`,

	"secretsmanager:GetSecretValue": `{ARN:str Name:str VersionId:str SecretString:str SecretBinary:str CreatedDate:time VersionStages:[str]}`,
	"ssm:GetParameter":              `{Parameter:{Name:str Type:(String|StringList|SecureString) Value:str Version:num ARN:str DataType:str}}`,
}

// shape is a schema, read.
type shape struct {
	kind     string // "str", "num", "bool", "time", "any", "enum", "array", "object"
	words    []string
	min, max *float64
	element  *shape // of an array, or of an object with any names
	members  map[string]*shape
	required []string
}

var schemaTokens = regexp.MustCompile(`[A-Za-z0-9_]+!?|[*:{}\[\]]|\([^)]*\)`)

// readShape reads a schema of ours from its tokens.
func readShape(tokens []string) (*shape, []string) {
	token, rest := tokens[0], tokens[1:]
	switch token {
	case "[":
		element, rest := readShape(rest)
		return &shape{kind: "array", element: element}, rest[1:]
	case "{":
		return readObject(rest)
	case "int":
		bounds := strings.Split(strings.Trim(rest[0], "()"), "..")
		return &shape{kind: "num", min: bound(bounds[0]), max: bound(bounds[1])}, rest[1:]
	}
	if words, ok := strings.CutPrefix(token, "("); ok {
		return &shape{kind: "enum", words: strings.Split(strings.TrimSuffix(words, ")"), "|")}, rest
	}
	return &shape{kind: token}, rest
}

func readObject(rest []string) (*shape, []string) {
	s := &shape{kind: "object", members: map[string]*shape{}}
	for rest[0] != "}" {
		name := rest[0]
		var member *shape
		member, rest = readShape(rest[2:])
		if name == "*" {
			s.element = member
			continue
		}
		if short, ok := strings.CutSuffix(name, "!"); ok {
			name = short
			s.required = append(s.required, name)
		}
		s.members[name] = member
	}
	return s, rest[1:]
}

func bound(text string) *float64 {
	if text == "" {
		return nil
	}
	f, _ := strconv.ParseFloat(text, 64)
	return &f
}

var shapes = sync.OnceValue(func() map[string]*shape {
	all := map[string]*shape{}
	for name, schema := range schemas {
		all[name], _ = readShape(schemaTokens.FindAllString(schema, -1))
	}
	return all
})

// checkMockedResult checks a mocked result against the schema of the operation;
// strict demands the required members too.
func checkMockedResult(v jsonvalue.Value, r asl.Resource, strict bool) error {
	n, ok := namesOf(r)
	if r.Kind == asl.Lambda || r.Kind == asl.Activity || !ok || r.Pattern != asl.RequestResponse {
		return nil // the answer is a function's or a worker's own
	}
	s := shapes()[n.local+":"+r.Operation()]
	if s == nil {
		return nil
	}
	if problem := s.check(v, "", strict); problem != "" {
		return errValidation("Mock result schema validation error: %s", problem)
	}
	return nil
}

// check says what is wrong with a field, "" if nothing.
func (s *shape) check(v jsonvalue.Value, field string, strict bool) string {
	must := func(ok bool, what string) string {
		if ok {
			return ""
		}
		return fmt.Sprintf("Field '%s' must be %s", field, what)
	}
	text, isText := v.(string)
	number, isNumber := v.(jsonvalue.Number)
	switch s.kind {
	case "str":
		return must(isText, "a string")
	case "bool":
		_, ok := v.(bool)
		return must(ok, "a boolean")
	case "time":
		return must(isText || isNumber, "a valid timestamp")
	case "num":
		if !isNumber {
			return must(false, "a number")
		}
		return s.checkBounds(number, field)
	case "enum":
		if !isText {
			return must(false, "a string")
		}
		return s.checkWord(text, field)
	case "array":
		return s.checkArray(v, field, strict)
	case "object":
		return s.checkObject(v, field, strict)
	}
	return ""
}

func (s *shape) checkBounds(n jsonvalue.Number, field string) string {
	f, _ := n.Float64()
	switch {
	case s.min != nil && f < *s.min:
		return fmt.Sprintf("Field '%s' is less than the minimum value", field)
	case s.max != nil && f > *s.max:
		return fmt.Sprintf("Field '%s' exceeds the maximum value", field)
	}
	return ""
}

func (s *shape) checkWord(text, field string) string {
	for _, word := range s.words {
		if word == text {
			return ""
		}
	}
	return fmt.Sprintf("Field '%s' is not an expected value", field)
}

func (s *shape) checkArray(v jsonvalue.Value, field string, strict bool) string {
	items, ok := v.([]any)
	if !ok {
		return fmt.Sprintf("Field '%s' must be an array", field)
	}
	for _, item := range items {
		if problem := s.element.check(item, field, strict); problem != "" {
			return problem
		}
	}
	return ""
}

func (s *shape) checkObject(v jsonvalue.Value, field string, strict bool) string {
	o, ok := v.(*jsonvalue.Object)
	if !ok {
		return fmt.Sprintf("Field '%s' must be an object", field)
	}
	if strict {
		for _, name := range s.required {
			if !o.Has(name) {
				return fmt.Sprintf("Field '%s' is required", name)
			}
		}
	}
	for name, x := range o.All() {
		member := s.members[name]
		if member == nil {
			member = s.element
		}
		if member == nil || x == nil {
			continue
		}
		if problem := member.check(x, name, strict); problem != "" {
			return problem
		}
	}
	return ""
}
