package iam

// This file defines sessions: the temporary credentials under which a role acts,
// and the operations of STS.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_Operations.html

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/store"
)

// Session is a role's temporary credentials.
type Session struct {
	AccessKeyID, SecretAccessKey, SessionToken string
	Expiration                                 time.Time
	Identity                                   awswire.Identity
}

// session is what the store keeps of one.
type session struct {
	Secret, Token string
	Role          string // ARN
	Name          string
	Expires       time.Time
}

// executionSession is how long the credentials of a function or state machine
// last: as long as an environment may live, and then some. Sessions outlive a
// restart, so that what was signed with one (a presigned URL) stays what it was.
const executionSession = 36 * time.Hour

// sessionKey begins the access key ids of sessions, as on AWS; others are the
// root's and need not be looked for.
const sessionKey = "ASIA"

// NewSession makes a session of a role, for a function or state machine. The
// role's trust policy is not asked: see [Service.Assume].
func (s *Service) NewSession(roleARN, sessionName string) (Session, error) {
	return s.newSession(roleARN, sessionName, executionSession)
}

func (s *Service) newSession(roleARN, name string, lasts time.Duration) (Session, error) {
	now := s.Now()
	x := &session{Secret: newSecret(30), Token: newSecret(96), Role: roleARN, Name: name, Expires: now.Add(lasts).UTC().Truncate(time.Second)}
	key := newID(sessionKey, 20)
	err := s.Store.Update(func(tx *store.Tx) error {
		if _, err := loadRole(tx, roleNameOf(roleARN)); err != nil {
			return err
		}
		s.purge(tx, now)
		return save(tx, bucketSession, key, x)
	})
	if err != nil {
		return Session{}, err
	}
	return Session{key, x.Secret, x.Token, x.Expires, s.Identity(roleARN, name)}, nil
}

// purge removes expired sessions, once an hour.
func (s *Service) purge(tx *store.Tx, now time.Time) {
	s.mu.Lock()
	due := now.Sub(s.purged) > time.Hour
	if due {
		s.purged = now
	}
	s.mu.Unlock()
	if !due {
		return
	}
	for key := range tx.Scan(bucketSession, "", "") {
		if found, ok := load[session](tx, bucketSession, key); !ok || now.After(found.Expires) {
			tx.Delete(bucketSession, key)
		}
	}
}

func newSecret(length int) string {
	random := make([]byte, length)
	_, _ = rand.Read(random)
	return base64.StdEncoding.EncodeToString(random)
}

// Identity is a role that acts under a session of this name.
func (s *Service) Identity(roleARN, sessionName string) awswire.Identity {
	return awswire.Identity{Account: s.Account, Role: roleARN, ARN: fmt.Sprintf("arn:aws:sts::%s:assumed-role/%s/%s", s.Account, roleNameOf(roleARN), sessionName)}
}

// LookupSession returns the session that an access key id belongs to.
func (s *Service) LookupSession(accessKeyID string) (Session, bool) {
	if !strings.HasPrefix(accessKeyID, sessionKey) {
		return Session{}, false
	}
	s.mu.Lock()
	x := s.sessions[accessKeyID]
	s.mu.Unlock()
	if x == nil {
		_ = s.Store.View(func(r store.Reader) error {
			x, _ = load[session](r, bucketSession, accessKeyID)
			return nil
		})
		if x == nil {
			return Session{}, false
		}
		s.mu.Lock()
		s.sessions[accessKeyID] = x
		s.mu.Unlock()
	}
	return Session{accessKeyID, x.Secret, x.Token, x.Expires, s.Identity(x.Role, x.Name)}, true
}

// Lookup implements [awswire.Keys]. An expired session is still known, so that its
// key does not become the root's; it may do nothing.
func (s *Service) Lookup(accessKeyID string) (secret string, id awswire.Identity, known bool) {
	x, ok := s.LookupSession(accessKeyID)
	if !ok {
		return "", awswire.Identity{}, false
	}
	if s.Now().After(x.Expiration) {
		x.Identity.Role = ""
	}
	return x.SecretAccessKey, x.Identity, true
}

// Assume returns the identity of a role for a service that is to act with it, as
// long as the role's trust policy says that it may.
func (s *Service) Assume(roleARN, service, sourceARN, sessionName string) (awswire.Identity, error) {
	who := awswire.ServicePrincipal(s.Account, service, sourceARN)
	if err := s.mayAssume(roleARN, who); err != nil {
		return awswire.Identity{}, err
	}
	return s.Identity(roleARN, sessionName), nil
}

// mayAssume asks a role's trust policy.
func (s *Service) mayAssume(roleARN string, who awswire.Identity) error {
	var trust string
	err := s.Store.View(func(r store.Reader) error {
		found, err := loadRole(r, roleNameOf(roleARN))
		if err == nil && s.roleARN(found.Path, found.Name) != roleARN {
			err = errNoRole(roleNameOf(roleARN))
		}
		if err == nil {
			trust = found.Trust
		}
		return err
	})
	if err == nil && s.trusts(trust, roleARN, who) {
		return nil
	}
	// AWS does not tell who may not know whether the role exists.
	return fault("AccessDenied", "User: %s is not authorized to perform: sts:AssumeRole on resource: %s", who.ARN, roleARN)
}

