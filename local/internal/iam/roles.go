package iam

// This file defines roles and what belongs to one.

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/store"
)

func withoutContext[In, Out any](do func(in *In) (*Out, error)) func(context.Context, *In) (*Out, error) {
	return func(_ context.Context, in *In) (*Out, error) { return do(in) }
}

// role is what the store keeps of a role.
type role struct {
	Name, ID, Path, Description string
	Trust                       string
	MaxSession                  int64
	Boundary                    string // ARN of a managed policy
	Created                     time.Time
	Inline                      map[string]string // name -> document
	Attached                    []string          // ARNs
	Tags                        []tag
}

type tag struct {
	Key   string `json:"Key" check:"required,max=128"`
	Value string `json:"Value" check:"max=256"`
}

// Quotas: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
const (
	maxTrust    = 2048  // characters, white space not counted
	maxInline   = 10240 // of all inline policies of a role together
	maxManaged  = 6144
	maxAttached = 10
	maxVersions = 5
)

// size counts characters as IAM's quotas do.
func size(document string) int {
	return len(strings.Join(strings.Fields(document), ""))
}

// named names a role that must exist, so whatever does not name one is not found.
type named struct {
	RoleName string `json:"RoleName"`
}

func (n named) roleName() string { return n.RoleName }

type roleOutput struct {
	Path                     string          `json:"Path"`
	RoleName                 string          `json:"RoleName"`
	RoleID                   string          `json:"RoleId"`
	Arn                      string          `json:"Arn"`
	CreateDate               awswire.Time    `json:"CreateDate"`
	AssumeRolePolicyDocument string          `json:"AssumeRolePolicyDocument"`
	Description              string          `json:"Description,omitempty"`
	MaxSessionDuration       int64           `json:"MaxSessionDuration"`
	PermissionsBoundary      *boundaryOutput `json:"PermissionsBoundary,omitempty"`
	Tags                     []tag           `json:"Tags,omitempty"`
}

type boundaryOutput struct {
	Type string `json:"PermissionsBoundaryType"`
	Arn  string `json:"PermissionsBoundaryArn"`
}

func (s *Service) output(r *role) roleOutput {
	out := roleOutput{Path: r.Path, RoleName: r.Name, RoleID: r.ID, Arn: s.roleARN(r.Path, r.Name), CreateDate: awswire.At(r.Created),
		AssumeRolePolicyDocument: encoded(r.Trust), Description: r.Description, MaxSessionDuration: r.MaxSession, Tags: r.Tags}
	if r.Boundary != "" {
		out.PermissionsBoundary = &boundaryOutput{"Policy", r.Boundary}
	}
	return out
}

// loadRole finds a role; names differ by more than case.
func loadRole(r store.Reader, name string) (*role, error) {
	found, ok := load[role](r, bucketRole, strings.ToLower(name))
	if !ok {
		return nil, errNoRole(name)
	}
	return found, nil
}

// changeRole changes a role, and forgets what was compiled.
func (s *Service) changeRole(name string, change func(tx *store.Tx, r *role) error) error {
	defer s.forget()
	return s.Store.Update(func(tx *store.Tx) error {
		r, err := loadRole(tx, name)
		if err == nil {
			err = change(tx, r)
		}
		if err != nil {
			return err
		}
		return save(tx, bucketRole, strings.ToLower(r.Name), r)
	})
}

type createRoleInput struct {
	RoleName                 string `json:"RoleName" check:"required,min=1,max=64,pattern=[\\w+=,.@-]+"`
	AssumeRolePolicyDocument string `json:"AssumeRolePolicyDocument" check:"required"`
	Path                     string `json:"Path" check:"max=512"`
	Description              string `json:"Description" check:"max=1000"`
	MaxSessionDuration       int64  `json:"MaxSessionDuration" check:"min=3600,max=43200"`
	PermissionsBoundary      string `json:"PermissionsBoundary"`
	Tags                     []tag  `json:"Tags" check:"max=50"`
}

func (in createRoleInput) roleName() string { return in.RoleName }

type roleResult struct {
	Role roleOutput `json:"Role"`
}

var rolePath = regexp.MustCompile(`^/([\x21-\x7e]+/)?$`)

func (s *Service) createRole(in *createRoleInput) (*roleResult, error) {
	r := &role{Name: in.RoleName, ID: newID("AROA", 21), Path: in.Path, Description: in.Description, Trust: in.AssumeRolePolicyDocument,
		MaxSession: in.MaxSessionDuration, Boundary: in.PermissionsBoundary, Created: s.Now().UTC().Truncate(time.Second), Inline: map[string]string{}, Tags: in.Tags}
	if r.Path == "" {
		r.Path = "/"
	}
	if r.MaxSession == 0 {
		r.MaxSession = 3600
	}
	if !rolePath.MatchString(r.Path) {
		return nil, fault("ValidationError", "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.")
	}
	if err := checkTrust(r.Trust); err != nil {
		return nil, err
	}
	err := s.Store.Update(func(tx *store.Tx) error {
		key := strings.ToLower(r.Name)
		if _, taken := tx.Get(bucketRole, key); taken {
			return fault("EntityAlreadyExists", "Role with name %s already exists.", r.Name)
		}
		if r.Boundary != "" {
			if _, err := findManaged(tx, r.Boundary); err != nil {
				return fault("NoSuchEntity", "Scope ARN: %s does not exist or is not attachable.", r.Boundary)
			}
		}
		return save(tx, bucketRole, key, r)
	})
	s.forget()
	return &roleResult{s.output(r)}, err
}

