//! Rules that tell fraud, and what a person should look at, from the rest.
//!
//! See README.md for the configuration. [`config`] checks it and makes rules of it; [`rule`] knows
//! which rows a rule matches; what follows from that is decided here.

mod config;
mod rule;

use millrace_plugin::prelude::*;

use config::Config;
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
        let mut verdicts: Vec<Option<&Rule>> = vec![None; batch.num_rows()];
        let mut open: Vec<u32> = (0..batch.num_rows() as u32).collect();
        let mut matching = Vec::with_capacity(open.len());
        for (_, outcome) in PORTS {
            for rule in self.rules.iter().filter(|rule| rule.outcome == outcome) {
                matching.clone_from(&open);
                rule.keep_matching(batch, &mut matching)?;
                if matching.is_empty() {
                    continue;
                }
                matching.iter().for_each(|row| verdicts[*row as usize] = Some(rule));
                open.retain(|row| verdicts[*row as usize].is_none());
            }
        }
        if open.len() == batch.num_rows() {
            out.all("main", []);
            return Ok(());
        }
        out.some("main", open, []);
        for (port, outcome) in PORTS {
            emit(port, outcome, &verdicts, out);
        }
        Ok(())
    }
}

/// Sends the rows with this outcome to their port.
fn emit(port: &str, outcome: Outcome, verdicts: &[Option<&Rule>], out: &mut Output) {
    let found = || {
        let verdicts = verdicts.iter().zip(0_u32..);
        verdicts.filter_map(|(rule, row)| Some((row, rule.filter(|r| r.outcome == outcome)?)))
    };
    let names = StringArray::from_iter_values(found().map(|(_, rule)| &rule.name));
    let reasons = StringArray::from_iter_values(found().map(|(_, rule)| &rule.reason));
    let columns: [ArrayRef; 2] = [Arc::new(names), Arc::new(reasons)];
    out.some(port, found().map(|(row, _)| row).collect(), columns);
}

export_transform!(FraudRules);
