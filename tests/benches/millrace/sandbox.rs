//! What the sandbox costs: the same transformation natively and as a component.

use std::time::Instant;

use arrow::array::RecordBatch;
use arrow::datatypes::Fields;
use millrace::config::LimitsConfig;
use millrace::plugin::{Crossing, limits};
use millrace_plugin::{Output, Transform, testing};

use crate::data::{ROWS, eight_columns, host, raw_transactions};
use crate::report::{Report, Target, median};

const TURNS: usize = 11;

pub fn run(report: &mut Report) {
    let rules = r#"{
        "columns": {"amount": "amount", "merchant": "merchant", "country": "country"},
        "max_amount": 12000,
        "rules": [
            {"name": "far", "outcome": "fraud", "amount_over": 9000, "countries": ["user-17", "NG"]},
            {"name": "shop", "outcome": "review", "amount_over": 8000, "merchants": ["user-3", "m4"]}
        ]
    }"#;
    let columns = eight_columns(ROWS);
    let ratio = ratio_of::<fraud_rules::FraudRules>("fraud_rules", rules, &columns, 200);
    let detail = "fraud_rules at 8,192 rows, crossing included";
    report.add("sandbox, column work", ratio, "of native", Target::AtLeast(0.8), detail);

    let schema = r#"{"schema": {
        "txn_id": "string", "user_id": "string", "amount": "float64", "merchant": "string",
        "country": "string", "ts": "timestamp[ms]"
    }}"#;
    let raw = raw_transactions(ROWS);
    let ratio = ratio_of::<safe_parse::SafeParse>("safe_parse", schema, &raw, 40);
    let detail = "safe_parse at 8,192 rows of 100 bytes, crossing included";
    report.add("sandbox, JSON parsing", ratio, "of native", Target::AtLeast(0.6), detail);
}

/// The component's speed as a share of the native one's.
fn ratio_of<T: Transform>(plugin: &str, config: &str, rows: &RecordBatch, times: u32) -> f64 {
    let schema = rows.schema();
    let (mut native, description) = testing::start::<T>(config, &schema).unwrap();
    let reads: Vec<usize> =
        description.reads.iter().map(|name| schema.index_of(name).unwrap()).collect();
    let host = host();
    let loaded = host.load(&host.find(plugin).unwrap()).unwrap();
    let limits = limits(&LimitsConfig::default());
    let Ok((mut instance, _)) = loaded.start("bench", limits, config, schema.fields()) else {
        panic!("{plugin} does not start")
    };
    let adds: Vec<Fields> = description.ports.iter().map(|port| port.adds.clone()).collect();
    let adds: Vec<&Fields> = adds.iter().collect();
    let mut ratios = Vec::new();
    for _ in 0..TURNS {
        let start = Instant::now();
        for _ in 0..times {
            let mut out = Output::default();
            native.process(&rows.project(&reads).unwrap(), &mut out).unwrap();
            std::hint::black_box(&out);
        }
        let native = start.elapsed();
        let start = Instant::now();
        for _ in 0..times {
            let crossing = Crossing::new(rows, &reads).unwrap();
            std::hint::black_box(crossing.call(&mut instance, &adds).unwrap());
        }
        ratios.push(native.as_secs_f64() / start.elapsed().as_secs_f64());
    }
    median(ratios)
}
