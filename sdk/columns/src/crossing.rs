//! Which Arrow type a column takes when it crosses.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, TimeUnit};

/// The type of the contract that a column of `data_type` is cast to before it crosses; the type
/// itself where it already is one. `None`: it has no counterpart, and a plugin can't read it.
pub fn crossing_type(data_type: &DataType) -> Option<DataType> {
    let child = |field: &FieldRef| -> Option<FieldRef> {
        let inner = crossing_type(field.data_type())?;
        Some(Arc::new(Field::new(field.name(), inner, field.is_nullable())))
    };
    Some(match data_type {
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView => DataType::Binary,
        DataType::Dictionary(_, values) => crossing_type(values)?,
        DataType::RunEndEncoded(_, values) => crossing_type(values.data_type())?,
        DataType::Float16 => DataType::Float32,
        DataType::Decimal32(p, s) | DataType::Decimal64(p, s) => DataType::Decimal128(*p, *s),
        DataType::Date64 => DataType::Timestamp(TimeUnit::Microsecond, None),
        DataType::Time32(_) | DataType::Time64(_) => DataType::Time64(TimeUnit::Microsecond),
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Microsecond, zone.clone()),
        DataType::Duration(_) => DataType::Duration(TimeUnit::Microsecond),
        DataType::List(f)
        | DataType::LargeList(f)
        | DataType::ListView(f)
        | DataType::LargeListView(f)
        | DataType::FixedSizeList(f, _) => DataType::List(child(f)?),
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(child).collect::<Option<Vec<_>>>()?.into())
        }
        DataType::Map(entries, _) => DataType::Map(child(entries)?, false),
        DataType::Null
        | DataType::Union(_, _)
        | DataType::Interval(_)
        | DataType::Decimal256(_, _) => return None,
        DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UInt64
        | DataType::Float32
        | DataType::Float64
        | DataType::Decimal128(_, _)
        | DataType::Utf8
        | DataType::Binary
        | DataType::FixedSizeBinary(_)
        | DataType::Date32 => data_type.clone(),
    })
}
