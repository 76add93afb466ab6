// Package millracetest runs a plugin natively, as the host would, in a plain go test: a debugger, a
// profiler and prints work.
//
//	input := millracetest.Batch(
//		millracetest.Column("amount", millrace.Float64, 10.0, 100.5, nil),
//	)
//	outcome, err := millracetest.Transform(&FlagLarge{}, `{"limit": 100}`, input)
//	if err != nil {
//		t.Fatal(err)
//	}
//	large := millracetest.Values(outcome.Port("main"), "large") // []any{false, true, nil}
package millracetest

import (
	"fmt"
	"slices"

	"millrace"
	"millrace/transform"
)

// Named is a column with its name.
type Named struct {
	Name   string
	Column millrace.AnyColumn
}

// Column is a column of these values, as millrace.ColumnOf takes them. It panics if one is of the
// wrong type.
func Column(name string, dataType millrace.Type, values ...any) Named {
	column, err := millrace.ColumnOf(dataType, values...)
	if err != nil {
		panic(fmt.Sprintf("column `%s`: %s", name, err))
	}
	return Named{name, column}
}

// Batch is a batch of columns, all nullable. It panics if they differ in length.
func Batch(columns ...Named) *millrace.Batch {
	var schema millrace.Schema
	var values []millrace.AnyColumn
	rows := 0
	for _, named := range columns {
		field := millrace.Field{Name: named.Name, Type: named.Column.Type(), Nullable: true}
		schema, values = append(schema, field), append(values, named.Column)
		rows = named.Column.Len()
	}
	return must(millrace.NewBatch(schema, values, rows))
}

// Values are the values of a column, as millrace.Value gives them. It panics if there is no such
// column.
func Values(batch *millrace.Batch, column string) []any {
	return millrace.Values(must(batch.Column(column)))
}

// Outcome is what came out, with the carried-over columns in place.
type Outcome struct {
	// Description is what the plugin said of itself.
	Description *millrace.Description
	// Errors are the refused rows.
	Errors []millrace.RowError
	ports  map[string]*millrace.Batch
}

// Port is the rows of a port. It panics if the plugin has no such port.
func (o *Outcome) Port(name string) *millrace.Batch {
	if rows, ok := o.ports[name]; ok {
		return rows
	}
	panic(fmt.Sprintf("the plugin has no port `%s`", name))
}

// Transform starts a plugin with a configuration (JSON) and gives it one batch. An error is what
// the plugin says against the configuration, or the failure of the call.
func Transform(plugin transform.Plugin, config string, input *millrace.Batch) (*Outcome, error) {
	instance, err := transform.Start(plugin, config, input.Schema())
	if err != nil {
		return nil, err
	}
	read, err := columnsAt(input, instance.Description.Reads)
	if err != nil {
		return nil, err
	}
	out, err := instance.Process(millrace.Flatten(read...), input.Rows())
	if err != nil {
		return nil, err
	}
	outcome := &Outcome{
		Description: instance.Description, Errors: out.Errors(),
		ports: map[string]*millrace.Batch{},
	}
	for _, port := range instance.Description.Ports {
		outcome.ports[port.Name] = must(assemble(input, port, nil))
	}
	for _, emitted := range out.Emitted() {
		port, err := portOf(instance.Description, emitted.Port)
		if err != nil {
			return nil, err
		}
		if outcome.ports[port.Name], err = assemble(input, port, &emitted); err != nil {
			return nil, err
		}
	}
	return outcome, nil
}

func portOf(description *millrace.Description, name string) (millrace.Port, error) {
	is := func(port millrace.Port) bool { return port.Name == name }
	if at := slices.IndexFunc(description.Ports, is); at >= 0 {
		return description.Ports[at], nil
	}
	return millrace.Port{}, fmt.Errorf("port `%s` is not in the description", name)
}

func columnsAt(input *millrace.Batch, names []string) ([]millrace.AnyColumn, error) {
	columns := make([]millrace.AnyColumn, len(names))
	for i, name := range names {
		column, err := input.Column(name)
		if err != nil {
			return nil, fmt.Errorf("the input has no column `%s`", name)
		}
		columns[i] = column
	}
	return columns, nil
}

// assemble makes the rows of a port: what was emitted, beside what is carried over from sources.
// Without anything emitted there are none.
func assemble(
	sources *millrace.Batch, port millrace.Port, emitted *millrace.Emitted,
) (*millrace.Batch, error) {
	var rows []int
	if emitted != nil && emitted.All {
		for row := range sources.Rows() {
			rows = append(rows, row)
		}
	} else if emitted != nil {
		for _, row := range emitted.Rows {
			rows = append(rows, int(row))
		}
	}
	var schema millrace.Schema
	var columns []millrace.AnyColumn
	add := func(at int) error {
		column, err := millrace.ColumnOf(port.Adds[at].Type)
		if err == nil && emitted != nil {
			if at >= len(emitted.Columns) {
				text := "port `%s`: column `%s` is missing"
				return fmt.Errorf(text, port.Name, port.Adds[at].Name)
			}
			column = emitted.Columns[at]
		}
		schema, columns = append(schema, port.Adds[at]), append(columns, column)
		return err
	}
	for i, field := range sources.Schema() {
		if slices.Contains(port.Drops, field.Name) {
			continue
		}
		if at := millrace.Schema(port.Adds).Index(field.Name); at >= 0 {
			if err := add(at); err != nil {
				return nil, err
			}
			continue
		}
		schema = append(schema, field)
		columns = append(columns, millrace.Take(sources.Columns()[i], rows))
	}
	for at, field := range port.Adds {
		kept := sources.Schema().Index(field.Name) >= 0 && !slices.Contains(port.Drops, field.Name)
		if kept {
			continue
		}
		if err := add(at); err != nil {
			return nil, err
		}
	}
	return millrace.NewBatch(schema, columns, len(rows))
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
