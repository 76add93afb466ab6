//! Schemas of columns: the engine's own types, and several schemas as one.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use millrace_columns::crossing_type;

use crate::batch::record_batch;
use crate::error::Result;

/// The schema in the types that the engine uses: plain text and bytes, microseconds. A type
/// without a counterpart stays as it is.
pub fn canonical_schema(schema: &Schema) -> SchemaRef {
    let field = |field: &FieldRef| {
        let data_type = crossing_type(field.data_type());
        let data_type = data_type.unwrap_or_else(|| field.data_type().clone());
        Field::new(field.name(), data_type, field.is_nullable())
    };
    Arc::new(Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>()))
}

/// The rows cast to [`canonical_schema`].
///
/// # Errors
/// If a value has no counterpart.
pub fn canonical_batch(rows: &RecordBatch) -> Result<RecordBatch> {
    let schema = canonical_schema(rows.schema_ref());
    cast_batch(rows, &schema)
}

/// The rows cast to `schema`, column by column.
///
/// # Errors
/// If a value has no counterpart.
pub fn cast_batch(rows: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = rows.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| {
        if column.data_type() == field.data_type() {
            return Ok(column.clone());
        }
        Ok(cast(column, field.data_type())?)
    });
    record_batch(schema.clone(), columns.collect::<Result<_>>()?, rows.num_rows())
}

/// One schema for rows of all of `schemas`: every column of any, null where an input lacks it.
///
/// # Errors
/// Names the column that has two types.
pub fn unify(schemas: &[SchemaRef]) -> Result<SchemaRef, String> {
    let mut fields: Vec<Field> = Vec::new();
    for schema in schemas {
        for field in schema.fields() {
            match fields.iter_mut().find(|f| f.name() == field.name()) {
                None => fields.push(field.as_ref().clone()),
                Some(known) if known.data_type() == field.data_type() => {
                    known.set_nullable(known.is_nullable() || field.is_nullable());
                }
                Some(known) => {
                    return Err(format!(
                        "column `{}` is {} in one input and {} in another",
                        field.name(),
                        known.data_type(),
                        field.data_type()
                    ));
                }
            }
        }
    }
    for field in &mut fields {
        if schemas.iter().any(|schema| schema.index_of(field.name()).is_err()) {
            field.set_nullable(true);
        }
    }
    Ok(Arc::new(Schema::new(fields)))
}
