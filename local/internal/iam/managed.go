package iam

// This file defines managed policies: this account's own, and those of AWS that
// awspolicies.json holds.

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/store"
)

// awsPolicies are documents of AWS's managed policies by ARN, as published in
// https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html,
// restricted to the services that are here.
//
//go:embed awspolicies.json
var awsPolicies []byte

var awsManaged = sync.OnceValue(func() map[string]*managed {
	var documents map[string]json.RawMessage
	if err := json.Unmarshal(awsPolicies, &documents); err != nil {
		panic("iam: awspolicies.json: " + err.Error())
	}
	out := map[string]*managed{}
	for arn, document := range documents {
		path, name := splitPolicyARN(arn)
		out[arn] = &managed{Name: name, Path: path, ID: "ANPA" + strings.Repeat("A", 17), Default: "v1", Next: 2, Versions: map[string]version{"v1": {Document: string(document)}}}
	}
	return out
})

// managed is what the store keeps of a managed policy.
type managed struct {
	Name, ID, Path, Description string
	Default                     string // version id
	Next                        int    // number of the next version
	Versions                    map[string]version
	Created                     time.Time
	Tags                        []tag
}

type version struct {
	Document string
	Created  time.Time
}

func (p *managed) document() string { return p.Versions[p.Default].Document }

func splitPolicyARN(arn string) (path, name string) {
	rest := arn[strings.Index(arn, ":policy/")+len(":policy"):]
	i := strings.LastIndexByte(rest, '/') + 1
	return rest[:i], rest[i:]
}

// findManaged finds a policy of this account or of AWS.
func findManaged(r store.Reader, arn string) (*managed, error) {
	if p, ok := awsManaged()[arn]; ok {
		return p, nil
	}
	if p, ok := load[managed](r, bucketPolicy, arn); ok {
		return p, nil
	}
	return nil, errNoPolicy(arn)
}

func isAWSManaged(arn string) bool { return strings.HasPrefix(arn, "arn:aws:iam::aws:") }

type attachInput struct {
	named
	PolicyArn string `json:"PolicyArn" check:"required,min=20,max=2048"`
}

func (s *Service) attachRolePolicy(in *attachInput) (*nothing, error) {
	return &nothing{}, s.changeRole(in.RoleName, func(tx *store.Tx, r *role) error {
		if _, err := findManaged(tx, in.PolicyArn); err != nil {
			if isAWSManaged(in.PolicyArn) {
				return fault("NoSuchEntity", "Policy %s does not exist or is not attachable. (The local AWS knows these of AWS's own: %s)", in.PolicyArn, strings.Join(AWSManagedPolicies(), ", "))
			}
			return fault("NoSuchEntity", "Policy %s does not exist or is not attachable.", in.PolicyArn)
		}
		if slices.Contains(r.Attached, in.PolicyArn) {
			return nil
		}
		if len(r.Attached) == maxAttached {
			return fault("LimitExceeded", "Cannot exceed quota for PoliciesPerRole: %d", maxAttached)
		}
		r.Attached = append(r.Attached, in.PolicyArn)
		return nil
	})
}

// AWSManagedPolicies lists the names of AWS's own policies that can be attached.
func AWSManagedPolicies() []string {
	var names []string
	for _, arn := range slices.Sorted(maps.Keys(awsManaged())) {
		_, name := splitPolicyARN(arn)
		names = append(names, name)
	}
	return names
}

func (s *Service) detachRolePolicy(in *attachInput) (*nothing, error) {
	return &nothing{}, s.changeRole(in.RoleName, func(_ *store.Tx, r *role) error {
		i := slices.Index(r.Attached, in.PolicyArn)
		if i < 0 {
			return errNoPolicy(in.PolicyArn)
		}
		r.Attached = slices.Delete(r.Attached, i, i+1)
		return nil
	})
}

type attachedPolicy struct {
	PolicyName string `json:"PolicyName"`
	PolicyArn  string `json:"PolicyArn"`
}

type attachedOutput struct {
	AttachedPolicies []attachedPolicy `json:"AttachedPolicies"`
	IsTruncated      bool             `json:"IsTruncated"`
}

