package dynamodb

// This file defines transactions.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html

import (
	"context"
	"errors"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/dynamodb/expr"
	"github.com/stepworks/stepworks/local/internal/store"
)

type conditionCheck struct {
	TableName                           *string `aws:"required,table"`
	Key                                 *item   `aws:"required"`
	ConditionExpression                 *string `aws:"required"`
	ReturnValuesOnConditionCheckFailure *string `aws:"enum=ALL_OLD|NONE"`
	ExpressionAttributeNames            entries[string]
	ExpressionAttributeValues           entries[attribute]
}

type put struct {
	TableName                           *string `aws:"required,table"`
	Item                                *item   `aws:"required"`
	ReturnValuesOnConditionCheckFailure *string `aws:"enum=ALL_OLD|NONE"`
	ConditionExpression                 *string
	ExpressionAttributeNames            entries[string]
	ExpressionAttributeValues           entries[attribute]
}

type update struct {
	TableName                           *string `aws:"required,table"`
	Key                                 *item   `aws:"required"`
	UpdateExpression                    *string `aws:"required"`
	ReturnValuesOnConditionCheckFailure *string `aws:"enum=ALL_OLD|NONE"`
	ConditionExpression                 *string
	ExpressionAttributeNames            entries[string]
	ExpressionAttributeValues           entries[attribute]
}

type deletion struct {
	TableName                           *string `aws:"required,table"`
	Key                                 *item   `aws:"required"`
	ReturnValuesOnConditionCheckFailure *string `aws:"enum=ALL_OLD|NONE"`
	ConditionExpression                 *string
	ExpressionAttributeNames            entries[string]
	ExpressionAttributeValues           entries[attribute]
}

func (deletion) class() string { return classPrefix + "Delete" }

type transactWriteItem struct {
	ConditionCheck *conditionCheck
	Put            *put
	Delete         *deletion
	Update         *update
}

type transactWriteItemsInput struct {
	ReturnConsumedCapacity      *string             `aws:"enum=INDEXES|TOTAL|NONE"`
	ReturnItemCollectionMetrics *string             `aws:"enum=SIZE|NONE"`
	ClientRequestToken          *string             `aws:"min=1,max=36"`
	TransactItems               []transactWriteItem `aws:"required,min=1,max=100"`
}

type transactWriteItemsOutput struct {
	ConsumedCapacity      []*consumedCapacity               `json:",omitempty"`
	ItemCollectionMetrics answers[[]*itemCollectionMetrics] `json:",omitempty"`
}

type transactGet struct {
	Key                      *item   `aws:"required"`
	TableName                *string `aws:"required,table"`
	ProjectionExpression     *string
	ExpressionAttributeNames entries[string]
}

func (transactGet) class() string { return classPrefix + "Get" }

type transactGetItem struct {
	Get *transactGet `aws:"required"`
}

type transactGetItemsInput struct {
	ReturnConsumedCapacity *string           `aws:"enum=INDEXES|TOTAL|NONE"`
	TransactItems          []transactGetItem `aws:"required,min=1,max=100"`
}

type itemResponse struct {
	Item *item `json:",omitzero"`
}

type transactGetItemsOutput struct {
	Responses        []itemResponse
	ConsumedCapacity []*consumedCapacity `json:",omitempty"`
}

// maxTransaction is the size of all items of a transaction.
const maxTransaction = 4 << 20

// part is one action of a transaction, whatever it does.
type part struct {
	verb        verb
	table       *string
	given       *item
	onFailure   *string
	expressions expressions
	mutation    *mutation
}

func (t *transactWriteItem) part() (*part, error) {
	var parts []*part
	if x := t.ConditionCheck; x != nil {
		parts = append(parts, newPart(verbCheck, x.TableName, x.Key, x.ReturnValuesOnConditionCheckFailure, nil, x.ConditionExpression, x.ExpressionAttributeNames, x.ExpressionAttributeValues))
	}
	if x := t.Put; x != nil {
		parts = append(parts, newPart(verbPut, x.TableName, x.Item, x.ReturnValuesOnConditionCheckFailure, nil, x.ConditionExpression, x.ExpressionAttributeNames, x.ExpressionAttributeValues))
	}
	if x := t.Delete; x != nil {
		parts = append(parts, newPart(verbDelete, x.TableName, x.Key, x.ReturnValuesOnConditionCheckFailure, nil, x.ConditionExpression, x.ExpressionAttributeNames, x.ExpressionAttributeValues))
	}
	if x := t.Update; x != nil {
		parts = append(parts, newPart(verbUpdate, x.TableName, x.Key, x.ReturnValuesOnConditionCheckFailure, x.UpdateExpression, x.ConditionExpression, x.ExpressionAttributeNames, x.ExpressionAttributeValues))
	}
	if len(parts) != 1 {
		return nil, invalid("TransactItems can only contain one of Check, Put, Update or Delete")
	}
	return parts[0], nil
}

