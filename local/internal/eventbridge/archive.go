package eventbridge

// This file defines archives: what they keep of a bus's events, and for how long.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-archive-event.html

import (
	"context"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/eventpattern"
	"github.com/stepworks/stepworks/local/internal/store"
)

// archive is the record of an archive.
type archive struct {
	Name, Bus   string
	Description string
	Pattern     string
	Retention   int    // days; 0 is for ever
	KmsKey      string // shown, and nothing else
	Created     time.Time
	Events      int64
	Bytes       int64
}

// archivedEvent is a kept event, at its time of arrival.
type archivedEvent struct {
	ID       string
	Event    string
	Ingested time.Time
	Trace    string `json:",omitzero"`
}

func archivedKey(archive string, at time.Time, id string) string {
	return store.Key(archive, store.Uint64(uint64(at.UnixNano())), id)
}

// keep adds an event to an archive and drops what has outlived its retention.
func (a *archive) keep(tx *store.Tx, ev *event) {
	put(tx, archivedBucket, archivedKey(a.Name, ev.ingested, ev.id), archivedEvent{ev.id, string(ev.text), ev.ingested, ev.trace})
	a.Events++
	a.Bytes += int64(len(ev.text))
	if a.Retention > 0 {
		a.expire(tx, ev.ingested.AddDate(0, 0, -a.Retention))
	}
	put(tx, archiveBucket, store.Key(a.Name), a)
}

func (a *archive) expire(tx *store.Tx, before time.Time) {
	from, _ := store.Prefix(a.Name)
	var old []string
	for key := range tx.Scan(archivedBucket, from, archivedKey(a.Name, before, "")) {
		old = append(old, key)
	}
	for _, key := range old {
		e, _ := get[archivedEvent](tx, archivedBucket, key)
		a.Events--
		a.Bytes -= int64(len(e.Event))
		tx.Delete(archivedBucket, key)
	}
}

type createArchiveInput struct {
	ArchiveName      string `json:"ArchiveName" check:"required,min=1,max=48,pattern=[\\.\\-_A-Za-z0-9]+"`
	EventSourceArn   string `json:"EventSourceArn" check:"required,min=1,max=1600"`
	Description      string `json:"Description" check:"max=512"`
	EventPattern     string `json:"EventPattern" check:"max=4096"`
	RetentionDays    int    `json:"RetentionDays" check:"min=0"`
	KmsKeyIdentifier string `json:"KmsKeyIdentifier"`
}

type archiveOutput struct {
	ArchiveArn     string       `json:"ArchiveArn,omitzero"`
	ArchiveName    string       `json:"ArchiveName,omitzero"`
	EventSourceArn string       `json:"EventSourceArn,omitzero"`
	Description    string       `json:"Description,omitzero"`
	EventPattern   string       `json:"EventPattern,omitzero"`
	KmsKey         string       `json:"KmsKeyIdentifier,omitzero"`
	State          string       `json:"State"`
	RetentionDays  *int         `json:"RetentionDays,omitzero"`
	SizeBytes      *int64       `json:"SizeBytes,omitzero"`
	EventCount     *int64       `json:"EventCount,omitzero"`
	CreationTime   awswire.Time `json:"CreationTime"`
}

func (s *Service) archiveARN(name string) string { return s.arn("archive/" + name) }

// createdArchive is what CreateArchive and UpdateArchive answer.
func (s *Service) createdArchive(a archive) *archiveOutput {
	return &archiveOutput{ArchiveArn: s.archiveARN(a.Name), State: "ENABLED", CreationTime: awswire.At(a.Created)}
}

// listedArchive is what ListArchives answers for each.
func (s *Service) listedArchive(a archive) archiveOutput {
	return archiveOutput{ArchiveName: a.Name, EventSourceArn: s.busARN(a.Bus), State: "ENABLED", RetentionDays: &a.Retention,
		SizeBytes: &a.Bytes, EventCount: &a.Events, CreationTime: awswire.At(a.Created)}
}

func (s *Service) createArchive(_ context.Context, in *createArchiveInput) (*archiveOutput, error) {
	if err := checkPattern(in.EventPattern); err != nil {
		return nil, err
	}
	a := archive{Name: in.ArchiveName, Bus: busName(in.EventSourceArn), Description: in.Description, Pattern: in.EventPattern,
		Retention: in.RetentionDays, KmsKey: in.KmsKeyIdentifier, Created: s.Clock.Now()}
	err := s.Store.Update(func(tx *store.Tx) error {
		if _, err := busOf(tx, a.Bus); err != nil {
			return err
		}
		if _, found := tx.Get(archiveBucket, store.Key(a.Name)); found {
			return exists("Archive", a.Name)
		}
		put(tx, archiveBucket, store.Key(a.Name), a)
		return nil
	})
	s.changed(a.Bus)
	return s.createdArchive(a), err
}

