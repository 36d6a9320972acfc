package interp

// This file defines frames: where in its graphs an execution stands.

import (
	"time"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// frame is one run of a graph: of the machine (the root), of a branch, of an
// iteration. It stands in one state at a time and may wait there for a task, a
// timer, a map run or its children.
type frame struct {
	Index     int               `json:",omitzero"` // which branch or iteration
	Location  string            `json:",omitzero"` // of the state it stands in; "" before the first
	Input     *data             `json:",omitzero"` // that state's raw input
	Entered   time.Time         `json:",omitzero"`
	EnteredID int64             `json:",omitzero"` // the event of entering
	BeforeID  int64             `json:",omitzero"` // the event that it follows
	Prev      int64             `json:",omitzero"` // the event that the next one follows
	Variables map[string]*data  `json:",omitzero"` // of this scope
	Spent     []int             `json:",omitzero"` // attempts used, by retrier
	Attempt   int               `json:",omitzero"` // retries of this state so far
	Task      *pendingTask      `json:",omitzero"`
	Timer     *pendingTimer     `json:",omitzero"`
	MapRun    *pendingRun       `json:",omitzero"`
	Fan       *fan              `json:",omitzero"` // children of a Parallel or an inline Map
	Output    *data             `json:",omitzero"` // when Done
	Done      bool              `json:",omitzero"`
	Item      *data             `json:",omitzero"` // $$.Map.Item.Value of an iteration
	token     string            // of the task being scheduled
	parent    *frame            // nil for the root
	at        *asl.State        // the state at Location
	items     []jsonvalue.Value // of the Map state it stands in
}

// pendingTask is a task that was scheduled and has not ended.
type pendingTask struct {
	ID         ID
	Token      string
	Parameters *data  `json:",omitzero"` // gone when nobody will need them again
	Role       string `json:",omitzero"`
	Started    bool   `json:",omitzero"`
	Submitted  *data  `json:",omitzero"`

	Timeout        seconds      `json:",omitzero"`
	Heartbeat      seconds      `json:",omitzero"`
	TimeoutTimer   pendingTimer `json:",omitzero"`
	HeartbeatTimer pendingTimer `json:",omitzero"`
}

// seconds is a duration as definitions give it.
type seconds int64

func (s seconds) duration() time.Duration { return time.Duration(s) * time.Second }

// pendingTimer is a timer that runs: of a Wait state, a retry, a task.
type pendingTimer struct {
	ID    ID
	At    time.Time
	Retry bool `json:",omitzero"` // it is the delay before another attempt
}

// pendingRun is a map run under way, or one that failed and could be redriven.
type pendingRun struct {
	ID       ID
	ARN      string
	Failed   bool    `json:",omitzero"`
	Redrives int     `json:",omitzero"`
	Random   *random // as it was when the run was evaluated
}

// fan is what a frame keeps of its children.
type fan struct {
	Children []*frame // by index; nil before an iteration starts
	Next     int      // the first that has not started
	Left     int      // how many have not ended
	Limit    int      // how many may run at once
}

// name is the name of the state that the frame stands in.
func (f *frame) name() string { return f.at.Name }

// all calls visit for the frame and those below it, parents first.
func (f *frame) all(visit func(*frame)) {
	visit(f)
	if f.Fan != nil {
		for _, child := range f.Fan.Children {
			if child != nil {
				child.all(visit)
			}
		}
	}
}

// find returns the frame that waits for the task, timer or map run, or nil.
func (x *Execution) find(id ID) *frame {
	if x.waiting == nil {
		x.waiting = map[ID]*frame{}
		x.Root.all(func(f *frame) {
			for _, id := range f.pendingIDs() {
				x.waiting[id] = f
			}
		})
	}
	return x.waiting[id]
}

func (f *frame) pendingIDs() []ID {
	var ids []ID
	if f.Task != nil {
		ids = append(ids, f.Task.ID)
		for _, t := range []pendingTimer{f.Task.TimeoutTimer, f.Task.HeartbeatTimer} {
			if t.ID != 0 {
				ids = append(ids, t.ID)
			}
		}
	}
	if f.Timer != nil {
		ids = append(ids, f.Timer.ID)
	}
	if f.MapRun != nil && !f.MapRun.Failed {
		ids = append(ids, f.MapRun.ID)
	}
	return ids
}

// newID gives an ID away to what a frame will wait for.
func (x *Execution) newID(f *frame) ID {
	x.IDs++
	if x.waiting != nil && f != nil {
		x.waiting[x.IDs] = f
	}
	return x.IDs
}

func (x *Execution) startTimer(f *frame, at time.Time) ID {
	id := x.newID(f)
	x.commands = append(x.commands, StartTimer{Timer: id, At: at})
	return id
}

func (x *Execution) cancelTimer(id ID) {
	if id != 0 {
		x.commands = append(x.commands, CancelTimer{id})
		delete(x.waiting, id)
	}
}

// onTask calls do with the frame that waits for the task, if one does.
func (x *Execution) onTask(id ID, do func(*frame)) {
	if f := x.find(id); f != nil && f.Task != nil && f.Task.ID == id {
		do(f)
	}
}

// timerFired finds out whose timer it was.
func (x *Execution) timerFired(id ID) {
	if id == x.Deadline && id != 0 {
		x.Deadline = 0
		x.timeOut()
		return
	}
	if id == x.Resume && id != 0 {
		x.resume()
		return
	}
	f := x.find(id)
	if f == nil {
		return
	}
	switch {
	case f.Timer != nil && f.Timer.ID == id:
		delete(x.waiting, id)
		retry := f.Timer.Retry
		f.Timer = nil
		if retry {
			x.runAgain(f)
		} else {
			x.passOn(f)
		}
	case f.Task != nil && f.Task.TimeoutTimer.ID == id:
		f.Task.TimeoutTimer = pendingTimer{}
		x.taskTimedOut(f, errTimeout)
	case f.Task != nil && f.Task.HeartbeatTimer.ID == id:
		f.Task.HeartbeatTimer = pendingTimer{}
		x.taskTimedOut(f, errHeartbeat)
	}
}

// dropTask forgets a frame's task and stops its timers.
func (x *Execution) dropTask(f *frame) {
	delete(x.waiting, f.Task.ID)
	x.cancelTimer(f.Task.TimeoutTimer.ID)
	x.cancelTimer(f.Task.HeartbeatTimer.ID)
	f.Task = nil
}

// cancelAll takes back whatever the frame and those below it wait for.
func (x *Execution) cancelAll(f *frame, reason string) {
	f.all(func(f *frame) {
		if f.Task != nil {
			x.commands = append(x.commands, CancelTask{Task: f.Task.ID, Reason: reason})
			x.dropTask(f)
		}
		if f.Timer != nil {
			x.cancelTimer(f.Timer.ID)
			f.Timer = nil
		}
		if f.MapRun != nil && !f.MapRun.Failed {
			x.commands = append(x.commands, CancelMapRun{f.MapRun.ID})
			delete(x.waiting, f.MapRun.ID)
			f.MapRun.Failed = true
		}
	})
}
