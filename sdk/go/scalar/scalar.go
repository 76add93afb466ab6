// Package scalar is the world of functions for SQL that turn the values of a row into one.
package scalar

import (
	"fmt"

	"millrace"
	"millrace/internal/host"
)

// Plugin is a scalar function for SQL. Its exported fields are the function's configuration, with
// tags as for encoding/json; see millrace.Configure.
type Plugin interface {
	// Start gets ready for arguments of these types, named a0, a1 and so on, and says what type the
	// result has; the name of the field means nothing. An error is shown to the author of the
	// pipeline before anything runs.
	Start(arguments millrace.Schema) (millrace.Field, error)

	// Evaluate returns one value for each row. The result may depend on the arguments alone. What
	// is returned for a row that is refused does not matter. An error, or a panic, fails the call:
	// the host tries again with fewer rows.
	Evaluate(arguments *millrace.Batch, errors *Errors) (millrace.AnyColumn, error)
}

// Errors are rows whose arguments have no result.
type Errors struct{ out millrace.Output }

// Error refuses a row.
func (e *Errors) Error(row uint32, code, message string) { e.out.Error(row, code, message) }

// Refuse refuses a row because of err: with its code and message if it is a *millrace.RowError, and
// otherwise with the code `failed` and its text.
func (e *Errors) Refuse(row uint32, err error) { e.out.Refuse(row, err) }

// All are the refused rows.
func (e *Errors) All() []millrace.RowError { return e.out.Errors() }

// Export makes plugin the one of this component: call it in an init function of package main.
// Settings that the configuration may leave out have the value that they have here.
func Export(about millrace.About, plugin Plugin) {
	export(about, plugin)
}

// Instance is a started function.
type Instance struct {
	// Result is what it returns.
	Result    millrace.Field
	plugin    Plugin
	arguments millrace.Schema
}

// Start starts a function as a host does, with a configuration in JSON.
func Start(plugin Plugin, config string, arguments millrace.Schema) (*Instance, error) {
	if err := millrace.Configure(config, plugin); err != nil {
		return nil, err
	}
	result, err := plugin.Start(arguments)
	return &Instance{Result: result, plugin: plugin, arguments: arguments}, err
}

// Evaluate gives the function some rows.
func (i *Instance) Evaluate(
	flat *millrace.Flat, rows int,
) (millrace.AnyColumn, []millrace.RowError, error) {
	arguments, err := host.Batch(i.arguments, flat, rows)
	if err != nil {
		return nil, nil, err
	}
	var errors Errors
	values, err := i.plugin.Evaluate(arguments, &errors)
	if err == nil && (values.Len() != rows || !values.Type().Equal(i.Result.Type)) {
		err = fmt.Errorf("returned %d values of %s where %d of %s belong",
			values.Len(), values.Type(), rows, i.Result.Type)
	}
	return values, errors.All(), err
}
