//! The columns of a batch, filled by walking the fields of one JSON object per row.

use std::collections::BTreeMap;
use std::fmt;

use arrow_array::ArrayRef;
use millrace_plugin::Failure;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;

use crate::column::Column;
use crate::config::{Declared, UnknownFields};
use crate::problem::{Code, Problem, Refusal};
use crate::value::Value;

/// How serde_json words a float beyond the largest, which it takes for a mistake of syntax.
const FLOAT_OUT_OF_RANGE: &str = "number out of range";

/// All columns.
///
/// *Invariant:* between two calls of `push`, every column has `rows` values.
pub struct Table {
    columns: Vec<Column>,
    by_name: BTreeMap<String, usize>,
    unknown_fields: UnknownFields,
    rows: usize,
}

impl Table {
    pub fn new(declared: Vec<Declared>, unknown_fields: UnknownFields) -> Self {
        let by_name = declared.iter().enumerate().map(|(at, d)| (d.name.clone(), at)).collect();
        let columns = declared.into_iter().map(Column::new).collect();
        Self { columns, by_name, unknown_fields, rows: 0 }
    }

    /// Makes room for a batch of `rows` rows.
    pub fn reserve(&mut self, rows: usize) {
        self.columns.iter_mut().for_each(|column| column.reserve(rows));
    }

    /// Adds the row that `text` holds, or nothing.
    ///
    /// # Errors
    /// The first thing that is wrong with the row.
    #[inline]
    pub fn push(&mut self, text: &str) -> Result<(), Refusal> {
        let mut row = Row { table: self, at: At::Object, problem: None };
        let mut json = serde_json::Deserializer::from_str(text);
        match json.deserialize_map(&mut row).and_then(|()| json.end()) {
            Ok(()) => {
                self.rows += 1;
                Ok(())
            }
            Err(error) => {
                let refusal = row.refusal(&error);
                let rows = self.rows;
                self.columns.iter_mut().for_each(|column| column.truncate(rows));
                Err(refusal)
            }
        }
    }

    /// The columns of the rows so far; the table is then empty.
    ///
    /// # Errors
    /// As [`Column::finish`].
    pub fn finish(&mut self) -> Result<Vec<ArrayRef>, Failure> {
        self.rows = 0;
        self.columns.iter_mut().map(Column::finish).collect()
    }

    fn find(&self, name: &str, expected: usize) -> Option<usize> {
        match self.columns.get(expected) {
            Some(column) if is_same(column.name.as_bytes(), name.as_bytes()) => Some(expected),
            _ => self.by_name.get(name).copied(),
        }
    }
}

/// What an error is about.
enum At {
    Object,
    Column(usize),
}

/// The row that is being read.
struct Row<'a> {
    table: &'a mut Table,
    at: At,
    problem: Option<Problem>,
}

impl Row<'_> {
    /// Gives its null to every column that the row did not name.
    #[cold]
    fn fill<E: Error>(&mut self) -> Result<(), E> {
        let rows = self.table.rows;
        for (at, column) in self.table.columns.iter_mut().enumerate() {
            if column.len() > rows {
                continue;
            }
            if !column.nullable {
                self.at = At::Column(at);
                let message = "is missing and must have a value".to_owned();
                self.problem = Some(Problem::new(Code::Missing, message));
                return Err(E::custom(""));
            }
            column.push_null();
        }
        Ok(())
    }

    #[cold]
    fn refusal(&mut self, error: &serde_json::Error) -> Refusal {
        let column = match self.at {
            At::Object => None,
            At::Column(at) => Some(self.table.columns[at].name.clone()),
        };
        let text = error.to_string();
        match (self.problem.take(), error.classify()) {
            (Some(Problem::Told { code: Code::UnknownField, message }), _) => {
                let text = format!("the schema has no field `{message}`");
                Refusal::new(Code::UnknownField, Some(message), &text)
            }
            (Some(Problem::Told { code, message }), _) => Refusal::new(code, column, &message),
            (_, Category::Data) if column.is_some() => {
                // The position only says where the value ends.
                let message = text.rsplit_once(" at line ").map_or(&*text, |(message, _)| message);
                Refusal::new(Code::WrongType, column, message)
            }
            (_, Category::Syntax) if column.is_some() && text.starts_with(FLOAT_OUT_OF_RANGE) => {
                Refusal::new(Code::OutOfRange, column, FLOAT_OUT_OF_RANGE)
            }
            (_, Category::Data | Category::Syntax | Category::Eof | Category::Io) => {
                Refusal::new(Code::Malformed, None, &text)
            }
        }
    }
}

impl<'de> Visitor<'de> for &mut Row<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    #[inline]
    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        let rows = self.table.rows;
        let (mut expected, mut filled) = (0, 0);
        while let Some(found) =
            map.next_key_seed(Key { table: self.table, expected, problem: &mut self.problem })?
        {
            let Some(at) = found else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let column = &mut self.table.columns[at];
            if column.len() > rows {
                // Of a field that comes twice the last counts.
                column.truncate(rows);
            } else {
                filled += 1;
            }
            let value = Value { column, problem: &mut self.problem };
            if let Err(error) = map.next_value_seed(value) {
                self.at = At::Column(at);
                return Err(error);
            }
            expected = at + 1;
        }
        if filled < self.table.columns.len() { self.fill() } else { Ok(()) }
    }
}

/// Finds the column of a field: most rows name their fields in the order of the schema.
struct Key<'a> {
    table: &'a Table,
    expected: usize,
    problem: &'a mut Option<Problem>,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<usize>;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, key: D) -> Result<Option<usize>, D::Error> {
        key.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    #[inline]
    fn visit_str<E: Error>(self, name: &str) -> Result<Option<usize>, E> {
        let found = self.table.find(name, self.expected);
        if found.is_none() && self.table.unknown_fields == UnknownFields::Reject {
            *self.problem = Some(Problem::new(Code::UnknownField, name.to_owned()));
            return Err(E::custom(""));
        }
        Ok(found)
    }
}

/// Whether two names are the same, in two wide steps that may overlap. In a component, where a
/// comparison is a call to a loop over bytes, this saves a twelfth of a row's time.
#[inline]
fn is_same(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    match left.len() {
        8..=16 => {
            left.first_chunk::<8>() == right.first_chunk()
                && left.last_chunk::<8>() == right.last_chunk()
        }
        4..8 => {
            left.first_chunk::<4>() == right.first_chunk()
                && left.last_chunk::<4>() == right.last_chunk()
        }
        2..4 => {
            left.first_chunk::<2>() == right.first_chunk()
                && left.last_chunk::<2>() == right.last_chunk()
        }
        _ => left == right,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of every length, with a difference in every place.
    #[test]
    fn every_difference_between_names_is_seen() {
        const NAME: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
        for length in 0..NAME.len() {
            let name = NAME[..length].to_vec();
            assert!(is_same(&NAME[..length], &name), "{length}");
            assert!(!is_same(&NAME[..length + 1], &name), "{length}");
            for at in 0..length {
                let mut other = name.clone();
                other[at] = b'_';
                assert!(!is_same(&name, &other), "{length}, {at}");
            }
        }
    }
}
