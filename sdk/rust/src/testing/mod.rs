//! Runs a plugin natively, as the host would, in a plain `cargo test`.
//!
//! ```
//! # use millrace_plugin::prelude::*;
//! # struct Pass;
//! # impl Transform for Pass {
//! #     type Config = serde_json::Value;
//! #     fn start(_: serde_json::Value, _: &Schema) -> Result<(Self, Description), ConfigErrors> {
//! #         Ok((Pass, Description::reads(["n"]).port(Port::new("main"))))
//! #     }
//! #     fn process(&mut self, _: &RecordBatch, out: &mut Output) -> Result<(), Failure> {
//! #         out.all("main", []);
//! #         Ok(())
//! #     }
//! # }
//! use millrace_plugin::testing;
//!
//! let input = testing::batch([("n", Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef)]);
//! let result = testing::run::<Pass>(r#"{}"#, &input).unwrap();
//! assert_eq!(result.port("main").num_rows(), 2);
//! assert!(result.errors.is_empty());
//! ```

mod function;
mod keyed;

pub use function::{aggregate, scalar};
pub use keyed::Keyed;

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_data::transform::MutableArrayData;
use arrow_schema::{Field, Schema};

use crate::{
    ConfigErrors, Description, Emitted, Failure, Output, RowError, Rows, Transform, guest,
};

/// What came out, with the carried-over columns in place.
#[derive(Debug)]
pub struct Outcome {
    /// What the plugin said of itself.
    pub description: Description,
    /// One batch for each port, in the order of the description; empty ones included.
    pub ports: Vec<(String, RecordBatch)>,
    /// The refused rows.
    pub errors: Vec<RowError>,
}

impl Outcome {
    /// The rows of a port.
    ///
    /// # Panics
    /// If the plugin has no such port.
    pub fn port(&self, name: &str) -> &RecordBatch {
        match self.ports.iter().find(|(port, _)| port == name) {
            Some((_, rows)) => rows,
            None => panic!("the plugin has no port `{name}`"),
        }
    }
}

/// A batch from named columns, all nullable.
///
/// # Panics
/// If the columns differ in length.
pub fn batch<'a>(columns: impl IntoIterator<Item = (&'a str, ArrayRef)>) -> RecordBatch {
    let columns = columns.into_iter().map(|(name, column)| (name, column, true));
    RecordBatch::try_from_iter_with_nullable(columns).expect("columns of one length")
}

/// Starts a plugin with `config` (JSON) and gives it one batch.
///
/// # Errors
/// What the plugin says against the configuration, or the failure of the call.
pub fn run<T: Transform>(config: &str, input: &RecordBatch) -> Result<Outcome, Failure> {
    let (mut plugin, description) =
        start::<T>(config, &input.schema()).map_err(|e| Failure(e.to_string()))?;
    let reads = description
        .reads
        .iter()
        .map(|name| input.schema().index_of(name))
        .collect::<Result<Vec<_>, _>>()?;
    let mut out = Output::default();
    plugin.process(&input.project(&reads)?, &mut out)?;
    let mut ports = Vec::new();
    for port in &description.ports {
        let emitted = out.emitted.iter().find(|e| e.port == port.name);
        ports.push((port.name.clone(), assemble(input, port, emitted)?));
    }
    Ok(Outcome { description, ports, errors: out.errors })
}

/// Starts a plugin with `config` (JSON) for rows of the schema `input`.
///
/// # Errors
/// What the plugin says against the configuration.
pub fn start<T: Transform>(config: &str, input: &Schema) -> Result<(T, Description), ConfigErrors> {
    T::start(guest::config(config)?, input)
}

/// The rows of a port: what was emitted, beside what is carried over from `sources`, in which a
/// column may be null where a row has no value to carry over.
fn assemble(
    input: &RecordBatch,
    port: &crate::Port,
    emitted: Option<&Emitted>,
) -> Result<RecordBatch, Failure> {
    let rows: Vec<u32> = match emitted.map(|e| &e.rows) {
        Some(Rows::All) => (0..input.num_rows() as u32).collect(),
        Some(Rows::Some(rows)) => rows.clone(),
        None => Vec::new(),
    };
    let mut fields: Vec<Arc<Field>> = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    let added = |name: &str| port.adds.iter().position(|f| f.name() == name);
    let new = |at: usize| match emitted {
        Some(e) => e.columns.get(at).cloned().ok_or_else(|| {
            Failure(format!("port `{}`: column `{}` is missing", port.name, port.adds[at].name()))
        }),
        None => Ok(arrow_array::new_empty_array(port.adds[at].data_type())),
    };
    for (at, field) in input.schema().fields().iter().enumerate() {
        if port.drops.contains(field.name()) {
            continue;
        }
        if let Some(replaced) = added(field.name()) {
            fields.push(port.adds[replaced].clone());
            columns.push(new(replaced)?);
        } else {
            fields.push(field.clone());
            columns.push(take(input.column(at), &rows)?);
        }
    }
    for (at, field) in port.adds.iter().enumerate() {
        if input.schema().index_of(field.name()).is_err() || port.drops.contains(field.name()) {
            fields.push(field.clone());
            columns.push(new(at)?);
        }
    }
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

fn take(column: &ArrayRef, rows: &[u32]) -> Result<ArrayRef, Failure> {
    let data = column.to_data();
    let mut out = MutableArrayData::new(vec![&data], true, rows.len());
    for row in rows {
        out.try_extend(0, *row as usize, *row as usize + 1)?;
    }
    Ok(arrow_array::make_array(out.freeze()))
}

/// Columns of one type, one after the other.
fn concat(columns: &[ArrayRef]) -> Result<ArrayRef, Failure> {
    let data: Vec<_> = columns.iter().map(|column| column.to_data()).collect();
    let rows = data.iter().map(arrow_data::ArrayData::len).sum();
    let mut out = MutableArrayData::new(data.iter().collect(), true, rows);
    for (at, part) in data.iter().enumerate() {
        out.try_extend(at, 0, part.len())?;
    }
    Ok(arrow_array::make_array(out.freeze()))
}
