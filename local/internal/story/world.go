package story

// This file defines what stories act on: the clients, the stock, and the
// executions that an order causes.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eb "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// patience is how long a story waits for its executions.
const patience = 2 * time.Minute

// World is where stories happen.
type World struct {
	Config
	tag    string // of this run, part of every order id
	serial int

	sdk     aws.Config
	events  *eventbridge.Client
	states  *sfn.Client
	tables  *dynamodb.Client
	queues  *sqs.Client
	machine string            // ARN of the order workflow
	express bool              // placed orders start its Express form: see express.go
	since   time.Time         // what was logged before is not read
	earlier map[string]bool   // Express executions of the stories before
	arns    map[string]string // of machines, by name without the prefix
	ears    *ears

	before      []Stock
	known       map[string]string         // execution ARN -> order id
	seen        map[string]map[string]int // order id -> detail-type -> how often
	differences []string
}

// Stock is a row of the Inventory table.
type Stock struct {
	Product  string
	Quantity int
	Price    string
}

func newWorld(ctx context.Context, cfg Config) (*World, error) {
	options := []func(*config.LoadOptions) error{config.WithRegion(cfg.Region)}
	if cfg.Endpoint != "" {
		options = append(options, config.WithBaseEndpoint(cfg.Endpoint),
			config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("root", "root", "")))
	}
	sdk, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, err
	}
	w := &World{Config: cfg, sdk: sdk, tag: strconv.FormatInt(time.Now().UnixMilli()%(36*36*36*36), 36), events: eventbridge.NewFromConfig(sdk), states: sfn.NewFromConfig(sdk),
		tables: dynamodb.NewFromConfig(sdk), queues: sqs.NewFromConfig(sdk), known: map[string]string{}, seen: map[string]map[string]int{}}
	if err := w.findMachines(ctx); err != nil {
		return nil, err
	}
	if w.machine, err = w.machineARN("OrderProcessingWorkflow"); err != nil {
		return nil, err
	}
	_, w.express = w.arns[expressMachine]
	w.since = time.Now().Add(-time.Minute) // its clock need not be ours
	w.ears, err = w.listen(ctx, "default", cfg.Prefix+"ecommerce-orders")
	return w, err
}

func (w *World) close(ctx context.Context) {
	if err := w.ears.close(ctx); err != nil {
		w.say("the rule and queue that listened could not be removed: %v", err)
	}
}

func (w *World) findMachines(ctx context.Context) error {
	w.arns = map[string]string{}
	pages := sfn.NewListStateMachinesPaginator(w.states, &sfn.ListStateMachinesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("is the stack's endpoint %q right? %w", w.Endpoint, err)
		}
		for _, m := range page.StateMachines {
			if name, ours := strings.CutPrefix(*m.Name, w.Prefix); ours {
				w.arns[name] = *m.StateMachineArn
			}
		}
	}
	return nil
}

// machineARN finds a machine by its name without the prefix.
func (w *World) machineARN(name string) (string, error) {
	if arn, ok := w.arns[name]; ok {
		return arn, nil
	}
	return "", fmt.Errorf("there is no state machine %s%s at the endpoint: deploy the stack first, and give its Prefix with --prefix", w.Prefix, name)
}

// seed sets the stock.
func (w *World) seed(ctx context.Context, stock []Stock) error {
	w.before = stock
	for _, s := range stock {
		_, err := w.tables.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String(w.Prefix + "Inventory"), Item: map[string]ddb.AttributeValue{
			"productId": &ddb.AttributeValueMemberS{Value: s.Product},
			"quantity":  &ddb.AttributeValueMemberN{Value: strconv.Itoa(s.Quantity)},
			"price":     &ddb.AttributeValueMemberN{Value: s.Price},
		}})
		if err != nil {
			return fmt.Errorf("putting the stock: %w", err)
		}
	}
	return nil
}

func (w *World) stock(ctx context.Context) (map[string]Stock, error) {
	now := map[string]Stock{}
	for _, s := range w.before {
		out, err := w.tables.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String(w.Prefix + "Inventory"), ConsistentRead: aws.Bool(true),
			Key: map[string]ddb.AttributeValue{"productId": &ddb.AttributeValueMemberS{Value: s.Product}}})
		if err != nil {
			return nil, err
		}
		now[s.Product] = Stock{Product: s.Product, Quantity: number(out.Item["quantity"])}
	}
	return now, nil
}

func number(v ddb.AttributeValue) int {
	if n, ok := v.(*ddb.AttributeValueMemberN); ok {
		i, _ := strconv.Atoi(n.Value)
		return i
	}
	return 0
}

