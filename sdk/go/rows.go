package millrace

import (
	"fmt"
	"reflect"
)

// ColumnsIn are the names of the columns of a struct: what Description.Reads needs.
//
// Rows as structs are for where speed matters less than ease. Each field with a tag such as
// `column:"user_id"` is a column. Fields are bool, int8 to int64, uint8 to uint64, float32,
// float64, Int128, string or []byte, or a pointer to one of these where a value may be null.
func ColumnsIn[T any]() []string { return Schema(FieldsIn[T]()).Names() }

// FieldsIn are the columns of a struct: what Port.Adds needs. It panics if a field has a type that
// no column has.
func FieldsIn[T any]() []Field {
	var fields []Field
	for _, bound := range fieldsOf(reflect.TypeFor[T]()) {
		fields = append(fields, bound.Field)
	}
	return fields
}

// EachRow calls handle with each row of a batch as a struct. An error of handle refuses the row, as
// Output.Refuse does; so does a null in a field that is no pointer, with the code `missing`.
// EachRow itself fails if a column is missing or has another type.
func EachRow[T any](batch *Batch, out *Output, handle func(row uint32, value *T) error) error {
	fields := fieldsOf(reflect.TypeFor[T]())
	columns := make([]AnyColumn, len(fields))
	for i, field := range fields {
		column, err := batch.Column(field.Name)
		if err != nil {
			return err
		}
		if column.Type().Kind != field.Type.Kind && !keptAs(column.Type().Kind, field.Type.Kind) {
			return unexpected(field.Name, column)
		}
		columns[i] = column
	}
	for row := range batch.Rows() {
		value := new(T)
		err := readRow(reflect.ValueOf(value).Elem(), fields, columns, row)
		if err == nil {
			err = handle(uint32(row), value)
		}
		if err != nil {
			out.Refuse(uint32(row), err)
		}
	}
	return nil
}

// ColumnsFrom are structs as columns: what Output.All and Output.Some need. It panics if a field
// has a type that no column has.
func ColumnsFrom[T any](rows []T) []AnyColumn {
	var columns []AnyColumn
	for _, field := range fieldsOf(reflect.TypeFor[T]()) {
		builder := NewAnyBuilder(field.Type)
		for i := range rows {
			value := reflect.ValueOf(&rows[i]).Elem().FieldByIndex(field.index)
			if field.Nullable {
				if value.IsNil() {
					builder.grower.AppendNull()
					continue
				}
				value = value.Elem()
			}
			if !builder.grower.append(value.Interface()) {
				panic(fmt.Sprintf("column `%s`: %v is no %s", field.Name, value, field.Type))
			}
		}
		columns = append(columns, builder.Finish())
	}
	return columns
}

// boundField is a field of a struct that is a column.
type boundField struct {
	Field
	index []int
}

func readRow(into reflect.Value, fields []boundField, columns []AnyColumn, row int) error {
	for i, field := range fields {
		place := into.FieldByIndex(field.index)
		if columns[i].IsNull(row) {
			if field.Nullable {
				continue
			}
			message := "is null and must have a value"
			return &RowError{Code: "missing", Message: message, Column: field.Name}
		}
		if field.Nullable {
			place.Set(reflect.New(place.Type().Elem()))
			place = place.Elem()
		}
		switch c := columns[i].(type) {
		case *Column[int64]:
			place.SetInt(c.Values[row])
		case *Column[float64]:
			place.SetFloat(c.Values[row])
		case *TextColumn:
			place.SetString(c.Value(row))
		default:
			place.Set(reflect.ValueOf(Value(columns[i], row)))
		}
	}
	return nil
}

func fieldsOf(row reflect.Type) []boundField {
	var fields []boundField
	for _, field := range reflect.VisibleFields(row) {
		name := field.Tag.Get("column")
		if name == "" {
			continue
		}
		of, nullable := field.Type, field.Type.Kind() == reflect.Pointer
		if nullable {
			of = of.Elem()
		}
		dataType, known := typeOfField(of)
		if !known {
			panic(fmt.Sprintf("column `%s`: there are no columns of %s", name, field.Type))
		}
		bound := boundField{index: field.Index}
		bound.Field = Field{Name: name, Type: dataType, Nullable: nullable}
		fields = append(fields, bound)
	}
	return fields
}

var fieldTypes = map[reflect.Type]Type{
	reflect.TypeFor[bool]():    Boolean,
	reflect.TypeFor[int8]():    Int8,
	reflect.TypeFor[int16]():   Int16,
	reflect.TypeFor[int32]():   Int32,
	reflect.TypeFor[int64]():   Int64,
	reflect.TypeFor[uint8]():   Uint8,
	reflect.TypeFor[uint16]():  Uint16,
	reflect.TypeFor[uint32]():  Uint32,
	reflect.TypeFor[uint64]():  Uint64,
	reflect.TypeFor[float32](): Float32,
	reflect.TypeFor[float64](): Float64,
	reflect.TypeFor[Int128]():  Decimal128(38, 0),
	reflect.TypeFor[string]():  Utf8,
	reflect.TypeFor[[]byte]():  Binary,
}

func typeOfField(of reflect.Type) (Type, bool) {
	dataType, known := fieldTypes[of]
	return dataType, known
}

// keptAs says whether values of a column are kept as those of a field's kind are: int64 reads a
// timestamp, too.
func keptAs(column, field Kind) bool {
	width := fixedWidth(column)
	switch field {
	case KindInt64:
		return width == 8 && column >= KindDate32
	case KindInt32:
		return column == KindDate32
	case KindDecimal128:
		return width == 16
	}
	return false
}
