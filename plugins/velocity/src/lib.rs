//! Counts and sums the rows of each key within a sliding time; README.md says what for.

mod config;
mod window;

use millrace_plugin::StateColumn;
use millrace_plugin::prelude::*;

pub use config::Config;
use config::{Amounts, Limits, MAIN, input_columns};
use window::Window;
pub use window::{OldEntry, OldWindow};

/// Running count and sum per key, and what is above the limits.
pub struct Velocity {
    within: i64,
    limits: Limits,
    amount: Option<String>,
    flagged: Option<String>,
}

/// The columns that are added, as they grow.
#[derive(IntoColumns)]
struct Added {
    velocity_count: u64,
    velocity_sum: f64,
    velocity_flag: Option<&'static str>,
}

/// Rows for one port.
#[derive(Default)]
struct PortRows {
    rows: Vec<u32>,
    added: ColumnBuffer<Added>,
}

impl PortRows {
    fn push(&mut self, row: u32, added: Added) {
        self.rows.push(row);
        self.added.push(added);
    }
}

impl KeyedTransform for Velocity {
    type Config = Config;
    type State = Window;
    const STATE_VERSION: u32 = 2;
    const READS_VERSIONS: &'static [u32] = &[1];

    fn start(
        config: Config,
        input: &Schema,
        _: &[String],
    ) -> Result<(Self, Description), ConfigErrors> {
        let columns = input_columns(&config, input)?;
        // A row leaves the window only when another is more than so much later.
        let forgotten = config.within.microseconds().unsigned_abs() + 1;
        let mut description = Description::reads(columns)
            .state_ttl(forgotten)
            .port(Port::new(MAIN).adds(Added::fields()));
        if let Some(port) = &config.flagged {
            description = description.port(Port::new(port).adds(Added::fields()));
        }
        let velocity = Self {
            within: config.within.microseconds(),
            limits: Limits { count: config.max_count, sum: config.max_sum },
            amount: config.amount,
            flagged: config.flagged,
        };
        Ok((velocity, description))
    }

    fn process(&mut self, batch: &mut KeyedBatch<Window>, out: &mut Output) -> Result<(), Failure> {
        let amounts = Amounts::bind(batch.rows(), self.amount.as_deref())?;
        let mut main = PortRows::default();
        let mut flagged = PortRows::default();
        while let Some(event) = batch.next()? {
            let Event::Row { row, time: Some(time) } = event else {
                return Err(Failure::new("rows need event time: declare it, and keep its order"));
            };
            let window = batch.state_mut()?.get_or_insert_default();
            window.forget(time.saturating_sub(self.within));
            window.add(time, amounts.value(row as usize));
            let (count, sum) = (window.count(), window.sum());
            let flag = self.limits.flag(count, sum);
            let added = Added { velocity_count: count, velocity_sum: sum, velocity_flag: flag };
            match flag.is_some() && self.flagged.is_some() {
                true => flagged.push(row, added),
                false => main.push(row, added),
            }
        }
        out.some(MAIN, main.rows, main.added.finish());
        if let Some(port) = &self.flagged {
            out.some(port, flagged.rows, flagged.added.finish());
        }
        Ok(())
    }

    fn migrate(_: u32, state: &[u8]) -> Result<Window, Failure> {
        StateColumn::decode::<OldWindow>(state).map(Window::of_version_1)
    }
}

export_keyed!(Velocity);
