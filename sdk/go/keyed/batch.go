package keyed

import (
	"errors"
	"math"

	"millrace"
	"millrace/internal/codec"
)

// Batch is the rows and timers of some keys. Next goes through them, key by key, each key's in the
// order of their times; between two calls of it everything else here is about the current key.
type Batch[S any] struct {
	events
	stored *millrace.BinaryColumn

	state S
	codec codec.Codec
	// resetter is the state, if it can be emptied.
	resetter interface{ Reset() }
	has      bool
	read     bool
	changed  bool

	changedKeys []uint32
	states      millrace.BinaryBuilder
	err         error
}

func newBatch[S any](events events, stored *millrace.BinaryColumn) *Batch[S] {
	b := &Batch[S]{events: events, stored: stored}
	b.codec = codec.Of(&b.state)
	// New states are about as long as the old ones, and rows make them longer.
	old := 0
	for key := range stored.Len() {
		old += len(stored.Value(key))
	}
	b.states.Reserve(stored.Len(), old+old/8+16*events.rows.Rows())
	b.resetter, _ = any(&b.state).(interface{ Reset() })
	return b
}

// Next goes to the next row or timer; it is false at the end. A state that can't be read or written
// is an end, too, and fails the call.
func (b *Batch[S]) Next() bool {
	for b.err == nil {
		if b.begun {
			if b.nextOfKey() {
				return true
			}
			b.endKey()
			continue
		}
		if b.key >= len(b.starts) {
			return false
		}
		b.beginKey()
		b.has, b.read, b.changed = false, false, false
	}
	return false
}

// State is the state of the current key, nil if it has none. It is for reading: what is changed in
// it may be lost, unless Update or SetState is called. It is good until Next goes to another key.
func (b *Batch[S]) State() *S {
	b.load()
	if !b.has {
		return nil
	}
	return &b.state
}

// Update is the state of the current key, to be changed in place: the zero value if it has none. It
// is good until Next goes to another key.
func (b *Batch[S]) Update() *S {
	b.load()
	if !b.has {
		b.reset()
		b.has = true
	}
	b.changed = true
	return &b.state
}

// SetState gives the current key another state.
func (b *Batch[S]) SetState(state S) {
	b.state = state
	b.has, b.read, b.changed = true, true, true
}

// Clear forgets the state of the current key.
func (b *Batch[S]) Clear() {
	b.has, b.read, b.changed = false, true, true
}

func (b *Batch[S]) load() {
	if b.read {
		return
	}
	b.read = true
	if stored, ok := b.stored.Get(b.key); ok {
		if !b.codec.Overwrites() {
			b.reset()
		}
		b.has = true
		if err := b.codec.Read(stored); err != nil {
			b.err = err
		}
	}
}

// reset makes the state the zero value, and leaves it its memory where it has a method for that.
func (b *Batch[S]) reset() {
	if b.resetter != nil {
		b.resetter.Reset()
		return
	}
	b.state = *new(S)
}

func (b *Batch[S]) endKey() {
	if b.changed {
		b.changedKeys = append(b.changedKeys, uint32(b.key))
		if b.has {
			b.states.AppendWith(func(bytes []byte) []byte {
				bytes, b.err = b.codec.Append(bytes)
				return bytes
			})
		} else {
			b.states.AppendNull()
		}
	}
	b.events.endKey()
}

// finish ends a batch that was handled to its end.
func (b *Batch[S]) finish() error {
	if b.err == nil && b.begun {
		if b.nextOfKey() {
			return errors.New("Process returned before it had handled all rows")
		}
		b.endKey()
	}
	if b.err == nil && b.key < len(b.starts) {
		return errors.New("Process returned before it had handled all keys")
	}
	return b.err
}

// events is what a batch is apart from its states.
type events struct {
	rows   *millrace.Batch
	keys   *millrace.Batch
	times  []int64
	starts []uint32
	due    []DueTimer
	store  Store
	// nextDue is the first of due that is beyond the current key.
	nextDue int
	timers  []TimerSetting

	// The current key; one too many at the end, and meaningless before the first.
	key   int
	begun bool
	// row is the next row, and rowsEnd the one after the last of the key.
	row, rowsEnd int
	// keyDue are the timers of the host that are left.
	keyDue []DueTimer
	// set is what the plugin has set and what has not come due since.
	set []TimerSetting
	// now is the time of what is being handled; without one it is not known.
	now    int64
	hasNow bool
	// timer is what is being handled, unless it is a row.
	timer   DueTimer
	isTimer bool
	hasTime bool
}

// Rows are the columns of Description.Reads. The rows of a key stand together.
func (e *events) Rows() *millrace.Batch { return e.rows }

// Keys are the columns of Description.Keys, a row for each key.
func (e *events) Keys() *millrace.Batch { return e.keys }

// Timer is the timer that is to be handled, unless it is a row.
func (e *events) Timer() (timer DueTimer, due bool) { return e.timer, e.isTimer }

