package main

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/stepworks/stepworks/local/internal/stack"
)

func readPrices(t *testing.T) prices {
	var p prices
	if err := json.Unmarshal(priceFile, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestEveryPriceIsThere: a name that is misspelled would cost nothing.
func TestEveryPriceIsThere(t *testing.T) {
	p := readPrices(t)
	if _, err := time.Parse(time.DateOnly, p.AsOf); err != nil {
		t.Error("the prices need a date:", err)
	}
	v := reflect.ValueOf(p.Prices)
	for i := range v.NumField() {
		if v.Field(i).Float() <= 0 {
			t.Errorf("prices.json has no %s", v.Type().Field(i).Name)
		}
	}
}

// TestWhatAnOrderCosts is an example that was calculated by hand.
func TestWhatAnOrderCosts(t *testing.T) {
	use := stack.Usage{
		Transitions: 20, Express: 2, ExpressDuration: 32 * time.Second, Events: 6, ReadUnits: 8, WriteUnits: 48, LogBytes: 2e9,
		Functions: map[string]stack.FunctionUsage{"f": {Invocations: 4, Duration: 2 * time.Second}, "g": {Invocations: 2, Duration: time.Second}},
		Requests:  map[string]int{"sqs:SendMessage": 2, "s3:PutObject": 2, "s3:GetObject": 4, "lambda:InvokeFunction": 6, "dynamodb:PutItem": 2},
	}
	want := map[string]float64{
		"Step Functions state transitions": 10 * 25, "Step Functions Express requests": 1, "Step Functions Express GB-seconds": 16.6667, "Lambda invocations": 3 * 0.2, "Lambda GB-seconds": (0.25*2 + 0.5) / 2 * 13.3334, "EventBridge events": 3,
		"DynamoDB write units": 24 * 0.625, "DynamoDB read units": 4 * 0.125, "SQS requests": 0.4, "SNS requests": 0, "S3 writes": 5, "S3 reads": 0.8,
		"CloudWatch Logs GB": 0.5e6, "X-Ray traces": 5,
	}
	got := rows(use, readPrices(t), 2, map[string]float64{"f": 0.25, "g": 0.5})
	if len(got) != len(want) {
		t.Errorf("%d rows, not %d", len(got), len(want))
	}
	for _, r := range got {
		name := r.service + " " + r.what
		if dollars := r.each * r.price * million; math.Abs(dollars-want[name]) > 1e-6 {
			t.Errorf("a million orders' %s cost %g, not %g", name, dollars, want[name])
		}
	}
}
