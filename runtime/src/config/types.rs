//! Names of column types, as the pipeline file writes them.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, TimeUnit};

/// A column's type, and the type in which it stands in the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnType {
    pub data_type: DataType,
    /// Differs from `data_type` for times that are written as numbers of another unit.
    pub read_as: DataType,
}

const KNOWN: &str = "bool, int8 to int64, uint8 to uint64, float32, float64, decimal(p,s), string, \
                     binary, date, timestamp, timestamp[s|ms|us], list<T>, struct<name: T, ...>, \
                     map<string, T>";

/// The type that `text` names.
///
/// # Errors
/// A sentence that lists what is known.
pub fn column_type(text: &str) -> Result<ColumnType, String> {
    let mut parser = Parser { rest: text.trim() };
    let read_as = parser.data_type().filter(|_| parser.rest.is_empty());
    let read_as = read_as.ok_or_else(|| format!("`{text}` is no column type; known: {KNOWN}"))?;
    Ok(ColumnType { data_type: in_microseconds(&read_as), read_as })
}

/// The name of a type that a column may have, as [`column_type`] reads it. A type that has no name
/// is written as Arrow does.
pub fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Boolean => "bool".to_owned(),
        DataType::Int8 => "int8".to_owned(),
        DataType::Int16 => "int16".to_owned(),
        DataType::Int32 => "int32".to_owned(),
        DataType::Int64 => "int64".to_owned(),
        DataType::UInt8 => "uint8".to_owned(),
        DataType::UInt16 => "uint16".to_owned(),
        DataType::UInt32 => "uint32".to_owned(),
        DataType::UInt64 => "uint64".to_owned(),
        DataType::Float32 => "float32".to_owned(),
        DataType::Float64 => "float64".to_owned(),
        DataType::Utf8 => "string".to_owned(),
        DataType::Binary => "binary".to_owned(),
        DataType::Date32 => "date".to_owned(),
        DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) if zone.as_ref() == "UTC" => {
            "timestamp".to_owned()
        }
        DataType::Decimal128(precision, scale) => format!("decimal({precision}, {scale})"),
        DataType::List(item) => format!("list<{}>", type_name(item.data_type())),
        DataType::Struct(fields) => {
            let fields =
                fields.iter().map(|f| format!("{}: {}", f.name(), type_name(f.data_type())));
            format!("struct<{}>", fields.collect::<Vec<_>>().join(", "))
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(pair) if pair.len() == 2 => {
                format!(
                    "map<{}, {}>",
                    type_name(pair[0].data_type()),
                    type_name(pair[1].data_type())
                )
            }
            other => other.to_string(),
        },
        other => other.to_string(),
    }
}

fn in_microseconds(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Microsecond, zone.clone()),
        other => other.clone(),
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn data_type(&mut self) -> Option<DataType> {
        Some(match self.word()? {
            "bool" | "boolean" => DataType::Boolean,
            "int8" => DataType::Int8,
            "int16" => DataType::Int16,
            "int32" => DataType::Int32,
            "int64" => DataType::Int64,
            "uint8" => DataType::UInt8,
            "uint16" => DataType::UInt16,
            "uint32" => DataType::UInt32,
            "uint64" => DataType::UInt64,
            "float32" => DataType::Float32,
            "float64" => DataType::Float64,
            "string" => DataType::Utf8,
            "binary" => DataType::Binary,
            "date" => DataType::Date32,
            "timestamp" => self.timestamp()?,
            "decimal" => {
                self.expect('(')?;
                let precision = self.word()?.parse().ok().filter(|p| (1..=38).contains(p))?;
                self.expect(',')?;
                let scale = self.word()?.parse().ok().filter(|s: &i8| *s as u8 <= precision)?;
                self.expect(')')?;
                DataType::Decimal128(precision, scale)
            }
            "list" => {
                self.expect('<')?;
                let item = self.data_type()?;
                self.expect('>')?;
                DataType::List(Arc::new(Field::new("item", item, true)))
            }
            "struct" => {
                let mut fields = Vec::new();
                self.expect('<')?;
                loop {
                    let name = self.word()?.to_owned();
                    self.expect(':')?;
                    fields.push(Field::new(name, self.data_type()?, true));
                    if self.expect(',').is_none() {
                        break;
                    }
                }
                self.expect('>')?;
                DataType::Struct(fields.into())
            }
            "map" => {
                self.expect('<')?;
                // A JSON object, in which maps are read and written, has texts for keys.
                let key = self.data_type().filter(|key| *key == DataType::Utf8)?;
                self.expect(',')?;
                let value = self.data_type()?;
                self.expect('>')?;
                let pair = Fields::from(vec![
                    Field::new("key", key, false),
                    Field::new("value", value, true),
                ]);
                let entries = Field::new("entries", DataType::Struct(pair), false);
                DataType::Map(Arc::new(entries), false)
            }
            _ => return None,
        })
    }

    fn timestamp(&mut self) -> Option<DataType> {
        let unit = if self.expect('[').is_some() {
            let unit = match self.word()? {
                "s" => TimeUnit::Second,
                "ms" => TimeUnit::Millisecond,
                "us" => TimeUnit::Microsecond,
                _ => return None,
            };
            self.expect(']')?;
            unit
        } else {
            TimeUnit::Microsecond
        };
        Some(DataType::Timestamp(unit, Some("UTC".into())))
    }

    fn word(&mut self) -> Option<&str> {
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest.trim_start();
        (!word.is_empty()).then_some(word)
    }

    fn expect(&mut self, c: char) -> Option<()> {
        self.rest = self.rest.strip_prefix(c)?.trim_start();
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_types_and_epoch_numbers_are_named() {
        let nested = column_type("struct<a: int32, b: list<decimal(10, 2)>>").unwrap();
        assert!(matches!(nested.data_type, DataType::Struct(fields) if fields.len() == 2));
        let time = column_type("timestamp[ms]").unwrap();
        assert!(matches!(time.read_as, DataType::Timestamp(TimeUnit::Millisecond, _)));
        assert!(matches!(time.data_type, DataType::Timestamp(TimeUnit::Microsecond, _)));
        assert!(column_type("map<string, int64>").is_ok());
        for text in [
            "bool",
            "int8",
            "uint64",
            "float32",
            "string",
            "binary",
            "date",
            "timestamp",
            "decimal(10, 2)",
            "list<int64>",
            "struct<a: int32, b: list<string>>",
            "map<string, float64>",
        ] {
            assert_eq!(type_name(&column_type(text).unwrap().data_type), text);
        }
        for wrong in ["strng", "list<int64", "map<int64, int64>", "decimal(50,2)", "int64 x", ""] {
            assert!(column_type(wrong).is_err(), "{wrong}");
        }
    }
}
