//! Derived columns: countries and currencies by their codes, amounts in one currency, the parts of
//! a time, and masked text.
//!
//! See README.md for the configuration. [`config`] checks it and makes a list of derivations; each
//! takes its columns of a batch and makes new ones. Only [`amount`] may refuse a row, so it goes
//! first and the others see the rows that are left.

mod amount;
mod codes;
mod config;
mod mask;
mod time;

use millrace_plugin::prelude::*;

use amount::Amount;
use codes::Codes;
use config::Config;
use mask::Mask;
use time::Time;

/// The plugin.
pub struct Enrich {
    derivations: Vec<Derivation>,
    amount: Option<Amount>,
}

/// One section of the configuration, but for `amount`.
enum Derivation {
    /// A country or currency by its code.
    Code {
        column: usize,
        codes: Codes,
    },
    Time(Time),
    Mask(Mask),
}

impl Transform for Enrich {
    type Config = Config;

    fn start(config: Config, input: &Schema) -> Result<(Self, Description), ConfigErrors> {
        let plan = config.resolve(input)?;
        let description = Description::reads(plan.reads).port(Port::new("main").adds(plan.adds));
        Ok((Self { derivations: plan.derivations, amount: plan.amount }, description))
    }

    fn process(&mut self, batch: &RecordBatch, out: &mut Output) -> Result<(), Failure> {
        let mut rows: Vec<u32> = (0..batch.num_rows() as u32).collect();
        let mut columns = Vec::new();
        if let Some(amount) = &mut self.amount {
            columns.push(amount.derive(batch, &mut rows, out)?);
        }
        for derivation in &mut self.derivations {
            match derivation {
                Derivation::Code { column, codes } => {
                    columns.push(codes.derive(batch.column(*column), &rows)?);
                }
                Derivation::Time(time) => columns.extend(time.derive(batch, &rows)?),
                Derivation::Mask(mask) => columns.push(mask.derive(batch, &rows)?),
            }
        }
        if rows.len() == batch.num_rows() {
            out.all("main", columns);
        } else {
            out.some("main", rows, columns);
        }
        Ok(())
    }
}

export_transform!(Enrich);
