//! Whole numbers that are none: Arrow's JSON reader cuts `1.5` to `1` in an integer column, and so
//! would change a value in silence.

use arrow::datatypes::{DataType, Fields};
use memchr::memmem::Finder;
use serde_json::Value;

/// Finds records that hold a fraction where an integer belongs.
pub struct ExactIntegers {
    fields: Fields,
    /// `"name"` of every field that holds integers, at any depth.
    keys: Vec<Finder<'static>>,
}

impl ExactIntegers {
    pub fn new(fields: &Fields) -> Self {
        let mut names = Vec::new();
        fields.iter().for_each(|field| collect(field.name(), field.data_type(), &mut names));
        let key = |name: String| Finder::new(format!("\"{name}\"").as_bytes()).into_owned();
        Self { fields: fields.clone(), keys: names.into_iter().map(key).collect() }
    }

    /// Whether any of the records in `bytes` may hold a fraction where an integer belongs.
    pub fn is_suspect(&self, bytes: &[u8]) -> bool {
        self.keys.iter().any(|key| is_suspect(key, bytes))
    }

    /// The name of the first field that holds a fraction where an integer belongs.
    pub fn fraction(&self, record: &[u8]) -> Option<String> {
        // Looking at the bytes is quick and may suspect too much; parsing is sure.
        if !self.is_suspect(record) {
            return None;
        }
        match serde_json::from_slice(record) {
            Ok(Value::Object(row)) => self.fields.iter().find_map(|field| {
                fraction_in(field.name(), field.data_type(), row.get(field.name())?)
            }),
            _ => None,
        }
    }
}

fn collect(name: &str, data_type: &DataType, names: &mut Vec<String>) {
    match data_type {
        DataType::List(item) => collect(name, item.data_type(), names),
        DataType::Map(entries, _) => collect(name, entries.data_type(), names),
        DataType::Struct(fields) => {
            fields.iter().for_each(|field| collect(field.name(), field.data_type(), names));
            // The values of a map stand under names of their own.
            if fields.iter().any(|field| field.data_type().is_integer()) {
                names.push(name.to_owned());
            }
        }
        other if other.is_integer() => names.push(name.to_owned()),
        _ => {}
    }
}

fn is_suspect(key: &Finder, record: &[u8]) -> bool {
    key.find_iter(record).any(|at| {
        let rest = record[at + key.needle().len()..].trim_ascii_start();
        let Some(value) = rest.strip_prefix(b":") else { return false };
        let value = value.trim_ascii_start();
        match value.first() {
            Some(b'[' | b'{') => value.iter().any(|byte| b".eE".contains(byte)),
            _ => {
                let digits = value.iter().position(|byte| !b"-0123456789".contains(byte));
                digits.is_some_and(|end| b".eE".contains(&value[end]))
            }
        }
    })
}

fn fraction_in(name: &str, data_type: &DataType, value: &Value) -> Option<String> {
    match (data_type, value) {
        (DataType::List(item), Value::Array(items)) => {
            items.iter().find_map(|value| fraction_in(name, item.data_type(), value))
        }
        (DataType::Struct(fields), Value::Object(row)) => fields
            .iter()
            .find_map(|field| fraction_in(field.name(), field.data_type(), row.get(field.name())?)),
        (DataType::Map(entries, _), Value::Object(row)) => match entries.data_type() {
            DataType::Struct(pair) if pair.len() == 2 => {
                row.values().find_map(|value| fraction_in(name, pair[1].data_type(), value))
            }
            _ => None,
        },
        (integer, Value::Number(number)) if integer.is_integer() && number.is_f64() => {
            Some(name.to_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::column_type;
    use arrow::datatypes::Field;

    /// A value that changes in silence is worse than one that is refused.
    #[test]
    fn fractions_are_found_where_integers_belong_and_nowhere_else() {
        let field = |(name, text): (&str, &str)| {
            Field::new(name, column_type(text).unwrap().data_type, true)
        };
        let fields: Fields = [
            ("a", "int64"),
            ("f", "float64"),
            ("l", "list<int32>"),
            ("o", "struct<n: uint8, t: string>"),
            ("m", "map<string, int64>"),
        ]
        .map(field)
        .into_iter()
        .collect();
        let exact = ExactIntegers::new(&fields);
        for (record, found) in [
            (r#"{"a":1,"f":1.5,"l":[1,2],"o":{"n":3,"t":"1.5"},"m":{"k":4}}"#, None),
            (r#"{"a": 1.5}"#, Some("a")),
            (r#"{"a":1e2}"#, Some("a")),
            (r#"{"l":[1,2.5]}"#, Some("l")),
            (r#"{"o":{"n":0.5}}"#, Some("n")),
            (r#"{"m":{"k":4.25}}"#, Some("m")),
            (r#"{"f":1.5,"t":"\"a\":1.5","x":{"a":1.5}}"#, None),
            (r#"{"a":null,"l":null}"#, None),
        ] {
            assert_eq!(exact.fraction(record.as_bytes()).as_deref(), found, "{record}");
        }
    }
}
