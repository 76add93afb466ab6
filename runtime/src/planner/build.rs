//! Config and facts to [`Plan`].

use std::collections::BTreeSet;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::names::{ERRORS, MAIN, Names, is_name, split};
use super::{plugin, sinks};
use crate::config::{
    Config, CsvConfig, Format, Named, PluginConfig, SourceConfig, SqlConfig, StepConfig, Text,
};
use crate::dead_letter;
use crate::diagnostic::{Diagnostic, Diagnostics, suggest};
use crate::plan::{
    CheckpointPlan, DecodePlan, Endpoint, Facts, FileSinkPlan, Input, Node, NodeKind, Plan,
    PluginCatalog, PluginPort, PluginRefusal, PluginRequest, Port, ProbeKey, Probed, ProjectPlan,
    ROLL_SIZE, RestartPlan, SinkPlan, SourceNode, SourcePlan, TablePlan, columns,
};
use crate::sql::{self, Relation};

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
        broken: BTreeSet::new(),
    };
    builder.settings();
    builder.check_names();
    builder.tables();
    for source in &config.sources {
        builder.source(source);
    }
    builder.steps();
    builder.sinks();
    builder.leftovers();
    let (nodes, tables) = (builder.nodes, builder.tables);
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let settings = &config.settings;
    let checkpoint = CheckpointPlan {
        directory: checkpoint_directory(config),
        interval: settings.checkpoint.interval.0,
    };
    let plan = Plan {
        name: settings.name.to_string(),
        directory: config.directory.clone(),
        parallelism: settings.parallelism.unwrap_or(cores),
        batch_rows: settings.batch_rows,
        checkpoint,
        restart: RestartPlan {
            attempts: settings.restart.attempts,
            delay_max: settings.restart.delay_max.0,
        },
        tables,
        nodes,
    };
    (!found.has_errors()).then_some(plan)
}

/// Where the pipeline's checkpoint is.
pub fn checkpoint_directory(config: &Config) -> PathBuf {
    let name = &*config.settings.name;
    let default = || Path::new(".millrace").join(name);
    config.directory.join(config.settings.checkpoint.path.clone().unwrap_or_else(default))
}

struct Builder<'a> {
    config: &'a Config,
    facts: &'a Facts,
    plugins: &'a dyn PluginCatalog,
    found: &'a mut Diagnostics,
    names: Names,
    nodes: Vec<Node>,
    tables: Vec<TablePlan>,
    /// Sources and steps that could not be planned: what reads them says nothing further.
    broken: BTreeSet<String>,
}

