package s3

// This file defines lifecycle configurations and the expiry they cause, under the
// injected clock. Transitions to other storage classes are stored, not performed.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/store"
)

type lifecycle struct {
	Rules []lifecycleRule `json:"Rules" xml:"Rule"`
}

type lifecycleRule struct {
	ID                             string                 `json:"ID,omitempty" xml:"ID,omitempty"`
	Status                         string                 `json:"Status" xml:"Status"`
	Prefix                         *string                `json:"Prefix,omitempty" xml:"Prefix"`
	Filter                         *lifecycleFilter       `json:"Filter,omitempty" xml:"Filter"`
	Expiration                     *expiration            `json:"Expiration,omitempty" xml:"Expiration"`
	Transitions                    []transition           `json:"Transitions,omitempty" xml:"Transition"`
	NoncurrentVersionExpiration    *noncurrentExpiration  `json:"NoncurrentVersionExpiration,omitempty" xml:"NoncurrentVersionExpiration"`
	NoncurrentVersionTransitions   []noncurrentTransition `json:"NoncurrentVersionTransitions,omitempty" xml:"NoncurrentVersionTransition"`
	AbortIncompleteMultipartUpload *abortIncomplete       `json:"AbortIncompleteMultipartUpload,omitempty" xml:"AbortIncompleteMultipartUpload"`
}

type lifecycleFilter struct {
	lifecycleBounds
	Prefix *string       `json:"Prefix,omitempty" xml:"Prefix"`
	Tag    *tag          `json:"Tag,omitempty" xml:"Tag"`
	And    *lifecycleAnd `json:"And,omitempty" xml:"And"`
}

type lifecycleBounds struct {
	ObjectSizeGreaterThan *int64 `json:"ObjectSizeGreaterThan,omitempty" xml:"ObjectSizeGreaterThan"`
	ObjectSizeLessThan    *int64 `json:"ObjectSizeLessThan,omitempty" xml:"ObjectSizeLessThan"`
}

type lifecycleAnd struct {
	lifecycleBounds
	Prefix *string `json:"Prefix,omitempty" xml:"Prefix"`
	Tags   []tag   `json:"Tags,omitempty" xml:"Tag"`
}

type expiration struct {
	Date                      *moment `json:"Date,omitempty" xml:"Date"`
	Days                      int     `json:"Days,omitempty" xml:"Days,omitempty"`
	ExpiredObjectDeleteMarker bool    `json:"ExpiredObjectDeleteMarker,omitempty" xml:"ExpiredObjectDeleteMarker,omitempty"`
}

type transition struct {
	Date         *moment `json:"Date,omitempty" xml:"Date"`
	Days         *int    `json:"Days,omitempty" xml:"Days"`
	StorageClass string  `json:"StorageClass" xml:"StorageClass"`
}

type noncurrentExpiration struct {
	NoncurrentDays          int `json:"NoncurrentDays,omitempty" xml:"NoncurrentDays,omitempty"`
	NewerNoncurrentVersions int `json:"NewerNoncurrentVersions,omitempty" xml:"NewerNoncurrentVersions,omitempty"`
}

type noncurrentTransition struct {
	noncurrentExpiration
	StorageClass string `json:"StorageClass" xml:"StorageClass"`
}

type abortIncomplete struct {
	DaysAfterInitiation int `json:"DaysAfterInitiation" xml:"DaysAfterInitiation"`
}

type putLifecycleInput struct {
	atBucket
	LifecycleConfiguration             *lifecycle `json:"LifecycleConfiguration" http:"payload=LifecycleConfiguration"`
	TransitionDefaultMinimumObjectSize string     `json:"TransitionDefaultMinimumObjectSize,omitempty" http:"header=X-Amz-Transition-Default-Minimum-Object-Size"`
}

type minimumSizeOutput struct {
	TransitionDefaultMinimumObjectSize string `json:"TransitionDefaultMinimumObjectSize,omitempty" http:"header=X-Amz-Transition-Default-Minimum-Object-Size"`
}

