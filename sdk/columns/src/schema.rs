//! Schemas as the contract's flat, depth-first list of fields.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Fields, TimeUnit};

use crate::LayoutError;

/// Bounds on what a guest may declare.
const FIELDS_MAX: usize = 4096;
const DEPTH_MAX: usize = 16;
const NAME_BYTES_MAX: usize = 256;

/// The contract's `data-type`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlatType {
    Boolean,
    Int8,
    Int16,
    Int32,
    Int64,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Float32,
    Float64,
    Decimal128 { precision: u8, scale: i8 },
    Utf8,
    Binary,
    FixedSizeBinary(u32),
    Date32,
    Time64,
    Timestamp(Option<String>),
    Duration,
    ListOf,
    StructOf,
    MapOf,
}

/// The contract's `field`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlatField {
    pub name: String,
    pub data_type: FlatType,
    pub nullable: bool,
    pub children: u32,
}

/// The flat list of a schema whose types all cross; see [`crate::crossing_type`].
///
/// # Errors
/// Names the column whose type the contract does not have.
pub fn flatten(fields: &Fields) -> Result<Vec<FlatField>, LayoutError> {
    let mut out = Vec::with_capacity(fields.len());
    for field in fields {
        flatten_field(field, field.name(), &mut out)?;
    }
    Ok(out)
}

/// The schema of a flat list.
///
/// # Errors
/// When the list does not describe a tree, passes a bound, or names a column twice.
pub fn unflatten(flat: &[FlatField]) -> Result<Fields, LayoutError> {
    if flat.len() > FIELDS_MAX {
        let problem = format!("{} fields declared, at most {FIELDS_MAX} are allowed", flat.len());
        return Err(LayoutError::new("", problem));
    }
    let mut rest = flat;
    let mut fields: Vec<FieldRef> = Vec::new();
    while !rest.is_empty() {
        let field = unflatten_field(&mut rest, 0)?;
        if fields.iter().any(|f| f.name() == field.name()) {
            return Err(LayoutError::new(field.name(), "is declared twice"));
        }
        fields.push(field);
    }
    Ok(fields.into())
}

fn flatten_field(field: &Field, path: &str, out: &mut Vec<FlatField>) -> Result<(), LayoutError> {
    let mut put = |data_type: FlatType, children: usize| {
        out.push(FlatField {
            name: field.name().clone(),
            data_type,
            nullable: field.is_nullable(),
            children: children as u32,
        });
    };
    match field.data_type() {
        DataType::Boolean => put(FlatType::Boolean, 0),
        DataType::Int8 => put(FlatType::Int8, 0),
        DataType::Int16 => put(FlatType::Int16, 0),
        DataType::Int32 => put(FlatType::Int32, 0),
        DataType::Int64 => put(FlatType::Int64, 0),
        DataType::UInt8 => put(FlatType::Uint8, 0),
        DataType::UInt16 => put(FlatType::Uint16, 0),
        DataType::UInt32 => put(FlatType::Uint32, 0),
        DataType::UInt64 => put(FlatType::Uint64, 0),
        DataType::Float32 => put(FlatType::Float32, 0),
        DataType::Float64 => put(FlatType::Float64, 0),
        DataType::Decimal128(precision, scale) => {
            put(FlatType::Decimal128 { precision: *precision, scale: *scale }, 0);
        }
        DataType::Utf8 => put(FlatType::Utf8, 0),
        DataType::Binary => put(FlatType::Binary, 0),
        DataType::FixedSizeBinary(size) => put(FlatType::FixedSizeBinary(*size as u32), 0),
        DataType::Date32 => put(FlatType::Date32, 0),
        DataType::Time64(TimeUnit::Microsecond) => put(FlatType::Time64, 0),
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            put(FlatType::Timestamp(zone.as_deref().map(str::to_owned)), 0);
        }
        DataType::Duration(TimeUnit::Microsecond) => put(FlatType::Duration, 0),
        DataType::List(child) => {
            put(FlatType::ListOf, 1);
            flatten_field(child, &format!("{path}.{}", child.name()), out)?;
        }
        DataType::Struct(children) => {
            put(FlatType::StructOf, children.len());
            for child in children {
                flatten_field(child, &format!("{path}.{}", child.name()), out)?;
            }
        }
        DataType::Map(entries, _) => {
            put(FlatType::MapOf, 1);
            flatten_field(entries, &format!("{path}.{}", entries.name()), out)?;
        }
        other => {
            let problem = format!("type {other} is not part of the plugin contract");
            return Err(LayoutError::new(path, problem));
        }
    }
    Ok(())
}

