//! Bytes to columns. Every byte is checked.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayData, ArrayRef, BooleanBufferBuilder, NullBufferBuilder, make_array,
};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Field};

use super::{Kind, RowCodec};

/// Why bytes are not those of a row.
pub(super) struct Damage(pub(super) String);

impl From<&str> for Damage {
    fn from(why: &str) -> Self {
        Self(why.to_owned())
    }
}

impl From<arrow::error::ArrowError> for Damage {
    fn from(error: arrow::error::ArrowError) -> Self {
        Self(error.to_string())
    }
}

pub(super) fn decode<'a>(
    codec: &RowCodec,
    rows: impl Iterator<Item = &'a [u8]>,
) -> Result<Vec<ArrayRef>, Damage> {
    let mut rows: Vec<&[u8]> = rows.collect();
    let mut columns = Vec::with_capacity(codec.kinds.len());
    for (kind, field) in codec.kinds.iter().zip(&codec.fields) {
        let mut column = Column::new(kind, rows.len());
        for row in &mut rows {
            column.read(row)?;
        }
        columns.push(column.finish(field.data_type())?);
    }
    match rows.iter().all(|row| row.is_empty()) {
        true => Ok(columns),
        false => Err("a row has more bytes than its columns".into()),
    }
}

/// A column that grows value by value.
struct Column {
    len: usize,
    nulls: NullBufferBuilder,
    values: Values,
}

enum Values {
    Null,
    Boolean(BooleanBufferBuilder),
    Fixed { width: usize, bytes: Vec<u8> },
    Bytes { ends: Vec<usize>, bytes: Vec<u8> },
    List { ends: Vec<usize>, elements: Box<Column> },
    FixedList { size: usize, elements: Box<Column> },
    Struct(Vec<Column>),
}

impl Column {
    fn new(kind: &Kind, rows: usize) -> Self {
        let values = match kind {
            Kind::Null => Values::Null,
            Kind::Boolean => Values::Boolean(BooleanBufferBuilder::new(rows)),
            Kind::Fixed { width, .. } => {
                Values::Fixed { width: *width, bytes: Vec::with_capacity(rows * width) }
            }
            Kind::Bytes => Values::Bytes { ends: Vec::with_capacity(rows), bytes: Vec::new() },
            Kind::List(element) => Values::List {
                ends: Vec::with_capacity(rows),
                elements: Box::new(Self::new(element, rows)),
            },
            Kind::FixedList(size, element) => {
                Values::FixedList { size: *size, elements: Box::new(Self::new(element, rows)) }
            }
            Kind::Struct(kinds) => {
                Values::Struct(kinds.iter().map(|kind| Self::new(kind, rows)).collect())
            }
        };
        Self { len: 0, nulls: NullBufferBuilder::new(rows), values }
    }

    /// Takes one value off the front of `row`.
    fn read(&mut self, row: &mut &[u8]) -> Result<(), Damage> {
        let is_valid = match &mut self.values {
            Values::Null => match take(row, 1)?[0] {
                0 => true,
                _ => return Err("a null is none".into()),
            },
            Values::Boolean(values) => match take(row, 1)?[0] {
                0 => false,
                value @ (1 | 2) => {
                    values.append(value == 2);
                    true
                }
                _ => return Err("a boolean is none".into()),
            },
            Values::Fixed { width, bytes } => match is_present(row)? {
                false => false,
                true => {
                    bytes.extend_from_slice(take(row, *width)?);
                    true
                }
            },
            Values::Bytes { ends, bytes } => match length(row)? {
                None => false,
                Some(length) => {
                    bytes.extend_from_slice(take(row, length)?);
                    ends.push(bytes.len());
                    true
                }
            },
            Values::List { ends, elements } => match length(row)? {
                None => false,
                Some(length) => {
                    elements.read_many(length, row)?;
                    ends.push(elements.len);
                    true
                }
            },
            Values::FixedList { size, elements } => match is_present(row)? {
                false => false,
                true => {
                    elements.read_many(*size, row)?;
                    true
                }
            },
            Values::Struct(columns) => match is_present(row)? {
                false => false,
                true => {
                    for column in columns {
                        column.read(row)?;
                    }
                    true
                }
            },
        };
        if is_valid {
            self.nulls.append_non_null();
            self.len += 1;
        } else {
            self.push_null();
        }
        Ok(())
    }

