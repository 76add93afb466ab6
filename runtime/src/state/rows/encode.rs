//! Columns to bytes.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, OffsetSizeTrait};
use arrow::buffer::{Buffer, NullBuffer};
use arrow::datatypes::DataType;

use super::{EncodedRows, Floats, Kind};

/// Of a 64-bit number as LEB128.
const LENGTH_BYTES_MAX: usize = 10;

/// A column whose values can be written one by one.
enum Column<'a> {
    Null,
    Boolean(&'a BooleanArray),
    Fixed { values: Buffer, width: usize, floats: Option<Floats>, nulls: Option<NullBuffer> },
    Bytes(&'a dyn Array),
    Nested { elements: EncodedRows, slots: Slots, nulls: Option<NullBuffer> },
}

/// Which elements belong to a row.
enum Slots {
    /// So many to each row, which does not say how many.
    Fixed(usize),
    /// Those from one offset to the next.
    Offsets(Vec<usize>),
}

pub(super) fn encode(kinds: &[Kind], columns: &[ArrayRef], rows: usize, out: &mut EncodedRows) {
    out.bytes.clear();
    out.ends.clear();
    let columns: Vec<Column> =
        kinds.iter().zip(columns).map(|(kind, column)| Column::new(kind, &**column)).collect();
    if let [column] = &columns[..] {
        out.ends.reserve(rows);
        column.each(rows, |_, head, body| {
            out.bytes.extend_from_slice(head);
            out.bytes.extend_from_slice(body);
            out.ends.push(out.bytes.len());
        });
        return;
    }
    // Column by column: first how long the rows are, then the values to their places.
    let mut lengths = vec![0; rows];
    for column in &columns {
        column.each(rows, |row, head, body| lengths[row] += head.len() + body.len());
    }
    let mut end = 0;
    out.ends.extend(lengths.iter().map(|length| {
        end += length;
        end
    }));
    out.bytes.resize(end, 0);
    let mut at = lengths;
    for (at, end) in at.iter_mut().zip(&out.ends) {
        *at = end - *at;
    }
    for column in &columns {
        column.each(rows, |row, head, body| {
            let (start, middle) = (at[row], at[row] + head.len());
            out.bytes[start..middle].copy_from_slice(head);
            out.bytes[middle..middle + body.len()].copy_from_slice(body);
            at[row] = middle + body.len();
        });
    }
}

impl<'a> Column<'a> {
    fn new(kind: &Kind, array: &'a dyn Array) -> Self {
        let nulls = array.nulls().cloned();
        let whole = |kind: &Kind, values: &ArrayRef| {
            let mut elements = EncodedRows::default();
            encode(
                std::slice::from_ref(kind),
                std::slice::from_ref(values),
                values.len(),
                &mut elements,
            );
            elements
        };
        match kind {
            Kind::Null => Self::Null,
            Kind::Boolean => Self::Boolean(array.as_boolean()),
            Kind::Bytes => Self::Bytes(array),
            Kind::Fixed { width, floats } => {
                let data = array.to_data();
                let values = data.buffers()[0].slice(data.offset() * width);
                Self::Fixed { values, width: *width, floats: *floats, nulls }
            }
            Kind::List(element) => {
                let (values, offsets) = match array.data_type() {
                    DataType::LargeList(_) => list::<i64>(array),
                    DataType::Map(_, _) => {
                        let map = array.as_map();
                        let entries: ArrayRef = std::sync::Arc::new(map.entries().clone());
                        trimmed(&entries, map.value_offsets())
                    }
                    _ => list::<i32>(array),
                };
                let elements = whole(element, &values);
                Self::Nested { elements, slots: Slots::Offsets(offsets), nulls }
            }
            Kind::FixedList(size, element) => {
                let elements = whole(element, array.as_fixed_size_list().values());
                Self::Nested { elements, slots: Slots::Fixed(*size), nulls }
            }
            Kind::Struct(kinds) => {
                let mut elements = EncodedRows::default();
                encode(kinds, array.as_struct().columns(), array.len(), &mut elements);
                Self::Nested { elements, slots: Slots::Fixed(1), nulls }
            }
        }
    }

    /// Gives the first bytes of each row's value, which tell about nulls and lengths, and the rest.
    fn each(&self, rows: usize, mut write: impl FnMut(usize, &[u8], &[u8])) {
        match self {
            Self::Null => (0..rows).for_each(|row| write(row, &[0], &[])),
            Self::Boolean(array) => (0..rows).for_each(|row| {
                let value = if array.is_null(row) { 0 } else { 1 + u8::from(array.value(row)) };
                write(row, &[value], &[]);
            }),
            Self::Fixed { values, width, floats: None, nulls } => match width {
                4 => fixed::<4>(values, rows, nulls.as_ref(), write),
                8 => fixed::<8>(values, rows, nulls.as_ref(), write),
                _ => (0..rows).for_each(|row| match is_null(nulls.as_ref(), row) {
                    true => write(row, &[0], &[]),
                    false => write(row, &[1], &values[row * width..(row + 1) * width]),
                }),
            },
            Self::Fixed { values, width, floats: Some(floats), nulls } => {
                (0..rows).for_each(|row| match is_null(nulls.as_ref(), row) {
                    true => write(row, &[0], &[]),
                    false => {
                        let bits = floats.canonical(&values[row * width..(row + 1) * width]);
                        write(row, &[1], &bits[..*width]);
                    }
                });
            }
            Self::Bytes(array) => bytes(*array, rows, |row, value| match value {
                None => write(row, &[0], &[]),
                Some(value) => with_length(value.len(), |head| write(row, head, value)),
            }),
            Self::Nested { elements, slots, nulls } => (0..rows).for_each(|row| {
                if is_null(nulls.as_ref(), row) {
                    return write(row, &[0], &[]);
                }
                let (first, last) = match slots {
                    Slots::Fixed(size) => (row * size, (row + 1) * size),
                    Slots::Offsets(offsets) => (offsets[row], offsets[row + 1]),
                };
                let end = if last == 0 { 0 } else { elements.ends[last - 1] };
                let start = if first == last { end } else { elements.start(first) };
                let body = &elements.bytes[start..end];
                match slots {
                    Slots::Fixed(_) => write(row, &[1], body),
                    Slots::Offsets(_) => with_length(last - first, |head| write(row, head, body)),
                }
            }),
        }
    }
}

impl Floats {
    fn canonical(self, bits: &[u8]) -> [u8; 8] {
        let mut out = [0; 8];
        out[..bits.len()].copy_from_slice(bits);
        let (magnitude, infinity, sign, nan) = match self {
            Self::Half => (0x7fff, 0x7c00, 1 << 15, 0x7e00),
            Self::Single => (0x7fff_ffff, 0x7f80_0000, 1 << 31, 0x7fc0_0000),
            Self::Double => {
                (i64::MAX as u64, 0x7ff0_0000_0000_0000, 1 << 63, 0x7ff8_0000_0000_0000)
            }
        };
        let value = u64::from_le_bytes(out);
        let value = match value {
            nan_of_any_kind if nan_of_any_kind & magnitude > infinity => nan,
            zero if zero == sign => 0,
            number => number,
        };
        value.to_le_bytes()
    }
}

fn is_null(nulls: Option<&NullBuffer>, row: usize) -> bool {
    nulls.is_some_and(|nulls| nulls.is_null(row))
}

/// The common widths, with copies of a length that the compiler knows.
fn fixed<const WIDTH: usize>(
    values: &[u8],
    rows: usize,
    nulls: Option<&NullBuffer>,
    mut write: impl FnMut(usize, &[u8], &[u8]),
) {
    let (values, _) = values.as_chunks::<WIDTH>();
    for (row, value) in values[..rows].iter().enumerate() {
        match is_null(nulls, row) {
            true => write(row, &[0], &[]),
            false => write(row, &[1], value),
        }
    }
}

fn bytes(array: &dyn Array, rows: usize, mut each: impl FnMut(usize, Option<&[u8]>)) {
    macro_rules! each {
        ($array:expr) => {{
            let array = $array;
            for row in 0..rows {
                let bytes: Option<&[u8]> = (!array.is_null(row)).then(|| array.value(row).as_ref());
                each(row, bytes);
            }
        }};
    }
    match array.data_type() {
        DataType::Utf8 => each!(array.as_string::<i32>()),
        DataType::LargeUtf8 => each!(array.as_string::<i64>()),
        DataType::Utf8View => each!(array.as_string_view()),
        DataType::Binary => each!(array.as_binary::<i32>()),
        DataType::LargeBinary => each!(array.as_binary::<i64>()),
        _ => each!(array.as_binary_view()),
    }
}

fn with_length(length: usize, write: impl FnOnce(&[u8])) {
    let mut left = length as u64 + 1;
    if left < 0x80 {
        return write(&[left as u8]);
    }
    let mut head = [0; LENGTH_BYTES_MAX];
    let mut at = 0;
    while left >= 0x80 {
        head[at] = left as u8 | 0x80;
        left >>= 7;
        at += 1;
    }
    head[at] = left as u8;
    write(&head[..=at]);
}

fn list<O: OffsetSizeTrait>(array: &dyn Array) -> (ArrayRef, Vec<usize>) {
    let list = array.as_list::<O>();
    trimmed(list.values(), list.value_offsets())
}

/// The elements that a list's rows have, which may be few of those that its column holds.
fn trimmed<O: OffsetSizeTrait>(values: &ArrayRef, offsets: &[O]) -> (ArrayRef, Vec<usize>) {
    let first = offsets[0].as_usize();
    let last = offsets[offsets.len() - 1].as_usize();
    let offsets = offsets.iter().map(|offset| offset.as_usize() - first).collect();
    (values.slice(first, last - first), offsets)
}
