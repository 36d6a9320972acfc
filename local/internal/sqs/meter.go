package sqs

// This file defines the metrics of the namespace AWS/SQS: what was sent, received
// and deleted, and how full a queue is. They are reported a second after a change
// and every minute, for queues that hold something or did a moment ago.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/store"
)

// Metrics is where CloudWatch metrics go.
type Metrics func(metric string, dimensions map[string]string, value float64, unit string)

const (
	reportAfter = time.Second
	reportEvery = time.Minute
	// reportOn is how long an empty queue is reported after the last thing that
	// happened to it, so that an alarm sees that it is empty. AWS does so for up to
	// six hours, which would make skipping a day expensive here.
	reportOn = 15 * time.Minute
)

// meter counts until the next report.
type meter struct {
	mu     sync.Mutex
	counts map[string]counts    // by queue
	active map[string]time.Time // by queue: when something happened to it
	filled map[string]bool      // the queues that held something when last looked at
	timer  *clock.Timer
	minute *clock.Timer
	closed bool
}

type counts struct{ sent, bytes, received, deleted, empty int }

func (c counts) plus(d counts) counts {
	return counts{c.sent + d.sent, c.bytes + d.bytes, c.received + d.received, c.deleted + d.deleted, c.empty + d.empty}
}

// Start begins to report, every minute, what queues hold.
func (s *Service) Start() {
	if s.Metrics != nil {
		s.lookAtAll()
		s.everyMinute()
	}
}

// Close ends the reports.
func (s *Service) Close() {
	m := &s.meter
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.timer.Stop()
	m.minute.Stop()
}

// count notes what happened to a queue, to be reported soon. An empty receive
// waits for the next report: nothing changed, and pollers would drive a virtual
// clock.
func (s *Service) count(queue string, c counts) {
	if s.Metrics == nil {
		return
	}
	m := &s.meter
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.counts == nil {
		m.counts = map[string]counts{}
	}
	if m.active == nil {
		m.active = map[string]time.Time{}
	}
	if c.empty == 0 {
		m.active[queue] = s.Clock.Now()
	}
	m.counts[queue] = m.counts[queue].plus(c)
	if m.timer == nil && !m.closed && c.empty == 0 {
		m.timer = s.Clock.AfterFunc(reportAfter, s.report)
	}
}

func (s *Service) report() {
	m := &s.meter
	m.mu.Lock()
	all := m.counts
	m.counts, m.timer = nil, nil
	s.armMinute()
	m.mu.Unlock()
	for queue, c := range all {
		s.reportCounts(queue, c)
	}
	s.reportLevels(slices.Collect(maps.Keys(all)))
}

func (s *Service) reportCounts(queue string, c counts) {
	dimensions := map[string]string{"QueueName": queue}
	for metric, n := range map[string]int{"NumberOfMessagesSent": c.sent, "NumberOfMessagesReceived": c.received, "NumberOfMessagesDeleted": c.deleted, "NumberOfEmptyReceives": c.empty} {
		s.Metrics(metric, dimensions, float64(n), "Count")
	}
	if c.sent > 0 {
		s.Metrics("SentMessageSize", dimensions, float64(c.bytes)/float64(c.sent), "Bytes")
	}
}

// level is how full a queue is, and when its oldest message was sent.
type level struct {
	*queue
	oldest time.Time
}

// reportLevels reports how full queues are; one that is gone is not. Nothing makes an
// empty queue hold something without being counted.
func (s *Service) reportLevels(names []string) {
	levels := make([]level, len(names))
	_ = s.Store.View(func(r store.Reader) error { // a closed store has nothing to report
		for i, name := range names {
			if q, err := mustQueue(r, name); err == nil {
				levels[i] = level{q, q.oldest(r)}
			}
		}
		return nil
	})
	for i, l := range levels {
		s.meter.note(names[i], l.queue != nil && l.held() > 0)
		if l.queue != nil {
			s.reportLevel(l)
		}
	}
}

func (s *Service) reportLevel(l level) {
	dimensions := map[string]string{"QueueName": l.Name}
	for metric, n := range map[string]int{"ApproximateNumberOfMessagesVisible": l.Ready, "ApproximateNumberOfMessagesDelayed": l.Delayed, "ApproximateNumberOfMessagesNotVisible": l.InFlight} {
		s.Metrics(metric, dimensions, float64(n), "Count")
	}
	age := 0.0
	if !l.oldest.IsZero() {
		age = s.Clock.Now().Sub(l.oldest).Seconds()
	}
	s.Metrics("ApproximateAgeOfOldestMessage", dimensions, age, "Seconds")
}

// oldest is when the queue's oldest message was sent.
func (q *queue) oldest(r store.Reader) time.Time {
	from, to := store.Prefix(q.Name)
	for key := range r.Scan(bucketMessage, from, to) {
		if m, ok := q.get(r, sequenceOf(key)); ok {
			return time.UnixMilli(m.Sent)
		}
	}
	return time.Time{}
}

func (q *queue) held() int { return q.Ready + q.Delayed + q.InFlight }

func (m *meter) note(queue string, holds bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.filled == nil {
		m.filled = map[string]bool{}
	}
	if holds {
		m.filled[queue] = true
	} else {
		delete(m.filled, queue)
	}
}

// worth returns the queues that hold something, or did a moment ago.
func (m *meter) worth(now time.Time) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	names := slices.Collect(maps.Keys(m.filled))
	for queue, at := range m.active {
		if now.Sub(at) > reportOn {
			delete(m.active, queue)
		}
		if !m.filled[queue] {
			names = append(names, queue)
		}
	}
	slices.Sort(names)
	return names
}

// lookAtAll finds the queues that hold something, as an earlier process left them.
func (s *Service) lookAtAll() {
	_ = s.Store.View(func(r store.Reader) error { // a closed store has nothing to report
		for name := range r.Scan(bucketQueue, "", "") {
			if q, ok := loadQueue(r, name); ok {
				s.meter.note(name, q.held() > 0)
			}
		}
		return nil
	})
}

// everyMinute reports all queues that hold something, or did a moment ago.
func (s *Service) everyMinute() {
	names := s.meter.worth(s.Clock.Now())
	s.reportLevels(names)
	m := &s.meter
	m.mu.Lock()
	defer m.mu.Unlock()
	m.minute = nil
	if len(names) > 0 { // else the next change arms it
		s.armMinute()
	}
}

// armMinute sets the timer of the next minute; s.meter.mu is held.
func (s *Service) armMinute() {
	if m := &s.meter; m.minute == nil && !m.closed {
		m.minute = s.Clock.Background(reportEvery, s.everyMinute)
	}
}
