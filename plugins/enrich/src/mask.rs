//! Text of which only the end can be read.

use std::fmt::Write;

use arrow_array::builder::StringBuilder;
use millrace_plugin::prelude::*;

use crate::codes::text_column;

/// Written piecewise where a text is longer.
const STARS: &str = "********************************";

/// Replaces all but the last characters with stars.
pub struct Mask {
    /// The text's place among the columns that are read.
    pub column: usize,
    /// How many characters stay.
    pub keep_last: usize,
}

impl Mask {
    /// The masked texts.
    ///
    /// # Errors
    /// If the column is not text.
    pub fn derive(&self, batch: &RecordBatch, rows: &[u32]) -> Result<ArrayRef, Failure> {
        let texts = text_column(batch.column(self.column))?;
        let mut builder = StringBuilder::with_capacity(rows.len(), texts.value_data().len());
        for row in rows.iter().map(|row| *row as usize) {
            if texts.is_valid(row) {
                self.mask(texts.value(row), &mut builder)
                    .map_err(|_| Failure("a masked text could not be written".to_owned()))?;
            } else {
                builder.append_null();
            }
        }
        Ok(Arc::new(builder.finish()))
    }

    fn mask(&self, text: &str, builder: &mut StringBuilder) -> std::fmt::Result {
        let mut hidden = text.chars().count().saturating_sub(self.keep_last);
        let shown = text.char_indices().nth(hidden).map_or("", |(start, _)| &text[start..]);
        while hidden > 0 {
            let stars = hidden.min(STARS.len());
            builder.write_str(&STARS[..stars])?;
            hidden -= stars;
        }
        // The builder puts what was written before the value.
        builder.append_value(shown);
        Ok(())
    }
}
