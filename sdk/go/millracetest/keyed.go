package millracetest

import (
	"cmp"
	"fmt"
	"slices"

	"millrace"
	"millrace/keyed"
)

// Keyed is a keyed plugin with the states and timers of its keys.
//
// Rows are handled as they are given, in the order of event time within each batch; timers are due
// when rows of their key, or Watermark, have reached them.
type Keyed[S any] struct {
	// Errors are the refused rows of all batches.
	Errors []millrace.RowError

	instance *keyed.Instance[S]
	input    millrace.Schema
	key      []string
	time     string
	keys     []*knownKey
	now      uint64
	memory   memory
	ports    map[string][]*millrace.Batch
}

// knownKey is a key with what is kept for it.
type knownKey struct {
	values []any
	state  []byte
	has    bool
	timers map[uint32]keyed.DueTimer
}

// StartKeyed starts a plugin with a configuration (JSON) for rows of the schema input with the
// columns key as key, and the column of event time; without event time it is empty. An error is
// what the plugin says against the configuration.
func StartKeyed[S any](
	plugin keyed.Plugin[S], config string, input millrace.Schema, key []string, time string,
) (*Keyed[S], error) {
	instance, err := keyed.Start(plugin, config, input, key)
	return &Keyed[S]{
		instance: instance, input: input, key: key, time: time,
		memory: memory{maps: map[place]map[string][]byte{}, lists: map[place]*list{}},
		ports:  map[string][]*millrace.Batch{},
	}, err
}

// Description is what the plugin said of itself.
func (k *Keyed[S]) Description() *millrace.Description { return k.instance.Description() }

// Rows gives the plugin some rows. An error is the failure of the call.
func (k *Keyed[S]) Rows(input *millrace.Batch) error {
	times, err := k.times(input)
	if err != nil {
		return err
	}
	keys := make([]int, input.Rows())
	order := make([]int, input.Rows())
	for row := range order {
		order[row] = row
		if keys[row], err = k.keyOf(input, row); err != nil {
			return err
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		if c := cmp.Compare(keys[a], keys[b]); c != 0 || times == nil {
			return c
		}
		return cmp.Compare(times[a], times[b])
	})
	call := call{}
	for at, row := range order {
		if len(call.known) == 0 || call.known[len(call.known)-1] != keys[row] {
			call.starts = append(call.starts, uint32(at))
			call.known = append(call.known, keys[row])
		}
		if times != nil {
			call.times = append(call.times, times[row])
		}
	}
	columns := make([]millrace.AnyColumn, len(input.Columns()))
	for i, column := range input.Columns() {
		columns[i] = millrace.Take(column, order)
	}
	if call.rows, err = millrace.NewBatch(input.Schema(), columns, len(order)); err != nil {
		return err
	}
	for at, key := range call.known {
		end := len(order)
		if at+1 < len(call.starts) {
			end = int(call.starts[at+1])
		}
		if times != nil {
			due := k.takeDue(key, uint32(at), keyed.EventTime, call.times[end-1])
			call.due = append(call.due, due...)
		}
	}
	return k.call(call)
}

// Watermark says that event time has come to time: timers up to it are due. An error is the failure
// of the call.
func (k *Keyed[S]) Watermark(time int64) error { return k.fire(keyed.EventTime, time) }

// Pass moves the host's clock on by so many microseconds. An error is the failure of the call.
func (k *Keyed[S]) Pass(microseconds uint64) error {
	k.now += microseconds
	return k.fire(keyed.ProcessingTime, int64(k.now))
}

// Port is all rows of a port so far. It panics if the plugin has no such port.
func (k *Keyed[S]) Port(name string) *millrace.Batch {
	port := must(portOf(k.Description(), name))
	empty := must(assemble(must(emptyOf(k.input)), port, nil))
	parts := k.ports[name]
	columns := make([]millrace.AnyColumn, len(empty.Schema()))
	rows := 0
	for i, field := range empty.Schema() {
		builder := millrace.NewAnyBuilder(field.Type)
		rows = 0
		for _, part := range parts {
			for _, value := range millrace.Values(part.Columns()[i]) {
				if err := builder.Append(value); err != nil {
					panic(err)
				}
				rows++
			}
		}
		columns[i] = builder.Finish()
	}
	return must(millrace.NewBatch(empty.Schema(), columns, rows))
}

// States is how many keys have a state.
func (k *Keyed[S]) States() int {
	count := 0
	for _, known := range k.keys {
		if known.has {
			count++
		}
	}
	return count
}

// Timers is how many timers are set.
func (k *Keyed[S]) Timers() int {
	count := 0
	for _, known := range k.keys {
		count += len(known.timers)
	}
	return count
}

// call is what the plugin gets at once.
type call struct {
	rows   *millrace.Batch
	times  []int64
	starts []uint32
	// known are the numbers of the keys among all there are.
	known []int
	due   []keyed.DueTimer
}

// fire calls the plugin with all timers that are due, and again while that sets further ones.
func (k *Keyed[S]) fire(clock keyed.Clock, until int64) error {
	for {
		call := call{}
		for key := range k.keys {
			if due := k.takeDue(key, uint32(len(call.known)), clock, until); len(due) > 0 {
				call.known = append(call.known, key)
				call.starts = append(call.starts, 0)
				call.due = append(call.due, due...)
			}
		}
		if len(call.due) == 0 {
			return nil
		}
		var err error
		if call.rows, err = emptyOf(k.input); err != nil {
			return err
		}
		if err := k.call(call); err != nil {
			return err
		}
	}
}

