//! What the sandbox costs: the same transformation natively and as a component.

use std::time::Instant;

use arrow::array::RecordBatch;
use arrow::datatypes::Fields;
use millrace::config::LimitsConfig;
use millrace::plugin::{Crossing, Sandbox};
use millrace_plugin::{Output, Transform, testing};

use crate::data::{ROWS, RULES, eight_columns, host, raw_transactions};
use crate::report::{Report, Target, median};

const TURNS: usize = 11;

pub fn run(report: &mut Report) {
    let columns = eight_columns(ROWS);
    let (ratio, times) = compare::<fraud_rules::FraudRules>("fraud_rules", RULES, &columns, 200);
    let detail = format!("fraud_rules at 8,192 rows, crossing included: {times}");
    report.add("sandbox, column work", ratio, "of native", Target::AtLeast(0.8), &detail);

    let schema = r#"{"schema": {
        "txn_id": "string", "user_id": "string", "amount": "float64", "merchant": "string",
        "country": "string", "ts": "timestamp[ms]"
    }}"#;
    let raw = raw_transactions(ROWS);
    let (ratio, times) = compare::<safe_parse::SafeParse>("safe_parse", schema, &raw, 40);
    let detail = format!("safe_parse at 8,192 rows of 100 bytes, crossing included: {times}");
    report.add("sandbox, JSON parsing", ratio, "of native", Target::AtLeast(0.6), &detail);
}

/// The component's speed as a share of the native one's, and the time of both per row.
fn compare<T: Transform>(
    plugin: &str,
    config: &str,
    rows: &RecordBatch,
    times: u32,
) -> (f64, String) {
    let schema = rows.schema();
    let (mut native, description) = testing::start::<T>(config, &schema).unwrap();
    let reads: Vec<usize> =
        description.reads.iter().map(|name| schema.index_of(name).unwrap()).collect();
    let host = host();
    let loaded = host.load(&host.find(plugin).unwrap()).unwrap();
    let sandbox = Sandbox::trial("bench", &LimitsConfig::default());
    let Ok((mut instance, _)) = loaded.start(&sandbox, config, schema.fields()) else {
        panic!("{plugin} does not start")
    };
    let adds: Vec<Fields> = description.ports.iter().map(|port| port.adds.clone()).collect();
    let adds: Vec<&Fields> = adds.iter().collect();
    let (mut ratios, mut natives, mut components) = (Vec::new(), Vec::new(), Vec::new());
    let per_row = |seconds: f64| seconds * 1e9 / f64::from(times) / rows.num_rows() as f64;
    for _ in 0..TURNS {
        let start = Instant::now();
        for _ in 0..times {
            let mut out = Output::default();
            native.process(&rows.project(&reads).unwrap(), &mut out).unwrap();
            std::hint::black_box(&out);
        }
        let native = start.elapsed().as_secs_f64();
        let start = Instant::now();
        for _ in 0..times {
            let crossing = Crossing::new(rows, &reads).unwrap();
            std::hint::black_box(crossing.call(&mut instance, &adds).unwrap());
        }
        let component = start.elapsed().as_secs_f64();
        ratios.push(native / component);
        natives.push(per_row(native));
        components.push(per_row(component));
    }
    let (native, component) = (median(natives), median(components));
    (median(ratios), format!("{native:.0} ns a row natively, {component:.0} in the sandbox"))
}
