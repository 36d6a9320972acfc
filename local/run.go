package main

// This file defines `run`: the stories, told to a local AWS of their own, to one
// that runs, or to AWS.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"github.com/stepworks/stepworks/local/internal/stack"
	"github.com/stepworks/stepworks/local/internal/story"
)

type runCommand struct {
	where
	output
	Endpoint string `placeholder:"URL" help:"Tell the stories to this AWS endpoint, where the stack is deployed, instead of starting one."`
	Target   string `enum:"local,aws" default:"local" placeholder:"local|aws" help:"aws tells them to AWS itself, in real time, with the credentials and the region of your environment."`
	Stack    string `placeholder:"NAME" help:"With --target aws: the CloudFormation stack that template.yaml is deployed as."`
	Story    string `placeholder:"NAME" help:"Tell one story only."`
}

// Validate refuses what could only fail after everything was built.
func (c *runCommand) Validate() error {
	var names []string
	for _, s := range story.Stories {
		names = append(names, s.Name)
	}
	at, err := url.Parse(c.Endpoint)
	switch {
	case c.Story != "" && !slices.Contains(names, c.Story):
		return fmt.Errorf("--story %s: there is none of that name; there are: %s", c.Story, strings.Join(names, ", "))
	case c.Endpoint != "" && (err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https"):
		return fmt.Errorf("--endpoint %s: give a URL such as http://127.0.0.1:4566", c.Endpoint)
	case c.Target == "aws" && c.Stack == "":
		return errors.New("--target aws: say which stack with --stack NAME, the name that `sam deploy` gave it")
	case c.Target == "aws" && c.Endpoint != "":
		return errors.New("--target aws and --endpoint: give one of the two")
	case c.Target == "local" && c.Stack != "":
		return errors.New("--stack goes with --target aws; a local stack is found by --endpoint")
	}
	return c.where.Validate()
}

// Run tells the stories.
func (c *runCommand) Run(ctx context.Context) error {
	tell := story.Config{Endpoint: c.Endpoint, Region: c.Region, Prefix: c.Parameter["Prefix"], Files: os.DirFS("."), Out: os.Stdout, Color: colourful(os.Stdout), Only: c.Story}
	results := []story.Result{}
	if c.JSON {
		tell.Out = io.Discard
		tell.Told = func(r story.Result) { results = append(results, r) }
	}
	err := c.tell(ctx, tell)
	if c.JSON {
		err = errors.Join(err, printJSON(results))
	}
	return err
}

func (c *runCommand) tell(ctx context.Context, tell story.Config) error {
	switch {
	case c.Target == "aws":
		return c.tellAWS(ctx, tell)
	case c.Endpoint != "":
		return story.Tell(ctx, tell)
	}
	return c.tellHere(ctx, tell)
}

// tellAWS tells the stories to a stack on AWS: which prefix stands before its
// names, CloudFormation knows.
func (c *runCommand) tellAWS(ctx context.Context, tell story.Config) error {
	sdk, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	if sdk.Region == "" {
		return errors.New("--target aws: say which region with AWS_REGION, or by a profile with AWS_PROFILE")
	}
	found, err := cloudformation.NewFromConfig(sdk).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &c.Stack})
	if err != nil {
		return fmt.Errorf("the stack %s is not found in %s: are AWS_PROFILE and AWS_REGION those of `sam deploy`? %w", c.Stack, sdk.Region, err)
	}
	for _, p := range found.Stacks[0].Parameters {
		if aws.ToString(p.ParameterKey) == "Prefix" {
			tell.Prefix = aws.ToString(p.ParameterValue)
		}
	}
	tell.Endpoint, tell.Region = "", sdk.Region
	return story.Tell(ctx, tell)
}

// tellHere starts a local AWS for the stories, in memory and on virtual time.
func (c *runCommand) tellHere(ctx context.Context, tell story.Config) error {
	if _, err := os.Stat(storyMocks); c.Mock == "" && err == nil {
		c.Mock = storyMocks
	}
	mocks, err := c.mocks()
	if err != nil {
		return err
	}
	partner, err := story.OpenPartner(ctx)
	if err != nil {
		return err
	}
	defer partner.Close()
	clk := stack.VirtualClock()
	s, err := stack.Start(ctx, stack.Options{Account: c.Account, Region: c.Region, Memory: true, Clock: clk, Log: c.logger(), Mocks: mocks, Routes: map[string]string{story.PartnerHost: partner.URL}})
	if err != nil {
		return err
	}
	defer s.Close()
	d := c.deployment()
	d.Preferred = storyDefaults
	if err := s.Deploy(ctx, d); err != nil {
		return err
	}
	tell.Endpoint, tell.Advance, tell.Partner = s.URL(), clk.Advance, partner
	return story.Tell(ctx, tell)
}
