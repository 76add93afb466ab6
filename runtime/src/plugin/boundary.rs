//! Batches to the guest and back: what crosses is encoded here, what returns is checked here.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::buffer::Buffer;
use arrow::compute::cast;
use arrow::datatypes::Fields;
use millrace_columns::{FlatColumns, FlatField, LayoutError, Node, crossing_type, decode, encode};

use super::bindings::millrace::plugin::types as wit;
use super::host::cut;
use super::instance::{CallFailure, Instance, said};
use crate::dead_letter::{Refusal, is_code};
use crate::error::{Error, Result};

/// A port may return so many rows per input row, and so many more: a guest that multiplies rows
/// without end is stopped by this bound.
const ROWS_OUT_PER_ROW_MAX: usize = 1024;
const ROWS_OUT_MAX: usize = 1 << 20;

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

/// Columns that cross, encoded.
pub struct Flat(FlatColumns);

/// [`Flat`] as the bindings want it.
pub struct FlatParts<'a> {
    nodes: Vec<wit::Node>,
    buffers: Vec<&'a [u8]>,
}

impl Flat {
    /// # Errors
    /// If a column has no counterpart in the contract, which planning rules out.
    pub fn of(columns: &[ArrayRef]) -> Result<Self> {
        let mut flat = FlatColumns::default();
        encode(columns, &mut flat).map_err(|e| Error::internal("cannot encode").with(e))?;
        Ok(Self(flat))
    }

    pub fn parts(&self) -> FlatParts<'_> {
        FlatParts {
            nodes: self.0.nodes.iter().copied().map(Into::into).collect(),
            buffers: self.0.buffers.iter().map(Buffer::as_slice).collect(),
        }
    }
}

impl FlatParts<'_> {
    pub fn param(&self) -> wit::ColumnsParam<'_> {
        wit::ColumnsParam { nodes: &self.nodes, buffers: &self.buffers }
    }
}

/// The columns `reads` of `rows` in the types that cross.
///
/// # Errors
/// If a column has no counterpart in the contract, which planning rules out.
pub fn pick(rows: &RecordBatch, reads: &[usize]) -> Result<Vec<ArrayRef>> {
    reads.iter().map(|at| crossing(rows.column(*at))).collect()
}

/// A column in the type that crosses.
///
/// # Errors
/// If it has none, which planning rules out.
pub fn crossing(column: &ArrayRef) -> Result<ArrayRef> {
    match crossing_type(column.data_type()) {
        Some(to) if to == *column.data_type() => Ok(column.clone()),
        Some(to) => Ok(cast(column, &to)?),
        None => Err(Error::internal("a column without a type that crosses")),
    }
}

/// Returned columns, checked against `fields` and `rows`.
///
/// # Errors
/// The first contradiction.
pub fn from_flat(
    columns: wit::ColumnsResult,
    fields: &Fields,
    rows: usize,
) -> Result<Vec<ArrayRef>, LayoutError> {
    let flat = FlatColumns {
        nodes: columns.nodes.into_iter().map(Node::from).collect(),
        buffers: columns.buffers.into_iter().map(Buffer::from_vec).collect(),
    };
    decode(fields, flat, rows)
}

/// A batch for a plugin of the world `transform`.
pub struct Crossing {
    flat: Flat,
    rows: u32,
}

impl Crossing {
    /// Picks and encodes the columns `reads` of `rows`.
    ///
    /// # Errors
    /// If a column has no counterpart in the contract, which planning rules out.
    pub fn new(rows: &RecordBatch, reads: &[usize]) -> Result<Self> {
        Ok(Self { flat: Flat::of(&pick(rows, reads)?)?, rows: rows.num_rows() as u32 })
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
        let parts = self.flat.parts();
        let batch = wit::Batch { rows: self.rows, columns: parts.param() };
        let returned = instance.process(batch).and_then(said);
        let rows = self.rows as usize;
        let checked =
            returned.and_then(|output| check(output, ports, rows).map_err(CallFailure::lie));
        instance.settle(checked)
    }
}

/// Checks an output. Never panics, whatever is in it.
///
/// # Errors
/// The first contradiction.
pub fn check(output: wit::Output, ports: &[&Fields], rows: usize) -> Result<CallOutput, String> {
    let ports = check_ports(output.ports, ports, rows, 0)?;
    let errors = check_errors(output.errors, &ports, rows, 0)?;
    Ok(CallOutput { ports, errors })
}

/// Checks the rows for each port. Rows from number `rows` on stand for one of `keys` keys.
///
/// # Errors
/// The first contradiction.
pub fn check_ports(
    returned: Vec<wit::PortOutput>,
    ports: &[&Fields],
    rows: usize,
    keys: usize,
) -> Result<Vec<PortRows>, String> {
    let sources = rows.saturating_add(keys);
    let rows_max = sources.saturating_mul(ROWS_OUT_PER_ROW_MAX).min(ROWS_OUT_MAX);
    let mut checked: Vec<PortRows> = Vec::with_capacity(returned.len().min(ports.len()));
    for returned in returned {
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
                if let Some(beyond) = selected.iter().find(|row| **row as usize >= sources) {
                    return Err(format!("port {port}: row {beyond} of {sources}"));
                }
                if selected.len() > rows_max {
                    return Err(format!("port {port}: {} rows from {sources}", selected.len()));
                }
                Some(UInt32Array::from(selected))
            }
        };
        let count = selected.as_ref().map_or(rows, arrow::array::Array::len);
        let columns =
            from_flat(returned.columns, adds, count).map_err(|e| format!("port {port}: {e}"))?;
        checked.push(PortRows { port, rows: selected, columns });
    }
    Ok(checked)
}

/// Checks the refused rows beside those that are on `ports`.
///
/// # Errors
/// The first contradiction.
pub fn check_errors(
    errors: Vec<wit::RowError>,
    ports: &[PortRows],
    rows: usize,
    keys: usize,
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
    let mut taken = vec![false; rows + keys];
    for port in ports {
        for row in port.rows.iter().flat_map(|rows| rows.values()) {
            taken[*row as usize] = true;
        }
    }
    let mut refusals = Vec::with_capacity(errors.len());
    for error in errors {
        let Some(taken) = taken[..rows].get_mut(error.row as usize) else {
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
            message: cut(&error.message).to_owned(),
            column: error.column.map(|column| cut(&column).to_owned()),
            backtrace: None,
        });
    }
    Ok(refusals)
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
