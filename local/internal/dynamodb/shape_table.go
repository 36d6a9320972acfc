package dynamodb

// This file defines what the operations on tables take and answer. The same
// structures serve requests, answers and the store.

import (
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/stepworks/stepworks/local/internal/awswire"
)

type attributeDefinition struct {
	AttributeName string `aws:"required,min=1,max=255"`
	AttributeType string `aws:"required,enum=B|N|S"`
}

type keySchemaElement struct {
	AttributeName string `aws:"required,min=1,max=255"`
	KeyType       string `aws:"required,enum=HASH|RANGE"`
}

type projection struct {
	ProjectionType   *string  `aws:"enum=ALL|INCLUDE|KEYS_ONLY" json:",omitzero"`
	NonKeyAttributes []string `aws:"min=1,max=20" json:",omitempty"`
}

type provisionedThroughput struct {
	WriteCapacityUnits *int64 `aws:"required,min=1"`
	ReadCapacityUnits  *int64 `aws:"required,min=1"`
}

type onDemandThroughput struct {
	MaxReadRequestUnits  *int64 `json:",omitzero"`
	MaxWriteRequestUnits *int64 `json:",omitzero"`
}

type warmThroughput struct {
	ReadUnitsPerSecond  *int64
	WriteUnitsPerSecond *int64
	Status              string `json:",omitempty"`
}

type localSecondaryIndex struct {
	IndexName  string             `aws:"required,name"`
	KeySchema  []keySchemaElement `aws:"required,min=1,max=2"`
	Projection *projection        `aws:"required"`
}

type globalSecondaryIndex struct {
	IndexName             string                 `aws:"required,name"`
	KeySchema             []keySchemaElement     `aws:"required,min=1,max=2"`
	Projection            *projection            `aws:"required"`
	ProvisionedThroughput *provisionedThroughput `json:",omitzero"`
	OnDemandThroughput    *onDemandThroughput    `json:",omitzero"`
	WarmThroughput        *warmThroughput        `json:",omitzero"`
}

type streamSpecification struct {
	StreamEnabled  bool
	StreamViewType *string `aws:"enum=NEW_IMAGE|OLD_IMAGE|NEW_AND_OLD_IMAGES|KEYS_ONLY" json:",omitzero"`
}

type sseSpecification struct {
	Enabled        *bool   `json:",omitzero"`
	SSEType        *string `aws:"enum=AES256|KMS" json:",omitzero"`
	KMSMasterKeyId *string `json:",omitzero"`
}

type tag struct {
	Key   string `aws:"required,min=1,max=128"`
	Value string `aws:"max=256"`
}

type createTableInput struct {
	AttributeDefinitions      []attributeDefinition `aws:"required"`
	BillingMode               *string               `aws:"enum=PROVISIONED|PAY_PER_REQUEST"`
	ProvisionedThroughput     *provisionedThroughput
	TableName                 *string            `aws:"name"`
	KeySchema                 []keySchemaElement `aws:"required,min=1,max=2"`
	LocalSecondaryIndexes     []localSecondaryIndex
	GlobalSecondaryIndexes    []globalSecondaryIndex
	StreamSpecification       *streamSpecification
	SSESpecification          *sseSpecification
	Tags                      []tag
	TableClass                *string `aws:"enum=STANDARD|STANDARD_INFREQUENT_ACCESS"`
	DeletionProtectionEnabled *bool
	OnDemandThroughput        *onDemandThroughput
	WarmThroughput            *warmThroughput
	ResourcePolicy            *string
}

type createTableOutput struct{ TableDescription *tableDescription }

type describeTableInput struct {
	TableName *string `aws:"name"`
}

type describeTableOutput struct{ Table *tableDescription }

type deleteTableInput struct {
	TableName *string `aws:"name"`
}

type listTablesInput struct {
	Limit                   *int32  `aws:"min=1,max=100"`
	ExclusiveStartTableName *string `aws:"name"`
}

type listTablesOutput struct {
	TableNames             []string
	LastEvaluatedTableName *string `json:",omitzero"`
}

