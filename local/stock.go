package main

// This file defines what `up` puts into tables that are empty: the items beside the
// template, in events/tables, so that an event sent from the console's first page
// finds what it needs. On AWS the same files go to `aws dynamodb batch-write-item`.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// maxBatch is what one BatchWriteItem takes:
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
const maxBatch = 25

// stock fills what is empty.
func (c *upCommand) stock(ctx context.Context, endpoint string, say func(format string, args ...any)) error {
	files, _ := filepath.Glob(filepath.Join(filepath.Dir(c.Template), "events", "tables", "*.json"))
	if len(files) == 0 {
		return nil
	}
	sdk, err := config.LoadDefaultConfig(ctx, config.WithRegion(c.Region), config.WithBaseEndpoint(endpoint), config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("root", "root", "")))
	if err != nil {
		return err
	}
	tables := dynamodb.NewFromConfig(sdk)
	for _, file := range files {
		items, err := itemsIn(file)
		if err != nil {
			return err
		}
		for table, requests := range items {
			name := c.Parameter["Prefix"] + table
			if put, err := fill(ctx, tables, name, requests); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			} else if put {
				say("%s was empty: put %d items of %s into it", name, len(requests), file)
			}
		}
	}
	return nil
}

// itemsIn reads a file of put requests, by table.
func itemsIn(file string) (map[string][]ddb.WriteRequest, error) {
	text, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		return nil, err
	}
	var raw map[string][]struct {
		PutRequest struct{ Item json.RawMessage }
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, fmt.Errorf("%s: it must be what `aws dynamodb batch-write-item --request-items` takes: %w", file, err)
	}
	items := map[string][]ddb.WriteRequest{}
	for table, requests := range raw {
		for i, r := range requests {
			item, err := attributevalue.UnmarshalMapJSON(r.PutRequest.Item)
			if err != nil {
				return nil, fmt.Errorf("%s: request %d of %s: give {\"PutRequest\": {\"Item\": ...}}: %w", file, i+1, table, err)
			}
			items[table] = append(items[table], ddb.WriteRequest{PutRequest: &ddb.PutRequest{Item: item}})
		}
	}
	return items, nil
}

// fill puts items into a table that has none. One that another template would have
// is left out.
func fill(ctx context.Context, tables *dynamodb.Client, name string, requests []ddb.WriteRequest) (put bool, err error) {
	found, err := tables.Scan(ctx, &dynamodb.ScanInput{TableName: &name, Limit: aws.Int32(1)})
	var absent *ddb.ResourceNotFoundException
	if errors.As(err, &absent) || err == nil && found.Count > 0 {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for batch := range slices.Chunk(requests, maxBatch) {
		if _, err := tables.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]ddb.WriteRequest{name: batch}}); err != nil {
			return false, err
		}
	}
	return true, nil
}
