//! Kafka: records into topics, once or at least once.

mod marker;
mod native;
mod producer;
mod segment;
mod transactions;

pub use marker::Author;
pub use transactions::Transactions;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use rdkafka::config::ClientConfig;

use self::producer::{PATIENCE, Producer};
use self::segment::SegmentWriter;
use super::{Sink, SinkContext, Staged, StagedRecords};
use crate::batch::Batch;
use crate::config::{Delivery, KafkaSinkConfig};
use crate::epoch::Epoch;
use crate::error::{Error, Result};
use crate::kafka::{check_brokers, check_properties, client_config, topic_mistake};
use crate::metrics::Health;
use crate::plan::{KafkaSinkPlan, ProbeError, ProbeKey};

/// A segment with more bytes is finished, and the next one begun.
const SEGMENT_BYTES_MAX: u64 = 64 << 20;
/// What waits in a producer for its broker, unless the pipeline file has another bound: the client's
/// own is eight times as much.
const QUEUE_KIB_MAX: &str = "131072";
/// How often a sink's producers are asked what has happened.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What the lanes of a sink share.
#[derive(Clone)]
pub enum Output {
    ExactlyOnce(Arc<Transactions>),
    AtLeastOnce(Arc<Producer>),
}

impl Output {
    /// One of its producers.
    pub fn producer(&self) -> &Producer {
        match self {
            Self::ExactlyOnce(transactions) => transactions.producer(),
            Self::AtLeastOnce(producer) => producer,
        }
    }
}

/// A sink's connection to its brokers, for one attempt at a job.
pub struct Connection {
    pub output: Output,
    /// Hears what has happened to it.
    watch: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
}

impl Connection {
    /// # Errors
    /// As [`Transactions::open`].
    pub fn open(
        name: &str,
        plan: &KafkaSinkPlan,
        author: &Author,
        again: bool,
        health: &Arc<Health>,
    ) -> Result<Self> {
        let plan = Arc::new(plan.clone());
        let output = match plan.delivery {
            Delivery::ExactlyOnce => {
                let open = Transactions::open(name, &plan, author.clone(), again, health)?;
                Output::ExactlyOnce(Arc::new(open))
            }
            Delivery::AtLeastOnce => {
                // Rows come in batches already: to wait for more of them would only take time.
                let config = producer_config(&plan, &[("linger.ms", "0")])?;
                Output::AtLeastOnce(Arc::new(Producer::open(name, &plan, &config, health)?))
            }
        };
        let stop = Arc::new(AtomicBool::new(false));
        let watch = {
            let (output, stop) = (output.clone(), stop.clone());
            let watch = move || {
                while !stop.load(Ordering::Acquire) {
                    match &output {
                        Output::ExactlyOnce(transactions) => transactions.look(),
                        Output::AtLeastOnce(producer) => producer.look(),
                    }
                    std::thread::park_timeout(LOOK_EVERY);
                }
            };
            let thread = std::thread::Builder::new().name(format!("{name}-watch"));
            thread.spawn(watch).map_err(|e| Error::unavailable("cannot start a thread").with(e))?
        };
        Ok(Self { output, watch: Some(watch), stop })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Output::ExactlyOnce(transactions) = &self.output {
            transactions.abandon();
        }
        self.stop.store(true, Ordering::Release);
        if let Some(watch) = self.watch.take() {
            watch.thread().unpark();
            // It can't fail but by a panic, which has been reported.
            let _ = watch.join();
        }
    }
}

/// One lane of a sink.
pub struct KafkaSink {
    name: String,
    plan: KafkaSinkPlan,
    schema: SchemaRef,
    output: Output,
    context: SinkContext,
    /// How often `stage` was called.
    round: u64,
    /// Of the round.
    segment: Option<SegmentWriter>,
    finished: Vec<StagedRecords>,
    /// Segments that were begun by this lane.
    segments: u64,
}

impl KafkaSink {
    pub fn new(
        name: &str,
        plan: &KafkaSinkPlan,
        schema: &SchemaRef,
        output: Output,
        context: &SinkContext,
    ) -> Self {
        Self {
            name: name.to_owned(),
            plan: plan.clone(),
            schema: schema.clone(),
            output,
            context: context.clone(),
            round: 0,
            segment: None,
            finished: Vec::new(),
            segments: 0,
        }
    }

