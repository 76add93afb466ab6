//! Topics of Kafka. Each lane has a client of its own and the partitions that are its share; the
//! checkpoint alone says where reading goes on, so nobody is a member of a group.

mod begin;
mod cluster;
mod lane;
mod monitor;
mod native;
mod probe;
mod rows;
mod shared;
mod sort;
mod start;

use std::collections::BTreeMap;
use std::sync::Arc;

use crossbeam_channel::unbounded;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::BaseConsumer;
use regex::Regex;

pub use probe::probe;

use self::cluster::{Cluster, Subscription};
use self::lane::{KafkaLane, LaneOptions};
use self::monitor::{Known, Monitor};
use self::native::{Reader, TopicPartition, Wanted};
use self::rows::RowPlan;
use self::shared::{Begin, News, Shared, Watch};
use self::start::{Start, Starter, name};
use super::{OpenContext, Opened, Source};
use crate::config::{KafkaSourceConfig, Trigger};
use crate::error::{Error, Result};
use crate::kafka::{self, Context};

/// The clients' settings where the pipeline file has no others. A broker answers as soon as it has
/// a record, and what waits in a lane for its turn is bounded: 32 MiB, and one answer of a broker.
const DEFAULTS: &[(&str, &str)] = &[
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("auto.offset.reset", "error"),
    ("enable.partition.eof", "true"),
    ("isolation.level", "read_committed"),
    ("fetch.wait.max.ms", "100"),
    ("fetch.queue.backoff.ms", "5"),
    ("queued.max.messages.kbytes", "32768"),
    ("reconnect.backoff.max.ms", "2000"),
    ("client.id", "millrace"),
];

/// Finds out what there is to read and where each partition begins, and opens the lanes.
///
/// # Errors
/// `Config` if a topic is not there, or records are gone that were to be read; `Unavailable` if no
/// broker answers.
pub fn open(name: &str, config: &KafkaSourceConfig, context: &OpenContext) -> Result<Opened> {
    let subscription = subscription(config)?;
    let client = client(name, config, context)?;
    let client_context = Context::new(name, &context.health);
    let cluster = Cluster::new(&client, client_context.clone())?;
    let starter = Starter {
        source: name,
        cluster: &cluster,
        subscription: &subscription,
        start: &config.start,
        policy: config.on_data_loss,
        positions: context.positions,
        metrics: &context.metrics,
    };
    let mut starts = starter.starts()?;
    let once = context.trigger == Trigger::AvailableNow;
    let targets = if once { targets(&cluster, &starts.begun)? } else { BTreeMap::new() };
    let (requests, inbox) = unbounded();
    let shared = Arc::new(Shared::new(context.lanes, requests.clone()));
    let mut known = BTreeMap::new();
    for Start { partition, position, fresh } in starts.begun {
        let watch = Watch::new(context.metrics.partition(&self::name(&partition)));
        watch.lag.read(position.offset);
        known.insert(partition.clone(), Known::new(position.id, watch.clone()));
        let target = targets.get(&partition).copied();
        let lane = shared.lane_of(&partition);
        shared.tell(lane, News::Begin(Begin { partition, position, fresh, target, watch }));
    }
    let plan = Arc::new(RowPlan::new(name, config));
    let rows_max = config.limit_per_epoch.rows;
    let rows_max = rows_max.map(|rows| rows.div_ceil(context.lanes as u64).max(1));
    let mut lanes: Vec<Box<dyn Source>> = Vec::new();
    // What a lane's client has to say of brokers, that of the monitor says, too; here it would go
    // past the log, as nobody but the lane takes anything from the client.
    let mut quiet = client.clone();
    quiet.set_log_level(RDKafkaLogLevel::Emerg);
    for lane in 0..context.lanes {
        let reader = BaseConsumer::from_config_and_context(&quiet, client_context.clone());
        let reader = reader.map_err(|e| kafka::failed(format_args!("read source `{name}`"), e))?;
        let reader = Reader::new(reader);
        let reader = reader.ok_or_else(|| Error::internal("a consumer without a queue"))?;
        let options = LaneOptions {
            source: name.to_owned(),
            lane,
            plan: plan.clone(),
            shared: shared.clone(),
            metrics: context.metrics.clone(),
            trigger: context.trigger,
            batch_rows: context.batch_rows,
            rows_max,
            parting: std::mem::take(&mut starts.parting),
        };
        lanes.push(Box::new(KafkaLane::new(reader, options)));
    }
    let monitor = Monitor {
        source: name.to_owned(),
        cluster,
        subscription,
        discover: (!once).then_some(config.discover.0),
        policy: config.on_data_loss,
        shared,
        health: context.health.clone(),
        metrics: context.metrics.clone(),
        known,
    };
    Ok(Opened { lanes, follower: Some(monitor.start(requests, inbox)?) })
}

/// The topics that are meant.
///
/// # Errors
/// `Config` if the pattern is none.
fn subscription(config: &KafkaSourceConfig) -> Result<Subscription> {
    match (&config.topics, &config.topic_pattern) {
        (Some(topics), _) => {
            Ok(Subscription::Names(topics.iter().map(|topic| topic.to_string()).collect()))
        }
        (None, Some(pattern)) => {
            let whole = Regex::new(&format!("^(?:{})$", &**pattern));
            let whole = whole.map_err(|e| {
                Error::config(format!("`{}` is no regular expression: {e}", &**pattern))
            })?;
            Ok(Subscription::Pattern(whole))
        }
        (None, None) => Err(Error::internal("a Kafka source without topics")),
    }
}

fn client(name: &str, config: &KafkaSourceConfig, context: &OpenContext) -> Result<ClientConfig> {
    let group = config.group.as_deref().map(str::to_owned);
    let group = group.unwrap_or_else(|| format!("millrace-{}-{name}", context.pipeline));
    let mut defaults = DEFAULTS.to_vec();
    defaults.push(("group.id", &group));
    kafka::client_config(&config.brokers, &config.properties, &defaults, context.directory)
}

/// Where the partitions end now.
fn targets(cluster: &Cluster, starts: &[Start]) -> Result<BTreeMap<TopicPartition, u64>> {
    let question: Vec<_> =
        starts.iter().map(|start| (start.partition.clone(), Wanted::Latest)).collect();
    let ends = cluster.offsets(&question)?;
    let end = |start: &Start| match ends.get(&start.partition) {
        Some(Some(end)) => Ok((start.partition.clone(), *end)),
        _ => Err(Error::unavailable(format!("no broker answers for `{}`", name(&start.partition)))),
    };
    starts.iter().map(end).collect()
}
