package cloudwatch

// This file defines dashboards: stored as they are given, once their JSON holds
// together. https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

type dashboard struct {
	Body    string
	Changed time.Time
}

type tagPair struct {
	Key   string `json:"Key" check:"required,min=1,max=128"`
	Value string `json:"Value" check:"max=256"`
}

type putDashboardInput struct {
	DashboardName string    `json:"DashboardName" check:"required"`
	DashboardBody string    `json:"DashboardBody" check:"required"`
	Tags          []tagPair `json:"Tags"`
}

type validationMessage struct {
	DataPath string `json:"DataPath,omitzero"`
	Message  string `json:"Message"`
}

type putDashboardOutput struct {
	DashboardValidationMessages []validationMessage `json:"DashboardValidationMessages"`
}

var dashboardName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`)

func (s *Service) putDashboard(_ context.Context, in *putDashboardInput) (*putDashboardOutput, error) {
	if !dashboardName.MatchString(in.DashboardName) {
		return nil, fault("DashboardInvalidInputError", "The value %s for field DashboardName contains invalid characters. It can only contain alphanumerics, dash (-) and underscore (_).", in.DashboardName)
	}
	messages, err := checkDashboard(in.DashboardBody)
	if err != nil {
		return nil, err
	}
	return &putDashboardOutput{messages}, s.Store.Update(func(tx *store.Tx) error {
		tx.Put(bucketDashboard, in.DashboardName, encode(dashboard{in.DashboardBody, s.Clock.Now()}))
		addTags(tx, s.dashboardARN(in.DashboardName), in.Tags)
		return nil
	})
}

// checkDashboard refuses a body that is no dashboard, and warns of widgets of
// types that the console would not draw.
func checkDashboard(body string) ([]validationMessage, error) {
	invalidBody := func(path, text string) error {
		e := fault("DashboardInvalidInputError", "The field DashboardBody must be a valid JSON object: %s", text)
		e.Members = map[string]any{"dashboardValidationMessages": []map[string]string{{"DataPath": path, "Message": text}}}
		return e
	}
	v, err := jsonvalue.Parse([]byte(body))
	if err != nil {
		return nil, invalidBody("", err.Error())
	}
	o, ok := v.(*jsonvalue.Object)
	if !ok {
		return nil, invalidBody("", "the body is not an object")
	}
	list, _ := o.Get("widgets")
	widgets, ok := list.([]any)
	if !ok {
		return nil, invalidBody("/widgets", "Should have required property 'widgets', an array")
	}
	messages := []validationMessage{}
	for i, w := range widgets {
		path := fmt.Sprintf("/widgets/%d", i)
		widget, ok := w.(*jsonvalue.Object)
		if !ok {
			return nil, invalidBody(path, "Should be an object")
		}
		kind, _ := widget.Get("type")
		if !slices.Contains([]any{"metric", "text", "log", "alarm", "explorer", "custom"}, kind) {
			return nil, invalidBody(path+"/type", "Should be one of metric, text, log, alarm, explorer, custom")
		}
		if properties, _ := widget.Get("properties"); jsonvalue.Kind(properties) != "object" {
			return nil, invalidBody(path, "Should have required property 'properties', an object")
		} else if kind == "metric" && !properties.(*jsonvalue.Object).Has("metrics") && !properties.(*jsonvalue.Object).Has("annotations") {
			messages = append(messages, validationMessage{path + "/properties", "Should have the property 'metrics' or 'annotations': the widget shows nothing"})
		}
	}
	return messages, nil
}

type dashboardNameInput struct {
	DashboardName string `json:"DashboardName" check:"required"`
}

type getDashboardOutput struct {
	DashboardArn  string `json:"DashboardArn"`
	DashboardBody string `json:"DashboardBody"`
	DashboardName string `json:"DashboardName"`
}

func (s *Service) getDashboard(_ context.Context, in *dashboardNameInput) (*getDashboardOutput, error) {
	out := &getDashboardOutput{DashboardArn: s.dashboardARN(in.DashboardName), DashboardName: in.DashboardName}
	return out, s.Store.View(func(r store.Reader) error {
		d, err := loadDashboard(r, in.DashboardName)
		out.DashboardBody = d.Body
		return err
	})
}

func loadDashboard(r store.Reader, name string) (d dashboard, err error) {
	text, ok := r.Get(bucketDashboard, name)
	if !ok {
		return d, fault("DashboardNotFoundError", "Dashboard %s does not exist", name)
	}
	return d, json.Unmarshal(text, &d)
}

type deleteDashboardsInput struct {
	DashboardNames []string `json:"DashboardNames" check:"required"`
}

// deleteDashboards deletes all or, if one is missing, none, as AWS does.
func (s *Service) deleteDashboards(_ context.Context, in *deleteDashboardsInput) (*empty, error) {
	return &empty{}, s.Store.Update(func(tx *store.Tx) error {
		for _, name := range in.DashboardNames {
			if _, err := loadDashboard(tx, name); err != nil {
				return err
			}
			tx.Delete(bucketDashboard, name)
			tx.Delete(bucketTags, s.dashboardARN(name))
		}
		return nil
	})
}

type listDashboardsInput struct {
	DashboardNamePrefix string `json:"DashboardNamePrefix"`
	NextToken           string `json:"NextToken"`
}

type dashboardEntry struct {
	DashboardArn  string       `json:"DashboardArn"`
	DashboardName string       `json:"DashboardName"`
	LastModified  awswire.Time `json:"LastModified"`
	Size          int64        `json:"Size"`
}

type listDashboardsOutput struct {
	DashboardEntries []dashboardEntry `json:"DashboardEntries"`
	NextToken        string           `json:"NextToken,omitzero"`
}

const dashboardsPerPage = 1000

func (s *Service) listDashboards(_ context.Context, in *listDashboardsInput) (*listDashboardsOutput, error) {
	out := &listDashboardsOutput{DashboardEntries: []dashboardEntry{}}
	return out, s.Store.View(func(r store.Reader) error {
		for name, text := range r.Scan(bucketDashboard, max(in.DashboardNamePrefix, in.NextToken), store.After(in.DashboardNamePrefix)) {
			if len(out.DashboardEntries) == dashboardsPerPage {
				out.NextToken = name
				break
			}
			var d dashboard
			if err := json.Unmarshal(text, &d); err != nil {
				return err
			}
			out.DashboardEntries = append(out.DashboardEntries, dashboardEntry{s.dashboardARN(name), name, wireTime(d.Changed), int64(len(d.Body))})
		}
		return nil
	})
}
