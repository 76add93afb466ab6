//! The step's configuration, and the types that a schema may name.

use std::fmt;

use millrace_plugin::prelude::*;
use serde::de::{Deserializer, MapAccess, Visitor};

/// Known types, as an error shows them.
const TYPES: &str = "string, bool, int32, int64, float64, decimal(p,s), date, timestamp, \
    timestamp[s], timestamp[ms], timestamp[us] and json, each with `?` where it may be missing";

/// `[step.X.config]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The column that holds the JSON text.
    #[serde(default = "default_column")]
    pub column: String,
    /// The columns to make, in this order.
    pub schema: SchemaText,
    /// Whether the raw column goes on.
    #[serde(default)]
    pub keep_raw: bool,
    /// What to do with a field that the schema does not have.
    #[serde(default)]
    pub unknown_fields: UnknownFields,
}

fn default_column() -> String {
    "value".to_owned()
}

/// What to do with a field that the schema does not have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownFields {
    /// Skip it.
    #[default]
    Ignore,
    /// Refuse the row.
    Reject,
}

/// The table `schema` as it was written: names and types in order.
#[derive(Debug)]
pub struct SchemaText(Vec<(String, String)>);

impl SchemaText {
    /// The declared columns; what can't be understood goes to `errors`.
    pub fn resolve(&self, errors: &mut ConfigErrors) -> Vec<Declared> {
        if self.0.is_empty() {
            errors.push("schema", "no column is declared; give at least one, as `name = \"type\"`");
        }
        let mut declared = Vec::with_capacity(self.0.len());
        for (name, text) in &self.0 {
            let (kind, nullable) = match text.strip_suffix('?') {
                Some(kind) => (kind, true),
                None => (text.as_str(), false),
            };
            match Kind::parse(kind) {
                Ok(kind) => declared.push(Declared { name: name.clone(), kind, nullable }),
                Err(message) => errors.push(format!("schema.{name}"), message),
            }
        }
        declared
    }
}

/// A map would lose the order of the columns.
impl<'de> Deserialize<'de> for SchemaText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;

        impl<'de> Visitor<'de> for Pairs {
            type Value = SchemaText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of column names and types as `schema`")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<SchemaText, M::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(SchemaText(pairs))
            }
        }

        deserializer.deserialize_map(Pairs)
    }
}

/// One column to make.
#[derive(Debug, Clone)]
pub struct Declared {
    pub name: String,
    pub kind: Kind,
    pub nullable: bool,
}

impl Declared {
    /// The column as the host sees it.
    pub fn field(&self) -> Field {
        Field::new(&self.name, self.kind.data_type(), self.nullable)
    }
}

/// What a column holds, and how JSON writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Bool,
    Int32,
    Int64,
    Float64,
    Decimal {
        precision: u8,
        scale: u8,
    },
    Date,
    /// RFC 3339 text.
    Timestamp,
    /// A number since 1970-01-01T00:00:00Z, each worth this many microseconds.
    Epoch {
        unit_us: i64,
    },
    Json,
}

impl Kind {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(match text {
            "string" => Self::Text,
            "bool" => Self::Bool,
            "int32" => Self::Int32,
            "int64" => Self::Int64,
            "float64" => Self::Float64,
            "date" => Self::Date,
            "timestamp" => Self::Timestamp,
            "timestamp[s]" => Self::Epoch { unit_us: 1_000_000 },
            "timestamp[ms]" => Self::Epoch { unit_us: 1_000 },
            "timestamp[us]" => Self::Epoch { unit_us: 1 },
            "json" => Self::Json,
            other => match other.strip_prefix("decimal(").and_then(|t| t.strip_suffix(')')) {
                Some(size) => return Self::decimal(size),
                None => return Err(format!("`{other}` is no type; the types are {TYPES}")),
            },
        })
    }

    fn decimal(size: &str) -> Result<Self, String> {
        let numbers = size.split_once(',').and_then(|(precision, scale)| {
            Some((precision.trim().parse().ok()?, scale.trim().parse().ok()?))
        });
        match numbers {
            Some((precision @ 1..=38, scale)) if scale <= precision => {
                Ok(Self::Decimal { precision, scale })
            }
            _ => Err(format!(
                "`decimal({size})` is no type; write decimal(p,s) with 1 to 38 digits, s of them \
                 after the point"
            )),
        }
    }

    fn data_type(self) -> DataType {
        match self {
            Self::Text | Self::Json => DataType::Utf8,
            Self::Bool => DataType::Boolean,
            Self::Int32 => DataType::Int32,
            Self::Int64 => DataType::Int64,
            Self::Float64 => DataType::Float64,
            Self::Decimal { precision, scale } => DataType::Decimal128(precision, scale as i8),
            Self::Date => DataType::Date32,
            Self::Timestamp | Self::Epoch { .. } => {
                DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
            }
        }
    }
}
