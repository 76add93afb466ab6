//! From Kafka to Kafka and files, killed again and again: nothing is lost and nothing comes twice,
//! in any sink.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::Receiver;
use millrace::error::ErrorKind;
use millrace::storage::LocalStorage;
use millrace_tests::broker::{Broker, Message, Record, unique};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::fixture::{Process, rows, sink};
use crate::crash::disk::{Bytes, Loss, Names};
use crate::crash::fixture::{Fixture, Input};
use crate::crash::storage::{Fault, FaultyStorage};
use crate::harness::{Sandbox, canonical};

/// `MILLRACE_KILL_ROUNDS` sets another number.
const ROUNDS: usize = 8;
/// No line of progress takes so long: a process that says nothing is broken.
const PATIENCE: Duration = Duration::from_secs(60);

const PARTITIONS: usize = 4;
/// Of each partition, before each round.
const RECORDS: usize = 250;
/// Every so many-th record is no JSON.
const BROKEN_EVERY: usize = 19;
const USERS: usize = 7;

const START: i64 = 1_700_000_000_000;
/// From each record of a partition to its next, in milliseconds.
const STEP: i64 = 200;
const WINDOW: i64 = 30_000;
/// After everything: it ends all windows.
const END: i64 = START + 1_000_000_000_000;

/// One record of the input. Two with the same item are beside each other in a partition.
struct Order {
    id: usize,
    partition: usize,
    at: usize,
}

impl Order {
    fn user(&self) -> usize {
        self.item() % USERS
    }

    fn item(&self) -> usize {
        self.at / 2 * PARTITIONS + self.partition
    }

    fn amount(&self) -> usize {
        self.id % 100
    }

    fn time(&self) -> i64 {
        START + self.at as i64 * STEP
    }

    fn is_broken(&self) -> bool {
        self.id.is_multiple_of(BROKEN_EVERY)
    }

    fn text(&self) -> String {
        let (id, user, item, amount) = (self.id, self.user(), self.item(), self.amount());
        let end = if self.is_broken() { "" } else { "}" };
        let time = self.time();
        format!(
            "{{\"id\":{id},\"user\":\"u{user}\",\"item\":{item},\"amount\":{amount},\"t\":{time}{end}"
        )
    }
}

/// The orders of so many rounds.
fn orders(rounds: std::ops::Range<usize>) -> impl Iterator<Item = Order> {
    let first = rounds.start * RECORDS;
    (first..rounds.end * RECORDS).flat_map(|at| {
        (0..PARTITIONS).map(move |partition| Order {
            id: at * PARTITIONS + partition,
            partition,
            at,
        })
    })
}

/// What must be in the sinks, computed from the input in one go.
#[derive(Debug, Default, PartialEq)]
struct Expected {
    rows: Vec<String>,
    fresh: Vec<String>,
    totals: Vec<String>,
    letters: BTreeSet<(String, i64, String)>,
}

fn expected(rounds: usize, topic: &str) -> Expected {
    let mut expected = Expected::default();
    let mut fresh = BTreeSet::new();
    let mut totals: BTreeMap<(usize, i64), (usize, usize)> = BTreeMap::new();
    for order in orders(0..rounds) {
        if order.is_broken() {
            let partition = format!("{topic}/{}", order.partition);
            expected.letters.insert((partition, order.at as i64, order.text()));
            continue;
        }
        let (id, user, amount) = (order.id, order.user(), order.amount());
        expected
            .rows
            .push(format!("{{\"id\": {id}, \"user\": \"u{user}\", \"amount\": {amount}}}"));
        if fresh.insert(order.item()) {
            expected.fresh.push(format!("{{\"item\": {}, \"user\": \"u{user}\"}}", order.item()));
        }
        let total = totals.entry((user, order.time() / WINDOW * WINDOW * 1000)).or_default();
        *total = (total.0 + 1, total.1 + amount);
    }
    for ((user, start), (n, total)) in totals {
        let row =
            format!("{{\"user\": \"u{user}\", \"s\": {start}, \"n\": {n}, \"total\": {total}}}");
        expected.totals.push(row);
    }
    for rows in [&mut expected.rows, &mut expected.fresh, &mut expected.totals] {
        *rows = rows.iter().map(|row| canonical(row)).collect();
        rows.sort();
    }
    expected
}

