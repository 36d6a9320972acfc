package dynamodb

// This file defines the table of operations.
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB.html

import (
	"encoding/base64"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/dynamodb/expr"
)

// API lists the operations of DynamoDB.
func (s *Service) API() awswire.Service {
	return awswire.Service{
		Name: "dynamodb", Protocol: awswire.JSON10, Target: "DynamoDB_20120810", Namespace: "com.amazonaws.dynamodb.v20120810",
		Operations: append(s.itemOperations(), s.tableOperations()...),
	}
}

func (s *Service) itemOperations() []awswire.Operation {
	return []awswire.Operation{
		op("GetItem", func(in *getItemInput) []awswire.Access { return s.accessToItems("GetItem", in.TableName, in.Key) }, s.getItem),
		op("PutItem", func(in *putItemInput) []awswire.Access { return s.accessToItems("PutItem", in.TableName, in.Item) }, s.putItem),
		op("UpdateItem", func(in *updateItemInput) []awswire.Access {
			return s.accessToItems("UpdateItem", in.TableName, in.Key)
		}, s.updateItem),
		op("DeleteItem", func(in *deleteItemInput) []awswire.Access {
			return s.accessToItems("DeleteItem", in.TableName, in.Key)
		}, s.deleteItem),
		op("Query", func(in *queryInput) []awswire.Access { return s.accessToIndex("Query", in.TableName, in.IndexName) }, s.query),
		op("Scan", func(in *scanInput) []awswire.Access { return s.accessToIndex("Scan", in.TableName, in.IndexName) }, s.scan),
		op("BatchGetItem", s.accessToBatchGet, s.batchGetItem),
		op("BatchWriteItem", s.accessToBatchWrite, s.batchWriteItem),
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
		op("PutResourcePolicy", func(in *putResourcePolicyInput) []awswire.Access {
			return accessToARN("PutResourcePolicy", in.ResourceArn)
		}, s.putResourcePolicy),
		op("GetResourcePolicy", func(in *resourcePolicyInput) []awswire.Access {
			return accessToARN("GetResourcePolicy", in.ResourceArn)
		}, s.getResourcePolicy),
		op("DeleteResourcePolicy", func(in *resourcePolicyInput) []awswire.Access {
			return accessToARN("DeleteResourcePolicy", in.ResourceArn)
		}, s.deleteResourcePolicy),
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

// accessToItems is accessTo with the condition key dynamodb:LeadingKeys: the
// partition keys of the items.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
func (s *Service) accessToItems(action string, table *string, items ...*item) []awswire.Access {
	all := s.accessTo(action, table)
	s.mu.RLock()
	t, err := s.tableNamed(deref(table))
	s.mu.RUnlock()
	if err != nil {
		return all
	}
	var keys []string
	for _, i := range items {
		if i != nil {
			v, _ := i.Map.Get(t.key[0].Name)
			keys = append(keys, leadingKey(v))
		}
	}
	all[0].Context = map[string][]string{"dynamodb:LeadingKeys": keys}
	return all
}

func leadingKey(v expr.Value) string {
	switch v := v.(type) {
	case expr.String:
		return string(v)
	case expr.Number:
		return string(v)
	case expr.Binary:
		return base64.StdEncoding.EncodeToString([]byte(v))
	}
	return ""
}

func (s *Service) accessToBatchGet(in *batchGetItemInput) []awswire.Access {
	var all []awswire.Access
	for i := range in.RequestItems {
		var keys []*item
		for j := range in.RequestItems[i].Value.Keys {
			keys = append(keys, &in.RequestItems[i].Value.Keys[j])
		}
		all = append(all, s.accessToItems("BatchGetItem", &in.RequestItems[i].Name, keys...)...)
	}
	return all
}

func (s *Service) accessToBatchWrite(in *batchWriteItemInput) []awswire.Access {
	var all []awswire.Access
	for i := range in.RequestItems {
		var items []*item
		for _, r := range in.RequestItems[i].Value {
			switch {
			case r.PutRequest != nil:
				items = append(items, r.PutRequest.Item)
			case r.DeleteRequest != nil:
				items = append(items, r.DeleteRequest.Key)
			}
		}
		all = append(all, s.accessToItems("BatchWriteItem", &in.RequestItems[i].Name, items...)...)
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
			all = append(all, s.accessToItems("ConditionCheckItem", t.ConditionCheck.TableName, t.ConditionCheck.Key)...)
		case t.Put != nil:
			all = append(all, s.accessToItems("PutItem", t.Put.TableName, t.Put.Item)...)
		case t.Delete != nil:
			all = append(all, s.accessToItems("DeleteItem", t.Delete.TableName, t.Delete.Key)...)
		case t.Update != nil:
			all = append(all, s.accessToItems("UpdateItem", t.Update.TableName, t.Update.Key)...)
		}
	}
	return all
}

func (s *Service) accessToGets(in *transactGetItemsInput) []awswire.Access {
	var all []awswire.Access
	for _, t := range in.TransactItems {
		if t.Get != nil {
			all = append(all, s.accessToItems("GetItem", t.Get.TableName, t.Get.Key)...)
		}
	}
	return all
}
