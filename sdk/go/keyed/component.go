//go:build wasip1

package keyed

import (
	"millrace"
	"millrace/internal/guest"
	"millrace/internal/host"
	"millrace/internal/wit/exports/export_millrace_plugin_keyed_transformer"
	keyed_transformer "millrace/internal/wit/imports/millrace_plugin_keyed_transformer"
	"millrace/internal/wit/imports/millrace_plugin_state"
	"millrace/internal/wit/imports/millrace_plugin_types"
	_ "millrace/internal/wit/keyed"
	wit "millrace/internal/wit/types"
)

// running is a started plugin, whatever its state is.
type running interface {
	Description() *millrace.Description
	Versions() (writes uint32, reads []uint32)
	Process(input Input) (*Result, error)
	Migrate(version uint32, states *millrace.BinaryColumn) (*millrace.BinaryColumn, error)
}

type starter func(config string, input millrace.Schema, key []string) (running, error)

func export(about millrace.About, start starter) {
	export_millrace_plugin_keyed_transformer.Plugin = &component{about: about, start: start}
}

// component is a plugin as the contract sees it.
type component struct {
	about    millrace.About
	start    starter
	instance running
}

func (c *component) About() millrace_plugin_types.About { return guest.About(c.about) }

func (c *component) Start(
	config string, input []millrace_plugin_types.Field, key []string,
) wit.Result[keyed_transformer.KeyedDescription, []millrace_plugin_types.ConfigError] {
	err := guest.Protect(func() (err error) {
		c.instance, err = c.start(config, guest.Schema(input), key)
		return err
	})
	if err != nil {
		failure := guest.ConfigErrors(err)
		return wit.Err[keyed_transformer.KeyedDescription](failure)
	}
	said := c.instance.Description()
	description := keyed_transformer.KeyedDescription{
		Reads: said.Reads, Keys: said.Keys, Ports: guest.Ports(said.Ports),
		StateTtl: wit.None[uint64](),
	}
	description.StateVersion, description.ReadsVersions = c.instance.Versions()
	if said.StateTTL > 0 {
		description.StateTtl = wit.Some(said.StateTTL)
	}
	return wit.Ok[keyed_transformer.KeyedDescription, []millrace_plugin_types.ConfigError](description)
}

func (c *component) Process(
	input keyed_transformer.KeyedBatch,
) wit.Result[keyed_transformer.KeyedOutput, string] {
	var output keyed_transformer.KeyedOutput
	err := guest.Protect(func() error {
		result, err := c.instance.Process(Input{
			Rows: int(input.Rows), Columns: guest.Flat(input.Columns),
			Times: input.Times, Starts: input.Starts,
			Keys: guest.Flat(input.Keys), States: guest.Flat(input.States),
			Timers: dueTimers(input.Timers), Store: hostStore{},
		})
		if err != nil {
			return err
		}
		output.Ports, err = guest.Outputs(c.instance.Description().Ports, result.Output)
		output.Errors = guest.RowErrors(result.Output.Errors())
		output.Changed = result.Changed
		output.States = guest.Columns(result.States)
		output.Timers = timerSettings(result.Timers)
		return err
	})
	if err != nil {
		return wit.Err[keyed_transformer.KeyedOutput](err.Error())
	}
	return wit.Ok[keyed_transformer.KeyedOutput, string](output)
}

func (c *component) Migrate(
	version uint32, states millrace_plugin_types.Columns,
) wit.Result[millrace_plugin_types.Columns, string] {
	var migrated millrace_plugin_types.Columns
	err := guest.Protect(func() error {
		flat := guest.Flat(states)
		column, err := host.States(flat, flat.Nodes[0].Length)
		if err != nil {
			return err
		}
		if column, err = c.instance.Migrate(version, column); err != nil {
			return err
		}
		migrated = guest.Columns(column)
		return nil
	})
	if err != nil {
		return wit.Err[millrace_plugin_types.Columns](err.Error())
	}
	return wit.Ok[millrace_plugin_types.Columns, string](migrated)
}

func dueTimers(timers []keyed_transformer.FiredTimer) []DueTimer {
	out := make([]DueTimer, len(timers))
	for i, timer := range timers {
		out[i] = DueTimer{Key: timer.Key, ID: timer.Id, At: timer.At}
		if timer.Clock == keyed_transformer.Clock_ProcessingTime {
			out[i].Clock = ProcessingTime
		}
	}
	return out
}

func timerSettings(timers []TimerSetting) []keyed_transformer.Timer {
	out := make([]keyed_transformer.Timer, len(timers))
	for i, timer := range timers {
		change := keyed_transformer.MakeTimerChangeCancel()
		switch timer.Change {
		case SetEvent:
			change = keyed_transformer.MakeTimerChangeEventTime(timer.At)
		case SetProcessing:
			change = keyed_transformer.MakeTimerChangeProcessingTime(timer.Delay)
		}
		out[i] = keyed_transformer.Timer{Key: timer.Key, Id: timer.ID, Change: change}
	}
	return out
}

// hostStore keeps maps and lists at the host.
type hostStore struct{}

func (hostStore) MapGet(key uint32, name string, entry []byte) ([]byte, bool) {
	value := millrace_plugin_state.MapGet(key, name, entry)
	return value.SomeOr(nil), value.IsSome()
}

func (hostStore) MapPut(key uint32, name string, entry, value []byte) {
	millrace_plugin_state.MapPut(key, name, entry, value)
}

func (hostStore) MapRemove(key uint32, name string, entry []byte) {
	millrace_plugin_state.MapRemove(key, name, entry)
}

func (hostStore) MapScan(key uint32, name string, after []byte, limit uint32) []Entry {
	beyond := wit.None[[]byte]()
	if after != nil {
		beyond = wit.Some(after)
	}
	found := millrace_plugin_state.MapScan(key, name, beyond, limit)
	entries := make([]Entry, len(found))
	for i, entry := range found {
		entries[i] = Entry{Key: entry.F0, Value: entry.F1}
	}
	return entries
}

func (hostStore) ListAppend(key uint32, name string, value []byte) {
	millrace_plugin_state.ListAppend(key, name, value)
}

func (hostStore) ListRange(key uint32, name string) (first, end uint64) {
	return millrace_plugin_state.ListRange(key, name)
}

func (hostStore) ListRead(key uint32, name string, from uint64, limit uint32) [][]byte {
	return millrace_plugin_state.ListRead(key, name, from, limit)
}

func (hostStore) ListRemove(key uint32, name string, before uint64) {
	millrace_plugin_state.ListRemove(key, name, before)
}
