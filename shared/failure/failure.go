// Package failure names everything that can go wrong in a worker. A name is what
// Step Functions sees as the error, so it is what a state machine's Retry and
// Catch match in ErrorEquals.
//
// Lambda reports the type of the outermost Go error, so an error wrapped by
// fmt.Errorf would arrive as "wrapError" and match nothing. Workers therefore
// wrap freely, and package step asks [NameOf] once, at the door, which name an error
// carries.
//
//	Input.*      the payload is not what this step takes
//	Order.*      the order is not one this step may work on
//	Payment.*    money does not add up
//	Callback.*   nobody waits for what somebody says
//	Approval.*   likewise, of people
//	Event.*      the bus refuses an event for good
//	Object.*     an object in S3 is not as this step needs it
//	Data.*       a partner's file is not as it was declared
//	Command.*    versions of an item do not follow each other
//	Job.*        there is no such job
//	Task.*       a task and its sub-tasks
//	Import.*     a file is not what was declared
//	Access.*     the function's role lacks a permission
//	Transient.*  the same call may succeed a moment later
//	Internal.*   a fault in our own code
//
// A refusal that is part of the business (no stock, a declined payment, an
// invalid order) is a result and has no name here. The table does not say how
// often to retry; the state machines do.
//
// Start at [Table].
package failure

import (
	"errors"
	"fmt"
)

// Name is the name of a failure, as ErrorEquals spells it.
type Name string

// The failures that workers raise.
const (
	InputMalformed        Name = "Input.Malformed"
	OrderNotFound         Name = "Order.NotFound"
	OrderSuperseded       Name = "Order.Superseded"
	PaymentAmountMismatch Name = "Payment.AmountMismatch"
	PaymentNotFound       Name = "Payment.NotFound"
	CallbackNotFound      Name = "Callback.NotFound"
	ApprovalNotFound      Name = "Approval.NotFound"
	EventTooLarge         Name = "Event.TooLarge"
	EventRejected         Name = "Event.Rejected"
	ObjectNotFound        Name = "Object.NotFound"
	ObjectTooLarge        Name = "Object.TooLarge"
	DataMalformed         Name = "Data.Malformed"
	DataChanged           Name = "Data.Changed"
	AccessDenied          Name = "Access.Denied"
	CommandNotFound       Name = "Command.NotFound"
	CommandConflict       Name = "Command.VersionConflict"
	CommandMismatch       Name = "Command.VersionMismatch"
	CommandPredecessor    Name = "Command.PredecessorFailed"
	CommandUnknownState   Name = "Command.UnknownState"
	JobNotFound           Name = "Job.NotFound"
	TaskNotFound          Name = "Task.NotFound"
	TaskIncomplete        Name = "Task.Incomplete"
	ImportRefused         Name = "Import.Refused"
	ImportFailed          Name = "Import.Failed"
	TransientThrottled    Name = "Transient.Throttled"
	TransientUnavailable  Name = "Transient.Unavailable"
	TransientTimeout      Name = "Transient.Timeout"
	InternalUnexpected    Name = "Internal.Unexpected"
)

// The failures that service integrations raise and state machines match.
const (
	ConditionalCheckFailed Name = "DynamoDB.ConditionalCheckFailedException"
	ExternalProcessFailed  Name = "ExternalProcessFailed" // the sources' name
	TaskTimedOut           Name = "Sfn.TaskTimedOutException"
	TaskDoesNotExist       Name = "Sfn.TaskDoesNotExistException"
	InvalidToken           Name = "Sfn.InvalidTokenException"
	ECSException           Name = "ECS.AmazonECSException"
)

// Row is what there is to know about one failure.
type Row struct {
	Name      Name
	Meaning   string
	Retryable bool // the same call may succeed later without anybody's doing
	Worker    bool // raised by a worker; otherwise by a service integration of a state machine
}