func (s *Service) listAttachedRolePolicies(in *listOfRoleInput) (*attachedOutput, error) {
	out := &attachedOutput{}
	return out, s.Store.View(func(r store.Reader) error {
		found, err := loadRole(r, in.RoleName)
		if err != nil {
			return err
		}
		for _, arn := range found.Attached {
			path, name := splitPolicyARN(arn)
			if strings.HasPrefix(path, in.PathPrefix) {
				out.AttachedPolicies = append(out.AttachedPolicies, attachedPolicy{name, arn})
			}
		}
		return nil
	})
}

type policyOutput struct {
	PolicyName       string       `json:"PolicyName"`
	PolicyID         string       `json:"PolicyId"`
	Arn              string       `json:"Arn"`
	Path             string       `json:"Path"`
	DefaultVersionID string       `json:"DefaultVersionId"`
	AttachmentCount  int64        `json:"AttachmentCount"`
	IsAttachable     bool         `json:"IsAttachable"`
	Description      string       `json:"Description,omitempty"`
	CreateDate       awswire.Time `json:"CreateDate"`
	UpdateDate       awswire.Time `json:"UpdateDate"`
	Tags             []tag        `json:"Tags,omitempty"`
}

func outputOf(r store.Reader, arn string, p *managed) policyOutput {
	return policyOutput{PolicyName: p.Name, PolicyID: p.ID, Arn: arn, Path: p.Path, DefaultVersionID: p.Default, AttachmentCount: int64(len(attachedTo(r, arn))),
		IsAttachable: true, Description: p.Description, CreateDate: awswire.At(p.Created), UpdateDate: awswire.At(p.Versions[p.Default].Created), Tags: p.Tags}
}

// attachedTo lists the roles that a policy is attached to.
func attachedTo(r store.Reader, arn string) []*role {
	var out []*role
	for key := range r.Scan(bucketRole, "", "") {
		if found, err := loadRole(r, key); err == nil && slices.Contains(found.Attached, arn) {
			out = append(out, found)
		}
	}
	return out
}

type createPolicyInput struct {
	PolicyName     string `json:"PolicyName" check:"required,min=1,max=128,pattern=[\\w+=,.@-]+"`
	Path           string `json:"Path" check:"max=512"`
	PolicyDocument string `json:"PolicyDocument" check:"required"`
	Description    string `json:"Description" check:"max=1000"`
	Tags           []tag  `json:"Tags" check:"max=50"`
}

type policyResult struct {
	Policy policyOutput `json:"Policy"`
}

func checkManaged(document string) error {
	if size(document) > maxManaged {
		return fault("LimitExceeded", "Cannot exceed quota for PolicySize: %d", maxManaged)
	}
	_, err := ParsePolicy("policy", []byte(document), IdentityPolicy)
	return errPolicy(err)
}

var policyPath = regexp.MustCompile(`^/([\x21-\x7e]+/)?$`)

func (s *Service) createPolicy(in *createPolicyInput) (out *policyResult, err error) {
	if err := checkManaged(in.PolicyDocument); err != nil {
		return nil, err
	}
	now := s.Now().UTC().Truncate(time.Second)
	p := &managed{Name: in.PolicyName, ID: newID("ANPA", 21), Path: in.Path, Description: in.Description, Default: "v1", Next: 2,
		Versions: map[string]version{"v1": {in.PolicyDocument, now}}, Created: now, Tags: in.Tags}
	if p.Path == "" {
		p.Path = "/"
	}
	if !policyPath.MatchString(p.Path) {
		return nil, fault("ValidationError", "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.")
	}
	arn := fmt.Sprintf("arn:aws:iam::%s:policy%s%s", s.Account, p.Path, p.Name)
	err = s.Store.Update(func(tx *store.Tx) error {
		for key := range tx.Scan(bucketPolicy, "", "") {
			if _, name := splitPolicyARN(key); strings.EqualFold(name, p.Name) {
				return fault("EntityAlreadyExists", "A policy called %s already exists. Duplicate names are not allowed.", p.Name)
			}
		}
		out = &policyResult{outputOf(tx, arn, p)}
		return save(tx, bucketPolicy, arn, p)
	})
	return out, err
}

