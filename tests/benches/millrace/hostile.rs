//! What guests that misbehave cost: themselves, and their neighbours in the process; and how many
//! guests fit into one.

use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::datatypes::Fields;
use crossbeam_channel::bounded;
use millrace::config::LimitsConfig;
use millrace::job::{self, JobOptions};
use millrace::plugin::{Crossing, Sandbox};
use millrace::tap::Look;
use millrace_plugin::testing;

use crate::data::{ROWS, host, raw_transactions, reference_input};
use crate::live::{Watch, checked};
use crate::pipeline::{ROWS as REFERENCE_ROWS, WASM_PARSE, rows_per_second, run_once};
use crate::report::{Report, Target, median};

const TURNS: usize = 5;
const REFERENCE_FILES: usize = 8;
/// The demo's plugins, for so many pipelines.
const PIPELINES: usize = 100;

pub fn run(report: &mut Report) {
    calls_to_find_one(report);
    poison_rate(report);
    poison_behind_parser(report);
    neighbours(report);
    instances(report);
}

/// How many calls it takes to find one poison row among 8,192, at the worst of some places.
fn calls_to_find_one(report: &mut Report) {
    let calls = |poison: usize| {
        let directory = tempfile::tempdir().unwrap();
        let rows: Vec<String> = (0..ROWS).map(|n| format!("{{\"n\": {n}}}")).collect();
        std::fs::write(directory.path().join("in.ndjson"), rows.join("\n")).unwrap();
        let text = format!(
            "batch_rows = {ROWS}\n[source.s]\ntype = \"file\"\npath = \"in.ndjson\"\n\
             format = \"ndjson\"\n[step.h]\nfrom = \"s\"\nplugin = \"hostile\"\ngrant = [\"log\"]\n\
             config = {{ mode = \"panic\", poison = {poison} }}\n\
             [sink.out]\ntype = \"null\"\nfrom = \"h\"\n"
        );
        let pipeline = checked(directory.path(), &text);
        let (_keep, stop) = bounded(1);
        let options = JobOptions::new(stop);
        job::run(&pipeline.plan, &pipeline.plugins, &options, &mut Watch::nothing()).unwrap();
        let counts = pipeline.plugins.metrics("h").counts();
        assert_eq!(counts.rows_out, ROWS as u64 - 1);
        counts.calls
    };
    // Not 0, which the plugin does not take for poison.
    let places = (1..ROWS).step_by(ROWS / 16 - 1).chain([ROWS - 1]);
    let most = places.map(calls).max().unwrap();
    let detail = "with the calls on the rows around it; at the worst of 18 places";
    report.add("one poison row of 8,192", most as f64, "calls", Target::AtMost(19.0), detail);
}

