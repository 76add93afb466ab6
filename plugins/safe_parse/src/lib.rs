//! Raw bytes to typed columns: one JSON object per row in, one column per declared field out.
//!
//! A row that does not fit its schema is refused with a code, the column and a reason; the rows
//! beside it go on. See README.md for the configuration.
//!
//! The way of a row: [`raw`] finds its text, [`table`] walks its fields, [`value`] decides what a
//! column accepts of JSON, and [`column`] keeps it until the batch is complete.

mod column;
mod config;
mod decimal;
mod problem;
mod raw;
mod table;
mod time;
mod value;

use millrace_plugin::prelude::*;

use config::Config;
use problem::{Code, Refusal};
use raw::Raw;
use table::Table;

/// The plugin.
pub struct SafeParse {
    column: String,
    table: Table,
}

impl Transform for SafeParse {
    type Config = Config;

    fn start(config: Config, input: &Schema) -> Result<(Self, Description), ConfigErrors> {
        let mut errors = ConfigErrors::default();
        let declared = config.schema.resolve(&mut errors);
        let replaced = declared.iter().any(|d| d.name == config.column);
        if config.keep_raw && replaced {
            let message = format!(
                "`{}` is also the raw column; rename the field's column or drop `keep_raw`",
                config.column
            );
            errors.push(format!("schema.{}", config.column), message);
        }
        check_raw(&config.column, input, &mut errors);
        errors.into_result()?;

        let drops = (!config.keep_raw && !replaced).then(|| config.column.clone());
        let fields: Vec<Field> = declared.iter().map(config::Declared::field).collect();
        let description = Description::reads([config.column.as_str()])
            .port(Port::new("main").adds(fields).drops(drops));
        let table = Table::new(declared, config.unknown_fields);
        Ok((Self { column: config.column, table }, description))
    }

    fn process(&mut self, batch: &RecordBatch, out: &mut Output) -> Result<(), Failure> {
        let rows = batch.num_rows();
        let raw = Raw::new(batch.column(0))?;
        let mut taken = Vec::with_capacity(rows);
        self.table.reserve(rows);
        for row in 0..rows as u32 {
            match raw.text(row as usize).and_then(|text| self.table.push(text)) {
                Ok(()) => taken.push(row),
                Err(refusal) => out.refuse(self.row_error(row, refusal)),
            }
        }
        let columns = self.table.finish()?;
        if taken.len() == rows {
            out.all("main", columns);
        } else {
            out.some("main", taken, columns);
        }
        Ok(())
    }
}

impl SafeParse {
    fn row_error(&self, row: u32, refusal: Refusal) -> RowError {
        let column = refusal.column.unwrap_or_else(|| self.column.clone());
        RowError {
            row,
            code: refusal.code.as_str().to_owned(),
            message: refusal.message,
            column: Some(column),
        }
    }
}

fn check_raw(column: &str, input: &Schema, errors: &mut ConfigErrors) {
    let names: Vec<&str> = input.fields().iter().map(|f| f.name().as_str()).collect();
    match input.field_with_name(column).map(Field::data_type) {
        Ok(DataType::Binary | DataType::Utf8) => {}
        Ok(other) => {
            let message = format!("`{column}` has type {other}; it must be binary or utf8");
            errors.push("column", message);
        }
        Err(_) => {
            let message =
                format!("the input has no column `{column}`; it has {}", names.join(", "));
            errors.push("column", message);
        }
    }
}

export_transform!(SafeParse);
