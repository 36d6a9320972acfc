package iam

// This file defines the service: what it keeps, its operations and its errors.

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/store"
)

// What the store holds:
//
//	bucket       key              value
//	iam/role     lower-case name  a role, its inline policies and what is attached
//	iam/policy   ARN              a managed policy of this account with its versions
//	iam/session  access key id    a session of a role
const (
	bucketRole    = "iam/role"
	bucketPolicy  = "iam/policy"
	bucketSession = "iam/session"
)

// Config is what the service needs.
type Config struct {
	Account, Region string
	Store           *store.Store
	// ResourcePolicy returns the policy that is attached to a resource, "" if it
	// has none; nil: no resource has one.
	ResourcePolicy func(arn string) string
	// Now is the wall clock: sessions, like signatures, run on real time. nil: time.Now.
	Now func() time.Time
}

// Service is IAM and STS.
type Service struct {
	Config

	mu       sync.Mutex
	changes  uint64                   // of roles and policies, counted
	roles    map[string]*rolePolicies // by role ARN: what applies to the role, compiled since the last change
	attached map[string]*Policy       // resource policies by their text, compiled
	sessions map[string]*session      // by access key id, those seen
	uses     map[use]uint64
	denials  map[denial]uint64
	purged   time.Time // when expired sessions were last removed
}

// New returns the service.
func New(cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Service{Config: cfg, attached: map[string]*Policy{}, sessions: map[string]*session{}, uses: map[use]uint64{}, denials: map[denial]uint64{}}
	s.forget()
	return s
}

// API lists IAM's operations.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_Operations.html
func (s *Service) API() awswire.Service {
	return awswire.Service{
		Name: "iam", Protocol: awswire.Query, Version: "2010-05-08", Namespace: "https://iam.amazonaws.com/doc/2010-05-08/", AccessDenied: "AccessDenied",
		Errors: map[string]int{"NoSuchEntity": 404, "EntityAlreadyExists": 409, "DeleteConflict": 409, "LimitExceeded": 409},
		Operations: []awswire.Operation{
			onRole(s, "CreateRole", s.createRole),
			onRole(s, "GetRole", s.getRole),
			onRole(s, "UpdateRole", s.updateRole),
			onRole(s, "UpdateAssumeRolePolicy", s.updateAssumeRolePolicy),
			onRole(s, "DeleteRole", s.deleteRole),
			onAny("ListRoles", s.listRoles),
			onRole(s, "TagRole", s.tagRole),
			onRole(s, "UntagRole", s.untagRole),
			onRole(s, "ListRoleTags", s.listRoleTags),
			onRole(s, "PutRolePermissionsBoundary", s.putBoundary),
			onRole(s, "DeleteRolePermissionsBoundary", s.deleteBoundary),
			onRole(s, "PutRolePolicy", s.putRolePolicy),
			onRole(s, "GetRolePolicy", s.getRolePolicy),
			onRole(s, "DeleteRolePolicy", s.deleteRolePolicy),
			onRole(s, "ListRolePolicies", s.listRolePolicies),
			onRole(s, "AttachRolePolicy", s.attachRolePolicy),
			onRole(s, "DetachRolePolicy", s.detachRolePolicy),
			onRole(s, "ListAttachedRolePolicies", s.listAttachedRolePolicies),
			onAny("CreatePolicy", s.createPolicy),
			onPolicy("GetPolicy", s.getPolicy),
			onPolicy("DeletePolicy", s.deletePolicy),
			onAny("ListPolicies", s.listPolicies),
			onPolicy("ListEntitiesForPolicy", s.listEntitiesForPolicy),
			onPolicy("CreatePolicyVersion", s.createPolicyVersion),
			onPolicy("GetPolicyVersion", s.getPolicyVersion),
			onPolicy("ListPolicyVersions", s.listPolicyVersions),
			onPolicy("DeletePolicyVersion", s.deletePolicyVersion),
			onPolicy("SetDefaultPolicyVersion", s.setDefaultPolicyVersion),
			onAny("SimulatePrincipalPolicy", s.simulatePrincipalPolicy),
		},
	}
}

// roleInput is an input that names a role.
type roleInput interface{ roleName() string }

func onRole[In, Out any](s *Service, name string, do func(in *In) (*Out, error)) awswire.Operation {
	return awswire.Op(name, func(in *In) []awswire.Access {
		return []awswire.Access{{Action: "iam:" + name, Resource: s.roleARN("/", any(in).(roleInput).roleName())}}
	}, withoutContext(do))
}

// policyInput is an input that names a managed policy by its ARN.
type policyInput interface{ policyARN() string }

func onPolicy[In, Out any](name string, do func(in *In) (*Out, error)) awswire.Operation {
	return awswire.Op(name, func(in *In) []awswire.Access {
		return []awswire.Access{{Action: "iam:" + name, Resource: any(in).(policyInput).policyARN()}}
	}, withoutContext(do))
}

func onAny[In, Out any](name string, do func(in *In) (*Out, error)) awswire.Operation {
	return awswire.Op(name, func(*In) []awswire.Access {
		return []awswire.Access{{Action: "iam:" + name, Resource: "*"}}
	}, withoutContext(do))
}

func (s *Service) roleARN(path, name string) string {
	return fmt.Sprintf("arn:aws:iam::%s:role%s%s", s.Account, path, name)
}

// roleNameOf returns the name within a role's ARN.
func roleNameOf(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

// newID makes an id of the kind that IAM gives: a prefix that tells what it names,
// and random letters and digits.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
func newID(prefix string, length int) string {
	random := make([]byte, length)
	_, _ = rand.Read(random)
	return prefix + base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(random)[:length-len(prefix)]
}

// encoded is a document as IAM's answers carry it.
func encoded(document string) string {
	return strings.ReplaceAll(url.QueryEscape(document), "+", "%20")
}

func load[T any](r store.Reader, bucket, key string) (*T, bool) {
	text, ok := r.Get(bucket, key)
	if !ok {
		return nil, false
	}
	var v T
	if json.Unmarshal(text, &v) != nil {
		return nil, false
	}
	return &v, true
}

func save(tx *store.Tx, bucket, key string, v any) error {
	text, err := json.Marshal(v)
	if err == nil {
		tx.Put(bucket, key, text)
	}
	return err
}

func fault(code, format string, args ...any) error { return awswire.Errorf(code, format, args...) }

func errNoRole(name string) error {
	return fault("NoSuchEntity", "The role with name %s cannot be found.", name)
}

func errNoPolicy(arn string) error { return fault("NoSuchEntity", "Policy %s was not found.", arn) }

// errPolicy says why a document is refused.
func errPolicy(err error) error {
	var bad *MalformedPolicy
	if errors.As(err, &bad) {
		return fault("MalformedPolicyDocument", "%s", bad.Reason)
	}
	return err
}

// page returns what follows marker, at most max items.
func page[T any](items []T, marker string, max int64, key func(T) string) (out []T, next string) {
	from := 0
	for marker != "" && from < len(items) && key(items[from]) <= marker {
		from++
	}
	out = items[from:]
	if max <= 0 {
		max = 100
	}
	if int64(len(out)) > max {
		out = out[:max]
		next = key(out[len(out)-1])
	}
	return out, next
}
