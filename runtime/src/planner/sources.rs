//! Sources and tables: what was found out about them becomes nodes.

use super::build::{Builder, ports_with_errors};
use super::names::{ERRORS, MAIN};
use crate::config::{CsvConfig, Format, KafkaFormat, Named, SourceConfig, Text};
use crate::dead_letter;
use crate::diagnostic::Diagnostic;
use crate::plan::{
    DecodePlan, Input, Node, NodeKind, ProbeKey, Probed, SourceNode, SourcePlan, TablePlan,
};

impl Builder<'_> {
    pub(super) fn tables(&mut self) {
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

    pub(super) fn probed(
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
                    ProbeKey::Property(key) => self.property_place(name, key),
                    ProbeKey::At(place) => Some(place.clone()),
                    ProbeKey::Entry => None,
                };
                self.error(at.unwrap_or(place.clone()), error.message, error.help);
                Some(Err(()))
            }
        }
    }

    pub(super) fn path_place(&self, name: &str) -> Option<crate::diagnostic::Place> {
        let table = self.config.tables.iter().find(|t| t.name == name);
        if let Some(table) = table {
            return Some(table.config.path.place());
        }
        match &self.config.sources.iter().find(|s| s.name == name)?.config {
            SourceConfig::File(config) => config.path.first().map(Text::place),
            _ => None,
        }
    }

    fn property_place(&self, name: &str, key: &str) -> Option<crate::diagnostic::Place> {
        match &self.config.sources.iter().find(|s| s.name == name)?.config {
            SourceConfig::Kafka(config) => Some(config.properties.get(key)?.place()),
            _ => None,
        }
    }

    pub(super) fn column_place(
        &self,
        name: &str,
        column: &str,
    ) -> Option<crate::diagnostic::Place> {
        let table = self.config.tables.iter().find(|t| t.name == name);
        let schema = match table {
            Some(table) => table.config.schema.as_ref(),
            None => match &self.config.sources.iter().find(|s| s.name == name)?.config {
                SourceConfig::File(c) => c.schema.as_ref(),
                SourceConfig::Stdin(c) => c.schema.as_ref(),
                SourceConfig::Socket(c) => c.schema.as_ref(),
                SourceConfig::Kafka(c) => c.schema.as_ref(),
                SourceConfig::Generator(_) => None,
            },
        };
        schema?.get(column).map(Text::place)
    }

    pub(super) fn source(&mut self, entry: &Named<SourceConfig>) {
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
        let given = if decode.is_some() { probed.records.clone() } else { probed.schema.clone() };
        let decoded = decode.is_some();
        let mut ports = ports_with_errors(probed.schema.clone());
        let event_time = self.event_time(&entry.name, entry.config.event_time(), &mut ports);
        let (own, declared) = match decoded {
            true => (ports_with_errors(given), None),
            false => (ports.clone(), event_time.clone()),
        };
        let source = self.node(Node {
            name: raw_name,
            kind: NodeKind::Source(SourceNode {
                name: entry.name.clone(),
                plan: SourcePlan::Config(entry.config.clone()),
                columns: probed.schema.clone(),
            }),
            inputs: Vec::new(),
            ports: own,
            event_time: declared,
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
                ports,
                event_time,
            });
            errors.push(Input { node: main, port: 1 });
        }
        self.endpoint(&entry.name, MAIN, vec![Input { node: main, port: 0 }], probed.schema);
        self.endpoint(&entry.name, ERRORS, errors, dead_letter::SCHEMA.clone());
    }
}

/// How a source's records are decoded; `None` if it gives columns or leaves them raw.
fn decode_of(source: &SourceConfig) -> Option<(Format, CsvConfig)> {
    let (format, csv) = match source {
        SourceConfig::File(config) => (config.format, &config.csv),
        SourceConfig::Stdin(config) => (config.format, &config.csv),
        SourceConfig::Socket(config) => (config.format, &config.csv),
        SourceConfig::Kafka(config) => {
            let json = config.format == KafkaFormat::Json;
            return json.then(|| (Format::Ndjson, CsvConfig::default()));
        }
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
