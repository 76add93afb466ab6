//! Values of the pipeline file that need more than serde's own types.

use std::ops::{Deref, Range};
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diagnostic::Place;

/// A text with its place.
#[derive(Debug, Clone)]
pub struct Text(Spanned<String>);

impl Text {
    pub fn place(&self) -> Place {
        self.0.span()
    }

    pub fn new(text: impl Into<String>) -> Self {
        Self(Spanned::new(0..0, text.into()))
    }

    /// Puts another text into the same place.
    pub fn replace(&mut self, text: &str) {
        *self.0.as_mut() = text.to_owned();
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.0.as_ref()
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::deserialize(deserializer).map(Self)
    }
}

impl JsonSchema for Text {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        String::schema_name()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }
}

/// A value with its place.
#[derive(Debug, Clone)]
pub struct Placed<T>(Spanned<T>);

impl<T> Placed<T> {
    pub fn place(&self) -> Place {
        self.0.span()
    }
}

impl<T> Deref for Placed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref()
    }
}

impl<T: Default> Default for Placed<T> {
    fn default() -> Self {
        Self(Spanned::new(0..0, T::default()))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Placed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::deserialize(deserializer).map(Self)
    }
}

impl<T: JsonSchema> JsonSchema for Placed<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// `"a"` or `["a", "b"]`.
#[derive(Debug, Clone)]
pub struct OneOrMany(Vec<Text>);

impl Deref for OneOrMany {
    type Target = [Text];

    fn deref(&self) -> &[Text] {
        &self.0
    }
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A serde `untagged` enum would lose the places, so the value is looked at by hand.
        struct Visitor(Range<usize>);

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a string or a list of strings")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany(vec![Text(Spanned::new(self.0, text.to_owned()))]))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<OneOrMany, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                if items.is_empty() {
                    return Err(de::Error::custom("the list is empty; name at least one"));
                }
                Ok(OneOrMany(items))
            }
        }

        struct Inner(OneOrMany);

        impl<'de> Deserialize<'de> for Inner {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(Visitor(0..0)).map(Self)
            }
        }

        let spanned = Spanned::<Inner>::deserialize(deserializer)?;
        let place = spanned.span();
        let mut items = spanned.into_inner().0;
        if let [only] = items.0.as_mut_slice()
            && only.place().is_empty()
        {
            only.0 = Spanned::new(place, only.0.get_ref().clone());
        }
        Ok(items)
    }
}

impl JsonSchema for OneOrMany {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "OneOrMany".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "oneOf": [
            { "type": "string" },
            { "type": "array", "items": { "type": "string" }, "minItems": 1 },
        ]})
    }
}

/// A whole number from 1 to `MAX`, for serde's `deserialize_with`: so a number out of bounds is a
/// mistake with a place.
pub fn up_to<'de, const MAX: usize, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<usize, D::Error> {
    match usize::deserialize(deserializer)? {
        number if (1..=MAX).contains(&number) => Ok(number),
        number => Err(de::Error::custom(format!("{number} is out of bounds: 1 to {MAX}"))),
    }
}

/// As [`up_to`], for a key that may be missing.
pub fn some_up_to<'de, const MAX: usize, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<usize>, D::Error> {
    up_to::<MAX, D>(deserializer).map(Some)
}

/// As [`some_up_to`], with its place.
pub fn some_placed_up_to<'de, const MAX: usize, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Placed<usize>>, D::Error> {
    match Placed::<usize>::deserialize(deserializer)? {
        number if (1..=MAX).contains(&*number) => Ok(Some(number)),
        number => Err(de::Error::custom(format!("{} is out of bounds: 1 to {MAX}", *number))),
    }
}

/// A length of time that is not zero, for serde's `deserialize_with`.
pub fn above_zero<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timespan, D::Error> {
    match Timespan::deserialize(deserializer)? {
        Timespan(Duration::ZERO) => Err(de::Error::custom("the time must be above 0")),
        above => Ok(above),
    }
}

/// As [`above_zero`], for a key that may be missing.
pub fn some_above_zero<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timespan>, D::Error> {
    above_zero(deserializer).map(Some)
}

