//! What a pipeline has brought into sight, read back as a user would read it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Map, Value};

use crate::harness::canonical;

/// The output of a pipeline, each part sorted: two of them are equal if they hold the same rows
/// equally often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    pub sinks: Vec<Vec<Row>>,
    pub letters: Vec<Letter>,
}

/// A row as text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row(String);

/// The part of a dead letter that is the same in every run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Letter {
    pub step: String,
    pub code: String,
    pub partition: String,
    pub row: u64,
    pub payload: String,
}

impl Published {
    /// Says what is missing and what is too much, which a comparison of long lists hides.
    #[track_caller]
    pub fn assert_is(&self, expected: &Self, when: &str) {
        let pairs = self.sinks.iter().zip(&expected.sinks).enumerate();
        for (sink, (found, expected)) in pairs {
            assert_same(found, expected, &format!("{when}: sink {sink}"));
        }
        assert_same(&self.letters, &expected.letters, &format!("{when}: dead letters"));
        assert_eq!(self.sinks.len(), expected.sinks.len());
    }
}

#[track_caller]
fn assert_same<T: Ord + std::fmt::Debug>(found: &[T], expected: &[T], of: &str) {
    let mut balance: BTreeMap<&T, i64> = BTreeMap::new();
    found.iter().for_each(|row| *balance.entry(row).or_default() += 1);
    expected.iter().for_each(|row| *balance.entry(row).or_default() -= 1);
    let missing: Vec<_> = balance.iter().filter(|(_, n)| **n < 0).take(3).collect();
    let too_many: Vec<_> = balance.iter().filter(|(_, n)| **n > 0).take(3).collect();
    assert!(
        missing.is_empty() && too_many.is_empty(),
        "{of}: {} rows, {} expected; for example missing {missing:?}, too many {too_many:?}",
        found.len(),
        expected.len()
    );
}

impl Row {
    pub fn new(id: usize, country: &str, amount: f64) -> Self {
        Self(format!("{id} {country} {amount}"))
    }

    /// The row as it is, its columns in order.
    fn of(record: Map<String, Value>) -> Self {
        Self(canonical(&Value::Object(record).to_string()))
    }

    /// All rows of a file sink in `directory`, as they are.
    pub fn all_of(directory: &Path) -> Vec<Self> {
        let mut rows: Vec<Self> = records_in(directory).into_iter().map(Self::of).collect();
        rows.sort();
        rows
    }

    /// What is left of the changes in `directory` once they are merged by the columns `keys`. None
    /// of them may come twice.
    #[track_caller]
    pub fn merged(directory: &Path, keys: &[&str], when: &str) -> Vec<Self> {
        let mut table: BTreeMap<Vec<String>, Self> = BTreeMap::new();
        let mut changes: BTreeSet<Self> = BTreeSet::new();
        for record in records_in(directory) {
            let key = keys.iter().map(|key| record[*key].to_string()).collect();
            let row = Self::of(record);
            let twice = format!("{when}: a change came twice in {}: {row:?}", directory.display());
            assert!(changes.insert(row.clone()), "{twice}");
            table.insert(key, row);
        }
        let mut rows: Vec<Self> = table.into_values().collect();
        rows.sort();
        rows
    }

    /// All rows of a file sink in `directory`, whatever its format.
    pub fn read_all(directory: &Path) -> Vec<Self> {
        let mut rows = Vec::new();
        for path in visible_files(directory) {
            for mut record in records(&path) {
                for part in path.strip_prefix(directory).unwrap().iter() {
                    if let Some((column, value)) = part.to_str().unwrap().split_once('=') {
                        record.insert(column.to_owned(), value.into());
                    }
                }
                let id = record["id"].as_u64().unwrap() as usize;
                let country = record["country"].as_str().unwrap();
                rows.push(Self::new(id, country, record["amount"].as_f64().unwrap()));
            }
        }
        rows.sort();
        rows
    }
}

impl Letter {
    /// All dead letters in `directory`.
    pub fn read_all(directory: &Path) -> Vec<Self> {
        let records = records_in(directory).into_iter();
        let letter = |record: Map<String, Value>| {
            let text = |name: &str| record[name].as_str().unwrap().to_owned();
            let row = record["row"].as_u64().unwrap();
            let (step, code) = (text("step"), text("code"));
            Self { step, code, partition: text("partition"), row, payload: text("payload") }
        };
        let mut letters: Vec<Self> = records.map(letter).collect();
        letters.sort();
        letters
    }
}

/// What is in the files of a sink, leaving out what their directories' names say: epoch by epoch,
/// as those stand in the files' names.
pub fn records_in(directory: &Path) -> Vec<Map<String, Value>> {
    let mut files = visible_files(directory);
    files.sort();
    files.iter().flat_map(|path| records(path)).collect()
}

/// The files that a reader of `directory` would take.
fn visible_files(directory: &Path) -> Vec<PathBuf> {
    files(directory, &|name| !name.starts_with('.'))
}

/// The files that were staged under `directory` and are still there.
pub fn staged_files(directory: &Path) -> Vec<PathBuf> {
    let mut all = files(directory, &|_| true);
    let visible = visible_files(directory);
    all.retain(|path| !visible.contains(path));
    all.retain(|path| path.components().any(|part| part.as_os_str() == ".millrace"));
    all
}

fn files(directory: &Path, takes: &dyn Fn(&str) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    // A sink that never had a row need not have made its directory.
    let Ok(entries) = fs::read_dir(directory) else { return found };
    for entry in entries {
        let path = entry.unwrap().path();
        match path.file_name().and_then(|name| name.to_str()) {
            Some(name) if takes(name) => {}
            _ => continue,
        }
        if path.is_dir() { found.extend(files(&path, takes)) } else { found.push(path) }
    }
    found
}

fn records(path: &Path) -> Vec<Map<String, Value>> {
    let text = match path.extension().and_then(|extension| extension.to_str()) {
        Some("ndjson") => fs::read_to_string(path).unwrap(),
        Some("csv") => csv_as_json(path),
        Some("parquet") => parquet_as_json(path),
        other => panic!("a file that no sink writes: {} ({other:?})", path.display()),
    };
    let record = |line: &str| match serde_json::from_str(line) {
        Ok(Value::Object(record)) => record,
        other => panic!("{}: `{line}` is no record: {other:?}", path.display()),
    };
    text.lines().map(record).collect()
}

fn parquet_as_json(path: &Path) -> String {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let mut writer = arrow::json::LineDelimitedWriter::new(Vec::new());
    for batch in builder.build().unwrap() {
        writer.write(&batch.unwrap()).unwrap();
    }
    writer.finish().unwrap();
    String::from_utf8(writer.into_inner()).unwrap()
}

/// The values of these tests need no quotes in CSV.
fn csv_as_json(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let value = |text: &str| text.parse::<f64>().map_or(Value::from(text), Value::from);
    let record = |line: &str| {
        let values: Vec<&str> = line.split(',').collect();
        assert_eq!(names.len(), values.len(), "{}: {line}", path.display());
        let pairs = names.iter().zip(values).map(|(name, text)| match text.parse::<u64>() {
            Ok(number) => ((*name).to_owned(), number.into()),
            Err(_) => ((*name).to_owned(), value(text)),
        });
        Value::Object(pairs.collect()).to_string() + "\n"
    };
    lines.map(record).collect()
}
