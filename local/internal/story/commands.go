package story

// This file defines the stories of commands, tasks and imports.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

var commandStories = []Story{
	{Name: "command-race", Title: "Two people change the same item, and ten more changes come at once", tell: commandRace},
	{Name: "task", Title: "A task of three sub-tasks, one of which makes no sense", tell: taskWithFailure},
	{Name: "import", Title: "A spreadsheet of products is imported, twice, with its faults", tell: importProducts},
	{Name: "import-direct", Title: "A small file is imported at once, row by row", tell: importDirect},
}

// invoke calls a function by its name without the prefix. A function's error is
// an answer: its name.
func (w *World) invoke(ctx context.Context, function string, in, out any) (failed string, err error) {
	payload, err := json.Marshal(in)
	if err != nil {
		return "", err
	}
	answer, err := lambda.NewFromConfig(w.sdk).Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String(w.Prefix + function), Payload: payload})
	if err != nil {
		return "", err
	}
	if answer.FunctionError != nil {
		var e struct{ ErrorType, ErrorMessage string }
		err := json.Unmarshal(answer.Payload, &e)
		w.say("         %s: %s", e.ErrorType, e.ErrorMessage)
		return e.ErrorType, err
	}
	return "", json.Unmarshal(answer.Payload, out)
}

// row reads an item of a table that has pk and sk.
func (w *World) row(ctx context.Context, table, pk, sk string) (map[string]any, error) {
	out, err := w.tables.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String(w.Prefix + table), ConsistentRead: aws.Bool(true), Key: pair(pk, sk)})
	if err != nil {
		return nil, err
	}
	item := map[string]any{}
	return item, attributevalue.UnmarshalMap(out.Item, &item)
}

func pair(pk, sk string) map[string]ddb.AttributeValue {
	return map[string]ddb.AttributeValue{"pk": &ddb.AttributeValueMemberS{Value: pk}, "sk": &ddb.AttributeValueMemberS{Value: sk}}
}

// rows lists what stands under pk with a sort key that begins so.
func (w *World) rows(ctx context.Context, table, pk, begins string) ([]map[string]any, error) {
	return w.query(ctx, &dynamodb.QueryInput{TableName: aws.String(w.Prefix + table), ConsistentRead: aws.Bool(true),
		KeyConditionExpression:    aws.String("pk = :pk AND begins_with(sk, :sk)"),
		ExpressionAttributeValues: map[string]ddb.AttributeValue{":pk": &ddb.AttributeValueMemberS{Value: pk}, ":sk": &ddb.AttributeValueMemberS{Value: begins}}})
}

// all lists what stands under pk.
func (w *World) all(ctx context.Context, table, pk string) ([]map[string]any, error) {
	return w.query(ctx, &dynamodb.QueryInput{TableName: aws.String(w.Prefix + table), ConsistentRead: aws.Bool(true), KeyConditionExpression: aws.String("pk = :pk"),
		ExpressionAttributeValues: map[string]ddb.AttributeValue{":pk": &ddb.AttributeValueMemberS{Value: pk}}})
}

func (w *World) query(ctx context.Context, in *dynamodb.QueryInput) ([]map[string]any, error) {
	var all []map[string]any
	pages := dynamodb.NewQueryPaginator(w.tables, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		var items []map[string]any
		if err := attributevalue.UnmarshalListOfMaps(page.Items, &items); err != nil {
			return nil, err
		}
		all = append(all, items...)
	}
	return all, nil
}

// remove takes away what a story made.
func (w *World) remove(ctx context.Context, table, pk, begins string) error {
	items, err := w.rows(ctx, table, pk, begins)
	for _, item := range items {
		if err != nil {
			return err
		}
		_, err = w.tables.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: aws.String(w.Prefix + table), Key: pair(pk, fmt.Sprint(item["sk"]))})
	}
	return err
}

// readSample reads events/NAME.json.
func (w *World) readSample(name string) (map[string]any, error) {
	text, err := fs.ReadFile(w.Files, "events/"+name+".json")
	if err != nil {
		return nil, err
	}
	in := map[string]any{}
	return in, json.Unmarshal(text, &in)
}

// published is what command-publish answers.
type published struct {
	Published bool
	Version   int
}

func commandRace(ctx context.Context, w *World) error {
	in, err := w.readSample("publishCommand")
	if err != nil {
		return err
	}
	tenant := "story" + w.tag
	pk, sk := "ORDER#"+tenant, "ORDER#order123"
	in["pk"], in["requestId"] = pk, ""
	defer w.forget(context.WithoutCancel(ctx), tenant, pk)
	w.say("item     %s %s, published new", pk, sk)
	var first published
	if failed, err := w.invoke(ctx, "command-publish", in, &first); err != nil || failed != "" {
		return fmt.Errorf("publishing: %s %w", failed, err)
	}
	if err := w.racers(ctx, in); err != nil {
		return err
	}
	const more = 10
	w.say("and %d changes come at once, each on top of the latest", more)
	var wg sync.WaitGroup
	failures := make([]error, more)
	for i := range more {
		change := map[string]any{"pk": pk, "sk": sk, "partial": true, "attributes": map[string]any{fmt.Sprint("field", i): i}}
		wg.Go(func() {
			failed, err := w.invoke(ctx, "command-publish", change, &published{})
			if failures[i] = err; failed != "" {
				failures[i] = fmt.Errorf("change %d: %s", i, failed)
			}
		})
	}
	wg.Wait()
	for _, err := range failures {
		if err != nil {
			return err
		}
	}
	return w.followCommands(ctx, pk, sk, 2+more)
}

