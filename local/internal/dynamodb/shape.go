package dynamodb

// This file defines what the operations on items take and answer. Fields stand
// in the order in which AWS checks them.

import (
	"github.com/go-json-experiment/json/jsontext"
)

type getItemInput struct {
	ReturnConsumedCapacity   *string  `aws:"enum=INDEXES|TOTAL|NONE"`
	AttributesToGet          []string `aws:"min=1"`
	TableName                *string  `aws:"required,table"`
	Key                      *item    `aws:"required"`
	ConsistentRead           bool
	ProjectionExpression     *string
	ExpressionAttributeNames entries[string]
}

type getItemOutput struct {
	Item             *item             `json:",omitzero"`
	ConsumedCapacity *consumedCapacity `json:",omitzero"`
}

// expectedAttributeValue is a legacy condition on one attribute.
type expectedAttributeValue struct {
	Value              *attribute
	Exists             *bool
	ComparisonOperator *string `aws:"enum=IN|NULL|BETWEEN|LT|NOT_CONTAINS|EQ|GT|NOT_NULL|NE|LE|BEGINS_WITH|GE|CONTAINS"`
	AttributeValueList []attribute
}

// condition is a legacy condition of a query or scan.
type condition struct {
	ComparisonOperator *string `aws:"required,enum=IN|NULL|BETWEEN|LT|NOT_CONTAINS|EQ|GT|NOT_NULL|NE|LE|BEGINS_WITH|GE|CONTAINS"`
	AttributeValueList []attribute
}

// attributeValueUpdate is a legacy update of one attribute.
type attributeValueUpdate struct {
	Value  *attribute
	Action *string `aws:"enum=DELETE|ADD|PUT"`
}

type putItemInput struct {
	ReturnConsumedCapacity              *string `aws:"enum=INDEXES|TOTAL|NONE"`
	TableName                           *string `aws:"required,table"`
	Item                                *item   `aws:"required"`
	ReturnValues                        *string `aws:"enum=ALL_NEW|UPDATED_OLD|ALL_OLD|NONE|UPDATED_NEW"`
	ReturnItemCollectionMetrics         *string `aws:"enum=SIZE|NONE"`
	ReturnValuesOnConditionCheckFailure *string `aws:"enum=ALL_OLD|NONE"`
	ConditionalOperator                 *string `aws:"enum=OR|AND"`
	Expected                            entries[expectedAttributeValue]
	ConditionExpression                 *string
	ExpressionAttributeNames            entries[string]
	ExpressionAttributeValues           entries[attribute]
}

type deleteItemInput struct {
	ReturnConsumedCapacity              *string `aws:"enum=INDEXES|TOTAL|NONE"`
	TableName                           *string `aws:"required,table"`
	ReturnItemCollectionMetrics         *string `aws:"enum=SIZE|NONE"`
	ReturnValues                        *string `aws:"enum=ALL_NEW|UPDATED_OLD|ALL_OLD|NONE|UPDATED_NEW"`
	ReturnValuesOnConditionCheckFailure *string `aws:"enum=ALL_OLD|NONE"`
	ConditionalOperator                 *string `aws:"enum=OR|AND"`
	Key                                 *item   `aws:"required"`
	Expected                            entries[expectedAttributeValue]
	ConditionExpression                 *string
	ExpressionAttributeNames            entries[string]
	ExpressionAttributeValues           entries[attribute]
}

type updateItemInput struct {
	ReturnConsumedCapacity              *string `aws:"enum=INDEXES|TOTAL|NONE"`
	TableName                           *string `aws:"required,table"`
	ReturnItemCollectionMetrics         *string `aws:"enum=SIZE|NONE"`
	ReturnValues                        *string `aws:"enum=ALL_NEW|UPDATED_OLD|ALL_OLD|NONE|UPDATED_NEW"`
	ReturnValuesOnConditionCheckFailure *string `aws:"enum=ALL_OLD|NONE"`
	ConditionalOperator                 *string `aws:"enum=OR|AND"`
	Key                                 *item   `aws:"required"`
	AttributeUpdates                    entries[attributeValueUpdate]
	Expected                            entries[expectedAttributeValue]
	UpdateExpression                    *string
	ConditionExpression                 *string
	ExpressionAttributeNames            entries[string]
	ExpressionAttributeValues           entries[attribute]
}

// writeOutput answers PutItem, UpdateItem and DeleteItem.
type writeOutput struct {
	Attributes            *item                  `json:",omitzero"`
	ConsumedCapacity      *consumedCapacity      `json:",omitzero"`
	ItemCollectionMetrics *itemCollectionMetrics `json:",omitzero"`
}

type capacity struct {
	CapacityUnits      float64
	ReadCapacityUnits  float64 `json:",omitzero"`
	WriteCapacityUnits float64 `json:",omitzero"`
}

type consumedCapacity struct {
	TableName              string
	CapacityUnits          float64
	ReadCapacityUnits      float64              `json:",omitzero"`
	WriteCapacityUnits     float64              `json:",omitzero"`
	Table                  *capacity            `json:",omitzero"`
	LocalSecondaryIndexes  map[string]*capacity `json:",omitempty"`
	GlobalSecondaryIndexes map[string]*capacity `json:",omitempty"`
}

