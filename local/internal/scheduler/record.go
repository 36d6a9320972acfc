package scheduler

// This file defines schedules and their operations.

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/schedule"
	"github.com/stepworks/stepworks/local/internal/store"
)

// record is the record of a schedule.
type record struct {
	Group, Name       string
	Description       string
	Expression, Zone  string
	From, To          time.Time // zero: no bound
	Window            flexibleWindow
	State             string
	After             string // ActionAfterCompletion
	KmsKey            string // shown, and nothing else
	Token             string // of the request that created it
	Target            Target
	Created, Modified time.Time

	Due  time.Time // by the expression; zero when it is not due any more
	Fire time.Time // within the flexible window behind Due
}

func (x record) key() string { return store.Key(x.Group, x.Name) }

// States and actions.
const (
	enabled      = "ENABLED"
	deleteAfter  = "DELETE"
	flexibleMode = "FLEXIBLE"
)

type flexibleWindow struct {
	Mode    string `json:"Mode" check:"required,enum=OFF|FLEXIBLE"`
	Minutes *int   `json:"MaximumWindowInMinutes,omitzero" check:"min=1,max=1440"`
}

type scheduleInput struct {
	Name                       string          `json:"Name" http:"path" check:"required,min=1,max=64,pattern=[0-9a-zA-Z-_.]+"`
	GroupName                  string          `json:"GroupName" check:"min=1,max=64,pattern=[0-9a-zA-Z-_.]+"`
	Description                string          `json:"Description" check:"max=512"`
	ScheduleExpression         string          `json:"ScheduleExpression" check:"required,min=1,max=256"`
	ScheduleExpressionTimezone string          `json:"ScheduleExpressionTimezone" check:"min=1,max=50"`
	StartDate                  *awswire.Time   `json:"StartDate"`
	EndDate                    *awswire.Time   `json:"EndDate"`
	State                      string          `json:"State" check:"enum=ENABLED|DISABLED"`
	FlexibleTimeWindow         *flexibleWindow `json:"FlexibleTimeWindow" check:"required"`
	Target                     *Target         `json:"Target" check:"required"`
	ActionAfterCompletion      string          `json:"ActionAfterCompletion" check:"enum=NONE|DELETE"`
	KmsKeyArn                  string          `json:"KmsKeyArn"`
	ClientToken                string          `json:"ClientToken"`
}

func (in *scheduleInput) group() string { return orDefault(in.GroupName) }

// record makes the record of a request, and plans when it is due.
func (s *Service) record(in *scheduleInput, created time.Time) (record, error) {
	x := record{Group: in.group(), Name: in.Name, Description: in.Description, Expression: in.ScheduleExpression, Zone: in.ScheduleExpressionTimezone,
		From: timeOf(in.StartDate), To: timeOf(in.EndDate), Window: *in.FlexibleTimeWindow, State: in.State, After: in.ActionAfterCompletion,
		KmsKey: in.KmsKeyArn, Token: in.ClientToken, Target: *in.Target, Created: created, Modified: s.Clock.Now()}
	if x.Zone == "" {
		x.Zone = "UTC"
	}
	if x.State == "" {
		x.State = enabled
	}
	if x.After == "" {
		x.After = "NONE"
	}
	if err := x.check(); err != nil {
		return x, err
	}
	return x, x.plan(x.Modified.Add(-time.Nanosecond))
}

func (x record) check() error {
	if _, err := time.LoadLocation(x.Zone); err != nil || x.Zone == "Local" {
		return invalid("Invalid Schedule Expression Timezone %s.", x.Zone)
	}
	if _, err := x.parsed(); err != nil {
		return invalid("Invalid Schedule Expression %s.", x.Expression)
	}
	flexible := x.Window.Mode == flexibleMode
	switch {
	case flexible && x.Window.Minutes == nil:
		return invalid("MaximumWindowInMinutes must be provided when FlexibleTimeWindow is FLEXIBLE.")
	case !flexible && x.Window.Minutes != nil:
		return invalid("MaximumWindowInMinutes must not be provided when FlexibleTimeWindow is OFF.")
	case !x.To.IsZero() && !x.From.Before(x.To):
		return invalid("The EndDate must be after the StartDate.")
	}
	return x.Target.check()
}

func (x record) parsed() (schedule.Schedule, error) {
	zone, err := time.LoadLocation(x.Zone)
	if err != nil {
		return schedule.Schedule{}, err
	}
	return schedule.Parse(x.Expression, zone)
}

type scheduleARNOutput struct {
	ScheduleArn string `json:"ScheduleArn"`
}

// createSchedule answers a repeated request, which has the same token, as the first.
func (s *Service) createSchedule(_ context.Context, in *scheduleInput) (*scheduleARNOutput, error) {
	x, err := s.record(in, s.Clock.Now())
	if err != nil {
		return nil, err
	}
	err = s.Store.Update(func(tx *store.Tx) error {
		if _, err := groupOf(tx, x.Group); err != nil {
			return err
		}
		if old, found := get[record](tx, scheduleBucket, x.key()); found {
			if x.Token != "" && old.Token == x.Token {
				return nil
			}
			return conflict("Schedule", x.Name)
		}
		put(tx, scheduleBucket, x.key(), x)
		return nil
	})
	s.arm(x.Group, x.Name)
	return &scheduleARNOutput{s.scheduleARN(x.Group, x.Name)}, err
}

