//! Exactly once: an epoch's records go into a transaction while it runs, and become visible with
//! the epoch's number once the checkpoint has it.
//!
//! Two producers take turns, as the lanes write epoch N + 1 while N is published. The client can't
//! resume a transaction of a process that is gone, so the records are kept in segments until then.
//! Whatever goes wrong with a transaction ends the attempt: the next one asks the broker for the
//! last epoch, and sends again what is missing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use crossbeam_channel::{RecvTimeoutError, bounded};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::Producer as _;

use super::marker::{Author, Isolation, Mark, Marker};
use super::producer::{ASK, PATIENCE, Producer};
use super::segment;
use crate::epoch::Epoch;
use crate::error::{Error, ErrorKind, Result};
use crate::kafka::failed;
use crate::metrics::Health;
use crate::plan::KafkaSinkPlan;
use crate::sink::{Outcome, StagedRecords};
use crate::storage::Storage;

/// How long one try of a transaction's steps takes.
const TRY: Duration = Duration::from_secs(1);
/// A try that takes longer never ends.
const STUCK: Duration = Duration::from_secs(10);
/// The broker forgets an epoch that it was told long ago (`offsets.retention.minutes`, a week):
/// it is told again this often.
const REMIND: Duration = Duration::from_secs(3600);

/// Of a transaction that is no lane's. (A round's number is one less than what `Turn` notes.)
const NO_ROUND: u64 = u64::MAX - 1;

/// The transactions of one sink.
pub struct Transactions {
    sink: String,
    turns: [Arc<Turn>; 2],
    marker: Marker,
    author: Author,
    /// What whoever wrote before has published last.
    found: Option<Mark>,
    /// How many rounds all lanes have staged that were published or are about to be. A round is
    /// what lies between two calls of `stage`; usually an epoch.
    staged: AtomicU64,
    reminded: Mutex<Instant>,
    health: Arc<Health>,
}

struct Turn {
    producer: Producer,
    /// The round of the open transaction, plus one; 0: none is open.
    open: AtomicU64,
    begin: Mutex<()>,
}

impl Transactions {
    /// Takes over from whoever wrote before: their open transactions are aborted, and they can
    /// write no more.
    ///
    /// `again`: whether this process has had the sink open before.
    ///
    /// # Errors
    /// `Fenced` if another process has taken over since then, `Unavailable` if no broker answers,
    /// `Config` if the topic is missing or the broker refuses.
    pub fn open(
        name: &str,
        plan: &Arc<KafkaSinkPlan>,
        author: Author,
        again: bool,
        health: &Arc<Health>,
    ) -> Result<Self> {
        let marker =
            |isolation| Marker::open(name, plan, super::config(plan, &[])?, isolation, health);
        let other = |mark: &Mark| mark.author.process != author.process;
        if again && marker(Isolation::ReadUncommitted)?.read()?.as_ref().is_some_and(other) {
            return Err(Error::new(
                ErrorKind::Fenced,
                format!(
                    "another process has taken over `{name}`: it writes with the transactional id \
                     `{}`. Stop one of the two, or give them different names",
                    plan.transactional_id
                ),
            ));
        }
        let turn = |number: usize| -> Result<Arc<Turn>> {
            let timeout = plan.transaction_timeout.as_millis().to_string();
            let mut config = super::producer_config(plan, &[("transaction.timeout.ms", &timeout)])?;
            config.set("transactional.id", format!("{}-{number}", plan.transactional_id));
            let producer = Producer::open(name, plan, &config, health)?;
            let begun = producer.client.init_transactions(ASK);
            begun.map_err(|e| failed(format!("begin transactions for `{name}`"), e))?;
            Ok(Arc::new(Turn { producer, open: AtomicU64::new(0), begin: Mutex::default() }))
        };
        let turns = [turn(0)?, turn(1)?];
        let marker = marker(Isolation::ReadCommitted)?;
        let found = marker.read()?;
        let transactions = Self {
            sink: name.to_owned(),
            turns,
            marker,
            author,
            found,
            staged: AtomicU64::new(0),
            reminded: Mutex::new(Instant::now()),
            health: health.clone(),
        };
        transactions.claim()?;
        Ok(transactions)
    }

    /// Puts this process's name to what is there, so that whoever was fenced off sees by whom.
    fn claim(&self) -> Result<()> {
        let mut mark = self.found.clone().unwrap_or_else(Mark::unknown);
        mark.author.process.clone_from(&self.author.process);
        self.begin(&self.turns[0], NO_ROUND)?;
        self.finish(&self.turns[0], &mark)
    }

