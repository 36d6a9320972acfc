package dynamodb

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/stepworks/stepworks/local/internal/store"
)

func TestTablesSurvive(t *testing.T) {
	st := store.Memory()
	t.Cleanup(func() { st.Close() })
	w := newWorldOn(t, st, testStart)
	w.create("orders", false, byCustomer)
	w.put("orders", object{"pk": "o1", "customer": "ada", "created": "2026", "total": 1})

	w = newWorldOn(t, st, testStart)
	w.put("orders", object{"pk": "o2", "customer": "ada", "created": "2027"})
	d, err := w.db.DescribeTable(w.Context(), &ddb.DescribeTableInput{TableName: aws.String("orders")})
	w.must(err)
	w.expect(int64(2), *d.Table.ItemCount)
	w.expect("ACTIVE ByCustomer", fmt.Sprint(d.Table.TableStatus, " ", *d.Table.GlobalSecondaryIndexes[0].IndexName))
	w.expect(2, w.countOf("orders", "ByCustomer", "customer"))

	_, err = w.db.DeleteTable(w.Context(), &ddb.DeleteTableInput{TableName: aws.String("orders")})
	w.must(err)
	w.create("orders", false) // a new table under the old name is empty
	w.expect(object(nil), w.get("orders", object{"pk": "o1"}))
}

// countOf counts ada's items through an index.
func (w *world) countOf(table, index, key string) int {
	w.Helper()
	out, err := w.db.Query(w.Context(), &ddb.QueryInput{TableName: &table, IndexName: &index, KeyConditionExpression: aws.String(key + " = :v"), ExpressionAttributeValues: av(object{":v": "ada"})})
	w.must(err)
	return int(out.Count)
}

func TestIndexMadeLater(t *testing.T) {
	w := newWorld(t)
	w.create("orders", false)
	for i := 0; i < 1500; i += 25 { // more than one transaction fills
		var batch []types.WriteRequest
		for n := i; n < i+25; n++ {
			batch = append(batch, types.WriteRequest{PutRequest: &types.PutRequest{Item: av(object{"pk": fmt.Sprint(n), "who": []string{"ada", "bob"}[n%2]})}})
		}
		_, err := w.db.BatchWriteItem(w.Context(), &ddb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{"orders": batch}})
		w.must(err)
	}
	update := func(u types.GlobalSecondaryIndexUpdate) error {
		_, err := w.db.UpdateTable(w.Context(), &ddb.UpdateTableInput{TableName: aws.String("orders"), GlobalSecondaryIndexUpdates: []types.GlobalSecondaryIndexUpdate{u},
			AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS}, {AttributeName: aws.String("who"), AttributeType: types.ScalarAttributeTypeS}}})
		return err
	}
	create := types.GlobalSecondaryIndexUpdate{Create: &types.CreateGlobalSecondaryIndexAction{IndexName: aws.String("ByWho"), Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll},
		KeySchema: []types.KeySchemaElement{{AttributeName: aws.String("who"), KeyType: types.KeyTypeHash}}}}
	w.must(update(create))
	w.expect(750, w.countOf("orders", "ByWho", "who"))
	w.refuses("ValidationException", update(create))
	w.put("orders", object{"pk": "0", "who": "bob"})
	w.expect(749, w.countOf("orders", "ByWho", "who"))
	w.must(update(types.GlobalSecondaryIndexUpdate{Delete: &types.DeleteGlobalSecondaryIndexAction{IndexName: aws.String("ByWho")}}))
	_, err := w.db.Query(w.Context(), &ddb.QueryInput{TableName: aws.String("orders"), IndexName: aws.String("ByWho"), KeyConditionExpression: aws.String("who = :v"), ExpressionAttributeValues: av(object{":v": "ada"})})
	w.refuses("ValidationException", err)
}