func checkTrust(document string) error {
	if size(document) > maxTrust {
		return fault("LimitExceeded", "Cannot exceed quota for ACLSizePerRole: %d", maxTrust)
	}
	_, err := ParsePolicy("trust", []byte(document), TrustPolicy)
	return errPolicy(err)
}

type getRoleInput struct{ named }

func (s *Service) getRole(in *getRoleInput) (out *roleResult, err error) {
	err = s.Store.View(func(r store.Reader) error {
		found, err := loadRole(r, in.RoleName)
		if err == nil {
			out = &roleResult{s.output(found)}
		}
		return err
	})
	return out, err
}

type updateRoleInput struct {
	named
	Description        *string `json:"Description" check:"max=1000"`
	MaxSessionDuration int64   `json:"MaxSessionDuration" check:"min=3600,max=43200"`
}

type nothing struct{}

func (s *Service) updateRole(in *updateRoleInput) (*nothing, error) {
	return &nothing{}, s.changeRole(in.RoleName, func(_ *store.Tx, r *role) error {
		if in.Description != nil {
			r.Description = *in.Description
		}
		if in.MaxSessionDuration > 0 {
			r.MaxSession = in.MaxSessionDuration
		}
		return nil
	})
}

type updateAssumeRolePolicyInput struct {
	named
	PolicyDocument string `json:"PolicyDocument" check:"required"`
}

func (s *Service) updateAssumeRolePolicy(in *updateAssumeRolePolicyInput) (*nothing, error) {
	if err := checkTrust(in.PolicyDocument); err != nil {
		return nil, err
	}
	return &nothing{}, s.changeRole(in.RoleName, func(_ *store.Tx, r *role) error {
		r.Trust = in.PolicyDocument
		return nil
	})
}

func (s *Service) deleteRole(in *getRoleInput) (*nothing, error) {
	defer s.forget()
	return &nothing{}, s.Store.Update(func(tx *store.Tx) error {
		r, err := loadRole(tx, in.RoleName)
		switch {
		case err != nil:
			return err
		case len(r.Attached) > 0:
			return fault("DeleteConflict", "Cannot delete entity, must detach all policies first.")
		case len(r.Inline) > 0:
			return fault("DeleteConflict", "Cannot delete entity, must delete policies first.")
		}
		tx.Delete(bucketRole, strings.ToLower(in.RoleName))
		return nil
	})
}

type listInput struct {
	PathPrefix string `json:"PathPrefix"`
	Marker     string `json:"Marker"`
	MaxItems   int64  `json:"MaxItems" check:"min=1,max=1000"`
}

type listRolesOutput struct {
	Roles       []roleOutput `json:"Roles"`
	IsTruncated bool         `json:"IsTruncated"`
	Marker      string       `json:"Marker,omitempty"`
}

func (s *Service) listRoles(in *listInput) (*listRolesOutput, error) {
	var all []roleOutput
	err := s.Store.View(func(r store.Reader) error {
		for key := range r.Scan(bucketRole, "", "") {
			if found, err := loadRole(r, key); err == nil && strings.HasPrefix(found.Path, in.PathPrefix) {
				o := s.output(found)
				o.PermissionsBoundary, o.Tags = nil, nil // ListRoles leaves them out
				all = append(all, o)
			}
		}
		return nil
	})
	roles, next := page(all, in.Marker, in.MaxItems, func(o roleOutput) string { return strings.ToLower(o.RoleName) })
	return &listRolesOutput{Roles: roles, IsTruncated: next != "", Marker: next}, err
}

type tagRoleInput struct {
	named
	Tags []tag `json:"Tags" check:"required,max=50"`
}

func (s *Service) tagRole(in *tagRoleInput) (*nothing, error) {
	return &nothing{}, s.changeRole(in.RoleName, func(_ *store.Tx, r *role) error {
		for _, t := range in.Tags {
			r.Tags = append(slices.DeleteFunc(r.Tags, func(have tag) bool { return have.Key == t.Key }), t)
		}
		if len(r.Tags) > 50 {
			return fault("LimitExceeded", "Cannot exceed quota for TagsPerRole: 50")
		}
		return nil
	})
}

type untagRoleInput struct {
	named
	TagKeys []string `json:"TagKeys" check:"required"`
}

