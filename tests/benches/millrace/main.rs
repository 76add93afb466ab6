//! All benchmarks. `make bench` runs them, `make bench ONLY=boundary` those whose name begins so.
//!
//! These machines are shared and noisy: what is compared is measured in turns within one run, and
//! the median of the turns is reported.

// A benchmark that can't do its work may panic.
#![allow(clippy::unwrap_used)]

mod boundary;
mod data;
mod hostile;
mod kafka;
mod languages;
mod live;
mod pipeline;
mod report;
mod sandbox;
mod start;
mod stateful;
mod swap;

use report::Report;

type Bench = fn(&mut Report);

fn main() {
    // Cargo adds `--bench`; the first other word is what the user asked for.
    let only = std::env::args().skip(1).find(|word| !word.starts_with("--")).unwrap_or_default();
    let mut report = Report::default();
    let benches: [(&str, Bench); 9] = [
        ("boundary", boundary::run),
        ("sandbox", sandbox::run),
        ("languages", languages::run),
        ("pipeline", pipeline::run),
        ("stateful", stateful::run),
        ("swap", swap::run),
        ("kafka", kafka::run),
        ("start", start::run),
        ("hostile", hostile::run),
    ];
    for (name, run) in benches {
        if name.starts_with(&only) || only.starts_with(name) {
            run(&mut report);
        }
    }
    report.write();
}
