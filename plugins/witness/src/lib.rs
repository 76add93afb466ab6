//! A plugin that uses all that a pipeline can grant, for the tests of the host. README.md says
//! what its configuration does.

use std::hint::black_box;

use millrace_plugin::prelude::*;
use millrace_plugin::{clock, export_keyed, export_transform, log, metrics, random};

/// `[step.X.config]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub add: bool,
    pub poison: Option<i64>,
    pub log_lines: u32,
    pub leak_bytes: usize,
    pub metrics: u32,
    pub metric: Option<String>,
}

/// Adds what it hears of time and chance.
pub struct Witness {
    config: Config,
}

/// The same as a keyed plugin, which keeps how many rows a key has had.
pub struct KeyedWitness(Witness);

impl Config {
    fn description(&self) -> Description {
        let adds = match self.add {
            true => vec![
                Field::new("now", DataType::Int64, false),
                Field::new("chance", DataType::Int64, false),
            ],
            false => Vec::new(),
        };
        Description::reads(["n"]).port(Port::new("main").adds(adds))
    }
}

impl Witness {
    fn witness(&self, numbers: &Int64Array) -> Result<Vec<ArrayRef>, Failure> {
        let config = &self.config;
        for line in 0..config.log_lines {
            log::info(&format!("line {line}"));
        }
        metrics::count("rows", numbers.len() as u64);
        if let Some(last) = numbers.iter().next_back().flatten() {
            metrics::gauge("last", last as f64);
        }
        (0..config.metrics).for_each(|at| metrics::count(&format!("m{at}"), 1));
        if let Some(name) = &config.metric {
            metrics::count(name, 1);
        }
        black_box(vec![1_u8; config.leak_bytes].leak());
        if config.poison.is_some_and(|poison| numbers.iter().flatten().any(|n| n == poison)) {
            return Err(Failure("the poison".to_owned()));
        }
        if !config.add {
            return Ok(Vec::new());
        }
        let now = clock::now();
        let now: Int64Array = numbers.iter().map(|_| Some(now)).collect();
        let chance: Int64Array =
            numbers.iter().map(|_| Some(random::number().cast_signed())).collect();
        Ok(vec![Arc::new(now), Arc::new(chance)])
    }
}

impl Transform for Witness {
    type Config = Config;

    fn start(config: Config, _: &Schema) -> Result<(Self, Description), ConfigErrors> {
        let description = config.description();
        Ok((Self { config }, description))
    }

    fn process(&mut self, batch: &RecordBatch, out: &mut Output) -> Result<(), Failure> {
        let columns = self.witness(batch.int64("n")?)?;
        out.all("main", columns);
        Ok(())
    }
}

impl KeyedTransform for KeyedWitness {
    type Config = Config;
    type State = u64;
    const STATE_VERSION: u32 = 1;

    fn start(
        config: Config,
        _: &Schema,
        _: &[String],
    ) -> Result<(Self, Description), ConfigErrors> {
        let description = config.description();
        Ok((Self(Witness { config }), description))
    }

    fn process(&mut self, batch: &mut KeyedBatch<u64>, out: &mut Output) -> Result<(), Failure> {
        let numbers = batch.rows().int64("n")?.clone();
        let columns = self.0.witness(&numbers)?;
        while let Some(event) = batch.next()? {
            if let Event::Row { .. } = event {
                let seen = batch.state()?.copied().unwrap_or(0);
                *batch.state_mut()? = Some(seen + 1);
            }
        }
        out.all("main", columns);
        Ok(())
    }
}

export_transform!(Witness);
export_keyed!(KeyedWitness);
