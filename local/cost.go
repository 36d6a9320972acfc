package main

// This file defines `cost`: it places orders on a local AWS that meters, and says
// what they would cost on AWS.

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eb "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/stack"
)

//go:embed prices.json
var priceFile []byte

// prices are dollars, dated.
type prices struct {
	AsOf   string
	Region string
	Prices struct {
		Transition, Invocation, GigabyteSecond, Event, ReadUnit, WriteUnit, SQS, SNS, S3Write, S3Read, LogGigabyte, Trace float64
		AlarmMetricMonth, DashboardMonth, ExpressRequest, ExpressGigabyteSecond                                           float64
	}
}

type costCommand struct {
	where
	Orders int `default:"50" help:"How many orders to place and divide by."`
}

// Run places orders and prints what they would cost.
func (c *costCommand) Run(ctx context.Context) error {
	var p prices
	if err := json.Unmarshal(priceFile, &p); err != nil {
		return fmt.Errorf("local/prices.json: %w", err)
	}
	if c.Orders < 1 || c.Orders > 1000 {
		return fmt.Errorf("--orders %d: give 1 to 1000", c.Orders)
	}
	meter := &stack.Meter{}
	s, err := stack.Start(ctx, stack.Options{Account: c.Account, Region: c.Region, Memory: true, Clock: clock.Real(), Log: c.logger(), Meter: meter})
	if err != nil {
		return err
	}
	defer s.Close()
	d := c.deployment(os.Stderr)
	d.Preferred = map[string]string{"PaymentDelay": "0s", "PaymentDeclinePercent": "0"}
	if err := s.Deploy(ctx, d); err != nil {
		return err
	}
	sdk, err := config.LoadDefaultConfig(ctx, config.WithRegion(c.Region), config.WithBaseEndpoint(s.URL()), config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("root", "root", "")))
	if err != nil {
		return err
	}
	shop := shop{sdk: sdk, prefix: c.Parameter["Prefix"], account: c.Account, region: c.Region}
	if err := shop.stock(ctx); err != nil {
		return err
	}
	if _, err := shop.place(ctx, "WARM", 3); err != nil { // so that no cold start is in what is measured
		return err
	}
	meter.Take()
	took, err := shop.place(ctx, "COST", c.Orders)
	if err != nil {
		return err
	}
	use := meter.Take()
	memory, fixed, err := shop.fixed(ctx, use, p)
	if err != nil {
		return err
	}
	report(use, p, c.Orders, memory, fixed, took)
	return nil
}

// shop places orders.
type shop struct {
	sdk                     aws.Config
	prefix, account, region string
}

func (s shop) stock(ctx context.Context) error {
	_, err := dynamodb.NewFromConfig(s.sdk).PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String(s.prefix + "Inventory"), Item: map[string]ddb.AttributeValue{
		"productId": &ddb.AttributeValueMemberS{Value: "MOUSE001"}, "quantity": &ddb.AttributeValueMemberN{Value: "1000000"}}})
	return err
}

// place publishes orders one after the other and waits for each to end. It
// returns how long their executions took altogether.
func (s shop) place(ctx context.Context, name string, orders int) (time.Duration, error) {
	bus, states := eventbridge.NewFromConfig(s.sdk), sfn.NewFromConfig(s.sdk)
	machine := fmt.Sprintf("arn:aws:states:%s:%s:stateMachine:%sOrderProcessingWorkflow", s.region, s.account, s.prefix)
	before, err := s.ended(ctx, states, machine)
	if err != nil {
		return 0, err
	}
	for i := range orders {
		detail := fmt.Sprintf(`{"status":"pending","orderData":{"orderId":"%s-%d","customerId":"CUST001","items":[{"productId":"MOUSE001","quantity":1,"price":29.99}],"totalAmount":29.99}}`, name, i)
		_, err := bus.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []eb.PutEventsRequestEntry{{EventBusName: aws.String(s.prefix + "ecommerce-orders"),
			Source: aws.String("ecommerce.orders"), DetailType: aws.String("Order Placed"), Detail: &detail}}})
		if err != nil {
			return 0, err
		}
	}
	for range 600 {
		now, err := s.ended(ctx, states, machine)
		if err != nil {
			return 0, err
		}
		if len(now)-len(before) >= orders {
			return settled(ctx, now[:orders])
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return 0, errors.New("the orders do not end within a minute")
}

// settled adds up executions, all of which must have succeeded, and lets what
// they published reach its functions.
func settled(ctx context.Context, executions []sfntypes.ExecutionListItem) (took time.Duration, err error) {
	for _, x := range executions {
		if x.Status != sfntypes.ExecutionStatusSucceeded {
			return 0, fmt.Errorf("execution %s ended as %s", *x.Name, x.Status)
		}
		took += x.StopDate.Sub(*x.StartDate)
	}
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
	}
	return took, ctx.Err()
}