/// One poison row in 10,000 against none, in turns.
fn poison_rate(report: &mut Report) {
    let (mut ratios, mut clean_rates, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    let directory = tempfile::tempdir().unwrap();
    let once = |poison: u32| {
        let text = format!(
            "[source.s]\ntype = \"generator\"\nrows = 3_000_000\n[source.s.fields]\n\
             id = {{ sequence = \"t\" }}\nn = {{ int = {{ min = 1, max = 10_000 }} }}\n\
             x = {{ lognormal = {{ mean = 1, deviation = 1 }} }}\n\
             [step.h]\nfrom = \"s\"\nplugin = \"hostile\"\ngrant = [\"log\"]\n\
             config = {{ mode = \"panic\", poison = {poison} }}\n\
             [sink.out]\ntype = \"file\"\npath = \"out\"\nformat = \"parquet\"\nfrom = \"h\"\n"
        );
        let own = tempfile::tempdir_in(directory.path()).unwrap();
        let end = run_once(own.path(), &text, directory.path());
        assert_eq!(end["errors"].as_u64() == Some(0), poison > 10_000, "{end}");
        rows_per_second(&end)
    };
    for _ in 0..TURNS {
        let (clean, poisoned) = (once(20_000), once(13));
        ratios.push(poisoned / clean);
        clean_rates.push(clean);
        rates.push(poisoned);
    }
    let (clean, poisoned) = (median(clean_rates), median(rates));
    let detail = format!("{poisoned:.0} rows/s, {clean:.0} without; the row panics, Parquet out");
    let ratio = median(ratios);
    report.add("one poison row in 10,000", ratio, "of clean", Target::AtLeast(0.7), &detail);
}

const BEHIND_PARSER: &str = r#"
[step.numbered]
sql = "SELECT *, cast(substr(txn_id, 2) AS bigint) % 10000 AS n FROM parse"
[step.h]
from = "numbered"
plugin = "hostile"
grant = ["log"]
config = { mode = "panic", poison = POISON, column = "n" }
[sink.out]
type = "file"
path = "out"
format = "parquet"
from = "h"
"#;

/// The same behind the parser, as plugins stand in a pipeline.
fn poison_behind_parser(report: &mut Report) {
    let input = reference_input(REFERENCE_ROWS, REFERENCE_FILES);
    let directory = tempfile::tempdir().unwrap();
    let once = |poison: &str| {
        let own = tempfile::tempdir_in(directory.path()).unwrap();
        let behind = BEHIND_PARSER.replace("POISON", poison);
        let end = run_once(own.path(), &(WASM_PARSE.to_owned() + &behind), &input);
        rows_per_second(&end)
    };
    let ratios = (0..TURNS).map(|_| once("13") / once("20000")).collect();
    let detail = "3,000,000 rows of the reference input, safe_parse and SQL before it";
    let name = "one poison row in 10,000, parsed";
    report.add(name, median(ratios), "of clean", Target::AtLeast(0.7), detail);
}

/// A small batch every few milliseconds on one side, a guest that does its worst on the other: how
/// long the pauses between arrivals are.
fn neighbours(report: &mut Report) {
    let alone = pauses(None);
    for (name, config) in [
        ("endless loop", "mode = \"loop\", poison = 13"),
        ("memory bomb", "mode = \"memory\", poison = 13"),
        ("trap", "mode = \"panic\", poison = 13"),
        ("huge output", "mode = \"huge_output\", poison = 13"),
    ] {
        let beside = pauses(Some(config));
        let detail = format!(
            "between batches of a pipeline of 100 rows each; alone {:.1} ms",
            alone.as_secs_f64() * 1e3
        );
        let ms = beside.as_secs_f64() * 1e3;
        let title = format!("p99 pause beside a {name}");
        // One tick of the deadlines' clock, and what a batch itself takes.
        report.add(&title, ms, "ms", Target::AtMost(alone.as_secs_f64() * 1e3 + 5.0), &detail);
    }
}

const WATCHED: &str = r#"
batch_rows = 100
[source.s]
type = "generator"
rate = 20_000
[source.s.fields]
n = { int = { min = 100, max = 1000 } }
[step.h]
from = "s"
plugin = "hostile"
grant = ["log"]
config = { mode = "well_behaved" }
[sink.out]
type = "null"
from = "h"
"#;

/// The 99th of a hundred pauses between arrivals, in three seconds; `beside` is the configuration
/// of a hostile step whose pipeline runs in the same process.
fn pauses(beside: Option<&str>) -> Duration {
    let directories = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let watched = checked(directories[0].path(), WATCHED);
    let neighbour = beside.map(|config| {
        let text = WATCHED
            .replace("mode = \"well_behaved\"", config)
            .replace("min = 100", "min = 1")
            .replace("[step.h]", "[step.h]\nlimits = { deadline = \"200ms\" }");
        checked(directories[1].path(), &text)
    });
    let mut gaps = Vec::new();
    let (taps, tap) = bounded(1);
    std::thread::scope(|scope| {
        let mut stops = Vec::new();
        let watched = [(&watched, Watch::of("h", taps))];
        let neighbour = neighbour.as_ref().map(|neighbour| (neighbour, Watch::nothing()));
        for (pipeline, mut watch) in watched.into_iter().chain(neighbour) {
            let (stop, stopped) = bounded::<()>(1);
            stops.push(stop);
            scope.spawn(move || {
                let options = JobOptions::new(stopped);
                let (plan, plugins) = (&pipeline.plan, &pipeline.plugins);
                job::run(plan, plugins, &options, &mut watch).unwrap();
            });
        }
        let look = Look::new(vec![tap.recv().unwrap()]);
        look.make_room(u64::MAX);
        let (started, mut last) = (Instant::now(), Instant::now());
        while started.elapsed() < Duration::from_secs(3) {
            if look.next(Duration::from_secs(1)).is_some() {
                gaps.push(last.elapsed());
                last = Instant::now();
            }
        }
        drop(stops);
    });
    gaps.sort();
    gaps[gaps.len() * 99 / 100]
}

/// The memory of this process with the three plugins of the demo for each of many pipelines, all of
/// them started and each with a batch of 8,192 rows behind it.
fn instances(report: &mut Report) {
    let raw = raw_transactions(ROWS);
    let parse = r#"{"schema": {
        "txn_id": "string", "user_id": "string", "amount": "float64", "merchant": "string",
        "country": "string", "ts": "timestamp[ms]"
    }}"#;
    let parsed = parsed(parse, &raw);
    let enrich = r#"{"country": {"column": "country"}, "time": {"column": "ts"}}"#;
    let rules = r#"{"max_amount": 5000, "rules": [
        {"name": "far", "outcome": "fraud", "amount_over": 1000, "countries": ["NG"]}
    ]}"#;
    let host = host();
    let mut running = Vec::new();
    let before = resident_mb();
    for _ in 0..PIPELINES {
        for (plugin, config, rows) in [
            ("safe_parse", parse, &raw),
            ("enrich", enrich, &parsed),
            ("fraud_rules", rules, &parsed),
        ] {
            let loaded = host.load(&host.find(plugin).unwrap()).unwrap();
            let sandbox = Sandbox::trial("bench", &LimitsConfig::default());
            let fields = rows.schema().fields().clone();
            let Ok((mut instance, described)) = loaded.start(&sandbox, config, &fields) else {
                panic!("{plugin} does not start")
            };
            let reads: Vec<usize> =
                described.reads.iter().map(|name| rows.schema().index_of(name).unwrap()).collect();
            let adds: Vec<Fields> = described
                .ports
                .into_iter()
                .map(|port| {
                    let flat: Vec<_> = port.adds.into_iter().map(Into::into).collect();
                    millrace_columns::unflatten(&flat).unwrap()
                })
                .collect();
            let adds: Vec<&Fields> = adds.iter().collect();
            let crossing = Crossing::new(rows, &reads).unwrap();
            std::hint::black_box(crossing.call(&mut instance, &adds).unwrap());
            running.push(instance);
        }
    }
    let after = resident_mb();
    let detail = format!(
        "{} instances of three plugins, each after a batch of 8,192 rows; {before:.0} MB before",
        running.len()
    );
    report.add("instances of 100 pipelines", after, "MB", Target::AtMost(1000.0), &detail);
}

/// What the parser makes of some rows, natively.
fn parsed(config: &str, raw: &RecordBatch) -> RecordBatch {
    let outcome = testing::run::<safe_parse::SafeParse>(config, raw).unwrap();
    outcome.port("main").clone()
}

fn resident_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1000.0
}
