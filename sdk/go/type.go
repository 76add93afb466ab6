package millrace

import (
	"fmt"
	"slices"
	"strings"
)

// Kind says what sort of values a column has. The order is that of the contract's data-type.
type Kind uint8

// The kinds of types.
const (
	KindBoolean Kind = iota
	KindInt8
	KindInt16
	KindInt32
	KindInt64
	KindUint8
	KindUint16
	KindUint32
	KindUint64
	KindFloat32
	KindFloat64
	KindDecimal128
	KindUtf8
	KindBinary
	KindFixedSizeBinary
	KindDate32
	KindTime64
	KindTimestamp
	KindDuration
	KindList
	KindStruct
	KindMap
)

// Type is the type of a column, or of a child of a nested column.
type Type struct {
	Kind Kind
	// Digits of a decimal in all, and behind the point.
	Precision uint8
	Scale     int8
	// Size is the length of each value of a FixedSizeBinary in bytes.
	Size uint32
	// Zone is the time zone in which a timestamp is shown; empty for a local time.
	Zone string
	// Children are the item of a list, the fields of a struct, or the entries of a map: a struct
	// of key and value.
	Children []Field
}

// Types that need nothing more.
var (
	Boolean = Type{Kind: KindBoolean}
	Int8    = Type{Kind: KindInt8}
	Int16   = Type{Kind: KindInt16}
	Int32   = Type{Kind: KindInt32}
	Int64   = Type{Kind: KindInt64}
	Uint8   = Type{Kind: KindUint8}
	Uint16  = Type{Kind: KindUint16}
	Uint32  = Type{Kind: KindUint32}
	Uint64  = Type{Kind: KindUint64}
	Float32 = Type{Kind: KindFloat32}
	Float64 = Type{Kind: KindFloat64}
	// Utf8 is text.
	Utf8   = Type{Kind: KindUtf8}
	Binary = Type{Kind: KindBinary}
	// Date32 counts days since 1970-01-01.
	Date32 = Type{Kind: KindDate32}
	// Time64 counts microseconds since midnight.
	Time64 = Type{Kind: KindTime64}
	// Duration counts microseconds.
	Duration = Type{Kind: KindDuration}
)

// Decimal128 is the type of decimals with so many digits, scale of them behind the point.
func Decimal128(precision uint8, scale int8) Type {
	return Type{Kind: KindDecimal128, Precision: precision, Scale: scale}
}

// FixedSizeBinary is the type of bytes of one length.
func FixedSizeBinary(size uint32) Type {
	return Type{Kind: KindFixedSizeBinary, Size: size}
}

// Timestamp is the type of microseconds since 1970-01-01T00:00:00 UTC that are shown in a time
// zone, such as "UTC"; with an empty name they are a local time.
func Timestamp(zone string) Type {
	return Type{Kind: KindTimestamp, Zone: zone}
}

// List is the type of lists of item.
func List(item Field) Type {
	return Type{Kind: KindList, Children: []Field{item}}
}

// Struct is the type of records with these fields.
func Struct(fields ...Field) Type {
	return Type{Kind: KindStruct, Children: fields}
}

// Map is the type of key-value pairs. Keys are never null.
func Map(key, value Type) Type {
	entries := Struct(
		Field{Name: "keys", Type: key}, Field{Name: "values", Type: value, Nullable: true},
	)
	return Type{Kind: KindMap, Children: []Field{{Name: "entries", Type: entries}}}
}

// Equal says whether two types are the same, names of children included.
func (t Type) Equal(other Type) bool {
	return t.Kind == other.Kind && t.Precision == other.Precision && t.Scale == other.Scale &&
		t.Size == other.Size && t.Zone == other.Zone &&
		slices.EqualFunc(t.Children, other.Children, Field.Equal)
}

var kindNames = [...]string{
	"Boolean", "Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64",
	"Float32", "Float64", "Decimal128", "Utf8", "Binary", "FixedSizeBinary", "Date32", "Time64",
	"Timestamp", "Duration", "List", "Struct", "Map",
}

// String is the type as Arrow writes it.
func (t Type) String() string {
	name := "unknown"
	if int(t.Kind) < len(kindNames) {
		name = kindNames[t.Kind]
	}
	switch t.Kind {
	case KindDecimal128:
		return fmt.Sprintf("%s(%d, %d)", name, t.Precision, t.Scale)
	case KindFixedSizeBinary:
		return fmt.Sprintf("%s(%d)", name, t.Size)
	case KindTime64, KindDuration:
		return name + "(µs)"
	case KindTimestamp:
		if t.Zone == "" {
			return name + "(µs)"
		}
		return fmt.Sprintf("%s(µs, %q)", name, t.Zone)
	case KindList, KindStruct, KindMap:
		children := make([]string, len(t.Children))
		for i, child := range t.Children {
			children[i] = child.Type.String()
			if t.Kind == KindStruct {
				children[i] = fmt.Sprintf("%q: %s", child.Name, child.Type)
			}
		}
		return name + "(" + strings.Join(children, ", ") + ")"
	}
	return name
}

// Field is a column of a schema, or a child of a nested column.
type Field struct {
	Name     string
	Type     Type
	Nullable bool
}

// Equal says whether two fields are the same.
func (f Field) Equal(other Field) bool {
	return f.Name == other.Name && f.Nullable == other.Nullable && f.Type.Equal(other.Type)
}

// Schema is the columns of a batch, in their order.
type Schema []Field

// Index is the place of the column with this name, or -1.
func (s Schema) Index(name string) int {
	return slices.IndexFunc(s, func(field Field) bool { return field.Name == name })
}

// Field is the column with this name, if there is one.
func (s Schema) Field(name string) (Field, bool) {
	if at := s.Index(name); at >= 0 {
		return s[at], true
	}
	return Field{}, false
}

// Names are the names of the columns.
func (s Schema) Names() []string {
	names := make([]string, len(s))
	for i, field := range s {
		names[i] = field.Name
	}
	return names
}
