//! Typed columns of a batch by name.

use arrow_array::{
    Array, BinaryArray, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};

use crate::Failure;

/// Typed access to the columns of a batch.
pub trait BatchExt {
    /// The column `name` as an array of type `A`.
    ///
    /// # Errors
    /// If there is no such column, or it has another type.
    fn typed<A: Array + 'static>(&self, name: &str) -> Result<&A, Failure>;

    /// A column of `Boolean`.
    ///
    /// # Errors
    /// As [`typed`](Self::typed).
    fn boolean(&self, name: &str) -> Result<&BooleanArray, Failure> {
        self.typed(name)
    }

    /// A column of `Int64`.
    ///
    /// # Errors
    /// As [`typed`](Self::typed).
    fn int64(&self, name: &str) -> Result<&Int64Array, Failure> {
        self.typed(name)
    }

    /// A column of `Float64`.
    ///
    /// # Errors
    /// As [`typed`](Self::typed).
    fn float64(&self, name: &str) -> Result<&Float64Array, Failure> {
        self.typed(name)
    }

    /// A column of `Utf8`.
    ///
    /// # Errors
    /// As [`typed`](Self::typed).
    fn utf8(&self, name: &str) -> Result<&StringArray, Failure> {
        self.typed(name)
    }

    /// A column of `Binary`.
    ///
    /// # Errors
    /// As [`typed`](Self::typed).
    fn binary(&self, name: &str) -> Result<&BinaryArray, Failure> {
        self.typed(name)
    }

    /// A column of `Timestamp`, in microseconds since 1970-01-01.
    ///
    /// # Errors
    /// As [`typed`](Self::typed).
    fn timestamp(&self, name: &str) -> Result<&TimestampMicrosecondArray, Failure> {
        self.typed(name)
    }
}

impl BatchExt for RecordBatch {
    fn typed<A: Array + 'static>(&self, name: &str) -> Result<&A, Failure> {
        let column = self.column_by_name(name).ok_or_else(|| {
            Failure(format!("column `{name}` is not among those that the plugin reads"))
        })?;
        column.as_any().downcast_ref::<A>().ok_or_else(|| {
            Failure(format!(
                "column `{name}` has type {}, which is not expected",
                column.data_type()
            ))
        })
    }
}
