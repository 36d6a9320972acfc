package scheduler

// This file defines the metrics of the namespace AWS/Scheduler.
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/monitoring-cloudwatch.html

import (
	"strings"

	"github.com/stepworks/stepworks/local/internal/delivery"
)

// metricsOf are the metrics that grow by one with what happens to an invocation.
var metricsOf = map[delivery.Happening][]string{
	delivery.Delivered:     {"InvocationAttemptCount"},
	delivery.FailedForNow:  {"InvocationAttemptCount", "TargetErrorCount"},
	delivery.FailedForGood: {"InvocationAttemptCount", "TargetErrorCount", "InvocationDroppedCount"},
	delivery.Buried:        {"InvocationsSentToDeadLetterCount"},
	delivery.LetterLost:    {"InvocationsFailedToBeSentToDeadLetterCount"},
}

// count counts for the schedule's group, which its ARN names:
// ...:schedule/GROUP/NAME.
func (s *Service) count(r *delivery.Record, what delivery.Happening) {
	if s.Metrics == nil {
		return
	}
	_, path, _ := strings.Cut(r.As.Source, ":schedule/")
	group, _, _ := strings.Cut(path, "/")
	for _, metric := range metricsOf[what] {
		s.Metrics(metric, map[string]string{"ScheduleGroup": group}, 1)
		s.Metrics(metric, map[string]string{}, 1)
	}
}
