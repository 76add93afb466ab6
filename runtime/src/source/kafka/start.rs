//! Where each partition is begun when the source is opened.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::begin::{Loss, REMEDIES, check};
use super::cluster::{Bounds, Cluster, Subscription};
use super::native::{Topic, TopicPartition, Wanted};
use crate::config::{KafkaStart, OnDataLoss};
use crate::error::{Error, Result};
use crate::metrics::SourceMetrics;
use crate::source::{Identity, Position, Positions};

/// A partition may be without a leader for so long before the start is given up.
const LEADER_MAX: Duration = Duration::from_secs(15);
const RETRY: Duration = Duration::from_millis(200);
/// So many losses are listed in one error.
const LOSSES_SHOWN: usize = 5;

/// A partition to be read, and from where.
pub struct Start {
    pub partition: TopicPartition,
    pub position: Position,
    /// Whether the checkpoint knows nothing of it.
    pub fresh: bool,
}

/// All partitions to be read, and those that are to be read no more.
#[derive(Default)]
pub struct Starts {
    pub begun: Vec<Start>,
    pub parting: Vec<(String, Position)>,
}

/// What decides where partitions begin.
pub struct Starter<'a> {
    pub source: &'a str,
    pub cluster: &'a Cluster,
    pub subscription: &'a Subscription,
    pub start: &'a KafkaStart,
    pub policy: OnDataLoss,
    /// From the checkpoint.
    pub positions: &'a Positions,
    pub metrics: &'a SourceMetrics,
}

impl Starter<'_> {
    /// # Errors
    /// `Config` if a topic is not there, or if records are gone and the policy is to stop;
    /// `Unavailable` if the brokers don't answer.
    pub fn starts(&self) -> Result<Starts> {
        let topics = self.cluster.topics(self.subscription)?;
        self.refuse_missing(&topics)?;
        let partitions: Vec<TopicPartition> = topics
            .iter()
            .flat_map(|(name, topic)| topic.partitions.iter().map(|n| (name.clone(), *n)))
            .collect();
        self.refuse_unknown(&partitions)?;
        let bounds = insist(self.source, &partitions, || self.cluster.bounds(&partitions))?;
        let mut starts = Starts::default();
        let mut losses = Vec::new();
        let mut fresh = Vec::new();
        for partition in partitions {
            let id = identity(topics[&partition.0].id);
            let bounds = bounds[&partition];
            let name = name(&partition);
            let Some(position) = self.positions.get(&name).filter(|position| !position.done) else {
                fresh.push((partition, id, bounds));
                continue;
            };
            let mut position = *position;
            if let Err(loss) = check(&position, id, bounds) {
                match loss.next(self.policy, bounds) {
                    Some(next) => {
                        self.tell(loss, &name, position.offset, next);
                        position = Position { rows: next, offset: next, done: false, id };
                    }
                    None => losses.push(loss.text(&name, position.offset)),
                }
            }
            starts.begun.push(Start { partition, position, fresh: self.is_new(&name, &position) });
        }
        self.vanished(&topics, &mut starts, &mut losses);
        if let Some(error) = refused(self.source, &losses) {
            return Err(error);
        }
        starts.begun.extend(self.fresh(fresh)?);
        Ok(starts)
    }

    /// Whether the checkpoint has something else.
    fn is_new(&self, name: &str, position: &Position) -> bool {
        self.positions.get(name) != Some(position)
    }

    fn tell(&self, loss: Loss, name: &str, offset: u64, next: u64) {
        let gone = loss.records(offset, None);
        self.metrics.records_lost.add(gone.unwrap_or_default());
        let text = loss.text(name, offset);
        tracing::warn!("source `{}`: {text}; going on at offset {next}", self.source);
    }

    fn refuse_missing(&self, topics: &BTreeMap<String, Topic>) -> Result<()> {
        let Subscription::Names(names) = self.subscription else {
            if topics.is_empty() {
                tracing::warn!(
                    "source `{}`: no topic fits `topic_pattern` yet; waiting for one",
                    self.source
                );
            }
            return Ok(());
        };
        let was_read = |name: &str| self.positions.keys().any(|p| topic_of(p) == Some(name));
        let missing = names.iter().filter(|name| !topics.contains_key(*name) && !was_read(name));
        let missing: Vec<&str> = missing.map(String::as_str).collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(Error::config(format!(
            "source `{}`: there is no topic `{}`: make it, or mend its name; topics that may come \
             later are read with `topic_pattern`",
            self.source,
            missing.join("`, `")
        )))
    }

    /// Refuses `start.offsets` of partitions that are not there.
    fn refuse_unknown(&self, partitions: &[TopicPartition]) -> Result<()> {
        let KafkaStart::Offsets(offsets) = self.start else { return Ok(()) };
        match offsets.keys().find(|key| !partitions.iter().any(|p| name(p) == **key)) {
            None => Ok(()),
            Some(key) => Err(Error::config(format!(
                "source `{}`: `start` names the partition `{key}`, which is not there",
                self.source
            ))),
        }
    }

    /// Partitions of the subscription that were read and are no longer there.
    fn vanished(
        &self,
        topics: &BTreeMap<String, Topic>,
        starts: &mut Starts,
        losses: &mut Vec<String>,
    ) {
        for (name, position) in self.positions.iter().filter(|(_, position)| !position.done) {
            let Some((topic, number)) = partition_of(name) else { continue };
            let is_there = topics.get(topic).is_some_and(|t| t.partitions.contains(&number));
            if is_there || !self.subscription.matches(topic) {
                continue;
            }
            let text = Loss::Vanished.text(name, position.offset);
            if self.policy == OnDataLoss::Stop {
                losses.push(text);
                continue;
            }
            tracing::warn!("source `{}`: {text}; going on without it", self.source);
            starts.parting.push((name.clone(), Position { done: true, ..*position }));
        }
    }

    /// Partitions of which the checkpoint knows nothing. Those of a topic that was read before
    /// came later, and so did all topics of a pattern.
    fn fresh(&self, all: Vec<(TopicPartition, Option<Identity>, Bounds)>) -> Result<Vec<Start>> {
        let later = |(topic, _): &TopicPartition| match self.subscription {
            Subscription::Names(_) => self.positions.keys().any(|p| topic_of(p) == Some(topic)),
            Subscription::Pattern(_) => !self.positions.is_empty(),
        };
        let asked = match self.start {
            KafkaStart::Timestamp(text) => Some(Wanted::At(timestamp_ms(text)?)),
            KafkaStart::Latest => Some(Wanted::Latest),
            KafkaStart::Earliest | KafkaStart::Offsets(_) => None,
        };
        let mut found = BTreeMap::new();
        if let Some(wanted) = asked {
            let asked: Vec<TopicPartition> =
                all.iter().filter(|(p, ..)| !later(p)).map(|(p, ..)| p.clone()).collect();
            let question: Vec<_> = asked.iter().map(|p| (p.clone(), wanted)).collect();
            found = insist(self.source, &asked, || self.cluster.offsets(&question))?;
        }
        let mut starts = Vec::new();
        for (partition, id, bounds) in all {
            let offset = match (found.get(&partition), self.start) {
                _ if later(&partition) => bounds.first,
                // No record is so young: what comes next will be.
                (Some(found), _) => found.unwrap_or(bounds.end),
                (None, KafkaStart::Offsets(offsets)) => match offsets.get(&name(&partition)) {
                    Some(offset) => self.given(*offset, &name(&partition), bounds)?,
                    None => bounds.first,
                },
                (None, _) => bounds.first,
            };
            let position = Position { rows: offset, offset, done: false, id };
            starts.push(Start { partition, position, fresh: true });
        }
        Ok(starts)
    }

    fn given(&self, offset: u64, name: &str, bounds: Bounds) -> Result<u64> {
        if (bounds.first..=bounds.end).contains(&offset) {
            return Ok(offset);
        }
        Err(Error::config(format!(
            "source `{}`: `start` says offset {offset} for `{name}`, which has offsets from {} to \
             {} only",
            self.source, bounds.first, bounds.end
        )))
    }
}

