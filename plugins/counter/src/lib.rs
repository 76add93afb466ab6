//! Counts the rows of each key, in states of any version: for the tests of swaps.

#[cfg(target_family = "wasm")]
mod component;

use std::sync::Arc;

use millrace_plugin::prelude::*;
use serde::{Deserialize, Serialize};

/// Adds to rows with a number `n` the columns `count`, the rows of the key until then, and `tag`.
pub struct Counter {
    config: Config,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub tag: String,
    /// The version of the states that it writes.
    #[serde(default = "one")]
    pub writes: u32,
    /// Older ones that it can migrate.
    #[serde(default)]
    pub reads: Vec<u32>,
    /// Panics on each `n` that can be divided by it.
    pub trap_every: Option<i64>,
    /// Fails to migrate.
    #[serde(default)]
    pub stuck: bool,
    /// Never ends to migrate.
    #[serde(default)]
    pub endless: bool,
}

fn one() -> u32 {
    1
}

/// A state knows its version, so that one that was not migrated is seen.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct State {
    pub version: u32,
    pub count: u64,
}

impl KeyedTransform for Counter {
    type Config = Config;
    type State = State;

    fn start(
        config: Config,
        _: &Schema,
        _: &[String],
    ) -> Result<(Self, Description), ConfigErrors> {
        let adds = vec![
            Field::new("count", DataType::UInt64, true),
            Field::new("tag", DataType::Utf8, true),
        ];
        let main = Port::new("main").adds(adds);
        Ok((Self { config }, Description::reads(["n"]).port(main)))
    }

    fn process(&mut self, batch: &mut KeyedBatch<State>, out: &mut Output) -> Result<(), Failure> {
        let numbers = batch.rows().int64("n")?.clone();
        let (mut rows, mut counts) = (Vec::new(), Vec::new());
        let version = self.config.writes;
        while let Some(event) = batch.next()? {
            let Event::Row { row, .. } = event else { continue };
            let n = numbers.value(row as usize);
            let traps = self.config.trap_every.is_some_and(|every| n % every == 0);
            assert!(!traps, "{n} is a multiple of what traps");
            let state = batch.state_mut()?.get_or_insert(State { version, count: 0 });
            if state.version != version {
                let found = state.version;
                return Err(Failure(format!("a state of version {found}, and {version} wanted")));
            }
            state.count += 1;
            rows.push(row);
            counts.push(state.count);
        }
        let tags = StringArray::from(vec![self.config.tag.as_str(); rows.len()]);
        out.some("main", rows, [Arc::new(UInt64Array::from(counts)) as ArrayRef, Arc::new(tags)]);
        Ok(())
    }
}
