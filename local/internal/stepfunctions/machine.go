package stepfunctions

// This file defines state machines: what is kept of them, and the operations
// that create, change, show and delete them.

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/store"
)

// machine is what the store keeps of a state machine. A machine in the cache is
// never changed; an update puts a changed copy there.
type machine struct {
	Name       string
	Type       string // STANDARD or EXPRESS
	RoleARN    string
	Definition string // hash
	Created    int64  // milliseconds
	Updated    int64  `json:",omitzero"`
	Revision   string `json:",omitzero"` // changes with definition and role; empty: the first
	Version    int    `json:",omitzero"` // the number of the last one published
	Logging    loggingConfiguration
	Tracing    tracingConfiguration
	Encryption encryptionConfiguration
	Deleting   bool `json:",omitzero"`

	// What creation was asked for, for its idempotence.
	Publish            bool   `json:",omitzero"`
	VersionDescription string `json:",omitzero"`
}

type loggingConfiguration struct {
	Level                string           `json:"level,omitzero" check:"enum=ALL|ERROR|FATAL|OFF"`
	IncludeExecutionData bool             `json:"includeExecutionData"`
	Destinations         []logDestination `json:"destinations,omitempty"`
}

type logDestination struct {
	CloudWatchLogsLogGroup struct {
		LogGroupArn string `json:"logGroupArn,omitzero" check:"min=1,max=256"`
	} `json:"cloudWatchLogsLogGroup"`
}

type tracingConfiguration struct {
	Enabled bool `json:"enabled"`
}

type encryptionConfiguration struct {
	Type           string `json:"type,omitzero" check:"required,enum=AWS_OWNED_KEY|CUSTOMER_MANAGED_KMS_KEY"`
	KmsKeyID       string `json:"kmsKeyId,omitzero" check:"min=1,max=2048"`
	ReusePeriodSec int    `json:"kmsDataKeyReusePeriodSeconds,omitzero" check:"min=60,max=900"`
}

// machineCache holds all state machines: starting an execution reads no disk.
type machineCache struct {
	mu  sync.RWMutex
	all map[string]*machine
}

func (c *machineCache) load(r store.Reader) error {
	c.all = map[string]*machine{}
	for name, text := range r.Scan(bucketMachine, "", "") {
		m := new(machine)
		if err := json.Unmarshal(text, m); err != nil {
			return err
		}
		c.all[name] = m
	}
	return nil
}

func (c *machineCache) get(name string) *machine {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.all[name]
}

// refresh reads a machine anew, after an update that may have changed it.
func (c *machineCache) refresh(st *store.Store, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = st.View(func(r store.Reader) error {
		if m, ok := getJSON[machine](r, bucketMachine, name); ok {
			c.all[name] = m
		} else {
			delete(c.all, name)
		}
		return nil
	})
}

func (m *machine) save(tx *store.Tx) { putJSON(tx, bucketMachine, m.Name, m) }

// putJSON stores v, which is a struct of ours and always marshals.
func putJSON(tx *store.Tx, bucket, key string, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		panic("stepfunctions: " + err.Error())
	}
	tx.Put(bucket, key, text)
}

func getJSON[T any](r store.Reader, bucket, key string) (*T, bool) {
	text, ok := r.Get(bucket, key)
	if !ok {
		return nil, false
	}
	v := new(T)
	if json.Unmarshal(text, v) != nil {
		return nil, false
	}
	return v, true
}

func (s *Service) now() time.Time { return s.Clock.Now() }

func atMillis(ms int64) awswire.Time {
	if ms == 0 {
		return awswire.Time{}
	}
	return awswire.At(time.UnixMilli(ms).UTC())
}

type createMachineInput struct {
	Name                    string                   `json:"name" check:"required,min=1,max=80"`
	Definition              string                   `json:"definition" check:"required,min=1,max=1048576"`
	RoleArn                 string                   `json:"roleArn" check:"required,min=1,max=256"`
	Type                    string                   `json:"type" check:"enum=STANDARD|EXPRESS"`
	LoggingConfiguration    *loggingConfiguration    `json:"loggingConfiguration"`
	TracingConfiguration    *tracingConfiguration    `json:"tracingConfiguration"`
	EncryptionConfiguration *encryptionConfiguration `json:"encryptionConfiguration"`
	Publish                 bool                     `json:"publish"`
	VersionDescription      string                   `json:"versionDescription" check:"max=256"`
	Tags                    []tag                    `json:"tags"`
}

