//! What a file sink can take.

use std::path::Path;

use arrow::datatypes::{DataType, SchemaRef};

use crate::config::{FileSinkConfig, Format, Named, SinkConfig};
use crate::diagnostic::{Diagnostic, suggest};
use crate::plan::FileSinkPlan;

/// The plan of a file sink for rows of `schema`.
///
/// # Errors
/// Every reason why it can't take them.
pub fn file(
    entry: &Named<SinkConfig>,
    config: &FileSinkConfig,
    schema: &SchemaRef,
    directory: &Path,
) -> Result<FileSinkPlan, Vec<Diagnostic>> {
    let place = || entry.place.clone();
    let mut wrong = Vec::new();
    match config.format {
        Format::Raw => {
            let one_text = matches!(schema.fields().as_ref(), [only]
                if matches!(only.data_type(), DataType::Utf8 | DataType::Binary));
            if !one_text {
                let message = format!("sink `{}` writes `raw`, but gets columns", entry.name);
                let help = "write `ndjson`, `csv` or `parquet`, or give it one column of text";
                wrong.push(Diagnostic::error(place(), message).help(help));
            }
        }
        Format::Csv => {
            let nested = schema.fields().iter().filter(|f| f.data_type().is_nested());
            for field in nested {
                let message = format!(
                    "CSV can't hold column `{}` of type {}",
                    field.name(),
                    field.data_type()
                );
                let help = "write `ndjson` or `parquet`, or flatten the column in SQL";
                wrong.push(Diagnostic::error(place(), message).help(help));
            }
        }
        Format::Ndjson => {}
        Format::Parquet if cfg!(feature = "parquet") => {}
        Format::Parquet => {
            let message = "this build of Millrace has no Parquet";
            let help = "build it with the feature `parquet`, or write `ndjson`";
            wrong.push(Diagnostic::error(place(), message).help(help));
        }
    }
    let mut partition_by = Vec::new();
    for column in &config.partition_by {
        match schema.index_of(column) {
            Ok(at) => partition_by.push(at),
            Err(_) => {
                let message = format!("sink `{}` has no column `{}`", entry.name, &**column);
                let names = schema.fields().iter().map(|f| f.name().as_str());
                let mut diagnostic = Diagnostic::error(column.place(), message);
                diagnostic.help = suggest(column, names);
                wrong.push(diagnostic);
            }
        }
    }
    if !partition_by.is_empty() && partition_by.len() == schema.fields().len() {
        let message = format!("sink `{}` partitions by all of its columns", entry.name);
        let help = "leave at least one column for the files themselves";
        wrong.push(Diagnostic::error(place(), message).help(help));
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    Ok(FileSinkPlan::new(config, directory.join(&config.path), partition_by))
}
