// Package eventlog writes down what is said about reports and tells it again: the
// events of a job in order, what caused each, and what that shows of the
// architecture.
//
//	Log.Write    one event, once however often it arrives, without its secrets
//	Log.Job      a job's events, and those of the same correlation elsewhere
//	Log.Latest   the jobs of late
//	Trace        of events: timeline and graph; pure
//
// A row keeps for a day. Task tokens and presigned URLs are not kept: a token is
// kept as a hash, which says which events belong to one task and answers none. The
// log believes what events say of themselves; it decides nothing.
//
// Start at [Log] and [Trace].
package eventlog

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/stepworks/stepworks/shared/contract"
	"github.com/stepworks/stepworks/shared/table"
)

// keeps is how long a row stays, from its event's time on.
const keeps = 24 * time.Hour

// API is the part of the DynamoDB client that a log uses.
type API interface {
	table.API
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
}

// Log is the table.
type Log struct {
	API   API
	Table string
}

// Record is one event as it is kept.
type Record struct {
	PK           string           `dynamodbav:"pk"` // JOB#<job>
	SK           string           `dynamodbav:"sk"` // <time>#<id>
	ID           string           `dynamodbav:"id"`
	Time         time.Time        `dynamodbav:"time"`
	Source       string           `dynamodbav:"source"`
	DetailType   string           `dynamodbav:"detailType"`
	Account      string           `dynamodbav:"account"`
	Region       string           `dynamodbav:"region"`
	Job          string           `dynamodbav:"job"`
	Execution    string           `dynamodbav:"execution,omitempty"`
	StateMachine string           `dynamodbav:"stateMachine,omitempty"`
	StateName    string           `dynamodbav:"stateName,omitempty"`
	Function     string           `dynamodbav:"function,omitempty"`
	Incoming     *contract.Origin `dynamodbav:"incoming,omitempty"`
	Correlation  string           `dynamodbav:"correlation,omitempty"`
	Task         string           `dynamodbav:"task,omitempty"`   // hash of the token
	Detail       string           `dynamodbav:"detail,omitempty"` // JSON without secrets
	ExpiresAt    int64            `dynamodbav:"expiresAt"`
}

// Latest is what there is to know about a job without its events.
type Latest struct {
	Job        string    `dynamodbav:"job" json:"job"`
	Time       time.Time `dynamodbav:"time" json:"time"`
	DetailType string    `dynamodbav:"detailType" json:"detailType"`
	Account    string    `dynamodbav:"account" json:"account"`
}

// Write keeps an event, and that it is its job's latest if it is.
func (l Log) Write(ctx context.Context, e Event) (Record, error) {
	r := record(e)
	if err := table.Put(ctx, l.API, l.Table, r, ""); err != nil {
		return r, err
	}
	err := table.Update(ctx, l.API, table.Write{
		Table: l.Table, Key: table.Pair("LATEST", "JOB#"+r.Job),
		Update:    "SET job = :job, latest = :at, #time = :time, detailType = :type, account = :account, expiresAt = :ends",
		Condition: "attribute_not_exists(latest) OR latest < :at",
		Names:     map[string]string{"#time": "time"},
		Values:    map[string]any{":job": r.Job, ":at": r.Time.UnixMilli(), ":time": r.Time, ":type": r.DetailType, ":account": r.Account, ":ends": r.ExpiresAt},
	}, new(map[string]any))
	var refused *table.Refused
	if errors.As(err, &refused) {
		return r, nil // a later one was here before
	}
	return r, err
}

// Job returns the events of a job, and all others of its correlation: the event
// that began it, and what it set off in other executions.
func (l Log) Job(ctx context.Context, job string) ([]Record, error) {
	own, err := query[Record](ctx, l, "", "pk", "JOB#"+job)
	if err != nil {
		return nil, err
	}
	all, seen := own, map[string]bool{}
	for _, r := range own {
		seen[r.ID] = true
	}
	for correlation := range correlations(own) {
		more, err := query[Record](ctx, l, "CorrelationIndex", "correlation", correlation)
		if err != nil {
			return nil, err
		}
		for _, r := range more {
			if !seen[r.ID] {
				seen[r.ID] = true
				all = append(all, r)
			}
		}
	}
	return all, nil
}

func correlations(records []Record) map[string]bool {
	found := map[string]bool{}
	for _, r := range records {
		if r.Correlation != "" {
			found[r.Correlation] = true
		}
	}
	return found
}

// Latest returns the jobs of the last day, in no particular order.
func (l Log) Latest(ctx context.Context) ([]Latest, error) {
	return query[Latest](ctx, l, "", "pk", "LATEST")
}

// query reads all pages of one key.
func query[T any](ctx context.Context, l Log, index, attribute, value string) ([]T, error) {
	in := &dynamodb.QueryInput{
		TableName: &l.Table, KeyConditionExpression: aws.String("#key = :key"),
		ExpressionAttributeNames:  map[string]string{"#key": attribute},
		ExpressionAttributeValues: map[string]types.AttributeValue{":key": &types.AttributeValueMemberS{Value: value}},
	}
	if index != "" {
		in.IndexName = &index
	}
	var all []T
	for {
		out, err := l.API.Query(ctx, in)
		if err != nil {
			return nil, err
		}
		var page []T
		if err := attributevalue.UnmarshalListOfMaps(out.Items, &page); err != nil {
			return nil, err
		}
		all = append(all, page...)
		if len(out.LastEvaluatedKey) == 0 {
			return all, nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}
