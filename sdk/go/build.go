package millrace

import "slices"

// Builder grows a column of numbers, row by row. Where none is null, NewColumn needs no builder.
type Builder[T Fixed] struct {
	values []T
	valid  validityBuilder
}

// Reserve makes room for so many more rows.
func (b *Builder[T]) Reserve(rows int) { b.values = slices.Grow(b.values, rows) }

// Len is the number of rows so far.
func (b *Builder[T]) Len() int { return len(b.values) }

// Append adds a value.
func (b *Builder[T]) Append(value T) { b.values = append(b.values, value) }

// AppendNull adds a row without a value.
func (b *Builder[T]) AppendNull() {
	b.valid.null(len(b.values))
	b.values = append(b.values, *new(T))
}

func (b *Builder[T]) forgetNulls() { b.valid = validityBuilder{} }

// Truncate forgets all rows from rows on.
func (b *Builder[T]) Truncate(rows int) {
	if len(b.values) > rows {
		b.values = b.values[:rows]
		b.valid.truncate(rows)
	}
}

// Finish is the column; the builder is then to be thrown away.
func (b *Builder[T]) Finish() *Column[T] {
	return NewColumn(b.values).WithValidity(b.valid.finish(len(b.values)))
}

// BoolBuilder grows a column of truth values, row by row.
type BoolBuilder struct {
	values []bool
	valid  validityBuilder
}

// Reserve makes room for so many more rows.
func (b *BoolBuilder) Reserve(rows int) { b.values = slices.Grow(b.values, rows) }

// Len is the number of rows so far.
func (b *BoolBuilder) Len() int { return len(b.values) }

// Append adds a value.
func (b *BoolBuilder) Append(value bool) { b.values = append(b.values, value) }

// AppendNull adds a row without a value.
func (b *BoolBuilder) AppendNull() {
	b.valid.null(len(b.values))
	b.values = append(b.values, false)
}

func (b *BoolBuilder) forgetNulls() { b.valid = validityBuilder{} }

// Truncate forgets all rows from rows on.
func (b *BoolBuilder) Truncate(rows int) {
	if len(b.values) > rows {
		b.values = b.values[:rows]
		b.valid.truncate(rows)
	}
}

// Finish is the column; the builder is then to be thrown away.
func (b *BoolBuilder) Finish() *BoolColumn {
	return NewBoolColumn(b.values).WithValidity(b.valid.finish(len(b.values)))
}

// validityBuilder remembers which rows are null, and costs nothing for those that are not.
type validityBuilder struct {
	// One bit per row up to the last null, 1 where it is null.
	bits  []byte
	nulls int
}

func (b *validityBuilder) null(row int) {
	for row>>3 >= len(b.bits) {
		b.bits = append(b.bits, 0)
	}
	b.bits[row>>3] |= 1 << (row & 7)
	b.nulls++
}

func (b *validityBuilder) truncate(rows int) {
	for row := rows; row < len(b.bits)*8; row++ {
		if bit(b.bits, row) {
			b.bits[row>>3] &^= 1 << (row & 7)
			b.nulls--
		}
	}
	b.bits = b.bits[:min(len(b.bits), (rows+7)/8)]
}

func (b *validityBuilder) finish(rows int) Validity {
	if b.nulls == 0 {
		return Validity{}
	}
	valid := make([]byte, (rows+7)/8)
	for i := range valid {
		valid[i] = 0xff
		if i < len(b.bits) {
			valid[i] = ^b.bits[i]
		}
	}
	return Validity{bits: valid, rows: rows, nulls: b.nulls}
}
