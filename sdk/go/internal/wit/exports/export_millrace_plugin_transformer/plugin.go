// Package export_millrace_plugin_transformer is what the bindings call; package transform puts the
// plugin in its place.
package export_millrace_plugin_transformer

import (
	"millrace/internal/wit/imports/millrace_plugin_types"
	wit "millrace/internal/wit/types"
)

// Transformer is the exported interface of the contract.
type Transformer interface {
	About() millrace_plugin_types.About
	Start(
		config string, input []millrace_plugin_types.Field,
	) wit.Result[millrace_plugin_types.Description, []millrace_plugin_types.ConfigError]
	Process(input millrace_plugin_types.Batch) wit.Result[millrace_plugin_types.Output, string]
}

// Plugin is the plugin of this component.
var Plugin Transformer

func About() millrace_plugin_types.About { return Plugin.About() }

func Start(
	config string, input []millrace_plugin_types.Field,
) wit.Result[millrace_plugin_types.Description, []millrace_plugin_types.ConfigError] {
	return Plugin.Start(config, input)
}

func Process(
	input millrace_plugin_types.Batch,
) wit.Result[millrace_plugin_types.Output, string] {
	return Plugin.Process(input)
}