// checkPattern refuses what is no pattern; the empty one selects everything.
func checkPattern(text string) error {
	if text == "" {
		return nil
	}
	if _, err := eventpattern.Compile([]byte(text)); err != nil {
		return invalidPattern(err)
	}
	return nil
}

func archiveOf(r store.Reader, name string) (archive, error) {
	a, found := get[archive](r, archiveBucket, store.Key(name))
	if !found {
		return a, notFound("Archive %s", name)
	}
	return a, nil
}

type archiveInput struct {
	ArchiveName string `json:"ArchiveName" check:"required,min=1,max=48"`
}

func (s *Service) describeArchive(_ context.Context, in *archiveInput) (*archiveOutput, error) {
	return view(s.Store, func(r store.Reader) (*archiveOutput, error) {
		a, err := archiveOf(r, in.ArchiveName)
		out := s.listedArchive(a)
		out.ArchiveArn, out.Description, out.EventPattern, out.KmsKey = s.archiveARN(a.Name), a.Description, a.Pattern, a.KmsKey
		return &out, err
	})
}

type updateArchiveInput struct {
	ArchiveName   string  `json:"ArchiveName" check:"required,min=1,max=48"`
	Description   *string `json:"Description" check:"max=512"`
	EventPattern  *string `json:"EventPattern" check:"max=4096"`
	RetentionDays *int    `json:"RetentionDays" check:"min=0"`
}

func (s *Service) updateArchive(_ context.Context, in *updateArchiveInput) (*archiveOutput, error) {
	if in.Description == nil && in.EventPattern == nil && in.RetentionDays == nil {
		return nil, invalid("At least one of EventPattern, RetentionDays or Description must be provided.")
	}
	if in.EventPattern != nil {
		if err := checkPattern(*in.EventPattern); err != nil {
			return nil, err
		}
	}
	var a archive
	err := s.Store.Update(func(tx *store.Tx) (err error) {
		if a, err = archiveOf(tx, in.ArchiveName); err != nil {
			return err
		}
		change(&a.Description, in.Description)
		change(&a.Pattern, in.EventPattern)
		change(&a.Retention, in.RetentionDays)
		put(tx, archiveBucket, store.Key(a.Name), a)
		return nil
	})
	s.changed(a.Bus)
	return s.createdArchive(a), err
}

// change sets a field to what an update gives, if it gives something.
func change[T any](field *T, to *T) {
	if to != nil {
		*field = *to
	}
}

func (s *Service) deleteArchive(_ context.Context, in *archiveInput) (*struct{}, error) {
	var a archive
	err := s.Store.Update(func(tx *store.Tx) (err error) {
		if a, err = archiveOf(tx, in.ArchiveName); err != nil {
			return err
		}
		tx.Delete(archiveBucket, store.Key(a.Name))
		clearAll(tx, archivedBucket, a.Name)
		return nil
	})
	s.changed(a.Bus)
	return &struct{}{}, err
}

type listArchivesInput struct {
	NamePrefix     string `json:"NamePrefix" check:"max=48"`
	EventSourceArn string `json:"EventSourceArn" check:"max=1600"`
	State          string `json:"State"`
	Limit          int    `json:"Limit" check:"min=1,max=100"`
	NextToken      string `json:"NextToken" check:"max=2048"`
}

type listArchivesOutput struct {
	Archives  []archiveOutput `json:"Archives"`
	NextToken string          `json:"NextToken,omitzero"`
}

func (s *Service) listArchives(_ context.Context, in *listArchivesInput) (*listArchivesOutput, error) {
	if err := oneFilter("ListArchives", in.State, in.EventSourceArn, in.NamePrefix); err != nil {
		return nil, err
	}
	return view(s.Store, func(r store.Reader) (*listArchivesOutput, error) {
		archives, next, err := page(all[archive](r, archiveBucket), in.Limit, in.NextToken, func(a archive) bool {
			return strings.HasPrefix(a.Name, in.NamePrefix) && (in.EventSourceArn == "" || s.busARN(a.Bus) == in.EventSourceArn) &&
				(in.State == "" || in.State == "ENABLED")
		})
		out := &listArchivesOutput{Archives: []archiveOutput{}, NextToken: next}
		for _, a := range archives {
			out.Archives = append(out.Archives, s.listedArchive(a))
		}
		return out, err
	})
}

// oneFilter insists on at most one of a listing's filters.
func oneFilter(operation string, filters ...string) error {
	given := 0
	for _, f := range filters {
		if f != "" {
			given++
		}
	}
	if given > 1 {
		return invalid("At most one filter is allowed for %s. Use either : State, EventSourceArn, or NamePrefix.", operation)
	}
	return nil
}