    fn read_many(&mut self, values: usize, row: &mut &[u8]) -> Result<(), Damage> {
        // No value is shorter than a byte: a damaged number must not run for ever.
        if values > row.len() {
            return Err("a list has more elements than bytes".into());
        }
        for _ in 0..values {
            self.read(row)?;
        }
        Ok(())
    }

    fn push_null(&mut self) {
        match &mut self.values {
            Values::Null => {}
            Values::Boolean(values) => values.append(false),
            Values::Fixed { width, bytes } => bytes.resize(bytes.len() + *width, 0),
            Values::Bytes { ends, bytes } => ends.push(bytes.len()),
            Values::List { ends, elements } => ends.push(elements.len),
            Values::FixedList { size, elements } => {
                (0..*size).for_each(|_| elements.push_null());
            }
            Values::Struct(columns) => columns.iter_mut().for_each(Self::push_null),
        }
        self.nulls.append_null();
        self.len += 1;
    }

    fn finish(mut self, data_type: &DataType) -> Result<ArrayRef, Damage> {
        // Arrow has no buffers for views that could be filled from outside: they are made of text.
        let built = match data_type {
            DataType::Utf8View => &DataType::Utf8,
            DataType::BinaryView => &DataType::Binary,
            other => other,
        };
        let nulls = match built {
            DataType::Null => None,
            _ => self.nulls.finish(),
        };
        let data = ArrayData::builder(built.clone()).len(self.len).nulls(nulls).align_buffers(true);
        let element = |field: &Arc<Field>, elements: Self| elements.finish(field.data_type());
        let data = match (self.values, built) {
            (Values::Null, _) => data,
            (Values::Boolean(mut values), _) => data.add_buffer(values.finish().into_inner()),
            (Values::Fixed { bytes, .. }, _) => data.add_buffer(Buffer::from_vec(bytes)),
            (Values::Bytes { ends, bytes }, _) => {
                let is_large = matches!(built, DataType::LargeUtf8 | DataType::LargeBinary);
                data.add_buffer(offsets(&ends, is_large)?).add_buffer(Buffer::from_vec(bytes))
            }
            (
                Values::List { ends, elements },
                DataType::List(field) | DataType::LargeList(field) | DataType::Map(field, _),
            ) => {
                let is_large = matches!(built, DataType::LargeList(_));
                data.add_buffer(offsets(&ends, is_large)?)
                    .add_child_data(element(field, *elements)?.to_data())
            }
            (Values::FixedList { elements, .. }, DataType::FixedSizeList(field, _)) => {
                data.add_child_data(element(field, *elements)?.to_data())
            }
            (Values::Struct(columns), DataType::Struct(fields)) => {
                let children = columns.into_iter().zip(fields);
                children.into_iter().try_fold(data, |data, (column, field)| {
                    Ok::<_, Damage>(data.add_child_data(element(field, column)?.to_data()))
                })?
            }
            _ => return Err("its type is another".into()),
        };
        let array = make_array(data.build()?);
        match built == data_type {
            true => Ok(array),
            false => Ok(arrow::compute::cast(&array, data_type)?),
        }
    }
}

fn take<'a>(row: &mut &'a [u8], length: usize) -> Result<&'a [u8], Damage> {
    row.split_off(..length).ok_or_else(|| "a row ends within a value".into())
}

fn is_present(row: &mut &[u8]) -> Result<bool, Damage> {
    match take(row, 1)?[0] {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err("a value is neither null nor there".into()),
    }
}

/// A length; `None` for null.
fn length(row: &mut &[u8]) -> Result<Option<usize>, Damage> {
    let mut length = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = take(row, 1)?[0];
        let part = u64::from(byte & 0x7f);
        if (part << shift) >> shift != part {
            break;
        }
        length |= part << shift;
        if byte & 0x80 == 0 {
            // Two ways to write a number would be two ways to write a row.
            if part == 0 && shift > 0 {
                break;
            }
            return Ok(length.checked_sub(1).map(|length| length as usize));
        }
    }
    Err("a length is not as it is written".into())
}

/// Offsets of values that end there.
fn offsets(ends: &[usize], is_large: bool) -> Result<Buffer, Damage> {
    let all = std::iter::once(0).chain(ends.iter().copied());
    if is_large {
        return Ok(Buffer::from_vec(all.map(|end| end as i64).collect::<Vec<_>>()));
    }
    let small = all.map(i32::try_from).collect::<Result<Vec<_>, _>>();
    Ok(Buffer::from_vec(small.map_err(|_| Damage::from("more than 2 GiB in one column"))?))
}
