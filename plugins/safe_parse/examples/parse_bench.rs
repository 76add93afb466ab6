//! Nanoseconds per row of this plugin, beside those of serde_json into a struct that borrows.
//!
//! `cargo run --release -p safe_parse --example parse_bench`

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use millrace_plugin::prelude::*;
use millrace_plugin::testing;
use safe_parse::SafeParse;

const ROWS: usize = 8192;
const BATCHES: usize = 100;
/// The best of several runs is the one that the machine disturbed least.
const RUNS: usize = 7;

const CONFIG: &str = r#"{"schema": {"txn_id": "string", "user_id": "string", "amount": "float64",
    "merchant": "string", "country": "string", "ts": "timestamp[ms]"}}"#;

/// The same row as a struct.
#[derive(Deserialize)]
#[allow(dead_code)]
struct Transaction<'a> {
    txn_id: &'a str,
    user_id: &'a str,
    amount: f64,
    merchant: &'a str,
    country: &'a str,
    ts: i64,
}

fn row(i: usize) -> String {
    format!(
        r#"{{"txn_id":"t{i}","user_id":"u{}","amount":{:.2},"merchant":"m{}",{}"ts":{}}}"#,
        i % 5000,
        i as f64 * 1.37 % 900.0,
        i % 300,
        [r#""country":"DE","#, r#""country":"FR","#][i % 2],
        1_700_000_000_000_usize + i * 13
    )
}

fn ns_per_row(mut batch: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..RUNS {
        let start = Instant::now();
        (0..BATCHES).for_each(|_| batch());
        best = best.min(start.elapsed().as_nanos() as f64 / (BATCHES * ROWS) as f64);
    }
    best
}

fn main() -> Result<(), Failure> {
    let rows: Vec<String> = (0..ROWS).map(row).collect();
    let bytes = rows.iter().map(String::len).sum::<usize>() / ROWS;
    let raw = BinaryArray::from_iter_values(rows.iter().map(String::as_bytes));
    let batch = testing::batch([("value", Arc::new(raw) as ArrayRef)]);
    let (mut plugin, _) =
        testing::start::<SafeParse>(CONFIG, &batch.schema()).map_err(|e| Failure(e.to_string()))?;

    let parse = ns_per_row(|| {
        let mut out = Output::default();
        let result = plugin.process(black_box(&batch), &mut out);
        black_box((result, out)).0.unwrap_or_else(|e| panic!("{e}"));
    });
    let slice = ns_per_row(|| {
        for row in &rows {
            let parsed = serde_json::from_slice::<Transaction>(black_box(row.as_bytes()));
            black_box(parsed).map_or_else(|e| panic!("{e}"), drop);
        }
    });
    println!("rows of {bytes} bytes");
    println!("safe_parse        {parse:6.1} ns/row");
    println!("serde_json struct {slice:6.1} ns/row");
    println!("ratio             {:6.2}", parse / slice);
    Ok(())
}