type createMachineOutput struct {
	StateMachineArn        string       `json:"stateMachineArn"`
	CreationDate           awswire.Time `json:"creationDate"`
	StateMachineVersionArn string       `json:"stateMachineVersionArn,omitzero"`
}

// createMachine is idempotent over everything but role and tags:
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html
func (s *Service) createMachine(_ context.Context, in *createMachineInput) (*createMachineOutput, error) {
	wanted, err := s.newMachine(in)
	if err != nil {
		return nil, err
	}
	arn := s.arn(kindMachine, in.Name)
	if err := checkTags(arn, nil, in.Tags); err != nil {
		return nil, err
	}
	made := wanted
	err = s.Store.Update(func(tx *store.Tx) error {
		if have, ok := getJSON[machine](tx, bucketMachine, in.Name); ok {
			made = have
			return s.sameMachine(have, wanted)
		}
		saveDefinition(tx, wanted.Definition, in.Definition)
		if in.Publish {
			publish(tx, wanted, in.VersionDescription, s.now())
		}
		wanted.save(tx)
		putTags(tx, arn, in.Tags)
		return nil
	})
	s.machines.refresh(s.Store, in.Name)
	if err != nil {
		return nil, err
	}
	out := &createMachineOutput{StateMachineArn: arn, CreationDate: atMillis(made.Created)}
	if in.Publish {
		out.StateMachineVersionArn = s.versionARN(in.Name, 1)
	}
	return out, nil
}

func (s *Service) newMachine(in *createMachineInput) (*machine, error) {
	if err := checkName(in.Name); err != nil {
		return nil, err
	}
	if in.VersionDescription != "" && !in.Publish {
		return nil, errValidation("Version description can only be set when publish is true")
	}
	if err := checkRole(in.RoleArn); err != nil {
		return nil, err
	}
	m := &machine{Name: in.Name, Type: in.Type, RoleARN: in.RoleArn, Created: s.now().UnixMilli(), Publish: in.Publish, VersionDescription: in.VersionDescription}
	if m.Type == "" {
		m.Type = "STANDARD"
	}
	if err := s.configure(m, in.LoggingConfiguration, in.TracingConfiguration, in.EncryptionConfiguration); err != nil {
		return nil, err
	}
	hash, err := s.parseDefinition(in.Definition, m.Type)
	m.Definition = hash
	return m, err
}

func checkRole(arn string) error {
	if len(arn) < 4 || arn[:4] != "arn:" {
		return errInvalidArn("Invalid Role Arn: " + arn)
	}
	return nil
}

// configure sets what is given and leaves the rest.
func (s *Service) configure(m *machine, l *loggingConfiguration, t *tracingConfiguration, e *encryptionConfiguration) error {
	if m.Logging.Level == "" {
		m.Logging.Level = "OFF"
	}
	if m.Encryption.Type == "" {
		m.Encryption.Type = "AWS_OWNED_KEY"
	}
	if l != nil {
		if err := s.checkLogging(l); err != nil {
			return err
		}
		m.Logging = *l
	}
	if t != nil {
		m.Tracing = *t
	}
	if e != nil {
		if (e.Type == "AWS_OWNED_KEY") != (e.KmsKeyID == "") {
			return &awswire.Error{Code: "InvalidEncryptionConfiguration", Message: "Invalid Encryption Configuration: a key goes with CUSTOMER_MANAGED_KMS_KEY, and only with it"}
		}
		m.Encryption = *e
	}
	return nil
}

// sameMachine says whether asking again for have's name is a repetition.
func (s *Service) sameMachine(have, wanted *machine) error {
	if have.Deleting {
		return errMachineDeleting(s.arn(kindMachine, have.Name))
	}
	same := *wanted
	same.Created, same.RoleARN, same.Updated, same.Revision, same.Version = have.Created, have.RoleARN, have.Updated, have.Revision, have.Version
	a, _ := json.Marshal(have)
	b, _ := json.Marshal(same)
	if string(a) != string(b) {
		return errMachineExists(s.arn(kindMachine, have.Name))
	}
	return nil
}