    /// Publishes what epochs have committed and a crash has kept from sight, and says to the
    /// broker that from `last` on this process goes on. `outcome` counts where the broker can't
    /// say what it has.
    ///
    /// # Errors
    /// `Config` if it can't be known what was published and `outcome` does not say it.
    pub fn recover(
        &self,
        storage: &dyn Storage,
        committed: &BTreeMap<Epoch, Vec<&StagedRecords>>,
        last: Epoch,
        outcome: Option<Outcome>,
    ) -> Result<()> {
        if outcome.is_none() {
            self.refuse_old_checkpoint(last)?;
        }
        if let Some((first, _)) = committed.first_key_value() {
            let published = self.published(*first, outcome)?;
            for (epoch, segments) in committed.iter().filter(|(epoch, _)| **epoch > published) {
                self.begin(&self.turns[0], NO_ROUND)?;
                for segment in segments {
                    for records in segment::read(storage, segment)? {
                        self.turns[0].producer.send(&records)?;
                    }
                }
                self.finish(&self.turns[0], &self.mark(*epoch))?;
            }
        }
        self.remind(last)
    }

    /// The last epoch that is in sight, where `first` waits to be.
    fn published(&self, first: Epoch, outcome: Option<Outcome>) -> Result<Epoch> {
        let why = match (&self.found, outcome) {
            (Some(mark), _) if mark.author.checkpoint == self.author.checkpoint => {
                return Ok(mark.epoch);
            }
            (_, Some(Outcome::Published)) => return Ok(Epoch(u64::MAX)),
            (_, Some(Outcome::Unpublished)) => return Ok(Epoch(first.0.saturating_sub(1))),
            (Some(mark), None) if !mark.is_unknown() => {
                "another checkpoint has written with its transactional id since"
            }
            (_, None) => {
                "the broker has forgotten which epoch was the last (offsets.retention.minutes)"
            }
        };
        let sink = self.sink.trim_start_matches("sink.");
        Err(Error::config(format!(
            "epoch {} of `{sink}` is committed, and it can't be known whether its records are in \
             Kafka: {why}. Look at the end of the topic, then run once more with \
             --outcome {sink}=published or --outcome {sink}=unpublished",
            first.0
        )))
    }

    /// A copy of a checkpoint from before would write again what is there already.
    fn refuse_old_checkpoint(&self, last: Epoch) -> Result<()> {
        let Some(mark) = &self.found else { return Ok(()) };
        if mark.author.checkpoint != self.author.checkpoint || mark.epoch <= last {
            return Ok(());
        }
        let sink = self.sink.trim_start_matches("sink.");
        Err(Error::config(format!(
            "the topics of `{sink}` have epoch {}, and the checkpoint ends with epoch {}: it is an \
             old copy, and would write rows a second time. Run with the checkpoint that has gone \
             on; or, to have those rows twice, run once more with --outcome {sink}=unpublished",
            mark.epoch.0, last.0
        )))
    }

    /// Waits until the broker has all of the round before: a key's records must not overtake each
    /// other on their ways through two producers. Each lane calls it before it sends the first
    /// records of a round, when it has sent all of the last one.
    ///
    /// # Errors
    /// `Unavailable` if that takes too long, or a record could not be delivered.
    pub fn settle(&self, round: u64) -> Result<()> {
        let before = &self.turns[(round as usize + 1) % 2];
        // Else there was nothing in the round before, or it is published, or a lane that is ahead
        // sends records of the round after already, which nobody has to wait for.
        let is_open = round > 0 && before.open.load(Ordering::Acquire) == round;
        let settled = !is_open || before.producer.flush(Instant::now() + PATIENCE)?;
        if settled { Ok(()) } else { Err(not_taken()) }
    }

    /// Puts records of a lane's round into its transaction.
    ///
    /// # Errors
    /// As [`Producer::send`].
    pub fn send(&self, round: u64, records: &RecordBatch) -> Result<()> {
        let turn = &self.turns[round as usize % 2];
        if turn.open.load(Ordering::Acquire) != round + 1 {
            let _alone = turn.begin.lock().unwrap_or_else(PoisonError::into_inner);
            if turn.open.load(Ordering::Acquire) != round + 1 {
                self.begin(turn, round)?;
            }
        }
        turn.producer.send(records)
    }

    /// A lane has staged its round.
    pub fn stage(&self, round: u64) {
        self.staged.fetch_max(round, Ordering::AcqRel);
    }

    /// Makes the round that all lanes have staged visible, as `epoch`.
    ///
    /// # Errors
    /// `Unavailable` where the outcome is not known, or is that the broker gave it up: the next
    /// attempt finds out.
    pub fn publish(&self, epoch: Epoch) -> Result<()> {
        let round = self.staged.load(Ordering::Acquire);
        let turn = &self.turns[round as usize % 2];
        if turn.open.load(Ordering::Acquire) != round + 1 {
            return Err(Error::internal("records were staged outside of a transaction"));
        }
        self.finish(turn, &self.mark(epoch))
    }