type lifecycleOutput struct {
	XMLName xml.Name `json:"-" xml:"http://s3.amazonaws.com/doc/2006-03-01/ LifecycleConfiguration"`
	lifecycle
	TransitionDefaultMinimumObjectSize string `json:"TransitionDefaultMinimumObjectSize,omitempty" xml:"-" http:"header=X-Amz-Transition-Default-Minimum-Object-Size"`
}

const (
	settingLifecycle   = "lifecycle"
	settingMinimumSize = "lifecycle.minimumSize"
	defaultMinimumSize = "all_storage_classes_128K"
)

func (s *Service) putBucketLifecycle(_ context.Context, in *putLifecycleInput) (*minimumSizeOutput, error) {
	if in.LifecycleConfiguration == nil {
		return nil, errXML()
	}
	size := in.TransitionDefaultMinimumObjectSize
	if size == "" {
		size = defaultMinimumSize
	}
	if size != defaultMinimumSize && size != "varies_by_storage_class" {
		return nil, errRequest("Invalid TransitionDefaultMinimumObjectSize found: %s", size)
	}
	if err := in.LifecycleConfiguration.check(); err != nil {
		return nil, err
	}
	_, err := s.changeBucket(in.Bucket, func(b *bucket) error {
		keep(b, settingLifecycle, in.LifecycleConfiguration)
		keep(b, settingMinimumSize, size)
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.expiry.soon()
	return &minimumSizeOutput{size}, nil
}

func (s *Service) getBucketLifecycle(_ context.Context, in *bucketInput) (*lifecycleOutput, error) {
	b, err := s.bucket(in.Bucket)
	if err != nil {
		return nil, err
	}
	c, size := setting[lifecycle](b, settingLifecycle), setting[string](b, settingMinimumSize)
	if c == nil || size == nil {
		return nil, newError("NoSuchLifecycleConfiguration", "BucketName", b.Name)
	}
	return &lifecycleOutput{lifecycle: *c, TransitionDefaultMinimumObjectSize: *size}, nil
}

func (s *Service) deleteBucketLifecycle(_ context.Context, in *bucketInput) (*nothing, error) {
	return s.deleteSetting(in.Bucket, settingLifecycle)
}

// check validates a configuration and names the rules that have no name.
func (c *lifecycle) check() error {
	if len(c.Rules) == 0 || len(c.Rules) > 1000 {
		return errXML()
	}
	ids := map[string]bool{}
	for i := range c.Rules {
		r := &c.Rules[i]
		if r.ID == "" {
			r.ID = newVersionID()
		}
		if ids[r.ID] {
			return errArgument("ID", r.ID, "Rule ID must be unique. Found same ID for more than one rule")
		}
		ids[r.ID] = true
		if err := r.check(); err != nil {
			return err
		}
	}
	return nil
}

func (r *lifecycleRule) check() error {
	if r.Status != "Enabled" && r.Status != "Disabled" || r.Filter != nil && r.Prefix != nil || r.Filter == nil && r.Prefix == nil {
		return errXML()
	}
	if n := r.NoncurrentVersionExpiration; n != nil && n.NoncurrentDays <= 0 {
		return errXML()
	}
	if r.Expiration == nil && r.Transitions == nil && r.NoncurrentVersionExpiration == nil && r.NoncurrentVersionTransitions == nil && r.AbortIncompleteMultipartUpload == nil {
		return errRequest("At least one action needs to be specified in a rule.")
	}
	if e := r.Expiration; e != nil {
		given := 0
		for _, is := range []bool{e.Date != nil, e.Days != 0, e.ExpiredObjectDeleteMarker} {
			if is {
				given++
			}
		}
		switch {
		case given != 1:
			return errXML()
		case e.Days < 0:
			return errArgument("Days", fmt.Sprint(e.Days), "'Days' for Expiration action must be a positive integer")
		case e.Date != nil && !e.Date.Equal(e.Date.UTC().Truncate(24*time.Hour)):
			return errArgument("Date", e.Date.UTC().Format(isoMillis), "'Date' must be at midnight GMT")
		}
	}
	if r.Filter != nil && r.Filter.And != nil {
		if r.Filter.Prefix != nil || r.Filter.Tag != nil || r.Filter.lifecycleBounds != (lifecycleBounds{}) {
			return errXML() // And is alone, or absent
		}
		seen := map[string]bool{}
		for _, t := range r.Filter.And.Tags {
			if seen[t.Key] {
				return errRequest("Duplicate Tag Keys are not allowed.")
			}
			seen[t.Key] = true
		}
	}
	return nil
}

// appliesTo tells whether a rule speaks of an object with this key, size and tags.
func (r *lifecycleRule) appliesTo(key string, size int64, tags []tag) bool {
	if r.Status != "Enabled" {
		return false
	}
	hasPrefix := func(p *string) bool { return p == nil || strings.HasPrefix(key, *p) }
	within := func(b lifecycleBounds) bool {
		return (b.ObjectSizeGreaterThan == nil || size > *b.ObjectSizeGreaterThan) && (b.ObjectSizeLessThan == nil || size < *b.ObjectSizeLessThan)
	}
	if !hasPrefix(r.Prefix) {
		return false
	}
	f := r.Filter
	if f == nil {
		return true
	}
	if !hasPrefix(f.Prefix) || !within(f.lifecycleBounds) || f.Tag != nil && !slices.Contains(tags, *f.Tag) {
		return false
	}
	if f.And == nil {
		return true
	}
	for _, t := range f.And.Tags {
		if !slices.Contains(tags, t) {
			return false
		}
	}
	return hasPrefix(f.And.Prefix) && within(f.And.lifecycleBounds)
}

// midnight is the next midnight UTC after so many days: AWS expires objects then.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html#intro-lifecycle-rules-number-of-days
func midnight(t time.Time, days int) time.Time {
	t = t.UTC().AddDate(0, 0, days)
	day := t.Truncate(24 * time.Hour)
	if day.Equal(t) {
		return day
	}
	return day.AddDate(0, 0, 1)
}

// due is when the current version o expires, and by which rule; zero if never.
func (c *lifecycle) due(o *object) (at time.Time, rule string) {
	for _, r := range c.Rules {
		e := r.Expiration
		if e == nil || e.Date == nil && e.Days == 0 || !r.appliesTo(o.Key, o.Size, o.Tags) {
			continue
		}
		t := midnight(o.Modified, e.Days)
		if e.Date != nil {
			t = e.Date.Time
		}
		if at.IsZero() || t.Before(at) {
			at, rule = t, r.ID
		}
	}
	return at, rule
}

// expiration is the header that tells when an object will expire.
func (b *bucket) expiration(o *object) string {
	c := setting[lifecycle](b, settingLifecycle)
	if c == nil {
		return ""
	}
	at, rule := c.due(o)
	if at.IsZero() {
		return ""
	}
	return fmt.Sprintf(`expiry-date="%s", rule-id="%s"`, at.UTC().Format(httpTime), rule)
}

// expirer deletes what is due. It has one timer, at the earliest time that
// anything is.
type expirer struct {
	service *Service

	mu     sync.Mutex
	timer  *clock.Timer
	next   time.Time
	closed bool
}

func (x *expirer) start() error {
	x.soon()
	return nil
}

// soon looks at all buckets at once.
func (x *expirer) soon() { x.schedule(x.service.Clock.Now()) }

// note takes a new version into account.
func (x *expirer) note(b *bucket, o *object) {
	if c := setting[lifecycle](b, settingLifecycle); c != nil {
		if b.Versioning != "" {
			x.soon() // an older version may be due by it
		} else if at, _ := c.due(o); !at.IsZero() {
			x.schedule(at)
		}
	}
}

func (x *expirer) schedule(at time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed || x.timer != nil && !at.Before(x.next) {
		return
	}
	x.timer.Stop()
	x.next = at
	x.timer = x.service.Clock.Background(at.Sub(x.service.Clock.Now()), x.run)
}

func (x *expirer) stop() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.closed = true
	x.timer.Stop()
}

// run expires what is due and sets the timer for the rest.
func (x *expirer) run() {
	x.mu.Lock()
	x.timer = nil
	x.mu.Unlock()
	next, err := x.service.expire(x.service.Clock.Now())
	if errors.Is(err, store.ErrClosed) {
		return
	}
	if err != nil {
		x.service.Log.Error("objects could not be expired", "error", err)
	}
	if !next.IsZero() {
		x.schedule(next)
	}
}

// expire deletes what is due at now and returns when more is.
func (s *Service) expire(now time.Time) (next time.Time, err error) {
	var buckets []*bucket
	err = s.Store.View(func(r store.Reader) error {
		for name := range r.Scan(bucketBucket, "", "") {
			if b, ok := loadBucket(r, name); ok && setting[lifecycle](b, settingLifecycle) != nil {
				buckets = append(buckets, b)
			}
		}
		return nil
	})
	for _, b := range buckets {
		p := &purge{service: s, bucket: b, rules: setting[lifecycle](b, settingLifecycle), now: now}
		err = errors.Join(err, p.run())
		if !p.next.IsZero() && (next.IsZero() || p.next.Before(next)) {
			next = p.next
		}
	}
	return next, err
}

// purge applies a bucket's rules once.
type purge struct {
	service *Service
	bucket  *bucket
	rules   *lifecycle
	now     time.Time
	next    time.Time
	gone    []segment
}

// due tells whether t has come; if not, it is remembered.
func (p *purge) due(t time.Time) bool {
	if !t.After(p.now) {
		return true
	}
	if p.next.IsZero() || t.Before(p.next) {
		p.next = t
	}
	return false
}

// run deletes what is due, all of it in one update.
func (p *purge) run() error {
	s := p.service
	ctx := awswire.WithCaller(context.Background(), awswire.ServicePrincipal(s.Account, "s3.amazonaws.com", arnOf(p.bucket.Name, "")))
	err := s.Store.Update(func(tx *store.Tx) error {
		for group := range keys(tx, p.bucket.Name, "") {
			if err := p.apply(ctx, tx, group); err != nil {
				return err
			}
		}
		for _, u := range uploadsOf(tx, p.bucket.Name) {
			for _, r := range p.rules.Rules {
				if a := r.AbortIncompleteMultipartUpload; a != nil && r.appliesTo(u.Key, 0, nil) && p.due(midnight(u.Initiated, a.DaysAfterInitiation)) {
					p.gone = append(p.gone, dropUpload(tx, u)...)
					break
				}
			}
		}
		return nil
	})
	if err == nil {
		s.files.remove(p.gone)
		s.events.wake()
	}
	return err
}

// apply judges one key.
func (p *purge) apply(ctx context.Context, tx *store.Tx, group []*object) error {
	drop := func(o *object, version string) error {
		_, gone, err := p.service.remove(ctx, tx, p.bucket, o.Key, version, "Lifecycle Expiration")
		p.gone = append(p.gone, gone...)
		return err
	}
	for i, o := range group[1:] {
		if p.noncurrentDue(o, i, group[i].Modified) {
			if err := drop(o, o.Version); err != nil {
				return err
			}
		}
	}
	now := group[0]
	if now.Marker {
		if len(group) == 1 && slices.ContainsFunc(p.rules.Rules, func(r lifecycleRule) bool {
			return r.Expiration != nil && r.Expiration.ExpiredObjectDeleteMarker && r.appliesTo(now.Key, 0, nil)
		}) {
			return drop(now, now.Version)
		}
		return nil
	}
	if at, _ := p.rules.due(now); !at.IsZero() && p.due(at) {
		return drop(now, "")
	}
	return nil
}

// noncurrentDue tells whether a version that ceased to be current at `since` and
// has `newer` noncurrent versions above it is to go.
func (p *purge) noncurrentDue(o *object, newer int, since time.Time) bool {
	for _, r := range p.rules.Rules {
		e := r.NoncurrentVersionExpiration
		if e != nil && newer >= e.NewerNoncurrentVersions && r.appliesTo(o.Key, o.Size, o.Tags) && p.due(midnight(since, e.NoncurrentDays)) {
			return true
		}
	}
	return false
}
