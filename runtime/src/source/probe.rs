//! Which columns a source or a table has.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::file::glob_files;
use super::given::given;
use super::lines::BYTE_ORDER_MARK;
use crate::batch::RAW_SCHEMA;
use crate::config::{CsvConfig, Format, SchemaConfig, SourceConfig};
use crate::error::{Error, Result};
use crate::plan::columns::canonical_schema;
use crate::plan::{ProbeError, ProbeKey, Probed};

/// So many rows are looked at to infer the columns.
const INFER_ROWS: usize = 1000;
/// And so many bytes at most.
const INFER_BYTES: u64 = 16 << 20;

/// The columns of a source, from its schema in the pipeline file or its first file.
///
/// # Errors
/// Why they are not known.
pub fn probe_source(config: &SourceConfig, directory: &Path) -> Result<Probed, ProbeError> {
    match config {
        SourceConfig::File(config) => {
            let files = glob_files(directory, &config.path)
                .map_err(|e| ProbeError::new(ProbeKey::Path, e.to_string(), "mend the glob"))?;
            if files.is_empty() && config.follow.is_none() {
                let patterns: Vec<&str> = config.path.iter().map(|p| &**p).collect();
                return Err(ProbeError::new(
                    ProbeKey::Path,
                    format!("no file matches `{}` in {}", patterns.join("`, `"), shown(directory)),
                    "mend the path (it starts at the pipeline file), or wait for files with \
                     `follow = \"1s\"`",
                ));
            }
            // An empty file says nothing of the columns.
            let has_bytes = |file: &&PathBuf| file.metadata().is_ok_and(|m| m.len() > 0);
            let first = files.iter().find(has_bytes).or(files.first()).map(PathBuf::as_path);
            probe_file(first, config.format, config.schema.as_ref(), &config.csv)
        }
        SourceConfig::Generator(config) => {
            super::generator::check(config)?;
            Ok(Probed::plain(crate::source::generator_schema(config)))
        }
        SourceConfig::Stdin(config) => {
            probe_file(None, config.format, config.schema.as_ref(), &config.csv)
        }
        SourceConfig::Socket(config) => {
            match (&config.connect, &config.listen) {
                (Some(_), None) | (None, Some(_)) => {}
                _ => {
                    return Err(ProbeError::new(
                        ProbeKey::Entry,
                        "a socket needs one of `connect` and `listen`",
                        "add connect = \"host:port\" or listen = \"127.0.0.1:9000\"",
                    ));
                }
            }
            probe_file(None, config.format, config.schema.as_ref(), &config.csv)
        }
        #[cfg(feature = "kafka")]
        SourceConfig::Kafka(config) => super::kafka::probe(config, directory),
        #[cfg(not(feature = "kafka"))]
        SourceConfig::Kafka(_) => Err(ProbeError::new(
            ProbeKey::Entry,
            "this build of Millrace has no Kafka",
            "build it with the feature `kafka`",
        )),
    }
}

/// The columns of rows of this format, given or inferred from `file`.
///
/// # Errors
/// Why they are not known.
pub fn probe_file(
    file: Option<&Path>,
    format: Format,
    schema: Option<&SchemaConfig>,
    csv: &CsvConfig,
) -> Result<Probed, ProbeError> {
    if format == Format::Raw {
        return match schema {
            None => Ok(Probed::plain(RAW_SCHEMA.clone())),
            Some(_) => Err(ProbeError::new(
                ProbeKey::Entry,
                "a raw source has one column, `value`, and takes no schema",
                "remove `schema`, or set format = \"ndjson\" to have the rows parsed",
            )),
        };
    }
    let given = schema.map(|schema| given(schema, format)).transpose()?;
    match (file, given) {
        (None, Some(given)) => Ok(given),
        (Some(file), Some(given)) if format == Format::Csv && csv.header => {
            if file.metadata().is_ok_and(|m| m.len() > 0) {
                check_header(file, csv, &given.schema)?;
            }
            Ok(given)
        }
        (Some(_), Some(given)) if format != Format::Parquet => Ok(given),
        (Some(file), given) => {
            let inferred = infer(file, format, csv, INFER_ROWS).map_err(|e| {
                let message = format!("cannot infer the columns of {}: {e}", shown(file));
                ProbeError::new(ProbeKey::Path, message, "give them: schema = { NAME = \"TYPE\" }")
            })?;
            match given {
                Some(given) if given.schema.fields() != inferred.fields() => {
                    let message = format!("{} has other columns than `schema` says", shown(file));
                    let help = format!("its columns: {}; or remove `schema`", list(&inferred));
                    Err(ProbeError::new(ProbeKey::Entry, message, help))
                }
                _ => Ok(Probed::plain(inferred)),
            }
        }
        (None, None) => Err(ProbeError::new(
            ProbeKey::Entry,
            "there is nothing yet to infer the columns from",
            "give them: schema = { NAME = \"TYPE\" }",
        )),
    }
}

