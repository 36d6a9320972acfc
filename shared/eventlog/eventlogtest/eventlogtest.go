// Package eventlogtest stands in for the EventLog table in tests: package
// tabletest's table, with the two queries that a log makes. Start at [New].
package eventlogtest

import (
	"cmp"
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/stepworks/stepworks/shared/eventlog"
	"github.com/stepworks/stepworks/shared/table/tabletest"
)

// Table is the table's name.
const Table = "EventLog"

// DB is the table.
type DB struct {
	*tabletest.DB
	// Page is how many items a query answers at once; 0: all.
	Page int
}

// New returns an empty table and its log.
func New() (*DB, eventlog.Log) {
	db := &DB{DB: tabletest.New(map[string]string{Table: "pk sk"})}
	return db, eventlog.Log{API: db, Table: Table}
}

// Query finds the items whose attribute #key is :key, in the order of their sort
// keys, page by page.
func (db *DB) Query(_ context.Context, in *dynamodb.QueryInput, _ ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	want, after := text(in.ExpressionAttributeValues, ":key"), text(in.ExclusiveStartKey, "sk")
	var found []tabletest.Item
	for _, item := range db.Rows(*in.TableName) {
		if text(item, in.ExpressionAttributeNames["#key"]) == want && text(item, "sk") > after {
			found = append(found, item)
		}
	}
	slices.SortFunc(found, func(a, b tabletest.Item) int { return cmp.Compare(text(a, "sk"), text(b, "sk")) })
	out := &dynamodb.QueryOutput{Items: found}
	if db.Page > 0 && len(found) > db.Page {
		out.Items = found[:db.Page]
		last := out.Items[db.Page-1]
		out.LastEvaluatedKey = tabletest.Item{"pk": last["pk"], "sk": last["sk"]}
	}
	return out, nil
}

// text is an attribute that is a string; "" for any other.
func text(item map[string]types.AttributeValue, name string) string {
	s, ok := item[name].(*types.AttributeValueMemberS)
	if !ok {
		return ""
	}
	return s.Value
}
