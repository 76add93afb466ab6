package millrace

import (
	"fmt"
	"math"
	"reflect"
)

// Pair is an entry of a map.
type Pair struct {
	Key   any
	Value any
}

// Value is the value of a row of a column, where speed matters less than ease: nil for null, a
// bool, a number of the column's own type, an Int128, string or []byte; a []any for a list, a
// map[string]any for a struct, a []Pair for a map. Bytes are not to be changed.
func Value(column AnyColumn, row int) any {
	if column.IsNull(row) {
		return nil
	}
	switch c := column.(type) {
	case *BoolColumn:
		return c.Value(row)
	case *TextColumn:
		return c.Value(row)
	case *BinaryColumn:
		return c.Value(row)
	case *FixedBinaryColumn:
		return c.Value(row)
	case *ListColumn:
		start, end := c.Range(row)
		return values(c.items, start, end)
	case *StructColumn:
		record := make(map[string]any, len(c.fields))
		for i, field := range c.fields {
			record[field.Name] = Value(c.columns[i], row)
		}
		return record
	case *MapColumn:
		start, end := c.Range(row)
		pairs := make([]Pair, end-start)
		for i := range pairs {
			pairs[i] = Pair{Value(c.Keys(), start+i), Value(c.Values(), start+i)}
		}
		return pairs
	}
	return column.(interface{ value(row int) any }).value(row)
}

func (c *Column[T]) value(row int) any { return c.Values[row] }

// Values are the values of all rows of a column, as Value gives them.
func Values(column AnyColumn) []any { return values(column, 0, column.Len()) }

func values(column AnyColumn, start, end int) []any {
	out := make([]any, end-start)
	for i := range out {
		out[i] = Value(column, start+i)
	}
	return out
}

// ColumnOf is a column of these values, where speed matters less than ease. They are as Value gives
// them; numbers may be of any type that holds the same value, and a struct may lack fields.
func ColumnOf(dataType Type, values ...any) (AnyColumn, error) {
	builder := NewAnyBuilder(dataType)
	for _, value := range values {
		if err := builder.Append(value); err != nil {
			return nil, err
		}
	}
	return builder.Finish(), nil
}

// AnyBuilder grows a column of any type, row by row.
type AnyBuilder struct {
	dataType Type
	grower   grower
}

// grower grows a column of one type.
type grower interface {
	AppendNull()
	// append adds a value that is not null; false if it is of the wrong type.
	append(value any) bool
	// forgetNulls makes every row one with a value: where a record is null, what is in its fields
	// has no meaning, but a field that may not be null must have something there.
	forgetNulls()
	finish() AnyColumn
}

// NewAnyBuilder is a builder for a column of this type.
func NewAnyBuilder(dataType Type) *AnyBuilder {
	return &AnyBuilder{dataType: dataType, grower: growerOf(dataType)}
}

// Append adds a value as Value gives it; nil is null.
func (b *AnyBuilder) Append(value any) error {
	if value == nil {
		b.grower.AppendNull()
		return nil
	}
	if !b.grower.append(value) {
		return fmt.Errorf("%v (%T) is no value of a column of %s", value, value, b.dataType)
	}
	return nil
}

// Finish is the column; the builder is then to be thrown away.
func (b *AnyBuilder) Finish() AnyColumn { return b.grower.finish() }

func growerOf(t Type) grower {
	switch t.Kind {
	case KindBoolean:
		return &boolGrower{}
	case KindInt8:
		return &numberGrower[int8]{dataType: t}
	case KindInt16:
		return &numberGrower[int16]{dataType: t}
	case KindInt32, KindDate32:
		return &numberGrower[int32]{dataType: t}
	case KindInt64, KindTime64, KindTimestamp, KindDuration:
		return &numberGrower[int64]{dataType: t}
	case KindUint8:
		return &numberGrower[uint8]{dataType: t}
	case KindUint16:
		return &numberGrower[uint16]{dataType: t}
	case KindUint32:
		return &numberGrower[uint32]{dataType: t}
	case KindUint64:
		return &numberGrower[uint64]{dataType: t}
	case KindFloat32:
		return &numberGrower[float32]{dataType: t}
	case KindFloat64:
		return &numberGrower[float64]{dataType: t}
	case KindDecimal128:
		return &numberGrower[Int128]{dataType: t}
	case KindUtf8:
		return &textGrower{}
	case KindBinary:
		return &binaryGrower{}
	case KindFixedSizeBinary:
		return &fixedGrower{size: int(t.Size)}
	case KindList:
		return &listGrower{dataType: t, items: growerOf(t.Children[0].Type)}
	case KindStruct:
		return newStructGrower(t)
	case KindMap:
		return &mapGrower{dataType: t, pairs: newStructGrower(t.Children[0].Type)}
	}
	panic("there are no columns of " + t.String())
}

type boolGrower struct{ BoolBuilder }

func (g *boolGrower) append(value any) bool {
	truth, ok := value.(bool)
	if ok {
		g.Append(truth)
	}
	return ok
}

func (g *boolGrower) finish() AnyColumn { return g.Finish() }

type numberGrower[T Fixed] struct {
	Builder[T]
	dataType Type
}

func (g *numberGrower[T]) append(value any) bool {
	if own, ok := value.(T); ok {
		g.Append(own)
		return true
	}
	number, ok := converted[T](value)
	if ok {
		g.Append(number)
	}
	return ok
}

func (g *numberGrower[T]) finish() AnyColumn { return g.Finish().As(g.dataType) }

