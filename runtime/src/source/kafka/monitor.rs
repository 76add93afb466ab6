//! Looks after a source beside its lanes: what there is to read, what is gone, how far behind the
//! lanes are, and what the group is told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use rdkafka::{Offset, TopicPartitionList};

use super::begin::{Loss, REMEDIES, check};
use super::cluster::{Bounds, Cluster, Subscription, is_unknown};
use super::native::{Answer, TopicPartition, Wanted};
use super::shared::{Begin, News, Request, Shared, Watch};
use super::start::{identity, name, partition_of};
use crate::config::OnDataLoss;
use crate::error::{Error, Result};
use crate::metrics::{Health, SourceMetrics};
use crate::source::{Follower, Identity, Position};

/// How often the ends of partitions are asked for.
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// How often the client gets to say what it has to say.
const LISTEN_EVERY: Duration = Duration::from_millis(100);
/// A topic is gone once the brokers have said so this often, one second after the other: one that
/// has just started may not know all topics yet.
const MISSING_MAX: u32 = 3;
/// How long the last commit to the group is waited for at the end.
const CLOSE_MAX: Duration = Duration::from_secs(5);
/// How long its end is waited for where the group knows all.
const END_MAX: Duration = Duration::from_secs(1);
/// Of failures that go on, the log hears this often.
const WARN_EVERY: Duration = Duration::from_secs(60);

pub struct Monitor {
    pub source: String,
    pub cluster: Cluster,
    pub subscription: Subscription,
    /// `None`: there is nothing to be found.
    pub discover: Option<Duration>,
    pub policy: OnDataLoss,
    pub shared: Arc<Shared>,
    pub health: Arc<Health>,
    pub metrics: Arc<SourceMetrics>,
    pub known: BTreeMap<TopicPartition, Known>,
}

/// A partition that a lane reads.
pub struct Known {
    pub id: Option<Identity>,
    pub watch: Arc<Watch>,
    /// How often the brokers have said that it is not there.
    pub missing: u32,
    pub gone: bool,
}

impl Known {
    pub fn new(id: Option<Identity>, watch: Arc<Watch>) -> Self {
        Self { id, watch, missing: 0, gone: false }
    }
}

/// Ends the monitor when dropped.
struct Handle {
    requests: Sender<Request>,
    ended: Receiver<()>,
    /// How often there was something to tell the group, and up to which of these times it knows.
    asked: AtomicU64,
    told: Arc<AtomicU64>,
}

impl Follower for Handle {
    fn committed(&self, positions: &[(String, Position)]) {
        let offset = |(name, position): &(String, Position)| {
            let (topic, number) = partition_of(name)?;
            (!position.done).then(|| ((topic.to_owned(), number), position.offset))
        };
        let offsets = positions.iter().filter_map(offset).collect();
        self.asked.fetch_add(1, Ordering::Relaxed);
        // A monitor that is gone has said why.
        let _ = self.requests.send(Request::Committed(offsets));
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let _ = self.requests.send(Request::Close);
        let knows_all = self.told.load(Ordering::Acquire) == self.asked.load(Ordering::Relaxed);
        let wait = if knows_all { END_MAX } else { CLOSE_MAX + END_MAX };
        // It may be waiting for a broker that does not answer; then it ends by itself.
        let _ = self.ended.recv_timeout(wait);
    }
}

