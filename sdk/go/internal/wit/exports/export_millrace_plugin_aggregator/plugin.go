// Package export_millrace_plugin_aggregator is what the bindings call; package aggregate puts the
// plugin in its place.
package export_millrace_plugin_aggregator

import (
	"millrace/internal/wit/imports/millrace_plugin_aggregator"
	"millrace/internal/wit/imports/millrace_plugin_types"
	wit "millrace/internal/wit/types"
)

// Aggregator is the exported interface of the contract.
type Aggregator interface {
	About() millrace_plugin_types.About
	Start(
		config string, arguments []millrace_plugin_types.Field,
	) wit.Result[
		millrace_plugin_aggregator.AggregateDescription, []millrace_plugin_types.ConfigError,
	]
	Update(
		groups []uint32, rows millrace_plugin_types.Batch, states millrace_plugin_types.Columns,
	) wit.Result[millrace_plugin_types.Columns, string]
	Merge(
		states, others millrace_plugin_types.Columns,
	) wit.Result[millrace_plugin_types.Columns, string]
	Evaluate(states millrace_plugin_types.Columns) wit.Result[millrace_plugin_types.Columns, string]
}

// Plugin is the plugin of this component.
var Plugin Aggregator

func About() millrace_plugin_types.About { return Plugin.About() }

func Start(
	config string, arguments []millrace_plugin_types.Field,
) wit.Result[millrace_plugin_aggregator.AggregateDescription, []millrace_plugin_types.ConfigError] {
	return Plugin.Start(config, arguments)
}

func Update(
	groups []uint32, rows millrace_plugin_types.Batch, states millrace_plugin_types.Columns,
) wit.Result[millrace_plugin_types.Columns, string] {
	return Plugin.Update(groups, rows, states)
}

func Merge(
	states, others millrace_plugin_types.Columns,
) wit.Result[millrace_plugin_types.Columns, string] {
	return Plugin.Merge(states, others)
}

func Evaluate(
	states millrace_plugin_types.Columns,
) wit.Result[millrace_plugin_types.Columns, string] {
	return Plugin.Evaluate(states)
}