// converted is a number of another type, if T holds the same value.
func converted[T Fixed](value any) (number T, ok bool) {
	from, into := reflect.ValueOf(value), reflect.ValueOf(&number).Elem()
	if decimal, isDecimal := any(&number).(*Int128); isDecimal {
		if from.CanInt() {
			*decimal = Int128Of(from.Int())
		}
		return number, from.CanInt()
	}
	if !from.CanInt() && !from.CanUint() && !from.CanFloat() {
		return number, false
	}
	into.Set(from.Convert(into.Type()))
	back := into.Convert(from.Type())
	negative := from.CanInt() && from.Int() < 0 || from.CanFloat() && from.Float() < 0
	if negative && into.CanUint() {
		return number, false
	}
	// What does not come back as it was did not fit; float32 rounds what a float64 says.
	_, rounds := any(number).(float32)
	same := back.Interface() == from.Interface() || rounds && from.CanFloat()
	return number, same || from.CanFloat() && math.IsNaN(from.Float()) && into.CanFloat()
}

type textGrower struct{ TextBuilder }

func (g *textGrower) append(value any) bool {
	text, ok := value.(string)
	if ok {
		g.Append(text)
	}
	return ok
}

func (g *textGrower) finish() AnyColumn { return g.Finish() }

type binaryGrower struct{ BinaryBuilder }

func (g *binaryGrower) append(value any) bool {
	bytes, ok := value.([]byte)
	if ok {
		g.Append(bytes)
	}
	return ok
}

func (g *binaryGrower) finish() AnyColumn { return g.Finish() }

type fixedGrower struct {
	size  int
	bytes []byte
	valid validityBuilder
	rows  int
}

func (g *fixedGrower) AppendNull() {
	g.valid.null(g.rows)
	g.rows++
	g.bytes = append(g.bytes, make([]byte, g.size)...)
}

func (g *fixedGrower) forgetNulls() { g.valid = validityBuilder{} }

func (g *fixedGrower) append(value any) bool {
	bytes, ok := value.([]byte)
	if !ok || len(bytes) != g.size {
		return false
	}
	g.rows++
	g.bytes = append(g.bytes, bytes...)
	return true
}

func (g *fixedGrower) finish() AnyColumn {
	validity := g.valid.finish(g.rows)
	return &FixedBinaryColumn{Validity: validity, size: g.size, rows: g.rows, bytes: g.bytes}
}

type listGrower struct {
	dataType Type
	items    grower
	lengths  []int
	total    int
	valid    validityBuilder
}

func (g *listGrower) AppendNull() {
	g.valid.null(len(g.lengths))
	g.lengths = append(g.lengths, 0)
}

func (g *listGrower) forgetNulls() { g.valid = validityBuilder{} }

func (g *listGrower) append(value any) bool {
	items, ok := value.([]any)
	if !ok || !appendAll(g.items, items) {
		return false
	}
	g.lengths = append(g.lengths, len(items))
	g.total += len(items)
	return true
}

func (g *listGrower) finish() AnyColumn {
	validity := g.valid.finish(len(g.lengths))
	offsets := offsetsOf(g.lengths, g.total)
	item := g.dataType.Children[0]
	return &ListColumn{Validity: validity, item: item, offsets: offsets, items: g.items.finish()}
}

type structGrower struct {
	dataType Type
	fields   []grower
	rows     int
	valid    validityBuilder
}

func newStructGrower(t Type) *structGrower {
	g := &structGrower{dataType: t}
	for _, field := range t.Children {
		g.fields = append(g.fields, growerOf(field.Type))
	}
	return g
}

func (g *structGrower) AppendNull() {
	g.valid.null(g.rows)
	g.rows++
	for _, field := range g.fields {
		field.AppendNull()
	}
}

func (g *structGrower) forgetNulls() { g.valid = validityBuilder{} }

func (g *structGrower) append(value any) bool {
	record, ok := value.(map[string]any)
	if !ok {
		return false
	}
	g.rows++
	for i, field := range g.fields {
		child := g.dataType.Children[i]
		value := record[child.Name]
		if value == nil && !child.Nullable || !appendAll(field, []any{value}) {
			return false
		}
	}
	return true
}

func (g *structGrower) finish() AnyColumn {
	column := &StructColumn{fields: g.dataType.Children, rows: g.rows}
	column.Validity = g.valid.finish(g.rows)
	for i, field := range g.fields {
		if !g.dataType.Children[i].Nullable {
			field.forgetNulls()
		}
		column.columns = append(column.columns, field.finish())
	}
	return column
}

type mapGrower struct {
	dataType Type
	pairs    *structGrower
	lengths  []int
	valid    validityBuilder
}

func (g *mapGrower) AppendNull() {
	g.valid.null(len(g.lengths))
	g.lengths = append(g.lengths, 0)
}

func (g *mapGrower) forgetNulls() { g.valid = validityBuilder{} }

func (g *mapGrower) append(value any) bool {
	pairs, ok := value.([]Pair)
	if !ok {
		return false
	}
	for _, pair := range pairs {
		g.pairs.rows++
		keys, values := g.pairs.fields[0], g.pairs.fields[1]
		if pair.Key == nil || !appendAll(keys, []any{pair.Key}) ||
			!appendAll(values, []any{pair.Value}) {
			return false
		}
	}
	g.lengths = append(g.lengths, len(pairs))
	return true
}

func (g *mapGrower) finish() AnyColumn {
	pairs, _ := g.pairs.finish().(*StructColumn)
	return &MapColumn{
		Validity: g.valid.finish(len(g.lengths)), entries: g.dataType.Children[0],
		offsets: offsetsOf(g.lengths, pairs.rows), pairs: pairs,
	}
}

func appendAll(g grower, values []any) bool {
	for _, value := range values {
		if value == nil {
			g.AppendNull()
		} else if !g.append(value) {
			return false
		}
	}
	return true
}
