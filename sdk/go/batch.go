package millrace

import "fmt"

// Batch is rows as columns.
type Batch struct {
	schema  Schema
	columns []AnyColumn
	rows    int
}

// NewBatch is a batch of so many rows. There is one column for each field of the schema.
func NewBatch(schema Schema, columns []AnyColumn, rows int) (*Batch, error) {
	if len(schema) != len(columns) {
		return nil, fmt.Errorf("%d columns for a schema of %d", len(columns), len(schema))
	}
	for i, column := range columns {
		if column.Len() != rows {
			text := "column `%s` has %d values for %d rows"
			return nil, fmt.Errorf(text, schema[i].Name, column.Len(), rows)
		}
		if !column.Type().Equal(schema[i].Type) {
			text := "column `%s` is %s where %s belongs"
			return nil, fmt.Errorf(text, schema[i].Name, column.Type(), schema[i].Type)
		}
	}
	return &Batch{schema: schema, columns: columns, rows: rows}, nil
}

// Rows is the number of rows.
func (b *Batch) Rows() int { return b.rows }

// Schema are the names and types of the columns.
func (b *Batch) Schema() Schema { return b.schema }

// Columns are all columns, in the order of the schema.
func (b *Batch) Columns() []AnyColumn { return b.columns }

// Column is the column with this name, of whatever type.
func (b *Batch) Column(name string) (AnyColumn, error) {
	if at := b.schema.Index(name); at >= 0 {
		return b.columns[at], nil
	}
	return nil, fmt.Errorf("column `%s` is not among those that the plugin reads", name)
}

// Bool is a column of Boolean.
func (b *Batch) Bool(name string) (*BoolColumn, error) { return Typed[*BoolColumn](b, name) }

// Int32 is a column of Int32.
func (b *Batch) Int32(name string) (*Column[int32], error) {
	return ofKind[int32](b, name, KindInt32)
}

// Int64 is a column of Int64.
func (b *Batch) Int64(name string) (*Column[int64], error) {
	return ofKind[int64](b, name, KindInt64)
}

// Uint64 is a column of Uint64.
func (b *Batch) Uint64(name string) (*Column[uint64], error) {
	return Typed[*Column[uint64]](b, name)
}

// Float64 is a column of Float64.
func (b *Batch) Float64(name string) (*Column[float64], error) {
	return Typed[*Column[float64]](b, name)
}

// Text is a column of Utf8.
func (b *Batch) Text(name string) (*TextColumn, error) { return Typed[*TextColumn](b, name) }

// Binary is a column of Binary.
func (b *Batch) Binary(name string) (*BinaryColumn, error) { return Typed[*BinaryColumn](b, name) }

// Timestamp is a column of Timestamp, in microseconds since 1970-01-01.
func (b *Batch) Timestamp(name string) (*Column[int64], error) {
	return ofKind[int64](b, name, KindTimestamp)
}

// Typed is the column with this name if it is kept as C, such as *Column[uint32] or *ListColumn.
func Typed[C AnyColumn](b *Batch, name string) (C, error) {
	column, err := b.Column(name)
	if err != nil {
		return *new(C), err
	}
	if typed, ok := column.(C); ok {
		return typed, nil
	}
	return *new(C), unexpected(name, column)
}

func ofKind[T Fixed](b *Batch, name string, kind Kind) (*Column[T], error) {
	column, err := Typed[*Column[T]](b, name)
	if err == nil && column.dataType.Kind != kind {
		return nil, unexpected(name, column)
	}
	return column, err
}

func unexpected(name string, column AnyColumn) error {
	return fmt.Errorf("column `%s` has type %s, which is not expected", name, column.Type())
}