/// As [`some_above_zero`], with its place.
pub fn some_placed_above_zero<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Placed<Timespan>>, D::Error> {
    match Placed::<Timespan>::deserialize(deserializer)? {
        zero if zero.0.get_ref().0.is_zero() => Err(de::Error::custom("the time must be above 0")),
        above => Ok(Some(above)),
    }
}

/// A length of time: `"500ms"`, `"2s"`, `"5m"`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timespan(pub Duration);

impl<'de> Deserialize<'de> for Timespan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        humantime::parse_duration(&text).map(Self).map_err(|_| {
            de::Error::custom(format!("`{text}` is no length of time; write `500ms`, `2s`, `5m`"))
        })
    }
}

impl JsonSchema for Timespan {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timespan".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "examples": ["500ms", "2s", "5m"] })
    }
}

/// A number of bytes: `"64MiB"`, `"128MB"`, or a plain number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteSize(pub u64);

impl ByteSize {
    pub fn mib(n: u64) -> Self {
        Self(n << 20)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let size = bytesize::ByteSize::deserialize(deserializer)?;
        if size.0 == 0 {
            return Err(de::Error::custom("a size of 0 leaves no room; write `64MiB`, say"));
        }
        Ok(Self(size.0))
    }
}

impl JsonSchema for ByteSize {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ByteSize".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "integer"], "examples": ["64MiB", "128MB"] })
    }
}

/// A table that is handed on as JSON, with the place of every key and item in it.
#[derive(Debug, Clone, Default)]
pub struct OpaqueTable {
    pub json: serde_json::Map<String, serde_json::Value>,
    /// Paths such as `rules[2].when`, with their places.
    pub places: Vec<(String, Place)>,
}

impl OpaqueTable {
    /// The place of `path`, or of the nearest part of it that exists.
    pub fn place(&self, path: &str) -> Option<Place> {
        let mut path = path;
        loop {
            if let Some((_, place)) = self.places.iter().find(|(p, _)| p == path) {
                return Some(place.clone());
            }
            path = &path[..path.rfind(['.', '['])?];
        }
    }

    /// From a parsed table.
    ///
    /// # Errors
    /// If a number has no counterpart in JSON: infinity, NaN, more than 64 bits.
    pub fn from_toml(table: &DeTable) -> Result<Self, (Place, String)> {
        let mut places = Vec::new();
        let json = object(table, "", &mut places)?;
        Ok(Self { json, places })
    }
}

impl<'de> Deserialize<'de> for OpaqueTable {
    /// Places come by [`OpaqueTable::from_toml`]; serde alone can't tell them.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = serde_json::Map::deserialize(deserializer)?;
        Ok(Self { json, places: Vec::new() })
    }
}

type Places = Vec<(String, Place)>;

fn object(
    table: &DeTable,
    path: &str,
    places: &mut Places,
) -> Result<serde_json::Map<String, serde_json::Value>, (Place, String)> {
    let mut json = serde_json::Map::new();
    for (key, value) in table {
        let name = key.get_ref().to_string();
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        places.push((path.clone(), value.span()));
        json.insert(name, to_json(value, &path, places)?);
    }
    Ok(json)
}

fn to_json(
    value: &Spanned<DeValue>,
    path: &str,
    places: &mut Places,
) -> Result<serde_json::Value, (Place, String)> {
    let wrong = |what: &str| (value.span(), format!("{what} can't be handed to a plugin"));
    Ok(match value.get_ref() {
        DeValue::String(text) => text.to_string().into(),
        DeValue::Boolean(b) => (*b).into(),
        DeValue::Integer(n) => i64::from_str_radix(n.as_str(), n.radix())
            .map_err(|_| wrong("a number of more than 64 bits"))?
            .into(),
        DeValue::Float(n) => n
            .as_str()
            .parse::<f64>()
            .ok()
            .and_then(serde_json::Number::from_f64)
            .ok_or_else(|| wrong("a number that is not finite"))?
            .into(),
        DeValue::Datetime(time) => time.to_string().into(),
        DeValue::Array(items) => {
            let mut array = Vec::new();
            for (i, item) in items.iter().enumerate() {
                let path = format!("{path}[{i}]");
                places.push((path.clone(), item.span()));
                array.push(to_json(item, &path, places)?);
            }
            array.into()
        }
        DeValue::Table(table) => object(table, path, places)?.into(),
    })
}
