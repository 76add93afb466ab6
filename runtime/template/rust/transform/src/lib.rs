//! Marks rows whose amount is above a limit.

use millrace_plugin::prelude::*;

pub struct FlagLarge {
    limit: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    limit: f64,
}

impl Transform for FlagLarge {
    type Config = Config;

    fn start(config: Config, _input: &Schema) -> Result<(Self, Description), ConfigErrors> {
        let large = Field::new("large", DataType::Boolean, true);
        let description = Description::reads(["amount"]).port(Port::new("main").adds([large]));
        Ok((Self { limit: config.limit }, description))
    }

    fn process(&mut self, batch: &RecordBatch, out: &mut Output) -> Result<(), Failure> {
        let amount = batch.float64("amount")?;
        let large: BooleanArray = amount.iter().map(|a| a.map(|a| a > self.limit)).collect();
        out.all("main", [Arc::new(large) as ArrayRef]);
        Ok(())
    }
}

export_transform!(FlagLarge);
