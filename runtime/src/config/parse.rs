//! Text to [`Config`], with every mistake of form.

use std::path::Path;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{
    Config, FunctionConfig, Named, OpaqueTable, Settings, SinkConfig, SourceConfig, StepConfig,
    TableConfig,
};
use crate::diagnostic::{Diagnostic, Diagnostics, Place, suggest};

/// Mistakes in one entry beyond this many are not looked for.
const MISTAKES_PER_ENTRY_MAX: usize = 20;
/// The keys of the file that are not settings.
const SECTIONS: [&str; 5] = ["source", "table", "function", "step", "sink"];

/// Parses the pipeline file at `path`. Names and types are checked later, by the plan.
///
/// # Errors
/// All mistakes of form.
pub fn parse(path: &Path, text: &str) -> Result<Config, Diagnostics> {
    let mut parser = Parser { found: Diagnostics::new(path, text) };
    let config = match DeTable::parse(text) {
        Ok(table) => parser.file(path, table.into_inner()),
        Err(e) => {
            parser.found.push(Diagnostic::error(e.span(), e.message()));
            None
        }
    };
    match config {
        Some(config) if !parser.found.has_errors() => Ok(config),
        _ => Err(parser.found),
    }
}

struct Parser {
    found: Diagnostics,
}

/// One `[kind.NAME]` before it is typed.
struct Entry<'i> {
    name: String,
    header: Place,
    table: DeTable<'i>,
}

impl Parser {
    fn file(&mut self, path: &Path, mut table: DeTable) -> Option<Config> {
        let sources = self.section(&mut table, "source");
        let tables = self.section(&mut table, "table");
        let functions = self.section(&mut table, "function");
        let steps = self.section(&mut table, "step");
        let sinks = self.section(&mut table, "sink");
        let settings = self.typed_beside::<Settings>(table, 0..0, &SECTIONS);
        let directory = path.parent().unwrap_or(Path::new("")).to_owned();
        let sources = self.each(sources, Self::source);
        let tables = self
            .each(tables, |parser, entry| parser.typed::<TableConfig>(entry.table, entry.header));
        let functions = self.each(functions, Self::function);
        let steps = self.each(steps, Self::step);
        let sinks = self.each(sinks, Self::sink);
        Some(Config { directory, settings: settings?, sources, tables, functions, steps, sinks })
    }

