//! Config and facts to [`Plan`].

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::names::{ERRORS, MAIN, Names, is_name, split};
use crate::config::{Config, Text};
use crate::dead_letter;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::plan::{
    ApiPlan, CheckpointPlan, Endpoint, Facts, FunctionPlan, Input, Node, NodeKind, Plan,
    PluginCatalog, Port, ProjectPlan, RestartPlan, TablePlan, columns, times,
};
use crate::sql::{self, PluginFunctions};

/// The name of the sink of errors that nobody reads.
pub const DEAD_LETTERS: &str = "dead_letters";

/// Plans the pipeline. `None` if there is any error; `found` has them all, and warnings.
pub fn plan(
    config: &Config,
    facts: &Facts,
    plugins: &dyn PluginCatalog,
    found: &mut Diagnostics,
) -> Option<Plan> {
    let sources = config.sources.iter().map(|source| &source.name);
    let declared = sources.chain(config.steps.iter().map(|step| &step.name));
    let mut builder = Builder {
        config,
        facts,
        plugins,
        found,
        names: Names::new(declared.cloned()),
        nodes: Vec::new(),
        tables: Vec::new(),
        functions: PluginFunctions::new(),
        function_plans: Vec::new(),
        broken: BTreeSet::new(),
        late_letters: Vec::new(),
        refused: Vec::new(),
    };
    builder.settings();
    builder.check_names();
    builder.tables();
    builder.functions();
    for source in &config.sources {
        builder.source(source);
    }
    builder.steps();
    builder.event_time_behind_state();
    builder.sinks();
    builder.leftovers();
    let endpoints = builder.names.inputs();
    let api = builder.api();
    let nodes = std::mem::take(&mut builder.nodes);
    let tables = std::mem::take(&mut builder.tables);
    let functions = std::mem::take(&mut builder.function_plans);
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let settings = &config.settings;
    let checkpoint = CheckpointPlan {
        directory: checkpoint_directory(config),
        interval: settings.checkpoint.interval.0,
        keep: settings.checkpoint.keep,
    };
    let plan = Plan {
        name: settings.name.to_string(),
        directory: config.directory.clone(),
        parallelism: settings.parallelism.unwrap_or(cores),
        batch_rows: settings.batch_rows,
        trigger: settings.trigger,
        state_memory: settings.state.memory.0,
        checkpoint,
        restart: RestartPlan {
            attempts: settings.restart.attempts,
            delay_max: settings.restart.delay_max.0,
        },
        api,
        tables,
        functions,
        nodes,
        endpoints,
    };
    if !builder.found.has_errors() {
        builder.limits(&plan);
    }
    (!found.has_errors()).then_some(plan)
}

/// Where the pipeline's checkpoint is.
pub fn checkpoint_directory(config: &Config) -> PathBuf {
    let name = &*config.settings.name;
    let default = || Path::new(".millrace").join(name);
    config.directory.join(config.settings.checkpoint.path.clone().unwrap_or_else(default))
}

pub(super) struct Builder<'a> {
    pub(super) config: &'a Config,
    pub(super) facts: &'a Facts,
    pub(super) plugins: &'a dyn PluginCatalog,
    pub(super) found: &'a mut Diagnostics,
    pub(super) names: Names,
    pub(super) nodes: Vec<Node>,
    pub(super) tables: Vec<TablePlan>,
    /// The plugins that SQL calls.
    pub(super) functions: PluginFunctions,
    pub(super) function_plans: Vec<FunctionPlan>,
    /// Sources and steps that could not be planned: what reads them says nothing further.
    pub(super) broken: BTreeSet<String>,
    /// Ports of late rows that have no name, with their step: they become dead letters.
    pub(super) late_letters: Vec<(String, Input)>,
    /// What sinks refuse: dead letters.
    pub(super) refused: Vec<Input>,
}

