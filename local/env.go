package main

// This file defines `env`: how other programs find the running local AWS.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

type envCommand struct {
	State string `default:".local" placeholder:"DIR" help:"The state directory of the running local AWS."`
	output
	Sam bool `help:"Print an env-vars file for sam local invoke: the variables of the deployed functions."`
}

// Run prints exports. Any key is the account's root; hosts are not prefixed
// because sync-127.0.0.1 resolves nowhere; instance metadata is not asked.
func (c *envCommand) Run(ctx context.Context) error {
	text, err := os.ReadFile(filepath.Join(c.State, endpointFile))
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("no local AWS is running here: start one with `make up`")
	}
	if err != nil {
		return err
	}
	url := strings.TrimSpace(string(text))
	if c.Sam {
		return printVariables(ctx, url)
	}
	vars := map[string]string{
		"AWS_ENDPOINT_URL":  url,
		"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1",
		"AWS_DISABLE_HOST_PREFIX_INJECTION": "true", "AWS_EC2_METADATA_DISABLED": "true",
	}
	if c.JSON {
		return printJSON(vars)
	}
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		fmt.Printf("export %s=%s\n", name, vars[name])
	}
	return nil
}

// printVariables prints what `sam local invoke --env-vars` takes: the variables of
// every function, by the function's name.
func printVariables(ctx context.Context, url string) error {
	client := lambda.NewFromConfig(aws.Config{Region: "us-east-1", BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("local", "local", "")})
	all := map[string]map[string]string{}
	for pages := lambda.NewListFunctionsPaginator(client, nil); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, f := range page.Functions {
			if f.Environment != nil {
				all[*f.FunctionName] = f.Environment.Variables
			}
		}
	}
	text, err := json.MarshalIndent(all, "", "  ")
	fmt.Println(string(text))
	return err
}
