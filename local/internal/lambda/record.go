package lambda

// This file defines what is stored of a function, and the copy in memory that
// invocations read: an invocation costs no look into the store.

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/lambda/sandbox"
	"github.com/stepworks/stepworks/local/internal/store"
)

// record is a function as it is stored.
type record struct {
	Latest   version
	Next     int // the number of the next published version
	Tags     map[string]string
	Reserved *int
	Policies map[string]*policy // by qualifier
	Identity string             // tells this function from an earlier one of its name
}

// version is $LATEST or a published version.
type version struct {
	Config configuration
	Code   code
	State  int // grows with every change of code or configuration
}

// alias is a name for one version, or two by weight.
type alias struct {
	Name, Description, FunctionVersion, RevisionID string
	Weights                                        map[string]float64
}

// function is a function in memory.
type function struct {
	record   record
	versions map[string]*version
	aliases  map[string]*alias
	specs    map[string]*sandbox.Spec // by version
}

func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("lambda: %T cannot be stored: %v", v, err))
	}
	return text
}

// decode reads what encode wrote.
func decode[T any](text []byte) (*T, error) {
	v := new(T)
	if err := json.Unmarshal(text, v); err != nil {
		return nil, fmt.Errorf("lambda: stored %T: %w", v, err)
	}
	return v, nil
}

// get reads one value; nil if there is none.
func get[T any](r store.Reader, bucket, key string) (*T, error) {
	text, ok := r.Get(bucket, key)
	if !ok {
		return nil, nil
	}
	return decode[T](text)
}

func versionKey(function string, number int) string {
	return store.Key(function, store.Uint64(uint64(number)))
}

// function returns a function from memory, or loads it.
func (s *Service) function(n name) (*function, error) {
	s.mu.Lock()
	f, epoch := s.loaded[n.function], s.epoch
	s.mu.Unlock()
	if f != nil {
		return f, nil
	}
	err := s.Store.View(func(r store.Reader) (err error) {
		f, err = s.load(r, n.function)
		return err
	})
	if err != nil {
		return nil, err
	}
	if f == nil {
		return nil, noFunction(s.nameARN(n))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.epoch == epoch {
		s.loaded[n.function] = f
	}
	return f, nil
}

// load returns nil when there is no such function.
func (s *Service) load(r store.Reader, function string) (*function, error) {
	rec, err := get[record](r, bucketFunction, function)
	if err != nil || rec == nil {
		return nil, err
	}
	f := newFunction(rec)
	from, to := store.Prefix(function)
	for _, text := range r.Scan(bucketVersion, from, to) {
		v, err := decode[version](text)
		if err != nil {
			return nil, err
		}
		f.versions[v.Config.Version] = v
	}
	for _, text := range r.Scan(bucketAlias, from, to) {
		a, err := decode[alias](text)
		if err != nil {
			return nil, err
		}
		f.aliases[a.Name] = a
	}
	for number, v := range f.versions {
		f.specs[number] = s.spec(f, v)
	}
	return f, nil
}

func newFunction(rec *record) *function {
	return &function{record: *rec, versions: map[string]*version{latest: &rec.Latest}, aliases: map[string]*alias{}, specs: map[string]*sandbox.Spec{}}
}

// update changes a function in the store and forgets the copy in memory. f is nil
// when there is no such function; what change leaves in f.record is stored.
func (s *Service) update(n name, change func(tx *store.Tx, f *function) error) error {
	err := s.Store.Update(func(tx *store.Tx) error {
		f, err := s.load(tx, n.function)
		if err != nil {
			return err
		}
		if f == nil {
			return noFunction(s.nameARN(n))
		}
		latest := f.versions[latest]
		if err := change(tx, f); err != nil {
			return err
		}
		f.record.Latest = *latest
		tx.Put(bucketFunction, n.function, encode(f.record))
		return nil
	})
	s.forget(n.function)
	return err
}

func (s *Service) forget(function string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.loaded, function)
	s.epoch++
}

// spec says how a version runs.
func (s *Service) spec(f *function, v *version) *sandbox.Spec {
	c := v.Config
	spec := &sandbox.Spec{
		Function: c.FunctionName, Version: c.Version, Revision: f.record.Identity + "/" + strconv.Itoa(v.State),
		Command: []string{v.Code.Program}, TaskRoot: filepath.Dir(v.Code.Program), Handler: c.Handler, Role: c.Role,
		MemoryMB: c.MemorySize, Timeout: time.Duration(c.Timeout) * time.Second, Reserved: f.record.Reserved,
		LogGroup: c.LoggingConfig.LogGroup, CustomLogGroup: c.LoggingConfig.LogGroup != defaultLogGroup(c.FunctionName),
		JSONLogs: c.LoggingConfig.LogFormat == "JSON", ApplicationLevel: c.LoggingConfig.ApplicationLogLevel, SystemLevel: c.LoggingConfig.SystemLogLevel,
		Broken: v.Code.Fault,
	}
	if c.Environment != nil {
		spec.Variables = c.Environment.Variables
	}
	if s.isDebugged(c.FunctionName) {
		spec.Debug = true
		spec.Command = debugger(spec.Command)
	}
	return spec
}

func defaultLogGroup(function string) string { return "/aws/lambda/" + function }

// versionOf returns the version that a qualifier names, directly or by an alias.
// The error words that there is none as the operation does.
func (f *function) versionOf(s *Service, n name) (*version, error) {
	q := n.qualifier
	if q == "" {
		q = latest
	}
	if a := f.aliases[q]; a != nil {
		q = a.FunctionVersion
	}
	if v := f.versions[q]; v != nil {
		return v, nil
	}
	return nil, noFunction(s.nameARN(n))
}

// lookup finds a function's version.
func (s *Service) lookup(text, qualifier string) (name, *function, *version, error) {
	n, err := s.parseName(text, qualifier)
	if err != nil {
		return n, nil, nil, err
	}
	f, err := s.function(n)
	if err != nil {
		return n, nil, nil, err
	}
	v, err := f.versionOf(s, n)
	return n, f, v, err
}

// qualified checks that a request that names a qualifier names one that is there,
// with the words of operations on policies.
func (f *function) qualified(s *Service, n name) error {
	q := n.qualifier
	if q == "" || q == latest || f.versions[q] != nil || f.aliases[q] != nil {
		return nil
	}
	if isNumber(q) || !aliasForm.MatchString(q) {
		return noFunction(s.nameARN(n))
	}
	return noAlias(s.nameARN(n))
}

func noAlias(arn string) *awswire.Error { return notFound("Cannot find alias arn: %s", arn) }

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 64)
	return err == nil
}