/// CSV columns are taken by their order, so a header must name them in that order.
fn check_header(file: &Path, csv: &CsvConfig, schema: &SchemaRef) -> Result<(), ProbeError> {
    let found = infer(file, Format::Csv, csv, 0).map_err(|e| {
        ProbeError::new(
            ProbeKey::Path,
            format!("cannot read {}: {e}", shown(file)),
            "mend the file",
        )
    })?;
    let names = |s: &Schema| s.fields().iter().map(|f| f.name().clone()).collect::<Vec<_>>();
    if names(&found) == names(schema) {
        return Ok(());
    }
    let message = format!(
        "the header of {} names `{}`, `schema` names `{}`",
        shown(file),
        names(&found).join("`, `"),
        names(schema).join("`, `")
    );
    let help = "list the file's columns in their order; a SQL step can drop or rename them";
    Err(ProbeError::new(ProbeKey::Entry, message, help))
}

/// The columns, by the first `rows` rows.
fn infer(file: &Path, format: Format, csv: &CsvConfig, rows: usize) -> Result<SchemaRef> {
    let mut open = File::open(file).map_err(|e| Error::io("open", file, e))?;
    let start = skip_byte_order_mark(&mut open).map_err(|e| Error::io("read", file, e))?;
    let schema = match format {
        Format::Raw => return Ok(RAW_SCHEMA.clone()),
        Format::Ndjson => infer_json(&mut open, start, rows)?,
        Format::Csv => {
            let (schema, _) = crate::codec::csv_format(csv)?.infer_schema(open, Some(rows))?;
            schema
        }
        #[cfg(feature = "parquet")]
        Format::Parquet => super::parquet_file::schema(file)?,
        #[cfg(not(feature = "parquet"))]
        Format::Parquet => return Err(Error::config("this build has no Parquet")),
    };
    let fields = schema.fields().iter().map(|field| {
        let name = field.name().trim().to_owned();
        match field.data_type() {
            // A column that was always null may hold anything later.
            DataType::Null => Field::new(name, DataType::Utf8, true),
            other => Field::new(name, other.clone(), true),
        }
    });
    let schema = canonical_schema(&Schema::new(fields.collect::<Vec<_>>()));
    if schema.fields().is_empty() {
        return Err(Error::config("it has no rows"));
    }
    Ok(schema)
}

/// Moves behind the mark, or back to the start where there is none. Returns where that is.
fn skip_byte_order_mark(open: &mut File) -> std::io::Result<u64> {
    let mut first = Vec::new();
    open.take(BYTE_ORDER_MARK.len() as u64).read_to_end(&mut first)?;
    let start = if first == BYTE_ORDER_MARK { BYTE_ORDER_MARK.len() as u64 } else { 0 };
    open.seek(SeekFrom::Start(start))
}

fn infer_json(open: &mut File, start: u64, most: usize) -> Result<Schema> {
    let mut order: Vec<String> = Vec::new();
    let sample = BufReader::new(open.try_clone().map_err(Error::from_io)?.take(INFER_BYTES));
    let rows = serde_json::Deserializer::from_reader(sample).into_iter::<serde_json::Value>();
    for row in rows.take(most) {
        // The last row of the sample may be cut off; the inference below says what is malformed.
        let Ok(serde_json::Value::Object(row)) = row else { break };
        for name in row.keys() {
            if !order.contains(name) {
                order.push(name.clone());
            }
        }
    }
    open.seek(SeekFrom::Start(start)).map_err(Error::from_io)?;
    let (schema, _) = arrow::json::reader::infer_json_schema(BufReader::new(open), Some(most))?;
    let mut fields: Vec<Arc<Field>> = schema.fields().iter().cloned().collect();
    // Arrow gives the columns in no order; the order of the first rows is what a reader expects.
    fields.sort_by_key(|field| order.iter().position(|name| name == field.name()));
    Ok(Schema::new(fields))
}

fn list(schema: &Schema) -> String {
    let field = |f: &Arc<Field>| format!("{} {}", f.name(), f.data_type());
    schema.fields().iter().map(field).collect::<Vec<_>>().join(", ")
}

fn shown(path: &Path) -> std::path::Display<'_> {
    if path.as_os_str().is_empty() { Path::new(".").display() } else { path.display() }
}
