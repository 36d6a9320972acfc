package command

// This file defines the ledger: the tables, and how a command enters them.

import (
	"context"
	"errors"
	"time"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/table"
)

// Ledger is the tables of commands and data. Names are physical ones.
type Ledger struct {
	API      table.API
	Commands string
	Data     string
	History  string
	Master   string  // days to live, by tenant and table
	Objects  Objects // for large attributes; nil: they are refused
	Bucket   string  // its name, which addresses carry
	// Now tells the time to publishers who do not; nil is time.Now.
	Now func() time.Time

	settings map[string]int // days to live, read before; nil: read each time
}

// Submission is what a publisher wants an item to be.
type Submission struct {
	Key
	Version    int        `json:"version"` // the version it was read at; 0: there is none yet; [Latest]
	Code       string     `json:"code"`    // what people know the item by
	Name       string     `json:"name"`
	Type       string     `json:"type"`
	IsDeleted  bool       `json:"isDeleted"`
	Seq        int        `json:"seq"`
	Attributes Attributes `json:"attributes"`
	// Partial lays the attributes over the present ones, and keeps code, name, type
	// and seq where they are empty here. The item must exist.
	Partial bool `json:"partial"`

	Source    string    `json:"source"`
	RequestID string    `json:"requestId"` // the same request, repeated, publishes once
	By        string    `json:"by"`
	IP        string    `json:"ip"`
	Time      time.Time `json:"time"` // zero: now

	// OncePerSource refuses to build on another command of the same source: an
	// import, for one, says each key once.
	OncePerSource bool `json:"-"`
}

// Published is what became of a submission.
type Published struct {
	Row       Row  // the command; the one before where nothing changed
	Unchanged bool // the item is like that already: nothing was written
}

// rounds is how often a submission on top of the latest looks again after
// somebody was faster.
const rounds = 8

// Publish writes a command, unless the item is like that already. The state
// machine does the rest, later.
func (l Ledger) Publish(ctx context.Context, in Submission) (Published, error) {
	if err := in.check(); err != nil {
		return Published{}, err
	}
	for range rounds {
		base, err := l.base(ctx, in)
		if err != nil {
			return Published{}, err
		}
		row, changed, err := l.next(ctx, in, base)
		if err != nil || !changed {
			return Published{Row: base, Unchanged: true}, err
		}
		err = table.Put(ctx, l.API, l.Commands, row, "attribute_not_exists(pk)")
		standing, refused, err := met(err)
		switch {
		case err != nil || !refused:
			return Published{Row: row}, err
		case in.RequestID != "" && standing.RequestID == in.RequestID:
			return Published{Row: standing}, nil // our own, whose answer got lost
		case in.Version != Latest:
			return Published{}, conflict(in, standing.Version)
		}
	}
	return Published{}, failure.New(failure.TransientThrottled, "%s changes too fast to publish on top of it", in.ID())
}

func (in Submission) check() error {
	if err := in.Key.Check(); err != nil {
		return err
	}
	if in.Version < Latest {
		return failure.New(failure.InputMalformed, "version must be the one that was read, 0 for a new item, or %d for the latest; not %d", Latest, in.Version)
	}
	_, err := object(in.Attributes)
	return err
}

func conflict(in Submission, standing int) error {
	return failure.New(failure.CommandConflict,
		"%s is at version %d or later, this command builds on version %d: read it again and publish on top of that", in.ID(), standing, in.Version)
}

// base is the row that a submission builds on: empty for a new item.
func (l Ledger) base(ctx context.Context, in Submission) (Row, error) {
	data, err := l.Read(ctx, in.Key)
	switch {
	case err != nil:
		return Row{}, err
	case in.Version == Latest:
		return l.latest(ctx, in.Key, data)
	case data.Version > in.Version:
		return Row{}, conflict(in, data.Version)
	case data.Version == in.Version: // also: no item yet, and none expected
		return data, nil
	}
	before, found, err := l.Command(ctx, in.PK, in.At(in.Version))
	if err == nil && !found {
		err = failure.New(failure.CommandConflict, "%s has no version %d, it is at %d: read it again and publish on top of that", in.ID(), in.Version, data.Version)
	}
	return before, err
}

// latest finds the newest command. Versions above the data's are all there,
// because each was written on top of the one before, and only what is done
// expires: so it gallops up and halves back.
func (l Ledger) latest(ctx context.Context, k Key, data Row) (Row, error) {
	newest, step := data, 1
	for growing := true; step > 0; {
		row, found, err := l.Command(ctx, k.PK, k.At(newest.Version+step))
		if err != nil {
			return Row{}, err
		}
		if found {
			newest = row
		} else {
			growing = false
		}
		if growing {
			step *= 2
		} else {
			step /= 2
		}
	}
	return newest, nil
}