// ofPolicy names a managed policy.
type ofPolicy struct {
	PolicyArn string `json:"PolicyArn" check:"required,min=20,max=2048"`
}

func (p ofPolicy) policyARN() string { return p.PolicyArn }

func (s *Service) getPolicy(in *ofPolicy) (out *policyResult, err error) {
	err = s.Store.View(func(r store.Reader) error {
		p, err := findManaged(r, in.PolicyArn)
		if err == nil {
			out = &policyResult{outputOf(r, in.PolicyArn, p)}
		}
		return err
	})
	return out, err
}

// changePolicy changes a policy of this account; delete removes it instead.
func (s *Service) changePolicy(arn string, change func(tx *store.Tx, p *managed) (remove bool, err error)) error {
	if isAWSManaged(arn) {
		return fault("AccessDenied", "%s is a policy of AWS's own and cannot be changed", arn)
	}
	defer s.forget()
	return s.Store.Update(func(tx *store.Tx) error {
		p, err := findManaged(tx, arn)
		if err != nil {
			return err
		}
		remove, err := change(tx, p)
		if err != nil {
			return err
		}
		if remove {
			tx.Delete(bucketPolicy, arn)
			return nil
		}
		return save(tx, bucketPolicy, arn, p)
	})
}

func (s *Service) deletePolicy(in *ofPolicy) (*nothing, error) {
	return &nothing{}, s.changePolicy(in.PolicyArn, func(tx *store.Tx, p *managed) (bool, error) {
		if len(attachedTo(tx, in.PolicyArn)) > 0 {
			return false, fault("DeleteConflict", "Cannot delete a policy attached to entities.")
		}
		if len(p.Versions) > 1 {
			return false, fault("DeleteConflict", "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")
		}
		return true, nil
	})
}

type listPoliciesInput struct {
	listInput
	Scope        string `json:"Scope" check:"enum=All|AWS|Local"`
	OnlyAttached bool   `json:"OnlyAttached"`
}

type listPoliciesOutput struct {
	Policies    []policyOutput `json:"Policies"`
	IsTruncated bool           `json:"IsTruncated"`
	Marker      string         `json:"Marker,omitempty"`
}

func (s *Service) listPolicies(in *listPoliciesInput) (*listPoliciesOutput, error) {
	var all []policyOutput
	err := s.Store.View(func(r store.Reader) error {
		arns := slices.Collect(maps.Keys(awsManaged()))
		for key := range r.Scan(bucketPolicy, "", "") {
			arns = append(arns, key)
		}
		for _, arn := range slices.Sorted(slices.Values(arns)) {
			p, err := findManaged(r, arn)
			if err != nil || in.Scope == "AWS" && !isAWSManaged(arn) || in.Scope == "Local" && isAWSManaged(arn) || !strings.HasPrefix(p.Path, in.PathPrefix) {
				continue
			}
			if o := outputOf(r, arn, p); !in.OnlyAttached || o.AttachmentCount > 0 {
				all = append(all, o)
			}
		}
		return nil
	})
	policies, next := page(all, in.Marker, in.MaxItems, func(o policyOutput) string { return o.Arn })
	return &listPoliciesOutput{Policies: policies, IsTruncated: next != "", Marker: next}, err
}

type policyRole struct {
	RoleName string `json:"RoleName"`
	RoleID   string `json:"RoleId"`
}

type entitiesOutput struct {
	PolicyRoles  []policyRole `json:"PolicyRoles"`
	PolicyUsers  []policyRole `json:"PolicyUsers"`
	PolicyGroups []policyRole `json:"PolicyGroups"`
	IsTruncated  bool         `json:"IsTruncated"`
}

func (s *Service) listEntitiesForPolicy(in *ofPolicy) (*entitiesOutput, error) {
	out := &entitiesOutput{}
	return out, s.Store.View(func(r store.Reader) error {
		if _, err := findManaged(r, in.PolicyArn); err != nil {
			return err
		}
		for _, found := range attachedTo(r, in.PolicyArn) {
			out.PolicyRoles = append(out.PolicyRoles, policyRole{found.Name, found.ID})
		}
		return nil
	})
}

