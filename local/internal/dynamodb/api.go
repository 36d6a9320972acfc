package dynamodb

// This file defines the table of operations.
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB.html

import (
	"context"

	"github.com/stepworks/stepworks/local/internal/awswire"
)

// API lists the operations of DynamoDB.
func (s *Service) API() awswire.Service {
	return awswire.Service{
		Name: "dynamodb", Protocol: awswire.JSON10, Target: "DynamoDB_20120810", Namespace: "com.amazonaws.dynamodb.v20120810",
		Operations: append(append(s.itemOperations(), s.tableOperations()...), refused()...),
	}
}

func (s *Service) itemOperations() []awswire.Operation {
	return []awswire.Operation{
		op("GetItem", func(in *getItemInput) []awswire.Access { return s.accessTo("GetItem", in.TableName) }, s.getItem),
		op("PutItem", func(in *putItemInput) []awswire.Access { return s.accessTo("PutItem", in.TableName) }, s.putItem),
		op("UpdateItem", func(in *updateItemInput) []awswire.Access { return s.accessTo("UpdateItem", in.TableName) }, s.updateItem),
		op("DeleteItem", func(in *deleteItemInput) []awswire.Access { return s.accessTo("DeleteItem", in.TableName) }, s.deleteItem),
		op("Query", func(in *queryInput) []awswire.Access { return s.accessToIndex("Query", in.TableName, in.IndexName) }, s.query),
		op("Scan", func(in *scanInput) []awswire.Access { return s.accessToIndex("Scan", in.TableName, in.IndexName) }, s.scan),
		op("BatchGetItem", func(in *batchGetItemInput) []awswire.Access {
			return accessToAll(s, "BatchGetItem", in.RequestItems)
		}, s.batchGetItem),
		op("BatchWriteItem", func(in *batchWriteItemInput) []awswire.Access {
			return accessToAll(s, "BatchWriteItem", in.RequestItems)
		}, s.batchWriteItem),
		op("TransactWriteItems", s.accessToWrites, s.transactWriteItems),
		op("TransactGetItems", s.accessToGets, s.transactGetItems),
	}
}

func (s *Service) tableOperations() []awswire.Operation {
	return []awswire.Operation{
		op("CreateTable", func(in *createTableInput) []awswire.Access { return s.accessTo("CreateTable", in.TableName) }, s.createTable),
		op("DescribeTable", func(in *describeTableInput) []awswire.Access { return s.accessTo("DescribeTable", in.TableName) }, s.describeTable),
		op("UpdateTable", func(in *updateTableInput) []awswire.Access { return s.accessTo("UpdateTable", in.TableName) }, s.updateTable),
		op("DeleteTable", func(in *deleteTableInput) []awswire.Access { return s.accessTo("DeleteTable", in.TableName) }, s.deleteTable),
		op("ListTables", anywhere[listTablesInput]("ListTables"), s.listTables),
		op("UpdateTimeToLive", func(in *updateTimeToLiveInput) []awswire.Access { return s.accessTo("UpdateTimeToLive", in.TableName) }, s.updateTimeToLive),
		op("DescribeTimeToLive", func(in *describeTimeToLiveInput) []awswire.Access {
			return s.accessTo("DescribeTimeToLive", in.TableName)
		}, s.describeTimeToLive),
		op("TagResource", func(in *tagResourceInput) []awswire.Access { return accessToARN("TagResource", in.ResourceArn) }, s.tagResource),
		op("UntagResource", func(in *untagResourceInput) []awswire.Access { return accessToARN("UntagResource", in.ResourceArn) }, s.untagResource),
		op("ListTagsOfResource", func(in *listTagsInput) []awswire.Access { return accessToARN("ListTagsOfResource", in.ResourceArn) }, s.listTagsOfResource),
		op("UpdateContinuousBackups", func(in *updateContinuousBackupsInput) []awswire.Access {
			return s.accessTo("UpdateContinuousBackups", in.TableName)
		}, s.updateContinuousBackups),
		op("DescribeContinuousBackups", func(in *describeContinuousBackupsInput) []awswire.Access {
			return s.accessTo("DescribeContinuousBackups", in.TableName)
		}, s.describeContinuousBackups),
		op("DescribeLimits", anywhere[nothing]("DescribeLimits"), s.describeLimits),
		op("DescribeEndpoints", anywhere[nothing]("DescribeEndpoints"), s.describeEndpoints),
	}
}

// anywhere is the permission to do an action that knows no resource.
func anywhere[In any](action string) func(*In) []awswire.Access {
	return func(*In) []awswire.Access {
		return []awswire.Access{{Action: "dynamodb:" + action, Resource: "*"}}
	}
}

// accessToIndex is accessTo for an index where one is named.
func (s *Service) accessToIndex(action string, table, index *string) []awswire.Access {
	all := s.accessTo(action, table)
	if index != nil {
		all[0].Resource += "/index/" + *index
	}
	return all
}

// accessToWrites is what a transaction may do: each part what it does.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
func (s *Service) accessToWrites(in *transactWriteItemsInput) []awswire.Access {
	var all []awswire.Access
	for _, t := range in.TransactItems {
		switch {
		case t.ConditionCheck != nil:
			all = append(all, s.accessTo("ConditionCheckItem", t.ConditionCheck.TableName)...)
		case t.Put != nil:
			all = append(all, s.accessTo("PutItem", t.Put.TableName)...)
		case t.Delete != nil:
			all = append(all, s.accessTo("DeleteItem", t.Delete.TableName)...)
		case t.Update != nil:
			all = append(all, s.accessTo("UpdateItem", t.Update.TableName)...)
		}
	}
	return all
}

func (s *Service) accessToGets(in *transactGetItemsInput) []awswire.Access {
	var all []awswire.Access
	for _, t := range in.TransactItems {
		if t.Get != nil {
			all = append(all, s.accessTo("GetItem", t.Get.TableName)...)
		}
	}
	return all
}

// refusedOperations are AWS's operations that are not offered, with the reason.
var refusedOperations = map[string]string{
	"ExecuteStatement":      partiQL,
	"BatchExecuteStatement": partiQL,
	"ExecuteTransaction":    partiQL,
}

const partiQL = "The local AWS does not run PartiQL statements: use GetItem, PutItem, UpdateItem, DeleteItem, Query or TransactWriteItems"

func refused() []awswire.Operation {
	var all []awswire.Operation
	for name, reason := range refusedOperations {
		all = append(all, awswire.Op(name, nil, func(context.Context, *nothing) (*nothing, error) {
			return nil, awswire.Errorf("UnsupportedOperationException", "%s", reason)
		}))
	}
	return all
}