type itemCollectionMetrics struct {
	ItemCollectionKey   *item
	SizeEstimateRangeGB [2]float64
}

type queryInput struct {
	Select                    *string `aws:"enum=SPECIFIC_ATTRIBUTES|COUNT|ALL_ATTRIBUTES|ALL_PROJECTED_ATTRIBUTES"`
	IndexName                 *string `aws:"name"`
	ReturnConsumedCapacity    *string `aws:"enum=INDEXES|TOTAL|NONE"`
	QueryFilter               entries[condition]
	TableName                 *string  `aws:"required,table"`
	ConditionalOperator       *string  `aws:"enum=OR|AND"`
	AttributesToGet           []string `aws:"min=1"`
	Limit                     *int32   `aws:"min=1"`
	KeyConditions             entries[condition]
	ConsistentRead            bool
	ScanIndexForward          *bool
	ExclusiveStartKey         *item
	ProjectionExpression      *string
	FilterExpression          *string
	KeyConditionExpression    *string
	ExpressionAttributeNames  entries[string]
	ExpressionAttributeValues entries[attribute]
}

type scanInput struct {
	Select                    *string `aws:"enum=SPECIFIC_ATTRIBUTES|COUNT|ALL_ATTRIBUTES|ALL_PROJECTED_ATTRIBUTES"`
	IndexName                 *string `aws:"name"`
	TotalSegments             *int32  `aws:"min=1,max=1000000"`
	ReturnConsumedCapacity    *string `aws:"enum=INDEXES|TOTAL|NONE"`
	TableName                 *string `aws:"required,table"`
	ConditionalOperator       *string `aws:"enum=OR|AND"`
	ScanFilter                entries[condition]
	Segment                   *int32   `aws:"min=0,max=999999"`
	Limit                     *int32   `aws:"min=1"`
	AttributesToGet           []string `aws:"min=1"`
	ConsistentRead            bool
	ExclusiveStartKey         *item
	ProjectionExpression      *string
	FilterExpression          *string
	ExpressionAttributeNames  entries[string]
	ExpressionAttributeValues entries[attribute]
}

// pageOutput answers Query and Scan.
type pageOutput struct {
	Items            []*item `json:",omitzero"`
	Count            int
	ScannedCount     int
	LastEvaluatedKey *item             `json:",omitzero"`
	ConsumedCapacity *consumedCapacity `json:",omitzero"`
}

type keysAndAttributes struct {
	Keys                     []item   `aws:"required,min=1,max=100"`
	AttributesToGet          []string `aws:"min=1"`
	ConsistentRead           bool
	ProjectionExpression     *string
	ExpressionAttributeNames entries[string]
}

type batchGetItemInput struct {
	ReturnConsumedCapacity *string                    `aws:"enum=INDEXES|TOTAL|NONE"`
	RequestItems           entries[keysAndAttributes] `aws:"required,min=1,max=100,namekeys"`
}

// answers is a map of answers that keeps the order of the request.
type answers[T any] []entry[T]

type batchGetItemOutput struct {
	Responses        answers[[]*item]
	UnprocessedKeys  answers[*unprocessedKeys]
	ConsumedCapacity []*consumedCapacity `json:",omitempty"`
}

// unprocessedKeys is what of a batch was left for the next.
type unprocessedKeys struct {
	Keys                     []*item
	AttributesToGet          []string        `json:",omitempty"`
	ConsistentRead           bool            `json:",omitzero"`
	ProjectionExpression     *string         `json:",omitzero"`
	ExpressionAttributeNames answers[string] `json:",omitempty"`
}

type putRequest struct {
	Item *item `aws:"required"`
}

type deleteRequest struct {
	Key *item `aws:"required"`
}

type writeRequest struct {
	DeleteRequest *deleteRequest
	PutRequest    *putRequest
}

type batchWriteItemInput struct {
	ReturnConsumedCapacity      *string                 `aws:"enum=INDEXES|TOTAL|NONE"`
	ReturnItemCollectionMetrics *string                 `aws:"enum=SIZE|NONE"`
	RequestItems                entries[[]writeRequest] `aws:"required,min=1,max=25,namekeys,elements=1-25"`
}

type batchWriteItemOutput struct {
	UnprocessedItems      answers[*item]
	ItemCollectionMetrics answers[[]*itemCollectionMetrics] `json:",omitempty"`
	ConsumedCapacity      []*consumedCapacity               `json:",omitempty"`
}

// MarshalJSONTo writes a JSON object.
func (a answers[T]) MarshalJSONTo(enc *jsontext.Encoder) error {
	if err := enc.WriteToken(jsontext.BeginObject); err != nil {
		return err
	}
	for _, x := range a {
		if err := enc.WriteToken(jsontext.String(x.Name)); err != nil {
			return err
		}
		if err := writeJSON(enc, x.Value); err != nil {
			return err
		}
	}
	return enc.WriteToken(jsontext.EndObject)
}
