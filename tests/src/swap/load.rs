//! Swap after swap under full load: the rows that come out are those of a run without any.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use millrace::swap::{Bounds, Mode, Outcome, SwapRequest, Verdict};
use serde_json::{Value, json};

use super::TAGGED;
use super::fixture::{Live, pipeline, to};
use crate::harness::wait_until;

/// So long with `MILLRACE_SWAP_SECONDS`; `make swap-minute` takes a minute.
const SECONDS: u64 = 5;
/// A busy machine may take longer for them.
const SWAPS_MIN: usize = 10;
const EVERY: Duration = Duration::from_millis(100);
const ROWS_PER_FILE: i64 = 5_000;
const KEYS: i64 = 1000;

fn seconds() -> u64 {
    std::env::var("MILLRACE_SWAP_SECONDS").map_or(SECONDS, |text| text.parse().unwrap())
}

/// Every kind of swap in turn. Versions that trap are never in force for good.
fn request(number: usize, config: impl Fn(&str, Option<i64>) -> Value) -> SwapRequest {
    let tag = ["a", "b"][number / 5 % 2];
    let with = |mode, bounds, config| SwapRequest { mode, bounds, ..to(config) };
    let strict = Bounds { failures: 2, ..Bounds::default() };
    match number % 5 {
        0 => to(config(tag, None)),
        1 => with(Mode::Full, strict, config(tag, Some(997))),
        2 => with(Mode::Canary { share: 0.3 }, strict, config(tag, Some(499))),
        3 => with(Mode::Shadow, strict, config(tag, Some(10))),
        _ => with(Mode::Full, Bounds { within_ms: 20, ..strict }, config(tag, None)),
    }
}

/// Feeds as fast as rows are read, and swaps all the time.
fn swap_on_and_on(text: &str, config: impl Fn(&str, Option<i64>) -> Value) -> Live {
    // Small batches: those that wait before a step with state hold its barrier back.
    let mut live = Live::start(&format!("batch_rows = 512\n{text}"));
    let (over, fed) = (AtomicBool::new(false), AtomicI64::new(0));
    let (sandbox, remote) = (live.sandbox.clone(), live.remote.clone());
    let mut taken = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut file = 0;
            while !over.load(Ordering::Relaxed) {
                let first = file * ROWS_PER_FILE;
                let lines: String =
                    (1..=ROWS_PER_FILE).map(|n| format!("{{\"n\":{}}}\n", first + n)).collect();
                let hidden = format!("in/.{file}");
                sandbox.write(&hidden, lines);
                let name = format!("in/fed{file:06}.ndjson");
                std::fs::rename(sandbox.path(&hidden), sandbox.path(&name)).unwrap();
                file += 1;
                fed.store(file * ROWS_PER_FILE, Ordering::Relaxed);
                // A few files wait at any time, and not thousands.
                while sandbox.files("out").len() + 20 < file as usize
                    && !over.load(Ordering::Relaxed)
                {
                    std::thread::park_timeout(Duration::from_millis(1));
                }
            }
        });
        let start = Instant::now();
        for number in 0.. {
            if taken >= SWAPS_MIN && start.elapsed().as_secs() >= seconds() {
                break;
            }
            std::thread::park_timeout(EVERY);
            // What is on trial traps, or has just been promoted by itself.
            let last = remote.swaps().unwrap().pop();
            if last.is_some_and(|swap| swap.outcome == Outcome::OnTrial) {
                let _ = remote.decide("mark", Verdict::Rollback, "test");
            }
            taken += usize::from(remote.swap(&request(number, &config)).is_ok());
        }
        over.store(true, Ordering::Relaxed);
    });
    live.next = fed.into_inner() + 1;
    let count = live.next - 1;
    let published = || {
        let files = live.sandbox.files("out");
        let rows = files.iter().map(|path| {
            std::fs::read(path).unwrap().iter().filter(|byte| **byte == b'\n').count() as i64
        });
        rows.sum::<i64>()
    };
    wait_until(|| published() >= count || !live.sandbox.letters().is_empty());
    live
}

fn numbers(live: &Live) -> Vec<i64> {
    assert!(live.sandbox.letters().is_empty(), "{:?}", live.sandbox.letters().first());
    let mut numbers: Vec<i64> = live.rows().iter().map(|row| row["n"].as_i64().unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn swaps_under_full_load_lose_and_double_nothing() {
    let live = swap_on_and_on(&pipeline(TAGGED), |tag, trap_every| match trap_every {
        Some(every) => json!({ "tag": tag, "trap_every": every }),
        None => json!({ "tag": tag }),
    });
    assert_eq!(numbers(&live), (1..live.next).collect::<Vec<_>>());
}

#[test]
fn keyed_swaps_under_full_load_lose_and_double_nothing() {
    let step = "plugin = \"counter\"\nkey = \"k\"\nconfig = { tag = \"a\" }\n";
    let text = pipeline(step).replace("from = \"numbers\"", "from = \"keys\"");
    let text = format!("{text}[step.keys]\nsql = \"SELECT n, n % {KEYS} AS k FROM numbers\"\n");
    let live = swap_on_and_on(&text, |tag, trap_every| match trap_every {
        Some(every) => json!({ "tag": tag, "trap_every": every }),
        None => json!({ "tag": tag }),
    });
    assert_eq!(numbers(&live), (1..live.next).collect::<Vec<_>>());
    // Each key has counted its rows, without a gap.
    let mut counts: BTreeMap<i64, Vec<u64>> = BTreeMap::new();
    for row in live.rows() {
        let count = row["count"].as_u64().unwrap();
        counts.entry(row["k"].as_i64().unwrap()).or_default().push(count);
    }
    for (key, mut counts) in counts {
        counts.sort_unstable();
        assert_eq!(counts, (1..=counts.len() as u64).collect::<Vec<_>>(), "key {key}");
    }
}
