//! The rows for each port.

use arrow_array::{Array, ArrayRef, UInt32Array};
use arrow_schema::Fields;
use millrace_columns::{FlatColumns, decode};

/// A port may return so many rows per input row, and so many more: a guest that multiplies rows
/// without end is stopped by this bound.
const ROWS_OUT_PER_ROW_MAX: usize = 1024;
const ROWS_OUT_MAX: usize = 1 << 20;

/// Rows for one port, as they were returned.
#[derive(Debug, Clone)]
pub struct PortOutput {
    pub port: u32,
    /// The input row of each; `None`: all, in order.
    pub rows: Option<Vec<u32>>,
    pub columns: FlatColumns,
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

/// Checks the rows for each port against `ports`, the columns of each. Rows from number `rows` on
/// stand for one of `keys` keys.
///
/// # Errors
/// The first contradiction.
pub fn check_ports(
    returned: impl ExactSizeIterator<Item = PortOutput>,
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
            None => None,
            Some(selected) => {
                if let Some(beyond) = selected.iter().find(|row| **row as usize >= sources) {
                    return Err(format!("port {port}: row {beyond} of {sources}"));
                }
                if selected.len() > rows_max {
                    return Err(format!("port {port}: {} rows from {sources}", selected.len()));
                }
                Some(UInt32Array::from(selected))
            }
        };
        let count = selected.as_ref().map_or(rows, Array::len);
        let columns =
            decode(adds, returned.columns, count).map_err(|e| format!("port {port}: {e}"))?;
        checked.push(PortRows { port, rows: selected, columns });
    }
    Ok(checked)
}
