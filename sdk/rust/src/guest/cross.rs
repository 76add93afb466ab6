//! Types of the contract to those of this crate and back, for all worlds.

use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, RecordBatch, RecordBatchOptions};
use arrow_buffer::Buffer;
use arrow_schema::{DataType, Field, Schema};
use millrace_columns::{FlatColumns, FlatField, encode, flatten, unflatten};

use crate::bindings::millrace::plugin::{fault, types as wit};
use crate::{ConfigErrors, Emitted, Failure, Port, RowError, Rows};

/// Makes a panic's message part of the failure that the host reports.
pub fn report_panics() {
    std::panic::set_hook(Box::new(|panic| fault::report(&panic.to_string())));
}

/// A schema from the host.
pub fn schema(fields: Vec<wit::Field>) -> Result<Schema, Vec<wit::ConfigError>> {
    let flat: Vec<FlatField> = fields.into_iter().map(Into::into).collect();
    Ok(Schema::new(unflatten(&flat).map_err(|e| whole(&e.to_string()))?))
}

/// The schema of the columns `reads`.
pub fn read_schema(input: &Schema, reads: &[String]) -> Result<Arc<Schema>, Vec<wit::ConfigError>> {
    let fields: Result<Vec<Field>, _> =
        reads.iter().map(|name| input.field_with_name(name).cloned()).collect();
    let fields = fields.map_err(|_| {
        whole(&format!("the plugin reads {reads:?}, which its input does not have"))
    })?;
    Ok(Arc::new(Schema::new(fields)))
}

/// Columns from the host.
pub fn batch(
    schema: &Arc<Schema>,
    columns: wit::Columns,
    rows: usize,
) -> Result<RecordBatch, String> {
    let flat = FlatColumns {
        nodes: columns.nodes.into_iter().map(Into::into).collect(),
        buffers: columns.buffers.into_iter().map(Buffer::from_vec).collect(),
    };
    // SAFETY: the host sends Arrow's own buffers, whose text it has checked.
    let columns = unsafe { millrace_columns::decode_trusted(schema.fields(), flat, rows) }
        .map_err(|e| e.to_string())?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options).map_err(|e| e.to_string())
}

/// A column of states from the host.
pub fn states(columns: wit::Columns, count: usize) -> Result<BinaryArray, String> {
    let schema = Schema::new(vec![Field::new("state", DataType::Binary, true)]);
    let states = batch(&Arc::new(schema), columns, count)?;
    let states = states.column(0).as_any().downcast_ref::<BinaryArray>();
    states.cloned().ok_or_else(|| "states are not bytes".to_owned())
}

/// How many values the first column has.
pub fn length(columns: &wit::Columns) -> usize {
    columns.nodes.first().map_or(0, |node| node.length as usize)
}

/// Columns to the host.
pub fn columns(columns: &[ArrayRef]) -> Result<wit::Columns, String> {
    let mut flat = FlatColumns::default();
    encode(columns, &mut flat).map_err(|e| e.to_string())?;
    Ok(wit::Columns {
        nodes: flat.nodes.into_iter().map(Into::into).collect(),
        buffers: flat.buffers.into_iter().map(owned).collect(),
    })
}

/// The buffer's own memory where nobody else has it.
fn owned(buffer: Buffer) -> Vec<u8> {
    buffer.into_vec().unwrap_or_else(|buffer| buffer.as_slice().to_vec())
}

/// What was emitted, each for the port of its name.
pub fn outputs(ports: &[Port], emitted: Vec<Emitted>) -> Result<Vec<wit::PortOutput>, String> {
    let output = |emitted: Emitted| {
        let Some(at) = ports.iter().position(|p| p.name == emitted.port) else {
            return Err(format!("port `{}` is not in the description", emitted.port));
        };
        Ok(wit::PortOutput {
            port: at as u32,
            rows: match emitted.rows {
                Rows::All => wit::Selection::All,
                Rows::Some(rows) => wit::Selection::Rows(rows),
            },
            columns: columns(&emitted.columns)?,
        })
    };
    emitted.into_iter().map(output).collect()
}

/// Refused rows.
pub fn row_errors(errors: Vec<RowError>) -> Vec<wit::RowError> {
    let error = |e: RowError| wit::RowError {
        row: e.row,
        code: e.code,
        message: e.message,
        column: e.column,
    };
    errors.into_iter().map(error).collect()
}

/// The ports of a description.
pub fn ports(ports: &[Port]) -> Result<Vec<wit::Port>, Vec<wit::ConfigError>> {
    let port = |port: &Port| {
        let adds = flatten(&port.adds).map_err(|e| whole(&e.to_string()))?;
        Ok(wit::Port {
            name: port.name.clone(),
            adds: adds.iter().map(Into::into).collect(),
            drops: port.drops.clone(),
        })
    };
    ports.iter().map(port).collect()
}

/// The type of a result.
pub fn result(field: &Field) -> Result<Vec<wit::Field>, Vec<wit::ConfigError>> {
    let fields = [field.clone()].into_iter().collect();
    let flat = flatten(&fields).map_err(|e| whole(&e.to_string()))?;
    Ok(flat.iter().map(Into::into).collect())
}

pub fn config_errors(errors: ConfigErrors) -> Vec<wit::ConfigError> {
    let error = |e: crate::ConfigError| wit::ConfigError { path: e.path, message: e.message };
    errors.0.into_iter().map(error).collect()
}

/// An error of the whole configuration.
pub fn whole(message: &str) -> Vec<wit::ConfigError> {
    vec![wit::ConfigError { path: String::new(), message: message.to_owned() }]
}

pub fn failed(failure: Failure) -> String {
    failure.0
}
