//! SQL to operators: DataFusion parses, analyses and optimises; what is left of its logical plan
//! becomes nodes of ours.

mod aggregate;
mod barrier;
mod context;
mod functions;
mod inline;
mod intervals;
mod join;
mod lower;
mod purity;
mod trace;

pub use aggregate::AggregateOptions;
pub use context::{PluginFunctions, expression, has_function, references};
pub(crate) use functions::{gcd, windows};
pub use lower::{Lowered, lower};

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::error::DataFusionError;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{CastExpr, Column, Literal};

use crate::error::Error;
use crate::plan::Endpoint;

/// What a name in FROM stands for.
#[derive(Debug, Clone)]
pub enum Relation {
    Stream(Endpoint),
    /// Index of the table, and its schema.
    Table(usize, SchemaRef),
}

/// Why a SQL step can't be planned.
#[derive(Debug, Clone)]
pub struct SqlError {
    pub message: String,
    pub help: Option<String>,
    /// Line and column within the SQL, from 1.
    pub at: Option<(usize, usize)>,
}

impl SqlError {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: Some(help.into()), at: None }
    }
}

impl From<DataFusionError> for SqlError {
    fn from(error: DataFusionError) -> Self {
        let message = error.strip_backtrace();
        let message = message
            .strip_prefix("Schema error: ")
            .or_else(|| message.strip_prefix("Error during planning: "))
            .or_else(|| message.strip_prefix("SQL error: "))
            .unwrap_or(&message);
        let inner = message.strip_prefix("ParserError(\"").and_then(|m| m.strip_suffix("\")"));
        let message = inner.unwrap_or(message);
        let at = position(message).or_else(|| {
            let span = error.diagnostic()?.span?;
            Some((span.start.line as usize, span.start.column as usize))
        });
        Self { message: message.to_owned(), help: None, at }
    }
}

/// Rows at fault are isolated before this conversion is reached. An error of the engine itself,
/// within an expression, keeps its kind.
impl From<DataFusionError> for Error {
    fn from(error: DataFusionError) -> Self {
        let own = match error.find_root() {
            DataFusionError::External(own) => own.downcast_ref::<Self>(),
            _ => None,
        };
        match own {
            Some(own) => Self::new(own.kind, own.message.clone()),
            None => Self::internal("an expression failed").with(error),
        }
    }
}

/// The place that the parser puts at the end of its messages: `at Line: 1, Column: 8`.
fn position(message: &str) -> Option<(usize, usize)> {
    let (_, tail) = message.rsplit_once("at Line: ")?;
    let (line, column) = tail.split_once(", Column: ")?;
    let digits = column.find(|c: char| !c.is_ascii_digit()).unwrap_or(column.len());
    Some((line.parse().ok()?, column[..digits].parse().ok()?))
}

/// Expressions that bring rows of schema `from` to schema `to`, which has all of its columns.
pub fn conform(from: &SchemaRef, to: &SchemaRef) -> Vec<Arc<dyn PhysicalExpr>> {
    let expr = |field: &Arc<arrow::datatypes::Field>| match from.index_of(field.name()) {
        Ok(at) => Arc::new(Column::new(field.name(), at)) as Arc<dyn PhysicalExpr>,
        Err(_) => {
            let null = ScalarValue::try_new_null(field.data_type()).unwrap_or(ScalarValue::Null);
            Arc::new(Literal::new(null))
        }
    };
    to.fields().iter().map(expr).collect()
}

/// Expressions that bring column `at` of rows of this schema to another type, and the schema of
/// what they give.
pub fn with_type(
    schema: &SchemaRef,
    at: usize,
    target: &DataType,
) -> (Vec<Arc<dyn PhysicalExpr>>, SchemaRef) {
    let mut exprs = conform(schema, schema);
    let mut fields = schema.fields().to_vec();
    exprs[at] = Arc::new(CastExpr::new(exprs[at].clone(), target.clone(), None));
    fields[at] = Arc::new(fields[at].as_ref().clone().with_data_type(target.clone()));
    (exprs, Arc::new(Schema::new(fields)))
}
