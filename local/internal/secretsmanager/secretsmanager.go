// Package secretsmanager is AWS Secrets Manager as far as workflows need it:
// secrets with versions and staging labels, random passwords, deletion with a
// recovery window.
//
// A stored secret survives a kill. Values never stand in a log or an error. They
// are not encrypted: the store is readable to its owner only. Rotation,
// replication and resource policies are not offered. Start at [Service.API].
package secretsmanager

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/store"
)

const (
	bucket     = "secretsmanager/secret"
	maxValue   = 65536
	current    = "AWSCURRENT"
	previous   = "AWSPREVIOUS"
	recoverMax = 30
)

// Config is what the service needs.
type Config struct {
	Account, Region string
	Store           *store.Store
	Clock           clock.Clock
}

// Service is Secrets Manager.
type Service struct{ Config }

// New returns the service.
func New(cfg Config) *Service { return &Service{cfg} }

// API lists the operations.
func (s *Service) API() awswire.Service {
	return awswire.Service{
		Name: "secretsmanager", Protocol: awswire.JSON11, Target: "secretsmanager",
		Operations: []awswire.Operation{
			awswire.Op("CreateSecret", func(in *createInput) []awswire.Access { return s.access("CreateSecret", in.Name) }, s.create),
			onSecret(s, "GetSecretValue", s.getValue),
			onSecret(s, "PutSecretValue", s.putValue),
			onSecret(s, "UpdateSecret", s.update),
			onSecret(s, "DescribeSecret", s.describe),
			onSecret(s, "ListSecretVersionIds", s.listVersions),
			onSecret(s, "DeleteSecret", s.remove),
			onSecret(s, "RestoreSecret", s.restore),
			onSecret(s, "TagResource", s.tag),
			onSecret(s, "UntagResource", s.untag),
			awswire.Op("ListSecrets", func(*listInput) []awswire.Access {
				return []awswire.Access{{Action: "secretsmanager:ListSecrets", Resource: "*"}}
			}, s.list),
			awswire.Op("GetRandomPassword", nil, s.password),
		},
	}
}

type secretInput interface{ secretID() string }

// byID is embedded in inputs that name their secret by name or ARN.
type byID struct {
	SecretID string `json:"SecretId" check:"required,min=1,max=2048"`
}

func (in *byID) secretID() string { return in.SecretID }

func onSecret[In, Out any](s *Service, name string, do func(context.Context, *In) (*Out, error)) awswire.Operation {
	return awswire.Op(name, func(in *In) []awswire.Access { return s.access(name, any(in).(secretInput).secretID()) }, do)
}

// access judges by the secret's ARN, the random end included when it exists.
func (s *Service) access(action, id string) []awswire.Access {
	resource := s.arnPrefix() + nameOf(id) + "-??????"
	_ = s.Store.View(func(r store.Reader) error {
		if sec, ok := s.load(r, id); ok {
			resource = sec.ARN
		}
		return nil
	})
	return []awswire.Access{{Action: "secretsmanager:" + action, Resource: resource}}
}

func (s *Service) arnPrefix() string {
	return fmt.Sprintf("arn:aws:secretsmanager:%s:%s:secret:", s.Region, s.Account)
}

// secret is what the store keeps.
type secret struct {
	ARN, Name, Description, KmsKeyID string
	Tags                             map[string]string
	Versions                         map[string]*version // by id
	Created, Changed                 time.Time
	Deleted                          time.Time // zero: it is there
	DeletionDate                     time.Time
}

type version struct {
	String  *string
	Binary  []byte
	Stages  []string
	Created time.Time
}

var randomEnd = regexp.MustCompile(`-[A-Za-z0-9]{6}$`)

// nameOf takes a name or an ARN, with or without its random end.
func nameOf(id string) string {
	if i := strings.Index(id, ":secret:"); i >= 0 {
		return randomEnd.ReplaceAllString(id[i+len(":secret:"):], "")
	}
	return id
}

