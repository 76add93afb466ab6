//go:build wasip1

package scalar

import (
	"millrace"
	"millrace/internal/guest"
	"millrace/internal/wit/exports/export_millrace_plugin_scalar_function"
	"millrace/internal/wit/imports/millrace_plugin_scalar_function"
	"millrace/internal/wit/imports/millrace_plugin_types"
	_ "millrace/internal/wit/scalar"
	wit "millrace/internal/wit/types"
)

func export(about millrace.About, plugin Plugin) {
	export_millrace_plugin_scalar_function.Plugin = &component{about: about, plugin: plugin}
}

// component is a function as the contract sees it.
type component struct {
	about    millrace.About
	plugin   Plugin
	instance *Instance
}

func (c *component) About() millrace_plugin_types.About { return guest.About(c.about) }

func (c *component) Start(
	config string, arguments []millrace_plugin_types.Field,
) wit.Result[[]millrace_plugin_types.Field, []millrace_plugin_types.ConfigError] {
	err := guest.Protect(func() (err error) {
		c.instance, err = Start(c.plugin, config, guest.Schema(arguments))
		return err
	})
	if err != nil {
		failure := guest.ConfigErrors(err)
		return wit.Err[[]millrace_plugin_types.Field](failure)
	}
	result := guest.Fields([]millrace.Field{c.instance.Result})
	return wit.Ok[[]millrace_plugin_types.Field, []millrace_plugin_types.ConfigError](result)
}

func (c *component) Evaluate(
	arguments millrace_plugin_types.Batch,
) wit.Result[millrace_plugin_scalar_function.Evaluated, string] {
	var evaluated millrace_plugin_scalar_function.Evaluated
	err := guest.Protect(func() error {
		rows := int(arguments.Rows)
		values, errors, err := c.instance.Evaluate(guest.Flat(arguments.Columns), rows)
		if err != nil {
			return err
		}
		evaluated.Values = guest.Columns(values)
		evaluated.Errors = guest.RowErrors(errors)
		return nil
	})
	if err != nil {
		return wit.Err[millrace_plugin_scalar_function.Evaluated](err.Error())
	}
	return wit.Ok[millrace_plugin_scalar_function.Evaluated, string](evaluated)
}
