//! Rules that tell fraud, and what a person should look at, from the rest.
//!
//! See README.md for the configuration. [`config`] checks it and makes rules of it; [`rule`] knows
//! which [`rows`] a rule matches; what follows from that is decided here.

mod config;
mod rows;
mod rule;

use millrace_plugin::prelude::*;

use config::Config;
use rows::Rows;
use rule::{Outcome, Rule};

/// Ports beside `main`, in the order in which their rules are asked.
const PORTS: [(&str, Outcome); 2] = [("fraud", Outcome::Fraud), ("review", Outcome::Review)];

/// The plugin.
pub struct FraudRules {
    rules: Vec<Rule>,
}

impl Transform for FraudRules {
    type Config = Config;

    fn start(config: Config, input: &Schema) -> Result<(Self, Description), ConfigErrors> {
        let mut errors = ConfigErrors::default();
        let (rules, reads) = config.resolve(input, &mut errors);
        errors.into_result()?;
        let added = || ["rule", "reason"].map(|name| Field::new(name, DataType::Utf8, false));
        let mut description = Description::reads(reads).port(Port::new("main"));
        for (port, _) in PORTS {
            description = description.port(Port::new(port).adds(added()));
        }
        Ok((Self { rules }, description))
    }

    fn process(&mut self, batch: &RecordBatch, out: &mut Output) -> Result<(), Failure> {
        let all = Rows::all(batch.num_rows());
        let mut open = all.clone();
        let mut verdicts = PORTS.map(|_| Vec::new());
        for ((_, outcome), verdicts) in PORTS.iter().zip(&mut verdicts) {
            for rule in self.rules.iter().filter(|rule| rule.outcome == *outcome) {
                let mut matching = open.clone();
                rule.keep_matching(batch, &mut matching)?;
                if !matching.is_empty() {
                    open.remove(&matching);
                    verdicts.extend(matching.numbers().into_iter().map(|row| (row, rule)));
                }
            }
            verdicts.sort_unstable_by_key(|(row, _)| *row);
        }
        if open == all {
            out.all("main", []);
            return Ok(());
        }
        out.some("main", open.numbers(), []);
        for ((port, _), verdicts) in PORTS.iter().zip(&verdicts) {
            emit(port, verdicts, out);
        }
        Ok(())
    }
}

/// Sends rows with the rules that they match to a port.
fn emit(port: &str, verdicts: &[(u32, &Rule)], out: &mut Output) {
    let names = StringArray::from_iter_values(verdicts.iter().map(|(_, rule)| &rule.name));
    let reasons = StringArray::from_iter_values(verdicts.iter().map(|(_, rule)| &rule.reason));
    let columns: [ArrayRef; 2] = [Arc::new(names), Arc::new(reasons)];
    out.some(port, verdicts.iter().map(|(row, _)| *row).collect(), columns);
}

export_transform!(FraudRules);