fn unflatten_field(rest: &mut &[FlatField], depth: usize) -> Result<FieldRef, LayoutError> {
    let Some((flat, tail)) = rest.split_first() else {
        return Err(LayoutError::new("", "the schema ends before its last child"));
    };
    *rest = tail;
    let name = &flat.name;
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        let problem = format!("a column's name must have 1 to {NAME_BYTES_MAX} bytes");
        return Err(LayoutError::new("", problem));
    }
    if depth >= DEPTH_MAX {
        return Err(LayoutError::new(name, format!("is nested deeper than {DEPTH_MAX} levels")));
    }
    let mut children: Vec<FieldRef> = Vec::new();
    for _ in 0..flat.children {
        children.push(unflatten_field(rest, depth + 1)?);
    }
    let data_type = data_type(flat, children)?;
    Ok(Arc::new(Field::new(name, data_type, flat.nullable)))
}

fn data_type(flat: &FlatField, mut children: Vec<FieldRef>) -> Result<DataType, LayoutError> {
    let wrong = |problem: &str| Err(LayoutError::new(&flat.name, problem));
    match flat.data_type {
        FlatType::ListOf | FlatType::MapOf if children.len() != 1 => {
            return wrong("a list or map has exactly one child");
        }
        FlatType::ListOf | FlatType::MapOf | FlatType::StructOf => {}
        _ if !children.is_empty() => return wrong("only lists, structs and maps have children"),
        _ => {}
    }
    Ok(match &flat.data_type {
        FlatType::Boolean => DataType::Boolean,
        FlatType::Int8 => DataType::Int8,
        FlatType::Int16 => DataType::Int16,
        FlatType::Int32 => DataType::Int32,
        FlatType::Int64 => DataType::Int64,
        FlatType::Uint8 => DataType::UInt8,
        FlatType::Uint16 => DataType::UInt16,
        FlatType::Uint32 => DataType::UInt32,
        FlatType::Uint64 => DataType::UInt64,
        FlatType::Float32 => DataType::Float32,
        FlatType::Float64 => DataType::Float64,
        FlatType::Decimal128 { precision, scale } => {
            if !(1..=38).contains(precision) || scale.unsigned_abs() > *precision {
                return wrong("a decimal has a precision of 1 to 38 and a scale within it");
            }
            DataType::Decimal128(*precision, *scale)
        }
        FlatType::Utf8 => DataType::Utf8,
        FlatType::Binary => DataType::Binary,
        FlatType::FixedSizeBinary(size) => match i32::try_from(*size) {
            Ok(size) if size > 0 => DataType::FixedSizeBinary(size),
            _ => return wrong("the size of a fixed-size binary must be 1 to 2,147,483,647"),
        },
        FlatType::Date32 => DataType::Date32,
        FlatType::Time64 => DataType::Time64(TimeUnit::Microsecond),
        FlatType::Timestamp(zone) => {
            DataType::Timestamp(TimeUnit::Microsecond, zone.as_deref().map(Into::into))
        }
        FlatType::Duration => DataType::Duration(TimeUnit::Microsecond),
        FlatType::ListOf => DataType::List(children.remove(0)),
        FlatType::StructOf => DataType::Struct(children.into()),
        FlatType::MapOf => {
            let entries = children.remove(0);
            match entries.data_type() {
                DataType::Struct(pair) if pair.len() == 2 && !pair[0].is_nullable() => {}
                _ => return wrong("a map's child is a struct of non-null keys and values"),
            }
            if entries.is_nullable() {
                return wrong("a map's entries can't be null");
            }
            DataType::Map(entries, false)
        }
    })
}
