//! Kafka to Kafka through two plugins, against a bare loop of the same client library; and how long
//! a row takes from being produced to being read as an alert.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hdrhistogram::Histogram;
use millrace_tests::broker::Broker;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Message, Offset, TopicPartitionList};

use crate::data::{millrace, raw_transactions, repository};
use crate::pipeline::{rows_per_second, run_once};
use crate::report::{Report, Target, median};

const ROWS: usize = 2_000_000;
const PARTITIONS: i32 = 4;
const TURNS: usize = 3;
/// Rows per second while latency is measured, and for how long.
const RATE: u64 = 20_000;
const SECONDS: u64 = 20;
/// Rows of the first seconds don't count: JIT, page cache and compilation are still warming up.
const WARM_UP: u64 = 5;

const PARSE: &str = r#"
[step.parse]
from = "transactions"
plugin = "safe_parse"
config = { schema = { txn_id = "string", user_id = "string", amount = "float64", merchant = "string", country = "string", ts = "timestamp[ms]" } }

[step.rules]
from = "parse"
plugin = "fraud_rules"
[step.rules.config]
max_amount = 5000
rules = [{ name = "far_and_large", outcome = "fraud", amount_over = 1000, countries = ["NG"] }]
"#;

pub fn run(report: &mut Report) {
    let broker = Broker::for_benchmarks();
    throughput(report, &broker);
    latency(report, &broker, "at_least_once", (3.0, 15.0));
    latency(report, &broker, "exactly_once", (f64::INFINITY, 300.0));
}

fn throughput(report: &mut Report, broker: &Broker) {
    let input = broker.topic("transactions", PARTITIONS);
    fill(broker, &input);
    let mut rates: [Vec<f64>; 3] = Default::default();
    for _ in 0..=TURNS {
        rates[0].push(bare_loop(broker, &input));
        rates[1].push(pipeline(broker, &input, "exactly_once"));
        rates[2].push(pipeline(broker, &input, "at_least_once"));
    }
    // The first turn warms the broker up.
    let middle = rates.map(|rates| median(rates[1..].to_vec()));
    let against = |at: usize| middle[at] / middle[0];
    let detail = |at: usize| {
        format!("{:.0} rows/s; a bare loop of the same client: {:.0}", middle[at], middle[0])
    };
    let name = "Kafka, exactly once / bare loop";
    report.add(name, against(1), "", Target::AtLeast(0.6), &detail(1));
    let name = "Kafka, at least once / bare loop";
    report.add(name, against(2), "", Target::AtLeast(0.7), &detail(2));
}

/// Puts the reference transactions into a topic.
fn fill(broker: &Broker, topic: &str) {
    let producer: BaseProducer = client(broker).set("linger.ms", "20").create().unwrap();
    let batch = raw_transactions(ROWS);
    let values = arrow::array::AsArray::as_binary::<i32>(batch.column(0).as_ref());
    for (at, value) in values.iter().enumerate() {
        let partition = (at / 1000) as i32 % PARTITIONS;
        send(&producer, topic, Some(partition), None, value.unwrap());
    }
    producer.flush(Duration::from_secs(60)).unwrap();
}

/// What the client can do with nothing in between: rows per second.
fn bare_loop(broker: &Broker, input: &str) -> f64 {
    let output = broker.topic("bare", PARTITIONS);
    let started = Instant::now();
    let consumer = consumer(broker, input, PARTITIONS, Offset::Beginning);
    let mut config = client(broker);
    config.set("enable.idempotence", "true").set("delivery.report.only.error", "true");
    let producer: BaseProducer = config.create().unwrap();
    for row in 0..ROWS {
        let message = loop {
            if let Some(message) = consumer.poll(Duration::from_millis(100)) {
                break message.unwrap();
            }
        };
        send(&producer, &output, None, message.key(), message.payload().unwrap());
        if row % 1000 == 0 {
            producer.poll(Duration::ZERO);
        }
    }
    producer.flush(Duration::from_secs(60)).unwrap();
    ROWS as f64 / started.elapsed().as_secs_f64()
}

fn pipeline(broker: &Broker, input: &str, delivery: &str) -> f64 {
    let output = broker.topic("judged", PARTITIONS);
    let directory = tempfile::tempdir().unwrap();
    let text = format!(
        r#"trigger = "available_now"
        {}
        [sink.out]
        type = "kafka"
        from = ["rules", "rules.fraud", "rules.review"]
        brokers = "{}"
        topic = "{output}"
        delivery = "{delivery}"
        "#,
        source(broker, input, "earliest"),
        broker.address()
    );
    let end = run_once(directory.path(), &format!("{text}{PARSE}"), Path::new(""));
    assert_eq!(end["rows_in"], ROWS, "{end}");
    assert_eq!(end["errors"], 0, "{end}");
    rows_per_second(&end)
}

fn source(broker: &Broker, topic: &str, start: &str) -> String {
    format!(
        r#"
        [source.transactions]
        type = "kafka"
        brokers = "{}"
        topics = "{topic}"
        start = "{start}"
        format = "raw"
        "#,
        broker.address()
    )
}