func (s *Service) updateSchedule(_ context.Context, in *scheduleInput) (*scheduleARNOutput, error) {
	err := s.Store.Update(func(tx *store.Tx) error {
		old, err := scheduleOf(tx, in.group(), in.Name)
		if err != nil {
			return err
		}
		x, err := s.record(in, old.Created)
		if err == nil {
			put(tx, scheduleBucket, x.key(), x)
		}
		return err
	})
	s.arm(in.group(), in.Name)
	return &scheduleARNOutput{s.scheduleARN(in.group(), in.Name)}, err
}

func scheduleOf(r store.Reader, group, name string) (record, error) {
	x, found := get[record](r, scheduleBucket, store.Key(group, name))
	if !found {
		return x, notFound("Schedule", name)
	}
	return x, nil
}

type nameInput struct {
	Name        string `json:"Name" http:"path" check:"required,min=1,max=64"`
	GroupName   string `json:"GroupName" http:"query=groupName"`
	ClientToken string `json:"ClientToken" http:"query=clientToken"`
}

type scheduleOutput struct {
	Arn                        string          `json:"Arn"`
	Name                       string          `json:"Name"`
	GroupName                  string          `json:"GroupName"`
	Description                string          `json:"Description,omitzero"`
	ScheduleExpression         string          `json:"ScheduleExpression,omitzero"`
	ScheduleExpressionTimezone string          `json:"ScheduleExpressionTimezone,omitzero"`
	StartDate                  awswire.Time    `json:"StartDate,omitzero"`
	EndDate                    awswire.Time    `json:"EndDate,omitzero"`
	State                      string          `json:"State"`
	FlexibleTimeWindow         *flexibleWindow `json:"FlexibleTimeWindow,omitzero"`
	ActionAfterCompletion      string          `json:"ActionAfterCompletion,omitzero"`
	KmsKeyArn                  string          `json:"KmsKeyArn,omitzero"`
	Target                     Target          `json:"Target"`
	CreationDate               awswire.Time    `json:"CreationDate"`
	LastModificationDate       awswire.Time    `json:"LastModificationDate"`
}

// listed is what ListSchedules shows of a schedule.
func (s *Service) listed(x record) scheduleOutput {
	return scheduleOutput{Arn: s.scheduleARN(x.Group, x.Name), Name: x.Name, GroupName: x.Group, State: x.State, Target: Target{Arn: x.Target.Arn},
		CreationDate: awswire.At(x.Created), LastModificationDate: awswire.At(x.Modified)}
}

func (s *Service) getSchedule(_ context.Context, in *nameInput) (*scheduleOutput, error) {
	return view(s.Store, func(r store.Reader) (*scheduleOutput, error) {
		x, err := scheduleOf(r, orDefault(in.GroupName), in.Name)
		out := s.listed(x)
		out.Description, out.ScheduleExpression, out.ScheduleExpressionTimezone = x.Description, x.Expression, x.Zone
		out.StartDate, out.EndDate, out.FlexibleTimeWindow = awswire.At(x.From), awswire.At(x.To), &x.Window
		out.ActionAfterCompletion, out.KmsKeyArn, out.Target = x.After, x.KmsKey, x.Target
		return &out, err
	})
}

func (s *Service) deleteSchedule(_ context.Context, in *nameInput) (*struct{}, error) {
	group := orDefault(in.GroupName)
	err := s.Store.Update(func(tx *store.Tx) error {
		x, err := scheduleOf(tx, group, in.Name)
		if err == nil {
			tx.Delete(scheduleBucket, x.key())
		}
		return err
	})
	s.arm(group, in.Name)
	return &struct{}{}, err
}

type listSchedulesInput struct {
	GroupName  string `json:"GroupName" http:"query=ScheduleGroup"`
	NamePrefix string `json:"NamePrefix" http:"query=NamePrefix"`
	State      string `json:"State" http:"query=State" check:"enum=ENABLED|DISABLED"`
	MaxResults int    `json:"MaxResults" http:"query=MaxResults" check:"min=1,max=100"`
	NextToken  string `json:"NextToken" http:"query=NextToken"`
}

type listSchedulesOutput struct {
	Schedules []scheduleOutput `json:"Schedules"`
	NextToken string           `json:"NextToken,omitzero"`
}

func (s *Service) listSchedules(_ context.Context, in *listSchedulesInput) (*listSchedulesOutput, error) {
	return view(s.Store, func(r store.Reader) (*listSchedulesOutput, error) {
		all := list[record](r, scheduleBucket)
		if in.GroupName != "" {
			if _, err := groupOf(r, in.GroupName); err != nil {
				return nil, err
			}
			all = list[record](r, scheduleBucket, in.GroupName)
		}
		all = slices.DeleteFunc(all, func(x record) bool {
			return !strings.HasPrefix(x.Name, in.NamePrefix) || in.State != "" && x.State != in.State
		})
		got, next := page(slices.Values(all), in.MaxResults, in.NextToken, func(x record) string { return x.Group + "/" + x.Name })
		out := &listSchedulesOutput{Schedules: []scheduleOutput{}, NextToken: next}
		for _, x := range got {
			out.Schedules = append(out.Schedules, s.listed(x))
		}
		return out, nil
	})
}
