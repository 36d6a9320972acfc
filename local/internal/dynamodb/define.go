package dynamodb

// This file defines what a table's definition must be like, in AWS's order and
// words.

import (
	"slices"
	"strings"
)

// maxUnits is the most capacity that can be asked for.
const maxUnits = 1_000_000_000_000

// The limits of indexes.
const (
	maxLocal     = 5
	maxGlobal    = 20
	maxProjected = 100 // attributes of all INCLUDE projections together
)

// beforeConstraints is implemented by shapes with checks that come first.
type beforeConstraints interface{ first() error }

// checkTableName is how the operations on tables check the name.
func checkTableName(name *string) error {
	switch {
	case name == nil:
		return invalid("The parameter 'TableName' is required but was not present in the request")
	case strings.HasPrefix(*name, "arn:"):
		return nil
	case len(*name) < 3 || len(*name) > 255:
		return invalid("TableName must be at least 3 characters long and at most 255 characters long")
	}
	return nil
}

func (in *createTableInput) first() error {
	if in.TableName == nil {
		return checkTableName(nil)
	}
	return nil // the constraints say the rest
}

func (in *updateTableInput) first() error        { return checkTableName(in.TableName) }
func (in *deleteTableInput) first() error        { return checkTableName(in.TableName) }
func (in *describeTableInput) first() error      { return checkTableName(in.TableName) }
func (in *describeTimeToLiveInput) first() error { return checkTableName(in.TableName) }

// check checks a definition.
func (in *createTableInput) check() error {
	if err := checkThroughput(deref(in.BillingMode), in.ProvisionedThroughput); err != nil {
		return err
	}
	if err := checkKeySchema(in.KeySchema, in.AttributeDefinitions); err != nil {
		return err
	}
	if err := in.checkLocal(); err != nil {
		return err
	}
	if err := in.checkGlobal(); err != nil {
		return err
	}
	if err := in.checkIndexNames(); err != nil {
		return err
	}
	if err := in.checkUsed(); err != nil {
		return err
	}
	return checkStreamSpecification(in.StreamSpecification)
}

func checkThroughput(billing string, t *provisionedThroughput) error {
	switch {
	case billing == "PAY_PER_REQUEST" && t != nil:
		return invalidValues("Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST")
	case billing != "PAY_PER_REQUEST" && t == nil:
		return invalidValues("ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED")
	}
	return checkUnits(t)
}

func checkUnits(t *provisionedThroughput) error {
	switch {
	case t == nil:
	case *t.ReadCapacityUnits > maxUnits:
		return invalid("Given value %d for ReadCapacityUnits is out of bounds", *t.ReadCapacityUnits)
	case *t.WriteCapacityUnits > maxUnits:
		return invalid("Given value %d for WriteCapacityUnits is out of bounds", *t.WriteCapacityUnits)
	}
	return nil
}

func keyNames(schema []keySchemaElement) []string {
	var names []string
	for _, e := range schema {
		names = append(names, e.AttributeName)
	}
	return names
}

func definedNames(definitions []attributeDefinition) []string {
	var names []string
	for _, d := range definitions {
		names = append(names, d.AttributeName)
	}
	return names
}

func allDefined(schema []keySchemaElement, definitions []attributeDefinition) bool {
	defined := definedNames(definitions)
	return !slices.ContainsFunc(schema, func(e keySchemaElement) bool { return !slices.Contains(defined, e.AttributeName) })
}

func bracketed(names []string) string { return "[" + strings.Join(names, ", ") + "]" }

func checkKeySchema(schema []keySchemaElement, definitions []attributeDefinition) error {
	if !allDefined(schema, definitions) {
		if len(schema) > 1 {
			return invalid("Invalid KeySchema: Some index key attribute have no definition")
		}
		return undefinedKeys(schema, definitions)
	}
	return checkKeyTypes(schema)
}

func undefinedKeys(schema []keySchemaElement, definitions []attributeDefinition) error {
	return invalidValues("Some index key attributes are not defined in AttributeDefinitions. Keys: %s, AttributeDefinitions: %s", bracketed(keyNames(schema)), bracketed(definedNames(definitions)))
}