type updateGlobalSecondaryIndexAction struct {
	IndexName             string                 `aws:"required,name"`
	ProvisionedThroughput *provisionedThroughput `aws:"required"`
	OnDemandThroughput    *onDemandThroughput
	WarmThroughput        *warmThroughput
}

type deleteGlobalSecondaryIndexAction struct {
	IndexName string `aws:"required,name"`
}

type globalSecondaryIndexUpdate struct {
	Update *updateGlobalSecondaryIndexAction
	Create *globalSecondaryIndex
	Delete *deleteGlobalSecondaryIndexAction
}

func (globalSecondaryIndex) class() string { return classPrefix + "GlobalSecondaryIndex" }

type replicationGroupUpdate struct{ Any *string }

type updateTableInput struct {
	AttributeDefinitions        []attributeDefinition
	BillingMode                 *string `aws:"enum=PROVISIONED|PAY_PER_REQUEST"`
	ProvisionedThroughput       *provisionedThroughput
	TableName                   *string `aws:"name"`
	GlobalSecondaryIndexUpdates []globalSecondaryIndexUpdate
	StreamSpecification         *streamSpecification
	SSESpecification            *sseSpecification
	ReplicaUpdates              []replicationGroupUpdate
	TableClass                  *string `aws:"enum=STANDARD|STANDARD_INFREQUENT_ACCESS"`
	DeletionProtectionEnabled   *bool
	OnDemandThroughput          *onDemandThroughput
	WarmThroughput              *warmThroughput
}

type throughputDescription struct {
	LastIncreaseDateTime   *awswire.Time `json:",omitzero"`
	LastDecreaseDateTime   *awswire.Time `json:",omitzero"`
	NumberOfDecreasesToday int64
	ReadCapacityUnits      int64
	WriteCapacityUnits     int64
}

type indexDescription struct {
	IndexName             string
	KeySchema             []keySchemaElement
	Projection            *projection
	IndexStatus           string                 `json:",omitempty"` // global ones
	ProvisionedThroughput *throughputDescription `json:",omitzero"`
	IndexSizeBytes        int64
	ItemCount             int64
	IndexArn              string
	OnDemandThroughput    *onDemandThroughput `json:",omitzero"`
	WarmThroughput        *warmThroughput     `json:",omitzero"`
}

type billingModeSummary struct {
	BillingMode                       string
	LastUpdateToPayPerRequestDateTime *awswire.Time `json:",omitzero"`
}

type sseDescription struct {
	Status          string
	SSEType         string
	KMSMasterKeyArn string
}

type tableClassSummary struct{ TableClass string }

type tableDescription struct {
	AttributeDefinitions      []attributeDefinition `json:",omitempty"`
	TableName                 string
	KeySchema                 []keySchemaElement `json:",omitempty"`
	TableStatus               string
	CreationDateTime          awswire.Time
	ProvisionedThroughput     *throughputDescription
	TableSizeBytes            int64
	ItemCount                 int64
	TableArn                  string
	TableId                   string
	BillingModeSummary        *billingModeSummary  `json:",omitzero"`
	LocalSecondaryIndexes     []*indexDescription  `json:",omitempty"`
	GlobalSecondaryIndexes    []*indexDescription  `json:",omitempty"`
	StreamSpecification       *streamSpecification `json:",omitzero"`
	LatestStreamLabel         string               `json:",omitempty"`
	LatestStreamArn           string               `json:",omitempty"`
	SSEDescription            *sseDescription      `json:",omitzero"`
	TableClassSummary         *tableClassSummary   `json:",omitzero"`
	DeletionProtectionEnabled bool
	OnDemandThroughput        *onDemandThroughput `json:",omitzero"`
	WarmThroughput            *warmThroughput     `json:",omitzero"`
}

// timeAt returns t as a member that may be absent.
func timeAt(t time.Time) *awswire.Time {
	if t.IsZero() {
		return nil
	}
	at := awswire.At(t)
	return &at
}

func writeJSON(enc *jsontext.Encoder, v any) error { return json.MarshalEncode(enc, v) }