func newPart(v verb, table *string, given *item, onFailure, update, condition *string, names entries[string], values entries[attribute]) *part {
	p := &part{verb: v, table: table, given: given, onFailure: onFailure, expressions: expressions{names: names, values: values, update: update, condition: condition,
		current: []parameter{{"UpdateExpression", update != nil}, {"ConditionExpression", condition != nil}}, valued: []string{"ConditionExpression"}}}
	if v == verbUpdate {
		p.expressions.valued = []string{"UpdateExpression", "ConditionExpression"}
	}
	return p
}

// check checks what needs no table.
func (p *part) check() error {
	e := &p.expressions
	if err := e.present(); err != nil {
		return err
	}
	if err := p.given.check(); err != nil {
		return err
	}
	if err := e.bind(); err != nil {
		return err
	}
	return checkSize(p.given.Map)
}

// prepare checks a part against its table; the caller holds s.mu.
func (p *part) prepare(s *Service) error {
	m, err := s.prepare(p.verb, *p.table, p.given, &p.expressions)
	if err != nil {
		return err
	}
	m.returnOld = deref(p.onFailure) == "ALL_OLD"
	p.mutation = m
	return nil
}

func (s *Service) transactWriteItems(_ context.Context, in *transactWriteItemsInput) (*transactWriteItemsOutput, error) {
	parts, err := in.parts()
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.prepareAll(parts); err != nil {
		return nil, err
	}
	var effects []effect
	repeated := false
	err = s.write(func(x *session) (err error) {
		if repeated, err = x.token(in.ClientRequestToken, parts); err != nil || repeated {
			return err
		}
		if effects, err = x.stageAll(parts); err != nil {
			return err
		}
		for _, e := range effects {
			x.apply(e, nil)
		}
		return nil
	})
	if err != nil || repeated {
		return &transactWriteItemsOutput{}, err
	}
	out := &transactWriteItemsOutput{ConsumedCapacity: s.consumedByTable(in.ReturnConsumedCapacity, effects, true)}
	if deref(in.ReturnItemCollectionMetrics) == "SIZE" {
		out.ItemCollectionMetrics = metricsByTable(effects)
	}
	return out, nil
}

