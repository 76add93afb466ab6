//! The step's configuration, and the columns that it names.

use arrow_array::Int64Array;
use millrace_plugin::Span;
use millrace_plugin::prelude::*;

/// The port of rows that are not flagged.
pub const MAIN: &str = "main";

/// `[step.X.config]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How far back rows count, such as `60s`, `5m`, `24h` or `7d`.
    pub within: Span,
    /// The column that is summed; without it every row counts as 0.
    #[serde(default)]
    pub amount: Option<String>,
    /// More rows than this within the time are flagged.
    #[serde(default)]
    pub max_count: Option<u64>,
    /// A sum above this is flagged.
    #[serde(default)]
    pub max_sum: Option<f64>,
    /// The port to which flagged rows go instead of `main`.
    #[serde(default)]
    pub flagged: Option<String>,
}

/// What is too much.
pub struct Limits {
    pub count: Option<u64>,
    pub sum: Option<f64>,
}

impl Limits {
    /// Which limit is passed.
    pub fn flag(&self, count: u64, sum: f64) -> Option<&'static str> {
        let count = self.count.is_some_and(|max| count > max);
        let sum = self.sum.is_some_and(|max| sum > max);
        match (count, sum) {
            (true, true) => Some("count,sum"),
            (true, false) => Some("count"),
            (false, true) => Some("sum"),
            (false, false) => None,
        }
    }
}

/// The columns that are read: that of the amount, if there is one.
pub fn input_columns(config: &Config, input: &Schema) -> Result<Vec<String>, ConfigErrors> {
    let mut errors = ConfigErrors::default();
    if config.max_sum.is_some() && config.amount.is_none() {
        errors.push("max_sum", "needs `amount`, the column that is summed");
    }
    if config.flagged.is_some() && config.max_count.is_none() && config.max_sum.is_none() {
        errors.push("flagged", "needs a limit: `max_count` or `max_sum`");
    }
    if config.flagged.as_deref() == Some(MAIN) {
        errors.push("flagged", "must be another port than `main`");
    }
    if let Some(amount) = &config.amount {
        match input.field_with_name(amount).map(Field::data_type) {
            Ok(DataType::Float64 | DataType::Int64) => {}
            Ok(other) => errors.push(
                "amount",
                format!("column `{amount}` is {other}; it must be float64 or int64 (SQL can cast)"),
            ),
            Err(_) => errors.push("amount", format!("the input has no column `{amount}`")),
        }
    }
    errors.into_result()?;
    Ok(config.amount.iter().cloned().collect())
}

/// The column that is summed.
pub enum Amounts {
    Float(Float64Array),
    Int(Int64Array),
    None,
}

impl Amounts {
    pub fn bind(rows: &RecordBatch, column: Option<&str>) -> Result<Self, Failure> {
        Ok(match column {
            None => Self::None,
            Some(column) => match rows.float64(column) {
                Ok(floats) => Self::Float(floats.clone()),
                Err(_) => Self::Int(rows.int64(column)?.clone()),
            },
        })
    }

    /// The amount of a row; null counts as 0.
    pub fn value(&self, row: usize) -> f64 {
        match self {
            Self::Float(floats) if floats.is_valid(row) => floats.value(row),
            Self::Int(ints) if ints.is_valid(row) => ints.value(row) as f64,
            _ => 0.0,
        }
    }
}
