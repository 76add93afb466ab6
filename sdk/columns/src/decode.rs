//! Flat columns to Arrow arrays, believing nothing.

use std::sync::Arc;

use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, DurationMicrosecondType, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Time64MicrosecondType,
    TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, FixedSizeBinaryArray, ListArray, MapArray, PrimitiveArray,
    StringArray, StructArray,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, Field, Fields};

use crate::{FlatColumns, LayoutError, Node};

/// The columns of `fields`, each of `rows` values, checked against the contract: lengths, null
/// counts, offsets, UTF-8, nulls where none are allowed.
///
/// # Errors
/// Names the column and what contradicts the contract.
pub fn decode(
    fields: &Fields,
    flat: FlatColumns,
    rows: usize,
) -> Result<Vec<ArrayRef>, LayoutError> {
    Decoder::<false>::new(flat).columns(fields, rows)
}

/// [`decode`] without looking at every byte: for the guest, which may believe its host.
///
/// # Safety
/// Text must be valid UTF-8, value by value, and offsets must not go backwards.
///
/// # Errors
/// As [`decode`], for what is still checked.
pub unsafe fn decode_trusted(
    fields: &Fields,
    flat: FlatColumns,
    rows: usize,
) -> Result<Vec<ArrayRef>, LayoutError> {
    Decoder::<true>::new(flat).columns(fields, rows)
}

struct Decoder<const TRUSTED: bool> {
    nodes: std::vec::IntoIter<Node>,
    buffers: std::vec::IntoIter<Buffer>,
}

impl<const TRUSTED: bool> Decoder<TRUSTED> {
    fn new(flat: FlatColumns) -> Self {
        Self { nodes: flat.nodes.into_iter(), buffers: flat.buffers.into_iter() }
    }

    fn columns(mut self, fields: &Fields, rows: usize) -> Result<Vec<ArrayRef>, LayoutError> {
        let columns = fields
            .iter()
            .map(|field| self.column(field, field.name(), rows))
            .collect::<Result<Vec<_>, _>>()?;
        if self.nodes.len() + self.buffers.len() > 0 {
            let problem = format!(
                "{} nodes and {} buffers follow after the last column",
                self.nodes.len(),
                self.buffers.len()
            );
            return Err(LayoutError::new("", problem));
        }
        Ok(columns)
    }

    fn column(&mut self, field: &Field, path: &str, rows: usize) -> Result<ArrayRef, LayoutError> {
        let nulls = self.nulls(field, path, rows)?;
        Ok(match field.data_type() {
            DataType::Boolean => {
                let bits = self.buffer(path, rows.div_ceil(8))?;
                Arc::new(BooleanArray::new(BooleanBuffer::new(bits, 0, rows), nulls))
            }
            DataType::Int8 => self.primitive::<Int8Type>(field, path, rows, nulls)?,
            DataType::Int16 => self.primitive::<Int16Type>(field, path, rows, nulls)?,
            DataType::Int32 => self.primitive::<Int32Type>(field, path, rows, nulls)?,
            DataType::Int64 => self.primitive::<Int64Type>(field, path, rows, nulls)?,
            DataType::UInt8 => self.primitive::<UInt8Type>(field, path, rows, nulls)?,
            DataType::UInt16 => self.primitive::<UInt16Type>(field, path, rows, nulls)?,
            DataType::UInt32 => self.primitive::<UInt32Type>(field, path, rows, nulls)?,
            DataType::UInt64 => self.primitive::<UInt64Type>(field, path, rows, nulls)?,
            DataType::Float32 => self.primitive::<Float32Type>(field, path, rows, nulls)?,
            DataType::Float64 => self.primitive::<Float64Type>(field, path, rows, nulls)?,
            DataType::Decimal128(_, _) => {
                self.primitive::<Decimal128Type>(field, path, rows, nulls)?
            }
            DataType::Date32 => self.primitive::<Date32Type>(field, path, rows, nulls)?,
            DataType::Time64(_) => {
                self.primitive::<Time64MicrosecondType>(field, path, rows, nulls)?
            }
            DataType::Timestamp(_, _) => {
                self.primitive::<TimestampMicrosecondType>(field, path, rows, nulls)?
            }
            DataType::Duration(_) => {
                self.primitive::<DurationMicrosecondType>(field, path, rows, nulls)?
            }
            DataType::Utf8 => {
                let offsets = self.offsets(path, rows)?;
                let bytes = self.buffer(path, last(&offsets))?;
                if TRUSTED {
                    // SAFETY: the offsets were checked above; the caller of `decode_trusted`
                    // vouches for the UTF-8.
                    Arc::new(unsafe { StringArray::new_unchecked(offsets, bytes, nulls) })
                } else {
                    Arc::new(StringArray::try_new(offsets, bytes, nulls).map_err(at(path))?)
                }
            }
            DataType::Binary => {
                let offsets = self.offsets(path, rows)?;
                let bytes = self.buffer(path, last(&offsets))?;
                Arc::new(BinaryArray::try_new(offsets, bytes, nulls).map_err(at(path))?)
            }
            DataType::FixedSizeBinary(size) => {
                let needed = rows.checked_mul(*size as usize).ok_or_else(|| too_long(path))?;
                let bytes = self.buffer(path, needed)?;
                Arc::new(FixedSizeBinaryArray::try_new(*size, bytes, nulls).map_err(at(path))?)
            }
            DataType::List(child) => {
                let offsets = self.offsets(path, rows)?;
                let values = self.column(child, &join(path, child), last(&offsets))?;
                let list = ListArray::try_new(child.clone(), offsets, values, nulls);
                Arc::new(list.map_err(at(path))?)
            }
            DataType::Struct(children) => {
                let columns = children
                    .iter()
                    .map(|child| self.column(child, &join(path, child), rows))
                    .collect::<Result<Vec<_>, _>>()?;
                let record =
                    StructArray::try_new_with_length(children.clone(), columns, nulls, rows);
                Arc::new(record.map_err(at(path))?)
            }
            DataType::Map(entries, sorted) => {
                let offsets = self.offsets(path, rows)?;
                let pairs = self.column(entries, &join(path, entries), last(&offsets))?;
                let Some(pairs) = pairs.as_any().downcast_ref::<StructArray>() else {
                    return Err(LayoutError::new(path, "a map's entries must be a struct"));
                };
                let map =
                    MapArray::try_new(entries.clone(), offsets, pairs.clone(), nulls, *sorted);
                Arc::new(map.map_err(at(path))?)
            }
            other => {
                let problem = format!("type {other} is not part of the plugin contract");
                return Err(LayoutError::new(path, problem));
            }
        })
    }

