// Package export_millrace_plugin_scalar_function is what the bindings call; package scalar puts the
// plugin in its place.
package export_millrace_plugin_scalar_function

import (
	"millrace/internal/wit/imports/millrace_plugin_scalar_function"
	"millrace/internal/wit/imports/millrace_plugin_types"
	wit "millrace/internal/wit/types"
)

// ScalarFunction is the exported interface of the contract.
type ScalarFunction interface {
	About() millrace_plugin_types.About
	Start(
		config string, arguments []millrace_plugin_types.Field,
	) wit.Result[[]millrace_plugin_types.Field, []millrace_plugin_types.ConfigError]
	Evaluate(
		arguments millrace_plugin_types.Batch,
	) wit.Result[millrace_plugin_scalar_function.Evaluated, string]
}

// Plugin is the plugin of this component.
var Plugin ScalarFunction

func About() millrace_plugin_types.About { return Plugin.About() }

func Start(
	config string, arguments []millrace_plugin_types.Field,
) wit.Result[[]millrace_plugin_types.Field, []millrace_plugin_types.ConfigError] {
	return Plugin.Start(config, arguments)
}

func Evaluate(
	arguments millrace_plugin_types.Batch,
) wit.Result[millrace_plugin_scalar_function.Evaluated, string] {
	return Plugin.Evaluate(arguments)
}
