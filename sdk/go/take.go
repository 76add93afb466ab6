package millrace

import "fmt"

// Take is the rows of a column with these numbers, in that order. A negative number gives a null.
// It is meant for tests and for small numbers of rows.
func Take(column AnyColumn, rows []int) AnyColumn {
	builder := NewAnyBuilder(column.Type())
	for _, row := range rows {
		var value any
		if row >= 0 {
			value = Value(column, row)
		}
		if err := builder.Append(value); err != nil {
			panic(fmt.Sprint("a value of a column does not fit into one of its type: ", err))
		}
	}
	return builder.Finish()
}
