package dynamodb

// This file defines CreateTable, DescribeTable, ListTables and DeleteTable.

import (
	"context"
	"slices"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/store"
)

func (s *Service) createTable(_ context.Context, in *createTableInput) (*createTableOutput, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := nameOfTable(*in.TableName)
	if s.tables[name] != nil {
		return nil, inUse("Table already exists: %s", name)
	}
	t, err := s.define(name, in)
	if err != nil {
		return nil, err
	}
	if err := s.Store.Update(func(tx *store.Tx) error {
		t.save(tx)
		s.beginStream(tx, t)
		return nil
	}); err != nil {
		return nil, err
	}
	t.complete(s)
	t.stats.known = true
	s.tables[name] = t
	d := s.describe(t)
	d.TableStatus = "CREATING"
	for _, x := range d.GlobalSecondaryIndexes {
		x.IndexStatus = "CREATING"
	}
	d.withoutLater(in.WarmThroughput != nil)
	return &createTableOutput{d}, nil
}

// define makes a table of a sound request.
func (s *Service) define(name string, in *createTableInput) (t *table, err error) {
	now := s.Clock.Now()
	t = &table{Name: name, ID: newID(), Created: now, Attributes: in.AttributeDefinitions, Keys: in.KeySchema,
		PayPerRequest: deref(in.BillingMode) == "PAY_PER_REQUEST", Local: in.LocalSecondaryIndexes, Global: in.GlobalSecondaryIndexes,
		Tags: in.Tags, Encryption: in.SSESpecification, Class: deref(in.TableClass), Protected: in.DeletionProtectionEnabled != nil && *in.DeletionProtectionEnabled,
		OnDemand: in.OnDemandThroughput, Warm: in.WarmThroughput, Policy: deref(in.ResourcePolicy)}
	if t.PayPerRequest {
		t.PaidSince = now
	} else {
		t.Read, t.Write = *in.ProvisionedThroughput.ReadCapacityUnits, *in.ProvisionedThroughput.WriteCapacityUnits
	}
	if in.StreamSpecification != nil && in.StreamSpecification.StreamEnabled {
		t.Stream = in.StreamSpecification
		t.StreamLabel, err = s.streamLabel(name)
	}
	return t, err
}

// streamLabel names a stream of a table by the time it was made, or by the next
// millisecond that no earlier stream of a table of this name has.
func (s *Service) streamLabel(table string) (label string, err error) {
	err = s.Store.View(func(r store.Reader) error {
		for at := s.Clock.Now(); ; at = at.Add(time.Millisecond) {
			label = at.UTC().Format("2006-01-02T15:04:05.000")
			if _, taken := loadStream(r, s.streamARN(table, label)); !taken {
				return nil
			}
		}
	})
	return label, err
}

// beginStream describes the stream of a table that has just got one.
func (s *Service) beginStream(tx *store.Tx, t *table) {
	if t.Stream == nil {
		return
	}
	st := &stream{ARN: s.streamARN(t.Name, t.StreamLabel), Label: t.StreamLabel, Table: t.Name, View: deref(t.Stream.StreamViewType), Keys: t.Keys, Created: s.Clock.Now()}
	st.save(tx)
}

func (s *Service) describeTable(_ context.Context, in *describeTableInput) (*describeTableOutput, error) {
	t, err := s.counted(*in.TableName)
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return &describeTableOutput{s.describe(t)}, nil
}

// tableToChange is tableNamed in the words of the operations on tables.
func (s *Service) tableToChange(name string) (*table, error) {
	if t, err := s.tableNamed(name); err == nil {
		return t, nil
	}
	return nil, notFound(": Table: %s not found", nameOfTable(name))
}

