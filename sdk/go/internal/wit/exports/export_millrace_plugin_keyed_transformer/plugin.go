// Package export_millrace_plugin_keyed_transformer is what the bindings call; package keyed puts
// the plugin in its place.
package export_millrace_plugin_keyed_transformer

import (
	keyed "millrace/internal/wit/imports/millrace_plugin_keyed_transformer"
	"millrace/internal/wit/imports/millrace_plugin_types"
	wit "millrace/internal/wit/types"
)

// KeyedTransformer is the exported interface of the contract.
type KeyedTransformer interface {
	About() millrace_plugin_types.About
	Start(
		config string, input []millrace_plugin_types.Field, key []string,
	) wit.Result[keyed.KeyedDescription, []millrace_plugin_types.ConfigError]
	Process(input keyed.KeyedBatch) wit.Result[keyed.KeyedOutput, string]
	Migrate(
		version uint32, states millrace_plugin_types.Columns,
	) wit.Result[millrace_plugin_types.Columns, string]
}

// Plugin is the plugin of this component.
var Plugin KeyedTransformer

func About() millrace_plugin_types.About { return Plugin.About() }

func Start(
	config string, input []millrace_plugin_types.Field, key []string,
) wit.Result[keyed.KeyedDescription, []millrace_plugin_types.ConfigError] {
	return Plugin.Start(config, input, key)
}

func Process(input keyed.KeyedBatch) wit.Result[keyed.KeyedOutput, string] {
	return Plugin.Process(input)
}

func Migrate(
	version uint32, states millrace_plugin_types.Columns,
) wit.Result[millrace_plugin_types.Columns, string] {
	return Plugin.Migrate(version, states)
}