/// An error with all losses, if there are any.
fn refused(source: &str, losses: &[String]) -> Option<Error> {
    if losses.is_empty() {
        return None;
    }
    let mut text = losses.iter().take(LOSSES_SHOWN).cloned().collect::<Vec<_>>().join("\n");
    if losses.len() > LOSSES_SHOWN {
        text.push_str(&format!("\nand so for {} more partitions", losses.len() - LOSSES_SHOWN));
    }
    Some(Error::config(format!("source `{source}`: {text}\n{REMEDIES}")))
}

/// Asks until there is an answer for all of `partitions`: some may have no leader for a moment.
fn insist<T>(
    source: &str,
    partitions: &[TopicPartition],
    ask: impl Fn() -> Result<BTreeMap<TopicPartition, T>>,
) -> Result<BTreeMap<TopicPartition, T>> {
    let started = Instant::now();
    loop {
        let found = ask()?;
        let Some(missing) = partitions.iter().find(|p| !found.contains_key(*p)) else {
            return Ok(found);
        };
        if started.elapsed() > LEADER_MAX {
            return Err(Error::unavailable(format!(
                "source `{source}`: no broker answers for `{}`",
                name(missing)
            )));
        }
        std::thread::sleep(RETRY);
    }
}

/// # Errors
/// `Config` if it is no time.
pub fn timestamp_ms(text: &str) -> Result<i64> {
    let parsed: Result<jiff::Timestamp, _> = text.parse();
    let parsed = parsed.map_err(|e| {
        Error::config(format!("`{text}` is no time like 2026-01-01T00:00:00Z")).with(e)
    })?;
    Ok(parsed.as_millisecond().max(0))
}

/// Brokers of before Kafka 2.8 know no ids.
pub fn identity(id: u128) -> Option<Identity> {
    (id != 0).then_some(Identity(id))
}

/// The name of a partition in checkpoints, dead letters and metrics.
pub fn name((topic, number): &TopicPartition) -> String {
    format!("{topic}/{number}")
}

fn topic_of(name: &str) -> Option<&str> {
    partition_of(name).map(|(topic, _)| topic)
}

/// What [`name`] made a name of. No topic has a slash in it.
pub fn partition_of(name: &str) -> Option<(&str, i32)> {
    let (topic, number) = name.rsplit_once('/')?;
    Some((topic, number.parse().ok()?))
}
