//! What two versions of a plugin made of the same rows, compared.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::row::{RowConverter, SortField};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::batch::Batch;
use crate::dead_letter;
use crate::error::Result;
use crate::operator::Outputs;
use crate::plan::PluginPlan;
use crate::swap::{Difference, Trial};

/// A row in an example is cut at so many bytes.
const TEXT_BYTES_MAX: usize = 500;
/// The column of a dead letter by which two are the same: messages may differ.
const CODE: &str = "code";

/// A row's partition and its place there.
type Place<'a> = (&'a str, &'a str, u64);

/// What became of the rows of each place: encoded, and where they stand.
type Made<'a> = BTreeMap<Place<'a>, Vec<(Vec<u8>, &'a Batch, usize)>>;

/// Notes in `trial` for which input rows the candidate gave something else than the current version.
///
/// # Errors
/// If rows can't be compared.
pub fn compare(
    trial: &Trial,
    plan: &PluginPlan,
    current: &Outputs,
    candidate: &Outputs,
) -> Result<()> {
    let ports = plan.ports.iter().map(|port| port.name.as_str()).enumerate();
    for (port, name) in ports.chain([(plan.errors, "errors")]) {
        let (old, new) = (of_port(current, port), of_port(candidate, port));
        let same = |(old, new): (&&Batch, &&Batch)| old.rows == new.rows;
        let is_same = old.len() == new.len() && old.iter().zip(&new).all(same);
        if !is_same {
            differing(trial, name, &old, &new)?;
        }
    }
    Ok(())
}

/// The batches that went to a port.
fn of_port(out: &Outputs, port: usize) -> Vec<&Batch> {
    out.emitted.iter().filter(|(to, _)| *to == port).map(|(_, batch)| batch).collect()
}

/// Counts the input rows of which a port got other rows.
fn differing(trial: &Trial, port: &str, old: &[&Batch], new: &[&Batch]) -> Result<()> {
    let (olds, news) = (made(old)?, made(new)?);
    let bytes = |made: &Made, place| -> Vec<Vec<u8>> {
        made.get(place).into_iter().flatten().map(|(bytes, ..)| bytes.clone()).collect()
    };
    let either = olds.keys().chain(news.keys().filter(|place| !olds.contains_key(place)));
    for place in either.filter(|place| bytes(&olds, place) != bytes(&news, place)) {
        trial.differs(port, 1, || {
            let (source, partition, number) = place;
            Some(Difference {
                row: format!("{source}/{partition} row {number}"),
                port: port.to_owned(),
                current: text(olds.get(place)),
                candidate: text(news.get(place)),
            })
        });
    }
    Ok(())
}

fn made<'a>(batches: &[&'a Batch]) -> Result<Made<'a>> {
    let mut made = Made::new();
    for batch in batches {
        let columns = match code(&batch.rows) {
            Some(code) => vec![code.clone()],
            None => batch.rows.columns().to_vec(),
        };
        let fields = columns.iter().map(|column| SortField::new(column.data_type().clone()));
        let encoded = RowConverter::new(fields.collect())?.convert_columns(&columns)?;
        let partition = &batch.origin.partition;
        for row in 0..batch.len() {
            let place = (&*partition.source, &*partition.name, batch.origin.place(row));
            let bytes = encoded.row(row).as_ref().to_vec();
            made.entry(place).or_default().push((bytes, batch, row));
        }
    }
    Ok(made)
}

/// The codes of dead letters; `None` of other rows.
fn code(rows: &RecordBatch) -> Option<&ArrayRef> {
    rows.column_by_name(CODE).filter(|_| rows.schema() == *dead_letter::SCHEMA)
}

/// The first row of a place, for people.
fn text(made: Option<&Vec<(Vec<u8>, &Batch, usize)>>) -> String {
    let Some((_, batch, row)) = made.and_then(|made| made.first()) else {
        return "nothing".to_owned();
    };
    let mut text = columns(&batch.rows, *row).unwrap_or_else(|_| "?".to_owned());
    text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
    text
}

fn columns(rows: &RecordBatch, row: usize) -> Result<String> {
    if let Some(codes) = code(rows) {
        return Ok(codes.as_string::<i32>().value(row).to_owned());
    }
    let options = FormatOptions::default().with_null("null");
    let schema = rows.schema();
    let texts = rows.columns().iter().zip(schema.fields()).map(|(column, field)| {
        let value = ArrayFormatter::try_new(column, &options)?.value(row).to_string();
        Ok(format!("{}: {value}", field.name()))
    });
    Ok(texts.collect::<Result<Vec<_>>>()?.join(", "))
}