impl Monitor {
    /// Starts it in a thread of its own.
    ///
    /// # Errors
    /// If there is no thread to be had.
    pub fn start(
        self,
        requests: Sender<Request>,
        inbox: Receiver<Request>,
    ) -> Result<Box<dyn Follower>> {
        let (ending, ended) = bounded::<()>(1);
        let name = format!("{}-monitor", self.source);
        let told = Arc::new(AtomicU64::new(0));
        let telling = told.clone();
        let run = move || {
            // Dropped at the end, which is what the handle waits for.
            let _ending = ending;
            Running {
                monitor: self,
                stuck: BTreeSet::new(),
                pending: BTreeMap::new(),
                sent: BTreeMap::new(),
                asked: 0,
                told: telling,
                commit_at: Instant::now(),
                warned: None,
            }
            .run(&inbox);
        };
        let started = std::thread::Builder::new().name(name).spawn(run);
        started.map_err(|e| Error::unavailable("cannot start a thread").with(e))?;
        Ok(Box::new(Handle { requests, ended, asked: AtomicU64::new(0), told }))
    }
}

struct Running {
    monitor: Monitor,
    /// Partitions at whose position the client can't go on.
    stuck: BTreeSet<TopicPartition>,
    /// Offsets that the group is to be told of.
    pending: BTreeMap<TopicPartition, u64>,
    /// Offsets that it is being told of.
    sent: BTreeMap<TopicPartition, u64>,
    /// How often there was something to tell it, and up to which of these times it knows.
    asked: u64,
    told: Arc<AtomicU64>,
    /// When it may be told again.
    commit_at: Instant,
    /// When the log was last told that the group does not hear.
    warned: Option<Instant>,
}