    fn section<'i>(&mut self, file: &mut DeTable<'i>, kind: &str) -> Vec<Entry<'i>> {
        let Some(value) = file.remove(kind) else { return Vec::new() };
        let place = value.span();
        let DeValue::Table(table) = value.into_inner() else {
            let message = format!("`{kind}` must be a table");
            let help = format!("write [{kind}.NAME] for each {kind}");
            self.found.push(Diagnostic::error(place, message).help(help));
            return Vec::new();
        };
        let mut entries = Vec::new();
        for (key, value) in table {
            let header = key.span();
            let name = key.into_inner().into_owned();
            match value.into_inner() {
                DeValue::Table(table) => entries.push(Entry { name, header, table }),
                _ => {
                    let message = format!("`{kind}.{name}` must be a table");
                    let help = format!("each {kind} has a name: [{kind}.NAME]");
                    self.found.push(Diagnostic::error(header, message).help(help));
                }
            }
        }
        entries
    }

    fn each<'i, T>(
        &mut self,
        entries: Vec<Entry<'i>>,
        typed: impl Fn(&mut Self, Entry<'i>) -> Option<T>,
    ) -> Vec<Named<T>> {
        let mut all = Vec::new();
        for entry in entries {
            let (name, place) = (entry.name.clone(), entry.header.clone());
            if let Some(config) = typed(self, entry) {
                all.push(Named { name, place, config });
            }
        }
        all
    }

    fn source(&mut self, mut entry: Entry) -> Option<SourceConfig> {
        let kinds = ["file", "kafka", "generator", "stdin", "socket"];
        let (kind, table, at) = (self.kind(&mut entry, &kinds)?, entry.table, entry.header);
        Some(match kind.as_str() {
            "file" => SourceConfig::File(self.typed(table, at)?),
            "kafka" => SourceConfig::Kafka(Box::new(self.typed(table, at)?)),
            "generator" => SourceConfig::Generator(self.typed(table, at)?),
            "stdin" => SourceConfig::Stdin(self.typed(table, at)?),
            _ => SourceConfig::Socket(self.typed(table, at)?),
        })
    }

    fn sink(&mut self, mut entry: Entry) -> Option<SinkConfig> {
        let kinds = ["file", "kafka", "console", "null"];
        let (kind, table, at) = (self.kind(&mut entry, &kinds)?, entry.table, entry.header);
        Some(match kind.as_str() {
            "file" => SinkConfig::File(self.typed(table, at)?),
            "kafka" => SinkConfig::Kafka(Box::new(self.typed(table, at)?)),
            "console" => SinkConfig::Console(self.typed(table, at)?),
            _ => SinkConfig::Null(self.typed(table, at)?),
        })
    }

    fn step(&mut self, mut entry: Entry) -> Option<StepConfig> {
        if !entry.table.contains_key("plugin")
            && let Some((key, _)) = entry.table.get_key_value("retry")
        {
            let message = format!("step `{}` has `retry` and no plugin", entry.name);
            let help = "remove it: SQL and deduplication fail for nothing outside of a row";
            self.found.push(Diagnostic::error(key.span(), message).help(help));
            entry.table.remove("retry");
        }
        if entry.table.contains_key("sql") {
            if let Some((key, _)) = entry.table.get_key_value("from") {
                let message = format!("step `{}` has `sql` and `from`", entry.name);
                let help = "remove `from`: the SQL names its inputs in its own FROM";
                self.found.push(Diagnostic::error(key.span(), message).help(help));
                entry.table.remove("from");
            }
            let sql = self.typed(entry.table, entry.header)?;
            return Some(StepConfig::Sql(Box::new(sql)));
        }
        if entry.table.contains_key("deduplicate") {
            let deduplicate = self.typed(entry.table, entry.header)?;
            return Some(StepConfig::Deduplicate(Box::new(deduplicate)));
        }
        if !entry.table.contains_key("plugin") {
            let message = format!("step `{}` has neither `sql` nor `plugin`", entry.name);
            let help = "a step is SQL, a plugin or a deduplication: add `sql = \"SELECT ...\"`, \
                        `plugin = \"NAME\"` or `deduplicate = [\"COLUMN\"]`";
            self.found.push(Diagnostic::error(entry.header, message).help(help));
            return None;
        }
        let opaque = self.opaque(&entry.table)?;
        let mut plugin: super::PluginConfig = self.typed(entry.table, entry.header)?;
        plugin.config = opaque;
        Some(StepConfig::Plugin(Box::new(plugin)))
    }

    fn function(&mut self, entry: Entry) -> Option<FunctionConfig> {
        let opaque = self.opaque(&entry.table)?;
        let mut function: FunctionConfig = self.typed(entry.table, entry.header)?;
        function.config = opaque;
        Some(function)
    }

    /// The table `config` of a plugin, with its places. `None` if it holds what no plugin can get.
    fn opaque(&mut self, table: &DeTable) -> Option<OpaqueTable> {
        let Some(DeValue::Table(table)) = table.get("config").map(Spanned::get_ref) else {
            // Anything else is refused later, by its type.
            return Some(OpaqueTable::default());
        };
        match OpaqueTable::from_toml(table) {
            Ok(opaque) => Some(opaque),
            Err((place, message)) => {
                self.found.push(Diagnostic::error(place, message));
                None
            }
        }
    }

    /// Takes `type` out of the entry.
    fn kind(&mut self, entry: &mut Entry, known: &[&str]) -> Option<String> {
        let list = known.join("`, `");
        let Some(value) = entry.table.remove("type") else {
            let message = format!("`{}` has no `type`", entry.name);
            let help = format!("add one of: type = `{list}`");
            self.found.push(Diagnostic::error(entry.header.clone(), message).help(help));
            return None;
        };
        match value.get_ref().as_str() {
            Some(kind) if known.contains(&kind) => Some(kind.to_owned()),
            written => {
                let written = written.unwrap_or("(not a text)");
                let message = format!("unknown type `{written}`");
                let near = suggest(written, known.iter().copied());
                let help = near.unwrap_or_else(|| format!("known types: `{list}`"));
                self.found.push(Diagnostic::error(value.span(), message).help(help));
                None
            }
        }
    }

    fn typed<T: DeserializeOwned>(&mut self, table: DeTable, header: Place) -> Option<T> {
        self.typed_beside(table, header, &[])
    }

    /// The table as a `T`, beside whose keys it may have had `others`. An unknown key is noted and
    /// left out, so that the next mistake of the same table is found as well.
    fn typed_beside<T: DeserializeOwned>(
        &mut self,
        mut table: DeTable,
        header: Place,
        others: &[&str],
    ) -> Option<T> {
        for _ in 0..MISTAKES_PER_ENTRY_MAX {
            let value = Spanned::new(header.clone(), DeValue::Table(table.clone()));
            let error = match T::deserialize(toml::de::ValueDeserializer::from(value)) {
                Ok(typed) => return Some(typed),
                Err(error) => error,
            };
            let place = error.span().filter(|s| !s.is_empty()).or(Some(header.clone()));
            let (message, help) = reword(error.message(), others);
            let mut diagnostic = Diagnostic::error(place.clone(), message);
            diagnostic.help = help;
            self.found.push(diagnostic);
            let unknown = error.message().starts_with("unknown field");
            if !unknown || !remove_at(&mut table, &place.unwrap_or_default()) {
                return None;
            }
        }
        None
    }
}

/// Serde's message in our words, with a remedy where there is one. `others` are known as well.
fn reword(message: &str, others: &[&str]) -> (String, Option<String>) {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    if message.starts_with("unknown field") || message.starts_with("unknown variant") {
        let (written, known) = quoted.split_first().unwrap_or((&"", &[]));
        let known = &[known, others].concat()[..];
        let what = if message.starts_with("unknown field") { "key" } else { "value" };
        let help = suggest(written, known.iter().copied());
        let help = help.unwrap_or_else(|| match known {
            [] => "nothing is known here; remove it".to_owned(),
            _ => format!("known here: `{}`", known.join("`, `")),
        });
        return (format!("unknown {what} `{written}`"), Some(help));
    }
    if message.starts_with("missing field") {
        let key = quoted.first().unwrap_or(&"");
        return (format!("the key `{key}` is missing"), Some(format!("add `{key} = ...`")));
    }
    (message.trim_end().to_owned(), None)
}

/// Removes the key at `place`, at whatever depth. Whether there was one.
fn remove_at(table: &mut DeTable, place: &Place) -> bool {
    let key = table.iter().find_map(|(key, value)| {
        (key.span() == *place || value.span() == *place).then(|| key.get_ref().to_string())
    });
    if let Some(key) = key {
        return table.remove(key.as_str()).is_some();
    }
    let tables = table.iter_mut().map(|(_, value)| value.get_mut());
    tables
        .filter_map(|value| match value {
            DeValue::Table(inner) => Some(inner),
            _ => None,
        })
        .any(|inner| remove_at(inner, place))
}