// Table lists every failure that a state machine of this project may name.
var Table = []Row{
	{InputMalformed, "the payload is not JSON of the shape this step takes", false, true},
	{OrderNotFound, "the order is not stored, so there is nothing to work on", false, true},
	{OrderSuperseded, "another execution has this order, or it was closed meanwhile; nothing was changed", false, true},
	{PaymentAmountMismatch, "an amount differs from the stored order's total", false, true},
	{PaymentNotFound, "the order has no such payment", false, true},
	{CallbackNotFound, "no workflow has asked the gateway about this order", false, true},
	{ApprovalNotFound, "nobody has asked to approve this order", false, true},
	{EventTooLarge, "an event exceeds what EventBridge takes", false, true},
	{EventRejected, "EventBridge refused an event for good", false, true},
	{ObjectNotFound, "there is no such object in S3", false, true},
	{ObjectTooLarge, "an object in S3 is larger than this step reads", false, true},
	{DataMalformed, "a partner's file is not what its format says", false, true},
	{DataChanged, "a partner's file was replaced while it was worked on", false, true},
	{AccessDenied, "the function's role lacks a permission", false, true},
	{CommandNotFound, "the command or the item it builds on is not stored", false, true},
	{CommandConflict, "somebody wrote a newer version: read it, and publish again on top of it", false, true},
	{CommandMismatch, "a version that does not follow the data's: an earlier one is missing, or it was overtaken", false, true},
	{CommandPredecessor, "the version before failed, so this one cannot follow", false, true},
	{CommandUnknownState, "the state machine has a state that the function does not know", false, true},
	{JobNotFound, "no such job was submitted", false, true},
	{TaskNotFound, "the task is not stored", false, true},
	{TaskIncomplete, "sub-tasks of the task were not done", false, true},
	{ImportRefused, "a file that cannot be imported: not a table, or not the one that was declared", false, true},
	{ImportFailed, "an import that came to no end of its own", false, true},
	{TransientThrottled, "a service asked to slow down, or two transactions met", true, true},
	{TransientUnavailable, "a service or the payment gateway did not answer properly", true, true},
	{TransientTimeout, "the time of this invocation ran out", true, true},
	{InternalUnexpected, "a fault in our own code: the log has the whole error", false, true},
	{ConditionalCheckFailed, "dynamodb:updateItem found the item in another state", false, false},
	{ExternalProcessFailed, "paymentCallback answered the task token: the gateway said no", false, false},
	{TaskTimedOut, "a task token was answered after its task was over", false, false},
	{TaskDoesNotExist, "a task token was answered whose execution is over", false, false},
	{InvalidToken, "a task token is none of Step Functions'", false, false},
	{ECSException, "ECS did not take a request, mostly because it is busy", false, false},
}

// Error is an error with a name.
type Error struct {
	Name    Name
	Message string // what was wrong, where, and what would be right
	Cause   error  // may be nil
}

// New makes an error called name; format and args say what was wrong.
func New(name Name, format string, args ...any) *Error {
	return &Error{Name: name, Message: fmt.Sprintf(format, args...)}
}

// Wrap makes an error called name out of cause; format and args say what was
// being done.
func Wrap(name Name, cause error, format string, args ...any) *Error {
	return &Error{Name: name, Message: fmt.Sprintf(format, args...), Cause: cause}
}

// Error says what was wrong, without the name: Step Functions carries that apart.
func (e *Error) Error() string {
	if e.Cause == nil {
		return e.Message
	}
	return e.Message + ": " + e.Cause.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Retryable tells whether the call that ended in err may succeed when repeated.
func Retryable(err error) bool {
	name := NameOf(err)
	for _, row := range Table {
		if row.Name == name {
			return row.Retryable
		}
	}
	return false
}

// NameOf returns the name that err carries, however deeply it is wrapped; the
// outermost counts. An error that nobody named is classified by what it is (a
// deadline, an answer of AWS); what remains is Internal.Unexpected.
func NameOf(err error) Name {
	var named *Error
	if errors.As(err, &named) {
		return named.Name
	}
	return classify(err)
}
