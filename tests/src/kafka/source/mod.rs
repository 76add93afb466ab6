//! Topics as sources: a pipeline file and records in, rows in files out.

mod checks;
mod discovery;
mod loss;
mod records;
mod start;
mod time;

use std::time::Duration;

use crossbeam_channel::bounded;
use millrace::error::Error;
use millrace::job::{self, JobOptions, Observer, Progress};
use millrace_tests::broker::Broker;

use crate::harness::{Sandbox, checked, wait_until};

/// Plain lines in the directory `out`.
const SINK: &str = "[sink.out]\ntype = \"file\"\npath = \"out\"\nfrom = \"s\"\nformat = \"raw\"\n";
/// Columns as JSON in the directory `out`.
const ROWS: &str = "[sink.out]\ntype = \"file\"\npath = \"out\"\nfrom = \"s\"\n";

/// A source that reads all that there is and ends, without a sink; `more` are settings of it.
fn once(broker: &Broker, topics: &str, more: &str) -> String {
    format!("trigger = \"available_now\"\n{}", endless(broker, topics, more))
}

/// As [`once`], without an end.
fn endless(broker: &Broker, topics: &str, more: &str) -> String {
    source(broker.address(), topics, more)
}

fn source(brokers: &str, topics: &str, more: &str) -> String {
    let format = if more.contains("format =") { "" } else { "format = \"raw\"" };
    format!("[source.s]\ntype = \"kafka\"\nbrokers = \"{brokers}\"\n{topics}\n{format}\n{more}\n")
}

/// `topics = [NAME]`.
fn named(topic: &str) -> String {
    format!("topics = [\"{topic}\"]")
}

/// The lines in the directory `out`, in order.
fn lines(sandbox: &Sandbox) -> Vec<String> {
    let read = |path: &std::path::PathBuf| std::fs::read_to_string(path).unwrap_or_default();
    let texts: Vec<String> = sandbox.files("out").iter().map(read).collect();
    let mut lines: Vec<String> =
        texts.iter().flat_map(|text| text.lines().map(str::to_owned)).collect();
    lines.sort();
    lines
}

/// Numbers as texts that sort as they do.
fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|n| format!("{n:05}")).collect()
}

/// Notes the last of what is told of the source: records behind, offset by partition.
#[derive(Default)]
struct Told {
    lag: Vec<u64>,
    lost: u64,
    skipped: u64,
    restarts: Vec<String>,
}

impl Observer for Told {
    fn progress(&mut self, progress: &Progress) {
        for node in &progress.metrics.nodes {
            let partitions = node.source.partitions();
            if partitions.is_empty() {
                continue;
            }
            self.lag.push(partitions.values().map(|lag| lag.records()).sum());
            self.lost = node.source.records_lost.get();
            self.skipped = node.source.tombstones_skipped.get();
        }
    }

    fn restart(&mut self, error: &Error, _: Duration) {
        self.restarts.push(error.to_string());
    }
}

/// Runs the pipeline until `done`, and then stops it. What was told of it until then.
fn watch(sandbox: &Sandbox, text: &str, done: impl FnMut() -> bool) -> (Told, Result<(), Error>) {
    let path = sandbox.pipeline(text);
    let pipeline = checked(&path);
    let (stop, stopped) = bounded(1);
    std::thread::scope(|scope| {
        let job = scope.spawn(|| {
            let mut told = Told::default();
            let options = JobOptions::new(stopped);
            let ended = job::run(&pipeline.plan, &pipeline.plugins, &options, &mut told);
            (told, ended.map(drop))
        });
        let mut done = done;
        wait_until(|| job.is_finished() || done());
        let _ = stop.try_send(());
        job.join().unwrap()
    })
}
