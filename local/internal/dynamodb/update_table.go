package dynamodb

// This file defines UpdateTable.

import (
	"context"
	"slices"

	"github.com/stepworks/stepworks/local/internal/store"
)

func (s *Service) updateTable(_ context.Context, in *updateTableInput) (*createTableOutput, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old, err := s.tableToChange(*in.TableName)
	if err != nil {
		return nil, err
	}
	if err := s.count(old); err != nil {
		return nil, err
	}
	t := old.copy()
	for _, change := range []func(*table, *updateTableInput) error{s.changeThroughput, s.changeIndexes, s.changeStream, s.changeSettings} {
		if err := change(t, in); err != nil {
			return nil, err
		}
	}
	if err := s.replace(old, t); err != nil {
		return nil, err
	}
	d := s.describe(t)
	d.TableStatus = "UPDATING"
	d.withoutLater(in.WarmThroughput != nil)
	if was := s.encryption(old); was != nil && in.SSESpecification != nil {
		was.Status = "UPDATING"
		d.SSEDescription = was
	}
	return &createTableOutput{d}, nil
}

// copy returns a table with the same definition, for changing.
func (t *table) copy() *table {
	c := *t
	c.indexes, c.stream = nil, nil
	c.Global = slices.Clone(t.Global)
	return &c
}

// replace puts t in old's place: new indexes are filled, lost ones emptied, the
// stream begun or closed. What a new definition relies on is made before it is
// saved, so that a crash between leaves the old one. The caller holds s.mu for
// writing.
func (s *Service) replace(old, t *table) error {
	stats := old.stats
	t.complete(s)
	t.stats = stats
	for _, x := range t.indexes {
		if old.index(x.name) == nil {
			if err := s.fill(x); err != nil {
				return err
			}
		}
	}
	if err := s.Store.Update(func(tx *store.Tx) error {
		t.save(tx)
		if t.StreamLabel != old.StreamLabel {
			s.beginStream(tx, t)
		}
		if old.stream != nil && t.stream == nil {
			old.stream.close(tx, s.Clock.Now())
		}
		for _, x := range old.indexes {
			if t.index(x.name) == nil {
				discard(tx, x.bucket)
			}
		}
		return nil
	}); err != nil {
		return err
	}
	s.tables[t.Name] = t
	return s.sweep()
}

// fillAtOnce is how many items one transaction looks at.
const fillAtOnce = 1000

// fill lists the items that are already there in a new index, whose bucket may
// hold what an earlier attempt left.
func (s *Service) fill(x *index) error {
	if err := s.emptyBucket(x.bucket); err != nil {
		return err
	}
	for from := ""; ; {
		seen := 0
		if err := s.Store.Update(func(tx *store.Tx) error {
			for key, text := range tx.Scan(x.table.bucket(), from, "") {
				if seen++; seen > fillAtOnce {
					break
				}
				from = key + "\x00"
				m, err := decodeItem(text)
				if err != nil {
					return err
				}
				if entry, ok := x.entry(key, m); ok {
					tx.Put(x.bucket, entry, []byte(key))
				}
			}
			return nil
		}); err != nil || seen <= fillAtOnce {
			return err
		}
	}
}

// check checks what needs no table.
func (in *updateTableInput) check() error {
	if in.ReplicaUpdates != nil {
		return invalid("The local AWS has one region: ReplicaUpdates (global tables) is not supported")
	}
	if in.BillingMode == nil && in.ProvisionedThroughput == nil && len(in.GlobalSecondaryIndexUpdates) == 0 && in.StreamSpecification == nil && in.SSESpecification == nil &&
		in.TableClass == nil && in.DeletionProtectionEnabled == nil && in.OnDemandThroughput == nil && in.WarmThroughput == nil {
		return invalid("At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates or SSESpecification or ReplicaUpdates is required")
	}
	if deref(in.BillingMode) == "PAY_PER_REQUEST" && in.ProvisionedThroughput != nil {
		return checkThroughput("PAY_PER_REQUEST", in.ProvisionedThroughput)
	}
	if err := checkUnits(in.ProvisionedThroughput); err != nil {
		return err
	}
	if err := in.checkIndexUpdates(); err != nil {
		return err
	}
	return checkStreamSpecification(in.StreamSpecification)
}

func (u globalSecondaryIndexUpdate) name() string {
	switch {
	case u.Update != nil:
		return u.Update.IndexName
	case u.Create != nil:
		return u.Create.IndexName
	case u.Delete != nil:
		return u.Delete.IndexName
	}
	return ""
}

func (in *updateTableInput) checkIndexUpdates() error {
	seen := map[string]bool{}
	for _, u := range in.GlobalSecondaryIndexUpdates {
		name := u.name()
		switch {
		case name == "":
			return invalidValues("One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, GlobalSecondaryIndexUpdate.Delete must not be null")
		case seen[name]:
			return invalidValues("Only one global secondary index update per index is allowed simultaneously. Index: %s", name)
		}
		seen[name] = true
	}
	return nil
}

