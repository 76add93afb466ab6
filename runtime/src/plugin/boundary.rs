//! Batches to the guest and back: what crosses is encoded here, what returns is checked here.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::buffer::Buffer;
use arrow::compute::cast;
use arrow::datatypes::Fields;
use millrace_columns::{FlatColumns, FlatField, Node, crossing_type, decode, encode};

use super::bindings::millrace::plugin::types as wit;
use super::instance::{CallFailure, Instance};
use crate::dead_letter::Refusal;
use crate::error::{Error, Result};

/// A port may return so many rows per input row, and so many more: a guest that multiplies rows
/// without end is stopped by this bound.
const ROWS_OUT_PER_ROW_MAX: usize = 1024;
const ROWS_OUT_MAX: usize = 1 << 20;
const CODE_BYTES_MAX: usize = 64;
const TEXT_BYTES_MAX: usize = 4096;

/// What a call returned, checked.
#[derive(Debug)]
pub struct CallOutput {
    pub ports: Vec<PortRows>,
    pub errors: Vec<Refusal>,
}

/// Rows for one port.
#[derive(Debug)]
pub struct PortRows {
    /// Index into the plan's ports.
    pub port: usize,
    /// The input row of each; `None`: all, in order.
    pub rows: Option<UInt32Array>,
    pub columns: Vec<ArrayRef>,
}

/// The columns that cross, encoded once and sliced for every try.
pub struct Crossing {
    flat: FlatColumns,
    rows: u32,
}

impl Crossing {
    /// Picks and encodes the columns `reads` of `rows`.
    ///
    /// # Errors
    /// If a column has no counterpart in the contract, which planning rules out.
    pub fn new(rows: &RecordBatch, reads: &[usize]) -> Result<Self> {
        let column = |at: &usize| -> Result<ArrayRef> {
            let column = rows.column(*at);
            match crossing_type(column.data_type()) {
                Some(to) if to == *column.data_type() => Ok(column.clone()),
                Some(to) => Ok(cast(column, &to)?),
                None => Err(Error::internal("a column without a type that crosses")),
            }
        };
        let columns = reads.iter().map(column).collect::<Result<Vec<_>>>()?;
        let mut flat = FlatColumns::default();
        encode(&columns, &mut flat).map_err(|e| Error::internal("cannot encode").with(e))?;
        Ok(Self { flat, rows: rows.num_rows() as u32 })
    }

    /// Calls the plugin and checks what it returns against `ports`, the columns of each port.
    ///
    /// # Errors
    /// Why the call came to nothing.
    pub fn call(
        &self,
        instance: &mut Instance,
        ports: &[&Fields],
    ) -> Result<CallOutput, CallFailure> {
        let nodes: Vec<wit::Node> = self.flat.nodes.iter().copied().map(Into::into).collect();
        let buffers: Vec<&[u8]> = self.flat.buffers.iter().map(Buffer::as_slice).collect();
        let output = instance.process(self.rows, &nodes, &buffers)?;
        check(output, ports, self.rows as usize).map_err(|lie| {
            CallFailure::new("lie", format!("returned what contradicts the contract: {lie}"))
        })
    }
}

/// Checks an output. Never panics, whatever is in it.
///
/// # Errors
/// The first contradiction.
pub fn check(output: wit::Output, ports: &[&Fields], rows: usize) -> Result<CallOutput, String> {
    let rows_max = rows.saturating_mul(ROWS_OUT_PER_ROW_MAX).min(ROWS_OUT_MAX);
    let mut checked: Vec<PortRows> = Vec::with_capacity(output.ports.len().min(ports.len()));
    for returned in output.ports {
        let port = returned.port as usize;
        let Some(adds) = ports.get(port) else {
            return Err(format!("port {port} of {}", ports.len()));
        };
        if checked.iter().any(|p| p.port == port) {
            return Err(format!("port {port} twice"));
        }
        let selected = match returned.rows {
            wit::Selection::All => None,
            wit::Selection::Rows(selected) => {
                if let Some(beyond) = selected.iter().find(|row| **row as usize >= rows) {
                    return Err(format!("port {port}: row {beyond} of {rows}"));
                }
                if selected.len() > rows_max {
                    return Err(format!("port {port}: {} rows from {rows}", selected.len()));
                }
                Some(UInt32Array::from(selected))
            }
        };
        let count = selected.as_ref().map_or(rows, arrow::array::Array::len);
        let flat = FlatColumns {
            nodes: returned.columns.nodes.into_iter().map(Node::from).collect(),
            buffers: returned.columns.buffers.into_iter().map(Buffer::from_vec).collect(),
        };
        let columns = decode(adds, flat, count).map_err(|e| format!("port {port}: {e}"))?;
        checked.push(PortRows { port, rows: selected, columns });
    }
    let errors = check_errors(output.errors, &checked, rows)?;
    Ok(CallOutput { ports: checked, errors })
}

fn check_errors(
    errors: Vec<wit::RowError>,
    ports: &[PortRows],
    rows: usize,
) -> Result<Vec<Refusal>, String> {
    if errors.is_empty() {
        return Ok(Vec::new());
    }
    if errors.len() > rows {
        return Err(format!("{} row errors for {rows} rows", errors.len()));
    }
    if ports.iter().any(|port| port.rows.is_none()) {
        return Err("row errors beside a port that has all rows".to_owned());
    }
    let mut taken = vec![false; rows];
    for port in ports {
        for row in port.rows.iter().flat_map(|rows| rows.values()) {
            taken[*row as usize] = true;
        }
    }
    let mut refusals = Vec::with_capacity(errors.len());
    for error in errors {
        let Some(taken) = taken.get_mut(error.row as usize) else {
            return Err(format!("an error of row {} of {rows}", error.row));
        };
        if std::mem::replace(taken, true) {
            return Err(format!(
                "an error of row {}, which is on a port or an error too",
                error.row
            ));
        }
        if !is_code(&error.code) {
            return Err("an error code that is not 1 to 64 of a-z, 0-9 and _".to_owned());
        }
        refusals.push(Refusal {
            row: error.row,
            code: error.code,
            message: cut(error.message),
            column: error.column.map(cut),
            backtrace: None,
        });
    }
    Ok(refusals)
}

fn is_code(code: &str) -> bool {
    (1..=CODE_BYTES_MAX).contains(&code.len())
        && code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
    text
}

/// The flat schema that a plugin is started with: of columns whose type crosses.
pub fn flat_schema(fields: &Fields) -> Vec<FlatField> {
    let crossing = fields.iter().filter_map(|field| {
        let data_type = crossing_type(field.data_type())?;
        Some(Arc::new(field.as_ref().clone().with_data_type(data_type)))
    });
    let flat = millrace_columns::flatten(&crossing.collect());
    // Every crossing type is part of the contract.
    flat.unwrap_or_default()
}

millrace_columns::wit_types!(
    crate::plugin::bindings::millrace::plugin::types,
    in DataTypeResult FieldResult,
    out DataTypeParam FieldParam<'a>
);