    /// Says the last epoch again if that was long ago. To be called between two epochs.
    ///
    /// # Errors
    /// As [`publish`](Self::publish); or if a record could not be delivered.
    pub fn keep(&self, last: Epoch) -> Result<()> {
        self.turns.iter().try_for_each(|turn| turn.producer.check())?;
        let reminded = *self.reminded.lock().unwrap_or_else(PoisonError::into_inner);
        if reminded.elapsed() < REMIND { Ok(()) } else { self.remind(last) }
    }

    /// One of the two.
    pub fn producer(&self) -> &Producer {
        &self.turns[0].producer
    }

    /// Hears what has happened to both producers.
    pub fn look(&self) {
        self.turns.iter().for_each(|turn| turn.producer.look());
    }

    /// Gives up what is open, so that readers of the topics need not wait until its time is over.
    /// Nobody sends any more. What is committed is sent again from its segments.
    pub fn abandon(&self) {
        let open = |turn: &&Arc<Turn>| turn.open.load(Ordering::Acquire) != 0;
        for turn in self.turns.iter().filter(open) {
            let at = turn.clone();
            // Where it is being committed, or no broker answers, it ends by itself.
            let _ = within(STUCK, move || at.producer.client.abort_transaction(TRY));
        }
    }

    fn remind(&self, last: Epoch) -> Result<()> {
        let turn = &self.turns[self.staged.load(Ordering::Acquire) as usize % 2];
        let _alone = turn.begin.lock().unwrap_or_else(PoisonError::into_inner);
        if turn.open.load(Ordering::Acquire) != 0 {
            // A round that runs: its own end says the epoch.
            return Ok(());
        }
        self.begin(turn, NO_ROUND)?;
        self.finish(turn, &self.mark(last))
    }

    fn begin(&self, turn: &Turn, round: u64) -> Result<()> {
        turn.producer.client.begin_transaction().map_err(|e| self.lost(e))?;
        turn.open.store(round + 1, Ordering::Release);
        Ok(())
    }

    fn mark(&self, epoch: Epoch) -> Mark {
        Mark { epoch, author: self.author.clone() }
    }

    fn finish(&self, turn: &Arc<Turn>, mark: &Mark) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        if !turn.producer.flush(until)? {
            return Err(not_taken());
        }
        let (offsets, group) = self.marker.offsets(mark)?;
        let at = turn.clone();
        let mark = move || at.producer.client.send_offsets_to_transaction(&offsets, &group, TRY);
        self.persist(until, mark)?;
        let at = turn.clone();
        self.persist(until, move || at.producer.client.commit_transaction(TRY))?;
        turn.open.store(0, Ordering::Release);
        *self.reminded.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.health.up();
        Ok(())
    }

    /// Does a step of a transaction, which may be done again as long as the client says so.
    fn persist(
        &self,
        until: Instant,
        step: impl Fn() -> Result<(), KafkaError> + Send + Sync + 'static,
    ) -> Result<()> {
        let step = Arc::new(step);
        loop {
            let step = step.clone();
            match within(STUCK, move || step())? {
                Some(Ok(())) => return Ok(()),
                Some(Err(error)) if may_retry(&error) && Instant::now() < until => {
                    self.health.down(format!("the broker does not commit: {error}"));
                }
                Some(Err(error)) => return Err(self.lost(error)),
                None => {
                    let message = "the Kafka client waits for a coordinator that does not come";
                    self.health.down(message);
                    return Err(Error::unavailable(message));
                }
            }
        }
    }

    /// The transaction can't go on. Whether another process is to blame or only time, the next
    /// attempt finds out; so it is worth one.
    fn lost(&self, error: KafkaError) -> Error {
        let error = failed(format!("commit a transaction of `{}`", self.sink), error);
        self.health.down(error.to_string());
        error
    }
}

/// What `work` returns, if it does so in time. Else it is left behind with what it holds: librdkafka
/// waits for ever for a group's coordinator that goes away at the wrong moment, whatever time it
/// was given.
fn within<T: Send + 'static>(
    time: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<Option<T>> {
    let (done, outcome) = bounded(1);
    let thread = std::thread::Builder::new().name("transaction".to_owned());
    // Nobody hears what comes too late.
    let spawned = thread.spawn(move || drop(done.send(work())));
    spawned.map_err(|e| Error::unavailable("cannot start a thread").with(e))?;
    match outcome.recv_timeout(time) {
        Ok(outcome) => Ok(Some(outcome)),
        Err(RecvTimeoutError::Timeout) => Ok(None),
        Err(RecvTimeoutError::Disconnected) => Err(Error::internal("the Kafka client panicked")),
    }
}

fn not_taken() -> Error {
    Error::unavailable("the broker has not taken an epoch's records")
}

fn may_retry(error: &KafkaError) -> bool {
    match error {
        KafkaError::Transaction(error) => {
            error.is_retriable() || error.code() == RDKafkaErrorCode::OperationTimedOut
        }
        KafkaError::Flush(code) => *code == RDKafkaErrorCode::OperationTimedOut,
        _ => false,
    }
}
