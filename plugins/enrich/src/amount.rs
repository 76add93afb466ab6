//! Amounts in one currency.

use arrow_array::builder::Float64Builder;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Decimal128Type, Float32Type, Float64Type, Int32Type, Int64Type,
};
use arrow_array::{Array, PrimitiveArray};
use millrace_plugin::prelude::*;

use crate::codes::{Codes, text_column};

/// Multiplies amounts with the rate of their currency.
pub struct Amount {
    /// The amounts' place among the columns that are read.
    pub amount: usize,
    /// The currencies' place, and their name for a refusal.
    pub currency: usize,
    pub currency_name: String,
    pub base: &'static str,
    pub codes: Codes,
    /// By the place of a currency in `codes`: how much of the base one unit is worth.
    pub rates: Vec<Option<f64>>,
}

impl Amount {
    /// The amounts of all rows, less those that are refused because there is no rate.
    ///
    /// # Errors
    /// If a column has another type than it had at the start.
    pub fn derive(
        &mut self,
        batch: &RecordBatch,
        rows: &mut Vec<u32>,
        out: &mut Output,
    ) -> Result<ArrayRef, Failure> {
        let column = batch.column(self.amount);
        match column.data_type() {
            DataType::Float64 => {
                self.convert(column.as_primitive::<Float64Type>(), |n| n, batch, rows, out)
            }
            DataType::Float32 => {
                self.convert(column.as_primitive::<Float32Type>(), f64::from, batch, rows, out)
            }
            DataType::Int64 => {
                self.convert(column.as_primitive::<Int64Type>(), |n| n as f64, batch, rows, out)
            }
            DataType::Int32 => {
                self.convert(column.as_primitive::<Int32Type>(), f64::from, batch, rows, out)
            }
            DataType::Decimal128(_, scale) => {
                let unit = 10_f64.powi(i32::from(*scale));
                let column = column.as_primitive::<Decimal128Type>();
                self.convert(column, |n| n as f64 / unit, batch, rows, out)
            }
            other => Err(Failure(format!("an amount can't be of type {other}"))),
        }
    }

    fn convert<T: ArrowPrimitiveType>(
        &mut self,
        amounts: &PrimitiveArray<T>,
        number: impl Fn(T::Native) -> f64,
        batch: &RecordBatch,
        rows: &mut Vec<u32>,
        out: &mut Output,
    ) -> Result<ArrayRef, Failure> {
        let currencies = text_column(batch.column(self.currency))?;
        let mut builder = Float64Builder::with_capacity(rows.len());
        rows.retain(|row| {
            let at = *row as usize;
            if amounts.is_null(at) {
                // Nothing is nothing in any currency.
                builder.append_null();
                return true;
            }
            let currency = currencies.is_valid(at).then(|| currencies.value(at));
            match currency.and_then(|text| self.rate(text)) {
                Some(rate) => {
                    builder.append_value(number(amounts.value(at)) * rate);
                    true
                }
                None => {
                    let message = self.no_rate(currency);
                    out.error_in(*row, &self.currency_name, "no_rate", message);
                    false
                }
            }
        });
        Ok(Arc::new(builder.finish()))
    }

    fn rate(&mut self, text: &str) -> Option<f64> {
        self.rates[self.codes.find(text)?]
    }

    #[cold]
    fn no_rate(&self, currency: Option<&str>) -> String {
        /// More of a text does not help to find the mistake.
        const CHARS_MAX: usize = 40;
        match currency {
            Some(text) => {
                let text: String = text.chars().take(CHARS_MAX).collect();
                format!("there is no rate from `{text}` to {}", self.base)
            }
            None => format!("the currency is null, so there is no rate to {}", self.base),
        }
    }
}

/// Whether amounts of this type can be converted.
pub fn is_amount(data_type: &DataType) -> bool {
    use DataType::{Decimal128, Float32, Float64, Int32, Int64};
    matches!(data_type, Float64 | Float32 | Int64 | Int32 | Decimal128(_, _))
}
