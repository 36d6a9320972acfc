package command

// This file defines what a command does to data: history, expiry, and the read
// models, none of which ever goes backwards.

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/table"
)

// The read models.
const (
	ModelData    = "data"    // the item itself
	ModelSummary = "summary" // a line of it among all that its tenant has, where it has a name
)

// models has the handler of every read model.
var models = map[string]func(Ledger, context.Context, Row) error{
	ModelData:    Ledger.syncData,
	ModelSummary: Ledger.syncSummary,
}

// setTTL lets the command before expire, now that this one follows it.
func (f Flow) setTTL(ctx context.Context, s Step, r Row) (any, error) {
	ttl, err := f.expiry(ctx, r.TenantCode, f.Commands, s.Entered)
	if err != nil || ttl == 0 || r.Version < 2 {
		return Done{"ok"}, err
	}
	// An update, not a put: the row may get a status or a token at the same time.
	err = table.Update(ctx, f.API, table.Write{
		Table: f.Commands, Key: table.Pair(r.PK, r.key().At(r.Version-1)), Update: "SET #ttl = :ttl", Condition: "attribute_exists(pk)",
		Names: map[string]string{"#ttl": "ttl"}, Values: map[string]any{":ttl": ttl},
	}, &Row{})
	return Done{"ok"}, refusedIsDone(err)
}

// refusedIsDone takes a refusal for success: what was wanted stands there, or is gone.
func refusedIsDone(err error) error {
	var refused *table.Refused
	if errors.As(err, &refused) {
		return nil
	}
	return err
}

// copyHistory keeps what the data is before this command changes it.
func (f Flow) copyHistory(ctx context.Context, s Step, r Row) (any, error) {
	data, err := f.Read(ctx, r.key())
	if err != nil || data.Version == 0 || data.Version >= r.Version {
		return Done{"ok"}, err
	}
	copied, err := f.historyRow(ctx, data, stamp(s.Entered))
	if err != nil {
		return nil, err
	}
	return Done{"ok"}, refusedIsDone(table.Put(ctx, f.API, f.History, copied, "attribute_not_exists(pk)"))
}

func (l Ledger) historyRow(ctx context.Context, data Row, at string) (Row, error) {
	when, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return Row{}, failure.Wrap(failure.InternalUnexpected, err, "history of %s", data.ID)
	}
	copied := data
	copied.SK = data.key().At(data.Version)
	copied.TTL, err = l.expiry(ctx, data.TenantCode, l.History, when)
	return copied, err
}

// transform names the read models that the command concerns.
func (f Flow) transform(ctx context.Context, _ Step, r Row) (any, error) {
	data, err := f.Read(ctx, r.key())
	concerned := []Model{{StateTransform, ModelData}}
	if summarised(r, data) {
		concerned = append(concerned, Model{StateTransform, ModelSummary})
	}
	return concerned, err
}

// summarised tells whether an item has a line, or had one that must lose its name.
func summarised(r, data Row) bool { return r.Name != "" || data.Name != "" }

// sync brings one read model up to the command.
func (f Flow) sync(ctx context.Context, s Step, r Row) (any, error) {
	var m Model
	if err := json.Unmarshal(s.Input, &m); err != nil {
		return nil, failure.Wrap(failure.InputMalformed, err, "%s takes an element of what %s answered", StateSync, StateTransform)
	}
	up, ok := models[m.Result]
	if !ok {
		return nil, failure.New(failure.InputMalformed, "there is no read model %q: shared/command/models.go names them", m.Result)
	}
	return Done{m.Result}, up(f.Ledger, ctx, r)
}

// syncData writes the item. Who made it, and when, stays as it was.
func (l Ledger) syncData(ctx context.Context, r Row) error {
	old, err := l.Read(ctx, r.key())
	if err != nil {
		return err
	}
	return refusedIsDone(table.Replace(ctx, l.API, l.dataWrite(r, old)))
}

// upward lets a row only be replaced by a newer version.
const upward = "attribute_not_exists(pk) OR #version < :version"

func (l Ledger) dataWrite(r, old Row) table.Write {
	data := r
	data.SK, data.CPK, data.CSK = r.key().SK, r.PK, r.SK
	data.Status, data.TaskToken, data.SyncMode = "", "", ""
	if old.Version > 0 {
		data.CreatedAt, data.CreatedBy, data.CreatedIP = old.CreatedAt, old.CreatedBy, old.CreatedIP
	}
	return table.Write{Table: l.Data, Put: data, Condition: upward,
		Names: map[string]string{"#version": "version"}, Values: map[string]any{":version": r.Version}}
}

// syncSummary writes the item's line under SUMMARY#<tenant>.
func (l Ledger) syncSummary(ctx context.Context, r Row) error {
	return refusedIsDone(table.Replace(ctx, l.API, l.summaryWrite(r)))
}

func (l Ledger) summaryWrite(r Row) table.Write {
	line := Row{
		PK: "SUMMARY#" + r.TenantCode, SK: r.ID, ID: r.ID, Code: r.Code, Name: r.Name, Version: r.Version, TenantCode: r.TenantCode,
		Type: r.Type, IsDeleted: r.IsDeleted, Seq: r.Seq, TTL: r.TTL, UpdatedAt: r.UpdatedAt, UpdatedBy: r.UpdatedBy, CPK: r.PK, CSK: r.SK,
	}
	return table.Write{Table: l.Data, Put: line, Condition: upward,
		Names: map[string]string{"#version": "version"}, Values: map[string]any{":version": r.Version}}
}