func (s *Service) changeThroughput(t *table, in *updateTableInput) error {
	switch deref(in.BillingMode) {
	case "PAY_PER_REQUEST":
		if !t.PayPerRequest {
			t.PayPerRequest, t.PaidSince, t.Read, t.Write = true, s.Clock.Now(), 0, 0
			for i := range t.Global {
				t.Global[i].ProvisionedThroughput = nil
			}
		}
		return nil
	case "PROVISIONED":
		if in.ProvisionedThroughput == nil && t.PayPerRequest {
			return invalidValues("ProvisionedThroughput must be specified when BillingMode is PROVISIONED")
		}
	case "":
		if t.PayPerRequest && in.ProvisionedThroughput != nil {
			return checkThroughput("PAY_PER_REQUEST", in.ProvisionedThroughput)
		}
	}
	if in.ProvisionedThroughput == nil {
		return nil
	}
	return s.setUnits(t, *in.ProvisionedThroughput.ReadCapacityUnits, *in.ProvisionedThroughput.WriteCapacityUnits)
}

func (s *Service) setUnits(t *table, read, write int64) error {
	if !t.PayPerRequest && t.Read == read && t.Write == write {
		return invalid("The provisioned throughput for the table will not change. The requested value equals the current value. Current ReadCapacityUnits provisioned for the table: %d. Requested ReadCapacityUnits: %d. Current WriteCapacityUnits provisioned for the table: %d. Requested WriteCapacityUnits: %d. Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits.", t.Read, read, t.Write, write)
	}
	if read > t.Read || write > t.Write {
		t.Increased = s.Clock.Now()
	}
	if read < t.Read || write < t.Write {
		t.Reduced = s.Clock.Now()
	}
	t.PayPerRequest, t.Read, t.Write = false, read, write
	return nil
}

func (s *Service) changeIndexes(t *table, in *updateTableInput) error {
	made := 0
	for _, u := range in.GlobalSecondaryIndexUpdates {
		if u.Update == nil {
			made++
		}
	}
	if made > 1 {
		return limitExceeded("Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table")
	}
	for _, d := range in.AttributeDefinitions {
		if !slices.Contains(definedNames(t.Attributes), d.AttributeName) {
			t.Attributes = append(slices.Clone(t.Attributes), d)
		}
	}
	for _, u := range in.GlobalSecondaryIndexUpdates {
		if err := t.changeIndex(u); err != nil {
			return err
		}
	}
	t.dropUnusedAttributes()
	return nil
}

func (t *table) changeIndex(u globalSecondaryIndexUpdate) error {
	at := slices.IndexFunc(t.Global, func(x globalSecondaryIndex) bool { return x.IndexName == u.name() })
	switch {
	case u.Create != nil && at >= 0:
		return invalidValues("Duplicate index name: %s", u.name())
	case u.Create != nil && len(t.Global) == maxGlobal:
		return limitExceeded("GlobalSecondaryIndex count exceeds the per-table limit of %d", maxGlobal)
	case u.Create != nil:
		if err := u.Create.check(t.Attributes, t.PayPerRequest); err != nil {
			return err
		}
		t.Global = append(t.Global, *u.Create)
	case at < 0 && u.Update != nil:
		return invalid("This operation cannot be performed with given input values. Please contact DynamoDB service team for more info: Action Blocked: IndexUpdate")
	case at < 0:
		return notFound(": Index: %s not found in table %s", u.name(), t.Name)
	case u.Update != nil:
		if err := checkUnits(u.Update.ProvisionedThroughput); err != nil {
			return err
		}
		t.Global[at].ProvisionedThroughput = u.Update.ProvisionedThroughput
	default:
		t.Global = slices.Delete(t.Global, at, at+1)
	}
	return nil
}

// dropUnusedAttributes forgets the types of attributes that are in no key any more.
func (t *table) dropUnusedAttributes() {
	used := keyNames(t.Keys)
	for _, x := range t.Local {
		used = append(used, keyNames(x.KeySchema)...)
	}
	for _, x := range t.Global {
		used = append(used, keyNames(x.KeySchema)...)
	}
	t.Attributes = slices.DeleteFunc(slices.Clone(t.Attributes), func(a attributeDefinition) bool { return !slices.Contains(used, a.AttributeName) })
}

func (s *Service) changeStream(t *table, in *updateTableInput) (err error) {
	asked := in.StreamSpecification
	switch {
	case asked == nil:
	case asked.StreamEnabled && t.Stream != nil:
		return inUse("Table already has an enabled stream: TableName: %s", t.Name)
	case asked.StreamEnabled:
		t.Stream = asked
		t.StreamLabel, err = s.streamLabel(t.Name)
	case t.Stream == nil:
		return invalid("Table has no stream to disable: TableName: %s", t.Name)
	default:
		t.Stream = nil
	}
	return err
}

func (s *Service) changeSettings(t *table, in *updateTableInput) error {
	if in.SSESpecification != nil {
		t.Encryption = in.SSESpecification
	}
	if in.TableClass != nil {
		t.Class = *in.TableClass
	}
	if in.DeletionProtectionEnabled != nil {
		t.Protected = *in.DeletionProtectionEnabled
	}
	if in.OnDemandThroughput != nil {
		t.OnDemand = in.OnDemandThroughput
	}
	if in.WarmThroughput != nil {
		t.Warm = in.WarmThroughput
	}
	return nil
}
