// Package keyed is the world of plugins that remember something for each key.
package keyed

import (
	"millrace"
	"millrace/internal/codec"
)

// Plugin is a transformation with a state S for each key. Its exported fields are the step's
// configuration, with tags as for encoding/json; see millrace.Configure.
//
// The host calls Start once per instance and then Process with the rows of some keys, and with the
// timers of these keys that are due. Rows of a key come in the order of event time where the input
// has it. Instances come and go, so only the state may be relied upon.
//
// A state is any type whose fields are exported: numbers, texts, lists, maps, structs, and pointers
// for what may be missing. It is kept in the format of postcard (https://postcard.jamesmunns.com):
// fields by their order and without names, so any change of the type is a new StateVersion. []byte
// is kept as it is, and a type with the methods AppendBinary (or MarshalBinary) and UnmarshalBinary
// as these say. UnmarshalBinary may be called on a state that was used for another key; with a
// method Reset, which makes it the zero value, it can keep its memory, too.
type Plugin[S any] interface {
	// Start gets ready for rows of the schema input whose key is the columns key, and says what
	// the plugin will do. It is also called when a pipeline is merely checked. An error is shown to
	// the author of the pipeline before anything runs: a millrace.ConfigErrors names the places in
	// the configuration.
	Start(input millrace.Schema, key []string) (*millrace.Description, error)

	// Process handles the rows and timers of the batch: all of them, or it counts as failed. An
	// error, or a panic, fails the whole call and changes nothing: the host tries again with fewer
	// keys or rows. Refuse single rows with out.Error instead.
	Process(batch *Batch[S], out *millrace.Output) error
}

// Versioned is a plugin whose states have a version; without the method it is 1.
type Versioned interface {
	// StateVersion is counted up with each change of how states are written.
	StateVersion() uint32
}

// Migrator is a plugin that understands states of older versions.
type Migrator[S any] interface {
	// ReadsVersions are the versions that Migrate understands.
	ReadsVersions() []uint32
	// Migrate is the state of today, from one that an older version of the plugin wrote; ReadState
	// reads it. An error stops the pipeline.
	Migrate(version uint32, state []byte) (S, error)
}

// ReadState reads a state of an older type.
func ReadState[S any](state []byte) (S, error) {
	var value S
	coder := codec.Of(&value)
	err := coder.Read(state)
	return value, err
}

// Export makes plugin the one of this component: call it in an init function of package main.
// Settings that the configuration may leave out have the value that they have here.
func Export[S any](about millrace.About, plugin Plugin[S]) {
	export(about, func(config string, input millrace.Schema, key []string) (running, error) {
		return Start(plugin, config, input, key)
	})
}

// Clock is what a timer goes by.
type Clock uint8

const (
	// EventTime is that of the rows: nothing earlier will come.
	EventTime Clock = iota
	// ProcessingTime is the host's.
	ProcessingTime
)

func (c Clock) String() string {
	if c == EventTime {
		return "event"
	}
	return "processing"
}

// DueTimer is a timer that is due. It is gone unless it is set again.
type DueTimer struct {
	// Key is the number of the key within the batch.
	Key uint32
	// ID is that under which it was set.
	ID uint32
	// Clock is the one by which it was due.
	Clock Clock
	// At is the time for which it was set, in microseconds since 1970.
	At int64
}

// TimerChange says what becomes of a timer.
type TimerChange uint8

const (
	// SetEvent makes it due at the event time At.
	SetEvent TimerChange = iota
	// SetProcessing makes it due when Delay has passed.
	SetProcessing
	// Cancel makes it due no longer.
	Cancel
)

// TimerSetting is a timer that is set or cancelled.
type TimerSetting struct {
	// Key is the number of the key within the batch.
	Key uint32
	ID  uint32
	// Change says which of At and Delay means something.
	Change TimerChange
	// At is an event time in microseconds since 1970.
	At int64
	// Delay is in microseconds.
	Delay uint64
}
