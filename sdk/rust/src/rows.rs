//! One struct per row, for where speed matters less than ease.

use std::marker::PhantomData;
use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, Float32Builder, Float64Builder, Int32Builder, Int64Builder,
    StringBuilder, UInt32Builder, UInt64Builder,
};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Float32Array, Float64Array, Int32Array, Int64Array,
    RecordBatch, StringArray, UInt32Array, UInt64Array,
};
use arrow_schema::{DataType, Field};

use crate::{BatchExt, Failure, RowError};

/// A struct whose fields are columns of a batch. Derive it; fields are `bool`, `i32`, `i64`,
/// `u32`, `u64`, `f32`, `f64`, `&str`, `&[u8]`, or an `Option` of these where a value may be null.
pub trait FromRow<'a>: Sized {
    /// The columns, found once per batch.
    type Columns;
    /// The names of the columns: give them to [`Description::reads`](crate::Description::reads).
    const COLUMNS: &'static [&'static str];

    /// Finds the columns.
    ///
    /// # Errors
    /// If a column is missing or has another type.
    fn bind(batch: &'a RecordBatch) -> Result<Self::Columns, Failure>;

    /// Reads one row.
    ///
    /// # Errors
    /// If a value is null whose field is not an `Option`.
    fn read(columns: &Self::Columns, row: usize) -> Result<Self, RowError>;
}

/// The rows of a batch as structs, with a refusal for each row that lacks a value.
///
/// # Errors
/// If a column is missing or has another type.
pub fn rows<'a, T: FromRow<'a>>(
    batch: &'a RecordBatch,
) -> Result<impl Iterator<Item = Result<T, RowError>> + use<'a, T>, Failure> {
    let columns = T::bind(batch)?;
    Ok((0..batch.num_rows()).map(move |row| T::read(&columns, row)))
}

/// A struct whose fields become columns. Derive it; fields are `bool`, `i32`, `i64`, `u32`, `u64`,
/// `f32`, `f64`, `String`, `&'static str`, `Vec<u8>`, or an `Option` of these.
pub trait IntoColumns: Sized {
    /// One builder per field.
    type Builders: Default;

    /// The columns' names and types: give them to [`Port::adds`](crate::Port::adds).
    fn fields() -> Vec<Field>;
    /// Adds one row.
    fn append(self, builders: &mut Self::Builders);
    /// The finished columns.
    fn finish(builders: Self::Builders) -> Vec<ArrayRef>;
}

/// Collects structs into columns.
pub struct ColumnBuffer<T: IntoColumns> {
    builders: T::Builders,
    row: PhantomData<T>,
}

impl<T: IntoColumns> ColumnBuffer<T> {
    /// No rows yet.
    pub fn new() -> Self {
        Self { builders: T::Builders::default(), row: PhantomData }
    }

    /// Adds one row.
    pub fn push(&mut self, row: T) {
        row.append(&mut self.builders);
    }

    /// The columns.
    pub fn finish(self) -> Vec<ArrayRef> {
        T::finish(self.builders)
    }
}

impl<T: IntoColumns> Default for ColumnBuffer<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// A value that can be read from a column.
pub trait Cell<'a>: Sized {
    /// The array that holds such values.
    type Column: 'a;
    /// Finds the column.
    ///
    /// # Errors
    /// If it is missing or has another type.
    fn bind(batch: &'a RecordBatch, name: &str) -> Result<&'a Self::Column, Failure>;
    /// The value of a row; `None` if it is null and this type has no null.
    fn get(column: &'a Self::Column, row: usize) -> Option<Self>;
}

/// A value that can be written into a column.
pub trait IntoCell {
    /// What collects such values.
    type Builder: Default;
    /// Whether the column can hold nulls.
    const NULLABLE: bool;
    /// The column's type.
    fn data_type() -> DataType;
    /// Adds the value.
    fn append(self, builder: &mut Self::Builder);
    /// Adds a null.
    fn append_null(builder: &mut Self::Builder);
    /// The finished column.
    fn finish(builder: Self::Builder) -> ArrayRef;
}

macro_rules! read {
    ($($value:ty => $array:ty),+ $(,)?) => {$(
        impl<'a> Cell<'a> for $value {
            type Column = $array;

            fn bind(batch: &'a RecordBatch, name: &str) -> Result<&'a $array, Failure> {
                batch.typed::<$array>(name)
            }

            fn get(column: &'a $array, row: usize) -> Option<Self> {
                column.is_valid(row).then(|| column.value(row))
            }
        }
    )+};
}

read! {
    bool => BooleanArray,
    i32 => Int32Array,
    i64 => Int64Array,
    u32 => UInt32Array,
    u64 => UInt64Array,
    f32 => Float32Array,
    f64 => Float64Array,
    &'a str => StringArray,
    &'a [u8] => BinaryArray,
}

impl<'a, T: Cell<'a>> Cell<'a> for Option<T> {
    type Column = T::Column;

    fn bind(batch: &'a RecordBatch, name: &str) -> Result<&'a T::Column, Failure> {
        T::bind(batch, name)
    }

    fn get(column: &'a T::Column, row: usize) -> Option<Self> {
        Some(T::get(column, row))
    }
}

macro_rules! write {
    ($($value:ty => $builder:ty, $data_type:ident);+ $(;)?) => {$(
        impl IntoCell for $value {
            type Builder = $builder;
            const NULLABLE: bool = false;

            fn data_type() -> DataType {
                DataType::$data_type
            }

            fn append(self, builder: &mut $builder) {
                builder.append_value(self);
            }

            fn append_null(builder: &mut $builder) {
                builder.append_null();
            }

            fn finish(mut builder: $builder) -> ArrayRef {
                Arc::new(builder.finish())
            }
        }
    )+};
}

write! {
    bool => BooleanBuilder, Boolean;
    i32 => Int32Builder, Int32;
    i64 => Int64Builder, Int64;
    u32 => UInt32Builder, UInt32;
    u64 => UInt64Builder, UInt64;
    f32 => Float32Builder, Float32;
    f64 => Float64Builder, Float64;
    String => StringBuilder, Utf8;
    &'static str => StringBuilder, Utf8;
    Vec<u8> => BinaryBuilder, Binary;
}

impl<T: IntoCell> IntoCell for Option<T> {
    type Builder = T::Builder;
    const NULLABLE: bool = true;

    fn data_type() -> DataType {
        T::data_type()
    }

    fn append(self, builder: &mut T::Builder) {
        match self {
            Some(value) => value.append(builder),
            None => T::append_null(builder),
        }
    }

    fn append_null(builder: &mut T::Builder) {
        T::append_null(builder);
    }

    fn finish(builder: T::Builder) -> ArrayRef {
        T::finish(builder)
    }
}
