// Package report is what the functions of the cookie report share: who is in it,
// where its documents are, and how a step answers the task that waits for it.
//
//	Job, People    whose report, and of whom
//	People.Basic   keys of the documents: <job>/basic-003-ana-maría.json, <job>/final-..., <job>/0-cookies.json
//	Outlet         publishes the step's event: done, failed, or the next hop
//	Reader         follows a presigned URL, if it leads where it may
//
// What a step makes depends on the execution and the person's place alone, so an
// event that arrives twice writes the same document and answers the same. A key
// has the place in it, so two people of one name have two documents.
//
// It draws no names: those are getMultiple's. Start at [Person] and [Outlet].
package report

import (
	"fmt"
	"hash/fnv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/stepworks/stepworks/shared/failure"
)

// What one report takes. An execution has 25,000 history entries, and a person
// takes eight of them; the names stand in the execution's state, up to twice, and
// that has 256 KiB.
// https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
const (
	MaxPeople    = 3000
	maxNameBytes = 1024
	maxAllBytes  = 100_000
)

// DocumentLimit is how large a person's document may be, in bytes.
const DocumentLimit = 64 << 10

// Job is an execution that makes a report.
type Job struct {
	Execution string // its ARN
	Name      string // its name: the folder of its documents
	Machine   string
	Account   string
}

// JobOf reads an execution's ARN, arn:aws:states:REGION:ACCOUNT:execution:MACHINE:NAME.
// Express executions have a further part, their id.
func JobOf(execution string) (Job, error) {
	parts := strings.Split(execution, ":")
	if len(parts) < 8 || parts[0] != "arn" || parts[2] != "states" || parts[5] != "execution" && parts[5] != "express" {
		return Job{}, failure.New(failure.InputMalformed, "execution must be the ARN of an execution, not %q", execution)
	}
	job := Job{Execution: execution, Machine: parts[6], Name: parts[len(parts)-1], Account: parts[4]}
	if job.Name == "" || strings.Contains(job.Name, "/") {
		return Job{}, failure.New(failure.InputMalformed, "execution %q has no name", execution)
	}
	return job, nil
}

// Seed is a number for what is drawn at random: the same for the same job and
// place, whenever a step runs.
func (j Job) Seed(place int, what string) int64 {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%s/%d/%s", j.Execution, place, what)
	return int64(h.Sum64()) //nolint:gosec // any number will do
}

// Summary is the key of the report itself.
func (j Job) Summary() string { return j.Name + "/0-cookies.json" }

// Person is somebody in a report: a name at a place.
type Person struct {
	Job   Job
	Index int
	Name  string
}

// Person checks a name and its place.
func (j Job) Person(index int, name string) (Person, error) {
	if index < 0 || index >= MaxPeople {
		return Person{}, failure.New(failure.InputMalformed, "index must be from 0 to %d, not %d", MaxPeople-1, index)
	}
	if err := checkName(index, name); err != nil {
		return Person{}, err
	}
	return Person{Job: j, Index: index, Name: name}, nil
}

func checkName(index int, name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return failure.New(failure.InputMalformed, "names[%d] is empty", index)
	case len(name) > maxNameBytes:
		return failure.New(failure.InputMalformed, "names[%d] has %d bytes, %d are allowed", index, len(name), maxNameBytes)
	}
	return nil
}

// CheckNames says what is wrong with a list of names. None is a report of nobody.
func CheckNames(names []string) error {
	if len(names) > MaxPeople {
		return failure.New(failure.InputMalformed, "there are %d names, one report takes %d", len(names), MaxPeople)
	}
	all := 0
	for i, name := range names {
		if err := checkName(i, name); err != nil {
			return err
		}
		all += len(name) + len(`"",`)
	}
	if all > maxAllBytes {
		return failure.New(failure.InputMalformed, "the names have %d bytes, one report takes %d", all, maxAllBytes)
	}
	return nil
}

// Basic is the key of the person's profile.
func (p Person) Basic() string { return p.key("basic") }

// Final is the key of the person's profile with the cookies in it.
func (p Person) Final() string { return p.key("final") }

func (p Person) key(kind string) string {
	return fmt.Sprintf("%s/%s-%03d-%s.json", p.Job.Name, kind, p.Index, slug(p.Name))
}

// maxSlug keeps keys far from S3's 1,024 bytes.
const maxSlug = 60

// slug makes a name fit for a key: letters and digits of any script stay, and all
// else, slashes and quotes too, becomes a hyphen.
func slug(name string) string {
	var b strings.Builder
	gap := false
	for _, r := range strings.ToLower(name) {
		if r == utf8.RuneError || !unicode.In(r, unicode.Letter, unicode.Digit, unicode.Mark) {
			gap = b.Len() > 0
			continue
		}
		if b.Len()+utf8.RuneLen(r) >= maxSlug {
			break
		}
		if gap {
			b.WriteByte('-')
		}
		gap = false
		b.WriteRune(r)
	}
	if b.Len() == 0 {
		return "unnamed"
	}
	return b.String()
}

// Profile is a person's document. The cookies are there in the final one only.
type Profile struct {
	Name                    string `json:"name"`
	Company                 string `json:"company"`
	City                    string `json:"city"`
	NumberOfCookiesConsumed *int   `json:"numberOfCookiesConsumed,omitempty"`
}

// Report is what comes of it all.
type Report struct {
	Names                []string `json:"names"`
	NumberOfPeople       int      `json:"numberOfPeople"`
	TotalCookiesConsumed int      `json:"totalCookiesConsumed"`
}