    fn keep(&mut self, records: &RecordBatch) -> Result<()> {
        let segment = match &mut self.segment {
            Some(segment) => segment,
            None => {
                let name = format!(
                    "{}-{:08}-{}-{}-{:06}.arrow",
                    self.context.id,
                    self.context.epoch.0,
                    self.name.trim_start_matches("sink."),
                    self.context.lane,
                    self.segments
                );
                self.segments += 1;
                let path = self.plan.staging.join(name);
                let storage = &*self.context.storage;
                self.segment.insert(SegmentWriter::create(storage, path, &self.schema)?)
            }
        };
        segment.write(records)?;
        if segment.bytes() >= SEGMENT_BYTES_MAX
            && let Some(segment) = self.segment.take()
        {
            self.finished.push(segment.finish(&self.name)?);
        }
        Ok(())
    }
}

impl Sink for KafkaSink {
    fn write(&mut self, batch: &Batch) -> Result<()> {
        match self.output.clone() {
            Output::AtLeastOnce(producer) => producer.send(&batch.rows),
            Output::ExactlyOnce(transactions) => {
                if self.segment.is_none() && self.finished.is_empty() {
                    transactions.settle(self.round)?;
                }
                self.keep(&batch.rows)?;
                transactions.send(self.round, &batch.rows)
            }
        }
    }

    fn stage(&mut self, _: Epoch) -> Result<Vec<Staged>> {
        let round = self.round;
        self.round += 1;
        match &self.output {
            Output::AtLeastOnce(producer) => match producer.flush(Instant::now() + PATIENCE)? {
                true => Ok(Vec::new()),
                false => Err(Error::unavailable("the broker has not taken an epoch's records")),
            },
            Output::ExactlyOnce(transactions) => {
                if let Some(segment) = self.segment.take() {
                    self.finished.push(segment.finish(&self.name)?);
                }
                if !self.finished.is_empty() {
                    let directory = &self.plan.staging;
                    let synced = self.context.storage.sync_dir(directory);
                    synced.map_err(|e| Error::io("sync", directory, e))?;
                }
                transactions.stage(round);
                Ok(self.finished.drain(..).map(Staged::Records).collect())
            }
        }
    }
}

/// What is wrong in the pipeline file, but for expressions. Connects to nothing.
///
/// # Errors
/// The first mistake, and where it is.
pub fn probe(config: &KafkaSinkConfig, directory: &Path) -> std::result::Result<(), ProbeError> {
    let wrong = |key, message: String, help| Err(ProbeError::new(key, message, help));
    if let Some(wrong) = check_brokers(&config.brokers) {
        return Err(wrong);
    }
    if let Some(message) = topic_mistake(&config.topic) {
        return wrong(ProbeKey::At(config.topic.place()), message, "mend the name");
    }
    if let Some(id) = config.transactional_id.as_ref().filter(|id| id.is_empty()) {
        let at = ProbeKey::At(id.place());
        return wrong(at, "the `transactional_id` has no name".into(), "name it, or remove it");
    }
    if let Some(expr) = config.headers.get("") {
        let at = ProbeKey::At(expr.place());
        return wrong(at, "a header has no name".into(), "headers = { NAME = \"EXPRESSION\" }");
    }
    check_properties(&config.properties, directory)
}

/// The configuration of a sink's client; properties of the pipeline file go before `defaults`.
fn config(plan: &KafkaSinkPlan, defaults: &[(&str, &str)]) -> Result<ClientConfig> {
    client_config(&plan.brokers, &plan.properties, defaults, &plan.directory)
}

fn producer_config(plan: &KafkaSinkPlan, defaults: &[(&str, &str)]) -> Result<ClientConfig> {
    let defaults = [&[("queue.buffering.max.kbytes", QUEUE_KIB_MAX)], defaults].concat();
    let mut config = config(plan, &defaults)?;
    config.set("enable.idempotence", "true").set("delivery.report.only.error", "true");
    Ok(config)
}
