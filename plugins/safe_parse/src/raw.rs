//! The raw column: the text of each row, checked for UTF-8 once per batch where possible.

use arrow_array::{Array, ArrayRef, BinaryArray, StringArray};
use millrace_plugin::Failure;

use crate::{Code, Refusal};

/// The raw column of a batch.
pub enum Raw<'a> {
    /// A utf8 column.
    Text(&'a StringArray),
    /// A binary column, with all of its bytes as text if they are that throughout.
    Bytes { array: &'a BinaryArray, text: Option<&'a str> },
}

impl<'a> Raw<'a> {
    /// Looks at the column's type and, for binary, its bytes.
    ///
    /// # Errors
    /// If the column is neither binary nor utf8.
    pub fn new(column: &'a ArrayRef) -> Result<Self, Failure> {
        if let Some(array) = column.as_any().downcast_ref::<StringArray>() {
            return Ok(Self::Text(array));
        }
        match column.as_any().downcast_ref::<BinaryArray>() {
            // One check of a large buffer is faster than many of small ones.
            Some(array) => {
                Ok(Self::Bytes { array, text: std::str::from_utf8(array.value_data()).ok() })
            }
            None => Err(Failure(format!(
                "the raw column has type {}; it must be binary or utf8",
                column.data_type()
            ))),
        }
    }

    /// The text of a row.
    ///
    /// # Errors
    /// If it is null, or not UTF-8.
    pub fn text(&self, row: usize) -> Result<&'a str, Refusal> {
        let text = match self {
            Self::Text(array) if array.is_valid(row) => Ok(array.value(row)),
            Self::Bytes { array, text: Some(text) } if array.is_valid(row) => {
                let offsets = array.value_offsets();
                // Valid as a whole, a row may still begin or end within a character.
                let (start, end) = (offsets[row] as usize, offsets[row + 1] as usize);
                text.get(start..end).ok_or("a character is cut off".to_owned())
            }
            Self::Bytes { array, text: None } if array.is_valid(row) => {
                std::str::from_utf8(array.value(row)).map_err(|e| e.to_string())
            }
            _ => return Err(Refusal::new(Code::Missing, None, "the raw value is null")),
        };
        text.map_err(|e| Refusal::new(Code::Malformed, None, &format!("not UTF-8: {e}")))
    }
}
