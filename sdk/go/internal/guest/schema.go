//go:build wasip1

package guest

import (
	"millrace"
	"millrace/internal/wit/imports/millrace_plugin_types"
	wit "millrace/internal/wit/types"
)

// Schema is a schema from the host.
func Schema(flat []millrace_plugin_types.Field) millrace.Schema {
	schema := millrace.Schema{}
	for len(flat) > 0 {
		var field millrace.Field
		field, flat = nested(flat)
		schema = append(schema, field)
	}
	return schema
}

// nested is the first field with its children, and what follows.
func nested(flat []millrace_plugin_types.Field) (millrace.Field, []millrace_plugin_types.Field) {
	first, flat := flat[0], flat[1:]
	field := millrace.Field{
		Name: first.Name, Type: millrace.Type{Kind: millrace.Kind(first.DataType.Tag())},
		Nullable: first.Nullable,
	}
	switch field.Type.Kind {
	case millrace.KindDecimal128:
		size := first.DataType.Decimal128()
		field.Type.Precision, field.Type.Scale = size.Precision, size.Scale
	case millrace.KindFixedSizeBinary:
		field.Type.Size = first.DataType.FixedSizeBinary()
	case millrace.KindTimestamp:
		field.Type.Zone = first.DataType.Timestamp().SomeOr("")
	}
	for range first.Children {
		var child millrace.Field
		child, flat = nested(flat)
		field.Type.Children = append(field.Type.Children, child)
	}
	return field, flat
}

// Fields is a schema to the host.
func Fields(fields []millrace.Field) []millrace_plugin_types.Field {
	var flat []millrace_plugin_types.Field
	for _, field := range fields {
		flat = append(flat, millrace_plugin_types.Field{
			Name: field.Name, DataType: dataType(field.Type), Nullable: field.Nullable,
			Children: uint32(len(field.Type.Children)),
		})
		flat = append(flat, Fields(field.Type.Children)...)
	}
	return flat
}

var plainTypes = map[millrace.Kind]func() millrace_plugin_types.DataType{
	millrace.KindBoolean:  millrace_plugin_types.MakeDataTypeBoolean,
	millrace.KindInt8:     millrace_plugin_types.MakeDataTypeInt8,
	millrace.KindInt16:    millrace_plugin_types.MakeDataTypeInt16,
	millrace.KindInt32:    millrace_plugin_types.MakeDataTypeInt32,
	millrace.KindInt64:    millrace_plugin_types.MakeDataTypeInt64,
	millrace.KindUint8:    millrace_plugin_types.MakeDataTypeUint8,
	millrace.KindUint16:   millrace_plugin_types.MakeDataTypeUint16,
	millrace.KindUint32:   millrace_plugin_types.MakeDataTypeUint32,
	millrace.KindUint64:   millrace_plugin_types.MakeDataTypeUint64,
	millrace.KindFloat32:  millrace_plugin_types.MakeDataTypeFloat32,
	millrace.KindFloat64:  millrace_plugin_types.MakeDataTypeFloat64,
	millrace.KindUtf8:     millrace_plugin_types.MakeDataTypeUtf8,
	millrace.KindBinary:   millrace_plugin_types.MakeDataTypeBinary,
	millrace.KindDate32:   millrace_plugin_types.MakeDataTypeDate32,
	millrace.KindTime64:   millrace_plugin_types.MakeDataTypeTime64,
	millrace.KindDuration: millrace_plugin_types.MakeDataTypeDuration,
	millrace.KindList:     millrace_plugin_types.MakeDataTypeListOf,
	millrace.KindStruct:   millrace_plugin_types.MakeDataTypeStructOf,
	millrace.KindMap:      millrace_plugin_types.MakeDataTypeMapOf,
}

func dataType(of millrace.Type) millrace_plugin_types.DataType {
	switch of.Kind {
	case millrace.KindDecimal128:
		size := millrace_plugin_types.DecimalSize{Precision: of.Precision, Scale: of.Scale}
		return millrace_plugin_types.MakeDataTypeDecimal128(size)
	case millrace.KindFixedSizeBinary:
		return millrace_plugin_types.MakeDataTypeFixedSizeBinary(of.Size)
	case millrace.KindTimestamp:
		zone := wit.None[string]()
		if of.Zone != "" {
			zone = wit.Some(of.Zone)
		}
		return millrace_plugin_types.MakeDataTypeTimestamp(zone)
	}
	return plainTypes[of.Kind]()
}