impl Builder<'_> {
    fn settings(&mut self) {
        let settings = &self.config.settings;
        if !is_name(&settings.name) {
            let message = format!("`{}` is no name for a pipeline", &*settings.name);
            self.error(settings.name.place(), message, NAME_HELP);
        }
    }

    fn api(&mut self) -> ApiPlan {
        let api = &self.config.settings.api;
        let none = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listen = api.listen.as_ref().map_or(none, |text| {
            ApiPlan::address(text).unwrap_or_else(|wrong| {
                let (message, help) = wrong.split_once(": ").unwrap_or((&wrong, ""));
                self.error(text.place(), message, help);
                none
            })
        });
        ApiPlan {
            enabled: api.enabled.unwrap_or(true),
            listen,
            token_file: api.token_file.as_ref().map(|path| self.config.directory.join(path)),
        }
    }

    fn check_names(&mut self) {
        let config = self.config;
        let mut seen = BTreeSet::new();
        let sources = config.sources.iter().map(|s| (&s.name, &s.place));
        let tables = config.tables.iter().map(|t| (&t.name, &t.place));
        let steps = config.steps.iter().map(|s| (&s.name, &s.place));
        let sinks = config.sinks.iter().map(|s| (&s.name, &s.place));
        // Sinks can't be read, so that a sink may be called as the step that it writes.
        let all =
            sources.chain(tables).chain(steps).map(|n| (n, true)).chain(sinks.map(|n| (n, false)));
        for ((name, place), readable) in all {
            if !is_name(name) || name == DEAD_LETTERS {
                self.error(place.clone(), format!("`{name}` can't be a name"), NAME_HELP);
            }
            if readable && !seen.insert(name) {
                let message = format!("`{name}` is taken by another source, table or step");
                self.error(place.clone(), message, "choose another name");
            }
        }
        if config.sources.is_empty() {
            let help = "add one: [source.NAME] with type = \"file\", say";
            self.found.push(Diagnostic::error(None, "the pipeline has no source").help(help));
        }
        if config.sinks.is_empty() {
            let help =
                "add one: [sink.NAME] with type = \"file\" or \"console\", and from = \"STEP\"";
            self.found.push(Diagnostic::error(None, "the pipeline has no sink").help(help));
        }
    }

    /// Reads all of `from` as one stream of one schema.
    pub(super) fn read_all(
        &mut self,
        reader: &str,
        from: &[Text],
    ) -> Option<(Vec<Input>, arrow::datatypes::SchemaRef)> {
        let mut endpoints = Vec::new();
        let mut unknown = false;
        for (at, reference) in from.iter().enumerate() {
            if from[..at].iter().any(|before| split(before) == split(reference)) {
                let message = format!("`{reader}` reads `{}` twice", &**reference);
                let help = "name it once; to have each row twice, use UNION ALL in a SQL step";
                self.error(reference.place(), message, help);
                unknown = true;
                continue;
            }
            match self.names.read(reference) {
                Ok(endpoint) => endpoints.push(endpoint),
                Err(_) if self.broken.contains(split(reference).0) => unknown = true,
                Err(error) => {
                    let is_table = self.config.tables.iter().any(|t| t.name == **reference);
                    let (message, help) = if is_table {
                        let message = format!("`{}` is a table, not a stream", &**reference);
                        (message, "look it up from SQL: ... LEFT JOIN it ON ...".to_owned())
                    } else {
                        (error.message, error.help)
                    };
                    self.error(reference.place(), message, help);
                    unknown = true;
                }
            }
        }
        if unknown {
            return None;
        }
        let schemas: Vec<_> = endpoints.iter().map(|e| e.schema.clone()).collect();
        let schema = match columns::unify(&schemas) {
            Ok(schema) => schema,
            Err(message) => {
                let message =
                    format!("`{reader}` can't read all of these as one stream: {message}");
                let place = from[0].place().start..from[from.len() - 1].place().end;
                self.error(place, message, "cast one of them in a SQL step before");
                return None;
            }
        };
        let mut inputs = Vec::new();
        for (at, endpoint) in endpoints.into_iter().enumerate() {
            if endpoint.schema.fields() == schema.fields() {
                inputs.extend(endpoint.inputs);
            } else {
                inputs.push(self.conform(reader, at, endpoint, &schema));
            }
        }
        Some((inputs, schema))
    }

    /// A node that brings rows to `schema`.
    fn conform(
        &mut self,
        reader: &str,
        at: usize,
        endpoint: Endpoint,
        schema: &arrow::datatypes::SchemaRef,
    ) -> Input {
        let exprs = sql::conform(&endpoint.schema, schema);
        let step = format!("{reader}#in{at}");
        let plan =
            ProjectPlan { columns: None, filter: None, exprs: Some(exprs), schema: schema.clone() };
        let kind = NodeKind::Project(plan);
        let mut ports = ports_with_errors(schema.clone());
        let from = schema.fields().iter().map(|f| endpoint.schema.index_of(f.name()).ok());
        ports[0].times = times::picked(&endpoint.times, from);
        let node =
            self.node(Node { name: step, kind, inputs: endpoint.inputs, ports, event_time: None });
        Input { node, port: 0 }
    }

    pub(super) fn node(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    pub(super) fn endpoint(
        &mut self,
        step: &str,
        port: &str,
        inputs: Vec<Input>,
        schema: arrow::datatypes::SchemaRef,
    ) {
        let times = self.times_of(&inputs);
        self.names.add(step, port, Endpoint { inputs, schema, times });
    }

    pub(super) fn place_of(&self, name: &str) -> Option<crate::diagnostic::Place> {
        let steps = self.config.steps.iter().map(|s| (&s.name, &s.place));
        let sources = self.config.sources.iter().map(|s| (&s.name, &s.place));
        steps.chain(sources).find(|(n, _)| *n == name).map(|(_, place)| place.clone())
    }

    pub(super) fn error(
        &mut self,
        place: impl Into<Option<crate::diagnostic::Place>>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.found.push(Diagnostic::error(place, message).help(help));
    }
}

const NAME_HELP: &str = "a name begins with a lower-case letter and has lower-case letters, digits \
                         and underscores";

pub(super) fn ports_with_errors(schema: arrow::datatypes::SchemaRef) -> Vec<Port> {
    vec![Port::timeless(MAIN, schema), Port::timeless(ERRORS, Arc::clone(&dead_letter::SCHEMA))]
}
