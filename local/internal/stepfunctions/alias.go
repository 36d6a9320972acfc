package stepfunctions

// This file defines aliases: names that route executions to one or two versions.
// https://docs.aws.amazon.com/step-functions/latest/dg/concepts-state-machine-alias.html

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/store"
)

type route struct {
	StateMachineVersionArn string `json:"stateMachineVersionArn" check:"required,min=1,max=256"`
	Weight                 int    `json:"weight" check:"min=0,max=100"`
}

// alias is what the store keeps of an alias.
type alias struct {
	Name        string
	Description string `json:",omitzero"`
	Routes      []route
	Created     int64
	Updated     int64 `json:",omitzero"`
}

func (a *alias) routes(versionARN string) bool {
	return slices.ContainsFunc(a.Routes, func(r route) bool { return r.StateMachineVersionArn == versionARN })
}

// pick draws a version by the weights.
func (a *alias) pick() string {
	n := rand.IntN(100)
	for _, r := range a.Routes {
		if n < r.Weight {
			return r.StateMachineVersionArn
		}
		n -= r.Weight
	}
	return a.Routes[0].StateMachineVersionArn
}

func aliasesOf(r store.Reader, machine string) []alias {
	var all []alias
	from, to := store.Prefix(machine)
	for _, text := range r.Scan(bucketAlias, from, to) {
		var a alias
		if json.Unmarshal(text, &a) == nil {
			all = append(all, a)
		}
	}
	return all
}

type createAliasInput struct {
	Name                 string  `json:"name" check:"required,min=1,max=80"`
	Description          string  `json:"description" check:"max=256"`
	RoutingConfiguration []route `json:"routingConfiguration" check:"required,min=1,max=2"`
}

type createAliasOutput struct {
	StateMachineAliasArn string       `json:"stateMachineAliasArn"`
	CreationDate         awswire.Time `json:"creationDate"`
}

// createAlias is idempotent; the machine is that of the versions.
func (s *Service) createAlias(_ context.Context, in *createAliasInput) (*createAliasOutput, error) {
	if err := checkName(in.Name); err != nil {
		return nil, err
	}
	if _, err := strconv.Atoi(in.Name); err == nil {
		return nil, errInvalidName(in.Name)
	}
	machine, err := checkRoutes(in.RoutingConfiguration)
	if err != nil {
		return nil, err
	}
	wanted := alias{Name: in.Name, Description: in.Description, Routes: in.RoutingConfiguration, Created: s.now().UnixMilli()}
	key := store.Key(machine, in.Name)
	err = s.Store.Update(func(tx *store.Tx) error {
		if have, ok := getJSON[alias](tx, bucketAlias, key); ok {
			if have.Description != wanted.Description || !slices.Equal(have.Routes, wanted.Routes) {
				return errConflict("Failed to create alias because an alias with the same name and a different routing configuration already exists.")
			}
			wanted = *have
			return nil
		}
		if err := routesExist(tx, machine, wanted.Routes); err != nil {
			return err
		}
		putJSON(tx, bucketAlias, key, wanted)
		return nil
	})
	return &createAliasOutput{StateMachineAliasArn: s.arn(kindMachine, machine, in.Name), CreationDate: atMillis(wanted.Created)}, err
}

// checkRoutes checks what can be said of routes by themselves and returns the
// machine that they route for.
func checkRoutes(routes []route) (machine string, err error) {
	arnOf := func(r route) string { return r.StateMachineVersionArn }
	sum := 0
	for _, r := range routes {
		res, err := parseARN(r.StateMachineVersionArn, kindMachine)
		if err != nil {
			return "", err
		}
		if res.version() == 0 {
			return "", errValidation("Routing configuration must contain state machine version ARNs. Received: %s", list(routes, arnOf))
		}
		if machine != "" && machine != res.name {
			return "", errValidation("Routing configuration must contain versions of the same state machine. Received: %s", list(routes, arnOf))
		}
		machine, sum = res.name, sum+r.Weight
	}
	if len(routes) == 2 && routes[0].StateMachineVersionArn == routes[1].StateMachineVersionArn {
		return "", errValidation("Routing configuration must contain distinct state machine version ARNs. Received: %s", list(routes, arnOf))
	}
	if sum != 100 {
		return "", errValidation("Sum of routing configuration weights must equal 100. Received: %s", list(routes, func(r route) string { return strconv.Itoa(r.Weight) }))
	}
	return machine, nil
}

func routesExist(r store.Reader, machine string, routes []route) error {
	if _, ok := r.Get(bucketMachine, machine); !ok {
		return errNoResource(routes[0].StateMachineVersionArn)
	}
	for _, route := range routes {
		res, _ := parseARN(route.StateMachineVersionArn, kindMachine)
		if _, ok := loadVersion(r, machine, res.version()); !ok {
			return errNoResource(route.StateMachineVersionArn)
		}
	}
	return nil
}

// aliasKey reads an alias ARN.
func aliasKey(arn string) (string, resource, error) {
	res, err := parseARN(arn, kindMachine)
	if err == nil && (res.rest == "" || res.version() > 0) {
		err = errValidation("Alias ARN must identify a state machine alias. Received: %s", arn)
	}
	return store.Key(res.name, res.rest), res, err
}