func (in *transactWriteItemsInput) parts() ([]*part, error) {
	var parts []*part
	for i := range in.TransactItems {
		p, err := in.TransactItems[i].part()
		if err != nil {
			return nil, err
		}
		if err := p.check(); err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// prepareAll checks the parts against their tables and each other. What is wrong
// with a part's key or item cancels the transaction.
func (s *Service) prepareAll(parts []*part) error {
	for _, p := range parts {
		if err := s.checkEmptyKeys(*p.table, p.given.Map, p.expressions.boundUpdate); err != nil {
			return err
		}
	}
	seen := map[string]bool{}
	reasons := make([]reason, len(parts))
	failed := false
	for i, p := range parts {
		err := p.prepare(s)
		switch e := (*awswire.Error)(nil); {
		case err == nil:
		case errors.As(err, &e) && e.Code == "ValidationException":
			reasons[i], failed = reason{code: "ValidationError", message: e.Message}, true
			continue
		default:
			return err
		}
		place := p.mutation.table.ID + p.mutation.key
		if seen[place] {
			return invalid("Transaction request cannot include multiple operations on one item")
		}
		seen[place] = true
	}
	if failed {
		return cancelled(reasons)
	}
	return nil
}

// checkEmptyKeys refuses empty keys, which AWS finds before a transaction begins;
// any other fault of a part cancels it.
func (s *Service) checkEmptyKeys(name string, m *expr.Map, update *expr.Update) error {
	t, err := s.tableNamed(name)
	if err != nil {
		return err
	}
	for _, a := range t.key {
		if v, ok := m.Get(a.Name); ok && isEmptyKey(v) {
			return t.checkKeyValues(m)
		}
	}
	for _, x := range t.indexes {
		for i, a := range x.key {
			if v, ok := m.Get(a.Name); ok && isEmptyKey(v) {
				return x.checkKeySize(i, a, v)
			}
		}
		if update == nil {
			continue
		}
		update.Known(func(name string, kind expr.Kind, v expr.Value) {
			if err == nil && v != nil && isEmptyKey(v) {
				err = x.checkNewKey(name, kind, v)
			}
		})
	}
	return err
}

// stageAll asks all conditions; the reasons of all that fail are told together.
func (x *session) stageAll(parts []*part) ([]effect, error) {
	effects := make([]effect, len(parts))
	reasons := make([]reason, len(parts))
	failed, size := false, 0
	for i, p := range parts {
		var err error
		if effects[i], err = p.mutation.stage(x); err != nil {
			if reasons[i], err = reasonOf(err); err != nil {
				return nil, err
			}
			failed = true
		}
		size += max(effects[i].old.Size(), effects[i].new.Size())
	}
	if failed {
		return effects, cancelled(reasons)
	}
	if size > maxTransaction {
		return nil, invalid("Transaction request cannot exceed 4 MB: the items involved have %d bytes", size)
	}
	return effects, nil
}

// reason is why one part stands against a transaction; the zero reason is none.
type reason struct {
	code, message string
	item          any
}

// reasonOf turns an error of a part into a reason; others stay errors.
func reasonOf(err error) (reason, error) {
	var e *awswire.Error
	switch {
	case !errors.As(err, &e):
		return reason{}, err
	case e.Code == "ConditionalCheckFailedException":
		return reason{code: "ConditionalCheckFailed", message: e.Message, item: e.Members["Item"]}, nil
	case e.Code == "ValidationException":
		return reason{code: "ValidationError", message: e.Message}, nil
	}
	return reason{}, err
}

// MarshalJSONTo writes a CancellationReason.
func (r reason) MarshalJSONTo(enc *jsontext.Encoder) error {
	out := struct {
		Code    string
		Message string `json:",omitempty"`
		Item    any    `json:",omitzero"`
	}{r.code, r.message, r.item}
	if out.Code == "" {
		out.Code = "None"
	}
	return writeJSON(enc, out)
}

func cancelled(reasons []reason) error {
	codes := make([]string, len(reasons))
	for i, r := range reasons {
		if codes[i] = r.code; r.code == "" {
			codes[i] = "None"
		}
	}
	e := awswire.Errorf("TransactionCanceledException", "Transaction cancelled, please refer cancellation reasons for specific reasons [%s]", strings.Join(codes, ", "))
	e.Members = map[string]any{"CancellationReasons": reasons}
	return e
}

func (s *Service) transactGetItems(_ context.Context, in *transactGetItemsInput) (*transactGetItemsOutput, error) {
	var calls []*getCall
	for i := range in.TransactItems {
		get := in.TransactItems[i].Get
		call := newGetCall(nil, get.ProjectionExpression, get.ExpressionAttributeNames)
		if err := call.bind(get.Key); err != nil {
			return nil, err
		}
		calls = append(calls, call)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	tables, keys, err := s.resolveGets(in, calls)
	if err != nil {
		return nil, err
	}
	found := make([]*expr.Map, len(calls))
	if err := s.Store.View(func(r store.Reader) (err error) {
		for i := range calls {
			if found[i], err = tables[i].item(r, keys[i]); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return nil, err
	}
	return s.answerGets(in, calls, tables, found)
}

func (s *Service) resolveGets(in *transactGetItemsInput, calls []*getCall) ([]*table, []string, error) {
	tables, keys := make([]*table, len(calls)), make([]string, len(calls))
	seen := map[string]bool{}
	reasons := make([]reason, len(calls))
	failed := false
	for i := range in.TransactItems {
		get := in.TransactItems[i].Get
		t, err := s.tableNamed(*get.TableName)
		if err != nil {
			return nil, nil, err
		}
		tables[i] = t
		if keys[i], err = t.checkKey(get.Key.Map); err == nil {
			err = t.checkPaths(&calls[i].expressions)
		}
		if err != nil {
			if reasons[i], err = reasonOf(err); err != nil {
				return nil, nil, err
			}
			failed = true
		}
		if seen[t.ID+keys[i]] {
			return nil, nil, invalid("Transaction request cannot include multiple operations on one item")
		}
		seen[t.ID+keys[i]] = true
	}
	if failed {
		return nil, nil, cancelled(reasons)
	}
	return tables, keys, nil
}

func (s *Service) answerGets(in *transactGetItemsInput, calls []*getCall, tables []*table, found []*expr.Map) (*transactGetItemsOutput, error) {
	out := &transactGetItemsOutput{Responses: make([]itemResponse, len(calls))}
	costs := map[*table]*cost{}
	var order []*cost
	size := 0
	for i, m := range found {
		if m != nil {
			out.Responses[i].Item = calls[i].of(m)
		}
		size += m.Size()
		c := costs[tables[i]]
		if c == nil {
			c = &cost{table: tables[i], transaction: true}
			costs[tables[i]] = c
			order = append(order, c)
		}
		c.own += readUnits(m.Size(), true)
	}
	if size > maxTransaction {
		return nil, invalid("Transaction request cannot exceed 4 MB: the items involved have %d bytes", size)
	}
	for _, c := range order {
		if one := s.consumed(in.ReturnConsumedCapacity, *c); one != nil {
			out.ConsumedCapacity = append(out.ConsumedCapacity, one)
		}
	}
	return out, nil
}
