package keyed

import (
	"errors"
	"fmt"

	"millrace"
	"millrace/internal/codec"
	"millrace/internal/host"
)

// Instance is a started plugin.
type Instance[S any] struct {
	description *millrace.Description
	plugin      Plugin[S]
	reads, keys millrace.Schema
}

// Input is what a host gives a plugin.
type Input struct {
	Rows    int
	Columns *millrace.Flat
	// Times are the event times of the rows; empty if they don't come in that order.
	Times []int64
	// Starts are the first rows of the keys.
	Starts []uint32
	// Keys has a value for each key.
	Keys *millrace.Flat
	// States is one column of type binary with a value for each key.
	States *millrace.Flat
	Timers []DueTimer
	Store  Store
}

// Result is what a plugin gives back.
type Result struct {
	Output *millrace.Output
	// Changed are the numbers of the keys with a new state, and States these states.
	Changed []uint32
	States  *millrace.BinaryColumn
	Timers  []TimerSetting
}

// Start starts a plugin as a host does, with a configuration in JSON.
func Start[S any](
	plugin Plugin[S], config string, input millrace.Schema, key []string,
) (*Instance[S], error) {
	coder := codec.Of(new(S))
	if err := coder.Check(); err != nil {
		return nil, err
	}
	if err := millrace.Configure(config, plugin); err != nil {
		return nil, err
	}
	description, err := plugin.Start(input, key)
	if err != nil {
		return nil, err
	}
	if description == nil {
		return nil, errors.New("Start returned neither a description nor an error")
	}
	i := &Instance[S]{description: description, plugin: plugin}
	if i.reads, err = host.ReadSchema(input, description.Reads); err != nil {
		return nil, err
	}
	if i.keys, err = host.ReadSchema(input, description.Keys); err != nil {
		return nil, err
	}
	return i, nil
}

// Description is what the plugin said of itself.
func (i *Instance[S]) Description() *millrace.Description { return i.description }

// Versions are the version of the states that the plugin writes, and older ones that it reads.
func (i *Instance[S]) Versions() (writes uint32, reads []uint32) {
	writes = 1
	if versioned, ok := i.plugin.(Versioned); ok {
		writes = versioned.StateVersion()
	}
	if migrator, ok := i.plugin.(Migrator[S]); ok {
		reads = migrator.ReadsVersions()
	}
	return writes, reads
}

// Process gives the plugin a batch.
func (i *Instance[S]) Process(input Input) (*Result, error) {
	rows, err := host.Batch(i.reads, input.Columns, input.Rows)
	if err != nil {
		return nil, err
	}
	keys, err := host.Batch(i.keys, input.Keys, len(input.Starts))
	if err != nil {
		return nil, err
	}
	states, err := host.States(input.States, len(input.Starts))
	if err != nil {
		return nil, err
	}
	batch := newBatch[S](events{
		rows: rows, keys: keys, times: input.Times, starts: input.Starts, due: input.Timers,
		store: input.Store,
	}, states)
	out := &millrace.Output{}
	if err := i.plugin.Process(batch, out); err != nil {
		return nil, err
	}
	if err := batch.finish(); err != nil {
		return nil, err
	}
	return &Result{
		Output: out, Changed: batch.changedKeys, States: batch.states.Finish(),
		Timers: batch.timers,
	}, nil
}

// Migrate brings states of an older version to the version of today.
func (i *Instance[S]) Migrate(
	version uint32, states *millrace.BinaryColumn,
) (*millrace.BinaryColumn, error) {
	migrator, ok := i.plugin.(Migrator[S])
	if !ok {
		return nil, fmt.Errorf("can't read states of version %d", version)
	}
	var migrated millrace.BinaryBuilder
	var state S
	coder := codec.Of(&state)
	for row := range states.Len() {
		old, has := states.Get(row)
		if !has {
			migrated.AppendNull()
			continue
		}
		var err error
		if state, err = migrator.Migrate(version, old); err != nil {
			return nil, err
		}
		migrated.AppendWith(func(bytes []byte) []byte {
			bytes, err = coder.Append(bytes)
			return bytes
		})
		if err != nil {
			return nil, err
		}
	}
	return migrated.Finish(), nil
}
