//! Sinks that stay connected while a job runs: what their lanes share, and what publishes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(feature = "kafka")]
use super::kafka;
use super::{Staged, StagedRecords};
use crate::epoch::Epoch;
use crate::error::{Error, Result};
use crate::metrics::Metrics;
use crate::plan::{KafkaSinkPlan, NodeKind, Plan, SinkPlan};
use crate::storage::{Storage, random_id};

/// What a user knows of an epoch of which nobody else does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Published,
    Unpublished,
}

/// A process, for the time that it runs a job: whoever takes its sinks over has another id.
pub struct Session {
    id: String,
    /// Whether it has had its sinks.
    begun: AtomicBool,
    /// What is known of epochs, by the sinks' names.
    outcomes: BTreeMap<String, Outcome>,
}

impl Session {
    pub fn new(outcomes: BTreeMap<String, Outcome>) -> Self {
        let id = format!("{:016x}", random_id());
        Self { id, begun: AtomicBool::new(false), outcomes }
    }
}

/// The connections of one attempt at a job, by the sinks' nodes.
pub struct Connections {
    #[cfg(feature = "kafka")]
    kafka: BTreeMap<String, kafka::Connection>,
}

#[cfg(feature = "kafka")]
impl Connections {
    /// Connects all sinks that need it. `id` is the checkpoint's.
    ///
    /// # Errors
    /// `Fenced` if another process has taken one over, `Unavailable` if one does not answer.
    pub fn open(plan: &Plan, id: &str, session: &Session, metrics: &Metrics) -> Result<Self> {
        let author = kafka::Author { checkpoint: id.to_owned(), process: session.id.clone() };
        let again = session.begun.load(Ordering::Acquire);
        let mut connected = BTreeMap::new();
        for (at, name, sink) in kafka_sinks(plan) {
            let health = &metrics.nodes[at].health;
            let open = kafka::Connection::open(name, sink, &author, again, health);
            connected.insert(name.to_owned(), open.map_err(|e| e.at(name))?);
        }
        Ok(Self { kafka: connected })
    }

    /// What the lanes of a Kafka sink write to.
    ///
    /// # Errors
    /// If there is no such sink.
    pub fn kafka(&self, name: &str) -> Result<kafka::Output> {
        let connection = self.kafka.get(name);
        let connection = connection.ok_or_else(|| Error::internal("a sink was not connected"))?;
        Ok(connection.output.clone())
    }

    /// Publishes what was committed up to `last` and may not be in sight. Returns the sinks of
    /// which all is.
    ///
    /// # Errors
    /// As [`kafka::Transactions::recover`].
    pub fn recover(
        &self,
        storage: &dyn Storage,
        committed: &BTreeMap<Epoch, Vec<Staged>>,
        last: Epoch,
        session: &Session,
    ) -> Result<()> {
        for records in committed.values().flatten().filter_map(Staged::records) {
            let connection = self.kafka.get(&records.sink).map(|connection| &connection.output);
            if !matches!(connection, Some(kafka::Output::ExactlyOnce(_))) {
                let sink = records.sink.trim_start_matches("sink.");
                return Err(Error::config(format!(
                    "the checkpoint holds committed records of sink `{sink}` that may not be in \
                     Kafka, and the pipeline has no such sink with exactly-once delivery: run it \
                     once more with the sink as it was"
                )));
            }
        }
        let begun = session.begun.load(Ordering::Acquire);
        for (name, connection) in &self.kafka {
            let kafka::Output::ExactlyOnce(transactions) = &connection.output else { continue };
            let mut mine: BTreeMap<Epoch, Vec<&StagedRecords>> = BTreeMap::new();
            for (epoch, staged) in committed {
                let records = staged.iter().filter_map(Staged::records);
                let records: Vec<_> = records.filter(|records| records.sink == *name).collect();
                if !records.is_empty() {
                    mine.insert(*epoch, records);
                }
            }
            // What the user knows was so before this process came.
            let outcome = session.outcomes.get(name.trim_start_matches("sink.")).copied();
            let outcome = outcome.filter(|_| !begun);
            let recovered = transactions.recover(storage, &mine, last, outcome);
            recovered.map_err(|e| e.at(name))?;
        }
        session.begun.store(true, Ordering::Release);
        Ok(())
    }

    /// Publishes the records of a committed epoch.
    ///
    /// # Errors
    /// As [`kafka::Transactions::publish`].
    pub fn publish(&self, epoch: Epoch, records: &[StagedRecords]) -> Result<()> {
        let sinks: BTreeSet<&str> = records.iter().map(|records| records.sink.as_str()).collect();
        for sink in sinks {
            if let kafka::Output::ExactlyOnce(transactions) = self.kafka(sink)? {
                transactions.publish(epoch).map_err(|e| e.at(sink))?;
            }
        }
        Ok(())
    }

    /// To be called now and then, between two epochs; `last` was committed last.
    ///
    /// # Errors
    /// As [`kafka::Transactions::keep`].
    pub fn keep(&self, last: Epoch) -> Result<()> {
        for (name, connection) in &self.kafka {
            if let kafka::Output::ExactlyOnce(transactions) = &connection.output {
                transactions.keep(last).map_err(|e| e.at(name))?;
            }
        }
        Ok(())
    }
}

/// A build without anything that stays connected.
#[cfg(not(feature = "kafka"))]
impl Connections {
    pub fn open(plan: &Plan, _: &str, session: &Session, _: &Metrics) -> Result<Self> {
        session.begun.store(true, Ordering::Release);
        let _ = (&session.id, &session.outcomes);
        match kafka_sinks(plan).next() {
            Some(_) => Err(Error::config("this build of Millrace has no Kafka")),
            None => Ok(Self {}),
        }
    }

    pub fn recover(
        &self,
        _: &dyn Storage,
        _: &BTreeMap<Epoch, Vec<Staged>>,
        _: Epoch,
        _: &Session,
    ) -> Result<()> {
        Ok(())
    }

    pub fn publish(&self, _: Epoch, _: &[StagedRecords]) -> Result<()> {
        Ok(())
    }

    pub fn keep(&self, _: Epoch) -> Result<()> {
        Ok(())
    }
}

/// The Kafka sinks of a plan: index and name of the node.
pub fn kafka_sinks(plan: &Plan) -> impl Iterator<Item = (usize, &str, &KafkaSinkPlan)> {
    plan.nodes.iter().enumerate().filter_map(|(at, node)| match &node.kind {
        NodeKind::Sink(SinkPlan::Kafka(sink)) => Some((at, node.name.as_str(), &**sink)),
        _ => None,
    })
}