/// Every row is an alert, so that what is measured does not depend on chance.
fn latency(report: &mut Report, broker: &Broker, delivery: &str, targets: (f64, f64)) {
    let input = broker.topic("live", PARTITIONS);
    let output = broker.topic("alerts", PARTITIONS);
    let directory = tempfile::tempdir().unwrap();
    let mut job = start(broker, directory.path(), (&input, &output), delivery);
    let stop = AtomicBool::new(false);
    let histogram = thread::scope(|scope| {
        let reader = scope.spawn(|| read_alerts(broker, &output, &stop));
        produce_live(broker, &input);
        // The last epoch is out by then.
        thread::sleep(Duration::from_secs(2));
        stop.store(true, Ordering::Relaxed);
        reader.join().unwrap()
    });
    job.kill().unwrap();
    job.wait().unwrap();
    let millis = |quantile: f64| histogram.value_at_quantile(quantile) as f64 / 1000.0;
    let detail = format!(
        "{} alerts; p50 {:.1}, p90 {:.1}, p99 {:.1}, p99.9 {:.1}, max {:.1} ms",
        histogram.len(),
        millis(0.5),
        millis(0.9),
        millis(0.99),
        millis(0.999),
        histogram.max() as f64 / 1000.0
    );
    let words = delivery.replace('_', " ");
    if targets.0.is_finite() {
        let name = format!("Kafka latency p50, {words}");
        report.add(&name, millis(0.5), "ms", Target::AtMost(targets.0), &detail);
    }
    let name = format!("Kafka latency p99, {words}");
    report.add(&name, millis(0.99), "ms", Target::AtMost(targets.1), &detail);
    for bar in histogram.iter_log(1000, 2.0) {
        let share = bar.count_since_last_iteration() as f64 / histogram.len() as f64;
        let upto = bar.value_iterated_to() as f64 / 1000.0;
        println!(
            "    up to {upto:>8.1} ms {:>6.2} % {}",
            share * 100.0,
            "#".repeat((share * 60.0) as usize)
        );
    }
}

fn start(
    broker: &Broker,
    directory: &Path,
    (input, output): (&str, &str),
    delivery: &str,
) -> Child {
    // At least once, rows don't wait for the end of their epoch.
    let interval = if delivery == "exactly_once" { "100ms" } else { "1s" };
    let text = format!(
        r#"name = "live"
        plugin_path = ["{}"]
        [checkpoint]
        interval = "{interval}"
        {}
        {PARSE}
        [sink.alerts]
        type = "kafka"
        from = ["rules", "rules.fraud", "rules.review"]
        brokers = "{}"
        topic = "{output}"
        key = "user_id"
        delivery = "{delivery}"
        "#,
        repository().join("plugins/dist").display(),
        source(broker, input, "earliest"),
        broker.address()
    );
    let file = directory.join("pipeline.toml");
    std::fs::write(&file, text).unwrap();
    let mut command = Command::new(millrace());
    let job = command.args(["run", "--quiet"]).arg(&file).stdin(Stdio::null()).spawn().unwrap();
    let ready = Command::new(millrace()).args(["ready", "--wait", "60s"]).arg(&file).output();
    assert!(ready.unwrap().status.success());
    job
}

/// Produces at the rate, in small steps, with the time as the transaction's number.
fn produce_live(broker: &Broker, topic: &str) {
    let producer: BaseProducer = client(broker).set("linger.ms", "1").create().unwrap();
    let started = Instant::now();
    for row in 0..RATE * SECONDS {
        let due = Duration::from_nanos(row * 1_000_000_000 / RATE);
        while started.elapsed() < due {
            producer.poll(Duration::ZERO);
            thread::sleep(Duration::from_micros(500));
        }
        let counts = row >= RATE * WARM_UP;
        let value = format!(
            "{{\"txn_id\":\"{}\",\"user_id\":\"u{}\",\"amount\":12.50,\"merchant\":\"m{}\",\"country\":\"DE\",\"ts\":{}}}",
            if counts { now_us() } else { 0 },
            row * 7919 % 100_000,
            row % 500,
            1_700_000_000_000_u64 + row,
        );
        send(&producer, topic, None, None, value.as_bytes());
    }
    producer.flush(Duration::from_secs(60)).unwrap();
}

/// Microseconds from being produced to being read.
fn read_alerts(broker: &Broker, topic: &str, stop: &AtomicBool) -> Histogram<u64> {
    let consumer = consumer(broker, topic, PARTITIONS, Offset::Beginning);
    let mut histogram = Histogram::new(3).unwrap();
    while !stop.load(Ordering::Relaxed) {
        let Some(message) = consumer.poll(Duration::from_millis(50)) else { continue };
        let message = message.unwrap();
        let text = std::str::from_utf8(message.payload().unwrap()).unwrap();
        let sent: u64 = text.split('"').nth(3).unwrap().parse().unwrap();
        if sent > 0 {
            histogram.record(now_us().saturating_sub(sent)).unwrap();
        }
    }
    histogram
}

fn now_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64
}

fn client(broker: &Broker) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.address());
    config
}

fn consumer(broker: &Broker, topic: &str, partitions: i32, from: Offset) -> BaseConsumer {
    let mut config = client(broker);
    config.set("group.id", "bench").set("enable.auto.commit", "false");
    // As the source has them. With the client's own a queue that was full is left alone for a second.
    config.set("fetch.wait.max.ms", "100").set("fetch.queue.backoff.ms", "5");
    config.set("queued.max.messages.kbytes", "32768");
    let consumer: BaseConsumer = config.create().unwrap();
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition_offset(topic, partition, from).unwrap();
    }
    consumer.assign(&list).unwrap();
    consumer
}

/// Waits where the queue is full.
fn send(
    producer: &BaseProducer,
    topic: &str,
    partition: Option<i32>,
    key: Option<&[u8]>,
    value: &[u8],
) {
    let mut record = BaseRecord::<[u8], [u8]>::to(topic).payload(value);
    record.key = key;
    record.partition = partition;
    while let Err((error, back)) = producer.send(record) {
        let full = KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
        assert_eq!(error, full);
        producer.poll(Duration::from_millis(1));
        record = back;
    }
}
