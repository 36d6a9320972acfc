// Package cloudwatch is Amazon CloudWatch: metrics, metric math, alarms that
// notify, and dashboards.
//
// Data that came through the API is on disk before the caller hears so. What the
// local AWS itself counts ([Service.Count]) is summed in memory and stored about
// a second later, so counting costs an invocation next to nothing; every read
// sees it at once, and a kill may lose that second. Per minute a metric keeps
// count, sum, minimum, maximum and a bounded sample for percentiles, 15 days
// long; high resolution data also per second, 3 hours long. There is no roll-up
// to longer periods.
//
// Alarms are evaluated under the injected clock, at whole minutes. An alarm waits
// on a timer only while time alone could change its state: a pure function of the
// data in hand tells when. So an idle system has no timer of this package, and
// virtual time does not spin. A state change, its history and what must be told
// are one write: a kill between change and notification repeats the notification.
//
//	bucket                key                               value
//	cloudwatch/metric     namespace, name, dimensions       the metric
//	cloudwatch/minute     the metric's key, minute, unit    aggregate
//	cloudwatch/second     the metric's key, second, unit    aggregate
//	cloudwatch/alarm      name                              alarm
//	cloudwatch/history    name, time, number                history item
//	cloudwatch/outbox     number                            what must still be told
//	cloudwatch/dashboard  name                              dashboard
//	cloudwatch/tags       ARN                               tags
//
// Not offered, and refused by name: anomaly detection, SEARCH and Metrics
// Insights, metric streams, insight rules, alarm actions other than SNS topics.
// Start at [Service.API], [Service.Count] and evaluate.go.
package cloudwatch

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

const (
	bucketMetric    = "cloudwatch/metric"
	bucketMinute    = "cloudwatch/minute"
	bucketSecond    = "cloudwatch/second"
	bucketAlarm     = "cloudwatch/alarm"
	bucketHistory   = "cloudwatch/history"
	bucketOutbox    = "cloudwatch/outbox"
	bucketDashboard = "cloudwatch/dashboard"
	bucketTags      = "cloudwatch/tags"
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
	Caller          Caller       // reaches SNS and EventBridge; nil: alarms tell nobody
	Log             *slog.Logger // nil: the default one
}

// Service is CloudWatch.
type Service struct {
	Config
	pending pending
	watch   watch
	outbox  outbox
}

// New returns the service. [Service.Start] takes up what an earlier process left.
func New(cfg Config) *Service {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	s := &Service{Config: cfg}
	s.pending.data, s.pending.tails = map[point]*aggregate{}, map[string]*tail{}
	s.watch.init()
	return s
}

// Start schedules the alarms that an earlier process left and tells what it did
// not get to tell.
func (s *Service) Start() error {
	if err := s.watchAll(); err != nil {
		return err
	}
	s.tell(context.Background())
	return nil
}

// Close stores what was counted and ends the timers.
func (s *Service) Close() {
	s.watch.close()
	s.pending.close()
	s.flush()
}

