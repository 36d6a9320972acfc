package stepfunctions

// This file defines versions: numbered, unchangeable revisions of a machine.
// https://docs.aws.amazon.com/step-functions/latest/dg/concepts-state-machine-version.html

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/store"
)

// version is what the store keeps of a version.
type version struct {
	Number      int
	Definition  string // hash
	RoleARN     string
	Description string `json:",omitzero"`
	Revision    string `json:",omitzero"`
	Created     int64
}

func (s *Service) versionARN(machine string, number int) string {
	return s.arn(kindMachine, machine, strconv.Itoa(number))
}

func versionKey(machine string, number int) string {
	return store.Key(machine, store.Uint64(uint64(number)))
}

func loadVersion(r store.Reader, machine string, number int) (*version, bool) {
	if number < 1 {
		return nil, false
	}
	return getJSON[version](r, bucketVersion, versionKey(machine, number))
}

// publish makes the machine's current revision a version and returns its
// number. A revision that is published already keeps its version.
func publish(tx *store.Tx, m *machine, description string, now time.Time) int {
	if last, ok := loadVersion(tx, m.Name, m.Version); ok && last.Revision == m.Revision && last.Definition == m.Definition {
		return last.Number
	}
	m.Version++
	putJSON(tx, bucketVersion, versionKey(m.Name, m.Version), version{
		Number: m.Version, Definition: m.Definition, RoleARN: m.RoleARN, Description: description, Revision: m.Revision, Created: now.UnixMilli(),
	})
	return m.Version
}

type publishInput struct {
	StateMachineArn string `json:"stateMachineArn" check:"required,min=1,max=256"`
	RevisionID      string `json:"revisionId"`
	Description     string `json:"description" check:"max=256"`
}

type publishOutput struct {
	CreationDate           awswire.Time `json:"creationDate"`
	StateMachineVersionArn string       `json:"stateMachineVersionArn"`
}

// publishVersion publishes the current revision, if it is the one the caller means.
func (s *Service) publishVersion(_ context.Context, in *publishInput) (*publishOutput, error) {
	name, err := s.unqualified(in.StateMachineArn)
	if err != nil {
		return nil, err
	}
	var out *publishOutput
	err = s.Store.Update(func(tx *store.Tx) error {
		m, ok := getJSON[machine](tx, bucketMachine, name)
		switch {
		case !ok:
			return errNoMachine(in.StateMachineArn)
		case m.Deleting:
			return errMachineDeleting(in.StateMachineArn)
		case in.RevisionID != "" && in.RevisionID != revisionName(m):
			return errConflict("Failed to publish the State Machine version for revision %s. The current State Machine revision is %s.", in.RevisionID, revisionName(m))
		}
		n := publish(tx, m, in.Description, s.now())
		m.save(tx)
		v, _ := loadVersion(tx, name, n)
		out = &publishOutput{CreationDate: atMillis(v.Created), StateMachineVersionArn: s.versionARN(name, n)}
		return nil
	})
	s.machines.refresh(s.Store, name)
	return out, err
}

// revisionName is what callers name a revision by; the first has no id but this.
func revisionName(m *machine) string {
	if m.Revision == "" {
		return "INITIAL"
	}
	return m.Revision
}

type versionARNInput struct {
	StateMachineVersionArn string `json:"stateMachineVersionArn" check:"required,min=1,max=2000"`
}

// deleteVersion answers the same for a version that is not there.
func (s *Service) deleteVersion(_ context.Context, in *versionARNInput) (*empty, error) {
	res, err := parseARN(in.StateMachineVersionArn, kindMachine)
	if err != nil {
		return nil, err
	}
	if res.version() == 0 {
		return nil, errValidation("Version ARN must identify a state machine version. Received: %s", in.StateMachineVersionArn)
	}
	return &empty{}, s.Store.Update(func(tx *store.Tx) error {
		var used []string
		for _, a := range aliasesOf(tx, res.name) {
			if a.routes(in.StateMachineVersionArn) {
				used = append(used, a.Name)
			}
		}
		if len(used) > 0 {
			return errConflict("Version to be deleted must not be referenced by an alias. Current list of aliases referencing this version: %s",
				list(used, func(name string) string { return name }))
		}
		tx.Delete(bucketVersion, versionKey(res.name, res.version()))
		return nil
	})
}

type listVersionsInput struct {
	StateMachineArn string `json:"stateMachineArn" check:"required,min=1,max=256"`
	NextToken       string `json:"nextToken" check:"min=1,max=1024"`
	MaxResults      int    `json:"maxResults" check:"min=0,max=1000"`
}

type listedVersion struct {
	StateMachineVersionArn string       `json:"stateMachineVersionArn"`
	CreationDate           awswire.Time `json:"creationDate"`
}

type listVersionsOutput struct {
	StateMachineVersions []listedVersion `json:"stateMachineVersions"`
	NextToken            string          `json:"nextToken,omitzero"`
}

// listVersions tells the latest first.
func (s *Service) listVersions(_ context.Context, in *listVersionsInput) (*listVersionsOutput, error) {
	name, err := s.existing(in.StateMachineArn)
	if err != nil {
		return nil, err
	}
	from, to := store.Prefix(name)
	out := new(listVersionsOutput)
	err = s.Store.View(func(r store.Reader) error {
		var err error
		out.StateMachineVersions, out.NextToken, err = pageBack(r, bucketVersion, from, to, in.NextToken, pageSize(in.MaxResults), func(_ string, text []byte) (listedVersion, bool) {
			var v version
			ok := json.Unmarshal(text, &v) == nil
			return listedVersion{s.versionARN(name, v.Number), atMillis(v.Created)}, ok
		})
		return err
	})
	return out, err
}

// existing returns the name in a machine's ARN if there is such a machine.
func (s *Service) existing(arn string) (string, error) {
	name, err := s.unqualified(arn)
	if err == nil && s.machines.get(name) == nil {
		err = errNoMachine(arn)
	}
	return name, err
}

// qualify makes an execution run what the machine ARN names: the current
// revision, a version, or what an alias routes this execution to.
func (s *Service) qualify(rec *record, res resource, arn string) error {
	if res.rest == "" {
		return nil
	}
	return s.Store.View(func(r store.Reader) error {
		number := res.version()
		if number == 0 {
			a, ok := getJSON[alias](r, bucketAlias, store.Key(res.name, res.rest))
			if !ok {
				return errNoMachine(arn)
			}
			rec.AliasARN = arn
			picked, err := parseARN(a.pick(), kindMachine)
			if err != nil {
				return err
			}
			number = picked.version()
		}
		v, ok := loadVersion(r, res.name, number)
		if !ok {
			return errNoMachine(arn)
		}
		rec.VersionARN, rec.Definition, rec.RoleARN = s.versionARN(res.name, number), v.Definition, v.RoleARN
		return nil
	})
}
