package story

// This file defines the stories of what goes wrong inside: events that no function
// can take, and permissions that are missing.

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

var failureStories = []Story{
	{Name: "given-up", Title: "Events and rows that make no sense are kept for somebody to look at", Virtual: true, tell: keptNonsense},
	{Name: "unannounced", Title: "The fulfillment may not be announced by its step, so the workflows do it", Virtual: true, tell: announcedByWorkflow},
	{Name: "review", Title: "What was reserved cannot be given back, so a person is asked", Virtual: true, tell: askedForReview},
}

// keptNonsense publishes what passes the rules and no function can take, and finds
// it in the domain's dead-letter queue after the last retry.
func keptNonsense(ctx context.Context, w *World) error {
	for _, c := range []struct {
		entry
		queue string
	}{
		{entry{EventBusName: "ecommerce-orders", Source: "ecommerce.payments", DetailType: "Payment Completed", detail: map[string]any{"status": "success"}}, "order-event-failures"},
		{entry{EventBusName: "ecommerce-orders", Source: "ecommerce.approvals", DetailType: "Approval Decided", detail: map[string]any{"decision": "perhaps"}}, "approval-and-callback-failures"},
		{entry{EventBusName: "ecommerce-orders", Source: "payment.gateway", DetailType: "Payment Result", detail: map[string]any{"result": map[string]any{"status": "perhaps"}}}, "approval-and-callback-failures"},
		{entry{Source: "project", DetailType: "task.process.single.post", detail: map[string]any{}}, "report-event-failures"},
	} {
		tag := w.newOrderID("NONSENSE", accepted)
		c.detail["execution"] = tag
		if err := w.publish(ctx, c.entry); err != nil {
			return err
		}
		if err := w.given(ctx, c.DetailType, c.queue, tag); err != nil {
			return err
		}
	}
	return errors.Join(
		w.strange(ctx, "commands", "command-failures"),
		w.without(ctx, "task-stream", "dynamodb:GetItem", func() error { return w.strange(ctx, "tasks", "task-dead-letter-queue") }),
		w.without(ctx, "import-stream", "dynamodb:GetItem", func() error { return w.strange(ctx, "import_tmp", "import-dead-letter-queue") }),
		w.without(ctx, "track-event", "dynamodb:UpdateItem", func() error {
			tag := w.newOrderID("UNWRITTEN", accepted)
			err := w.publish(ctx, entry{Source: "project", DetailType: "note", detail: map[string]any{"execution": tag}})
			return errors.Join(err, w.given(ctx, "an event that cannot be written down", "observability-failures", tag))
		}),
	)
}

// strange puts a row that the table's function cannot take, and removes it.
func (w *World) strange(ctx context.Context, table, queue string) error {
	row := pair(w.newOrderID("NONSENSE", accepted), "?")
	if _, err := w.tables.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String(w.Prefix + table), Item: row}); err != nil {
		return err
	}
	err := w.given(ctx, "a row of "+table, queue, "table/"+w.Prefix+table+"/stream") // the row's place in the stream, not the row
	_, gone := w.tables.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: aws.String(w.Prefix + table), Key: row})
	return errors.Join(err, gone)
}

// given lets the retries end and takes the one message about text from a
// dead-letter queue.
func (w *World) given(ctx context.Context, what, queue, text string) error {
	if err := w.Advance(ctx, settling); err != nil {
		return err
	}
	q, err := w.queue(ctx, queue)
	if err != nil {
		return err
	}
	got, err := q.collect(ctx, text, 1)
	w.expect(len(got) == 1, "%s: %s must hold what was given up", what, queue)
	w.say("given up %s, kept in %s", what, queue)
	return err
}

// withdraw takes an action away from a function's role.
func (w *World) withdraw(ctx context.Context, function, action string) (restore mend, err error) {
	f, err := lambda.NewFromConfig(w.sdk).GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: aws.String(w.Prefix + function)})
	if err != nil {
		return nil, err
	}
	client, role := iam.NewFromConfig(w.sdk), aws.String((*f.Role)[strings.LastIndexByte(*f.Role, '/')+1:])
	policies, err := client.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: role})
	if err != nil {
		return nil, err
	}
	policy := &policies.PolicyNames[0]
	granted, err := client.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: role, PolicyName: policy})
	if err != nil {
		return nil, err
	}
	document, err := url.QueryUnescape(*granted.PolicyDocument)
	if err != nil {
		return nil, err
	}
	put := func(ctx context.Context, text string) error {
		_, err := client.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: role, PolicyName: policy, PolicyDocument: &text})
		return err
	}
	w.say("%s may not %s", function, action)
	return func(ctx context.Context) error { return put(ctx, document) }, put(ctx, strings.ReplaceAll(document, `"`+action+`"`, `"sts:GetSessionToken"`))
}

// without runs do while a function may not do an action.
func (w *World) without(ctx context.Context, function, action string, do func() error) error {
	restore, err := w.withdraw(ctx, function, action)
	if err != nil {
		return err
	}
	return errors.Join(do(), restore(context.WithoutCancel(ctx)))
}

// variants are the machines that take orders, and a sample for each.
var variants = []struct{ machine, sample string }{
	{"OrderProcessingWorkflow", ""},
	{"EnhancedOrderProcessing", "order-processing-parallel"},
	{"OrderCallbackWorkflow", "order-payment-callback"},
}

// inEach starts each machine with an order and tells what came of it.
func (w *World) inEach(ctx context.Context, gateway decision, look func(e entry, r run) error) error {
	for _, v := range variants {
		e, err := w.orderFor(v.sample, gateway)
		if err != nil {
			return err
		}
		arn, err := w.start(ctx, v.machine, e.detail)
		if err != nil {
			return err
		}
		r, err := w.finish(ctx, arn)
		if err != nil {
			return err
		}
		w.tellRun(r)
		if err := look(e, r); err != nil {
			return err
		}
	}
	return nil
}

// orderFor is a sample to start a machine with; without a name the one that the
// shop's events carry.
func (w *World) orderFor(sample string, gateway decision) (entry, error) {
	if sample != "" {
		return w.byHand(sample, "ORD-7001", gateway)
	}
	entries, err := w.sample("order-placed")
	if err != nil {
		return entry{}, err
	}
	entries[0].setOrderID(w.newOrderID("ORD-7001", gateway))
	return entries[0], nil
}

func announcedByWorkflow(ctx context.Context, w *World) error {
	if err := w.seed(ctx, seedStock); err != nil {
		return err
	}
	return w.without(ctx, "fulfillment-processing", "events:PutEvents", func() error {
		return w.inEach(ctx, accepted, func(e entry, r run) error {
			w.expect(r.end() == "OrderCompleted", "the order is fulfilled all the same, but the execution ended in %s", r.end())
			w.announced(ctx, e, "fulfilled")
			return nil
		})
	})
}

func askedForReview(ctx context.Context, w *World) error {
	if err := w.seed(ctx, seedStock); err != nil {
		return err
	}
	return w.without(ctx, "order-release-inventory", "dynamodb:UpdateItem", func() error {
		return w.inEach(ctx, refused, func(e entry, r run) error {
			record, err := w.item(ctx, "Orders", e.orderID())
			w.expect(r.status == "FAILED" && record["review"] != "", "order %s must wait for a person, but is %v and its execution %s in %s", e.orderID(), record, r.status, r.end())
			w.announced(ctx, e, "failed")
			return err
		})
	})
}
