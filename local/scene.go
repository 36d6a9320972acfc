package main

// This file defines the scene of stories: a local AWS with the template in it,
// everything switched on, and whoever the stack calls outside.

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/stepworks/stepworks/local/internal/stack"
	"github.com/stepworks/stepworks/local/internal/story"
)

// scene is where stories are told. Make it with [where.scene], and close it.
type scene struct {
	*stack.Stack
	tell    story.Config
	partner *story.Partner
}

// scene starts a local AWS on virtual time for stories that are told to out: with
// its state in dir, or none if that is empty. Nothing is deployed yet.
func (o where) scene(ctx context.Context, dir string, out io.Writer) (*scene, error) {
	if _, err := os.Stat(storyMocks); o.Mock == "" && err == nil {
		o.Mock = storyMocks
	}
	mocks, err := o.mocks()
	if err != nil {
		return nil, err
	}
	partner, err := story.OpenPartner(ctx)
	if err != nil {
		return nil, err
	}
	clk := stack.VirtualClock()
	s, err := stack.Start(ctx, stack.Options{Account: o.Account, Region: o.Region, Memory: dir == "", StateDir: dir, Programs: programs, Clock: clk, Log: o.logger(), Mocks: mocks,
		Routes: map[string]string{story.PartnerHost: partner.URL}})
	if err != nil {
		partner.Close()
		return nil, err
	}
	return &scene{s, story.Config{Endpoint: s.URL(), Region: o.Region, Prefix: o.Parameter["Prefix"], Files: os.DirFS("."), Out: out, Advance: clk.Advance, Partner: partner}, partner}, nil
}

// programs is where the functions of a scene are built: what `up` built is up to
// date there.
const programs = ".local/programs"

// deploy deploys the template as stories want it.
func (s *scene) deploy(ctx context.Context, o where) error {
	d := o.deployment()
	d.Preferred = storyDefaults
	return s.Deploy(ctx, d)
}

func (s *scene) close() error {
	s.partner.Close()
	return s.Close()
}

// told runs do in a scene of its own and closes it.
func (o where) told(ctx context.Context, dir string, do func(s *scene) error) error {
	s, err := o.scene(ctx, dir, io.Discard)
	if err != nil {
		return err
	}
	return errors.Join(do(s), s.close())
}