/// Kafka -> plugin -> deduplication and windows -> four topics and two directories.
struct Killed<'a> {
    broker: &'a Broker,
    sandbox: Sandbox,
    input: String,
    topics: BTreeMap<&'static str, String>,
    produced: usize,
}

impl<'a> Killed<'a> {
    fn new(broker: &'a Broker) -> Self {
        let names = ["rows", "fresh", "totals", "letters"];
        let topics = names.map(|name| (name, broker.topic(name, 3)));
        let input = unique("orders");
        broker.create_topic(&input, PARTITIONS as i32, &[("retention.ms", "-1")]);
        Self { broker, sandbox: Sandbox::new(), input, topics: topics.into(), produced: 0 }
    }

    fn write_pipeline(&self, parallelism: usize, limit: usize, more: &str) {
        let (input, brokers) = (&self.input, self.broker.address());
        let mut text = format!(
            r#"{more}
parallelism = {parallelism}
batch_rows = 50

[checkpoint]
interval = "20ms"

[restart]
delay_max = "200ms"

[source.orders]
type = "kafka"
brokers = "{brokers}"
topics = ["{input}"]
format = "raw"
limit_per_epoch = {{ rows = {limit} }}

[step.parse]
from = "orders"
plugin = "safe_parse"
event_time = {{ column = "t", delay = "2s" }}
config = {{ schema = {{ id = "int64", user = "string", item = "int64", amount = "int64", t = "timestamp[ms]" }} }}

[step.rows]
sql = "SELECT id, user, amount FROM parse"

[step.first]
from = "parse"
deduplicate = ["item"]
within = "1m"

[step.fresh]
sql = "SELECT item, user FROM first"

[step.totals]
sql = """SELECT user, cast(w.start AS bigint) AS s, count(*) AS n, sum(amount) AS total
         FROM (SELECT *, tumble(t, INTERVAL '30 seconds') AS w FROM parse) GROUP BY user, w"""
"#
        );
        for (name, topic) in &self.topics {
            let (from, more) = match *name {
                "letters" => ("parse.errors".to_owned(), ""),
                "rows" => ((*name).to_owned(), "key = \"id\""),
                _ => ((*name).to_owned(), "key = \"user\""),
            };
            text += &sink(name, &format!("\"{from}\""), brokers, topic, more);
        }
        for name in ["rows", "totals"] {
            writeln!(
                text,
                "[sink.{name}_file]\ntype = \"file\"\nfrom = \"{name}\"\npath = \"out/{name}\""
            )
            .unwrap();
        }
        self.sandbox.pipeline(&text);
    }

    /// More input: what the last round has not read is still there.
    fn produce(&mut self) {
        let message = |order: Order| Message::new(order.text()).partition(order.partition as i32);
        self.broker.produce(&self.input, orders(self.produced..self.produced + 1).map(message));
        self.produced += 1;
    }

    /// Ends the input, and waits until all of it was read.
    fn finish(&self) {
        let text = format!("{{\"id\":0,\"user\":\"end\",\"item\":-1,\"amount\":0,\"t\":{END}}}");
        let end = |partition| Message::new(&text).partition(partition as i32);
        self.broker.produce(&self.input, (0..PARTITIONS).map(end));
        self.write_pipeline(2, 5000, "trigger = \"available_now\"");
        let (mut process, lines) = Process::start_heard(&self.sandbox);
        let said: Vec<String> = lines.iter().collect();
        assert!(process.wait().success(), "{:?}", said.last());
    }