func checkKeyTypes(schema []keySchemaElement) error {
	switch {
	case len(schema) > 1 && schema[0].AttributeName == schema[1].AttributeName:
		return invalid("Both the Hash Key and the Range Key element in the KeySchema have the same name")
	case schema[0].KeyType != "HASH":
		return invalid("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
	case len(schema) > 1 && schema[1].KeyType != "RANGE":
		return invalid("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
	}
	return nil
}

func (in *createTableInput) checkLocal() error {
	if in.LocalSecondaryIndexes == nil {
		return nil
	}
	if len(in.LocalSecondaryIndexes) == 0 {
		return invalidValues("List of LocalSecondaryIndexes is empty")
	}
	if len(in.KeySchema) < 2 {
		return invalidValues("Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex")
	}
	for _, x := range in.LocalSecondaryIndexes {
		if err := in.checkLocalIndex(x); err != nil {
			return err
		}
	}
	if len(in.LocalSecondaryIndexes) > maxLocal {
		return invalidValues("Number of LocalSecondaryIndexes exceeds per-table limit of %d", maxLocal)
	}
	return nil
}

func (in *createTableInput) checkLocalIndex(x localSecondaryIndex) error {
	if !allDefined(x.KeySchema, in.AttributeDefinitions) {
		return undefinedKeys(x.KeySchema, in.AttributeDefinitions)
	}
	if err := checkKeyTypes(x.KeySchema); err != nil {
		return err
	}
	hash := in.KeySchema[0].AttributeName
	switch {
	case len(x.KeySchema) < 2:
		return invalidValues("Index KeySchema does not have a range key for index: %s", x.IndexName)
	case x.KeySchema[0].AttributeName != hash:
		return invalidValues("Index KeySchema does not have the same leading hash key as table KeySchema for index: %s. index hash key: %s, table hash key: %s", x.IndexName, x.KeySchema[0].AttributeName, hash)
	}
	return checkProjection(x.Projection)
}

func checkProjection(p *projection) error {
	kind := deref(p.ProjectionType)
	switch {
	case kind == "":
		return invalidValues("Unknown ProjectionType: null")
	case kind == "INCLUDE" && p.NonKeyAttributes == nil:
		return invalidValues("ProjectionType is INCLUDE, but NonKeyAttributes is not specified")
	case kind != "INCLUDE" && p.NonKeyAttributes != nil:
		return invalidValues("ProjectionType is %s, but NonKeyAttributes is specified", kind)
	}
	return nil
}

func (in *createTableInput) checkGlobal() error {
	if in.GlobalSecondaryIndexes == nil {
		return nil
	}
	if len(in.GlobalSecondaryIndexes) == 0 {
		return invalidValues("List of GlobalSecondaryIndexes is empty")
	}
	for _, x := range in.GlobalSecondaryIndexes {
		if err := x.check(in.AttributeDefinitions, deref(in.BillingMode) == "PAY_PER_REQUEST"); err != nil {
			return err
		}
	}
	if len(in.GlobalSecondaryIndexes) > maxGlobal {
		return invalidValues("GlobalSecondaryIndex count exceeds the per-table limit of %d", maxGlobal)
	}
	return nil
}

func (x *globalSecondaryIndex) check(definitions []attributeDefinition, payPerRequest bool) error {
	switch {
	case !allDefined(x.KeySchema, definitions):
		return undefinedKeys(x.KeySchema, definitions)
	case payPerRequest && x.ProvisionedThroughput != nil:
		return invalidValues("ProvisionedThroughput should not be specified for index: %s when BillingMode is PAY_PER_REQUEST", x.IndexName)
	case !payPerRequest && x.ProvisionedThroughput == nil:
		return invalidValues("ProvisionedThroughput must be specified for index: %s", x.IndexName)
	}
	if err := checkUnits(x.ProvisionedThroughput); err != nil {
		return err
	}
	if err := checkKeyTypes(x.KeySchema); err != nil {
		return err
	}
	return checkProjection(x.Projection)
}

func (in *createTableInput) checkIndexNames() error {
	seen := map[string]bool{}
	projected := 0
	check := func(name string, p *projection) error {
		if seen[name] {
			return invalidValues("Duplicate index name: %s", name)
		}
		seen[name] = true
		if projected += len(p.NonKeyAttributes); projected > maxProjected {
			return invalidValues("Number of NonKeyAttributes of all indexes exceeds the per-table limit of %d", maxProjected)
		}
		return nil
	}
	for _, x := range in.LocalSecondaryIndexes {
		if err := check(x.IndexName, x.Projection); err != nil {
			return err
		}
	}
	for _, x := range in.GlobalSecondaryIndexes {
		if err := check(x.IndexName, x.Projection); err != nil {
			return err
		}
	}
	return nil
}

// checkUsed refuses definitions of attributes that no key uses.
func (in *createTableInput) checkUsed() error {
	used := keyNames(in.KeySchema)
	for _, x := range in.LocalSecondaryIndexes {
		used = append(used, keyNames(x.KeySchema)...)
	}
	for _, x := range in.GlobalSecondaryIndexes {
		used = append(used, keyNames(x.KeySchema)...)
	}
	slices.Sort(used)
	used = slices.Compact(used)
	switch {
	case len(used) == len(in.AttributeDefinitions):
		return nil
	case in.LocalSecondaryIndexes == nil && in.GlobalSecondaryIndexes == nil:
		return invalidValues("Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions")
	}
	return invalidValues("Some AttributeDefinitions are not used. AttributeDefinitions: %s, keys used: %s", bracketed(definedNames(in.AttributeDefinitions)), bracketed(used))
}

func checkStreamSpecification(s *streamSpecification) error {
	switch {
	case s == nil:
	case s.StreamEnabled && s.StreamViewType == nil:
		return invalidValues("StreamViewType must be specified when StreamEnabled is true")
	case !s.StreamEnabled && s.StreamViewType != nil:
		return invalidValues("StreamViewType cannot be specified when StreamEnabled is false")
	}
	return nil
}
