package main

// This file defines `cost`: it places orders on a local AWS that meters, and says
// what they would cost on AWS.

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eb "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

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
	output
	Orders int `default:"50" help:"How many orders to place and divide by."`
}

// Run places orders and prints what they would cost.
func (c *costCommand) Run(ctx context.Context) error {
	var p prices
	if err := json.Unmarshal(priceFile, &p); err != nil {
		return fmt.Errorf("local/prices.json: %w", err)
	}
	var bills []bill
	for _, kind := range []string{"STANDARD", "EXPRESS"} {
		b, err := c.measure(ctx, kind, p)
		if err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		bills = append(bills, b)
	}
	if c.JSON {
		return printJSON(map[string]any{"orders": c.Orders, "region": p.Region, "pricesAsOf": p.AsOf, "workflows": billsForPrograms(bills)})
	}
	report(bills, p, c.Orders)
	return nil
}

// Validate refuses numbers of orders that say nothing, or take for ever.
func (c *costCommand) Validate() error {
	if c.Orders < 1 || c.Orders > 1000 {
		return fmt.Errorf("--orders %d: give 1 to 1000", c.Orders)
	}
	return c.where.Validate()
}

func billsForPrograms(bills []bill) []map[string]any {
	var out []map[string]any
	for _, b := range bills {
		var used []map[string]any
		for _, r := range b.rows {
			used = append(used, map[string]any{"service": r.service, "unit": r.what, "perOrder": r.each, "dollarsPerUnit": r.price})
		}
		out = append(out, map[string]any{"type": b.kind, "used": used, "dollarsPerMillionOrders": b.total(), "dollarsPerMonthWithoutOrders": b.month})
	}
	return out
}

// bill is what orders used, and what the stack costs without any.
type bill struct {
	kind  string // of the workflow that orders start
	rows  []row
	month float64
}

func (b bill) total() (dollars float64) {
	for _, r := range b.rows {
		dollars += r.each * r.price * million
	}
	return dollars
}

// measure places orders on a stack of its own, whose order workflow is of a kind.
func (c *costCommand) measure(ctx context.Context, kind string, p prices) (bill, error) {
	meter := &stack.Meter{}
	s, err := stack.Start(ctx, stack.Options{Account: c.Account, Region: c.Region, Memory: true, Clock: clock.Real(), Log: c.logger(), Meter: meter})
	if err != nil {
		return bill{}, err
	}
	defer s.Close()
	d := c.deployment()
	d.Preferred = map[string]string{"PaymentDelay": "0s", "PaymentDeclinePercent": "0", "OrderWorkflowType": kind}
	if err := s.Deploy(ctx, d); err != nil {
		return bill{}, err
	}
	sdk, err := config.LoadDefaultConfig(ctx, config.WithRegion(c.Region), config.WithBaseEndpoint(s.URL()), config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("root", "root", "")))
	if err != nil {
		return bill{}, err
	}
	machine := map[string]string{"STANDARD": "OrderProcessingWorkflow", "EXPRESS": "OrderProcessingExpress"}[kind]
	shop := &shop{sdk: sdk, prefix: c.Parameter["Prefix"], machine: fmt.Sprintf("arn:aws:states:%s:%s:stateMachine:%s%s", c.Region, c.Account, c.Parameter["Prefix"], machine)}
	if err := shop.stock(ctx); err != nil {
		return bill{}, err
	}
	if err := shop.place(ctx, "WARM", 3); err != nil { // so that no cold start is in what is measured
		return bill{}, err
	}
	meter.Take()
	if err := shop.place(ctx, "COST", c.Orders); err != nil {
		return bill{}, err
	}
	use := meter.Take()
	memory, month, err := shop.fixed(ctx, use, p)
	return bill{kind, rows(use, p, c.Orders, memory), month}, err
}

// shop places orders.
type shop struct {
	sdk             aws.Config
	prefix, machine string // what stands before names; the ARN of what orders start
	done            int    // orders so far
}

func (s *shop) stock(ctx context.Context) error {
	_, err := dynamodb.NewFromConfig(s.sdk).PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String(s.prefix + "Inventory"), Item: map[string]ddb.AttributeValue{
		"productId": &ddb.AttributeValueMemberS{Value: "MOUSE001"}, "quantity": &ddb.AttributeValueMemberN{Value: "1000000"}}})
	return err
}