    fn check(&self) {
        let expected = expected(self.produced, &self.input);
        let topics: Vec<&str> = self.topics.values().map(String::as_str).collect();
        let mut read: BTreeMap<String, Vec<Record>> = BTreeMap::new();
        for record in self.broker.read_independently(&topics) {
            read.entry(record.topic.clone()).or_default().push(record);
        }
        let end = canonical("{\"id\": 0, \"user\": \"end\", \"amount\": 0}");
        let of = |name: &str| read.get(&self.topics[name]).map_or_else(Vec::new, |r| rows(r));
        let mut found = of("rows");
        found.retain(|row| *row != end);
        same(&found, &expected.rows, "rows in Kafka");
        let mut file = self.sandbox.rows("out/rows");
        file.retain(|row| *row != end);
        same(&file, &expected.rows, "rows in files");
        let mut fresh = of("fresh");
        fresh.retain(|row| !row.contains("\"end\""));
        same(&fresh, &expected.fresh, "without duplicates");
        same(&of("totals"), &expected.totals, "totals in Kafka");
        same(&self.sandbox.rows("out/totals"), &expected.totals, "totals in files");
        let letters = &read[&self.topics["letters"]];
        let letter = |record: &Record| {
            let row = record.header("millrace.row").unwrap().parse().unwrap();
            (record.header("millrace.partition").unwrap().to_owned(), row, record.text().to_owned())
        };
        assert_eq!(letters.len(), expected.letters.len());
        assert_eq!(letters.iter().map(letter).collect::<BTreeSet<_>>(), expected.letters);
        assert_eq!(self.sandbox.letters().len(), 0);
    }
}

/// Says what is missing and what is too much; both are sorted.
#[track_caller]
fn same(found: &[String], expected: &[String], what: &str) {
    let mut balance: BTreeMap<&String, i64> = BTreeMap::new();
    found.iter().for_each(|row| *balance.entry(row).or_default() += 1);
    expected.iter().for_each(|row| *balance.entry(row).or_default() -= 1);
    let wrong: Vec<_> = balance.into_iter().filter(|(_, n)| *n != 0).collect();
    let (found, expected) = (found.len(), expected.len());
    let few = &wrong[..wrong.len().min(5)];
    assert!(wrong.is_empty(), "{what}: {found} rows, {expected} expected; for example {few:?}");
}

/// Waits until the process has told of its progress so many times.
fn await_progress(lines: &Receiver<String>, times: usize) {
    for _ in 0..times {
        loop {
            let line = lines.recv_timeout(PATIENCE).expect("no progress");
            assert!(!line.contains("\"event\":\"end\"") && !line.starts_with("error"), "{line}");
            if line.contains("\"event\":\"progress\"") {
                break;
            }
        }
    }
}

/// The whole process, killed between any two instructions again and again, under load, while it
/// starts and while it works.
#[test]
fn a_process_between_topics_that_is_killed_again_and_again_loses_and_doubles_nothing() {
    let rounds = std::env::var("MILLRACE_KILL_ROUNDS").map_or(ROUNDS, |text| text.parse().unwrap());
    let mut killed = Killed::new(Broker::shared());
    let mut random = StdRng::seed_from_u64(11);
    for round in 0..rounds {
        killed.write_pipeline(1 + round % 4, 200, "");
        killed.produce();
        let (mut process, lines) = Process::start_heard(&killed.sandbox);
        let later = if round % 3 == 2 {
            // Anywhere in its start.
            random.random_range(0..1_500_000)
        } else {
            await_progress(&lines, random.random_range(1..=8));
            random.random_range(0..50_000)
        };
        let deadline = std::time::Instant::now() + Duration::from_micros(later);
        while lines.recv_deadline(deadline).is_ok() {}
        process.kill();
    }
    killed.finish();
    killed.check();
}

/// At most 22 rows an epoch, in batches of 11: several epochs with few steps.
const STEPS: &str = r#"
name = "crash"
parallelism = 1
batch_rows = 11

[checkpoint]
interval = "2ms"
path = "disk/checkpoint"

[source.orders]
type = "file"
path = "data/*.ndjson"
format = "ndjson"
schema = { id = "int64", country = "string", amount = "float64" }
limit_per_epoch = { rows = 22 }

[sink.file]
type = "file"
from = "orders"
path = "disk/out/file"
"#;

const INPUT: Input = Input { files: 1, rows_per_file: 55 };
/// Rounds run side by side, as most of a round is waiting.
const THREADS: usize = 8;
const TRIES: usize = 5;

/// What is left of a fixture: its topic, which must hold all rows.
struct Step {
    topic: String,
    when: String,
}

/// A fixture's pipeline with a sink in Kafka.
fn fixture(broker: &Broker, more: &str) -> (Fixture, String) {
    let topic = broker.topic("step", 1);
    let sink = sink("out", "\"orders\"", broker.address(), &topic, "");
    (Fixture::new(INPUT, &format!("{STEPS}{sink}{more}")), topic)
}

