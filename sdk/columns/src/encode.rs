//! Arrow arrays to flat columns. Buffers are shared with the arrays wherever the layout allows.

use arrow_array::{Array, ArrayRef};
use arrow_buffer::{BooleanBuffer, Buffer, ScalarBuffer};
use arrow_data::ArrayData;
use arrow_schema::DataType;

use crate::{FlatColumns, LayoutError, Node};

/// Appends `columns` to `out`. Sliced arrays cross as if they began at 0.
///
/// # Errors
/// Names the type that the contract does not have; cast to [`crate::crossing_type`] first.
pub fn encode(columns: &[ArrayRef], out: &mut FlatColumns) -> Result<(), LayoutError> {
    columns.iter().try_for_each(|column| encode_data(&column.to_data(), out))
}

fn encode_data(data: &ArrayData, out: &mut FlatColumns) -> Result<(), LayoutError> {
    let (offset, length) = (data.offset(), data.len());
    out.nodes.push(Node { length: length as u32, null_count: data.null_count() as u32 });
    out.buffers.push(match data.nulls() {
        Some(nulls) if nulls.null_count() > 0 => nulls.inner().sliced(),
        _ => Buffer::default(),
    });
    match data.data_type() {
        DataType::Boolean => {
            let bits = BooleanBuffer::new(data.buffers()[0].clone(), offset, length);
            out.buffers.push(bits.sliced());
        }
        DataType::Utf8 | DataType::Binary => {
            let (offsets, first, last) = offsets_from_zero(data);
            out.buffers.push(offsets);
            out.buffers.push(data.buffers()[1].slice_with_length(first, last - first));
        }
        DataType::FixedSizeBinary(size) => {
            let size = *size as usize;
            out.buffers.push(data.buffers()[0].slice_with_length(offset * size, length * size));
        }
        DataType::List(_) | DataType::Map(_, _) => {
            let (offsets, first, last) = offsets_from_zero(data);
            out.buffers.push(offsets);
            encode_data(&data.child_data()[0].slice(first, last - first), out)?;
        }
        DataType::Struct(_) => {
            // `ArrayData::slice` has already sliced a struct's children.
            for child in data.child_data() {
                if child.len() == length {
                    encode_data(child, out)?;
                } else {
                    encode_data(&child.slice(offset, length), out)?;
                }
            }
        }
        other => match other.primitive_width() {
            Some(width) => {
                let values = &data.buffers()[0];
                out.buffers.push(values.slice_with_length(offset * width, length * width));
            }
            None => {
                let problem = format!("type {other} is not part of the plugin contract");
                return Err(LayoutError::new("", problem));
            }
        },
    }
    Ok(())
}

/// The offsets of `data`, beginning at 0, and the range of the values that they cover.
fn offsets_from_zero(data: &ArrayData) -> (Buffer, usize, usize) {
    if data.is_empty() {
        return (Buffer::from_vec(vec![0_i32]), 0, 0);
    }
    let offsets =
        ScalarBuffer::<i32>::new(data.buffers()[0].clone(), data.offset(), data.len() + 1);
    let (first, last) = (offsets[0], offsets[data.len()]);
    let rebased = match first {
        0 => offsets.into_inner(),
        _ => Buffer::from_vec(offsets.iter().map(|o| o - first).collect::<Vec<i32>>()),
    };
    (rebased, first as usize, last as usize)
}