func (s shop) ended(ctx context.Context, states *sfn.Client, machine string) ([]sfntypes.ExecutionListItem, error) {
	var all []sfntypes.ExecutionListItem
	pages := sfn.NewListExecutionsPaginator(states, &sfn.ListExecutionsInput{StateMachineArn: &machine, MaxResults: 1000})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Executions...)
	}
	return slices.DeleteFunc(all, func(x sfntypes.ExecutionListItem) bool { return x.Status == sfntypes.ExecutionStatusRunning }), nil
}

// fixed is what stands still: the memory of functions in GB, and what the stack
// costs a month without any order.
func (s shop) fixed(ctx context.Context, use stack.Usage, p prices) (memory map[string]float64, month float64, err error) {
	memory = map[string]float64{}
	for name := range use.Functions {
		f, err := lambda.NewFromConfig(s.sdk).GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &name})
		if err != nil {
			return nil, 0, err
		}
		memory[name] = float64(aws.ToInt32(f.MemorySize)) / 1024
	}
	metrics := 0
	pages := cloudwatch.NewDescribeAlarmsPaginator(cloudwatch.NewFromConfig(s.sdk), &cloudwatch.DescribeAlarmsInput{AlarmNamePrefix: aws.String(s.prefix)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, 0, err
		}
		for _, a := range page.MetricAlarms {
			metrics += max(1, len(a.Metrics)-1)
		}
	}
	return memory, float64(metrics)*p.Prices.AlarmMetricMonth + p.Prices.DashboardMonth, nil
}

// row is one line of the report: what was used for an order, and its price.
type row struct {
	service, what string
	each          float64 // for an order
	price         float64
}

// rows are what orders used, each for one order.
func rows(use stack.Usage, p prices, orders int, memory map[string]float64) []row {
	n, requests := float64(orders), map[string]float64{}
	for action, count := range use.Requests {
		service, verb, _ := strings.Cut(action, ":")
		if service == "s3" {
			service = "s3read"
			if strings.HasPrefix(verb, "Put") || strings.HasPrefix(verb, "List") || strings.HasPrefix(verb, "Copy") {
				service = "s3write"
			}
		}
		requests[service] += float64(count)
	}
	invocations, gigabyteSeconds := 0, 0.0
	for name, f := range use.Functions {
		invocations += f.Invocations
		gigabyteSeconds += f.Duration.Seconds() * memory[name]
	}
	return []row{
		{"Step Functions", "state transitions", float64(use.Transitions) / n, p.Prices.Transition},
		{"Lambda", "invocations", float64(invocations) / n, p.Prices.Invocation},
		{"Lambda", "GB-seconds", gigabyteSeconds / n, p.Prices.GigabyteSecond},
		{"EventBridge", "events", float64(use.Events) / n, p.Prices.Event},
		{"DynamoDB", "write units", use.WriteUnits / n, p.Prices.WriteUnit},
		{"DynamoDB", "read units", use.ReadUnits / n, p.Prices.ReadUnit},
		{"SQS", "requests", requests["sqs"] / n, p.Prices.SQS},
		{"SNS", "requests", requests["sns"] / n, p.Prices.SNS},
		{"S3", "writes", requests["s3write"] / n, p.Prices.S3Write},
		{"S3", "reads", requests["s3read"] / n, p.Prices.S3Read},
		{"CloudWatch Logs", "GB", float64(use.LogBytes) / 1e9 / n, p.Prices.LogGigabyte},
		{"X-Ray", "traces", 1, p.Prices.Trace},
	}
}

const million = 1e6

func report(use stack.Usage, p prices, orders int, memory map[string]float64, month float64, took time.Duration) {
	fmt.Printf("%d orders placed, paid and fulfilled; prices of %s as of %s, before free tiers\n\n", orders, p.Region, p.AsOf)
	fmt.Printf("%-16s %-18s %14s %16s\n", "service", "unit", "for an order", "$ for a million")
	total, transitions := 0.0, 0.0
	for _, r := range rows(use, p, orders, memory) {
		dollars := r.each * r.price * million
		total += dollars
		if r.service == "Step Functions" {
			transitions = dollars
		}
		if r.each > 0 {
			fmt.Printf("%-16s %-18s %14.6g %16.2f\n", r.service, r.what, r.each, dollars)
		}
	}
	fmt.Printf("%-16s %-18s %14s %16.2f\n\n", "all", "", "", total)
	// 64 MB is the smallest chunk; what an order's execution keeps fits into it.
	express := million * (p.Prices.ExpressRequest + took.Seconds()/float64(orders)*64/1024*p.Prices.ExpressGigabyteSecond)
	fmt.Printf("the same as an Express workflow, computed: %.2f for its executions instead of %.2f, so %.2f in all\n", express, transitions, total-transitions+express)
	fmt.Printf("a month without an order: %.2f (alarms and dashboard)\n", month)
	for _, load := range []float64{10_000, 100_000, 1_000_000} {
		fmt.Printf("a month of %7.0f orders: %8.2f\n", load, month+total*load/million)
	}
	fmt.Println("durations are this machine's; a simulated payment gateway takes no time")
}
