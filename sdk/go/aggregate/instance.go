package aggregate

import (
	"fmt"

	"millrace"
	"millrace/internal/codec"
	"millrace/internal/host"
)

// Instance is a started function.
type Instance[S any] struct {
	result    millrace.Field
	plugin    Plugin[S]
	arguments millrace.Schema
}

// Start starts a function as a host does, with a configuration in JSON.
func Start[S any](
	plugin Plugin[S], config string, arguments millrace.Schema,
) (*Instance[S], error) {
	coder := codec.Of(new(S))
	if err := coder.Check(); err != nil {
		return nil, err
	}
	if err := millrace.Configure(config, plugin); err != nil {
		return nil, err
	}
	result, err := plugin.Start(arguments)
	return &Instance[S]{result: result, plugin: plugin, arguments: arguments}, err
}

// Result is what the function returns, and the version of its states.
func (i *Instance[S]) Result() (result millrace.Field, stateVersion uint32) {
	if versioned, ok := i.plugin.(Versioned); ok {
		return i.result, versioned.StateVersion()
	}
	return i.result, 1
}

// Update adds rows to states, of which those that are null are of no rows.
func (i *Instance[S]) Update(
	groups []uint32, flat *millrace.Flat, rows int, states *millrace.BinaryColumn,
) (*millrace.BinaryColumn, error) {
	batch, err := host.Batch(i.arguments, flat, rows)
	if err != nil {
		return nil, err
	}
	known, err := read[S](states)
	if err != nil {
		return nil, err
	}
	if err := i.plugin.Update(known, groups, batch); err != nil {
		return nil, err
	}
	return write(known, nil)
}

// Merge adds to each state the one at the same place in others.
func (i *Instance[S]) Merge(states, others *millrace.BinaryColumn) (*millrace.BinaryColumn, error) {
	known, err := read[S](states)
	if err != nil {
		return nil, err
	}
	added, err := read[S](others)
	if err != nil {
		return nil, err
	}
	has := make([]bool, len(known))
	for at := range known {
		has[at] = states.IsValid(at) || others.IsValid(at)
		switch {
		case others.IsNull(at):
		case states.IsNull(at):
			known[at] = added[at]
		default:
			if err := i.plugin.Merge(&known[at], &added[at]); err != nil {
				return nil, err
			}
		}
	}
	return write(known, has)
}

// Evaluate is the result for each state.
func (i *Instance[S]) Evaluate(states *millrace.BinaryColumn) (millrace.AnyColumn, error) {
	known, err := read[S](states)
	if err != nil {
		return nil, err
	}
	values, err := i.plugin.Evaluate(known)
	if err == nil && (values.Len() != len(known) || !values.Type().Equal(i.result.Type)) {
		err = fmt.Errorf("returned %d values of %s where %d of %s belong",
			values.Len(), values.Type(), len(known), i.result.Type)
	}
	return values, err
}

func read[S any](states *millrace.BinaryColumn) ([]S, error) {
	known := make([]S, states.Len())
	for at := range known {
		bytes, has := states.Get(at)
		if !has {
			continue
		}
		coder := codec.Of(&known[at])
		if err := coder.Read(bytes); err != nil {
			return nil, err
		}
	}
	return known, nil
}

// write makes a column of states; without has all of them are there.
func write[S any](states []S, has []bool) (*millrace.BinaryColumn, error) {
	var column millrace.BinaryBuilder
	var err error
	for at := range states {
		if has != nil && !has[at] {
			column.AppendNull()
			continue
		}
		coder := codec.Of(&states[at])
		column.AppendWith(func(bytes []byte) []byte {
			bytes, err = coder.Append(bytes)
			return bytes
		})
		if err != nil {
			return nil, err
		}
	}
	return column.Finish(), nil
}
