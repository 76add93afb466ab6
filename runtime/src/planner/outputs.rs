//! Sinks, and what becomes of rows that nobody reads.

use super::build::{Builder, DEAD_LETTERS, checkpoint_directory};
use super::names::{ERRORS, FALLBACK, LATE, MAIN};
use super::sinks;
use crate::config::{Format, SinkConfig};
use crate::dead_letter;
use crate::plan::{
    CheckpointPlan, Endpoint, FileSinkPlan, Input, LettersPlan, Node, NodeKind, Port, ROLL_SIZE,
    SinkPlan,
};

impl Builder<'_> {
    pub(super) fn sinks(&mut self) {
        for entry in &self.config.sinks {
            let Some((inputs, schema)) = self.read_all(&entry.name, entry.config.from()) else {
                continue;
            };
            let plan = match &entry.config {
                SinkConfig::File(config) => {
                    let directory = &self.config.directory;
                    sinks::file(entry, config, &schema, directory).map(SinkPlan::File)
                }
                SinkConfig::Kafka(config) => {
                    self.kafka(entry, config, inputs, &schema);
                    continue;
                }
                SinkConfig::Console(config) => Ok(SinkPlan::Console(config.clone())),
                SinkConfig::Null(_) => Ok(SinkPlan::Null),
            };
            match plan {
                Ok(plan) => {
                    let kind = NodeKind::Sink(plan);
                    // A sink may share a step's name; the node's name must be its own.
                    let name = format!("sink.{}", entry.name);
                    self.node(Node { name, kind, inputs, ports: Vec::new(), event_time: None });
                }
                Err(wrong) => self.found.found.extend(wrong),
            }
        }
    }

    /// Errors that nobody reads become dead letters; any other port must be read.
    pub(super) fn leftovers(&mut self) {
        let unread: Vec<(String, String, Endpoint)> = self
            .names
            .unread()
            .map(|(step, port, endpoint)| (step.to_owned(), port.to_owned(), endpoint.clone()))
            .collect();
        let mut letters = std::mem::take(&mut self.refused);
        let has_sinks = !self.config.sinks.is_empty();
        for (step, port, endpoint) in unread {
            if port == ERRORS {
                letters.extend(endpoint.inputs);
            } else if port == LATE {
                let inputs = endpoint.inputs.into_iter().map(|input| (step.clone(), input));
                self.late_letters.extend(inputs);
            } else if port == FALLBACK && self.is_retried(&step) {
                // The rows wait in the queue; nobody wants another answer in the meantime.
            } else if has_sinks && self.broken.is_empty() {
                let place = self.place_of(&step);
                let reference = if port == MAIN { step.clone() } else { format!("{step}.{port}") };
                let message = format!("nobody reads `{reference}`: its rows would vanish");
                let help = format!(
                    "read it in a step or a sink; to drop its rows on purpose, add [sink.NAME] with \
                     type = \"null\" and from = \"{reference}\""
                );
                self.error(place, message, help);
            }
        }
        for (step, input) in std::mem::take(&mut self.late_letters) {
            letters.push(self.letters(step, input));
        }
        if letters.is_empty() {
            return;
        }
        let directory = CheckpointPlan {
            directory: checkpoint_directory(self.config),
            interval: std::time::Duration::ZERO,
            keep: 0,
        };
        let plan = FileSinkPlan {
            directory: directory.dead_letters(),
            format: Format::Ndjson,
            size_max: ROLL_SIZE,
            every: None,
            partition_by: Vec::new(),
            dead_letters: true,
        };
        let kind = NodeKind::Sink(SinkPlan::File(plan));
        let name = format!("sink.{DEAD_LETTERS}");
        self.node(Node { name, kind, inputs: letters, ports: Vec::new(), event_time: None });
    }

    /// A node that makes dead letters of late rows.
    fn letters(&mut self, step: String, input: Input) -> Input {
        let plan = LettersPlan {
            step: step.clone(),
            code: "late",
            message: "the row came after what it belongs to was complete",
        };
        let node = self.node(Node {
            name: format!("{step}#late{}", input.node),
            kind: NodeKind::Letters(plan),
            inputs: vec![input],
            ports: vec![Port::timeless(ERRORS, dead_letter::SCHEMA.clone())],
            event_time: None,
        });
        Input { node, port: 0 }
    }
}
