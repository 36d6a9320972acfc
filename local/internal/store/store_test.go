package store

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

func keys(r Reader, from, to string, back bool) []string {
	var got []string
	scan := r.Scan
	if back {
		scan = r.ScanBack
	}
	for k, v := range scan("b", from, to) {
		got = append(got, k+"="+string(v))
	}
	return got
}

func TestUpdateSeesItsOwnWritesAndViewTheCommitted(t *testing.T) {
	s := Memory()
	defer s.Close()
	must(t, s.Update(func(tx *Tx) error {
		for _, k := range []string{"a", "c", "e"} {
			tx.Put("b", k, []byte("1"))
		}
		return nil
	}))
	must(t, s.Update(func(tx *Tx) error {
		tx.Put("b", "b", []byte("2"))
		tx.Delete("b", "c")
		tx.Put("b", "e", []byte("2"))
		if got := keys(tx, "a", "", false); !slices.Equal(got, []string{"a=1", "b=2", "e=2"}) {
			t.Errorf("in the transaction: %v", got)
		}
		if got := keys(tx, "b", "e", true); !slices.Equal(got, []string{"b=2"}) {
			t.Errorf("backwards: %v", got)
		}
		if _, ok := tx.Get("b", "c"); ok {
			t.Error("a deleted key is still there")
		}
		return nil
	}))
	must(t, s.View(func(r Reader) error {
		if got := keys(r, "", "", true); !slices.Equal(got, []string{"e=2", "b=2", "a=1"}) {
			t.Errorf("committed: %v", got)
		}
		return nil
	}))
}

func TestFailedUpdateWritesNothingAndHurtsNobody(t *testing.T) {
	s := Memory()
	defer s.Close()
	boom := errors.New("boom")
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			err := s.Update(func(tx *Tx) error {
				tx.Put("b", fmt.Sprint("k", i), nil)
				switch i % 3 {
				case 1:
					return boom
				case 2:
					panic("boom")
				}
				return nil
			})
			if (err == nil) != (i%3 == 0) {
				t.Errorf("update %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	must(t, s.View(func(r Reader) error {
		if n := len(keys(r, "", "", false)); n != 14 {
			t.Errorf("%d keys, want 14", n)
		}
		return nil
	}))
}

func TestUpdatesAreSerial(t *testing.T) {
	s := Memory()
	defer s.Close()
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() {
			must(t, s.Update(func(tx *Tx) error {
				n, _ := tx.Get("b", "n")
				tx.Put("b", "n", append(slices.Clone(n), 'x'))
				return nil
			}))
		})
	}
	wg.Wait()
	must(t, s.View(func(r Reader) error {
		if n, _ := r.Get("b", "n"); len(n) != 200 {
			t.Errorf("counted %d", len(n))
		}
		return nil
	}))
}

func TestReopenKeepsStateAndRefusesOtherSchemas(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	must(t, err)
	must(t, s.Update(func(tx *Tx) error { tx.Put("b", "k", []byte("v")); return nil }))
	must(t, s.Close())
	if err := s.Update(func(*Tx) error { return nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	s, err = Open(dir)
	must(t, err)
	must(t, s.View(func(r Reader) error {
		if v, ok := r.Get("b", "k"); !ok || string(v) != "v" {
			t.Errorf("got %q", v)
		}
		return nil
	}))
	_, err = s.db.Exec("PRAGMA user_version = 99")
	must(t, err)
	must(t, s.Close())
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "another release (schema 99") {
		t.Errorf("a foreign schema: %v", err)
	}
}

// TestEarlierSchema: what version 1 wrote is there in this one.
func TestEarlierSchema(t *testing.T) {
	dir := t.TempDir()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "state.db"))
	must(t, err)
	_, err = db.Exec("CREATE TABLE kv (bucket TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (bucket, key)) WITHOUT ROWID; PRAGMA user_version = 1;" +
		"INSERT INTO kv VALUES ('b', CAST('k' AS BLOB), CAST('v' AS BLOB)), ('b', CAST('l' AS BLOB), CAST('w' AS BLOB))")
	must(t, errors.Join(err, db.Close()))
	for range 2 {
		s, err := Open(dir)
		must(t, err)
		must(t, s.Update(func(tx *Tx) error {
			var all []string
			for k, v := range tx.Scan("b", "", "") {
				all = append(all, k+"="+string(v))
			}
			if !slices.Equal(all, []string{"k=v", "l=w"}) {
				t.Error(all)
			}
			tx.Put("b", "l", []byte("w"))
			return nil
		}))
		must(t, s.Close())
	}
}

func TestScansNest(t *testing.T) {
	s := Memory()
	defer s.Close()
	must(t, s.Update(func(tx *Tx) error {
		for i := range 5 {
			tx.Put("b", fmt.Sprint(i), []byte("v"))
		}
		return nil
	}))
	n := 0
	must(t, s.View(func(r Reader) error {
		for outer := range r.Scan("b", "", "") {
			for inner := range r.Scan("b", outer, "") {
				if _, ok := r.Get("b", inner); ok {
					n++
				}
			}
		}
		return nil
	}))
	if n != 5+4+3+2+1 {
		t.Errorf("saw %d pairs", n)
	}
}

func TestKeysSortByParts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.StringOfN(rapid.RuneFrom([]rune{0, 1, 'a', 'b', 0xff}), 0, 4, -1)
		a, b := rapid.SliceOfN(part, 1, 3).Draw(t, "a"), rapid.SliceOfN(part, 1, 3).Draw(t, "b")
		if got := SplitKey(Key(a...)); !slices.Equal(got, a) {
			t.Fatalf("%q became %q", a, got)
		}
		if want, got := slices.Compare(a, b), strings.Compare(Key(a...), Key(b...)); want != got {
			t.Fatalf("Compare(%q, %q) = %d, keys %d", a, b, want, got)
		}
	})
	if from, to := Prefix("a"); !(from < Key("a", "z") && Key("a", "z") < to && Key("b") >= to) {
		t.Error("Prefix does not frame its keys")
	}
	if ParseUint64(Uint64(7)) != 7 || Uint64(255) > Uint64(256) || After("\xff") != "" {
		t.Error("numbers do not sort")
	}
}

func BenchmarkUpdateDurable(b *testing.B) {
	s, err := Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	value := make([]byte, 500)
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if err := s.Update(func(tx *Tx) error { tx.Put("b", fmt.Sprintf("%p%d", pb, i), value); return nil }); err != nil {
				b.Error(err)
			}
		}
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func BenchmarkViewGet(b *testing.B) {
	s := Memory()
	defer s.Close()
	must(b, s.Update(func(tx *Tx) error {
		for i := range 1000 {
			tx.Put("b", fmt.Sprint("k", i), make([]byte, 500))
		}
		return nil
	}))
	for i := 0; b.Loop(); i++ {
		must(b, s.View(func(r Reader) error { r.Get("b", fmt.Sprint("k", i%1000)); return nil }))
	}
}

func BenchmarkUpdateMemory(b *testing.B) {
	s := Memory()
	defer s.Close()
	for i := 0; b.Loop(); i++ {
		must(b, s.Update(func(tx *Tx) error {
			tx.Get("b", fmt.Sprint("k", i))
			tx.Put("b", fmt.Sprint("k", i), make([]byte, 500))
			return nil
		}))
	}
}