// counted returns a table whose items have been counted.
func (s *Service) counted(name string) (*table, error) {
	s.mu.RLock()
	t, err := s.tableToChange(name)
	counted := err == nil && t.stats.known
	s.mu.RUnlock()
	if err != nil || counted {
		return t, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return t, s.count(t)
}

// count counts a table's items, while nobody writes.
func (s *Service) count(t *table) error {
	if t.stats.known {
		return nil
	}
	var items, bytes int64
	err := s.Store.View(func(r store.Reader) error {
		for _, text := range r.Scan(t.bucket(), "", "") {
			m, err := decodeItem(text)
			if err != nil {
				return err
			}
			items++
			bytes += int64(m.Size())
		}
		return nil
	})
	t.stats.items.Store(items)
	t.stats.bytes.Store(bytes)
	t.stats.known = err == nil
	return err
}

// describe is what the API says of a table; the caller holds s.mu.
func (s *Service) describe(t *table) *tableDescription {
	d := &tableDescription{AttributeDefinitions: t.Attributes, TableName: t.Name, KeySchema: t.Keys, TableStatus: "ACTIVE",
		CreationDateTime: awswire.At(t.Created), TableArn: t.arn, TableId: t.ID, ItemCount: t.stats.items.Load(), TableSizeBytes: t.stats.bytes.Load(),
		ProvisionedThroughput: &throughputDescription{ReadCapacityUnits: t.Read, WriteCapacityUnits: t.Write, LastIncreaseDateTime: timeAt(t.Increased), LastDecreaseDateTime: timeAt(t.Reduced)},
		StreamSpecification:   t.Stream, LatestStreamLabel: t.StreamLabel, DeletionProtectionEnabled: t.Protected, OnDemandThroughput: t.OnDemand, WarmThroughput: t.warm(t.Warm, t.Read, t.Write)}
	if t.PayPerRequest {
		d.BillingModeSummary = &billingModeSummary{BillingMode: "PAY_PER_REQUEST", LastUpdateToPayPerRequestDateTime: timeAt(t.PaidSince)}
	}
	if t.StreamLabel != "" {
		d.LatestStreamArn = s.streamARN(t.Name, t.StreamLabel)
	}
	if t.Class != "" {
		d.TableClassSummary = &tableClassSummary{t.Class}
	}
	d.SSEDescription = s.encryption(t)
	for _, x := range t.Local {
		d.LocalSecondaryIndexes = append(d.LocalSecondaryIndexes, &indexDescription{IndexName: x.IndexName, KeySchema: x.KeySchema, Projection: x.Projection, IndexArn: t.arn + "/index/" + x.IndexName})
	}
	for _, x := range t.Global {
		d.GlobalSecondaryIndexes = append(d.GlobalSecondaryIndexes, t.describeGlobal(x))
	}
	return d
}

func (t *table) describeGlobal(x globalSecondaryIndex) *indexDescription {
	units := &throughputDescription{}
	if p := x.ProvisionedThroughput; p != nil {
		units.ReadCapacityUnits, units.WriteCapacityUnits = *p.ReadCapacityUnits, *p.WriteCapacityUnits
	}
	return &indexDescription{IndexName: x.IndexName, KeySchema: x.KeySchema, Projection: x.Projection, IndexArn: t.arn + "/index/" + x.IndexName, IndexStatus: "ACTIVE",
		ProvisionedThroughput: units, OnDemandThroughput: x.OnDemandThroughput, WarmThroughput: t.warm(x.WarmThroughput, units.ReadCapacityUnits, units.WriteCapacityUnits)}
}

// The warm throughput of a new on-demand table, as recorded.
const (
	warmReads  = 12000
	warmWrites = 4000
)

func (t *table) warm(asked *warmThroughput, read, write int64) *warmThroughput {
	if t.PayPerRequest {
		read, write = warmReads, warmWrites
	}
	w := &warmThroughput{ReadUnitsPerSecond: &read, WriteUnitsPerSecond: &write, Status: "ACTIVE"}
	if asked != nil && asked.ReadUnitsPerSecond != nil {
		w.ReadUnitsPerSecond = asked.ReadUnitsPerSecond
	}
	if asked != nil && asked.WriteUnitsPerSecond != nil {
		w.WriteUnitsPerSecond = asked.WriteUnitsPerSecond
	}
	return w
}

// encryption describes server-side encryption with a key of the account's; it is
// not performed.
func (s *Service) encryption(t *table) *sseDescription {
	if t.Encryption == nil || t.Encryption.Enabled == nil || !*t.Encryption.Enabled {
		return nil
	}
	key := deref(t.Encryption.KMSMasterKeyId)
	if key == "" {
		key = "arn:aws:kms:" + s.Region + ":" + s.Account + ":key/" + t.ID
	}
	return &sseDescription{Status: "ENABLED", SSEType: "KMS", KMSMasterKeyArn: key}
}

// withoutLater takes away what CreateTable and UpdateTable do not answer, as recorded.
// Warm throughput they answer where it was asked for.
func (d *tableDescription) withoutLater(asked bool) {
	if asked {
		d.WarmThroughput.Status = "UPDATING"
	} else {
		d.WarmThroughput = nil
	}
	if d.BillingModeSummary != nil {
		d.BillingModeSummary = &billingModeSummary{BillingMode: d.BillingModeSummary.BillingMode}
	}
	for _, x := range d.GlobalSecondaryIndexes {
		x.WarmThroughput = nil
	}
}

func (s *Service) listTables(_ context.Context, in *listTablesInput) (*listTablesOutput, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	limit, start := 100, deref(in.ExclusiveStartTableName)
	if in.Limit != nil {
		limit = int(*in.Limit)
	}
	names := []string{}
	for name := range s.tables {
		if name > start {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	out := &listTablesOutput{TableNames: names}
	if len(names) > limit {
		out.TableNames = names[:limit]
		out.LastEvaluatedTableName = &names[limit-1]
	}
	return out, nil
}

func (s *Service) deleteTable(_ context.Context, in *deleteTableInput) (*createTableOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.tableToChange(*in.TableName)
	if err != nil {
		return nil, err
	}
	if t.Protected {
		return nil, invalid("Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.")
	}
	if err := s.Store.Update(func(tx *store.Tx) error {
		tx.Delete(bucketTables, t.Name)
		if t.stream != nil {
			t.stream.close(tx, s.Clock.Now())
		}
		discard(tx, t.buckets()...)
		return nil
	}); err != nil {
		return nil, err
	}
	delete(s.tables, t.Name)
	d := s.describe(t)
	d.TableStatus = "DELETING"
	d.AttributeDefinitions, d.KeySchema, d.GlobalSecondaryIndexes, d.LocalSecondaryIndexes = nil, nil, nil, nil
	d.withoutLater(false)
	return &createTableOutput{d}, s.sweep()
}

// buckets are all that hold items of the table or lists of them.
func (t *table) buckets() []string {
	all := []string{t.bucket(), t.ttlBucket()}
	for _, x := range t.indexes {
		all = append(all, x.bucket)
	}
	return all
}

// discard marks buckets that are to be emptied, so that it is done even if the
// process ends before.
func discard(tx *store.Tx, buckets ...string) {
	for _, b := range buckets {
		tx.Put(bucketGarbage, b, nil)
	}
}

// sweepAtOnce is how many keys one transaction removes.
const sweepAtOnce = 1000

// sweep empties the buckets that are marked, some keys at a time.
func (s *Service) sweep() error {
	for done := false; !done; {
		err := s.Store.Update(func(tx *store.Tx) error {
			bucket, marked := firstGarbage(tx)
			if marked {
				sweepSome(tx, bucket)
			}
			done = !marked
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func firstGarbage(r store.Reader) (bucket string, marked bool) {
	for bucket := range r.Scan(bucketGarbage, "", "") {
		return bucket, true
	}
	return "", false
}

func sweepSome(tx *store.Tx, bucket string) {
	var keys []string
	for key := range tx.Scan(bucket, "", "") {
		if keys = append(keys, key); len(keys) == sweepAtOnce {
			break
		}
	}
	for _, key := range keys {
		tx.Delete(bucket, key)
	}
	if len(keys) < sweepAtOnce {
		tx.Delete(bucketGarbage, bucket)
	}
}
