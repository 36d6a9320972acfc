// Package iam decides who may do what, by AWS's rules, and serves the parts of
// the IAM and STS APIs that a deployment uses.
//
// Its heart is pure: [ParsePolicy] reads a policy document, [Evaluate] decides a
// [Request] by the policies that apply and names the statement that decided.
// Around it stands [Service]: roles, managed policies and sessions, durable, with
// the operations of IAM and STS, and the two interfaces through which the
// listener asks whose key signed a request ([Service.Lookup]) and whether the
// caller may do it ([Service.Authorize]).
//
// It guarantees least privilege on every run: a function or state machine acts
// under its own role, and what the role's policies do not allow is refused with
// AWS's own words. An element, operator or key shape that it does not know is
// refused when the policy is stored, never ignored.
//
// It does not know users, groups, access keys of users, organizations (service
// and resource control policies), session policies or any other account: every
// key that no session owns is the account's root. Start at [Evaluate] and [New].
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies.html
package iam