// place publishes orders and waits until their executions have succeeded, and what
// they published has reached its functions.
func (s *shop) place(ctx context.Context, name string, orders int) error {
	bus := eventbridge.NewFromConfig(s.sdk)
	for i := range orders {
		detail := fmt.Sprintf(`{"status":"pending","orderData":{"orderId":"%s-%d","customerId":"CUST001","items":[{"productId":"MOUSE001","quantity":1,"price":29.99}],"totalAmount":29.99}}`, name, i)
		_, err := bus.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []eb.PutEventsRequestEntry{{EventBusName: aws.String(s.prefix + "ecommerce-orders"),
			Source: aws.String("ecommerce.orders"), DetailType: aws.String("Order Placed"), Detail: &detail}}})
		if err != nil {
			return err
		}
	}
	s.done += orders
	for range 600 {
		succeeded, failed, err := s.ended(ctx)
		switch {
		case err != nil:
			return err
		case failed > 0:
			return fmt.Errorf("%d executions failed", failed)
		case succeeded >= s.done:
			return pause(ctx, time.Second)
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	return errors.New("the orders do not end within a minute")
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ended counts executions by CloudWatch, which knows those of Express machines too.
func (s *shop) ended(ctx context.Context) (succeeded, failed int, err error) {
	client := cloudwatch.NewFromConfig(s.sdk)
	for metric, n := range map[string]*int{"ExecutionsSucceeded": &succeeded, "ExecutionsFailed": &failed} {
		out, err := client.GetMetricStatistics(ctx, &cloudwatch.GetMetricStatisticsInput{Namespace: aws.String("AWS/States"), MetricName: &metric, Period: aws.Int32(3600),
			StartTime: aws.Time(time.Now().Add(-time.Hour)), EndTime: aws.Time(time.Now().Add(time.Hour)), Statistics: []cwtypes.Statistic{cwtypes.StatisticSum},
			Dimensions: []cwtypes.Dimension{{Name: aws.String("StateMachineArn"), Value: &s.machine}}})
		if err != nil {
			return 0, 0, err
		}
		for _, d := range out.Datapoints {
			*n += int(aws.ToFloat64(d.Sum))
		}
	}
	return succeeded, failed, nil
}

// fixed is what stands still: the memory of functions in GB, and what the stack
// costs a month without any order.
func (s *shop) fixed(ctx context.Context, use stack.Usage, p prices) (memory map[string]float64, month float64, err error) {
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
		{"Step Functions", "Express requests", float64(use.Express) / n, p.Prices.ExpressRequest},
		// 64 MB is the smallest chunk; what an order's execution keeps fits into it.
		{"Step Functions", "Express GB-seconds", use.ExpressDuration.Seconds() * 64 / 1024 / n, p.Prices.ExpressGigabyteSecond},
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

func report(bills []bill, p prices, orders int) {
	fmt.Printf("%d orders placed, paid and fulfilled, once with each type of the order workflow; prices of %s as of %s, before free tiers\n\n", orders, p.Region, p.AsOf)
	fmt.Printf("%-16s %-18s", "", "")
	for _, b := range bills {
		fmt.Printf(" %30s", b.kind)
	}
	fmt.Printf("\n%-16s %-18s", "service", "unit")
	for range bills {
		fmt.Printf(" %14s %15s", "for an order", "$ for a million")
	}
	fmt.Println()
	for i, r := range bills[0].rows {
		if !slices.ContainsFunc(bills, func(b bill) bool { return b.rows[i].each > 0 }) {
			continue
		}
		fmt.Printf("%-16s %-18s", r.service, r.what)
		for _, b := range bills {
			fmt.Printf(" %14.6g %15.2f", b.rows[i].each, b.rows[i].each*b.rows[i].price*million)
		}
		fmt.Println()
	}
	fmt.Printf("%-35s", "all")
	for _, b := range bills {
		fmt.Printf(" %30.2f", b.total())
	}
	fmt.Printf("\n\n%-35s", "a month without an order")
	for _, b := range bills {
		fmt.Printf(" %30.2f", b.month)
	}
	for _, load := range []float64{10_000, 100_000, 1_000_000} {
		fmt.Printf("\n%-35s", fmt.Sprintf("a month of %.0f orders", load))
		for _, b := range bills {
			fmt.Printf(" %30.2f", b.month+b.total()*load/million)
		}
	}
	fmt.Println("\n\nA month without orders is alarms and dashboard. Durations are this machine's; a simulated payment gateway takes no time.")
}
