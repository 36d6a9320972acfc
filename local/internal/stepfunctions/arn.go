package stepfunctions

// This file defines the names and ARNs of Step Functions' resources.
//
//	arn:aws:states:R:A:stateMachine:NAME[:VERSION|:ALIAS]
//	arn:aws:states:R:A:execution:MACHINE:NAME
//	arn:aws:states:R:A:express:MACHINE:NAME:ID
//	arn:aws:states:R:A:execution:MACHINE/LABEL:NAME        a map run's child
//	arn:aws:states:R:A:mapRun:MACHINE/LABEL:ID
//	arn:aws:states:R:A:activity:NAME
//
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsstepfunctions.html

import (
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The kinds of resource, as ARNs spell them.
const (
	kindMachine   = "stateMachine"
	kindExecution = "execution"
	kindExpress   = "express"
	kindMapRun    = "mapRun"
	kindActivity  = "activity"
)

// resource is an ARN of this service, taken apart.
type resource struct {
	kind string
	name string // of the machine or activity; MACHINE/LABEL for what belongs to a map run
	rest string // qualifier, execution name, or id; may hold colons for express executions
}

// arn spells a resource's ARN.
func (s *Service) arn(kind string, parts ...string) string {
	return "arn:aws:states:" + s.Region + ":" + s.Account + ":" + kind + ":" + strings.Join(parts, ":")
}

// parseARN takes an ARN apart and demands one of these kinds.
func parseARN(arn string, kinds ...string) (resource, error) {
	parts := strings.SplitN(arn, ":", 8)
	switch {
	case parts[0] != "arn" || len(parts) < 6:
		return resource{}, errInvalidArn("Invalid ARN prefix: " + arn)
	case parts[2] != "states":
		return resource{}, errInvalidArn("Resource type not valid in this context: " + parts[2])
	case len(parts) < 7 || parts[6] == "":
		return resource{}, errInvalidArn("Invalid ARN: " + arn)
	}
	r := resource{kind: parts[5], name: parts[6]}
	if len(parts) == 8 {
		r.rest = parts[7]
	}
	for _, kind := range kinds {
		if r.kind == kind && (kind != kindExecution && kind != kindExpress || r.rest != "") {
			return r, nil
		}
	}
	return resource{}, errInvalidArn("Resource type not valid in this context: " + r.kind)
}

// key is how the store names an execution: the ARN without account and region,
// so that a state directory says the same under every account.
func (r resource) key() string { return r.kind + ":" + r.name + ":" + r.rest }

// executionKey is the key of an execution's ARN.
func executionKey(arn string) (string, error) {
	r, err := parseARN(arn, kindExecution, kindExpress)
	return r.key(), err
}

// version returns the number that a machine ARN ends in, 0 if it does not.
func (r resource) version() int {
	n, err := strconv.Atoi(r.rest)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// badInName are the characters that no name may have:
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html
const badInName = " \t\r\n<>{}[]?*\"#%\\^|~`$&,;:/"

const maxName = 80

func checkName(name string) error {
	n := utf8.RuneCountInString(name)
	bad := strings.ContainsAny(name, badInName) || strings.ContainsFunc(name, func(r rune) bool {
		return r < 0x20 || r >= 0x7f && r <= 0x9f || r == 0xfffe || r == 0xffff
	})
	if n == 0 || n > maxName || bad {
		return errInvalidName(name)
	}
	return nil
}

// newUUID returns a version 4 UUID.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	var text [36]byte
	hex.Encode(text[:8], b[:4])
	hex.Encode(text[9:13], b[4:6])
	hex.Encode(text[14:18], b[6:8])
	hex.Encode(text[19:23], b[8:10])
	hex.Encode(text[24:], b[10:])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}
