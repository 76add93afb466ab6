//! A table for people, `bench-results/latest.json` for programs.

use std::path::Path;

use serde_json::{Value, json};

/// Everything that was measured.
#[derive(Default)]
pub struct Report {
    rows: Vec<Value>,
}

/// Which side of the target is good.
#[derive(Clone, Copy)]
pub enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Report {
    pub fn add(&mut self, name: &str, value: f64, unit: &str, target: Target, detail: &str) {
        let (bound, met) = match target {
            Target::AtLeast(bound) => (bound, value >= bound),
            Target::AtMost(bound) => (bound, value <= bound),
        };
        let sign = match target {
            Target::AtLeast(_) => ">=",
            Target::AtMost(_) => "<=",
        };
        let mark = if met { "met" } else { "MISSED" };
        println!(
            "{name:<34} {:>14} {unit:<10} {sign} {:<12} {mark:<7} {detail}",
            short(value),
            short(bound)
        );
        self.rows.push(json!({
            "name": name, "value": value, "unit": unit, "target": bound, "met": met,
            "detail": detail,
        }));
    }

    pub fn write(&self) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bench-results/latest.json");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, serde_json::to_string_pretty(&self.rows).unwrap()).unwrap();
    }
}

fn short(value: f64) -> String {
    if value >= 1000.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