func TestSettings(t *testing.T) {
	w := newWorld(t)
	w.create("orders", false, func(in *ddb.CreateTableInput) {
		in.DeletionProtectionEnabled = aws.Bool(true)
		in.Tags = []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}}
	})
	_, err := w.db.DeleteTable(w.Context(), &ddb.DeleteTableInput{TableName: aws.String("orders")})
	w.refuses("ValidationException", err)
	_, err = w.db.UpdateTable(w.Context(), &ddb.UpdateTableInput{TableName: aws.String("orders"), DeletionProtectionEnabled: aws.Bool(false)})
	w.must(err)

	arn := "arn:aws:dynamodb:us-east-1:" + testAccount + ":table/orders"
	_, err = w.db.TagResource(w.Context(), &ddb.TagResourceInput{ResourceArn: &arn, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("b")}, {Key: aws.String("stage"), Value: aws.String("dev")}}})
	w.must(err)
	_, err = w.db.UntagResource(w.Context(), &ddb.UntagResourceInput{ResourceArn: &arn, TagKeys: []string{"stage"}})
	w.must(err)
	tags, err := w.db.ListTagsOfResource(w.Context(), &ddb.ListTagsOfResourceInput{ResourceArn: &arn})
	w.must(err)
	w.expect("team=b 1", fmt.Sprintf("%s=%s %d", *tags.Tags[0].Key, *tags.Tags[0].Value, len(tags.Tags)))

	_, err = w.db.UpdateContinuousBackups(w.Context(), &ddb.UpdateContinuousBackupsInput{TableName: aws.String("orders"), PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: aws.Bool(true)}})
	w.must(err)
	backups, err := w.db.DescribeContinuousBackups(w.Context(), &ddb.DescribeContinuousBackupsInput{TableName: aws.String("orders")})
	w.must(err)
	w.expect("ENABLED", backups.ContinuousBackupsDescription.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus)
	const policy = `{"Version":"2012-10-17","Statement":[]}`
	put, err := w.db.PutResourcePolicy(w.Context(), &ddb.PutResourcePolicyInput{ResourceArn: &arn, Policy: aws.String(policy)})
	w.must(err)
	got, err := w.db.GetResourcePolicy(w.Context(), &ddb.GetResourcePolicyInput{ResourceArn: &arn})
	w.must(err)
	w.expect(policy+*put.RevisionId, *got.Policy+*got.RevisionId)
	w.expect(policy, w.service.Policy(arn+"/index/any"))
	_, err = w.db.DeleteResourcePolicy(w.Context(), &ddb.DeleteResourcePolicyInput{ResourceArn: &arn, ExpectedRevisionId: aws.String("other")})
	w.refuses("PolicyNotFoundException", err)
	_, err = w.db.DeleteResourcePolicy(w.Context(), &ddb.DeleteResourcePolicyInput{ResourceArn: &arn})
	w.must(err)
	_, err = w.db.GetResourcePolicy(w.Context(), &ddb.GetResourcePolicyInput{ResourceArn: &arn})
	w.refuses("PolicyNotFoundException", err)
	_, err = w.db.DescribeLimits(w.Context(), &ddb.DescribeLimitsInput{})
	w.must(err)
	_, err = w.db.DescribeEndpoints(w.Context(), &ddb.DescribeEndpointsInput{})
	w.must(err)
	ttl, err := w.db.DescribeTimeToLive(w.Context(), &ddb.DescribeTimeToLiveInput{TableName: aws.String("orders")})
	w.must(err)
	w.expect(types.TimeToLiveStatusDisabled, ttl.TimeToLiveDescription.TimeToLiveStatus)
	list, err := w.db.ListTables(w.Context(), &ddb.ListTablesInput{})
	w.must(err)
	w.expect([]string{"orders"}, list.TableNames)
}

func TestRefusals(t *testing.T) {
	w := newWorld(t)
	w.create("orders", false)
	_, err := w.db.ExecuteStatement(w.Context(), &ddb.ExecuteStatementInput{Statement: aws.String("SELECT * FROM orders")})
	w.refuses("UnknownOperationException", err)
	_, err = w.db.CreateBackup(w.Context(), &ddb.CreateBackupInput{TableName: aws.String("orders"), BackupName: aws.String("now")})
	w.refuses("UnknownOperationException", err)
	_, err = w.db.PutItem(w.Context(), &ddb.PutItemInput{TableName: aws.String("nowhere"), Item: av(object{"pk": "a"})})
	w.refuses("ResourceNotFoundException", err)
	_, err = w.db.CreateTable(w.Context(), &ddb.CreateTableInput{TableName: aws.String("orders"), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS}}, KeySchema: []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash}}})
	w.refuses("ResourceInUseException", err)
}

func TestThroughput(t *testing.T) {
	w := newWorld(t)
	w.create("orders", false)
	set := func(mode types.BillingMode, read, write int64) error {
		in := &ddb.UpdateTableInput{TableName: aws.String("orders"), BillingMode: mode}
		if read > 0 {
			in.ProvisionedThroughput = &types.ProvisionedThroughput{ReadCapacityUnits: &read, WriteCapacityUnits: &write}
		}
		_, err := w.db.UpdateTable(w.Context(), in)
		return err
	}
	w.refuses("ValidationException", set("", 5, 5))
	w.refuses("ValidationException", set(types.BillingModeProvisioned, 0, 0))
	w.must(set(types.BillingModeProvisioned, 5, 6))
	w.refuses("ValidationException", set("", 5, 6))
	w.must(set("", 7, 1))
	d, err := w.db.DescribeTable(w.Context(), &ddb.DescribeTableInput{TableName: aws.String("orders")})
	w.must(err)
	p := d.Table.ProvisionedThroughput
	w.expect("7 1 true true", fmt.Sprint(*p.ReadCapacityUnits, " ", *p.WriteCapacityUnits, " ", p.LastIncreaseDateTime != nil, " ", p.LastDecreaseDateTime != nil))
	w.must(set(types.BillingModePayPerRequest, 0, 0))
}