/// Goes through all steps in turn until a run has fewer. Returns how many were tried.
fn for_each_step(every: u64, survives: impl Fn(u64) -> Option<Step> + Sync) -> u64 {
    let next = AtomicU64::new(0);
    let mut steps: Vec<Step> = Vec::new();
    std::thread::scope(|scope| {
        let work = || {
            let mut done = Vec::new();
            while let Some(step) = survives(1 + every * next.fetch_add(1, Ordering::Relaxed)) {
                done.push(step);
            }
            done
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            // The panic of a thread has said what was wrong.
            steps.extend(thread.join().expect("a step was not survived"));
        }
    });
    let broker = Broker::shared();
    let topics: Vec<&str> = steps.iter().map(|step| step.topic.as_str()).collect();
    let mut read: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for record in broker.read_independently(&topics) {
        let row: serde_json::Value = serde_json::from_str(record.text()).unwrap();
        read.entry(record.topic).or_default().push(row["id"].as_u64().unwrap());
    }
    let expected: Vec<u64> = Fixture::new(INPUT, "").good_ids().map(|id| id as u64).collect();
    for step in &steps {
        let mut found = read.remove(&step.topic).unwrap_or_default();
        found.sort_unstable();
        assert_eq!(found, expected, "{}", step.when);
    }
    steps.len() as u64
}

/// A crash at each step that reaches the disk, of the process or of the power: what the broker has
/// and what the disk has must agree again.
#[test]
fn a_crash_at_any_step_of_an_epoch_for_kafka_loses_and_doubles_nothing() {
    let broker = Broker::shared();
    let losses: Vec<Loss> = Loss::all().collect();
    let steps = for_each_step(1, |step| {
        let (fixture, topic) = fixture(broker, "[restart]\nattempts = 0\n");
        let loss = losses[step as usize % losses.len()];
        let when = format!("step {step}, {loss:?}");
        let storage = FaultyStorage::new(&fixture.disk(), Fault::CrashAt(step)).unwrap();
        let ended = fixture.run(Arc::new(storage.clone()));
        if storage.failed() == 0 {
            ended.unwrap();
            return None;
        }
        if let Err(error) = ended {
            assert_eq!(error.kind, ErrorKind::Unavailable, "{when}: {error}");
        }
        storage.crash(loss).unwrap();
        if step % 3 == 0 {
            // The machine may go down again while it recovers.
            let again = Fault::CrashAt(1 + step * 5 % 40);
            let storage = FaultyStorage::new(&fixture.disk(), again).unwrap();
            let _ = fixture.run(Arc::new(storage.clone()));
            storage.crash(loss).unwrap();
        }
        // A machine that is busy may keep a broker from answering in time.
        let mut tries = (0..TRIES).map(|_| fixture.run(Arc::new(LocalStorage)));
        let ended = tries
            .find(|ended| !matches!(ended, Err(error) if error.kind == ErrorKind::Unavailable));
        ended.unwrap_or_else(|| panic!("{when}: never available")).unwrap();
        fixture.published(&["file"]).assert_is(&fixture.expected(1, "orders"), &when);
        Some(Step { topic, when })
    });
    assert!(steps > 100, "only {steps} steps: the pipeline commits too few epochs");
}

/// No room on the disk, from some step on and for some time: the job goes on by itself.
#[test]
fn a_full_disk_at_any_step_of_an_epoch_for_kafka_loses_and_doubles_nothing() {
    let broker = Broker::shared();
    let steps = for_each_step(4, |step| {
        let (fixture, topic) = fixture(broker, "[restart]\ndelay_max = \"1ms\"\n");
        let failures = 1 + step as u32 % 3;
        let when = format!("no room at step {step}, {failures} times");
        let fault = Fault::FullAt { step, failures };
        let storage = FaultyStorage::new(&fixture.disk(), fault).unwrap();
        if let Err(error) = fixture.run(Arc::new(storage.clone())) {
            panic!("{when}: {error}");
        }
        storage.crash(Loss { names: Names::Kept, bytes: Bytes::Kept }).unwrap();
        fixture.published(&["file"]).assert_is(&fixture.expected(1, "orders"), &when);
        (storage.failed() > 0).then_some(Step { topic, when })
    });
    assert!(steps > 10, "only {steps} steps: the pipeline commits too few epochs");
}
