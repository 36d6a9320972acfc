package stepfunctions

// This file defines how definitions are kept: each text once, by its hash, so
// that an execution goes on with the definition it began with whatever becomes
// of its machine, and ten thousand executions of it share one parsed machine.

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/store"
)

// definitionHash names a definition. The machine's type is part of it: what an
// express machine may contain differs.
func definitionHash(text, machineType string) string {
	sum := sha256.Sum256([]byte(text))
	return machineType[:1] + hex.EncodeToString(sum[:16])
}

func typeOfHash(hash string) asl.MachineType {
	if strings.HasPrefix(hash, "E") {
		return asl.Express
	}
	return asl.Standard
}

// definitionCache holds parsed definitions by hash.
type definitionCache struct {
	mu     sync.Mutex
	parsed map[string]*asl.Machine
}

// maxParsed bounds the cache. Running executions hold their machine anyway, so
// what is dropped is only parsed again when somebody asks.
const maxParsed = 1000

func (c *definitionCache) get(hash string) *asl.Machine {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.parsed[hash]
}

func (c *definitionCache) put(hash string, m *asl.Machine) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.parsed == nil || len(c.parsed) >= maxParsed {
		c.parsed = map[string]*asl.Machine{}
	}
	c.parsed[hash] = m
}

// parseDefinition checks a definition that a caller brought.
func (s *Service) parseDefinition(text, machineType string) (hash string, err error) {
	hash = definitionHash(text, machineType)
	if s.definitions.get(hash) != nil {
		return hash, nil
	}
	m, err := asl.Parse(text, asl.MachineType(machineType))
	if err != nil {
		return "", definitionError(err)
	}
	s.definitions.put(hash, m)
	return hash, nil
}

// definitionError tells of a definition's faults.
func definitionError(err error) error {
	if faults := (asl.Faults)(nil); errors.As(err, &faults) {
		return errDefinition(faults)
	}
	return err
}

// saveDefinition keeps a definition's text.
func saveDefinition(tx *store.Tx, hash, text string) {
	if _, ok := tx.Get(bucketDefinition, hash); !ok {
		tx.Put(bucketDefinition, hash, []byte(text))
	}
}

// definitionText returns the text of a hash that the store knows.
func definitionText(r store.Reader, hash string) string {
	text, _ := r.Get(bucketDefinition, hash)
	return string(text)
}

// machineOf returns the parsed definition of a stored hash.
func (s *Service) machineOf(hash string) (*asl.Machine, error) {
	if m := s.definitions.get(hash); m != nil {
		return m, nil
	}
	var text string
	err := s.Store.View(func(r store.Reader) error {
		text = definitionText(r, hash)
		return nil
	})
	if err != nil {
		return nil, err
	}
	m, err := asl.Parse(text, typeOfHash(hash))
	if err != nil {
		return nil, fmt.Errorf("stored definition %s: %w", hash, err)
	}
	s.definitions.put(hash, m)
	return m, nil
}
