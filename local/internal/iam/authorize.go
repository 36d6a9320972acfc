package iam

// This file defines the authorizer: which policies apply to a call, the keys that
// every request has, and the record of what was used.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/store"
)

// rolePolicies are what applies to a role, compiled.
type rolePolicies struct {
	identity []*Policy
	boundary *Policy
}

// forget drops what was compiled, after a change.
func (s *Service) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes++
	s.roles = map[string]*rolePolicies{}
}

// policiesOf returns what applies to a role. A role that is gone has nothing.
func (s *Service) policiesOf(roleARN string) (*rolePolicies, error) {
	s.mu.Lock()
	known, changes := s.roles[roleARN], s.changes
	s.mu.Unlock()
	if known != nil {
		return known, nil
	}
	p := &rolePolicies{}
	err := s.Store.View(func(r store.Reader) error {
		found, err := loadRole(r, roleNameOf(roleARN))
		if err != nil {
			return nil
		}
		return p.compile(r, found)
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && s.changes == changes {
		s.roles[roleARN] = p
	}
	return p, err
}

func (p *rolePolicies) compile(r store.Reader, found *role) error {
	for _, name := range slices.Sorted(maps.Keys(found.Inline)) {
		if err := p.add(name, found.Inline[name]); err != nil {
			return err
		}
	}
	for _, arn := range found.Attached {
		m, err := findManaged(r, arn)
		if err != nil {
			return err
		}
		if err := p.add(arn, m.document()); err != nil {
			return err
		}
	}
	if found.Boundary == "" {
		return nil
	}
	m, err := findManaged(r, found.Boundary)
	if err != nil {
		return err
	}
	p.boundary, err = ParsePolicy(found.Boundary, []byte(m.document()), IdentityPolicy)
	return err
}

func (p *rolePolicies) add(name, document string) error {
	parsed, err := ParsePolicy(name, []byte(document), IdentityPolicy)
	if err == nil {
		p.identity = append(p.identity, parsed)
	}
	return err
}

// maxAttachedCache bounds the compiled resource policies that are kept.
const maxAttachedCache = 1000

// resourcePolicy returns the compiled policy of a resource, nil if it has none.
func (s *Service) resourcePolicy(arn string) (*Policy, error) {
	if s.ResourcePolicy == nil || arn == "*" {
		return nil, nil
	}
	text := s.ResourcePolicy(arn)
	if text == "" {
		return nil, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if p, ok := s.attached[text]; ok {
		return p, nil
	}
	p, err := ParsePolicy(arn, []byte(text), ResourcePolicy)
	if err != nil {
		return nil, fmt.Errorf("the policy of %s is malformed: %w", arn, err)
	}
	if len(s.attached) >= maxAttachedCache {
		clear(s.attached)
	}
	s.attached[text] = p
	return p, nil
}

// HasRole reports whether a role of this ARN exists.
func (s *Service) HasRole(arn string) bool {
	found := false
	_ = s.Store.View(func(r store.Reader) error {
		_, err := loadRole(r, roleNameOf(arn))
		found = err == nil
		return nil
	})
	return found
}

func principalFor(id awswire.Identity) Principal {
	return Principal{ARN: id.ARN, Role: id.Role, Account: id.Account, Service: id.Service}
}

// Decide decides a call, with the policies as they are now.
func (s *Service) Decide(id awswire.Identity, access awswire.Access) (Decision, error) {
	var p Policies
	if id.Role != "" {
		policies, err := s.policiesOf(id.Role)
		if err != nil {
			return Decision{}, err
		}
		p.Identity, p.Boundary = policies.identity, policies.boundary
	}
	var err error
	if p.Resource, err = s.resourcePolicy(access.Resource); err != nil && !principalFor(id).isRoot() {
		return Decision{}, err
	}
	return Evaluate(Request{Principal: principalFor(id), Action: access.Action, Resource: access.Resource, Context: s.context(id, access.Context)}, p), nil
}

const expiredToken = "The security token included in the request is expired"

// Authorize implements [awswire.Authorizer].
func (s *Service) Authorize(_ context.Context, id awswire.Identity, access awswire.Access) error {
	if id.Role == "" && id.Service == "" && !principalFor(id).isRoot() {
		return fmt.Errorf("%s", expiredToken)
	}
	d, err := s.Decide(id, access)
	if err != nil {
		return err
	}
	if !d.Allowed {
		s.noteDenial(id, access)
		return errors.New(d.Message())
	}
	s.note(id, d)
	return nil
}

// context adds the keys that every request has to those of the service.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
func (s *Service) context(id awswire.Identity, own map[string][]string) map[string][]string {
	now := s.Now().UTC()
	keys := map[string][]string{
		// The loopback interface stands for the encrypted line to AWS.
		"aws:SecureTransport":  {"true"},
		"aws:CurrentTime":      {now.Format(time.RFC3339)},
		"aws:EpochTime":        {strconv.FormatInt(now.Unix(), 10)},
		"aws:RequestedRegion":  {s.Region},
		"aws:PrincipalAccount": {s.Account},
	}
	if id.Service != "" {
		delete(keys, "aws:PrincipalAccount")
		keys["aws:PrincipalIsAWSService"] = []string{"true"}
		keys["aws:PrincipalServiceName"] = []string{id.Service}
		keys["aws:SourceAccount"] = []string{accountOf(id.SourceARN, s.Account)}
		if id.SourceARN != "" {
			keys["aws:SourceArn"] = []string{id.SourceARN}
		}
	} else {
		keys["aws:PrincipalIsAWSService"] = []string{"false"}
		keys["aws:SourceIp"] = []string{"127.0.0.1"}
		keys["aws:PrincipalArn"] = []string{cmp.Or(id.Role, id.ARN)}
		keys["aws:PrincipalType"] = []string{"Account"}
		if id.Role != "" {
			keys["aws:PrincipalType"] = []string{"AssumedRole"}
		}
	}
	maps.Copy(keys, own)
	return keys
}

// accountOf returns the account within an ARN; buckets' ARNs have none.
func accountOf(arn, fallback string) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 && parts[4] != "" {
		return parts[4]
	}
	return fallback
}

// use is an entry of a role's policy.
type use struct {
	role, policy string
	statement    int
	element      string // "Action" or "Resource"
	entry        int
}

// note counts what allowed a call, for the report of what was granted and never
// used.
func (s *Service) note(id awswire.Identity, d Decision) {
	if d.Reason != IdentityAllow {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u := use{role: id.Role, policy: d.Policy.Name, statement: d.Statement.Index}
	if d.Action >= 0 {
		u.element, u.entry = "Action", d.Action
		s.uses[u]++
	}
	if d.Resource >= 0 {
		u.element, u.entry = "Resource", d.Resource
		s.uses[u]++
	}
}

// denial is what a role was refused.
type denial struct{ role, action string }

func (s *Service) noteDenial(id awswire.Identity, access awswire.Access) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.denials[denial{id.Role, strings.ToLower(access.Action)}]++
}

// Denied tells how often since the start a role was refused an action; any action
// if it is empty.
func (s *Service) Denied(roleARN, action string) (times uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for d, n := range s.denials {
		if d.role == roleARN && (action == "" || d.action == strings.ToLower(action)) {
			times += n
		}
	}
	return times
}

// Grant is one entry of Action or Resource of a role's policies, and how often
// since the start it allowed a call.
type Grant struct {
	Role      string // ARN
	Policy    string // an inline policy's name, or a managed one's ARN
	Statement int
	Sid       string
	Element   string // "Action" or "Resource"
	Value     string
	Used      uint64
}

// Grants lists what every role is granted by Allow statements, by role, policy and
// statement.
func (s *Service) Grants() ([]Grant, error) {
	var arns []string
	err := s.Store.View(func(r store.Reader) error {
		for key := range r.Scan(bucketRole, "", "") {
			if found, err := loadRole(r, key); err == nil {
				arns = append(arns, s.roleARN(found.Path, found.Name))
			}
		}
		return nil
	})
	var out []Grant
	for _, arn := range arns {
		policies, err := s.policiesOf(arn)
		if err != nil {
			return nil, err
		}
		for _, p := range policies.identity {
			out = append(out, s.grantsOf(arn, p)...)
		}
	}
	return out, err
}

func (s *Service) grantsOf(role string, p *Policy) []Grant {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Grant
	for _, st := range p.Statements {
		if st.Deny {
			continue
		}
		for _, element := range []struct {
			name    string
			entries []pattern
		}{{"Action", st.Actions}, {"Resource", st.Resources}} {
			for i, entry := range element.entries {
				out = append(out, Grant{Role: role, Policy: p.Name, Statement: st.Index, Sid: st.Sid, Element: element.name, Value: entry.source,
					Used: s.uses[use{role, p.Name, st.Index, element.name, i}]})
			}
		}
	}
	return out
}