// trusts asks a trust policy alone. One that names the account leaves it to the
// account's identity policies, which for the root, whom every developer is here,
// allow everything.
func (s *Service) trusts(trust, roleARN string, who awswire.Identity) bool {
	p, err := ParsePolicy("trust", []byte(trust), TrustPolicy)
	if err != nil {
		return false
	}
	r := Request{Principal: principalFor(who), Action: "sts:AssumeRole", Resource: roleARN, Context: s.context(who, nil)}
	if _, denied := find(one(p), true, r.question()); denied {
		return false
	}
	m, ok := find(one(p), false, r.question())
	if !ok || m.names > namesAccount || r.Principal.isRoot() {
		return ok
	}
	policies, err := s.policiesOf(who.Role)
	return err == nil && Evaluate(r, Policies{Identity: policies.identity, Boundary: policies.boundary}).Allowed
}

// STS lists STS's operations.
func (s *Service) STS() awswire.Service {
	return awswire.Service{
		Name: "sts", Protocol: awswire.Query, Version: "2011-06-15", Namespace: "https://sts.amazonaws.com/doc/2011-06-15/", AccessDenied: "AccessDenied",
		Errors: map[string]int{"AccessDenied": 403, "ExpiredTokenException": 400},
		Operations: []awswire.Operation{
			awswire.Op("GetCallerIdentity", nil, s.getCallerIdentity),
			awswire.Op("AssumeRole", nil, s.assumeRole), // the trust policy decides
			awswire.Op("GetAccessKeyInfo", nil, s.getAccessKeyInfo),
		},
	}
}

type callerIdentity struct {
	UserID  string `json:"UserId"`
	Account string `json:"Account"`
	Arn     string `json:"Arn"`
}

func (s *Service) getCallerIdentity(ctx context.Context, _ *nothing) (*callerIdentity, error) {
	id := awswire.CallerFrom(ctx)
	return &callerIdentity{UserID: s.userID(id), Account: s.Account, Arn: id.ARN}, nil
}

// userID is aws:userid: the account's number for the root, the role's id and the
// session's name for a role.
func (s *Service) userID(id awswire.Identity) string {
	if id.Role == "" {
		return s.Account
	}
	roleID := ""
	_ = s.Store.View(func(r store.Reader) error {
		if found, err := loadRole(r, roleNameOf(id.Role)); err == nil {
			roleID = found.ID
		}
		return nil
	})
	return roleID + ":" + id.ARN[strings.LastIndexByte(id.ARN, '/')+1:]
}

type assumeRoleInput struct {
	RoleArn         string   `json:"RoleArn" check:"required,min=20,max=2048"`
	RoleSessionName string   `json:"RoleSessionName" check:"required,min=2,max=64,pattern=[\\w+=,.@-]*"`
	DurationSeconds int64    `json:"DurationSeconds" check:"min=900,max=43200"`
	ExternalID      string   `json:"ExternalId"`
	Policy          string   `json:"Policy"`
	PolicyArns      []string `json:"PolicyArns"`
	Tags            []tag    `json:"Tags"`
}

type assumeRoleOutput struct {
	Credentials     credentialsOutput `json:"Credentials"`
	AssumedRoleUser assumedRoleUser   `json:"AssumedRoleUser"`
}

type credentialsOutput struct {
	AccessKeyID     string       `json:"AccessKeyId"`
	SecretAccessKey string       `json:"SecretAccessKey"`
	SessionToken    string       `json:"SessionToken"`
	Expiration      awswire.Time `json:"Expiration"`
}

type assumedRoleUser struct {
	AssumedRoleID string `json:"AssumedRoleId"`
	Arn           string `json:"Arn"`
}

func (s *Service) assumeRole(ctx context.Context, in *assumeRoleInput) (*assumeRoleOutput, error) {
	if in.Policy != "" || len(in.PolicyArns) > 0 || len(in.Tags) > 0 {
		return nil, fault("ValidationError", "The local AWS knows no session policies and no session tags: leave out Policy, PolicyArns and Tags.")
	}
	if err := s.mayAssume(in.RoleArn, awswire.CallerFrom(ctx)); err != nil {
		return nil, err
	}
	if in.DurationSeconds == 0 {
		in.DurationSeconds = 3600
	}
	if longest := s.longestSession(in.RoleArn); in.DurationSeconds > longest {
		return nil, fault("ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	x, err := s.newSession(in.RoleArn, in.RoleSessionName, time.Duration(in.DurationSeconds)*time.Second)
	if err != nil {
		return nil, err
	}
	return &assumeRoleOutput{
		Credentials:     credentialsOutput{x.AccessKeyID, x.SecretAccessKey, x.SessionToken, awswire.At(x.Expiration)},
		AssumedRoleUser: assumedRoleUser{s.userID(x.Identity), x.Identity.ARN},
	}, nil
}

func (s *Service) longestSession(roleARN string) (seconds int64) {
	_ = s.Store.View(func(r store.Reader) error {
		if found, err := loadRole(r, roleNameOf(roleARN)); err == nil {
			seconds = found.MaxSession
		}
		return nil
	})
	return seconds
}

type accessKeyInput struct {
	AccessKeyID string `json:"AccessKeyId" check:"required,min=16,max=128,pattern=\\w*"`
}

type accountOutput struct {
	Account string `json:"Account"`
}

func (s *Service) getAccessKeyInfo(context.Context, *accessKeyInput) (*accountOutput, error) {
	return &accountOutput{s.Account}, nil
}
