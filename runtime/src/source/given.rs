//! Columns that are not looked for, as the pipeline file says what they are.

use arrow::datatypes::DataType;

use crate::config::{ColumnType, Format, SchemaConfig, column_type};
use crate::plan::{ProbeError, ProbeKey, Probed, schema_of};

/// The columns that the pipeline file gives.
///
/// # Errors
/// The first one that can't be.
pub fn given(schema: &SchemaConfig, format: Format) -> Result<Probed, ProbeError> {
    let mut types: Vec<(String, ColumnType)> = Vec::new();
    for (name, text) in schema {
        let column = column_type(text).map_err(|message| {
            let help = "write one of these types".to_owned();
            ProbeError::new(ProbeKey::Column(name.clone()), message, help)
        })?;
        let no_text = column.data_type.is_nested() || column.data_type == DataType::Binary;
        if format == Format::Csv && no_text {
            let message = format!("CSV can't hold column `{name}` of type `{}`", &**text);
            let help = "read it as \"string\", or read `ndjson` or `parquet`";
            return Err(ProbeError::new(ProbeKey::Column(name.clone()), message, help));
        }
        types.push((name.clone(), column));
    }
    if types.is_empty() {
        let help = "name at least one column, or remove it to have the columns inferred";
        return Err(ProbeError::new(ProbeKey::Entry, "`schema` is empty", help));
    }
    Ok(schema_of(&types))
}