type updateAliasInput struct {
	StateMachineAliasArn string  `json:"stateMachineAliasArn" check:"required,min=1,max=256"`
	Description          *string `json:"description" check:"max=256"`
	RoutingConfiguration []route `json:"routingConfiguration" check:"min=1,max=2"`
}

type updateAliasOutput struct {
	UpdateDate awswire.Time `json:"updateDate"`
}

func (s *Service) updateAlias(_ context.Context, in *updateAliasInput) (*updateAliasOutput, error) {
	key, res, err := aliasKey(in.StateMachineAliasArn)
	if err != nil {
		return nil, err
	}
	if in.Description == nil && in.RoutingConfiguration == nil {
		return nil, errMissing("Either the description or the routing configuration must be specified")
	}
	if in.RoutingConfiguration != nil {
		machine, err := checkRoutes(in.RoutingConfiguration)
		if err != nil {
			return nil, err
		}
		if machine != res.name {
			return nil, errValidation("Routing configuration must contain versions of the alias's state machine. Received: %s", in.RoutingConfiguration[0].StateMachineVersionArn)
		}
	}
	now := s.now()
	err = s.Store.Update(func(tx *store.Tx) error {
		a, ok := getJSON[alias](tx, bucketAlias, key)
		if !ok {
			return errNoResource(in.StateMachineAliasArn)
		}
		if in.Description != nil {
			a.Description = *in.Description
		}
		if in.RoutingConfiguration != nil {
			if err := routesExist(tx, res.name, in.RoutingConfiguration); err != nil {
				return err
			}
			a.Routes = in.RoutingConfiguration
		}
		a.Updated = now.UnixMilli()
		putJSON(tx, bucketAlias, key, a)
		return nil
	})
	return &updateAliasOutput{UpdateDate: awswire.At(now)}, err
}

type aliasARNInput struct {
	StateMachineAliasArn string `json:"stateMachineAliasArn" check:"required,min=1,max=256"`
}

type describeAliasOutput struct {
	StateMachineAliasArn string       `json:"stateMachineAliasArn"`
	Name                 string       `json:"name"`
	Description          string       `json:"description,omitzero"`
	RoutingConfiguration []route      `json:"routingConfiguration"`
	CreationDate         awswire.Time `json:"creationDate"`
	UpdateDate           awswire.Time `json:"updateDate"`
}

func (s *Service) describeAlias(_ context.Context, in *aliasARNInput) (*describeAliasOutput, error) {
	key, _, err := aliasKey(in.StateMachineAliasArn)
	if err != nil {
		return nil, err
	}
	var a *alias
	err = s.Store.View(func(r store.Reader) error {
		var ok bool
		if a, ok = getJSON[alias](r, bucketAlias, key); !ok {
			return errNoResource(in.StateMachineAliasArn)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &describeAliasOutput{StateMachineAliasArn: in.StateMachineAliasArn, Name: a.Name, Description: a.Description,
		RoutingConfiguration: a.Routes, CreationDate: atMillis(a.Created), UpdateDate: atMillis(max(a.Created, a.Updated))}, nil
}

// deleteAlias leaves its versions. Deleting what is not there is an error here.
func (s *Service) deleteAlias(_ context.Context, in *aliasARNInput) (*empty, error) {
	key, _, err := aliasKey(in.StateMachineAliasArn)
	if err != nil {
		return nil, err
	}
	return &empty{}, s.Store.Update(func(tx *store.Tx) error {
		if _, ok := tx.Get(bucketAlias, key); !ok {
			return errNoResource(in.StateMachineAliasArn)
		}
		tx.Delete(bucketAlias, key)
		return nil
	})
}

type listAliasesInput struct {
	StateMachineArn string `json:"stateMachineArn" check:"required,min=1,max=256"`
	NextToken       string `json:"nextToken" check:"min=1,max=1024"`
	MaxResults      int    `json:"maxResults" check:"min=0,max=1000"`
}

type listedAlias struct {
	StateMachineAliasArn string       `json:"stateMachineAliasArn"`
	CreationDate         awswire.Time `json:"creationDate"`
}

type listAliasesOutput struct {
	StateMachineAliases []listedAlias `json:"stateMachineAliases"`
	NextToken           string        `json:"nextToken,omitzero"`
}

// listAliases tells a machine's aliases, or those that route to one version.
func (s *Service) listAliases(_ context.Context, in *listAliasesInput) (*listAliasesOutput, error) {
	res, err := parseARN(in.StateMachineArn, kindMachine)
	if err != nil {
		return nil, err
	}
	if s.machines.get(res.name) == nil {
		return nil, errNoMachine(in.StateMachineArn)
	}
	from, to := store.Prefix(res.name)
	out := new(listAliasesOutput)
	err = s.Store.View(func(r store.Reader) error {
		var err error
		out.StateMachineAliases, out.NextToken, err = pageForward(r, bucketAlias, from, to, in.NextToken, pageSize(in.MaxResults), func(_ string, text []byte) (listedAlias, bool) {
			var a alias
			ok := json.Unmarshal(text, &a) == nil && (res.rest == "" || a.routes(in.StateMachineArn))
			return listedAlias{s.arn(kindMachine, res.name, a.Name), atMillis(a.Created)}, ok
		})
		return err
	})
	return out, err
}
