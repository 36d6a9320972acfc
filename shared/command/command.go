// Package command is how data changes: nobody writes an item of the data table;
// one publishes a command that says what the item shall be, and a state machine
// carries it out. Commands, in turn, are the item's whole story.
//
//	publish ──> commands  sk@1, sk@2, ...     one row for each version, never changed
//	               │ stream
//	               v
//	        command-handler, one execution for each version
//	               │  check_version        is it my turn?
//	               │  wait_prev_command    no: sleep until the version before is done
//	               │  set_ttl_command      the command before may expire now
//	               │  history_copy         what stands in data goes to history as sk@version
//	               │  transform_data       which read models does this concern?
//	               │  sync_data (for each) write it there, never backwards
//	               v  finish               wake the version after
//	            data   history
//
// A reader takes an item from data, changes it, and publishes it with the version
// it read. Whoever is second gets [failure.CommandConflict], and nothing of
// theirs is lost or half done: they read again.
//
// What is guaranteed, under any repetition, crash and order of steps:
//
//   - one command for each version, and each builds on the one before;
//   - data goes from version to version upwards, and ends at the highest;
//   - history holds every earlier version once;
//   - no execution waits for a version that is done or has failed for good: who
//     waits stores its token first and then looks again, who is done writes first
//     and then looks for a token, so one of the two sees the other.
//
// Attributes are any JSON object. Beyond [AttributeLimit] they go to S3 and the
// row holds their address; [Ledger.Attributes] reads either.
//
// It does not start executions (functions/commands/commandStream does), and does
// not delete: an item is marked isDeleted, or expires by the days that its tenant
// has in the master table.
//
// Start at [Ledger.Publish] and [Flow.Do].
package command

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/stepworks/stepworks/shared/failure"
)

// Latest as a submission's version means: on top of whatever is newest.
const Latest = -1

// Row is a row of the commands, data and history tables. In commands and history
// sk ends in @version; in data it does not, and CPK, CSK say which command wrote it.
type Row struct {
	PK         string     `dynamodbav:"pk" json:"pk"`
	SK         string     `dynamodbav:"sk" json:"sk"`
	ID         string     `dynamodbav:"id" json:"id"`
	Code       string     `dynamodbav:"code" json:"code"`
	Name       string     `dynamodbav:"name" json:"name"`
	Version    int        `dynamodbav:"version" json:"version"`
	TenantCode string     `dynamodbav:"tenantCode" json:"tenantCode"`
	Type       string     `dynamodbav:"type" json:"type"`
	IsDeleted  bool       `dynamodbav:"isDeleted" json:"isDeleted"`
	Seq        int        `dynamodbav:"seq" json:"seq"`
	TTL        int64      `dynamodbav:"ttl,omitempty" json:"ttl,omitempty"` // seconds since 1970
	Attributes Attributes `dynamodbav:"attributes" json:"attributes"`

	Source    string `dynamodbav:"source" json:"source"` // who published: an import's id, a screen, a service
	RequestID string `dynamodbav:"requestId" json:"requestId"`
	CreatedAt string `dynamodbav:"createdAt" json:"createdAt"`
	CreatedBy string `dynamodbav:"createdBy" json:"createdBy"`
	CreatedIP string `dynamodbav:"createdIp" json:"createdIp"`
	UpdatedAt string `dynamodbav:"updatedAt" json:"updatedAt"`
	UpdatedBy string `dynamodbav:"updatedBy" json:"updatedBy"`
	UpdatedIP string `dynamodbav:"updatedIp" json:"updatedIp"`

	// Of commands.
	Status    string `dynamodbav:"status,omitempty" json:"status,omitempty"` // <state>:STARTED, FINISHED or FAILED
	TaskToken string `dynamodbav:"taskToken,omitempty" json:"-"`             // of wait_prev_command
	SyncMode  string `dynamodbav:"syncMode,omitempty" json:"syncMode,omitempty"`
	Failure   string `dynamodbav:"failure,omitempty" json:"failure,omitempty"` // why it failed for good; it goes away when a redriven execution finishes

	// Of data and history.
	CPK string `dynamodbav:"cpk,omitempty" json:"cpk,omitempty"`
	CSK string `dynamodbav:"csk,omitempty" json:"csk,omitempty"`
}

// Key names an item: the row of the data table.
type Key struct {
	PK string `json:"pk"` // <TYPE>#<tenant>
	SK string `json:"sk"`
}

const (
	separator        = "#"
	versionSeparator = "@"
)

// What DynamoDB takes as keys.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
const (
	maxPartitionKey = 2048
	maxSortKey      = 1024
)

// Check refuses keys that could not be told from a version, or from which no
// tenant can be read.
func (k Key) Check() error {
	switch {
	case k.Tenant() == "":
		return failure.New(failure.InputMalformed, "pk must be <TYPE>#<tenant>, such as ORDER#tenant1, not %q", k.PK)
	case len(k.PK) > maxPartitionKey:
		return failure.New(failure.InputMalformed, "pk has %d bytes, a partition key takes %d", len(k.PK), maxPartitionKey)
	case k.SK == "":
		return failure.New(failure.InputMalformed, "sk is missing: it names the item within pk, such as ORDER#order123")
	case strings.Contains(k.SK, versionSeparator):
		return failure.New(failure.InputMalformed, "sk must not contain %q, which separates the version: %q", versionSeparator, k.SK)
	case len(k.SK) > maxSortKey-20: // room for @version
		return failure.New(failure.InputMalformed, "sk has %d bytes, a sort key with its version takes %d", len(k.SK), maxSortKey-20)
	}
	return nil
}

// Tenant is what follows the last # of pk; "" if there is none.
func (k Key) Tenant() string {
	if i := strings.LastIndex(k.PK, separator); i > 0 {
		return k.PK[i+1:]
	}
	return ""
}

// ID is how others refer to the item.
func (k Key) ID() string { return k.PK + separator + k.SK }

// At is the sort key of a version.
func (k Key) At(version int) string { return k.SK + versionSeparator + strconv.Itoa(version) }

// Split takes a versioned sort key apart.
func Split(pk, sk string) (Key, int, error) {
	i := strings.LastIndex(sk, versionSeparator)
	if i < 0 {
		return Key{}, 0, failure.New(failure.InputMalformed, "sk %q has no version: a command's is <sk>@<version>", sk)
	}
	version, err := strconv.Atoi(sk[i+1:])
	if err != nil || version < 1 {
		return Key{}, 0, failure.New(failure.InputMalformed, "sk %q: %q is no version, the first is 1", sk, sk[i+1:])
	}
	return Key{pk, sk[:i]}, version, nil
}

func (r Row) key() Key {
	sk, _, _ := strings.Cut(r.SK, versionSeparator)
	return Key{r.PK, sk}
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Phase is the second half of a command's status.
type Phase string

// The phases of a state.
const (
	Started  Phase = "STARTED"
	Finished Phase = "FINISHED"
	Failed   Phase = "FAILED"
)

// StatusOf is a command's status while it is in a state.
func StatusOf(state string, p Phase) string { return fmt.Sprintf("%s:%s", state, p) }

// FailedForGood is the status of a command whose execution has given up. A step
// that fails on the way writes <its state>:FAILED and may be tried again.
var FailedForGood = StatusOf(StateFinish, Failed)
