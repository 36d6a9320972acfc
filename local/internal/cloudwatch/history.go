package cloudwatch

// This file defines the one way in which an alarm changes state, its history,
// and the outbox of what must be told about it.

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

// maxHistory bounds the items of an alarm.
const maxHistory = 500

// news is a state change that must be told.
type news struct {
	Alarm                              *alarm // after the change
	OldState, OldReason, OldReasonData string
	OldUpdated                         time.Time
	At                                 time.Time
}

// change brings an alarm to a state, in a transaction with its history and its
// news. The same state again with another reason is no change that is told.
func change(tx *store.Tx, a *alarm, state, reason, reasonData string, now time.Time) error {
	n := &news{Alarm: a, OldState: a.State, OldReason: a.Reason, OldReasonData: a.ReasonData, OldUpdated: a.Updated, At: now}
	a.State, a.Reason, a.ReasonData, a.Updated = state, reason, reasonData, now
	if n.OldState == state {
		tx.Put(bucketAlarm, a.AlarmName, encode(a))
		return nil
	}
	a.Transitioned = now
	tx.Put(bucketAlarm, a.AlarmName, encode(a))
	side := func(state, reason, data string) map[string]any {
		m := map[string]any{"stateValue": state, "stateReason": reason}
		if data != "" {
			m["stateReasonData"] = json.RawMessage(data)
		}
		return m
	}
	data := encode(map[string]any{"version": "1.0", "oldState": side(n.OldState, n.OldReason, n.OldReasonData), "newState": side(state, reason, reasonData)})
	addHistory(tx, a, now, "StateUpdate", "Alarm updated from "+n.OldState+" to "+state, string(data))
	tx.Put(bucketOutbox, nextKey(tx, bucketOutbox), encode(n))
	return nil
}

// nextKey is a key behind all of a bucket.
func nextKey(r store.Reader, bucket string) string {
	for key := range r.ScanBack(bucket, "", "") {
		return store.Uint64(store.ParseUint64(key) + 1)
	}
	return store.Uint64(1)
}

// storedItem is a historyItem as the store keeps it.
type storedItem struct {
	Name, Kind, Type, Summary, Data string
	At                              time.Time
}

func addHistory(tx *store.Tx, a *alarm, now time.Time, kind, summary, data string) {
	from, to := store.Prefix(a.AlarmName)
	last, count := uint64(0), 0
	var gone []string
	for key, text := range tx.ScanBack(bucketHistory, from, to) {
		if count++; count == 1 {
			last = store.ParseUint64(store.SplitKey(key)[1])
		}
		var item storedItem
		if json.Unmarshal(text, &item) != nil || count >= maxHistory || now.Sub(item.At) > keepHistory {
			gone = append(gone, key)
		}
	}
	for _, key := range gone {
		tx.Delete(bucketHistory, key)
	}
	alarmType := "MetricAlarm"
	if a.Rule != "" {
		alarmType = "CompositeAlarm"
	}
	tx.Put(bucketHistory, store.Key(a.AlarmName, store.Uint64(last+1)), encode(storedItem{a.AlarmName, alarmType, kind, summary, data, now}))
}

// readHistory returns the items of an alarm, or of all, that are kept.
func readHistory(r store.Reader, name string, keep func(historyItem) bool) []historyItem {
	from, to := "", ""
	if name != "" {
		from, to = store.Prefix(name)
	}
	var all []historyItem
	for _, text := range r.Scan(bucketHistory, from, to) {
		var x storedItem
		if json.Unmarshal(text, &x) != nil {
			continue
		}
		if h := (historyItem{x.Name, x.Kind, awswire.At(x.At), x.Type, x.Summary, x.Data}); keep(h) {
			all = append(all, h)
		}
	}
	return all
}

func validJSON(text string) bool {
	if text == "" {
		return true
	}
	_, err := jsonvalue.Parse([]byte(text))
	return err == nil
}

// spell writes a number as CloudWatch's texts do: 1.0, 99.5.
func spell(x float64) string {
	text := strconv.FormatFloat(x, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}
