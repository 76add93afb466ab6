//! Keyed plugins: what comes out depends on the rows alone, not on parallelism, batches or timing.

use std::collections::{BTreeMap, VecDeque};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::harness::{Sandbox, canonical_rows};

const SECOND: i64 = 1_000_000;
/// 2024-01-01T00:00:00Z.
const START: i64 = 1_704_067_200 * SECOND;
const DELAY: i64 = 2 * SECOND;

/// One event: number, user, time in microseconds, amount, name.
#[derive(Debug, Clone)]
struct Event {
    id: usize,
    user: String,
    at: i64,
    amount: i64,
    name: &'static str,
}

impl Event {
    fn json(&self) -> String {
        let at = (self.at - START) / 1000 + START / 1000;
        let (id, user, amount, name) = (self.id, &self.user, self.amount, self.name);
        json!({"id": id, "user": user, "at": at, "amount": amount, "event": name}).to_string()
    }
}

/// Events of some users in several files, out of order by less than the delay within each.
fn events(seed: u64, count: usize, users: usize) -> Vec<Vec<Event>> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut files = vec![Vec::new(), Vec::new(), Vec::new()];
    for id in 0..count {
        // Whole milliseconds: sources read no more.
        let drift = rng.random_range(0..1900) * 1000;
        let event = Event {
            id,
            user: format!("u{}", rng.random_range(0..users)),
            at: START + id as i64 * 200_000 - drift,
            amount: rng.random_range(1..100),
            name: ["browse", "cart", "purchase", "help"][rng.random_range(0..4)],
        };
        files[rng.random_range(0..3)].push(event);
    }
    files
}

fn write(sandbox: &Sandbox, files: &[Vec<Event>]) {
    for (at, events) in files.iter().enumerate() {
        let lines: Vec<String> = events.iter().map(Event::json).collect();
        sandbox.write(&format!("in/{at}.ndjson"), lines.join("\n"));
    }
}

fn pipeline(parallelism: usize, batch_rows: usize, step: &str, sinks: &str) -> String {
    format!(
        "parallelism = {parallelism}\nbatch_rows = {batch_rows}\n\
         [source.events]\ntype = \"file\"\npath = \"in/*.ndjson\"\nformat = \"ndjson\"\n\
         schema = {{ id = \"int64\", user = \"string\", at = \"timestamp[ms]\", amount = \"int64\", \
         event = \"string\" }}\n\
         event_time = {{ column = \"at\", delay = \"2s\" }}\n{step}\n{sinks}"
    )
}

fn sink(name: &str, from: &str) -> String {
    format!("[sink.{name}]\ntype = \"file\"\npath = \"{name}\"\nfrom = \"{from}\"\n")
}

/// Events in the order in which the plugin must see them.
fn ordered(files: &[Vec<Event>]) -> Vec<Event> {
    let mut all: Vec<(i64, usize, usize, Event)> = Vec::new();
    for (file, events) in files.iter().enumerate() {
        let events = events.iter().enumerate();
        all.extend(events.map(|(row, event)| (event.at, file, row, event.clone())));
    }
    all.sort_by_key(|(at, file, row, _)| (*at, *file, *row));
    all.into_iter().map(|(_, _, _, event)| event).collect()
}

/// What `velocity` must give, in plain Rust.
fn velocity(files: &[Vec<Event>], within: i64, max: u64) -> Vec<String> {
    let mut windows: BTreeMap<String, VecDeque<(i64, i64)>> = BTreeMap::new();
    let rows = ordered(files).into_iter().map(|event| {
        let window = windows.entry(event.user.clone()).or_default();
        window.retain(|(at, _)| *at >= event.at - within);
        window.push_back((event.at, event.amount));
        let count = window.len() as u64;
        let sum: i64 = window.iter().map(|(_, amount)| amount).sum();
        let flag = if count > max { json!("count") } else { Value::Null };
        let mut row = json!({
            "id": event.id, "user": event.user, "amount": event.amount, "event": event.name,
            "velocity_count": count, "velocity_sum": sum as f64,
        });
        if !flag.is_null() {
            row["velocity_flag"] = flag;
        }
        row.to_string()
    });
    canonical_rows(rows)
}

/// Rows of output without their times, which are written in a form of their own.
fn without(sandbox: &Sandbox, directory: &str, column: &str) -> Vec<String> {
    let rows = sandbox.rows(directory).into_iter().map(|row| {
        let mut row: Value = serde_json::from_str(&row).unwrap();
        row.as_object_mut().unwrap().remove(column);
        row.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        row.to_string()
    });
    canonical_rows(rows)
}

const VELOCITY: &str = "[step.velocity]\nfrom = \"events\"\nplugin = \"velocity\"\nkey = [\"user\"]\n\
                        config = { within = \"10s\", amount = \"amount\", max_count = 4 }\n";

/// The same rows whatever the machine does, and those that plain Rust gives.
#[test]
fn velocity_gives_the_same_at_every_parallelism_and_batch_size() {
    let files = events(1, 3000, 40);
    let expected = velocity(&files, 10 * SECOND, 4);
    for (parallelism, batch_rows) in [(1, 8192), (1, 7), (2, 100), (4, 1), (8, 8192)] {
        let sandbox = Sandbox::new();
        write(&sandbox, &files);
        let sinks = sink("out", "velocity") + &sink("late", "velocity.late");
        sandbox.run(&pipeline(parallelism, batch_rows, VELOCITY, &sinks));
        let rows = without(&sandbox, "out", "at");
        assert_eq!(rows.len() + sandbox.rows("late").len(), 3000, "{parallelism} {batch_rows}");
        assert!(rows == expected, "{parallelism} {batch_rows}");
        assert!(sandbox.letters().is_empty());
    }
}