// next is the command that follows base, and whether it says anything new.
func (l Ledger) next(ctx context.Context, in Submission, base Row) (Row, bool, error) {
	object, err := object(in.Attributes)
	if err != nil {
		return Row{}, false, err
	}
	if in.Partial {
		if in, object, err = l.completed(ctx, in, base, object); err != nil {
			return Row{}, false, err
		}
	}
	packed, err := l.pack(ctx, in.Key, object)
	if err != nil {
		return Row{}, false, err
	}
	if base.Version > 0 && same(in, packed, base) {
		return base, false, nil
	}
	if in.OncePerSource && base.Source == in.Source && base.Version > 0 {
		return Row{}, false, failure.New(failure.CommandConflict, "%s was written by the same source before, with other content", in.ID())
	}
	row, err := l.row(ctx, in, packed, base)
	return row, true, err
}

// completed fills a partial submission up from what there is.
func (l Ledger) completed(ctx context.Context, in Submission, base Row, changes map[string]any) (Submission, map[string]any, error) {
	if base.Version == 0 {
		return in, nil, failure.New(failure.CommandNotFound, "%s does not exist, so a part of it cannot be changed", in.ID())
	}
	text, err := l.Attributes(ctx, base)
	if err != nil {
		return in, nil, err
	}
	whole, err := object(text)
	if err != nil {
		return in, nil, err
	}
	in.Code, in.Name, in.Type = first(in.Code, base.Code), first(in.Name, base.Name), first(in.Type, base.Type)
	if in.Seq == 0 {
		in.Seq = base.Seq
	}
	return in, merge(whole, changes), nil
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func same(in Submission, packed Attributes, base Row) bool {
	if in.Code != base.Code || in.Name != base.Name || in.Type != base.Type || in.IsDeleted != base.IsDeleted || in.Seq != base.Seq {
		return false
	}
	a, errA := packed.Tree()
	b, errB := base.Attributes.Tree()
	return errA == nil && errB == nil && equal(a, b)
}

func (l Ledger) row(ctx context.Context, in Submission, packed Attributes, base Row) (Row, error) {
	at := in.Time
	if at.IsZero() {
		at = l.now()
	}
	ttl, err := l.expiry(ctx, in.Tenant(), l.Data, at)
	r := Row{
		PK: in.PK, SK: in.At(base.Version + 1), ID: in.ID(), Code: in.Code, Name: in.Name, Version: base.Version + 1,
		TenantCode: in.Tenant(), Type: in.Type, IsDeleted: in.IsDeleted, Seq: in.Seq, TTL: ttl, Attributes: packed,
		Source: in.Source, RequestID: in.RequestID, CreatedAt: stamp(at), CreatedBy: in.By, CreatedIP: in.IP,
		UpdatedAt: stamp(at), UpdatedBy: in.By, UpdatedIP: in.IP,
	}
	if base.Version > 0 {
		r.CreatedAt, r.CreatedBy, r.CreatedIP = base.CreatedAt, base.CreatedBy, base.CreatedIP
	}
	return r, err
}

func (l Ledger) now() time.Time {
	if l.Now != nil {
		return l.Now()
	}
	return time.Now()
}

// Read reads an item; Version 0 says that there is none.
func (l Ledger) Read(ctx context.Context, k Key) (Row, error) {
	var r Row
	_, err := table.Get(ctx, l.API, l.Data, table.Pair(k.PK, k.SK), &r)
	return r, err
}

// Command reads a command by its versioned sort key.
func (l Ledger) Command(ctx context.Context, pk, sk string) (Row, bool, error) {
	var r Row
	found, err := table.Get(ctx, l.API, l.Commands, table.Pair(pk, sk), &r)
	return r, found, err
}

// met tells what stood in the way of a single write.
func met(err error) (standing Row, refused bool, _ error) {
	var r *table.Refused
	if !errors.As(err, &r) {
		return Row{}, false, err
	}
	return standing, true, unmarshal(r.Old[0], &standing)
}

// expiry is when a row expires that a table gets now: after the days that the
// tenant has for the table in the master table; 0, never, where it has none.
func (l Ledger) expiry(ctx context.Context, tenant, tableName string, at time.Time) (int64, error) {
	days, known := l.settings[tenant+"\x00"+tableName]
	if !known {
		var err error
		if days, err = l.days(ctx, tenant, tableName); err != nil {
			return 0, err
		}
		if l.settings != nil {
			l.settings[tenant+"\x00"+tableName] = days
		}
	}
	if days <= 0 {
		return 0, nil
	}
	return at.AddDate(0, 0, days).Unix(), nil
}

func (l Ledger) days(ctx context.Context, tenant, tableName string) (int, error) {
	var setting struct {
		Attributes struct {
			Days int `dynamodbav:"days"`
		} `dynamodbav:"attributes"`
	}
	_, err := table.Get(ctx, l.API, l.Master, table.Pair("MASTER#"+tenant, "TTL#"+tableName), &setting)
	return setting.Attributes.Days, err
}