func (s *Service) load(r store.Reader, id string) (*secret, bool) {
	text, ok := r.Get(bucket, nameOf(id))
	if !ok && strings.HasPrefix(id, "arn:") { // a name that itself ends like the random part
		text, ok = r.Get(bucket, id[strings.Index(id, ":secret:")+len(":secret:"):])
	}
	if !ok {
		return nil, false
	}
	var sec secret
	if json.Unmarshal(text, &sec) != nil {
		return nil, false
	}
	if !sec.DeletionDate.IsZero() && !s.Clock.Now().Before(sec.DeletionDate) {
		return nil, false
	}
	return &sec, true
}

func (sec *secret) save(tx *store.Tx) {
	text, err := json.Marshal(sec)
	if err != nil {
		panic(err) // a struct of strings and times always marshals
	}
	tx.Put(bucket, sec.Name, text)
}

func errNotFound() error {
	return awswire.Errorf("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

// read returns a secret that is there and not marked for deletion.
func (s *Service) read(id string) (sec *secret, err error) {
	err = s.Store.View(func(r store.Reader) (err error) {
		sec, err = s.living(r, id)
		return err
	})
	return sec, err
}

func (s *Service) living(r store.Reader, id string) (*secret, error) {
	sec, ok := s.load(r, id)
	if !ok {
		return nil, errNotFound()
	}
	if !sec.Deleted.IsZero() {
		return nil, awswire.Errorf("InvalidRequestException", "You can't perform this operation on the secret because it was marked for deletion.")
	}
	return sec, nil
}

func (s *Service) change(id string, f func(*secret) error) (sec *secret, err error) {
	err = s.Store.Update(func(tx *store.Tx) (err error) {
		if sec, err = s.living(tx, id); err != nil {
			return err
		}
		if err := f(sec); err != nil {
			return err
		}
		sec.save(tx)
		return nil
	})
	return sec, err
}

type tagPair struct {
	Key   string `json:"Key"`
	Value string `json:"Value"`
}

type createInput struct {
	Name               string    `json:"Name" check:"required,min=1,max=512"`
	ClientRequestToken string    `json:"ClientRequestToken"`
	Description        string    `json:"Description"`
	KmsKeyID           string    `json:"KmsKeyId"`
	SecretString       *string   `json:"SecretString"`
	SecretBinary       []byte    `json:"SecretBinary"`
	Tags               []tagPair `json:"Tags"`
}

type versionOutput struct {
	ARN           string   `json:"ARN"`
	Name          string   `json:"Name"`
	VersionID     string   `json:"VersionId,omitzero"`
	VersionStages []string `json:"VersionStages,omitempty"`
}

var secretName = regexp.MustCompile(`^[A-Za-z0-9/_+=.@!-]+$`)

func (s *Service) create(_ context.Context, in *createInput) (*versionOutput, error) {
	if !secretName.MatchString(in.Name) {
		return nil, awswire.Errorf("ValidationException", "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!")
	}
	now := s.Clock.Now()
	sec := &secret{ARN: s.arnPrefix() + in.Name + "-" + rand.Text()[:6], Name: in.Name, Description: in.Description, KmsKeyID: in.KmsKeyID, Created: now, Changed: now,
		Tags: map[string]string{}, Versions: map[string]*version{}}
	for _, t := range in.Tags {
		sec.Tags[t.Key] = t.Value
	}
	out := &versionOutput{ARN: sec.ARN, Name: sec.Name}
	return out, s.Store.Update(func(tx *store.Tx) error {
		if old, ok := s.load(tx, in.Name); ok {
			if !old.Deleted.IsZero() {
				return awswire.Errorf("InvalidRequestException", "You can't create this secret because a secret with this name is already scheduled for deletion.")
			}
			return awswire.Errorf("ResourceExistsException", "The operation failed because the secret %s already exists.", in.Name)
		}
		var err error
		if in.SecretString != nil || in.SecretBinary != nil {
			out.VersionID, err = sec.put(in.ClientRequestToken, in.SecretString, in.SecretBinary, nil, now)
		}
		sec.save(tx)
		return err
	})
}

// put adds a version and moves the staging labels to it. The same token with the
// same value changes nothing.
func (sec *secret) put(token string, text *string, binary []byte, stages []string, now time.Time) (string, error) {
	if len(binary) > maxValue || text != nil && len(*text) > maxValue {
		return "", awswire.Errorf("ValidationException", "1 validation error detected: Value at 'secretString' failed to satisfy constraint: Member must have length less than or equal to %d", maxValue)
	}
	if token == "" {
		token = newToken()
	}
	if old, ok := sec.Versions[token]; ok {
		if same(old, text, binary) {
			return token, nil
		}
		return "", awswire.Errorf("ResourceExistsException", "You can't use ClientRequestToken %s because that value is already in use for a version of secret %s.", token, sec.ARN)
	}
	if len(stages) == 0 {
		stages = []string{current}
	}
	for _, v := range sec.Versions {
		was := slices.Contains(v.Stages, current)
		v.Stages = slices.DeleteFunc(v.Stages, func(x string) bool {
			return slices.Contains(stages, x) || x == previous && slices.Contains(stages, current)
		})
		if was && slices.Contains(stages, current) {
			v.Stages = append(v.Stages, previous)
		}
	}
	maps.DeleteFunc(sec.Versions, func(_ string, v *version) bool { return len(v.Stages) == 0 })
	sec.Versions[token] = &version{String: text, Binary: binary, Stages: stages, Created: now}
	sec.Changed = now
	return token, nil
}

func same(v *version, text *string, binary []byte) bool {
	if (v.String == nil) != (text == nil) {
		return false
	}
	return (text == nil || *v.String == *text) && string(v.Binary) == string(binary)
}

func newToken() string {
	t := strings.ToLower(rand.Text() + rand.Text())
	return t[:8] + "-" + t[8:12] + "-" + t[12:16] + "-" + t[16:20] + "-" + t[20:32]
}

type getValueInput struct {
	byID
	VersionID    string `json:"VersionId"`
	VersionStage string `json:"VersionStage"`
}

type valueOutput struct {
	ARN           string       `json:"ARN"`
	Name          string       `json:"Name"`
	VersionID     string       `json:"VersionId"`
	SecretString  *string      `json:"SecretString,omitzero"`
	SecretBinary  []byte       `json:"SecretBinary,omitempty"`
	VersionStages []string     `json:"VersionStages"`
	CreatedDate   awswire.Time `json:"CreatedDate"`
}

func (s *Service) getValue(_ context.Context, in *getValueInput) (*valueOutput, error) {
	sec, err := s.read(in.SecretID)
	if err != nil {
		return nil, err
	}
	stage := in.VersionStage
	if stage == "" && in.VersionID == "" {
		stage = current
	}
	for id, v := range sec.Versions {
		if (in.VersionID == "" || id == in.VersionID) && (stage == "" || slices.Contains(v.Stages, stage)) {
			return &valueOutput{ARN: sec.ARN, Name: sec.Name, VersionID: id, SecretString: v.String, SecretBinary: v.Binary, VersionStages: v.Stages, CreatedDate: awswire.At(v.Created)}, nil
		}
	}
	if stage != "" {
		return nil, awswire.Errorf("ResourceNotFoundException", "Secrets Manager can't find the specified secret value for staging label: %s", stage)
	}
	return nil, awswire.Errorf("ResourceNotFoundException", "Secrets Manager can't find the specified secret value for VersionId: %s", in.VersionID)
}

type putValueInput struct {
	byID
	ClientRequestToken string   `json:"ClientRequestToken"`
	SecretString       *string  `json:"SecretString"`
	SecretBinary       []byte   `json:"SecretBinary"`
	VersionStages      []string `json:"VersionStages"`
}

func (s *Service) putValue(_ context.Context, in *putValueInput) (*versionOutput, error) {
	out := &versionOutput{}
	if in.SecretString == nil && in.SecretBinary == nil {
		return nil, awswire.Errorf("InvalidRequestException", "You must provide either SecretString or SecretBinary.")
	}
	_, err := s.change(in.SecretID, func(sec *secret) error {
		id, err := sec.put(in.ClientRequestToken, in.SecretString, in.SecretBinary, in.VersionStages, s.Clock.Now())
		if err != nil {
			return err
		}
		*out = versionOutput{ARN: sec.ARN, Name: sec.Name, VersionID: id, VersionStages: sec.Versions[id].Stages}
		return nil
	})
	return out, err
}

type updateInput struct {
	byID
	ClientRequestToken string  `json:"ClientRequestToken"`
	Description        *string `json:"Description"`
	KmsKeyID           *string `json:"KmsKeyId"`
	SecretString       *string `json:"SecretString"`
	SecretBinary       []byte  `json:"SecretBinary"`
}

func (s *Service) update(_ context.Context, in *updateInput) (*versionOutput, error) {
	out := &versionOutput{}
	_, err := s.change(in.SecretID, func(sec *secret) (err error) {
		if in.Description != nil {
			sec.Description = *in.Description
		}
		if in.KmsKeyID != nil {
			sec.KmsKeyID = *in.KmsKeyID
		}
		*out = versionOutput{ARN: sec.ARN, Name: sec.Name}
		if in.SecretString != nil || in.SecretBinary != nil {
			out.VersionID, err = sec.put(in.ClientRequestToken, in.SecretString, in.SecretBinary, nil, s.Clock.Now())
		}
		return err
	})
	return out, err
}

type describeInput struct{ byID }

type description struct {
	ARN                string              `json:"ARN"`
	Name               string              `json:"Name"`
	Description        string              `json:"Description,omitzero"`
	KmsKeyID           string              `json:"KmsKeyId,omitzero"`
	LastChangedDate    awswire.Time        `json:"LastChangedDate"`
	CreatedDate        awswire.Time        `json:"CreatedDate"`
	DeletedDate        awswire.Time        `json:"DeletedDate,omitzero"`
	Tags               []tagPair           `json:"Tags,omitempty"`
	VersionIDsToStages map[string][]string `json:"VersionIdsToStages,omitempty"`
}

func (sec *secret) describe() *description {
	d := &description{ARN: sec.ARN, Name: sec.Name, Description: sec.Description, KmsKeyID: sec.KmsKeyID, LastChangedDate: awswire.At(sec.Changed), CreatedDate: awswire.At(sec.Created),
		DeletedDate: awswire.At(sec.Deleted), VersionIDsToStages: map[string][]string{}}
	for _, k := range slices.Sorted(maps.Keys(sec.Tags)) {
		d.Tags = append(d.Tags, tagPair{k, sec.Tags[k]})
	}
	for id, v := range sec.Versions {
		d.VersionIDsToStages[id] = v.Stages
	}
	return d
}

// describe also shows a secret that is marked for deletion.
func (s *Service) describe(_ context.Context, in *describeInput) (d *description, err error) {
	err = s.Store.View(func(r store.Reader) error {
		sec, ok := s.load(r, in.SecretID)
		if !ok {
			return errNotFound()
		}
		d = sec.describe()
		return nil
	})
	return d, err
}

type listVersionsInput struct{ byID }

type versionItem struct {
	VersionID     string       `json:"VersionId"`
	VersionStages []string     `json:"VersionStages"`
	CreatedDate   awswire.Time `json:"CreatedDate"`
}

type listVersionsOutput struct {
	ARN      string        `json:"ARN"`
	Name     string        `json:"Name"`
	Versions []versionItem `json:"Versions"`
}

func (s *Service) listVersions(_ context.Context, in *listVersionsInput) (*listVersionsOutput, error) {
	sec, err := s.read(in.SecretID)
	if err != nil {
		return nil, err
	}
	out := &listVersionsOutput{ARN: sec.ARN, Name: sec.Name}
	for _, id := range slices.Sorted(maps.Keys(sec.Versions)) {
		v := sec.Versions[id]
		out.Versions = append(out.Versions, versionItem{id, v.Stages, awswire.At(v.Created)})
	}
	return out, nil
}

type removeInput struct {
	byID
	RecoveryWindowInDays       *int `json:"RecoveryWindowInDays"`
	ForceDeleteWithoutRecovery bool `json:"ForceDeleteWithoutRecovery"`
}

type removeOutput struct {
	ARN          string       `json:"ARN"`
	Name         string       `json:"Name"`
	DeletionDate awswire.Time `json:"DeletionDate"`
}

func (s *Service) remove(_ context.Context, in *removeInput) (*removeOutput, error) {
	days := recoverMax
	if in.RecoveryWindowInDays != nil {
		days = *in.RecoveryWindowInDays
		if in.ForceDeleteWithoutRecovery {
			return nil, awswire.Errorf("InvalidParameterException", "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
		}
		if days < 7 || days > recoverMax {
			return nil, awswire.Errorf("InvalidParameterException", "RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
		}
	}
	if in.ForceDeleteWithoutRecovery {
		days = 0
	}
	now := s.Clock.Now()
	sec, err := s.change(in.SecretID, func(sec *secret) error {
		sec.Deleted, sec.DeletionDate = now, now.AddDate(0, 0, days)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &removeOutput{sec.ARN, sec.Name, awswire.At(sec.DeletionDate)}, nil
}

type restoreInput struct{ byID }

func (s *Service) restore(_ context.Context, in *restoreInput) (*versionOutput, error) {
	out := &versionOutput{}
	return out, s.Store.Update(func(tx *store.Tx) error {
		sec, ok := s.load(tx, in.SecretID)
		if !ok {
			return errNotFound()
		}
		sec.Deleted, sec.DeletionDate = time.Time{}, time.Time{}
		sec.save(tx)
		*out = versionOutput{ARN: sec.ARN, Name: sec.Name}
		return nil
	})
}

type tagInput struct {
	byID
	Tags []tagPair `json:"Tags" check:"required"`
}

type empty struct{}

func (s *Service) tag(_ context.Context, in *tagInput) (*empty, error) {
	_, err := s.change(in.SecretID, func(sec *secret) error {
		for _, t := range in.Tags {
			sec.Tags[t.Key] = t.Value
		}
		return nil
	})
	return &empty{}, err
}

type untagInput struct {
	byID
	TagKeys []string `json:"TagKeys" check:"required"`
}

func (s *Service) untag(_ context.Context, in *untagInput) (*empty, error) {
	_, err := s.change(in.SecretID, func(sec *secret) error {
		for _, k := range in.TagKeys {
			delete(sec.Tags, k)
		}
		return nil
	})
	return &empty{}, err
}

type listInput struct {
	MaxResults int    `json:"MaxResults" check:"min=1,max=100"`
	NextToken  string `json:"NextToken"`
}

type listOutput struct {
	SecretList []*description `json:"SecretList"`
	NextToken  string         `json:"NextToken,omitzero"`
}

func (s *Service) list(_ context.Context, in *listInput) (*listOutput, error) {
	limit := in.MaxResults
	if limit == 0 {
		limit = 100
	}
	out := &listOutput{}
	return out, s.Store.View(func(r store.Reader) error {
		for name := range r.Scan(bucket, in.NextToken, "") {
			sec, ok := s.load(r, name)
			if !ok || !sec.Deleted.IsZero() {
				continue
			}
			if len(out.SecretList) == limit {
				out.NextToken = name
				return nil
			}
			out.SecretList = append(out.SecretList, sec.describe())
		}
		return nil
	})
}
