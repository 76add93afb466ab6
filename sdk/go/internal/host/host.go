// Package host is what all worlds need to run a plugin, whether in a component or in a test.
package host

import (
	"fmt"

	"millrace"
)

// ReadSchema is the schema of the columns that a plugin reads.
func ReadSchema(input millrace.Schema, reads []string) (millrace.Schema, error) {
	schema := make(millrace.Schema, len(reads))
	for i, name := range reads {
		field, found := input.Field(name)
		if !found {
			return nil, fmt.Errorf("the plugin reads `%s`, which its input does not have", name)
		}
		schema[i] = field
	}
	return schema, nil
}

// Batch is a batch of columns that have crossed.
func Batch(schema millrace.Schema, flat *millrace.Flat, rows int) (*millrace.Batch, error) {
	columns, err := millrace.Unflatten(schema, flat, rows)
	if err != nil {
		return nil, err
	}
	return millrace.NewBatch(schema, columns, rows)
}

// States is a column of states that has crossed.
func States(flat *millrace.Flat, count int) (*millrace.BinaryColumn, error) {
	schema := millrace.Schema{{Name: "state", Type: millrace.Binary, Nullable: true}}
	batch, err := Batch(schema, flat, count)
	if err != nil {
		return nil, err
	}
	return batch.Binary("state")
}
