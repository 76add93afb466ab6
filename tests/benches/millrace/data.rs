//! Input that several benchmarks share.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, Float64Array, Int64Array, RecordBatch, StringArray};
use millrace::plugin::PluginHost;

pub const ROWS: usize = 8192;

/// A configuration of `fraud_rules` for [`eight_columns`].
pub const RULES: &str = r#"{
    "max_amount": 12000,
    "rules": [
        {"name": "far", "outcome": "fraud", "amount_over": 9000, "countries": ["user-17", "NG"]},
        {"name": "shop", "outcome": "review", "amount_over": 8000, "merchants": ["user-3", "m4"]}
    ]
}"#;

pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// The plugins of this repository, built by `make bench` before.
pub fn host() -> PluginHost {
    PluginHost::new(&repository(), &[PathBuf::from("plugins/dist")])
}

/// Eight columns, of which the boundary's plugin reads two.
pub fn eight_columns(rows: usize) -> RecordBatch {
    let float = |scale: f64| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values((0..rows).map(|i| i as f64 * scale)))
    };
    let int: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows as i64));
    let text: ArrayRef =
        Arc::new(StringArray::from_iter_values((0..rows).map(|i| format!("user-{i}"))));
    RecordBatch::try_from_iter([
        ("amount", float(1.5)),
        ("fee", float(0.01)),
        ("id", int.clone()),
        ("user", text.clone()),
        ("merchant", text.clone()),
        ("country", text),
        ("ts", int),
        ("score", float(0.1)),
    ])
    .unwrap()
}

/// Raw transactions as in the reference input.
pub fn raw_transactions(rows: usize) -> RecordBatch {
    let line = |i: usize| {
        let (user, merchant) = (i * 7919 % 100_000, i % 500);
        let amount = (i * 31 % 100_000) as f64 / 100.0;
        format!(
            "{{\"txn_id\":\"t{i}\",\"user_id\":\"u{user}\",\"amount\":{amount:.2},\
             \"merchant\":\"m{merchant}\",\"country\":\"DE\",\"ts\":{}}}",
            1_700_000_000_000_u64 + i as u64 * 2
        )
    };
    let lines: ArrayRef = Arc::new(BinaryArray::from_iter_values((0..rows).map(line)));
    RecordBatch::try_from_iter([("value", lines)]).unwrap()
}

/// The reference input on disk: `rows` transactions in `files` files, which follow one another in
/// time. Made once.
pub fn reference_input(rows: usize, files: usize) -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).unwrap_or_else(|| {
        PathBuf::from(std::env::var_os("HOME").expect("HOME is set")).join(".cache")
    });
    let directory = cache.join(format!("millrace/bench/transactions-{rows}-{files}"));
    if !directory.join("complete").exists() {
        eprintln!("making the reference input of {rows} rows ...");
        std::fs::create_dir_all(&directory).unwrap();
        let made = Command::new("python3")
            .arg(repository().join("bench/transactions.py"))
            .args([&rows.to_string(), &files.to_string()])
            .arg(&directory)
            .status()
            .expect("python3 runs");
        assert!(made.success());
        std::fs::write(directory.join("complete"), "").unwrap();
    }
    directory
}

/// The release binary, which `make bench` builds before.
pub fn millrace() -> PathBuf {
    let path = std::env::current_exe().unwrap();
    let path = path.ancestors().nth(2).unwrap().join("millrace");
    assert!(path.exists(), "{} is missing: run `make bench`", path.display());
    path
}