impl Running {
    fn run(mut self, inbox: &Receiver<Request>) {
        let mut check_at = Instant::now();
        let mut discover_at = self.monitor.discover.map(|every| Instant::now() + every);
        loop {
            let next = discover_at.map_or(check_at, |at| at.min(check_at));
            match inbox.recv_deadline(next.min(Instant::now() + LISTEN_EVERY)) {
                Ok(Request::Committed(offsets)) => {
                    self.asked += 1;
                    self.pending.extend(offsets);
                }
                Ok(Request::Ends) => check_at = Instant::now(),
                Ok(Request::Stuck(partition)) => {
                    if self.stuck.insert(partition) {
                        check_at = Instant::now();
                    }
                }
                Ok(Request::Close) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.monitor.cluster.listen();
            self.commit();
            if let (Some(at), Some(every)) = (discover_at, self.monitor.discover)
                && Instant::now() >= at
            {
                self.report(Self::discover);
                discover_at = Some(Instant::now() + every);
            }
            if Instant::now() >= check_at {
                self.report(Self::check);
                check_at = Instant::now() + CHECK_EVERY;
            }
        }
        self.close();
    }

    /// Does `work`, and says whether the brokers answer.
    fn report(&mut self, work: impl FnOnce(&mut Self) -> Result<()>) {
        match work(self) {
            Ok(()) => self.monitor.health.up(),
            Err(error) => self.monitor.health.down(error.to_string()),
        }
    }

    /// Finds topics and partitions that are new, and gives them to their lanes.
    fn discover(&mut self) -> Result<()> {
        let monitor = &mut self.monitor;
        let topics = monitor.cluster.topics(&monitor.subscription)?;
        let mut found: Vec<(TopicPartition, Option<Identity>)> = Vec::new();
        for (name, topic) in topics {
            for number in topic.partitions {
                let partition = (name.clone(), number);
                if monitor.known.get(&partition).is_none_or(|known| known.gone) {
                    found.push((partition, identity(topic.id)));
                }
            }
        }
        // From now on they hold event time back, until lanes have begun them.
        monitor.shared.set_unread(found.len());
        let question: Vec<_> = found.iter().map(|(p, _)| (p.clone(), Wanted::Earliest)).collect();
        let firsts = monitor.cluster.offsets(&question)?;
        let mut left = 0;
        for (partition, id) in found {
            // Without a leader there is nothing to read either; it is found again the next time.
            let Some(Some(first)) = firsts.get(&partition).copied() else {
                left += 1;
                continue;
            };
            let name = name(&partition);
            tracing::info!("source `{}`: reading the new partition {name}", monitor.source);
            let watch = Watch::new(monitor.metrics.partition(&name));
            monitor.known.insert(partition.clone(), Known::new(id, watch.clone()));
            let lane = monitor.shared.lane_of(&partition);
            let position = Position { rows: first, offset: first, done: false, id };
            let begin = Begin { partition, position, fresh: true, target: None, watch };
            monitor.shared.tell(lane, News::Begin(begin));
        }
        monitor.shared.set_unread(left);
        Ok(())
    }

    /// Looks how far partitions go, and whether they are still what they were.
    fn check(&mut self) -> Result<()> {
        let asked = self.monitor.shared.asked();
        let lost = self.lost()?;
        let suspects: BTreeSet<TopicPartition> = lost.keys().chain(&self.stuck).cloned().collect();
        // Of a topic that is not there the brokers can't say how far it goes.
        let is_there = |partition: &&TopicPartition| {
            let known = self.monitor.known.get(*partition);
            known.is_some_and(|known| known.missing == 0)
        };
        let there: Vec<_> = suspects.iter().filter(is_there).cloned().collect();
        let bounds = self.monitor.cluster.bounds(&there)?;
        for partition in suspects {
            let (loss, id) = lost.get(&partition).copied().unzip();
            self.judge(&partition, loss, id.flatten(), bounds.get(&partition).copied());
        }
        let monitor = &self.monitor;
        let left = monitor.known.iter().filter(|(_, known)| !known.gone && known.missing == 0);
        let question: Vec<_> = left.map(|(p, _)| (p.clone(), Wanted::Latest)).collect();
        let asked_at = Instant::now();
        let ends = monitor.cluster.offsets(&question)?;
        for (partition, _) in &question {
            let (Some(Some(end)), Some(known)) =
                (ends.get(partition), monitor.known.get(partition))
            else {
                return Err(Error::unavailable(format!(
                    "no broker answers for `{}`",
                    name(partition)
                )));
            };
            monitor.shared.note_end(&known.watch, *end, asked_at);
        }
        match monitor.known.iter().find(|(_, known)| !known.gone && known.missing > 0) {
            None => monitor.shared.answer(asked),
            Some((partition, _)) => {
                let name = name(partition);
                return Err(Error::unavailable(format!("the brokers know no `{name}`")));
            }
        }
        Ok(())
    }

    /// Partitions whose topic is gone or was made anew, and its id then.
    fn lost(&mut self) -> Result<BTreeMap<TopicPartition, (Loss, Option<Identity>)>> {
        let monitor = &mut self.monitor;
        let names = monitor.known.iter().filter(|(_, known)| !known.gone);
        let names: BTreeSet<String> = names.map(|((topic, _), _)| topic.clone()).collect();
        let names: Vec<String> = names.into_iter().collect();
        let topics: BTreeMap<_, _> = monitor.cluster.describe(&names)?.into_iter().collect();
        let mut lost = BTreeMap::new();
        for (partition, known) in monitor.known.iter_mut().filter(|(_, known)| !known.gone) {
            let (is_there, id) = match topics.get(&partition.0) {
                Some(Ok(topic)) => (topic.partitions.contains(&partition.1), identity(topic.id)),
                Some(Err(code)) if is_unknown(*code) => (false, None),
                // Nothing is known of it now.
                _ => continue,
            };
            let recreated = id.is_some() && known.id.is_some() && id != known.id;
            known.missing = if is_there { 0 } else { known.missing + 1 };
            if !is_there && (recreated || known.missing >= MISSING_MAX) {
                lost.insert(partition.clone(), (Loss::Vanished, None));
            } else if is_there && recreated {
                lost.insert(partition.clone(), (Loss::Recreated, id));
            }
        }
        Ok(lost)
    }

    /// Decides how to go on with a partition that can't be read on as it was.
    fn judge(
        &mut self,
        partition: &TopicPartition,
        loss: Option<Loss>,
        id: Option<Identity>,
        bounds: Option<Bounds>,
    ) {
        let monitor = &mut self.monitor;
        let Some(known) = monitor.known.get_mut(partition) else { return };
        let id = id.or(known.id);
        let offset = known.watch.lag.next();
        let position = Position { rows: offset, offset, done: false, id: known.id };
        let loss = loss.or_else(|| check(&position, id, bounds?).err());
        let name = name(partition);
        let lane = monitor.shared.lane_of(partition);
        let source = &monitor.source;
        let Some(loss) = loss else {
            // What was wrong has passed, or is not known yet: bounds come with the next look.
            if bounds.is_some() && self.stuck.remove(partition) {
                let partition = partition.clone();
                monitor.shared.tell(lane, News::Move { partition, to: offset, end: None, id });
            }
            return;
        };
        let text = loss.text(&name, offset);
        if monitor.policy == OnDataLoss::Stop {
            self.stuck.remove(partition);
            known.gone = true;
            let error = Error::config(format!("source `{source}`: {text}\n{REMEDIES}"));
            monitor.shared.tell(lane, News::Fail(error));
            return;
        }
        let next = match (loss, bounds) {
            (Loss::Vanished, _) => None,
            (loss, Some(bounds)) => loss.next(monitor.policy, bounds),
            (_, None) => return,
        };
        self.stuck.remove(partition);
        let lost = loss.records(offset, Some(known.watch.lag.end())).unwrap_or_default();
        monitor.metrics.records_lost.add(lost);
        match next {
            Some(to) => {
                tracing::warn!("source `{source}`: {text}; going on at offset {to}");
                known.id = id;
                let end = bounds.map(|bounds| bounds.end);
                let partition = partition.clone();
                monitor.shared.tell(lane, News::Move { partition, to, end, id });
            }
            None => {
                tracing::warn!("source `{source}`: {text}; going on without it");
                known.gone = true;
                monitor.metrics.forget(&name);
                monitor.shared.tell(lane, News::Gone { partition: partition.clone() });
            }
        }
    }

    /// Tells the group how far the source is read: one commit at a time, the latest offsets in
    /// each.
    fn commit(&mut self) {
        while let Some(result) = self.monitor.cluster.committed() {
            self.committed(result);
        }
        if self.pending.is_empty() && self.sent.is_empty() {
            self.told.store(self.asked, Ordering::Release);
        }
        if self.pending.is_empty() || !self.sent.is_empty() || Instant::now() < self.commit_at {
            return;
        }
        self.sent = std::mem::take(&mut self.pending);
        let mut list = TopicPartitionList::with_capacity(self.sent.len());
        for ((topic, number), offset) in &self.sent {
            let offset = Offset::Offset(i64::try_from(*offset).unwrap_or(i64::MAX));
            // A topic's name and an offset are always taken.
            let _ = list.add_partition_offset(topic, *number, offset);
        }
        if let Err(error) = self.monitor.cluster.commit(&list) {
            self.committed(Err(error));
        }
    }

    fn committed(&mut self, result: Answer<()>) {
        let sent = std::mem::take(&mut self.sent);
        let Err(error) = result else { return };
        for (partition, offset) in sent {
            self.pending.entry(partition).or_insert(offset);
        }
        self.commit_at = Instant::now() + CHECK_EVERY;
        if self.warned.is_none_or(|at| at.elapsed() >= WARN_EVERY) {
            self.warned = Some(Instant::now());
            tracing::warn!(
                "source `{}`: the consumer group does not take how far topics are read, which \
                 only other tools need: {error}",
                self.monitor.source
            );
        }
    }

    fn close(mut self) {
        let until = Instant::now() + CLOSE_MAX;
        loop {
            self.commit();
            let is_told = self.pending.is_empty() && self.sent.is_empty();
            if is_told || Instant::now() >= until {
                return;
            }
            std::thread::sleep(LISTEN_EVERY / 10);
        }
    }
}