type updateMachineInput struct {
	StateMachineArn         string                   `json:"stateMachineArn" check:"required,min=1,max=256"`
	Definition              *string                  `json:"definition" check:"min=1,max=1048576"`
	RoleArn                 *string                  `json:"roleArn" check:"min=1,max=256"`
	LoggingConfiguration    *loggingConfiguration    `json:"loggingConfiguration"`
	TracingConfiguration    *tracingConfiguration    `json:"tracingConfiguration"`
	EncryptionConfiguration *encryptionConfiguration `json:"encryptionConfiguration"`
	Publish                 bool                     `json:"publish"`
	VersionDescription      string                   `json:"versionDescription" check:"max=256"`
}

type updateMachineOutput struct {
	UpdateDate             awswire.Time `json:"updateDate"`
	RevisionID             string       `json:"revisionId,omitzero"`
	StateMachineVersionArn string       `json:"stateMachineVersionArn,omitzero"`
}

func (s *Service) updateMachine(_ context.Context, in *updateMachineInput) (*updateMachineOutput, error) {
	name, err := s.unqualified(in.StateMachineArn)
	if err != nil {
		return nil, err
	}
	if err := checkUpdate(in); err != nil {
		return nil, err
	}
	var out *updateMachineOutput
	err = s.Store.Update(func(tx *store.Tx) error {
		have, ok := getJSON[machine](tx, bucketMachine, name)
		if !ok {
			return errNoMachine(in.StateMachineArn)
		}
		if have.Deleting {
			return errMachineDeleting(in.StateMachineArn)
		}
		out, err = s.changeMachine(tx, have, in)
		return err
	})
	s.machines.refresh(s.Store, name)
	return out, err
}

func checkUpdate(in *updateMachineInput) error {
	switch {
	case in.Definition == nil && in.RoleArn == nil && in.LoggingConfiguration == nil && in.TracingConfiguration == nil && in.EncryptionConfiguration == nil:
		return errMissing("Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified")
	case in.VersionDescription != "" && !in.Publish:
		return errValidation("Version description can only be set when publish is true")
	case in.RoleArn != nil:
		return checkRole(*in.RoleArn)
	}
	return nil
}

func (s *Service) changeMachine(tx *store.Tx, m *machine, in *updateMachineInput) (*updateMachineOutput, error) {
	before := *m
	if in.Definition != nil {
		hash, err := s.parseDefinition(*in.Definition, m.Type)
		if err != nil {
			return nil, err
		}
		m.Definition = hash
		saveDefinition(tx, hash, *in.Definition)
	}
	if in.RoleArn != nil {
		m.RoleARN = *in.RoleArn
	}
	if err := s.configure(m, in.LoggingConfiguration, in.TracingConfiguration, in.EncryptionConfiguration); err != nil {
		return nil, err
	}
	if before.Definition != m.Definition || before.RoleARN != m.RoleARN || in.LoggingConfiguration != nil || in.TracingConfiguration != nil {
		m.Revision = newUUID()
	}
	now := s.now()
	m.Updated = now.UnixMilli()
	out := &updateMachineOutput{UpdateDate: awswire.At(now), RevisionID: m.Revision}
	if in.Publish {
		out.StateMachineVersionArn = s.versionARN(m.Name, publish(tx, m, in.VersionDescription, now))
	}
	m.save(tx)
	return out, nil
}

// unqualified returns the name in a machine's ARN and refuses versions and aliases.
func (s *Service) unqualified(arn string) (string, error) {
	r, err := parseARN(arn, kindMachine)
	if err == nil && r.rest != "" {
		err = errInvalidArn("Resource type not valid in this context: " + arn)
	}
	return r.name, err
}

type machineARNInput struct {
	StateMachineArn string `json:"stateMachineArn" check:"required,min=1,max=256"`
}

