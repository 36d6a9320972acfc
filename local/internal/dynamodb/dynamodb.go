// Package dynamodb is Amazon DynamoDB with DynamoDB Streams: tables with global
// and local indexes, all operations on items with conditions and updates,
// transactions, batches, pagination, parallel scans, TTL and streams.
//
// Everything lies in the store; a write is on disk before its caller hears so.
// Writes run one after the other in the store's one line of updates, so a
// condition that held still holds when its write happens, and an item, its index
// entries and its stream record are written together or not at all.
//
//	bucket                    key                        value
//	dynamodb/table            name                       the table's definition (table.go)
//	dynamodb/item/ID          key of the item (key.go)   the item (codec.go)
//	dynamodb/item/ID/INDEX    key in the index           the item's key
//	dynamodb/expiry/ID        second of expiry, key      (empty) items that TTL will delete
//	dynamodb/stream           ARN                        the stream's description (stream.go)
//	dynamodb/record/ARN       sequence number            a stream record
//	dynamodb/token            client request token       what the transaction was (transact.go)
//	dynamodb/garbage          bucket                     (empty) to be emptied: of a deleted table
//
// Where AWS is eventually consistent this is always consistent: indexes, streams
// and reads see every finished write. Tables and indexes are ACTIVE when the
// call that makes them returns. A stream has one shard while it is enabled.
// Provisioned throughput is described and never throttles.
//
// Not offered, and refused by name (awswire does): PartiQL, backups and restore, exports and
// imports, global tables, Kinesis destinations, contributor insights.
//
// Start at [New] and [Service.API]; a request goes through decode.go and
// constrain.go, then request.go, then write.go or read.go.
package dynamodb

import (
	"crypto/rand"
	"encoding/hex"
	"sync"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/store"
)

const (
	bucketTables  = "dynamodb/table"
	bucketItems   = "dynamodb/item/"
	bucketExpiry  = "dynamodb/expiry/"
	bucketStreams = "dynamodb/stream"
	bucketRecords = "dynamodb/record/"
	bucketTokens  = "dynamodb/token"
	bucketGarbage = "dynamodb/garbage"
)

// Config is what the service needs.
type Config struct {
	Account, Region string
	Store           *store.Store
	Clock           clock.Clock
	// StreamWritten, if set, is called after records came into a stream, so that
	// its readers need not poll. It must not call the service before it returns.
	StreamWritten func(streamARN string)
	// Consumed, if set, hears what each request costs, in capacity units.
	Consumed func(tableARN string, read, write float64)
}

// Service is DynamoDB.
type Service struct {
	Config

	// mu guards tables. Whoever reads or writes items holds it for reading until
	// the store is done, whoever changes a table for writing.
	mu      sync.RWMutex
	tables  map[string]*table
	streams streamSet
	expiry  expiryTimer
	tokens  tokens
}

// New returns the service, with what the store holds.
func New(cfg Config) (*Service, error) {
	s := &Service{Config: cfg, tables: map[string]*table{}}
	if err := s.load(); err != nil {
		return nil, err
	}
	if err := s.sweep(); err != nil {
		return nil, err
	}
	return s, s.planExpiry()
}

// Close stops the timers. The store is its owner's to close.
func (s *Service) Close() { s.expiry.stop() }

// op is an operation whose input is read by decode.go.
func op[In, Out any](name string, access func(in *In) []awswire.Access, do operation[In, Out]) awswire.Operation {
	return awswire.Op(name,
		func(r *input[In]) []awswire.Access { return access(&r.in) },
		do.checked)
}

// newID returns a UUID.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