// API lists the operations.
func (s *Service) API() awswire.Service {
	ops := []awswire.Operation{
		awswire.Op("PutMetricData", func(in *putMetricDataInput) []awswire.Access {
			return []awswire.Access{{Action: "cloudwatch:PutMetricData", Resource: "*", Context: map[string][]string{"cloudwatch:namespace": {in.Namespace}}}}
		}, s.putMetricData),
		anywhere("GetMetricData", s.getMetricData),
		anywhere("GetMetricStatistics", s.getMetricStatistics),
		anywhere("ListMetrics", s.listMetrics),
		awswire.Op("PutMetricAlarm", func(in *putMetricAlarmInput) []awswire.Access { return s.onAlarms("PutMetricAlarm", in.AlarmName) }, s.putMetricAlarm),
		awswire.Op("PutCompositeAlarm", func(in *putCompositeAlarmInput) []awswire.Access {
			return s.onAlarms("PutCompositeAlarm", in.AlarmName)
		}, s.putCompositeAlarm),
		awswire.Op("DeleteAlarms", func(in *alarmNamesInput) []awswire.Access { return s.onAlarms("DeleteAlarms", in.AlarmNames...) }, s.deleteAlarms),
		awswire.Op("EnableAlarmActions", func(in *alarmNamesInput) []awswire.Access { return s.onAlarms("EnableAlarmActions", in.AlarmNames...) }, s.switchActions(true)),
		awswire.Op("DisableAlarmActions", func(in *alarmNamesInput) []awswire.Access { return s.onAlarms("DisableAlarmActions", in.AlarmNames...) }, s.switchActions(false)),
		awswire.Op("SetAlarmState", func(in *setAlarmStateInput) []awswire.Access { return s.onAlarms("SetAlarmState", in.AlarmName) }, s.setAlarmState),
		anywhere("DescribeAlarms", s.describeAlarms),
		anywhere("DescribeAlarmsForMetric", s.describeAlarmsForMetric),
		anywhere("DescribeAlarmHistory", s.describeAlarmHistory),
		awswire.Op("PutDashboard", func(in *putDashboardInput) []awswire.Access { return s.onDashboards("PutDashboard", in.DashboardName) }, s.putDashboard),
		awswire.Op("GetDashboard", func(in *dashboardNameInput) []awswire.Access { return s.onDashboards("GetDashboard", in.DashboardName) }, s.getDashboard),
		awswire.Op("DeleteDashboards", func(in *deleteDashboardsInput) []awswire.Access {
			return s.onDashboards("DeleteDashboards", in.DashboardNames...)
		}, s.deleteDashboards),
		anywhere("ListDashboards", s.listDashboards),
		awswire.Op("TagResource", func(in *tagInput) []awswire.Access { return onARN("TagResource", in.ResourceARN) }, s.tag),
		awswire.Op("UntagResource", func(in *untagInput) []awswire.Access { return onARN("UntagResource", in.ResourceARN) }, s.untag),
		awswire.Op("ListTagsForResource", func(in *listTagsInput) []awswire.Access { return onARN("ListTagsForResource", in.ResourceARN) }, s.listTags),
	}
	return awswire.Service{Name: "cloudwatch", Signing: "monitoring", Protocol: awswire.JSON10, Target: "GraniteServiceVersion20100801", Version: "2010-08-01",
		Namespace: "com.amazonaws.cloudwatch.v2010_08_01", Errors: map[string]int{"ResourceNotFound": 404, "ResourceNotFoundException": 404, "DashboardNotFoundError": 404}, Operations: ops}
}

// anywhere makes an operation whose permission knows no resource.
func anywhere[In, Out any](name string, do func(context.Context, *In) (*Out, error)) awswire.Operation {
	return awswire.Op(name, func(*In) []awswire.Access { return []awswire.Access{{Action: "cloudwatch:" + name, Resource: "*"}} }, do)
}

func onARN(action, arn string) []awswire.Access {
	return []awswire.Access{{Action: "cloudwatch:" + action, Resource: arn}}
}

func (s *Service) onAlarms(action string, names ...string) []awswire.Access {
	var all []awswire.Access
	for _, name := range names {
		all = append(all, awswire.Access{Action: "cloudwatch:" + action, Resource: s.alarmARN(name)})
	}
	return all
}

func (s *Service) onDashboards(action string, names ...string) []awswire.Access {
	var all []awswire.Access
	for _, name := range names {
		all = append(all, awswire.Access{Action: "cloudwatch:" + action, Resource: s.dashboardARN(name)})
	}
	return all
}

func (s *Service) alarmARN(name string) string {
	return fmt.Sprintf("arn:aws:cloudwatch:%s:%s:alarm:%s", s.Region, s.Account, name)
}

func (s *Service) dashboardARN(name string) string {
	return fmt.Sprintf("arn:aws:cloudwatch::%s:dashboard/%s", s.Account, name)
}

// empty is the output of operations that answer nothing.
type empty struct{}

// queryCodes are the spellings of error codes in the query protocol, which the
// CLI shows and older SDKs match:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html#API_PutMetricData_Errors
var queryCodes = map[string]string{
	"InvalidParameterValueException":       "InvalidParameterValue",
	"InvalidParameterCombinationException": "InvalidParameterCombination",
	"MissingRequiredParameterException":    "MissingParameter",
	"DashboardInvalidInputError":           "InvalidParameterInput",
	"DashboardNotFoundError":               "ResourceNotFound",
	"InvalidFormatFault":                   "InvalidFormat",
	"LimitExceededFault":                   "LimitExceeded",
	"ValidationException":                  "ValidationError",
}

// fault is the door of this service's errors.
func fault(code, format string, args ...any) *awswire.Error {
	e := awswire.Errorf(code, format, args...)
	e.QueryCode = queryCodes[code]
	return e
}

func invalidValue(format string, args ...any) *awswire.Error {
	return fault("InvalidParameterValueException", format, args...)
}

func invalid(format string, args ...any) *awswire.Error {
	return fault("ValidationException", format, args...)
}

func wireTime(t time.Time) awswire.Time { return awswire.At(t) }
