package s3

// This file defines the bodies on disk: files that are written once, read, and
// removed when no record names them and no reader needs them any more.

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// segment is one file of a body.
type segment struct {
	ID   string `json:"id"`
	Size int64  `json:"n"`
}

// files is the folder of the bodies.
type files struct {
	dir       string
	temporary bool // forgotten on close: nothing need be synced

	mu     sync.Mutex
	pins   map[string]int  // how many readers use a file
	doomed map[string]bool // files to remove when their last reader is done
}

// unfinished ends the names of files that are being written.
const unfinished = ".part"

func openFiles(dir string) (*files, error) {
	f := &files{dir: dir, pins: map[string]int{}, doomed: map[string]bool{}}
	if dir == "" {
		var err error
		if f.dir, err = os.MkdirTemp("", "stepworks-s3-"); err != nil {
			return nil, fmt.Errorf("folder for the bodies of S3 objects: %w", err)
		}
		f.temporary = true
		return f, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("folder for the bodies of S3 objects: %w", err)
	}
	return f, nil
}

func (f *files) close() error {
	if f.temporary {
		return os.RemoveAll(f.dir)
	}
	return nil
}

// path spreads the files over folders by the first letters of their names.
func (f *files) path(id string) string { return filepath.Join(f.dir, id[:2], id) }

// write stores what r has and returns the file's segment; after that it is on disk,
// whatever happens. A body of no bytes has no file. When r fails nothing stays.
func (f *files) write(r io.Reader) ([]segment, error) {
	id := strings.ToLower(rand.Text())
	folder := filepath.Dir(f.path(id))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	out, err := os.OpenFile(f.path(id)+unfinished, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	n, err := io.Copy(out, r)
	if err == nil && !f.temporary && n > 0 {
		err = out.Sync()
	}
	err = errors.Join(err, out.Close())
	if err == nil && n > 0 {
		err = os.Rename(out.Name(), f.path(id))
	}
	if err != nil || n == 0 {
		return nil, errors.Join(err, os.Remove(out.Name()))
	}
	return []segment{{ID: id, Size: n}}, f.sync(folder)
}

// sync makes a folder's entries durable.
func (f *files) sync(folder string) error {
	if f.temporary {
		return nil
	}
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// link returns further names of the same files, for a copy.
func (f *files) link(from []segment) ([]segment, error) {
	to := make([]segment, 0, len(from))
	for _, old := range from {
		id := strings.ToLower(rand.Text())
		folder := filepath.Dir(f.path(id))
		err := os.MkdirAll(folder, 0o700)
		if err == nil {
			err = os.Link(f.path(old.ID), f.path(id))
		}
		if err == nil {
			err = f.sync(folder)
		}
		if err != nil {
			f.remove(to)
			return nil, err
		}
		to = append(to, segment{ID: id, Size: old.Size})
	}
	return to, nil
}

// pin keeps the files of a body until unpin; false if one of them is gone already.
func (f *files) pin(body []segment) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range body {
		if f.doomed[s.ID] {
			return false
		}
	}
	if len(body) > 0 {
		if _, err := os.Stat(f.path(body[0].ID)); err != nil {
			return false
		}
	}
	for _, s := range body {
		f.pins[s.ID]++
	}
	return true
}

func (f *files) unpin(body []segment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range body {
		if f.pins[s.ID]--; f.pins[s.ID] > 0 {
			continue
		}
		delete(f.pins, s.ID)
		if f.doomed[s.ID] {
			delete(f.doomed, s.ID)
			_ = os.Remove(f.path(s.ID)) // else the next start sweeps it
		}
	}
}

// remove deletes the files of a body that no record names any more, those that
// are being read when their readers are done.
func (f *files) remove(body []segment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range body {
		if f.pins[s.ID] > 0 {
			f.doomed[s.ID] = true
			continue
		}
		_ = os.Remove(f.path(s.ID)) // else the next start sweeps it
	}
}

// sweep removes every file that used does not name.
func (f *files) sweep(used map[string]bool) error {
	return filepath.WalkDir(f.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || used[d.Name()] {
			return err
		}
		return os.Remove(path)
	})
}

// body reads part of a pinned body, one file at a time.
type body struct {
	files    *files
	segments []segment
	size     int64
	at       int64
	open     *os.File
	index    int // of the open segment
	once     sync.Once
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.at >= b.size {
		return 0, io.EOF
	}
	start := int64(0)
	for i, s := range b.segments {
		if b.at < start+s.Size {
			return b.readSegment(i, b.at-start, p)
		}
		start += s.Size
	}
	return 0, io.ErrUnexpectedEOF
}

func (b *body) readSegment(i int, at int64, p []byte) (int, error) {
	if b.open == nil || b.index != i {
		if b.open != nil {
			_ = b.open.Close()
		}
		var err error
		if b.open, err = os.Open(b.files.path(b.segments[i].ID)); err != nil {
			return 0, err
		}
		b.index = i
	}
	n, err := b.open.ReadAt(p[:min(int64(len(p)), b.segments[i].Size-at)], at)
	b.at += int64(n)
	if errors.Is(err, io.EOF) && n > 0 {
		err = nil
	}
	return n, err
}

// Seek implements io.Seeker.
func (b *body) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += b.at
	case io.SeekEnd:
		offset += b.size
	}
	if offset < 0 {
		return b.at, fmt.Errorf("seek to %d: before the beginning", offset)
	}
	b.at = offset
	return offset, nil
}

// Close lets go of the files.
func (b *body) Close() error {
	b.once.Do(func() {
		if b.open != nil {
			_ = b.open.Close()
		}
		b.files.unpin(b.segments)
	})
	return nil
}

func (f *files) reader(segments []segment) *body {
	b := &body{files: f, segments: segments}
	for _, s := range segments {
		b.size += s.Size
	}
	return b
}