impl Builder<'_> {
    fn settings(&mut self) {
        let settings = &self.config.settings;
        if !is_name(&settings.name) {
            let message = format!("`{}` is no name for a pipeline", &*settings.name);
            self.error(settings.name.place(), message, NAME_HELP);
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

    fn tables(&mut self) {
        for table in &self.config.tables {
            let Some(Ok(probed)) = self.probed(&table.name, &table.place, true) else {
                self.broken.insert(table.name.clone());
                continue;
            };
            let path = self.config.directory.join(&*table.config.path);
            self.tables.push(TablePlan {
                name: table.name.clone(),
                format: table_format(&table.config.path, table.config.format),
                config: table.config.clone(),
                path,
                read_as: probed.read_as,
                schema: probed.schema,
            });
        }
    }

    fn probed(
        &mut self,
        name: &str,
        place: &crate::diagnostic::Place,
        table: bool,
    ) -> Option<Result<Probed, ()>> {
        let facts = if table { &self.facts.tables } else { &self.facts.sources };
        match facts.get(name)?.clone() {
            Ok(probed) => Some(Ok(probed)),
            Err(error) => {
                let at = match &error.key {
                    ProbeKey::Path => self.path_place(name),
                    ProbeKey::Column(column) => self.column_place(name, column),
                    ProbeKey::Entry => None,
                };
                self.error(at.unwrap_or(place.clone()), error.message, error.help);
                Some(Err(()))
            }
        }
    }

    fn path_place(&self, name: &str) -> Option<crate::diagnostic::Place> {
        let table = self.config.tables.iter().find(|t| t.name == name);
        if let Some(table) = table {
            return Some(table.config.path.place());
        }
        match &self.config.sources.iter().find(|s| s.name == name)?.config {
            SourceConfig::File(config) => config.path.first().map(Text::place),
            _ => None,
        }
    }

    fn column_place(&self, name: &str, column: &str) -> Option<crate::diagnostic::Place> {
        let table = self.config.tables.iter().find(|t| t.name == name);
        let schema = match table {
            Some(table) => table.config.schema.as_ref(),
            None => match &self.config.sources.iter().find(|s| s.name == name)?.config {
                SourceConfig::File(c) => c.schema.as_ref(),
                SourceConfig::Stdin(c) => c.schema.as_ref(),
                SourceConfig::Socket(c) => c.schema.as_ref(),
                SourceConfig::Generator(_) => None,
            },
        };
        schema?.get(column).map(Text::place)
    }

    fn source(&mut self, entry: &Named<SourceConfig>) {
        let Some(Ok(probed)) = self.probed(&entry.name, &entry.place, false) else {
            self.broken.insert(entry.name.clone());
            return;
        };
        let is_stdin =
            |source: &&Named<SourceConfig>| matches!(source.config, SourceConfig::Stdin(_));
        let reader = self.config.sources.iter().find(is_stdin);
        if is_stdin(&entry) && reader.is_some_and(|reader| reader.name != entry.name) {
            let message = "standard input has one reader; two would share its rows by chance";
            let help = "read it once; several steps may name it: from = \"NAME\"";
            self.error(entry.place.clone(), message, help);
        }
        if let SourceConfig::Stdin(_) | SourceConfig::Socket(_) = &entry.config {
            let message = format!("source `{}` can't be read again", entry.name);
            let help = "rows that it gave since the last checkpoint are lost by a crash; where that \
                        matters, read files or Kafka";
            self.found.push(Diagnostic::warning(entry.place.clone(), message).help(help));
        }
        let decode = decode_of(&entry.config);
        let raw_name =
            if decode.is_some() { format!("{}#raw", entry.name) } else { entry.name.clone() };
        let given =
            if decode.is_some() { crate::batch::RAW_SCHEMA.clone() } else { probed.schema.clone() };
        let source = self.node(Node {
            name: raw_name,
            kind: NodeKind::Source(SourceNode {
                name: entry.name.clone(),
                plan: SourcePlan::Config(entry.config.clone()),
                columns: probed.schema.clone(),
            }),
            inputs: Vec::new(),
            ports: ports_with_errors(given),
        });
        let mut main = source;
        let mut errors = vec![Input { node: source, port: 1 }];
        if let Some((format, csv)) = decode {
            main = self.node(Node {
                name: entry.name.clone(),
                kind: NodeKind::Decode(DecodePlan {
                    format,
                    csv,
                    read_as: probed.read_as,
                    schema: probed.schema.clone(),
                }),
                inputs: vec![Input { node: source, port: 0 }],
                ports: ports_with_errors(probed.schema.clone()),
            });
            errors.push(Input { node: main, port: 1 });
        }
        self.endpoint(&entry.name, MAIN, vec![Input { node: main, port: 0 }], probed.schema);
        self.endpoint(&entry.name, ERRORS, errors, dead_letter::SCHEMA.clone());
    }

    /// Plans the steps, each after those that it reads.
    fn steps(&mut self) {
        let mut waiting: Vec<(&Named<StepConfig>, Vec<String>)> = Vec::new();
        for step in &self.config.steps {
            match self.step_inputs(step) {
                Some(inputs) => waiting.push((step, inputs)),
                None => {
                    self.broken.insert(step.name.clone());
                }
            }
        }
        while !waiting.is_empty() {
            let names: BTreeSet<&str> = waiting.iter().map(|(s, _)| s.name.as_str()).collect();
            let is_ready = |inputs: &[String]| !inputs.iter().any(|i| names.contains(split(i).0));
            let Some(at) = waiting.iter().position(|(_, inputs)| is_ready(inputs)) else {
                let list: Vec<&str> = names.into_iter().collect();
                let message = format!("steps read each other in a circle: `{}`", list.join("`, `"));
                let place = waiting[0].0.place.clone();
                self.error(place, message, "a step may only read what comes before it");
                self.broken.extend(waiting.iter().map(|(s, _)| s.name.clone()));
                return;
            };
            let (step, inputs) = waiting.remove(at);
            let broken = inputs.iter().any(|i| self.broken.contains(split(i).0));
            let planned = !broken
                && match &step.config {
                    StepConfig::Sql(config) => self.sql(step, config, &inputs),
                    StepConfig::Plugin(config) => self.plugin(step, config),
                };
            if broken {
                // So that ports of the healthy inputs do not count as unread.
                inputs.iter().for_each(|i| drop(self.names.read(i)));
            }
            if !planned {
                self.broken.insert(step.name.clone());
            }
        }
    }

    fn step_inputs(&mut self, step: &Named<StepConfig>) -> Option<Vec<String>> {
        match &step.config {
            StepConfig::Plugin(config) => Some(config.from.iter().map(|t| t.to_string()).collect()),
            StepConfig::Sql(config) => match sql::references(&config.sql) {
                Ok(references) => Some(references),
                Err(error) => {
                    self.sql_error(config, error);
                    None
                }
            },
        }
    }

    fn sql(&mut self, step: &Named<StepConfig>, config: &SqlConfig, inputs: &[String]) -> bool {
        let mut relations = Vec::new();
        for name in inputs {
            if let Some(table) = self.tables.iter().position(|t| t.name == *name) {
                let schema = self.tables[table].schema.clone();
                relations.push((name.clone(), Relation::Table(table, schema)));
                continue;
            }
            match self.names.read(name) {
                Ok(endpoint) => relations.push((name.clone(), Relation::Stream(endpoint))),
                Err(unknown) => {
                    let tables = self.tables.iter().map(|t| t.name.as_str());
                    let help = suggest(name, tables).unwrap_or(unknown.help);
                    self.error(config.sql.place(), unknown.message, help);
                    return false;
                }
            }
        }
        match sql::lower(&step.name, &config.sql, &relations, &mut self.nodes) {
            Ok(lowered) => {
                self.endpoint(&step.name, MAIN, vec![lowered.main], lowered.schema);
                let errors = dead_letter::SCHEMA.clone();
                self.endpoint(&step.name, ERRORS, lowered.errors, errors);
                true
            }
            Err(error) => {
                self.sql_error(config, error);
                false
            }
        }
    }

    fn sql_error(&mut self, config: &SqlConfig, error: sql::SqlError) {
        let place = config.sql.place();
        let at = error.at.and_then(|at| self.found.place_within(&place, &config.sql, at));
        let mut diagnostic = Diagnostic::error(at.unwrap_or(place), error.message);
        diagnostic.help = error.help;
        self.found.push(diagnostic);
    }

    fn plugin(&mut self, step: &Named<StepConfig>, config: &PluginConfig) -> bool {
        let Some((inputs, input)) = self.read_all(&step.name, &config.from) else { return false };
        let mut grant_log = false;
        for grant in &config.grant {
            match &**grant {
                "log" => grant_log = true,
                other => {
                    let message = format!("`{other}` can't be granted");
                    self.error(grant.place(), message, "a plugin may be granted: `log`");
                    return false;
                }
            }
        }
        let json = serde_json::Value::Object(config.config.json.clone()).to_string();
        let request = PluginRequest {
            plugin: &config.plugin,
            config: &json,
            input: input.fields(),
            limits: &config.limits,
            grant_log,
        };
        let planned = plugin::plan_plugin(&step.name, &request, config.on_failure, self.plugins);
        let plan = match planned {
            Ok(plan) => plan,
            Err(refusals) => {
                refusals.into_iter().for_each(|refusal| self.refusal(step, config, refusal));
                return false;
            }
        };
        let port =
            |port: &PluginPort| Port { name: port.name.clone(), schema: port.schema.clone() };
        let mut ports: Vec<Port> = plan.ports.iter().map(port).collect();
        ports.push(Port { name: ERRORS.to_owned(), schema: dead_letter::SCHEMA.clone() });
        let node = self.nodes.len();
        for (at, port) in ports.iter().enumerate() {
            let inputs = vec![Input { node, port: at }];
            self.endpoint(&step.name, &port.name, inputs, port.schema.clone());
        }
        let kind = NodeKind::Plugin(Box::new(plan));
        self.node(Node { name: step.name.clone(), kind, inputs, ports });
        true
    }

    fn refusal(&mut self, step: &Named<StepConfig>, config: &PluginConfig, refusal: PluginRefusal) {
        let plugin = &*config.plugin;
        match refusal {
            PluginRefusal::Component { message, help } => {
                self.error(config.plugin.place(), message, help);
            }
            PluginRefusal::Config { path, message } => {
                let place = config.config.place(&path);
                let place = place.unwrap_or_else(|| step.place.clone());
                let shown = if path.is_empty() { String::new() } else { format!(" at `{path}`") };
                let message = format!("plugin `{plugin}` refuses its config{shown}: {message}");
                let help = format!("mend [step.{}.config]", step.name);
                self.error(place, message, help);
            }
            PluginRefusal::Plugin { message } => {
                let message =
                    format!("plugin `{plugin}` can't run as step `{}`: {message}", step.name);
                let help = "give it the input that it wants (SQL can rename and cast columns), or \
                            mend the plugin";
                self.error(config.plugin.place(), message, help);
            }
        }
    }

    fn sinks(&mut self) {
        for entry in &self.config.sinks {
            let Some((inputs, schema)) = self.read_all(&entry.name, entry.config.from()) else {
                continue;
            };
            match sinks::sink(entry, &schema, &self.config.directory) {
                Ok(plan) => {
                    let kind = NodeKind::Sink(plan);
                    // A sink may share a step's name; the node's name must be its own.
                    let name = format!("sink.{}", entry.name);
                    self.node(Node { name, kind, inputs, ports: Vec::new() });
                }
                Err(wrong) => self.found.found.extend(wrong),
            }
        }
    }

    /// Errors that nobody reads become dead letters; any other port must be read.
    fn leftovers(&mut self) {
        let unread: Vec<(String, String, Endpoint)> = self
            .names
            .unread()
            .map(|(step, port, endpoint)| (step.to_owned(), port.to_owned(), endpoint.clone()))
            .collect();
        let mut letters = Vec::new();
        let has_sinks = !self.config.sinks.is_empty();
        for (step, port, endpoint) in unread {
            if port == ERRORS {
                letters.extend(endpoint.inputs);
            } else if has_sinks && self.broken.is_empty() {
                let place = self.place_of(&step);
                let reference = if port == MAIN { step.clone() } else { format!("{step}.{port}") };
                let message = format!("nobody reads `{reference}`: its rows would vanish");
                let help = format!(
                    "read it in a step or a sink; to drop its rows on purpose, add [sink.NAME] with \
                     type = \"null\" and from = \"{reference}\""
                );
                self.error(place, message, help);
            }
        }
        if letters.is_empty() {
            return;
        }
        let directory = CheckpointPlan {
            directory: checkpoint_directory(self.config),
            interval: std::time::Duration::ZERO,
        };
        let plan = FileSinkPlan {
            directory: directory.dead_letters(),
            format: Format::Ndjson,
            size_max: ROLL_SIZE,
            every: None,
            partition_by: Vec::new(),
            dead_letters: true,
        };
        let kind = NodeKind::Sink(SinkPlan::File(plan));
        let name = format!("sink.{DEAD_LETTERS}");
        self.node(Node { name, kind, inputs: letters, ports: Vec::new() });
    }

    /// Reads all of `from` as one stream of one schema.
    fn read_all(
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
        let ports = ports_with_errors(schema.clone());
        let node = self.node(Node { name: step, kind, inputs: endpoint.inputs, ports });
        Input { node, port: 0 }
    }

    fn node(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn endpoint(
        &mut self,
        step: &str,
        port: &str,
        inputs: Vec<Input>,
        schema: arrow::datatypes::SchemaRef,
    ) {
        self.names.add(step, port, Endpoint { inputs, schema });
    }

    fn place_of(&self, name: &str) -> Option<crate::diagnostic::Place> {
        let steps = self.config.steps.iter().map(|s| (&s.name, &s.place));
        let sources = self.config.sources.iter().map(|s| (&s.name, &s.place));
        steps.chain(sources).find(|(n, _)| *n == name).map(|(_, place)| place.clone())
    }

    fn error(
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

fn ports_with_errors(schema: arrow::datatypes::SchemaRef) -> Vec<Port> {
    vec![
        Port { name: MAIN.to_owned(), schema },
        Port { name: ERRORS.to_owned(), schema: Arc::clone(&dead_letter::SCHEMA) },
    ]
}

/// How a source's records are decoded; `None` if it gives columns or leaves them raw.
fn decode_of(source: &SourceConfig) -> Option<(Format, CsvConfig)> {
    let (format, csv) = match source {
        SourceConfig::File(config) => (config.format, &config.csv),
        SourceConfig::Stdin(config) => (config.format, &config.csv),
        SourceConfig::Socket(config) => (config.format, &config.csv),
        SourceConfig::Generator(_) => return None,
    };
    match format {
        Format::Ndjson | Format::Csv => Some((format, csv.clone())),
        Format::Raw | Format::Parquet => None,
    }
}

/// A table's format: as given, or by the file's extension.
pub fn table_format(path: &str, given: Option<Format>) -> Format {
    given.unwrap_or(match path.rsplit('.').next() {
        Some("csv") => Format::Csv,
        Some("parquet") => Format::Parquet,
        _ => Format::Ndjson,
    })
}
