//! Marks each row with a text, and fails where it is told to: for the tests of swaps.

use std::sync::Arc;

use millrace_plugin::prelude::*;
use serde::Deserialize;

/// Adds the column `tag` to rows with a number `n`.
pub struct Tagged {
    config: Config,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    tag: String,
    /// Panics on each `n` that can be divided by it.
    trap_every: Option<i64>,
    /// Refuses each `n` that can be divided by it.
    refuse_every: Option<i64>,
    /// Goes on for ever at this `n`.
    loop_at: Option<i64>,
    /// Works so many times longer than it needs to.
    #[serde(default)]
    slow: u32,
    /// Another name for the column.
    column: Option<String>,
    /// The column is a number, and 1.
    #[serde(default)]
    number: bool,
}

impl Transform for Tagged {
    type Config = Config;

    fn start(config: Config, _: &Schema) -> Result<(Self, Description), ConfigErrors> {
        let name = config.column.as_deref().unwrap_or("tag");
        let kind = if config.number { DataType::Int64 } else { DataType::Utf8 };
        let main = Port::new("main").adds(vec![Field::new(name, kind, true)]);
        Ok((Self { config }, Description::reads(["n"]).port(main)))
    }

    fn process(&mut self, batch: &RecordBatch, out: &mut Output) -> Result<(), Failure> {
        let numbers = batch.int64("n")?;
        let hits = |every: Option<i64>, n: i64| every.is_some_and(|every| n % every == 0);
        let mut kept = Vec::new();
        for row in 0..batch.num_rows() {
            let n = numbers.value(row);
            assert!(!hits(self.config.trap_every, n), "{n} is a multiple of what traps");
            while self.config.loop_at == Some(n) {
                std::hint::spin_loop();
            }
            (0..self.config.slow).for_each(|at| _ = std::hint::black_box(at));
            match hits(self.config.refuse_every, n) {
                true => out.error(row as u32, "refused", "not this one"),
                false => kept.push(row as u32),
            }
        }
        let column: ArrayRef = match self.config.number {
            true => Arc::new(Int64Array::from(vec![1; kept.len()])),
            false => Arc::new(StringArray::from(vec![self.config.tag.as_str(); kept.len()])),
        };
        out.some("main", kept, [column]);
        Ok(())
    }
}

export_transform!(Tagged);