    fn nulls(
        &mut self,
        field: &Field,
        path: &str,
        rows: usize,
    ) -> Result<Option<NullBuffer>, LayoutError> {
        let Some(node) = self.nodes.next() else {
            return Err(LayoutError::new(path, "its node is missing"));
        };
        if node.length as usize != rows {
            let problem = format!("has {} values where {rows} belong", node.length);
            return Err(LayoutError::new(path, problem));
        }
        let Some(validity) = self.buffers.next() else {
            return Err(LayoutError::new(path, "its validity buffer is missing"));
        };
        if validity.is_empty() {
            return match node.null_count {
                0 => Ok(None),
                n => Err(LayoutError::new(path, format!("claims {n} nulls without validity"))),
            };
        }
        if validity.len() < rows.div_ceil(8) {
            let problem = format!("validity has {} bytes for {rows} values", validity.len());
            return Err(LayoutError::new(path, problem));
        }
        let nulls = NullBuffer::new(BooleanBuffer::new(validity, 0, rows));
        if nulls.null_count() != node.null_count as usize {
            let problem =
                format!("claims {} nulls, validity has {}", node.null_count, nulls.null_count());
            return Err(LayoutError::new(path, problem));
        }
        if nulls.null_count() == 0 {
            return Ok(None);
        }
        if !field.is_nullable() {
            let problem = format!("has {} nulls and is declared without", nulls.null_count());
            return Err(LayoutError::new(path, problem));
        }
        Ok(Some(nulls))
    }

    fn primitive<T: ArrowPrimitiveType>(
        &mut self,
        field: &Field,
        path: &str,
        rows: usize,
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef, LayoutError> {
        let width = size_of::<T::Native>();
        let needed = rows.checked_mul(width).ok_or_else(|| too_long(path))?;
        let values = aligned(self.buffer(path, needed)?, align_of::<T::Native>());
        let values = ScalarBuffer::<T::Native>::new(values, 0, rows);
        let array = PrimitiveArray::<T>::try_new(values, nulls).map_err(at(path))?;
        Ok(Arc::new(array.with_data_type(field.data_type().clone())))
    }

    /// The next buffer, cut to the `needed` bytes.
    fn buffer(&mut self, path: &str, needed: usize) -> Result<Buffer, LayoutError> {
        match self.buffers.next() {
            Some(buffer) if buffer.len() >= needed => Ok(buffer.slice_with_length(0, needed)),
            Some(buffer) => {
                let problem = format!("a buffer has {} bytes, {needed} are needed", buffer.len());
                Err(LayoutError::new(path, problem))
            }
            None => Err(LayoutError::new(path, "a buffer is missing")),
        }
    }

    fn offsets(&mut self, path: &str, rows: usize) -> Result<OffsetBuffer<i32>, LayoutError> {
        let needed = (rows + 1).checked_mul(4).ok_or_else(|| too_long(path))?;
        let buffer = aligned(self.buffer(path, needed)?, align_of::<i32>());
        let offsets = ScalarBuffer::<i32>::new(buffer, 0, rows + 1);
        if offsets[0] != 0 {
            return Err(LayoutError::new(path, "its offsets don't begin at 0"));
        }
        // All are looked at, whatever the first ones are: that can be done several at a time.
        let grows = |all: &[i32]| all.windows(2).fold(true, |ok, pair| ok & (pair[0] <= pair[1]));
        if !TRUSTED && !grows(&offsets) {
            return Err(LayoutError::new(path, "its offsets go backwards"));
        }
        // SAFETY: they begin at 0 and never go backwards, as was seen here or is vouched for.
        Ok(unsafe { OffsetBuffer::new_unchecked(offsets) })
    }
}

fn last(offsets: &OffsetBuffer<i32>) -> usize {
    offsets[offsets.len() - 1] as usize
}

/// Guests allocate with less alignment than Arrow wants for wide types: copy where it matters.
fn aligned(buffer: Buffer, align: usize) -> Buffer {
    if buffer.as_ptr().align_offset(align) == 0 {
        buffer
    } else {
        Buffer::from_slice_ref(buffer.as_slice())
    }
}

fn at(path: &str) -> impl FnOnce(ArrowError) -> LayoutError + '_ {
    move |error| LayoutError::new(path, error.to_string())
}

fn too_long(path: &str) -> LayoutError {
    LayoutError::new(path, "is longer than memory")
}

fn join(path: &str, child: &Field) -> String {
    format!("{path}.{}", child.name())
}
