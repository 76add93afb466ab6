//! What a store knows of a component beside its bytes.

use arrow::datatypes::Fields;
use serde::{Deserialize, Serialize};

use super::reference::{is_component_name, version};
use super::sign::{Signature, Signed};
use crate::config::{ByteSize, LimitsConfig, type_name};
use crate::plan::Grants;
use crate::plugin::bindings::millrace::plugin::types as wit;
use crate::plugin::catalog::ports;
use crate::plugin::contract::World;
use crate::plugin::host::cut;
use crate::plugin::loaded::{Loaded, StartFailure};
use crate::plugin::sandbox::Sandbox;

/// The form of the file.
pub const FORMAT: u32 = 1;
/// Plugins are asked what they do with no configuration at all.
const NO_CONFIG: &str = "{}";
/// What a plugin says of itself may not be longer: a store is read by people.
const OUTPUT_MIB_MAX: u64 = 1;

/// The content of `metadata/DIGEST.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub format: u32,
    /// Name, version and summary are the component's own words.
    pub name: String,
    pub version: String,
    pub summary: String,
    /// SHA-256 in hexadecimal.
    pub digest: String,
    /// Bytes of the component.
    pub size: u64,
    /// When it was first pushed here, as RFC 3339.
    pub pushed_at: String,
    pub imports: Vec<String>,
    pub worlds: Vec<WorldEntry>,
    pub signatures: Vec<Signature>,
}

/// What can be said of a component in one of its worlds without an input or configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorldEntry {
    pub world: String,
    #[serde(flatten)]
    pub declared: Declared,
}

/// What a plugin declares when it is started with an empty configuration and input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Declared {
    /// Nothing: it does not start so.
    Unknown {
        unknown: String,
    },
    Keyed {
        state_version: u32,
        reads_versions: Vec<u32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        state_ttl_us: Option<u64>,
        reads: Vec<String>,
        ports: Vec<PortEntry>,
    },
    Transform {
        reads: Vec<String>,
        ports: Vec<PortEntry>,
    },
    Aggregate {
        state_version: u32,
        result: String,
    },
    Scalar {
        result: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortEntry {
    pub name: String,
    pub adds: Vec<ColumnEntry>,
    pub drops: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnEntry {
    pub name: String,
    /// As a pipeline file writes it.
    #[serde(rename = "type")]
    pub data_type: String,
    pub nullable: bool,
}

impl Entry {
    /// What `component`, a plugin, says of itself.
    ///
    /// # Errors
    /// Why it can't be in a store, as a part of a sentence about it.
    pub fn of(component: &Loaded, pushed_at: String) -> Result<Self, String> {
        let wanted = &component.wanted;
        if let Some((message, help)) = wanted.refusal("it", None, Grants::EVERYTHING) {
            return Err(format!("{message}; {help}"));
        }
        let about = component.about().map_err(|failure| failure.message)?;
        if !is_component_name(&about.name) {
            return Err(format!(
                "it calls itself `{}`, and the name of a component in a store is a lower-case \
                 letter, then up to 63 lower-case letters, digits, underscores and hyphens",
                about.name.escape_debug()
            ));
        }
        version(&about.version).map_err(|why| format!("its version can't be compared: {why}"))?;
        Ok(Self {
            format: FORMAT,
            name: about.name,
            version: about.version,
            summary: cut(&about.summary).to_owned(),
            digest: component.digest.clone(),
            size: component.component.len() as u64,
            pushed_at,
            imports: wanted.imports.clone(),
            worlds: wanted.worlds.iter().map(|world| describe(component, *world)).collect(),
            signatures: Vec::new(),
        })
    }

    /// What its signatures are for.
    pub fn signed(&self) -> Signed {
        let signatures = self.signatures.clone();
        Signed { signatures, ..Signed::new(&self.name, &self.version, &self.digest) }
    }
}

fn describe(component: &Loaded, world: World) -> WorldEntry {
    let declared = declared(component, world).unwrap_or_else(|failure| {
        let unknown = match failure {
            StartFailure::Call(failure) => failure.message,
            StartFailure::Config(errors) => {
                let texts = errors.into_iter().map(|e| match e.path.is_empty() {
                    true => e.message,
                    false => format!("{}: {}", e.path, e.message),
                });
                texts.collect::<Vec<_>>().join("; ")
            }
        };
        Declared::Unknown { unknown: cut(&unknown).to_owned() }
    });
    WorldEntry { world: world.name().to_owned(), declared }
}

fn declared(component: &Loaded, world: World) -> Result<Declared, StartFailure> {
    let limits = LimitsConfig { output: ByteSize::mib(OUTPUT_MIB_MAX), ..LimitsConfig::default() };
    let sandbox = Sandbox::trial("store", &limits);
    let input = Fields::empty();
    Ok(match world {
        World::Transform => {
            let (_, said) = component.start(&sandbox, NO_CONFIG, &input)?;
            Declared::Transform { reads: said.reads, ports: port_entries(said.ports)? }
        }
        World::Keyed => {
            let (_, said) = component.start_keyed(&sandbox, NO_CONFIG, (&input, &[]))?;
            Declared::Keyed {
                state_version: said.state_version,
                reads_versions: said.reads_versions,
                state_ttl_us: said.state_ttl,
                reads: said.reads,
                ports: port_entries(said.ports)?,
            }
        }
        World::Aggregate => {
            let (_, result, state_version) =
                component.start_aggregate(&sandbox, NO_CONFIG, &input)?;
            Declared::Aggregate { state_version, result: type_name(result[0].data_type()) }
        }
        World::Scalar => {
            let (_, result) = component.start_scalar(&sandbox, NO_CONFIG, &input)?;
            Declared::Scalar { result: type_name(result[0].data_type()) }
        }
    })
}

fn port_entries(said: Vec<wit::Port>) -> Result<Vec<PortEntry>, StartFailure> {
    let lie = |what: String| StartFailure::Call(crate::plugin::CallFailure::lie(what));
    let ports = ports(said).map_err(lie)?;
    let column = |field: &std::sync::Arc<arrow::datatypes::Field>| ColumnEntry {
        name: field.name().clone(),
        data_type: type_name(field.data_type()),
        nullable: field.is_nullable(),
    };
    let port = |port: crate::plan::DescribedPort| PortEntry {
        name: port.name,
        adds: port.adds.iter().map(column).collect(),
        drops: port.drops,
    };
    Ok(ports.into_iter().map(port).collect())
}