func (s *Service) untagRole(in *untagRoleInput) (*nothing, error) {
	return &nothing{}, s.changeRole(in.RoleName, func(_ *store.Tx, r *role) error {
		r.Tags = slices.DeleteFunc(r.Tags, func(have tag) bool { return slices.Contains(in.TagKeys, have.Key) })
		return nil
	})
}

type listRoleTagsOutput struct {
	Tags        []tag `json:"Tags"`
	IsTruncated bool  `json:"IsTruncated"`
}

func (s *Service) listRoleTags(in *getRoleInput) (*listRoleTagsOutput, error) {
	out := &listRoleTagsOutput{}
	return out, s.Store.View(func(r store.Reader) error {
		found, err := loadRole(r, in.RoleName)
		if err == nil {
			out.Tags = found.Tags
		}
		return err
	})
}

type boundaryInput struct {
	named
	PermissionsBoundary string `json:"PermissionsBoundary" check:"required"`
}

func (s *Service) putBoundary(in *boundaryInput) (*nothing, error) {
	return &nothing{}, s.changeRole(in.RoleName, func(tx *store.Tx, r *role) error {
		if _, err := findManaged(tx, in.PermissionsBoundary); err != nil {
			return fault("NoSuchEntity", "Scope ARN: %s does not exist or is not attachable.", in.PermissionsBoundary)
		}
		r.Boundary = in.PermissionsBoundary
		return nil
	})
}

func (s *Service) deleteBoundary(in *getRoleInput) (*nothing, error) {
	return &nothing{}, s.changeRole(in.RoleName, func(_ *store.Tx, r *role) error {
		r.Boundary = ""
		return nil
	})
}

// namedPolicy names an inline policy of a role.
type namedPolicy struct {
	named
	PolicyName string `json:"PolicyName"`
}

type putRolePolicyInput struct {
	RoleName       string `json:"RoleName" check:"required,min=1,max=64,pattern=[\\w+=,.@-]+"`
	PolicyName     string `json:"PolicyName" check:"required,min=1,max=128,pattern=[\\w+=,.@-]+"`
	PolicyDocument string `json:"PolicyDocument" check:"required"`
}

func (in putRolePolicyInput) roleName() string { return in.RoleName }

func (s *Service) putRolePolicy(in *putRolePolicyInput) (*nothing, error) {
	if _, err := ParsePolicy(in.PolicyName, []byte(in.PolicyDocument), IdentityPolicy); err != nil {
		return nil, errPolicy(err)
	}
	return &nothing{}, s.changeRole(in.RoleName, func(_ *store.Tx, r *role) error {
		if r.Inline == nil {
			r.Inline = map[string]string{}
		}
		r.Inline[in.PolicyName] = in.PolicyDocument
		total := 0
		for _, document := range r.Inline {
			total += size(document)
		}
		if total > maxInline {
			return fault("LimitExceeded", "Maximum policy size of %d bytes exceeded for role %s", maxInline, r.Name)
		}
		return nil
	})
}

type rolePolicyOutput struct {
	RoleName       string `json:"RoleName"`
	PolicyName     string `json:"PolicyName"`
	PolicyDocument string `json:"PolicyDocument"`
}

func errNoInline(name string) error {
	return fault("NoSuchEntity", "The role policy with name %s cannot be found.", name)
}

func (s *Service) getRolePolicy(in *namedPolicy) (out *rolePolicyOutput, err error) {
	err = s.Store.View(func(r store.Reader) error {
		found, err := loadRole(r, in.RoleName)
		if err != nil {
			return err
		}
		document, ok := found.Inline[in.PolicyName]
		if !ok {
			return errNoInline(in.PolicyName)
		}
		out = &rolePolicyOutput{found.Name, in.PolicyName, encoded(document)}
		return nil
	})
	return out, err
}

func (s *Service) deleteRolePolicy(in *namedPolicy) (*nothing, error) {
	return &nothing{}, s.changeRole(in.RoleName, func(_ *store.Tx, r *role) error {
		if _, ok := r.Inline[in.PolicyName]; !ok {
			return errNoInline(in.PolicyName)
		}
		delete(r.Inline, in.PolicyName)
		return nil
	})
}

type listOfRoleInput struct {
	named
	listInput
}

type listRolePoliciesOutput struct {
	PolicyNames []string `json:"PolicyNames"`
	IsTruncated bool     `json:"IsTruncated"`
	Marker      string   `json:"Marker,omitempty"`
}

func (s *Service) listRolePolicies(in *listOfRoleInput) (out *listRolePoliciesOutput, err error) {
	err = s.Store.View(func(r store.Reader) error {
		found, err := loadRole(r, in.RoleName)
		if err != nil {
			return err
		}
		names, next := page(slices.Sorted(maps.Keys(found.Inline)), in.Marker, in.MaxItems, func(s string) string { return s })
		out = &listRolePoliciesOutput{PolicyNames: names, IsTruncated: next != "", Marker: next}
		return nil
	})
	return out, err
}