// Row is the number of the row that is to be handled, within Rows.
func (e *events) Row() uint32 { return uint32(e.row - 1) }

// Time is the event time of the row, in microseconds since 1970, if rows come in that order.
func (e *events) Time() (at int64, known bool) { return e.now, e.hasTime }

// Key is the number of the current key, within Keys.
func (e *events) Key() uint32 { return uint32(e.key) }

// KeyRow is the number by which Output.Some makes a row that belongs to no input row: the columns
// of the current key are carried over, all others are null.
func (e *events) KeyRow() uint32 { return uint32(e.rows.Rows() + e.key) }

// SetTimer sets the timer id of the current key to an event time, in microseconds since 1970. A
// time that is not after what is being handled counts as one microsecond after it.
func (e *events) SetTimer(id uint32, at int64) {
	if e.hasNow && at <= e.now {
		at = e.now
		if at < math.MaxInt64 {
			at++
		}
	}
	e.change(TimerSetting{ID: id, Change: SetEvent, At: at})
}

// SetProcessingTimer sets the timer id of the current key to a time on the host's clock, so many
// microseconds from now.
func (e *events) SetProcessingTimer(id uint32, delay uint64) {
	e.change(TimerSetting{ID: id, Change: SetProcessing, Delay: delay})
}

// CancelTimer cancels the timer id of the current key, if it is set.
func (e *events) CancelTimer(id uint32) {
	e.change(TimerSetting{ID: id, Change: Cancel})
}

func (e *events) change(setting TimerSetting) {
	setting.Key = uint32(e.key)
	left := e.keyDue[:0:len(e.keyDue)]
	for _, due := range e.keyDue {
		if due.ID != setting.ID {
			left = append(left, due)
		}
	}
	e.keyDue = left
	for i := range e.set {
		if e.set[i].ID == setting.ID {
			e.set[i] = setting
			return
		}
	}
	e.set = append(e.set, setting)
}

func (e *events) beginKey() {
	e.begun = true
	e.row, e.rowsEnd = int(e.starts[e.key]), e.rows.Rows()
	if e.key+1 < len(e.starts) {
		e.rowsEnd = int(e.starts[e.key+1])
	}
	e.hasNow = false
	first := e.nextDue
	for e.nextDue < len(e.due) && int(e.due[e.nextDue].Key) == e.key {
		e.nextDue++
	}
	e.keyDue = e.due[first:e.nextDue]
}

func (e *events) endKey() {
	e.timers = append(e.timers, e.set...)
	e.set = e.set[:0]
	e.key++
	e.begun = false
}

// nextOfKey goes to the next row or timer of the current key, if there is one.
func (e *events) nextOfKey() bool {
	isRow := e.row < e.rowsEnd
	e.hasTime = len(e.times) > 0
	if len(e.keyDue) == 0 && len(e.set) == 0 {
		// The most frequent case by far: rows and no timers.
		return isRow && e.takeRow()
	}
	// What the host knows comes first if it has no place in the order of times.
	dueFirst := false
	if len(e.keyDue) > 0 {
		due := e.keyDue[0]
		dueFirst = due.Clock == ProcessingTime || !isRow || !e.hasTime || due.At <= e.times[e.row]
		if dueFirst && due.Clock == ProcessingTime {
			return e.takeDue()
		}
	}
	if at, found := e.earliestSet(); found {
		set := e.set[at]
		reached := false
		switch {
		case dueFirst:
			due := e.keyDue[0]
			reached = set.At < due.At || set.At == due.At && set.ID <= due.ID
		case isRow && e.hasTime:
			reached = set.At <= e.times[e.row]
		}
		if reached {
			// The host may still know an older time of it.
			e.set[at].Change = Cancel
			e.takeTimer(DueTimer{Key: uint32(e.key), ID: set.ID, Clock: EventTime, At: set.At})
			return true
		}
	}
	if dueFirst {
		return e.takeDue()
	}
	return isRow && e.takeRow()
}

func (e *events) takeRow() bool {
	if e.hasTime {
		e.now, e.hasNow = e.times[e.row], true
	}
	e.row++
	e.isTimer = false
	return true
}

func (e *events) takeDue() bool {
	due := e.keyDue[0]
	e.keyDue = e.keyDue[1:]
	if due.Clock == ProcessingTime {
		e.timer, e.isTimer = due, true
		return true
	}
	e.takeTimer(due)
	return true
}

// takeTimer makes a timer in event time the one to be handled.
func (e *events) takeTimer(timer DueTimer) {
	e.timer, e.isTimer = timer, true
	e.now, e.hasNow = timer.At, true
}

// earliestSet is the timer in event time that the plugin has set for the earliest time.
func (e *events) earliestSet() (at int, found bool) {
	for i, set := range e.set {
		if set.Change != SetEvent {
			continue
		}
		best := e.set[at]
		if !found || set.At < best.At || set.At == best.At && set.ID < best.ID {
			at, found = i, true
		}
	}
	return at, found
}