func (k *Keyed[S]) call(call call) error {
	reads, err := columnsAt(call.rows, k.Description().Reads)
	if err != nil {
		return err
	}
	ofKeys := k.keyRows(call.known)
	keys, err := columnsAt(ofKeys, k.Description().Keys)
	if err != nil {
		return err
	}
	var states millrace.BinaryBuilder
	for _, key := range call.known {
		if known := k.keys[key]; known.has {
			states.Append(known.state)
		} else {
			states.AppendNull()
		}
	}
	result, err := k.instance.Process(keyed.Input{
		Rows: call.rows.Rows(), Columns: millrace.Flatten(reads...), Times: call.times,
		Starts: call.starts, Keys: millrace.Flatten(keys...),
		States: millrace.Flatten(states.Finish()), Timers: call.due,
		Store: store{&k.memory, call.known},
	})
	if err != nil {
		return err
	}
	for at, key := range result.Changed {
		known := k.keys[call.known[key]]
		state, has := result.States.Get(at)
		known.state, known.has = slices.Clone(state), has
	}
	for _, timer := range result.Timers {
		timers := k.keys[call.known[timer.Key]].timers
		due := keyed.DueTimer{ID: timer.ID, Clock: keyed.EventTime, At: timer.At}
		if timer.Change == keyed.SetProcessing {
			due.Clock, due.At = keyed.ProcessingTime, int64(k.now+timer.Delay)
		}
		timers[timer.ID] = due
		if timer.Change == keyed.Cancel {
			delete(timers, timer.ID)
		}
	}
	k.Errors = append(k.Errors, result.Output.Errors()...)
	return k.emit(call.rows, ofKeys, result.Output)
}

func (k *Keyed[S]) emit(rows, ofKeys *millrace.Batch, out *millrace.Output) error {
	sources, err := stacked(rows, ofKeys)
	if err != nil {
		return err
	}
	for _, emitted := range out.Emitted() {
		port, err := portOf(k.Description(), emitted.Port)
		if err != nil {
			return err
		}
		from := sources
		if emitted.All {
			from = rows
		}
		part, err := assemble(from, port, &emitted)
		if err != nil {
			return err
		}
		k.ports[port.Name] = append(k.ports[port.Name], part)
	}
	return nil
}

func (k *Keyed[S]) takeDue(key int, number uint32, clock keyed.Clock, until int64) []keyed.DueTimer {
	var due []keyed.DueTimer
	for id, timer := range k.keys[key].timers {
		if timer.Clock == clock && timer.At <= until {
			timer.Key = number
			due = append(due, timer)
			delete(k.keys[key].timers, id)
		}
	}
	slices.SortFunc(due, func(a, b keyed.DueTimer) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.ID, b.ID))
	})
	return due
}

// keyOf is the number of the key of a row.
func (k *Keyed[S]) keyOf(input *millrace.Batch, row int) (int, error) {
	columns, err := columnsAt(input, k.key)
	if err != nil {
		return 0, err
	}
	values := make([]any, len(columns))
	for i, column := range columns {
		values[i] = millrace.Value(column, row)
	}
	same := func(known *knownKey) bool { return fmt.Sprint(known.values) == fmt.Sprint(values) }
	if at := slices.IndexFunc(k.keys, same); at >= 0 {
		return at, nil
	}
	k.keys = append(k.keys, &knownKey{values: values, timers: map[uint32]keyed.DueTimer{}})
	return len(k.keys) - 1, nil
}

func (k *Keyed[S]) times(input *millrace.Batch) ([]int64, error) {
	if k.time == "" {
		return nil, nil
	}
	column, err := input.Timestamp(k.time)
	if err != nil {
		return nil, fmt.Errorf("event time must be a timestamp: %w", err)
	}
	return column.Values, nil
}

// keyRows is a row for each key: all columns of the input, null but for those of the key.
func (k *Keyed[S]) keyRows(known []int) *millrace.Batch {
	columns := make([]millrace.AnyColumn, len(k.input))
	for i, field := range k.input {
		values := make([]any, len(known))
		if part := slices.Index(k.key, field.Name); part >= 0 {
			for at, key := range known {
				values[at] = k.keys[key].values[part]
			}
		}
		columns[i] = must(millrace.ColumnOf(field.Type, values...))
	}
	return must(millrace.NewBatch(nullable(k.input), columns, len(known)))
}

// stacked is the rows, and the keys behind them.
func stacked(rows, keys *millrace.Batch) (*millrace.Batch, error) {
	columns := make([]millrace.AnyColumn, len(rows.Columns()))
	for i, column := range rows.Columns() {
		values := append(millrace.Values(column), millrace.Values(keys.Columns()[i])...)
		both, err := millrace.ColumnOf(column.Type(), values...)
		if err != nil {
			return nil, err
		}
		columns[i] = both
	}
	return millrace.NewBatch(keys.Schema(), columns, rows.Rows()+keys.Rows())
}

// nullable is the schema of rows that may belong to a key alone.
func nullable(schema millrace.Schema) millrace.Schema {
	all := slices.Clone(schema)
	for i := range all {
		all[i].Nullable = true
	}
	return all
}

func emptyOf(schema millrace.Schema) (*millrace.Batch, error) {
	columns := make([]millrace.AnyColumn, len(schema))
	for i, field := range schema {
		column, err := millrace.ColumnOf(field.Type)
		if err != nil {
			return nil, err
		}
		columns[i] = column
	}
	return millrace.NewBatch(schema, columns, 0)
}
