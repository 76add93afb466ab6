//! One rule, and which rows it matches.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Decimal128Type, Float32Type, Float64Type, Int32Type, Int64Type,
};
use arrow_array::{Array, PrimitiveArray};
use millrace_plugin::prelude::*;

/// Where a row goes that a rule matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Fraud,
    Review,
}

/// Matches a row if all of its conditions hold.
#[derive(Debug)]
pub struct Rule {
    pub name: String,
    pub outcome: Outcome,
    pub reason: String,
    pub conditions: Vec<Condition>,
}

impl Rule {
    /// Keeps those of `rows` that the rule matches, one column after the other.
    ///
    /// # Errors
    /// If a column has another type than it had at the start.
    pub fn keep_matching(&self, batch: &RecordBatch, rows: &mut Vec<u32>) -> Result<(), Failure> {
        self.conditions.iter().try_for_each(|condition| condition.keep(batch, rows))
    }
}

/// A test of one column. Null passes none.
#[derive(Debug)]
pub struct Condition {
    /// The column's place among those that the plugin reads.
    pub column: usize,
    pub test: Test,
}

/// What is tested.
#[derive(Debug)]
pub enum Test {
    /// A number above this one.
    Over(f64),
    /// A number below this one.
    Under(f64),
    /// An hour whose bit is set.
    Hours(u32),
    OneOf(Words),
    NoneOf(Words),
}

impl Condition {
    fn keep(&self, batch: &RecordBatch, rows: &mut Vec<u32>) -> Result<(), Failure> {
        let column = batch.column(self.column);
        match &self.test {
            Test::Over(limit) => keep_numbers(column, rows, |n| n > *limit),
            Test::Under(limit) => keep_numbers(column, rows, |n| n < *limit),
            Test::Hours(hours) => keep_numbers(column, rows, |n| {
                (0.0..24.0).contains(&n) && hours >> (n as u32) & 1 == 1
            }),
            Test::OneOf(words) => keep_texts(column, rows, |text| words.contains(text)),
            Test::NoneOf(words) => keep_texts(column, rows, |text| !words.contains(text)),
        }
    }
}

/// Whether numbers of this type can be tested.
pub fn is_number(data_type: &DataType) -> bool {
    use DataType::{Decimal128, Float32, Float64, Int32, Int64};
    matches!(data_type, Float64 | Float32 | Int64 | Int32 | Decimal128(_, _))
}

fn keep_numbers(
    column: &ArrayRef,
    rows: &mut Vec<u32>,
    test: impl Fn(f64) -> bool,
) -> Result<(), Failure> {
    match column.data_type() {
        DataType::Float64 => keep(column.as_primitive::<Float64Type>(), rows, test),
        DataType::Float32 => {
            keep(column.as_primitive::<Float32Type>(), rows, |n| test(f64::from(n)));
        }
        DataType::Int64 => keep(column.as_primitive::<Int64Type>(), rows, |n| test(n as f64)),
        DataType::Int32 => {
            keep(column.as_primitive::<Int32Type>(), rows, |n| test(f64::from(n)));
        }
        DataType::Decimal128(_, scale) => {
            let unit = 10_f64.powi(i32::from(*scale));
            let column = column.as_primitive::<Decimal128Type>();
            keep(column, rows, |n| test(n as f64 / unit));
        }
        other => return Err(Failure(format!("a number can't be of type {other}"))),
    }
    Ok(())
}

fn keep<T: ArrowPrimitiveType>(
    column: &PrimitiveArray<T>,
    rows: &mut Vec<u32>,
    test: impl Fn(T::Native) -> bool,
) {
    if column.null_count() > 0 {
        rows.retain(|row| column.is_valid(*row as usize));
    }
    rows.retain(|row| test(column.value(*row as usize)));
}

fn keep_texts(
    column: &ArrayRef,
    rows: &mut Vec<u32>,
    test: impl Fn(&str) -> bool,
) -> Result<(), Failure> {
    let Some(column) = column.as_string_opt::<i32>() else {
        return Err(Failure(format!("a text can't be of type {}", column.data_type())));
    };
    rows.retain(|row| column.is_valid(*row as usize) && test(column.value(*row as usize)));
    Ok(())
}

/// A fixed set of texts.
#[derive(Debug)]
pub struct Words(Vec<Box<str>>);

impl Words {
    pub fn new(words: &[String]) -> Self {
        let mut words: Vec<Box<str>> = words.iter().map(|word| word.as_str().into()).collect();
        words.sort_unstable();
        words.dedup();
        Self(words)
    }

    fn contains(&self, text: &str) -> bool {
        self.0.binary_search_by(|word| (**word).cmp(text)).is_ok()
    }
}
