package sqs

// This file defines queues' attributes: which there are, their limits and
// defaults. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/store"
)

// attribute is one row of the table of attributes that can be set.
type attribute struct {
	byDefault string // "" for none
	min, max  int    // of a number, when max > 0
	words     []string
	fifo      bool
}

var attributes = map[string]attribute{
	"DelaySeconds":                  {byDefault: "0", max: 900},
	"MaximumMessageSize":            {byDefault: "1048576", min: 1024, max: 1 << 20},
	"MessageRetentionPeriod":        {byDefault: "345600", min: 60, max: 1209600},
	"ReceiveMessageWaitTimeSeconds": {byDefault: "0", max: 20},
	"VisibilityTimeout":             {byDefault: "30", max: 43200},
	"SqsManagedSseEnabled":          {byDefault: "true", words: []string{"true", "false"}},
	"KmsMasterKeyId":                {},
	"KmsDataKeyReusePeriodSeconds":  {min: 60, max: 86400},
	"Policy":                        {},
	"RedrivePolicy":                 {},
	"RedriveAllowPolicy":            {},
	"FifoQueue":                     {words: []string{"true", "false"}, fifo: true},
	"ContentBasedDeduplication":     {words: []string{"true", "false"}, fifo: true},
	"DeduplicationScope":            {words: []string{"messageGroup", "queue"}, fifo: true},
	"FifoThroughputLimit":           {words: []string{"perQueue", "perMessageGroupId"}, fifo: true},
}

// fifoDefaults are what a new FIFO queue has on top.
var fifoDefaults = map[string]string{"ContentBasedDeduplication": "false", "DeduplicationScope": "queue", "FifoThroughputLimit": "perQueue"}

// checkAttributes judges attributes that a caller sets.
func (s *Service) checkAttributes(r store.Reader, q *queue, set map[string]string, creating bool) error {
	for _, name := range sortedNames(set) {
		if err := s.checkAttribute(r, q, name, set[name], creating); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) checkAttribute(r store.Reader, q *queue, name, value string, creating bool) error {
	a, ok := attributes[name]
	if !ok {
		return fault("InvalidAttributeName", "InvalidAttributeName", "Unknown Attribute %s.", name)
	}
	if a.fifo && !q.fifo() {
		if name == "DeduplicationScope" || name == "FifoThroughputLimit" {
			return fault("InvalidAttributeName", "InvalidAttributeName", "You can specify the %s only when FifoQueue is set to true.", name)
		}
		return fault("InvalidAttributeName", "InvalidAttributeName", "Unknown Attribute %s.", name)
	}
	if name == "FifoQueue" && (!creating || value != "true") {
		return fault("InvalidAttributeValue", "InvalidAttributeValue", "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.")
	}
	if value == "" { // unsets
		return nil
	}
	if a.max > 0 {
		if n, err := strconv.Atoi(value); err != nil || n < a.min || n > a.max {
			return errAttributeValue(name)
		}
	}
	if a.words != nil && !slices.Contains(a.words, value) {
		return errAttributeValue(name)
	}
	switch name {
	case "RedrivePolicy":
		return s.checkRedrive(r, q, value)
	case "Policy", "RedriveAllowPolicy":
		if !json.Valid([]byte(value)) {
			return errAttributeValue(name)
		}
	}
	return nil
}

func errAttributeValue(name string) error {
	return fault("InvalidAttributeValue", "InvalidAttributeValue", "Invalid value for the parameter %s.", name)
}

// redrivePolicy says where a message goes that was received too often.
type redrivePolicy struct {
	DeadLetterTargetArn string      `json:"deadLetterTargetArn"`
	MaxReceiveCount     json.Number `json:"maxReceiveCount"`
}

func (q *queue) redrive() (target string, after int, ok bool) {
	p, err := parseRedrive(q.Attributes["RedrivePolicy"])
	if err != nil || p.DeadLetterTargetArn == "" {
		return "", 0, false
	}
	n, err := p.MaxReceiveCount.Int64()
	return nameOfARN(p.DeadLetterTargetArn), int(n), err == nil
}

func parseRedrive(text string) (redrivePolicy, error) {
	var p redrivePolicy
	if text == "" {
		return p, nil
	}
	return p, json.Unmarshal([]byte(text), &p)
}

func (s *Service) checkRedrive(r store.Reader, q *queue, text string) error {
	bad := func(format string, args ...any) error {
		return errValue(text, "RedrivePolicy", fmt.Sprintf(format, args...))
	}
	p, err := parseRedrive(text)
	if err != nil {
		return bad("Redrive policy is not a valid JSON map.")
	}
	n, err := p.MaxReceiveCount.Int64()
	switch {
	case p.DeadLetterTargetArn == "":
		return bad("Redrive policy does not contain mandatory attribute: deadLetterTargetArn.")
	case p.MaxReceiveCount == "":
		return bad("Redrive policy does not contain mandatory attribute: maxReceiveCount.")
	case err != nil || n < 1 || n > 1000:
		return bad("Invalid value for maxReceiveCount: %s, valid values are from 1 to 1000 both inclusive.", p.MaxReceiveCount)
	case !strings.HasPrefix(p.DeadLetterTargetArn, "arn:"):
		return bad("Invalid value for deadLetterTargetArn.")
	}
	target := nameOfARN(p.DeadLetterTargetArn)
	if strings.HasSuffix(target, ".fifo") != q.fifo() {
		return bad("Dead letter queue must be same type of queue as the source.")
	}
	if _, ok := loadQueue(r, target); !ok && target != q.Name {
		return bad("Dead letter target does not exist.")
	}
	return nil
}

// apply sets checked attributes; an empty value unsets.
func (q *queue) apply(set map[string]string) {
	for name, value := range set {
		if value == "" {
			delete(q.Attributes, name)
			continue
		}
		q.Attributes[name] = value
		if name == "KmsMasterKeyId" {
			q.Attributes["SqsManagedSseEnabled"] = "false"
		}
	}
}

// number returns a numeric attribute, its default included.
func (q *queue) number(name string) int {
	n, _ := strconv.Atoi(q.value(name))
	return n
}

func (q *queue) seconds(name string) time.Duration {
	return time.Duration(q.number(name)) * time.Second
}

func (q *queue) value(name string) string {
	if v, ok := q.Attributes[name]; ok {
		return v
	}
	if q.fifo() {
		if v, ok := fifoDefaults[name]; ok {
			return v
		}
	}
	return attributes[name].byDefault
}

// all returns every attribute that GetQueueAttributes shows.
func (q *queue) all(arn string) map[string]string {
	all := map[string]string{
		"QueueArn":                              arn,
		"ApproximateNumberOfMessages":           strconv.Itoa(q.Ready),
		"ApproximateNumberOfMessagesDelayed":    strconv.Itoa(q.Delayed),
		"ApproximateNumberOfMessagesNotVisible": strconv.Itoa(q.InFlight),
		"CreatedTimestamp":                      fmt.Sprint(q.Created),
		"LastModifiedTimestamp":                 fmt.Sprint(q.Modified),
	}
	for name := range attributes {
		if v := q.value(name); v != "" {
			all[name] = v
		}
	}
	return all
}

func sortedNames(m map[string]string) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
