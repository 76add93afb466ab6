package millrace

import (
	"fmt"
	"unsafe"
)

// AnyColumn is a column of any type: a *Column[T], *BoolColumn, *TextColumn, *BinaryColumn,
// *FixedBinaryColumn, *ListColumn, *StructColumn or *MapColumn.
type AnyColumn interface {
	// Type is what the values are.
	Type() Type
	// Len is the number of rows.
	Len() int
	NullCount() int
	IsNull(row int) bool
	IsValid(row int) bool
	// KeepValid keeps those of rows that have a value, in place.
	KeepValid(rows []uint32) []uint32
	// flatten adds the column to what crosses to the host.
	flatten(flat *Flat)
}

// Fixed are the values of one width: numbers, and what is kept as a number.
type Fixed interface {
	int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | float32 | float64 | Int128
}

// Column is a column of numbers, or of what is kept as one: decimals (Int128), dates (int32),
// timestamps, times and durations (int64).
type Column[T Fixed] struct {
	Validity
	// Values has one value for each row; that of a row without a value means nothing. What came
	// from the host is not to be changed.
	Values   []T
	dataType Type
}

// NewColumn is a column of these values; it keeps the slice. None of them is null. Its type is that
// of the numbers; As makes another of it, and a column of Int128 needs one.
func NewColumn[T Fixed](values []T) *Column[T] {
	return &Column[T]{Values: values, dataType: typeOf[T]()}
}

// WithValidity is the column with other nulls, such as those of the column that it was computed
// from.
func (c *Column[T]) WithValidity(validity Validity) *Column[T] {
	return &Column[T]{Validity: validity, Values: c.Values, dataType: c.dataType}
}

// As is the column with another type, which is kept in the same way: int64 as Timestamp("UTC"), for
// one. It panics if it is not kept so.
func (c *Column[T]) As(dataType Type) *Column[T] {
	if width := fixedWidth(dataType.Kind); width != int(unsafe.Sizeof(*new(T))) {
		panic(fmt.Sprintf("values of type %T can't be a column of %s", *new(T), dataType))
	}
	return &Column[T]{Validity: c.Validity, Values: c.Values, dataType: dataType}
}

// Type is what the values are.
func (c *Column[T]) Type() Type { return c.dataType }

// Len is the number of rows.
func (c *Column[T]) Len() int { return len(c.Values) }

// Get is the value of a row, and whether it has one.
func (c *Column[T]) Get(row int) (T, bool) {
	if c.IsNull(row) {
		return *new(T), false
	}
	return c.Values[row], true
}

// typeOf is the type of numbers of T.
func typeOf[T Fixed]() Type {
	switch any(*new(T)).(type) {
	case int8:
		return Int8
	case int16:
		return Int16
	case int32:
		return Int32
	case int64:
		return Int64
	case uint8:
		return Uint8
	case uint16:
		return Uint16
	case uint32:
		return Uint32
	case uint64:
		return Uint64
	case float32:
		return Float32
	case float64:
		return Float64
	}
	return Decimal128(38, 0)
}

// fixedWidth is the length of each value in bytes, or 0 where it is not kept as a number.
func fixedWidth(kind Kind) int {
	switch kind {
	case KindInt8, KindUint8:
		return 1
	case KindInt16, KindUint16:
		return 2
	case KindInt32, KindUint32, KindFloat32, KindDate32:
		return 4
	case KindInt64, KindUint64, KindFloat64, KindTime64, KindTimestamp, KindDuration:
		return 8
	case KindDecimal128:
		return 16
	}
	return 0
}

// BoolColumn is a column of truth values.
type BoolColumn struct {
	Validity
	// One bit per row, the least significant one first.
	bits []byte
	rows int
}

// NewBoolColumn is a column of these values. None of them is null.
func NewBoolColumn(values []bool) *BoolColumn {
	return &BoolColumn{bits: packed(values), rows: len(values)}
}

// WithValidity is the column with other nulls.
func (c *BoolColumn) WithValidity(validity Validity) *BoolColumn {
	return &BoolColumn{Validity: validity, bits: c.bits, rows: c.rows}
}

// Type is Boolean.
func (c *BoolColumn) Type() Type { return Boolean }

// Len is the number of rows.
func (c *BoolColumn) Len() int { return c.rows }

// Value is the value of a row, which must have one.
func (c *BoolColumn) Value(row int) bool { return bit(c.bits, row) }

// Get is the value of a row, and whether it has one.
func (c *BoolColumn) Get(row int) (value, ok bool) {
	if c.IsNull(row) {
		return false, false
	}
	return c.Value(row), true
}

// FixedBinaryColumn is a column of bytes of one length.
type FixedBinaryColumn struct {
	Validity
	size  int
	rows  int
	bytes []byte
}

// NewFixedBinaryColumn is a column of values of size bytes each, one after the other.
func NewFixedBinaryColumn(size uint32, bytes []byte) *FixedBinaryColumn {
	c := &FixedBinaryColumn{size: int(size), bytes: bytes}
	if size > 0 {
		c.rows = len(bytes) / int(size)
	}
	return c
}

// WithValidity is the column with other nulls.
func (c *FixedBinaryColumn) WithValidity(validity Validity) *FixedBinaryColumn {
	return &FixedBinaryColumn{Validity: validity, size: c.size, rows: c.rows, bytes: c.bytes}
}

// Type is FixedSizeBinary.
func (c *FixedBinaryColumn) Type() Type { return FixedSizeBinary(uint32(c.size)) }

// Len is the number of rows.
func (c *FixedBinaryColumn) Len() int { return c.rows }

// Value is the value of a row, not to be changed.
func (c *FixedBinaryColumn) Value(row int) []byte {
	return c.bytes[row*c.size : (row+1)*c.size]
}
