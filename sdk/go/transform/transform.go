// Package transform is the world of stateless plugins: rows in, rows out.
package transform

import (
	"errors"

	"millrace"
	"millrace/internal/host"
)

// Plugin is a stateless transformation. Its exported fields are the step's configuration, with tags
// as for encoding/json; see millrace.Configure.
//
// The host calls Start once per instance and then Process once per batch. Instances come and go,
// several run side by side, and a batch may be tried again in parts, so output must depend on the
// configuration and the arguments of the two calls alone; memory is at best a cache.
type Plugin interface {
	// Start gets ready for rows of the schema input and says what the plugin will do. It is also
	// called when a pipeline is merely checked. An error is shown to the author of the pipeline
	// before anything runs: a millrace.ConfigErrors names the places in the configuration.
	Start(input millrace.Schema) (*millrace.Description, error)

	// Process transforms a batch of 1 to 65,536 rows that has the columns of Description.Reads, in
	// that order. An error, or a panic, fails the whole call: the host tries again with half of
	// the rows, down to those that fail even alone. Refuse single rows with out.Error instead.
	Process(batch *millrace.Batch, out *millrace.Output) error
}

// Export makes plugin the one of this component: call it in an init function of package main.
// Settings that the configuration may leave out have the value that they have here.
func Export(about millrace.About, plugin Plugin) {
	export(about, plugin)
}

// Instance is a started plugin.
type Instance struct {
	Description *millrace.Description
	plugin      Plugin
	reads       millrace.Schema
}

// Start starts a plugin as a host does, with a configuration in JSON.
func Start(plugin Plugin, config string, input millrace.Schema) (*Instance, error) {
	if err := millrace.Configure(config, plugin); err != nil {
		return nil, err
	}
	description, err := plugin.Start(input)
	if err != nil {
		return nil, err
	}
	if description == nil {
		return nil, errors.New("Start returned neither a description nor an error")
	}
	reads, err := host.ReadSchema(input, description.Reads)
	return &Instance{Description: description, plugin: plugin, reads: reads}, err
}

// Process gives the plugin a batch of the columns that it reads.
func (i *Instance) Process(flat *millrace.Flat, rows int) (*millrace.Output, error) {
	batch, err := host.Batch(i.reads, flat, rows)
	if err != nil {
		return nil, err
	}
	out := &millrace.Output{}
	return out, i.plugin.Process(batch, out)
}
