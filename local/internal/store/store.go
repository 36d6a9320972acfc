// Package store keeps everything durable, in one SQLite file.
//
// It is an ordered map from keys to values, in named buckets. [Store.Update]
// runs one function at a time: what it reads stays true until its writes are in,
// so a check followed by a write needs no lock. When Update returns nil the
// writes have reached the disk (WAL, synchronous FULL); when the process dies
// before that, none of them has. Updates that wait at the same time share one
// commit: one writer pays 0.3 ms for its sync, a hundred together hardly more.
//
// [Store.View] reads a snapshot and never waits for writers.
//
// It does not interpret values, expire anything, or keep indexes: services do,
// by the keys they choose ([Key]). Large objects belong in files. Start at
// [Open] and [Memory].
package store

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	_ "modernc.org/sqlite" // the driver
)

// version is the schema's; an older file is brought to it, a newer one refused by name.
const version = 2

// maxCommit bounds how many updates share a commit, so that none waits long.
const maxCommit = 256

// Store is one open database. All methods may be called concurrently.
type Store struct {
	remove  string // the directory to remove on Close, if any
	db      *sql.DB
	writer  *conn      // used by the commit loop alone
	readers chan *conn // those that are free
	queue   chan *update
	closed  chan struct{}
	once    sync.Once
	done    chan struct{}
}

type update struct {
	f    func(*Tx) error
	err  error
	done chan struct{}
}

// ErrClosed is what Update answers after Close.
var ErrClosed = errors.New("the store is closed")

const pragmas = "?_pragma=journal_mode(WAL)&_pragma=busy_timeout(10000)&_pragma=mmap_size(268435456)"

// Open opens, or makes, the store in dir.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	path := filepath.Join(dir, "state.db")
	s, err := open("file:" + path + pragmas + "&_pragma=synchronous(FULL)")
	if err != nil {
		return nil, fmt.Errorf("state in %s: %w", path, err)
	}
	return s, nil
}

// Memory returns a store that forgets everything when it is closed. It behaves
// as a file does, save for durability.
func Memory() *Store {
	dir, err := os.MkdirTemp("", "stepworks-memory-")
	if err == nil {
		var s *Store
		path := filepath.Join(dir, "state.db")
		s, err = open("file:" + path + pragmas + "&_pragma=synchronous(OFF)")
		if err == nil {
			s.remove = dir
			return s
		}
	}
	panic("store: no temporary database: " + err.Error())
}

func open(dsn string) (*Store, error) {
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	s := &Store{db: db, readers: make(chan *conn, readers), queue: make(chan *update, maxCommit), closed: make(chan struct{}), done: make(chan struct{})}
	if err := s.connect(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	go s.commitLoop()
	return s, nil
}

// readers is how many views run at once; more wait.
const readers = 4

func (s *Store) connect() error {
	if err := migrate(s.db); err != nil {
		return err
	}
	var err error
	if s.writer, err = newConn(s.db); err != nil {
		return err
	}
	for range readers {
		c, err := newConn(s.db)
		if err != nil {
			return err
		}
		s.readers <- c
	}
	return nil
}

// schema keeps values apart from the tree of keys. In version 1 they were in it
// (WITHOUT ROWID), and each search copied the large ones that it passed: `make run`
// took a sixth longer. https://www.sqlite.org/withoutrowid.html#when_to_use_without_rowid
const schema = `CREATE TABLE kv (bucket TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (bucket, key));
	PRAGMA user_version = 2;`

func migrate(db *sql.DB) error {
	var have int
	if err := db.QueryRow("PRAGMA user_version").Scan(&have); err != nil {
		return err
	}
	switch have {
	case version:
		return nil
	case 0:
		_, err := db.Exec("BEGIN;" + schema + "COMMIT")
		return err
	case 1:
		_, err := db.Exec("BEGIN; ALTER TABLE kv RENAME TO old;" + schema + "INSERT INTO kv SELECT bucket, key, value FROM old; DROP TABLE old; COMMIT")
		return err
	}
	return fmt.Errorf("it was written by another release (schema %d, this one reads %d): use that release, or `reset` to start empty", have, version)
}

// Close waits for the updates under way and closes the database.
func (s *Store) Close() error {
	var err error
	s.once.Do(func() {
		close(s.closed)
		<-s.done
		for range readers {
			(<-s.readers).close()
		}
		s.writer.close()
		err = s.db.Close()
		if s.remove != "" {
			err = errors.Join(err, os.RemoveAll(s.remove))
		}
	})
	return err
}

// Update runs f alone among updates and makes its writes durable, all or none.
// When f returns an error nothing is written and Update returns that error. f
// must not call Update, and should not do slow things: everybody waits.
func (s *Store) Update(f func(tx *Tx) error) error {
	u := &update{f: f, done: make(chan struct{})}
	select {
	case <-s.closed:
		return ErrClosed
	case s.queue <- u:
	}
	select {
	case <-u.done:
		return u.err
	case <-s.done:
		select {
		case <-u.done:
			return u.err
		default:
			return ErrClosed
		}
	}
}

// View runs f on a snapshot. f must not call View: it would wait for itself.
func (s *Store) View(f func(r Reader) error) error {
	select {
	case <-s.closed:
		return ErrClosed
	default:
	}
	c := <-s.readers
	defer func() { s.readers <- c }()
	return c.transaction("BEGIN", "ROLLBACK", func() error {
		r := &sqlReader{conn: c}
		if err := f(r); err != nil {
			return err
		}
		return r.err
	})
}

func (s *Store) commitLoop() {
	defer close(s.done)
	for {
		select {
		case u := <-s.queue:
			s.commit(s.gather(u))
		case <-s.closed:
			for {
				select {
				case u := <-s.queue:
					s.commit(s.gather(u))
				default:
					return
				}
			}
		}
	}
}

// gather takes what else is waiting, without waiting itself.
func (s *Store) gather(first *update) []*update {
	batch := []*update{first}
	for len(batch) < maxCommit {
		select {
		case u := <-s.queue:
			batch = append(batch, u)
		default:
			return batch
		}
	}
	return batch
}

func (s *Store) commit(batch []*update) {
	err := s.write(batch)
	for _, u := range batch {
		if u.err == nil {
			u.err = err
		}
		close(u.done)
	}
}

// errNothing ends a transaction that has nothing to commit.
var errNothing = errors.New("nothing to commit")

func (s *Store) write(batch []*update) error {
	err := s.writer.transaction("BEGIN IMMEDIATE", "COMMIT", func() error {
		w := &sqlReader{conn: s.writer}
		dirty := false
		for _, u := range batch {
			tx := &Tx{base: w, writes: map[place]*write{}}
			u.err = tx.run(u.f)
			if u.err == nil && len(tx.writes) > 0 {
				dirty = true
				tx.flush(w)
			}
			if w.err != nil {
				return w.err
			}
		}
		if !dirty {
			return errNothing
		}
		return nil
	})
	if errors.Is(err, errNothing) {
		return nil
	}
	return err
}

// Reader reads buckets. Values it returns must not be changed, and slices are
// valid only until the View or Update ends for callers that keep none: copy what
// you keep.
type Reader interface {
	// Get returns the value of key.
	Get(bucket, key string) (value []byte, ok bool)
	// Scan ranges over from <= key < to in order; an empty to means to the end.
	Scan(bucket, from, to string) iter.Seq2[string, []byte]
	// ScanBack is Scan from the last key to the first.
	ScanBack(bucket, from, to string) iter.Seq2[string, []byte]
}

// Tx is what Update hands out: a Reader that sees its own writes.
type Tx struct {
	base   *sqlReader
	writes map[place]*write
}

type place struct{ bucket, key string }

type write struct {
	place
	value   []byte
	deleted bool
}

// run turns a panic of f into a panic of its caller's making only after the
// batch is safe: the loop must survive, so it becomes an error.
func (tx *Tx) run(f func(*Tx) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("store: an update panicked: %v", r)
		}
	}()
	return f(tx)
}

