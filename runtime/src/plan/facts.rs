//! What must be known of the world before a pipeline can be planned.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{Fields, SchemaRef};
use datafusion::logical_expr::{AggregateUDF, ScalarUDF};

use crate::batch::RAW_SCHEMA;
use crate::config::{ColumnType, LimitsConfig};
use crate::diagnostic::Place;
use crate::metrics::PluginMetrics;
use crate::plan::Grants;

/// What was found out about sources and tables, by name.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    pub sources: BTreeMap<String, Result<Probed, ProbeError>>,
    /// Whether sinks can be reached by what the file says of them; nothing is connected to.
    pub sinks: BTreeMap<String, Result<(), ProbeError>>,
    pub tables: BTreeMap<String, Result<Probed, ProbeError>>,
}

/// The columns of a source or table.
#[derive(Debug, Clone)]
pub struct Probed {
    pub schema: SchemaRef,
    /// The types in which values stand in the input, without the columns that stand beside the
    /// records.
    pub read_as: SchemaRef,
    /// The columns before records are decoded: the record, and what stands beside it, which comes
    /// last in `schema` too.
    pub records: SchemaRef,
}

impl Probed {
    /// Columns that stand in the input as they are.
    pub fn plain(schema: SchemaRef) -> Self {
        Self { read_as: schema.clone(), records: RAW_SCHEMA.clone(), schema }
    }
}

/// Why the columns are not known.
#[derive(Debug, Clone)]
pub struct ProbeError {
    pub message: String,
    pub help: String,
    /// The key at fault.
    pub key: ProbeKey,
}

/// Where in its entry a probe went wrong.
#[derive(Debug, Clone)]
pub enum ProbeKey {
    Path,
    /// This column's type.
    Column(String),
    /// This one of the `properties`.
    Property(String),
    /// The text at this place.
    At(Place),
    Entry,
}

impl ProbeError {
    pub fn new(key: ProbeKey, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into(), key }
    }
}

/// A schema from the types that the pipeline file gives.
pub(crate) fn schema_of(types: &[(String, ColumnType)]) -> Probed {
    let schema = |pick: fn(&ColumnType) -> &arrow::datatypes::DataType| -> SchemaRef {
        let field = |(name, column): &(String, ColumnType)| {
            arrow::datatypes::Field::new(name, pick(column).clone(), true)
        };
        std::sync::Arc::new(arrow::datatypes::Schema::new(
            types.iter().map(field).collect::<Vec<_>>(),
        ))
    };
    Probed { read_as: schema(|c| &c.read_as), ..Probed::plain(schema(|c| &c.data_type)) }
}

/// Starts plugins to hear what they say of themselves.
pub trait PluginCatalog {
    /// Called for each plugin step while planning, once its input's schema is known.
    ///
    /// # Errors
    /// Why the step can't run: the component, its configuration or its input.
    fn describe(&self, request: &PluginRequest) -> Result<Described, Vec<PluginRefusal>>;

    /// [`describe`](Self::describe) for a step with these columns as its key.
    ///
    /// # Errors
    /// As [`describe`](Self::describe).
    fn describe_keyed(
        &self,
        request: &PluginRequest,
        key: &[String],
    ) -> Result<DescribedKeyed, Vec<PluginRefusal>>;

    /// The function `name` for SQL, which the plugin of the request is. The request's input does
    /// not matter: the types of arguments are known once SQL calls it.
    ///
    /// # Errors
    /// As [`describe`](Self::describe).
    fn function(
        &self,
        name: &str,
        request: &PluginRequest,
    ) -> Result<PlannedFunction, Vec<PluginRefusal>>;
}

/// A function of SQL with what is known of its plugin.
#[derive(Debug)]
pub struct PlannedFunction {
    pub function: SqlFunction,
    /// Of the component.
    pub digest: String,
    /// What its instances do.
    pub metrics: Arc<PluginMetrics>,
}

/// A plugin as a function of SQL.
#[derive(Debug, Clone)]
pub enum SqlFunction {
    Scalar(Arc<ScalarUDF>),
    Aggregate(Arc<AggregateUDF>),
}

/// A plugin step as the pipeline file has it.
#[derive(Debug)]
pub struct PluginRequest<'a> {
    pub plugin: &'a str,
    /// JSON.
    pub config: &'a str,
    pub input: &'a Fields,
    pub limits: &'a LimitsConfig,
    pub grants: Grants,
    /// The seed, if clock and random numbers are to depend on the input alone.
    pub deterministic: Option<u64>,
}

/// What a plugin says.
#[derive(Debug, Clone)]
pub struct Described {
    pub digest: String,
    pub reads: Vec<String>,
    pub ports: Vec<DescribedPort>,
}

/// What a keyed plugin says.
#[derive(Debug, Clone)]
pub struct DescribedKeyed {
    pub described: Described,
    /// The columns of the key that it wants to see, once per key.
    pub keys: Vec<String>,
    pub state_version: u32,
    pub reads_versions: Vec<u32>,
    /// In microseconds: how long after its last row the state of a key means anything.
    pub state_ttl: Option<u64>,
}

#[derive(Debug, Clone)]
pub struct DescribedPort {
    pub name: String,
    pub adds: Fields,
    pub drops: Vec<String>,
}

/// Why a plugin step can't run.
#[derive(Debug, Clone)]
pub enum PluginRefusal {
    /// There is no such component, or it can't be used.
    Component { message: String, help: String },
    /// The plugin does not accept its configuration, at this path.
    Config { path: String, message: String },
    /// The plugin does not accept its input, or says something of itself that can't be.
    Plugin { message: String },
}
