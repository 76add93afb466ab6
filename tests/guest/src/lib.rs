//! Reads two columns and adds one: as little work as a plugin can do that still touches its rows.

use millrace_plugin::prelude::*;

/// Adds `cost` = `amount` * `fee`.
pub struct Cost;

impl Transform for Cost {
    type Config = serde::de::IgnoredAny;

    fn start(_: Self::Config, _: &Schema) -> Result<(Self, Description), ConfigErrors> {
        let cost = Field::new("cost", DataType::Float64, true);
        let port = Port::new("main").adds([cost]);
        Ok((Self, Description::reads(["amount", "fee"]).port(port)))
    }

    fn process(&mut self, batch: &RecordBatch, out: &mut Output) -> Result<(), Failure> {
        let (amount, fee) = (batch.float64("amount")?, batch.float64("fee")?);
        let product = amount.values().iter().zip(fee.values()).map(|(a, f)| a * f);
        let nulls = arrow_nulls(amount, fee);
        out.all("main", [Arc::new(Float64Array::new(product.collect(), nulls)) as ArrayRef]);
        Ok(())
    }
}

fn arrow_nulls(a: &Float64Array, b: &Float64Array) -> Option<arrow_buffer::NullBuffer> {
    arrow_buffer::NullBuffer::union(a.nulls(), b.nulls())
}

export_transform!(Cost);

#[cfg(test)]
mod tests {
    use super::*;
    use millrace_plugin::testing;

    #[test]
    fn the_cost_is_the_product() {
        let column = |values: Vec<f64>| Arc::new(Float64Array::from(values)) as ArrayRef;
        let input =
            testing::batch([("amount", column(vec![2.0, 3.0])), ("fee", column(vec![0.5, 2.0]))]);
        let result = testing::run::<Cost>("{}", &input).unwrap();
        let cost = result.port("main").float64("cost").unwrap();
        assert_eq!(cost.values().as_ref(), [1.0, 6.0]);
    }
}
