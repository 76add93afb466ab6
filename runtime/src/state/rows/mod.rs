//! Rows of columns as bytes and back: keys and values of state.
//!
//! # The format
//!
//! It is on disk, so it never changes. A row is its columns' values one after the other, and a
//! value begins with what tells whether it is null:
//!
//! | type | null | value |
//! | --- | --- | --- |
//! | null | `0` | |
//! | boolean | `0` | `1` for false, `2` for true |
//! | of a fixed width | `0` | `1`, then the value as Arrow has it, little-endian |
//! | text, binary | `0` | the length in bytes plus one, then the bytes |
//! | list, map | `0` | the number of elements plus one, then each element (a map's are structs) |
//! | list of a fixed size | `0` | `1`, then each element |
//! | struct | `0` | `1`, then each field |
//!
//! Lengths are LEB128: seven bits per byte, the lowest first, the top bit set on all but the last.
//! A text, whatever its Arrow type (plain, large, view), has the same bytes.

mod decode;
mod encode;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Fields};

use crate::error::{Error, Result};

/// Encodes rows of certain columns.
///
/// Rows are equal if and only if their bytes are equal. The bytes' order means nothing.
#[derive(Debug, Clone)]
pub struct RowCodec {
    fields: Fields,
    kinds: Vec<Kind>,
}

/// How the values of a type are written.
#[derive(Debug, Clone)]
enum Kind {
    Null,
    Boolean,
    Fixed {
        width: usize,
        floats: Option<Floats>,
    },
    Bytes,
    /// Lists and maps.
    List(Box<Kind>),
    FixedList(usize, Box<Kind>),
    Struct(Vec<Kind>),
}

/// Floating-point numbers that become one: zeros of either sign, and whatever is not a number.
#[derive(Debug, Clone, Copy)]
enum Floats {
    Half,
    Single,
    Double,
}

impl RowCodec {
    /// For keys: `-0.0` becomes `0.0`, and there is one NaN.
    ///
    /// # Errors
    /// Names the type that can't be encoded.
    pub fn new(fields: &Fields) -> Result<Self, String> {
        Self::with(fields, true)
    }

    /// For values: floating-point numbers keep their bits.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn exact(fields: &Fields) -> Result<Self, String> {
        Self::with(fields, false)
    }

    fn with(fields: &Fields, canonical: bool) -> Result<Self, String> {
        let kind = |field: &arrow::datatypes::FieldRef| {
            Kind::new(field.data_type(), canonical)
                .map_err(|data_type| format!("`{}` is of the type {data_type}", field.name()))
        };
        let kinds = fields.iter().map(kind).collect::<Result<_, String>>()?;
        Ok(Self { fields: fields.clone(), kinds })
    }

    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Encodes `rows` rows in place of what `out` held.
    ///
    /// # Errors
    /// `Internal` if the columns are not those of the codec.
    pub fn encode(&self, columns: &[ArrayRef], rows: usize, out: &mut EncodedRows) -> Result<()> {
        let types = columns.iter().map(|column| column.data_type());
        let wanted = self.fields.iter().map(|field| field.data_type());
        if !types.clone().eq(wanted) || columns.iter().any(|column| column.len() < rows) {
            let types: Vec<String> = types.map(ToString::to_string).collect();
            return Err(Error::internal(format!(
                "columns of the types {} can't be encoded as {:?}",
                types.join(", "),
                self.fields
            )));
        }
        encode::encode(&self.kinds, columns, rows, out);
        Ok(())
    }

    /// The columns of encoded rows, in the order of the rows.
    ///
    /// # Errors
    /// `Corrupt` if the bytes are not what `encode` writes.
    pub fn decode<'a>(&self, rows: impl Iterator<Item = &'a [u8]>) -> Result<Vec<ArrayRef>> {
        let damaged = |why: decode::Damage| {
            Error::corrupt(format!("stored state can't be decoded: {}", why.0))
        };
        decode::decode(self, rows).map_err(damaged)
    }
}

impl Kind {
    fn new(data_type: &DataType, canonical: bool) -> Result<Self, &DataType> {
        let nested = |field: &'_ arrow::datatypes::FieldRef| {
            Self::new(field.data_type(), canonical).map_err(|_| data_type)
        };
        let floats = match data_type {
            DataType::Float16 => Some(Floats::Half),
            DataType::Float32 => Some(Floats::Single),
            DataType::Float64 => Some(Floats::Double),
            _ => None,
        };
        Ok(match data_type {
            DataType::Null => Self::Null,
            DataType::Boolean => Self::Boolean,
            DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView => Self::Bytes,
            DataType::FixedSizeBinary(width) => {
                Self::Fixed { width: usize::try_from(*width).map_err(|_| data_type)?, floats: None }
            }
            DataType::List(field) | DataType::LargeList(field) | DataType::Map(field, _) => {
                Self::List(Box::new(nested(field)?))
            }
            DataType::FixedSizeList(field, size) => {
                let size = usize::try_from(*size).map_err(|_| data_type)?;
                Self::FixedList(size, Box::new(nested(field)?))
            }
            DataType::Struct(fields) => {
                Self::Struct(fields.iter().map(nested).collect::<Result<_, _>>()?)
            }
            other => match other.primitive_width() {
                Some(width) => Self::Fixed { width, floats: floats.filter(|_| canonical) },
                None => return Err(data_type),
            },
        })
    }
}

/// Rows as bytes, one after the other.
#[derive(Debug, Clone, Default)]
pub struct EncodedRows {
    bytes: Vec<u8>,
    /// Where each row ends.
    ends: Vec<usize>,
}

impl EncodedRows {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// # Panics
    /// If there is no such row.
    pub fn row(&self, row: usize) -> &[u8] {
        &self.bytes[self.start(row)..self.ends[row]]
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.len()).map(|row| self.row(row))
    }

    fn start(&self, row: usize) -> usize {
        if row == 0 { 0 } else { self.ends[row - 1] }
    }
}