// ofVersion names a version of a managed policy.
type ofVersion struct {
	ofPolicy
	VersionID string `json:"VersionId" check:"required,pattern=v[1-9][0-9]*"`
}

type createVersionInput struct {
	ofPolicy
	PolicyDocument string `json:"PolicyDocument" check:"required"`
	SetAsDefault   bool   `json:"SetAsDefault"`
}

type versionOutput struct {
	Document         string       `json:"Document,omitempty"`
	VersionID        string       `json:"VersionId"`
	IsDefaultVersion bool         `json:"IsDefaultVersion"`
	CreateDate       awswire.Time `json:"CreateDate"`
}

type versionResult struct {
	PolicyVersion versionOutput `json:"PolicyVersion"`
}

func (s *Service) createPolicyVersion(in *createVersionInput) (out *versionResult, err error) {
	if err := checkManaged(in.PolicyDocument); err != nil {
		return nil, err
	}
	err = s.changePolicy(in.PolicyArn, func(_ *store.Tx, p *managed) (bool, error) {
		if len(p.Versions) == maxVersions {
			return false, fault("LimitExceeded", "A managed policy can have up to %d versions. Before you create a new version, you must delete an existing version.", maxVersions)
		}
		id := "v" + strconv.Itoa(p.Next)
		p.Versions[id] = version{in.PolicyDocument, s.Now().UTC().Truncate(time.Second)}
		p.Next++
		if in.SetAsDefault {
			p.Default = id
		}
		out = &versionResult{versionOutput{VersionID: id, IsDefaultVersion: in.SetAsDefault, CreateDate: awswire.At(p.Versions[id].Created)}}
		return false, nil
	})
	return out, err
}

func errNoVersion(arn, id string) error {
	return fault("NoSuchEntity", "Policy %s version %s does not exist or is not attachable.", arn, id)
}

func (s *Service) getPolicyVersion(in *ofVersion) (out *versionResult, err error) {
	err = s.Store.View(func(r store.Reader) error {
		p, err := findManaged(r, in.PolicyArn)
		if err != nil {
			return err
		}
		v, ok := p.Versions[in.VersionID]
		if !ok {
			return errNoVersion(in.PolicyArn, in.VersionID)
		}
		out = &versionResult{versionOutput{encoded(v.Document), in.VersionID, in.VersionID == p.Default, awswire.At(v.Created)}}
		return nil
	})
	return out, err
}

type versionsOutput struct {
	Versions    []versionOutput `json:"Versions"`
	IsTruncated bool            `json:"IsTruncated"`
}

func (s *Service) listPolicyVersions(in *ofPolicy) (*versionsOutput, error) {
	out := &versionsOutput{}
	return out, s.Store.View(func(r store.Reader) error {
		p, err := findManaged(r, in.PolicyArn)
		if err != nil {
			return err
		}
		for i := p.Next - 1; i > 0; i-- { // newest first
			id := "v" + strconv.Itoa(i)
			if v, ok := p.Versions[id]; ok {
				out.Versions = append(out.Versions, versionOutput{VersionID: id, IsDefaultVersion: id == p.Default, CreateDate: awswire.At(v.Created)})
			}
		}
		return nil
	})
}

func (s *Service) deletePolicyVersion(in *ofVersion) (*nothing, error) {
	return &nothing{}, s.changePolicy(in.PolicyArn, func(_ *store.Tx, p *managed) (bool, error) {
		if _, ok := p.Versions[in.VersionID]; !ok {
			return false, errNoVersion(in.PolicyArn, in.VersionID)
		}
		if in.VersionID == p.Default {
			return false, fault("DeleteConflict", "Cannot delete the default version of a policy.")
		}
		delete(p.Versions, in.VersionID)
		return false, nil
	})
}

func (s *Service) setDefaultPolicyVersion(in *ofVersion) (*nothing, error) {
	return &nothing{}, s.changePolicy(in.PolicyArn, func(_ *store.Tx, p *managed) (bool, error) {
		if _, ok := p.Versions[in.VersionID]; !ok {
			return false, errNoVersion(in.PolicyArn, in.VersionID)
		}
		p.Default = in.VersionID
		return false, nil
	})
}
