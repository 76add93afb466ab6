package millracetest

import (
	"fmt"
	"reflect"

	"millrace"
	"millrace/aggregate"
	"millrace/scalar"
)

// Scalar starts a scalar function with a configuration (JSON) and evaluates it for rows of these
// arguments, of which the names do not matter. An error is what it says against its configuration
// or arguments, or the failure of the call.
func Scalar(
	plugin scalar.Plugin, config string, arguments ...millrace.AnyColumn,
) (values []any, refused []millrace.RowError, err error) {
	schema, rows := argumentsOf(arguments)
	instance, err := scalar.Start(plugin, config, schema)
	if err != nil {
		return nil, nil, err
	}
	column, refused, err := instance.Evaluate(millrace.Flatten(arguments...), rows)
	if err != nil {
		return nil, nil, err
	}
	return millrace.Values(column), refused, nil
}

// Aggregate starts an aggregate function with a configuration (JSON) and gives the result over all
// rows of these arguments. It is evaluated in two ways, which must agree: over all rows at once,
// and with each row in a state of its own, merged from the last to the first. An error is what the
// function says against its configuration or arguments, the failure of a call, or that the ways do
// not agree.
func Aggregate[S any](
	plugin aggregate.Plugin[S], config string, arguments ...millrace.AnyColumn,
) (any, error) {
	schema, rows := argumentsOf(arguments)
	instance, err := aggregate.Start(plugin, config, schema)
	if err != nil {
		return nil, err
	}
	flat := millrace.Flatten(arguments...)
	whole, err := instance.Update(make([]uint32, rows), flat, rows, noStates(1))
	if err != nil {
		return nil, err
	}
	groups := make([]uint32, rows)
	for row := range groups {
		groups[row] = uint32(row)
	}
	apart, err := instance.Update(groups, flat, rows, noStates(rows))
	if err != nil {
		return nil, err
	}
	merged := noStates(1)
	for row := rows - 1; row >= 0; row-- {
		one := millrace.NewBinaryColumn([][]byte{apart.Value(row)})
		if merged, err = instance.Merge(merged, one); err != nil {
			return nil, err
		}
	}
	var results [2]any
	for i, states := range []*millrace.BinaryColumn{whole, merged} {
		column, err := instance.Evaluate(states)
		if err != nil {
			return nil, err
		}
		results[i] = millrace.Value(column, 0)
	}
	if !reflect.DeepEqual(results[0], results[1]) {
		text := "all rows at once give %v, merged one by one %v"
		return nil, fmt.Errorf(text, results[0], results[1])
	}
	return results[0], nil
}

// noStates are so many states of no rows.
func noStates(count int) *millrace.BinaryColumn {
	var none millrace.BinaryBuilder
	for range count {
		none.AppendNull()
	}
	return none.Finish()
}

func argumentsOf(columns []millrace.AnyColumn) (schema millrace.Schema, rows int) {
	for i, column := range columns {
		name := fmt.Sprintf("a%d", i)
		schema = append(schema, millrace.Field{Name: name, Type: column.Type(), Nullable: true})
		rows = column.Len()
	}
	return schema, rows
}
