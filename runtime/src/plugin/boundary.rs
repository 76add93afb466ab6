//! Batches to the guest and back: what crosses is encoded here, what returns is checked here.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::buffer::Buffer;
use arrow::compute::cast;
use arrow::datatypes::Fields;
use millrace_columns::{FlatColumns, FlatField, LayoutError, Node, crossing_type, decode, encode};
use millrace_output::{PortOutput, PortRows, RowError};

use super::bindings::millrace::plugin::types as wit;
use super::host::cut;
use super::instance::{CallFailure, Instance, said};
use crate::dead_letter::Refusal;
use crate::error::{Error, Result};

/// What a call returned, checked.
#[derive(Debug)]
pub struct CallOutput {
    pub ports: Vec<PortRows>,
    pub errors: Vec<Refusal>,
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
    decode(fields, flat(columns), rows)
}

/// Returned columns, not yet checked. Buffers are not copied.
pub fn flat(columns: wit::ColumnsResult) -> FlatColumns {
    FlatColumns {
        nodes: columns.nodes.into_iter().map(Node::from).collect(),
        buffers: columns.buffers.into_iter().map(Buffer::from_vec).collect(),
    }
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
    let returned = returned.into_iter().map(|returned| PortOutput {
        port: returned.port,
        rows: match returned.rows {
            wit::Selection::All => None,
            wit::Selection::Rows(rows) => Some(rows),
        },
        columns: flat(returned.columns),
    });
    millrace_output::check_ports(returned, ports, rows, keys)
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
    let errors = errors.into_iter().map(|error| RowError {
        row: error.row,
        code: error.code,
        message: error.message,
        column: error.column,
    });
    let checked = millrace_output::check_errors(errors, ports, rows, keys)?;
    let refusals = checked.into_iter().map(|error| Refusal {
        row: error.row,
        code: error.code,
        message: cut(&error.message).to_owned(),
        column: error.column.map(|column| cut(&column).to_owned()),
        backtrace: None,
    });
    Ok(refusals.collect())
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
