//! Keyed plugins: what comes out depends on the rows alone, not on parallelism, batches or timing.

use std::collections::{BTreeMap, VecDeque};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::harness::{Sandbox, canonical_rows};

const SECOND: i64 = 1_000_000;
/// 2024-01-01T00:00:00Z.
const START: i64 = 1_704_067_200 * SECOND;

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

const SESSIONIZE: &str = "[step.sessions]\nfrom = \"events\"\nplugin = \"sessionize\"\n\
    key = [\"user\"]\nconfig = { gap = \"3s\", event = \"event\", \
    funnel = [\"browse\", \"cart\", \"purchase\"] }\n";

/// What `sessionize` must give, in plain Rust: user, events, steps of the funnel.
fn sessions(files: &[Vec<Event>], gap: i64) -> Vec<String> {
    let funnel = ["browse", "cart", "purchase"];
    let mut open: BTreeMap<String, (i64, u64, usize)> = BTreeMap::new();
    let mut rows = Vec::new();
    let mut close = |user: &str, (_, events, steps): (i64, u64, usize)| {
        rows.push(
            json!({"user": user, "events": events, "funnel_steps": steps, "converted": steps == 3})
                .to_string(),
        );
    };
    for event in ordered(files) {
        let session = open.get(&event.user).copied().filter(|(end, _, _)| event.at < *end);
        if let (Some(old), None) = (open.get(&event.user), session) {
            close(&event.user, *old);
        }
        let (_, events, steps) = session.unwrap_or_default();
        let steps = steps + usize::from(funnel.get(steps) == Some(&event.name));
        open.insert(event.user, (event.at + gap, events + 1, steps));
    }
    open.iter().for_each(|(user, session)| close(user, *session));
    canonical_rows(rows)
}

fn session_rows(sandbox: &Sandbox) -> Vec<String> {
    let rows = sandbox.rows("out").into_iter().map(|row| {
        let mut row: Value = serde_json::from_str(&row).unwrap();
        let row = row.as_object_mut().unwrap();
        assert!(row.remove("session_start").is_some() && row.remove("session_end").is_some());
        Value::Object(row.clone()).to_string()
    });
    canonical_rows(rows)
}

/// Timers close sessions, within a batch, between batches and at the end of the input.
#[test]
fn sessions_are_the_same_at_every_parallelism_and_batch_size() {
    let files = events(2, 3000, 30);
    let expected = sessions(&files, 3 * SECOND);
    assert!(expected.len() > 300, "{}", expected.len());
    for (parallelism, batch_rows) in [(1, 8192), (1, 7), (3, 50), (8, 1)] {
        let sandbox = Sandbox::new();
        write(&sandbox, &files);
        let sinks = sink("out", "sessions") + &sink("late", "sessions.late");
        sandbox.run(&pipeline(parallelism, batch_rows, SESSIONIZE, &sinks));
        assert!(session_rows(&sandbox) == expected, "{parallelism} {batch_rows}");
        assert!(sandbox.rows("late").is_empty() && sandbox.letters().is_empty());
    }
}

/// A row that comes after its time has passed can't be given in order any more.
#[test]
fn late_rows_leave_on_their_port() {
    let mut files = vec![Vec::new()];
    for (id, second) in [0, 10, 3, 20, 17, 19, 40].into_iter().enumerate() {
        let at = START + second * SECOND;
        files[0].push(Event { id, user: "a".into(), at, amount: 1, name: "x" });
    }
    let sandbox = Sandbox::new();
    write(&sandbox, &files);
    let sinks = sink("out", "velocity") + &sink("late", "velocity.late");
    sandbox.run(&pipeline(1, 1, VELOCITY, &sinks));
    let ids = |directory: &str| -> Vec<i64> {
        let rows = sandbox.rows(directory);
        let id = |row: &String| serde_json::from_str::<Value>(row).unwrap()["id"].as_i64().unwrap();
        let mut ids: Vec<i64> = rows.iter().map(id).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(ids("late"), [2, 4]);
    assert_eq!(ids("out"), [0, 1, 3, 5, 6]);
}

/// What waited, was remembered or was due when a pipeline stopped is there when it goes on, at
/// whatever parallelism. `limit_per_epoch` makes it stop in the middle of things.
#[test]
fn state_timers_and_waiting_rows_survive_a_stop() {
    let files = events(3, 1500, 20);
    let expected = sessions(&files, 3 * SECOND);
    let sandbox = Sandbox::new();
    write(&sandbox, &files);
    let sinks = sink("out", "sessions") + &sink("late", "sessions.late");
    let text = |parallelism: usize| {
        let slow = "limit_per_epoch = { rows = 15 }\n[step.sessions]";
        pipeline(parallelism, 10, SESSIONIZE, &sinks).replace("[step.sessions]", slow)
    };
    for (round, parallelism) in [1, 4, 2, 3].into_iter().enumerate() {
        let before = sandbox.rows("out").len();
        sandbox
            .run_until(&text(parallelism), || sandbox.rows("out").len() > before.max(round * 10));
    }
    assert!(sandbox.rows("out").len() < expected.len());
    sandbox.run(&text(2));
    assert!(session_rows(&sandbox) == expected);
    assert!(sandbox.rows("late").is_empty() && sandbox.letters().is_empty());
}

/// A pipeline says what is missing before anything starts.
#[test]
fn a_keyed_step_is_checked() {
    let sinks = sink("out", "velocity") + &sink("late", "velocity.late");
    for (step, message) in [
        (VELOCITY.replace("key = [\"user\"]\n", ""), "is of the world `keyed`"),
        (VELOCITY.replace("\"user\"", "\"usr\""), "has no column `usr`"),
        (VELOCITY.replace("\"user\"", "\"user\", \"user\""), "`user` is named twice"),
        (VELOCITY.replace("within = \"10s\"", "within = \"ten\""), "no time span"),
        (VELOCITY.replace("plugin = \"velocity\"", "plugin = \"safe_parse\""), "world `transform`"),
        (VELOCITY.replace("key =", "order = \"sideways\"\nkey ="), "unknown value `sideways`"),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write("in/0.ndjson", "");
        let mistake = sandbox.mistake(&pipeline(1, 10, &step, &sinks));
        assert!(mistake.message.contains(message), "{step}: {mistake:?}");
    }
}