type describeMachineOutput struct {
	StateMachineArn         string                   `json:"stateMachineArn"`
	Name                    string                   `json:"name"`
	Status                  string                   `json:"status,omitzero"`
	Definition              string                   `json:"definition"`
	RoleArn                 string                   `json:"roleArn"`
	Type                    string                   `json:"type,omitzero"`
	CreationDate            awswire.Time             `json:"creationDate,omitzero"`
	UpdateDate              awswire.Time             `json:"updateDate,omitzero"`
	LoggingConfiguration    *loggingConfiguration    `json:"loggingConfiguration"`
	TracingConfiguration    *tracingConfiguration    `json:"tracingConfiguration"`
	EncryptionConfiguration *encryptionConfiguration `json:"encryptionConfiguration"`
	Label                   string                   `json:"label,omitzero"`
	MapRunArn               string                   `json:"mapRunArn,omitzero"`
	RevisionID              string                   `json:"revisionId,omitzero"`
	Description             string                   `json:"description,omitzero"`
	VariableReferences      map[string][]string      `json:"variableReferences,omitempty"`
}

func (s *Service) describeMachine(_ context.Context, in *describeMachineInput) (*describeMachineOutput, error) {
	r, err := parseARN(in.StateMachineArn, kindMachine)
	if err != nil {
		return nil, err
	}
	var out *describeMachineOutput
	err = s.Store.View(func(rd store.Reader) error {
		m, v, err := s.revision(rd, r, in.StateMachineArn)
		if err != nil {
			return err
		}
		out = s.machineView(rd, m, v)
		out.StateMachineArn = in.StateMachineArn
		return nil
	})
	if err == nil && in.IncludedData == "METADATA_ONLY" {
		out.Definition, out.VariableReferences = "", nil
	}
	return out, err
}

type describeMachineInput struct {
	StateMachineArn string `json:"stateMachineArn" check:"required,min=1,max=256"`
	IncludedData    string `json:"includedData" check:"enum=ALL_DATA|METADATA_ONLY"`
}

// revision finds what a machine ARN names: the machine, and the version when it
// is qualified by one.
func (s *Service) revision(r store.Reader, res resource, arn string) (*machine, *version, error) {
	m := s.machines.get(res.name)
	if m == nil || arn != s.arn(kindMachine, res.name) && res.rest == "" {
		return nil, nil, errNoMachine(arn)
	}
	if res.rest == "" {
		return m, nil, nil
	}
	v, ok := loadVersion(r, res.name, res.version())
	if !ok {
		return nil, nil, errNoMachine(arn)
	}
	return m, v, nil
}

func (s *Service) machineView(r store.Reader, m *machine, v *version) *describeMachineOutput {
	logging := m.Logging
	out := &describeMachineOutput{
		StateMachineArn: s.arn(kindMachine, m.Name), Name: m.Name, Status: "ACTIVE", RoleArn: m.RoleARN, Type: m.Type,
		CreationDate: atMillis(m.Created), RevisionID: m.Revision,
		LoggingConfiguration: &logging, TracingConfiguration: &m.Tracing, EncryptionConfiguration: &m.Encryption,
	}
	hash := m.Definition
	if m.Deleting {
		out.Status = "DELETING"
	}
	if v != nil {
		out.StateMachineArn = s.versionARN(m.Name, v.Number)
		out.RoleArn, out.CreationDate, out.RevisionID, out.Description = v.RoleARN, atMillis(v.Created), v.Revision, v.Description
		hash = v.Definition
	}
	out.Definition = definitionText(r, hash)
	out.VariableReferences = variableReferences(out.Definition)
	return out
}

// deleteMachine answers the same for a machine that is not there. The machine's
// executions end and go with it:
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_DeleteStateMachine.html
func (s *Service) deleteMachine(_ context.Context, in *machineARNInput) (*empty, error) {
	name, err := s.unqualified(in.StateMachineArn)
	if err != nil {
		return nil, err
	}
	err = s.Store.Update(func(tx *store.Tx) error {
		tx.Delete(bucketMachine, name)
		from, to := store.Prefix(name)
		for _, bucket := range []string{bucketVersion, bucketAlias} {
			for key := range tx.Scan(bucket, from, to) {
				tx.Delete(bucket, key)
			}
		}
		tx.Delete(bucketTags, in.StateMachineArn)
		return nil
	})
	s.machines.refresh(s.Store, name)
	if err == nil {
		err = s.forgetMachine(name)
	}
	return &empty{}, err
}
