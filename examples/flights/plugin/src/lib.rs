//! Tells flights that arrived late from the rest: by how much, and where the time was lost.
//!
//! Every flight that arrived gets the columns `delay_class` and `likely_cause`; those that were
//! late leave on the port `delayed`, the rest on `main`. A flight without a delay or an air time
//! did not get where it should; it is refused with the code `missing` and the column that has no
//! value. What makes a class or a cause is decided in [`flight`].

pub mod flight;

use millrace_plugin::prelude::*;

use flight::{Flight, Verdict};

/// Where the flights go that were late.
const DELAYED: &str = "delayed";
/// Where the others go.
const MAIN: &str = "main";

/// `[step.X.config]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// A flight is late from so many minutes after its scheduled arrival on. Default: 15, as
    /// airlines report it.
    #[serde(default = "default_minutes")]
    minutes: i64,
}

fn default_minutes() -> i64 {
    15
}

/// The plugin.
pub struct LateFlights {
    minutes: i64,
}

impl Transform for LateFlights {
    type Config = Config;

    fn start(config: Config, input: &Schema) -> Result<(Self, Description), ConfigErrors> {
        let mut errors = ConfigErrors::default();
        if !(1..=flight::MINUTES_MAX).contains(&config.minutes) {
            let message = format!(
                "{} is not a delay in minutes; give 1 to {}",
                config.minutes,
                flight::MINUTES_MAX
            );
            errors.push("minutes", message);
        }
        for name in Flight::COLUMNS {
            match input.field_with_name(name) {
                Ok(field) if *field.data_type() == DataType::Int64 => {}
                Ok(field) => {
                    let found = field.data_type();
                    errors.push("", format!("`{name}` is of type {found}; it must be int64"));
                }
                Err(_) => errors.push("", format!("the input has no column `{name}`")),
            }
        }
        errors.into_result()?;
        let port = |name: &str| Port::new(name).adds(Verdict::fields());
        let description = Description::reads(Flight::COLUMNS.iter().copied())
            .port(port(MAIN))
            .port(port(DELAYED));
        Ok((Self { minutes: config.minutes }, description))
    }

    fn process(&mut self, batch: &RecordBatch, out: &mut Output) -> Result<(), Failure> {
        let mut main = Part::default();
        let mut delayed = Part::default();
        for (row, flight) in (0..).zip(rows::<Flight>(batch)?) {
            let verdict = match flight {
                Ok(flight) => flight.judge(self.minutes),
                Err(error) => {
                    out.refuse(explained(error));
                    continue;
                }
            };
            let part = if verdict.is_late() { &mut delayed } else { &mut main };
            part.rows.push(row);
            part.verdicts.push(verdict);
        }
        out.some(MAIN, main.rows, main.verdicts.finish());
        out.some(DELAYED, delayed.rows, delayed.verdicts.finish());
        Ok(())
    }
}

/// The rows of one port.
#[derive(Default)]
struct Part {
    rows: Vec<u32>,
    verdicts: ColumnBuffer<Verdict>,
}

/// A refusal that says what the missing value means.
fn explained(error: RowError) -> RowError {
    let message = match error.column.as_deref() {
        Some("dep_delay") => "there is no `dep_delay`: the flight was cancelled".to_owned(),
        Some(column) => format!("there is no `{column}`: the flight did not arrive as planned"),
        None => error.message,
    };
    RowError { message, ..error }
}

export_transform!(LateFlights);
