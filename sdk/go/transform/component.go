//go:build wasip1

package transform

import (
	"millrace"
	"millrace/internal/guest"
	"millrace/internal/wit/exports/export_millrace_plugin_transformer"
	"millrace/internal/wit/imports/millrace_plugin_types"
	_ "millrace/internal/wit/transform"
	wit "millrace/internal/wit/types"
)

func export(about millrace.About, plugin Plugin) {
	export_millrace_plugin_transformer.Plugin = &component{about: about, plugin: plugin}
}

// component is a plugin as the contract sees it.
type component struct {
	about    millrace.About
	plugin   Plugin
	instance *Instance
}

func (c *component) About() millrace_plugin_types.About { return guest.About(c.about) }

func (c *component) Start(
	config string, input []millrace_plugin_types.Field,
) wit.Result[millrace_plugin_types.Description, []millrace_plugin_types.ConfigError] {
	err := guest.Protect(func() (err error) {
		c.instance, err = Start(c.plugin, config, guest.Schema(input))
		return err
	})
	if err != nil {
		failure := guest.ConfigErrors(err)
		return wit.Err[millrace_plugin_types.Description](failure)
	}
	description := millrace_plugin_types.Description{
		Reads: c.instance.Description.Reads, Ports: guest.Ports(c.instance.Description.Ports),
	}
	return wit.Ok[millrace_plugin_types.Description, []millrace_plugin_types.ConfigError](description)
}

func (c *component) Process(
	input millrace_plugin_types.Batch,
) wit.Result[millrace_plugin_types.Output, string] {
	var output millrace_plugin_types.Output
	err := guest.Protect(func() error {
		out, err := c.instance.Process(guest.Flat(input.Columns), int(input.Rows))
		if err != nil {
			return err
		}
		output.Errors = guest.RowErrors(out.Errors())
		output.Ports, err = guest.Outputs(c.instance.Description.Ports, out)
		return err
	})
	if err != nil {
		return wit.Err[millrace_plugin_types.Output](err.Error())
	}
	return wit.Ok[millrace_plugin_types.Output, string](output)
}
