package store

// This file defines the talk with SQLite: connections that keep their prepared
// statements (preparing one costs twenty times what running it does), and reading
// and writing over them.

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
)

// conn is one connection with its statements. It serves one transaction at a
// time.
type conn struct {
	*sql.Conn
	free map[string][]*sql.Stmt // by SQL; a scan within a scan needs a second one
}

func newConn(db *sql.DB) (*conn, error) {
	c, err := db.Conn(context.Background())
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, free: map[string][]*sql.Stmt{}}, nil
}

func (c *conn) close() {
	for _, stmts := range c.free {
		for _, stmt := range stmts {
			_ = stmt.Close() // the connection goes right after
		}
	}
	_ = c.Conn.Close() // likewise the database, which reports what matters
}

// take returns a prepared statement, to be given back with give.
func (c *conn) take(query string) (*sql.Stmt, error) {
	if stmts := c.free[query]; len(stmts) > 0 {
		c.free[query] = stmts[:len(stmts)-1]
		return stmts[len(stmts)-1], nil
	}
	return c.PrepareContext(context.Background(), query)
}

func (c *conn) give(query string, stmt *sql.Stmt) { c.free[query] = append(c.free[query], stmt) }

func (c *conn) exec(query string, args ...any) error {
	stmt, err := c.take(query)
	if err != nil {
		return err
	}
	defer c.give(query, stmt)
	_, err = stmt.Exec(args...)
	return err
}

// transaction runs f between begin and end; when f fails it rolls back. A panic
// of f rolls back and goes on.
func (c *conn) transaction(begin, end string, f func() error) error {
	if err := c.exec(begin); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	done := false
	defer func() {
		if !done {
			_ = c.exec("ROLLBACK") // the panic under way says more
		}
	}()
	err := f()
	done = true
	if err == nil {
		return c.exec(end)
	}
	if undo := c.exec("ROLLBACK"); undo != nil {
		return errors.Join(err, undo)
	}
	return err
}

// sqlReader reads, and for flush writes, in one SQL transaction. The first error
// sticks: it fails the whole View or commit, so callers of Get and Scan need not
// look.
type sqlReader struct {
	conn *conn
	err  error
}

func (r *sqlReader) fail(err error) {
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("store: %w", err)
	}
}

func (r *sqlReader) exec(query string, args ...any) {
	if r.err == nil {
		r.fail(r.conn.exec(query, args...))
	}
}

// Get implements [Reader].
func (r *sqlReader) Get(bucket, key string) ([]byte, bool) {
	const query = "SELECT value FROM kv WHERE bucket = ? AND key = ?"
	if r.err != nil {
		return nil, false
	}
	stmt, err := r.conn.take(query)
	if err != nil {
		r.fail(err)
		return nil, false
	}
	defer r.conn.give(query, stmt)
	var value []byte
	err = stmt.QueryRow(bucket, []byte(key)).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false
	}
	r.fail(err)
	return value, err == nil
}

// Scan implements [Reader].
func (r *sqlReader) Scan(bucket, from, to string) iter.Seq2[string, []byte] {
	return r.scan(bucket, from, to, "ASC")
}

// ScanBack implements [Reader].
func (r *sqlReader) ScanBack(bucket, from, to string) iter.Seq2[string, []byte] {
	return r.scan(bucket, from, to, "DESC")
}

func (r *sqlReader) scan(bucket, from, to, direction string) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		query, args := "SELECT key, value FROM kv WHERE bucket = ? AND key >= ?", []any{bucket, []byte(from)}
		if to != "" {
			query, args = query+" AND key < ?", append(args, []byte(to))
		}
		query += " ORDER BY key " + direction
		if r.err != nil {
			return
		}
		stmt, err := r.conn.take(query)
		if err != nil {
			r.fail(err)
			return
		}
		defer r.conn.give(query, stmt)
		rows, err := stmt.Query(args...)
		if err != nil {
			r.fail(err)
			return
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var key, value []byte
			if err := rows.Scan(&key, &value); err != nil {
				r.fail(err)
				return
			}
			if !yield(string(key), value) {
				return
			}
		}
		r.fail(rows.Err())
	}
}
