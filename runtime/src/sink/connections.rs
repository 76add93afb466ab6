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
    /// Whether all that was committed before is in sight.
    recovered: AtomicBool,
    /// What is known of epochs that were committed before, by the sinks' names.
    outcomes: BTreeMap<String, Outcome>,
}

impl Session {
    pub fn new(outcomes: BTreeMap<String, Outcome>) -> Self {
        let id = format!("{:016x}", random_id());
        Self { id, begun: AtomicBool::new(false), recovered: AtomicBool::new(false), outcomes }
    }

    /// What the user says of a sink. It counts once: later epochs are others.
    fn outcome(&self, sink: &str) -> Option<Outcome> {
        let counts = !self.recovered.load(Ordering::Acquire);
        self.outcomes.get(short(sink)).copied().filter(|_| counts)
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
        session.begun.store(true, Ordering::Release);
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

    /// How many partitions a topic has, as a Kafka sink knows it; `None` if there is none.
    ///
    /// # Errors
    /// If there is no such sink, or no broker answers.
    pub fn partitions(&self, sink: &str, topic: &str) -> Result<Option<i32>> {
        self.kafka(sink)?.producer().partitions(topic)
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
        let exact = |(name, connection): (&String, &kafka::Connection)| match &connection.output {
            kafka::Output::ExactlyOnce(transactions) => Some((name.clone(), transactions.clone())),
            kafka::Output::AtLeastOnce(_) => None,
        };
        let exact: BTreeMap<String, _> = self.kafka.iter().filter_map(exact).collect();
        check_sinks(&exact.keys().map(String::as_str).collect(), committed, session)?;
        for (name, transactions) in &exact {
            let mut mine: BTreeMap<Epoch, Vec<&StagedRecords>> = BTreeMap::new();
            for (epoch, staged) in committed {
                let records = staged.iter().filter_map(Staged::records);
                let records: Vec<_> = records.filter(|records| records.sink == *name).collect();
                if !records.is_empty() {
                    mine.insert(*epoch, records);
                }
            }
            let recovered = transactions.recover(storage, &mine, last, session.outcome(name));
            recovered.map_err(|e| e.at(name))?;
        }
        session.recovered.store(true, Ordering::Release);
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
            let kept = match &connection.output {
                kafka::Output::ExactlyOnce(transactions) => transactions.keep(last),
                kafka::Output::AtLeastOnce(producer) => producer.check(),
            };
            kept.map_err(|e| e.at(name))?;
        }
        Ok(())
    }
}

/// A build without anything that stays connected.
#[cfg(not(feature = "kafka"))]
impl Connections {
    pub fn open(plan: &Plan, _: &str, session: &Session, _: &Metrics) -> Result<Self> {
        session.begun.store(true, Ordering::Release);
        let _ = &session.id;
        match kafka_sinks(plan).next() {
            Some(_) => Err(Error::config("this build of Millrace has no Kafka")),
            None => Ok(Self {}),
        }
    }

    pub fn partitions(&self, _: &str, _: &str) -> Result<Option<i32>> {
        Err(Error::config("this build of Millrace has no Kafka"))
    }

    pub fn recover(
        &self,
        _: &dyn Storage,
        committed: &BTreeMap<Epoch, Vec<Staged>>,
        _: Epoch,
        session: &Session,
    ) -> Result<()> {
        check_sinks(&BTreeSet::new(), committed, session)?;
        session.recovered.store(true, Ordering::Release);
        Ok(())
    }

    pub fn publish(&self, _: Epoch, _: &[StagedRecords]) -> Result<()> {
        Ok(())
    }

    pub fn keep(&self, _: Epoch) -> Result<()> {
        Ok(())
    }
}

/// Refuses committed records that none of the `sinks` would publish, and outcomes of none.
fn check_sinks(
    sinks: &BTreeSet<&str>,
    committed: &BTreeMap<Epoch, Vec<Staged>>,
    session: &Session,
) -> Result<()> {
    let mut known: BTreeSet<&str> = sinks.iter().copied().map(short).collect();
    for (epoch, staged) in committed {
        for records in staged.iter().filter_map(Staged::records) {
            let name = short(&records.sink);
            known.insert(name);
            let known_outcome = session.outcome(&records.sink) == Some(Outcome::Published);
            if !sinks.contains(records.sink.as_str()) && !known_outcome {
                return Err(Error::config(format!(
                    "epoch {} of `{name}` is committed, its records may not be in Kafka yet, and \
                     the pipeline has no such sink that writes exactly once: run once with the \
                     sink as it was, or forget those records with --outcome {name}=published",
                    epoch.0
                )));
            }
        }
    }
    let recovered = session.recovered.load(Ordering::Acquire);
    match session.outcomes.keys().find(|name| !known.contains(name.as_str())) {
        None => Ok(()),
        Some(_) if recovered => Ok(()),
        Some(name) => Err(Error::config(format!(
            "there is no Kafka sink `{name}` that writes exactly once: mend the name in --outcome"
        ))),
    }
}

/// A sink's name as the pipeline file has it.
fn short(node: &str) -> &str {
    node.strip_prefix("sink.").unwrap_or(node)
}

/// The Kafka sinks of a plan: index and name of the node.
pub fn kafka_sinks(plan: &Plan) -> impl Iterator<Item = (usize, &str, &KafkaSinkPlan)> {
    plan.nodes.iter().enumerate().filter_map(|(at, node)| match &node.kind {
        NodeKind::Sink(SinkPlan::Kafka(sink)) => Some((at, node.name.as_str(), &**sink)),
        _ => None,
    })
}
