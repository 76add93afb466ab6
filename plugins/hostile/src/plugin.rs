//! The modes that need nothing but the SDK.

use std::hint::black_box;

use millrace_plugin::log;
use millrace_plugin::prelude::*;

use crate::{Config, Mode};

const HUGE_MESSAGE_BYTES: usize = 10_000_000;
const ERRORS_OF_A_ROW: usize = 200_000;
const LOG_LINES: usize = 100_000;
const MEMORY_STEP_BYTES: usize = 1 << 20;
/// Of every so many calls of an instance `erratic` fails one.
const CALLS_TO_FAILURE: u32 = 3;
/// What `leak` loses with each call.
const LEAK_BYTES: usize = 2 << 20;
/// What `slow` does for a row.
const SLOW_STEPS: u64 = 20_000_000;
const MANY_REFUSALS: usize = 100_000;

/// Adds `m` = 2 * `n`, and misbehaves at the first row that its configuration names.
pub struct Hostile {
    config: Config,
    /// Calls that have refused rows as unavailable.
    refused: u32,
    calls: u32,
}

impl Transform for Hostile {
    type Config = Config;

    fn start(config: Config, input: &Schema) -> Result<(Self, Description), ConfigErrors> {
        match config.mode {
            Mode::LoopInStart => endless(),
            Mode::HugeRefusal => return Err(refusal("x".repeat(HUGE_MESSAGE_BYTES)).into()),
            Mode::ManyRefusals => {
                let refusals = (0..MANY_REFUSALS).map(|n| refusal(format!("refusal {n}")));
                return Err(ConfigErrors(refusals.collect()));
            }
            _ => {}
        }
        match input.field_with_name(&config.column).map(Field::data_type) {
            Ok(DataType::Int64) => {}
            _ => {
                let message = format!("the input needs an int64 column `{}`", config.column);
                return Err(ConfigError { path: "column".into(), message }.into());
            }
        }
        let mut adds = vec![Field::new("m", DataType::Int64, config.mode != Mode::NullInNonNull)];
        if config.mode.writes_text() {
            adds.push(Field::new("t", DataType::Utf8, true));
        }
        let description =
            Description::reads([config.column.as_str()]).port(Port::new("main").adds(adds));
        Ok((Self { config, refused: 0, calls: 0 }, description))
    }

    fn process(&mut self, batch: &RecordBatch, out: &mut Output) -> Result<(), Failure> {
        self.calls += 1;
        let numbers = batch.int64(&self.config.column)?;
        let rows = batch.num_rows() as u32;
        let hit = (0..rows).find(|row| self.is_hit(numbers, *row as usize));
        if let Some(row) = hit {
            self.misbehave(numbers, row as usize)?;
        }
        if self.config.mode == Mode::Slow {
            (0..rows).filter(|row| self.is_hit(numbers, *row as usize)).for_each(|_| tarry());
        }
        match (self.config.mode, hit) {
            (Mode::HugeError | Mode::ManyErrors, Some(hit)) => {
                self.refuse(hit, out);
                let others: Vec<u32> = (0..rows).filter(|row| *row != hit).collect();
                let honest = self.columns(numbers, &others);
                out.some("main", others, honest);
            }
            (Mode::Unavailable, Some(_)) if self.config.calls.is_none_or(|n| self.refused < n) => {
                self.refused += 1;
                let (hit, others): (Vec<u32>, Vec<u32>) =
                    (0..rows).partition(|row| self.is_hit(numbers, *row as usize));
                hit.iter().for_each(|row| out.error(*row, "unavailable", "no model is loaded"));
                let honest = self.columns(numbers, &others);
                out.some("main", others, honest);
            }
            _ => out.all("main", self.columns(numbers, &(0..rows).collect::<Vec<_>>())),
        }
        Ok(())
    }
}

impl Hostile {
    fn is_hit(&self, numbers: &Int64Array, row: usize) -> bool {
        match self.config.poison {
            Some(poison) => numbers.is_valid(row) && numbers.value(row) == poison,
            None => true,
        }
    }

    /// What fails or never ends; every other mode returns.
    fn misbehave(&self, numbers: &Int64Array, row: usize) -> Result<(), Failure> {
        let value = numbers.value(row);
        match self.config.mode {
            Mode::Loop => endless(),
            Mode::Memory => exhaust(),
            Mode::Panic => panic!("the value {value} is poison"),
            Mode::HugePanic => panic!("{}", "x".repeat(HUGE_MESSAGE_BYTES)),
            Mode::HugeFailure => return Err(Failure("x".repeat(HUGE_MESSAGE_BYTES))),
            Mode::Erratic if self.calls.is_multiple_of(CALLS_TO_FAILURE) => {
                panic!("call {} is one too many", self.calls)
            }
            Mode::Leak => drop(black_box(vec![1_u8; LEAK_BYTES].leak())),
            Mode::Fail => return Err(Failure(format!("the value {value} can't be taken"))),
            Mode::Stack => {
                black_box(recurse(0));
            }
            Mode::LogFlood => (0..LOG_LINES).for_each(|line| log::info(&format!("line {line}"))),
            // The other modes are not about one row; each is matched where it acts.
            _ => {}
        }
        Ok(())
    }

    fn refuse(&self, row: u32, out: &mut Output) {
        if self.config.mode == Mode::HugeError {
            out.error(row, "huge", "x".repeat(HUGE_MESSAGE_BYTES));
        } else {
            (0..ERRORS_OF_A_ROW).for_each(|_| out.error(row, "many", "again"));
        }
    }

    fn columns(&self, numbers: &Int64Array, rows: &[u32]) -> Vec<ArrayRef> {
        let number = |row: &u32| {
            let row = *row as usize;
            // Before it lies, this mode must keep its word too.
            let present = numbers.is_valid(row) || self.config.mode == Mode::NullInNonNull;
            present.then(|| numbers.value(row))
        };
        let doubled: Int64Array =
            rows.iter().map(|r| number(r).map(|n| n.wrapping_mul(2))).collect();
        let mut columns: Vec<ArrayRef> = vec![Arc::new(doubled)];
        if self.config.mode.writes_text() {
            let texts: StringArray =
                rows.iter().map(|r| number(r).map(|n| n.to_string())).collect();
            columns.push(Arc::new(texts));
        }
        columns
    }
}

fn refusal(message: String) -> ConfigError {
    ConfigError { path: String::new(), message }
}

/// Takes a few milliseconds.
pub fn tarry() {
    (0..SLOW_STEPS).for_each(|step| {
        black_box(step);
    });
}

pub fn endless() -> ! {
    loop {
        black_box(());
    }
}

/// Allocates until an allocation fails, which is a trap.
pub fn exhaust() -> ! {
    loop {
        black_box(vec![1_u8; MEMORY_STEP_BYTES].leak());
    }
}

#[expect(unconditional_recursion)]
pub fn recurse(depth: u64) -> u64 {
    // The frame must be needed after the call, or the recursion would become a loop.
    let frame = black_box([depth; 32]);
    recurse(depth + 1) + black_box(frame)[0]
}
