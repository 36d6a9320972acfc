// Package s3 is Amazon S3: buckets, objects and their versions, multipart
// uploads, and the settings of buckets.
//
// Bodies are files, everything else is in the store. A body is complete on disk
// (synced, renamed) before the record that names it is committed, so a crash
// leaves no half object; files that no record names are removed at the start.
// Uploads and downloads stream: memory does not grow with the object. A multipart
// upload's parts are not copied together: the object is the list of its parts,
// and a copy of an object shares its files by hard link.
//
//	bucket      key                        value
//	s3/bucket   name                       the bucket: region, versioning, settings, tags
//	s3/object   bucket, key, ^sequence     one version; the first of a key is the current one
//	s3/upload   bucket, key, upload id     a multipart upload under way
//	s3/part     upload id, number          one of its parts
//	s3/outbox   sequence                   an event still to be published
//	s3/counter  "sequence"                 the last sequence number
//
// One table ([operations]) has every operation, with its route, what the caller
// must be allowed to do, and its handler. The wire (wire.go) and in-process
// callers (awswire.Server.Call) run the same handlers.
//
// Lifecycle expiry runs on the injected clock; the expiry of presigned URLs on
// the wall clock. Encryption is recorded and answered, not performed. The
// signatures of single chunks of a streaming upload are not verified: the
// request's own signature and the body's checksum are. Access control lists
// other than the owner's, website hosting, replication, object lock, browser
// uploads by POST and keys provided by the customer are refused. Start at
// operations.go.
package s3

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

// Caller is the in-process form of AWS's operations (awswire.Server).
type Caller interface {
	Call(ctx context.Context, as awswire.Identity, service, operation string, params jsonvalue.Value) (jsonvalue.Value, error)
}

// Config is what the service needs.
type Config struct {
	Account, Region string
	Store           *store.Store
	Clock           clock.Clock
	Dir             string             // of the bodies; empty: a temporary one, removed by Close
	Authorizer      awswire.Authorizer // nil: everything is allowed
	Caller          Caller             // publishes events; nil: nobody hears them
	Log             *slog.Logger       // nil: the default one
}

// Service is S3.
type Service struct {
	Config
	files  *files
	table  []operation
	events *publisher
	expiry *expirer
}

// New returns the service: it makes the folder of the bodies and removes what an
// earlier process left unfinished there.
func New(cfg Config) (*Service, error) {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.Real()
	}
	s := &Service{Config: cfg}
	var err error
	if s.files, err = openFiles(cfg.Dir); err != nil {
		return nil, err
	}
	if err := s.sweep(); err != nil {
		return nil, err
	}
	s.table = operations(s)
	s.events = newPublisher(s)
	s.expiry = &expirer{service: s}
	return s, nil
}

// Start takes up what an earlier process left: events to publish, objects to
// expire. Call it when the other services can be reached.
func (s *Service) Start() error {
	s.events.start()
	return s.expiry.start()
}

// Close stops the work in the background; what it has not done is stored.
func (s *Service) Close() {
	s.expiry.stop()
	s.events.stop()
	if err := s.files.close(); err != nil {
		s.Log.Warn("the temporary folder of S3 could not be removed", "error", err)
	}
}

// API lists the operations.
func (s *Service) API() awswire.Service {
	svc := awswire.Service{Name: "s3", Protocol: awswire.Raw, AccessDenied: "AccessDenied", Errors: statuses, Handler: http.HandlerFunc(s.serve)}
	for _, op := range s.table {
		svc.Operations = append(svc.Operations, op.wire)
	}
	return svc
}

// arnPrefix begins the ARN of a bucket.
const arnPrefix = "arn:aws:s3:::"

// Policy returns the policy of the bucket that an ARN of a bucket or object
// names, for the authorizer; "" if it has none.
func (s *Service) Policy(arn string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(arn, arnPrefix), "/")
	policy := ""
	_ = s.Store.View(func(r store.Reader) error {
		if b, ok := loadBucket(r, name); ok {
			policy = b.Policy
		}
		return nil
	})
	return policy
}
