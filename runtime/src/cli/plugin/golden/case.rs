//! The files of a golden case.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::rows::{read_rows, write_row};
use super::{ERROR_KEYS, Ports, Row};
use crate::config::column_type;
use crate::error::{Error, Result};
use crate::plan::{Probed, schema_of};
use crate::planner::ERRORS;

const SHAPE: &str = "a case is golden/CASE/ with config.json, schema.json, input.ndjson, \
                     expected.PORT.ndjson and expected.errors.ndjson, and step.json for a plugin \
                     that is not of the world `transform`";

/// What a pipeline says beside a plugin's configuration, for those that need it: `step.json`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StepFile {
    /// The key of a keyed plugin.
    pub key: Vec<String>,
    /// The column of event time, in whose order the rows of a key come.
    pub event_time: Option<String>,
    /// The columns by which an aggregate groups; all others are its arguments.
    pub group: Vec<String>,
}

/// Rows, and what must become of them.
pub struct Case {
    pub name: String,
    directory: PathBuf,
    /// The step's configuration, as JSON.
    pub config: String,
    pub step: StepFile,
    pub input: RecordBatch,
    /// The ports that have a file. An error may leave out what does not matter.
    pub expected: Ports,
}

impl Case {
    /// All cases in the directory `golden`, by name.
    ///
    /// # Errors
    /// If there is none, or one can't be read.
    pub fn all(golden: &Path) -> Result<Vec<Self>> {
        if !golden.is_dir() {
            let message = format!("there are no cases in {}: {SHAPE}", golden.display());
            return Err(Error::config(message));
        }
        let directories: Vec<PathBuf> =
            list(golden)?.into_iter().filter(|path| path.is_dir()).collect();
        if directories.is_empty() {
            let message = format!("there are no cases in {}: {SHAPE}", golden.display());
            return Err(Error::config(message));
        }
        directories.into_iter().map(Self::read).collect()
    }

    fn read(directory: PathBuf) -> Result<Self> {
        let config = match directory.join("config.json") {
            path if path.is_file() => json_object(&path)?,
            _ => Map::new(),
        };
        let step = match directory.join("step.json") {
            path if path.is_file() => serde_json::from_str(&read_text(&path)?)
                .map_err(|e| Error::config(format!("cannot read {}", path.display())).with(e))?,
            _ => StepFile::default(),
        };
        let input = directory.join("input.ndjson");
        let input = read_rows(&json_lines(&input)?, &schema(&directory.join("schema.json"))?)
            .map_err(|e| Error::config(format!("cannot read {}", input.display())).with(e))?;
        let mut expected = BTreeMap::new();
        for path in list(&directory)? {
            let Some(port) = expected_port(&path) else { continue };
            let rows = json_lines(&path)?;
            if port == ERRORS {
                rows.iter().try_for_each(|row| check_error(row, &path))?;
            }
            expected.insert(port.to_owned(), rows);
        }
        let name = directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let config = Value::Object(config).to_string();
        Ok(Self { name, directory, config, step, input, expected })
    }

    /// The same case with other rows, of which nothing is expected.
    pub fn with_input(&self, input: RecordBatch) -> Self {
        Self {
            name: self.name.clone(),
            directory: self.directory.clone(),
            config: self.config.clone(),
            step: self.step.clone(),
            input,
            expected: Ports::default(),
        }
    }

    /// The file of a port.
    pub fn path(&self, port: &str) -> PathBuf {
        self.directory.join(format!("expected.{port}.ndjson"))
    }

    /// Makes `got` what is expected: one file per port, no others.
    ///
    /// # Errors
    /// If a file can't be written.
    pub fn write(&self, got: &Ports) -> Result<()> {
        for port in self.expected.keys().filter(|port| !got.contains_key(*port)) {
            let path = self.path(port);
            fs::remove_file(&path).map_err(|e| Error::io("remove", &path, e))?;
        }
        for (port, rows) in got {
            let path = self.path(port);
            let text: String = rows.iter().map(|row| write_row(row) + "\n").collect();
            fs::write(&path, text).map_err(|e| Error::io("write", &path, e))?;
        }
        Ok(())
    }
}

/// The port whose rows are in the file.
fn expected_port(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()?.strip_prefix("expected.")?.strip_suffix(".ndjson")
}

/// An error that names nothing that could be compared would match any other.
fn check_error(row: &Row, path: &Path) -> Result<()> {
    let unknown = row.keys().find(|key| !ERROR_KEYS.contains(&key.as_str()));
    let missing = ["row", "code"].into_iter().find(|key| !row.contains_key(*key));
    let problem = match (unknown, missing) {
        (Some(key), _) => format!("has the key `{key}`"),
        (None, Some(key)) => format!("lacks the key `{key}`"),
        (None, None) => return Ok(()),
    };
    let keys = ERROR_KEYS.join("`, `");
    let path = path.display();
    Err(Error::config(format!(
        "an error in {path} {problem}: it must have `row` and `code`, and may have of `{keys}` \
         what is to be compared"
    )))
}

/// The types of the input's columns, in order.
fn schema(path: &Path) -> Result<Probed> {
    let column = |(name, value): (String, Value)| {
        let text = value.as_str().ok_or("its type is not a text".to_owned());
        let column = text.and_then(column_type);
        let column = column.map_err(|problem| {
            Error::config(format!("column `{name}` in {}: {problem}", path.display()))
        });
        Ok((name, column?))
    };
    let types = json_object(path)?.into_iter().map(column).collect::<Result<Vec<_>>>()?;
    Ok(schema_of(&types))
}

fn list(directory: &Path) -> Result<Vec<PathBuf>> {
    let failed = |e| Error::io("list", directory, e);
    let entries = fs::read_dir(directory).map_err(failed)?;
    let mut paths =
        entries.map(|entry| Ok(entry.map_err(failed)?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|e| Error::io("read", path, e))
}

fn json_object(path: &Path) -> Result<Row> {
    serde_json::from_str(&read_text(path)?)
        .map_err(|e| Error::config(format!("{} is no JSON object", path.display())).with(e))
}

fn json_lines(path: &Path) -> Result<Vec<Row>> {
    let text = read_text(path)?;
    let row = |(at, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|e| {
            let place = format!("{}:{}", path.display(), at + 1);
            Error::config(format!("{place} is no JSON object")).with(e)
        })
    };
    text.lines().enumerate().map(row).collect()
}
