//! What a plugin returns for a batch.

use arrow_array::ArrayRef;

/// Which input rows the rows of an output came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rows {
    /// All of them, in their order.
    All,
    /// Output row i came from input row `rows[i]`.
    Some(Vec<u32>),
}

/// Rows for one port.
#[derive(Debug, Clone)]
pub struct Emitted {
    /// The port's name.
    pub port: String,
    /// Where each row came from.
    pub rows: Rows,
    /// The columns that the port adds, in the order of its description.
    pub columns: Vec<ArrayRef>,
}

/// One input row that can't be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowError {
    /// Index of the input row.
    pub row: u32,
    /// 1 to 64 lower-case letters, digits and underscores.
    pub code: String,
    /// For a person.
    pub message: String,
    /// The column at fault.
    pub column: Option<String>,
}

/// The result of one batch, as it grows. Rows that are neither emitted nor refused are filtered
/// out.
#[derive(Debug, Default)]
pub struct Output {
    pub(crate) emitted: Vec<Emitted>,
    pub(crate) errors: Vec<RowError>,
}

impl Output {
    /// Passes every input row to `port`, in order, with the columns that the port adds.
    pub fn all(&mut self, port: &str, columns: impl IntoIterator<Item = ArrayRef>) {
        let columns = columns.into_iter().collect();
        self.emitted.push(Emitted { port: port.to_owned(), rows: Rows::All, columns });
    }

    /// Passes the input rows `rows` to `port`, with columns that are as long as `rows`.
    pub fn some(
        &mut self,
        port: &str,
        rows: Vec<u32>,
        columns: impl IntoIterator<Item = ArrayRef>,
    ) {
        if rows.is_empty() {
            return;
        }
        let columns = columns.into_iter().collect();
        self.emitted.push(Emitted { port: port.to_owned(), rows: Rows::Some(rows), columns });
    }

    /// Refuses the input row `row`.
    pub fn error(&mut self, row: u32, code: &str, message: impl Into<String>) {
        self.refuse(RowError { row, code: code.to_owned(), message: message.into(), column: None });
    }

    /// Refuses the input row `row` because of `column`.
    pub fn error_in(&mut self, row: u32, column: &str, code: &str, message: impl Into<String>) {
        let column = Some(column.to_owned());
        self.refuse(RowError { row, code: code.to_owned(), message: message.into(), column });
    }

    /// Refuses an input row.
    pub fn refuse(&mut self, error: RowError) {
        self.errors.push(error);
    }
}