func (w *World) publish(ctx context.Context, entries ...entry) error {
	in := &eventbridge.PutEventsInput{}
	for _, e := range entries {
		detail, err := json.Marshal(e.detail)
		if err != nil {
			return err
		}
		out := eb.PutEventsRequestEntry{Source: aws.String(e.Source), DetailType: aws.String(e.DetailType), Detail: aws.String(string(detail))}
		if e.EventBusName != "" && e.EventBusName != "default" {
			out.EventBusName = aws.String(w.Prefix + e.EventBusName)
		}
		in.Entries = append(in.Entries, out)
	}
	out, err := w.events.PutEvents(ctx, in)
	if err != nil {
		return err
	}
	if out.FailedEntryCount > 0 {
		return fmt.Errorf("PutEvents took %d of %d events: %s", len(entries)-int(out.FailedEntryCount), len(entries), aws.ToString(out.Entries[0].ErrorMessage))
	}
	return nil
}

// outcome is what became of an order.
type outcome struct {
	orderID, status string
	runs            []run
}

// await waits until each order's executions have ended.
func (w *World) await(ctx context.Context, want map[string]expected) ([]outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, w.pace()) {
		ended, err := w.ended(ctx, want)
		if err != nil {
			return nil, err
		}
		if missing := lacking(want, ended); missing == "" {
			return w.outcomes(ctx, want, ended)
		} else if ctx.Err() != nil {
			return nil, fmt.Errorf("after %v %s", patience, missing)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

func lacking(want map[string]expected, ended map[string][]run) string {
	for id, e := range want {
		if n := len(ended[id]); n < e.executions {
			return fmt.Sprintf("order %s has %d ended executions, %d are expected: did the rule match, and is nothing in the dead-letter queue?", id, n, e.executions)
		}
	}
	return ""
}

// ended lists the executions that ended, by order; those of a Standard machine
// without their way.
func (w *World) ended(ctx context.Context, want map[string]expected) (map[string][]run, error) {
	if w.express {
		return w.endedExpress(ctx, want)
	}
	ended := map[string][]run{}
	pages := sfn.NewListExecutionsPaginator(w.states, &sfn.ListExecutionsInput{StateMachineArn: &w.machine, MaxResults: 100})
	page, err := pages.NextPage(ctx) // the newest hundred: more than a story starts
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return ended, nil
		}
		return nil, err
	}
	for _, x := range page.Executions {
		id, err := w.orderOf(ctx, *x.ExecutionArn)
		if err != nil {
			return nil, err
		}
		if _, ours := want[id]; ours && x.Status != sfntypes.ExecutionStatusRunning {
			ended[id] = append(ended[id], run{arn: *x.ExecutionArn, status: string(x.Status), began: *x.StartDate, ended: aws.ToTime(x.StopDate)})
		}
	}
	return ended, nil
}

// orderOf tells which order an execution is about, from its input.
func (w *World) orderOf(ctx context.Context, arn string) (string, error) {
	if id, ok := w.known[arn]; ok {
		return id, nil
	}
	d, err := w.states.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &arn})
	if err != nil {
		return "", err
	}
	var in struct {
		OrderID   any `json:"orderId"`
		OrderData struct {
			OrderID any `json:"orderId"`
		} `json:"orderData"`
	}
	_ = json.Unmarshal([]byte(aws.ToString(d.Input)), &in) // an input of another shape is no order of ours
	id, ok := in.OrderData.OrderID.(string)
	if !ok {
		id, _ = in.OrderID.(string)
	}
	w.known[arn] = id
	return id, nil
}

func (w *World) outcomes(ctx context.Context, want map[string]expected, ended map[string][]run) ([]outcome, error) {
	var all []outcome
	for id := range want {
		o := outcome{orderID: id, status: "not stored", runs: ended[id]}
		for i := range o.runs {
			if w.express {
				break // its log has told the way
			}
			if err := w.history(ctx, &o.runs[i]); err != nil {
				return nil, err
			}
		}
		out, err := w.tables.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String(w.Prefix + "Orders"), ConsistentRead: aws.Bool(true),
			Key: map[string]ddb.AttributeValue{"orderId": &ddb.AttributeValueMemberS{Value: id}}})
		if err != nil {
			return nil, err
		}
		if s, ok := out.Item["status"].(*ddb.AttributeValueMemberS); ok {
			o.status = s.Value
		}
		all = append(all, o)
	}
	return all, nil
}