// Put sets key to value, which the store takes over.
func (tx *Tx) Put(bucket, key string, value []byte) {
	if value == nil {
		value = []byte{}
	}
	tx.writes[place{bucket, key}] = &write{place: place{bucket, key}, value: value}
}

// Delete removes key if it is there.
func (tx *Tx) Delete(bucket, key string) {
	tx.writes[place{bucket, key}] = &write{place: place{bucket, key}, deleted: true}
}

// Get implements [Reader].
func (tx *Tx) Get(bucket, key string) ([]byte, bool) {
	if w, ok := tx.writes[place{bucket, key}]; ok {
		return w.value, !w.deleted
	}
	return tx.base.Get(bucket, key)
}

// Scan implements [Reader].
func (tx *Tx) Scan(bucket, from, to string) iter.Seq2[string, []byte] {
	return tx.merge(bucket, from, to, tx.base.Scan(bucket, from, to), strings.Compare)
}

// ScanBack implements [Reader].
func (tx *Tx) ScanBack(bucket, from, to string) iter.Seq2[string, []byte] {
	return tx.merge(bucket, from, to, tx.base.ScanBack(bucket, from, to), func(a, b string) int { return cmp.Compare(b, a) })
}

// merge lays this transaction's own writes over what is stored.
func (tx *Tx) merge(bucket, from, to string, stored iter.Seq2[string, []byte], order func(a, b string) int) iter.Seq2[string, []byte] {
	var own []*write
	for p, w := range tx.writes {
		if p.bucket == bucket && p.key >= from && (to == "" || p.key < to) {
			own = append(own, w)
		}
	}
	if len(own) == 0 {
		return stored
	}
	slices.SortFunc(own, func(a, b *write) int { return order(a.key, b.key) })
	return func(yield func(string, []byte) bool) {
		next := own
		emit := func(w *write) bool { return w.deleted || yield(w.key, w.value) }
		for key, value := range stored {
			for len(next) > 0 && order(next[0].key, key) < 0 {
				if !emit(next[0]) {
					return
				}
				next = next[1:]
			}
			if len(next) > 0 && next[0].key == key {
				if !emit(next[0]) {
					return
				}
				next = next[1:]
				continue
			}
			if !yield(key, value) {
				return
			}
		}
		for _, w := range next {
			if !emit(w) {
				return
			}
		}
	}
}

func (tx *Tx) flush(w *sqlReader) {
	for _, x := range tx.writes {
		if x.deleted {
			w.exec("DELETE FROM kv WHERE bucket = ? AND key = ?", x.bucket, []byte(x.key))
		} else {
			w.exec("INSERT INTO kv (bucket, key, value) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", x.bucket, []byte(x.key), x.value)
		}
	}
}
