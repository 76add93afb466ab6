//go:build wasip1

package aggregate

import (
	"millrace"
	"millrace/internal/guest"
	"millrace/internal/host"
	_ "millrace/internal/wit/aggregate"
	"millrace/internal/wit/exports/export_millrace_plugin_aggregator"
	"millrace/internal/wit/imports/millrace_plugin_aggregator"
	"millrace/internal/wit/imports/millrace_plugin_types"
	wit "millrace/internal/wit/types"
)

// running is a started function, whatever its state is.
type running interface {
	Result() (result millrace.Field, stateVersion uint32)
	Update(
		groups []uint32, flat *millrace.Flat, rows int, states *millrace.BinaryColumn,
	) (*millrace.BinaryColumn, error)
	Merge(states, others *millrace.BinaryColumn) (*millrace.BinaryColumn, error)
	Evaluate(states *millrace.BinaryColumn) (millrace.AnyColumn, error)
}

type starter func(config string, arguments millrace.Schema) (running, error)

func export(about millrace.About, start starter) {
	export_millrace_plugin_aggregator.Plugin = &component{about: about, start: start}
}

// component is a function as the contract sees it.
type component struct {
	about    millrace.About
	start    starter
	instance running
}

func (c *component) About() millrace_plugin_types.About { return guest.About(c.about) }

func (c *component) Start(
	config string, arguments []millrace_plugin_types.Field,
) wit.Result[millrace_plugin_aggregator.AggregateDescription, []millrace_plugin_types.ConfigError] {
	err := guest.Protect(func() (err error) {
		c.instance, err = c.start(config, guest.Schema(arguments))
		return err
	})
	if err != nil {
		failure := guest.ConfigErrors(err)
		return wit.Err[millrace_plugin_aggregator.AggregateDescription](failure)
	}
	result, version := c.instance.Result()
	description := millrace_plugin_aggregator.AggregateDescription{
		Result: guest.Fields([]millrace.Field{result}), StateVersion: version,
	}
	return wit.Ok[
		millrace_plugin_aggregator.AggregateDescription, []millrace_plugin_types.ConfigError,
	](description)
}

func (c *component) Update(
	groups []uint32, rows millrace_plugin_types.Batch, states millrace_plugin_types.Columns,
) wit.Result[millrace_plugin_types.Columns, string] {
	return columns(func() (millrace.AnyColumn, error) {
		old, err := statesOf(states)
		if err != nil {
			return nil, err
		}
		return c.instance.Update(groups, guest.Flat(rows.Columns), int(rows.Rows), old)
	})
}

func (c *component) Merge(
	states, others millrace_plugin_types.Columns,
) wit.Result[millrace_plugin_types.Columns, string] {
	return columns(func() (millrace.AnyColumn, error) {
		left, err := statesOf(states)
		if err != nil {
			return nil, err
		}
		right, err := statesOf(others)
		if err != nil {
			return nil, err
		}
		return c.instance.Merge(left, right)
	})
}

func (c *component) Evaluate(
	states millrace_plugin_types.Columns,
) wit.Result[millrace_plugin_types.Columns, string] {
	return columns(func() (millrace.AnyColumn, error) {
		known, err := statesOf(states)
		if err != nil {
			return nil, err
		}
		return c.instance.Evaluate(known)
	})
}

func statesOf(columns millrace_plugin_types.Columns) (*millrace.BinaryColumn, error) {
	flat := guest.Flat(columns)
	return host.States(flat, flat.Nodes[0].Length)
}

// columns are what call returns, on their way to the host.
func columns(
	call func() (millrace.AnyColumn, error),
) wit.Result[millrace_plugin_types.Columns, string] {
	var result millrace_plugin_types.Columns
	err := guest.Protect(func() error {
		column, err := call()
		if err == nil {
			result = guest.Columns(column)
		}
		return err
	})
	if err != nil {
		return wit.Err[millrace_plugin_types.Columns](err.Error())
	}
	return wit.Ok[millrace_plugin_types.Columns, string](result)
}
