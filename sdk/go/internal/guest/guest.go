//go:build wasip1

// Package guest is the component's side of the boundary: from the contract's types to those of the
// SDK and back, for all worlds.
package guest

import (
	"fmt"
	"runtime"
	"strings"

	"millrace"
	"millrace/internal/wit/imports/millrace_plugin_types"
	wit "millrace/internal/wit/types"
)

// About is who the plugin is, as the contract says it.
func About(about millrace.About) millrace_plugin_types.About {
	return millrace_plugin_types.About{
		Name: about.Name, Version: about.Version, Summary: about.Summary,
	}
}

// Columns are columns to the host.
func Columns(columns ...millrace.AnyColumn) millrace_plugin_types.Columns {
	flat := millrace.Flatten(columns...)
	nodes := make([]millrace_plugin_types.Node, len(flat.Nodes))
	for i, node := range flat.Nodes {
		nodes[i].Length = uint32(node.Length)
		nodes[i].NullCount = uint32(node.NullCount)
	}
	return millrace_plugin_types.Columns{Nodes: nodes, Buffers: flat.Buffers}
}

// Flat are columns from the host.
func Flat(columns millrace_plugin_types.Columns) *millrace.Flat {
	nodes := make([]millrace.Node, len(columns.Nodes))
	for i, node := range columns.Nodes {
		nodes[i] = millrace.Node{Length: int(node.Length), NullCount: int(node.NullCount)}
	}
	return &millrace.Flat{Nodes: nodes, Buffers: columns.Buffers}
}

// Ports are the ports of a description.
func Ports(ports []millrace.Port) []millrace_plugin_types.Port {
	out := make([]millrace_plugin_types.Port, len(ports))
	for i, port := range ports {
		out[i].Name = port.Name
		out[i].Adds = Fields(port.Adds)
		out[i].Drops = port.Drops
	}
	return out
}

// Outputs are what was emitted, each for the port of its name.
func Outputs(
	ports []millrace.Port, out *millrace.Output,
) ([]millrace_plugin_types.PortOutput, error) {
	outputs := make([]millrace_plugin_types.PortOutput, len(out.Emitted()))
	for i, emitted := range out.Emitted() {
		at := 0
		for at < len(ports) && ports[at].Name != emitted.Port {
			at++
		}
		if at == len(ports) {
			return nil, fmt.Errorf("port `%s` is not in the description", emitted.Port)
		}
		outputs[i].Port = uint32(at)
		outputs[i].Rows = millrace_plugin_types.MakeSelectionAll()
		if !emitted.All {
			outputs[i].Rows = millrace_plugin_types.MakeSelectionRows(emitted.Rows)
		}
		outputs[i].Columns = Columns(emitted.Columns...)
	}
	return outputs, nil
}

// RowErrors are refused rows.
func RowErrors(errors []millrace.RowError) []millrace_plugin_types.RowError {
	out := make([]millrace_plugin_types.RowError, len(errors))
	for i, e := range errors {
		column := wit.None[string]()
		if e.Column != "" {
			column = wit.Some(e.Column)
		}
		out[i] = millrace_plugin_types.RowError{
			Row: e.Row, Code: e.Code, Message: e.Message, Column: column,
		}
	}
	return out
}

// ConfigErrors are what a plugin says against its configuration.
func ConfigErrors(err error) []millrace_plugin_types.ConfigError {
	errors := millrace.ConfigErrorsOf(err)
	out := make([]millrace_plugin_types.ConfigError, len(errors))
	for i, e := range errors {
		out[i] = millrace_plugin_types.ConfigError{Path: e.Path, Message: e.Message}
	}
	return out
}

// Protect makes an error of a panic: a trap would cost the host the instance.
func Protect(call func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v%s", cause, place())
		}
	}()
	return call()
}

// place is where the panic began that is being recovered from: the first line of the stack that is
// neither Go's nor the SDK's.
func place() string {
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(3, callers)])
	for {
		frame, more := frames.Next()
		if strings.HasPrefix(frame.Function, "main.") {
			return fmt.Sprintf(" at %s:%d", frame.File, frame.Line)
		}
		if !more {
			return ""
		}
	}
}