// racers publish on top of the same version, at the same time.
func (w *World) racers(ctx context.Context, in map[string]any) error {
	w.say("two people have read version 1; both publish what they made of it")
	var wg sync.WaitGroup
	failed, errs := make([]string, 2), make([]error, 2)
	for i, total := range []int{1100, 1200} {
		mine := map[string]any{"pk": in["pk"], "sk": in["sk"], "version": 1, "name": in["name"], "attributes": map[string]any{"status": "confirmed", "total": total}}
		wg.Go(func() { failed[i], errs[i] = w.invoke(ctx, "command-publish", mine, &published{}) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	slices.Sort(failed)
	w.expect(slices.Equal(failed, []string{"", "Command.VersionConflict"}), "one must win and the other be told of the conflict, but they got %q", failed)
	return nil
}

// followCommands waits for every version's execution and holds the tables
// against what they must be.
func (w *World) followCommands(ctx context.Context, pk, sk string, versions int) error {
	runs, err := w.caused(ctx, "command-handler", pk, versions)
	if err != nil {
		return err
	}
	waited := 0
	for _, r := range runs {
		w.expect(r.status == "SUCCEEDED", "every version must be carried out, but %s is %s: %s %s", r.arn, r.status, r.err, r.cause)
		if slices.Contains(r.states, "wait_prev_command") {
			waited++
		}
	}
	w.say("executions %d, of which %d waited for the version before", len(runs), waited)
	data, err := w.row(ctx, "data", pk, sk)
	if err != nil {
		return err
	}
	w.expect(fmt.Sprint(data["version"]) == fmt.Sprint(versions), "data must be at version %d, but is at %v", versions, data["version"])
	attributes, _ := data["attributes"].(map[string]any)
	w.expect(len(attributes) == versions, "every change must be in it, but it has %d members: %v", len(attributes), attributes)
	history, err := w.rows(ctx, "history", pk, sk)
	if err != nil {
		return err
	}
	w.expect(len(history) == versions-1, "history must hold %d versions, but holds %d", versions-1, len(history))
	var kept []string
	for _, h := range history {
		kept = append(kept, strings.TrimPrefix(fmt.Sprint(h["sk"]), sk))
	}
	w.say("data     version %v; history %s", data["version"], strings.Join(kept, " "))
	return nil
}

// forget removes a tenant's rows.
func (w *World) forget(ctx context.Context, tenant, pk string) {
	for _, table := range []string{"commands", "data", "history"} {
		if err := w.remove(ctx, table, pk, "O"); err != nil {
			w.say("rows of %s in %s could not be removed: %v", pk, table, err)
		}
	}
	if err := w.remove(ctx, "data", "SUMMARY#"+tenant, pk); err != nil {
		w.say("the summary of %s could not be removed: %v", tenant, err)
	}
}

// taskWithFailure asks for three lines to be valued; the second has a quantity of 0.
func taskWithFailure(ctx context.Context, w *World) error {
	in, err := w.readSample("createTask-failing")
	if err != nil {
		return err
	}
	alarms, err := w.subscribe(ctx, "alarm-sns")
	if err != nil {
		return err
	}
	defer alarms.close(context.WithoutCancel(ctx))
	tenant := "story" + w.tag
	in["tenantCode"], in["requestId"] = tenant, ""
	var t struct{ PK, SK, Status string }
	if failed, err := w.invoke(ctx, "task-create", in, &t); err != nil || failed != "" {
		return fmt.Errorf("creating the task: %s %w", failed, err)
	}
	defer func() {
		if err := w.remove(context.WithoutCancel(ctx), "tasks", t.PK, t.SK); err != nil {
			w.say("rows of %s could not be removed: %v", t.SK, err)
		}
	}()
	w.say("task     %s %s is %s", t.PK, t.SK, t.Status)
	runs, err := w.caused(ctx, "task-handler", t.SK, 1)
	if err != nil {
		return err
	}
	for _, r := range runs {
		w.tellRun(r)
	}
	heard, err := alarms.collect(ctx, t.SK, 1)
	w.expect(len(heard) == 1, "operators must hear of the sub-task that failed")
	return errors.Join(err, w.checkTask(ctx, t.PK, t.SK))
}

func (w *World) checkTask(ctx context.Context, pk, sk string) error {
	rows, err := w.rows(ctx, "tasks", pk, sk)
	if err != nil {
		return err
	}
	var statuses []string
	for _, r := range rows {
		if r["sk"] == sk {
			w.say("outcome  %v: %v %v", r["status"], r["error"], r["attributes"])
			w.expect(strings.Contains(fmt.Sprint(r["error"]), "1 of 3 sub-tasks were not done"), "the task must say what is lacking, but says %v", r["error"])
		} else {
			w.say("sub-task %s: %v %v%v", strings.TrimPrefix(fmt.Sprint(r["sk"]), sk), r["status"], orNothing(r["result"]), orNothing(r["error"]))
		}
		statuses = append(statuses, fmt.Sprint(r["status"]))
	}
	w.expect(slices.Equal(statuses, []string{"FAILED", "COMPLETED", "FAILED", "COMPLETED"}), "the task and its second sub-task must fail, the others be done, but they are %v", statuses)
	return nil
}

func orNothing(v any) any {
	if v == nil {
		return ""
	}
	return v
}
