//! What a crossing costs: a plugin that reads 2 of 8 columns and adds 1.

use std::time::Instant;

use arrow::array::RecordBatch;
use arrow::datatypes::Fields;
use millrace::config::LimitsConfig;
use millrace::plugin::{Crossing, Instance, Sandbox};

use crate::data::{ROWS, eight_columns, host};
use crate::report::{Report, Target, median};

const TURNS: usize = 15;
const READS: [usize; 2] = [0, 1];

pub fn run(report: &mut Report) {
    let host = host();
    let path = host.find("bench_guest").expect("`make bench` builds the plugin");
    let loaded = host.load(&path).unwrap();
    let (one, many) = (eight_columns(1), eight_columns(ROWS));
    let sandbox = Sandbox::trial("bench", &LimitsConfig::default());
    let started = loaded.start(&sandbox, "{}", many.schema().fields());
    let Ok((mut instance, description)) = started else { panic!("the plugin does not start") };
    assert_eq!(description.reads, ["amount", "fee"]);
    let adds: Fields =
        vec![arrow::datatypes::Field::new("cost", arrow::datatypes::DataType::Float64, true)]
            .into();
    let (mut calls, mut rows) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        calls.push(nanoseconds(&mut instance, &one, &adds, 20_000));
        rows.push(nanoseconds(&mut instance, &many, &adds, 2000) / ROWS as f64);
    }
    let detail = "encode, call, decode and check; 2 of 8 columns in, 1 out";
    report.add("boundary, per call", median(calls) / 1000.0, "us", Target::AtMost(2.0), detail);
    report.add("boundary, per row", median(rows), "ns", Target::AtMost(10.0), "at 8,192 rows");
}

/// Time of one crossing.
fn nanoseconds(instance: &mut Instance, rows: &RecordBatch, adds: &Fields, times: u32) -> f64 {
    let start = Instant::now();
    for _ in 0..times {
        let crossing = Crossing::new(rows, &READS).unwrap();
        let output = crossing.call(instance, &[adds]).unwrap();
        assert_eq!(output.ports[0].columns[0].len(), rows.num_rows());
    }
    start.elapsed().as_nanos() as f64 / f64::from(times)
}
