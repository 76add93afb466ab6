//! What is expected against what came out.

use serde_json::Value;

use super::rows::write_row;
use super::{Ports, Row};
use crate::planner::ERRORS;

/// The first thing that is not as expected.
#[derive(Debug, PartialEq)]
pub enum Difference {
    /// Rows are expected of a port that the plugin does not have.
    NoPort { port: String },
    /// This row of a port, from 0; `None`: there are fewer.
    Row { port: String, at: usize, expected: Option<Row>, got: Option<Row> },
}

/// The first difference, port by port.
pub fn difference(expected: &Ports, got: &Ports) -> Option<Difference> {
    for (port, got) in got {
        let expected = expected.get(port).map_or(&[][..], Vec::as_slice);
        let rows = expected.len().max(got.len());
        let differs = |at: &usize| match (expected.get(*at), got.get(*at)) {
            (Some(expected), Some(got)) => {
                keys(port, expected, got).any(|key| !same(expected.get(key), got.get(key)))
            }
            _ => true,
        };
        if let Some(at) = (0..rows).find(differs) {
            return Some(Difference::Row {
                port: port.clone(),
                at,
                expected: expected.get(at).cloned(),
                got: got.get(at).cloned(),
            });
        }
    }
    let unknown = expected.keys().find(|port| !got.contains_key(*port));
    unknown.map(|port| Difference::NoPort { port: port.clone() })
}

impl Difference {
    pub fn port(&self) -> &str {
        match self {
            Self::NoPort { port } | Self::Row { port, .. } => port,
        }
    }

    /// The line of the port's file, from 1.
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::NoPort { .. } => None,
            Self::Row { at, .. } => Some(at + 1),
        }
    }

    /// What differs, for people.
    pub fn describe(&self) -> String {
        let (port, expected, got) = match self {
            Self::NoPort { port } => return format!("the plugin has no port `{port}`"),
            Self::Row { port, expected, got, .. } => (port, expected, got),
        };
        let shown = |row: &Option<Row>| row.as_ref().map_or("no row".to_owned(), write_row);
        let mut text = format!("expected {}\n     got {}", shown(expected), shown(got));
        if let (Some(expected), Some(got)) = (expected, got) {
            for key in keys(port, expected, got) {
                let (expected, got) = (expected.get(key), got.get(key));
                if !same(expected, got) {
                    let shown = |v: Option<&Value>| v.map_or("nothing".into(), Value::to_string);
                    let (expected, got) = (shown(expected), shown(got));
                    text.push_str(&format!("\n`{key}`: expected {expected}, got {got}"));
                }
            }
        }
        text
    }
}

/// The keys that are compared. An expected error names those that matter: a trap's message, say,
/// is not the plugin's alone.
fn keys<'a>(port: &str, expected: &'a Row, got: &'a Row) -> impl Iterator<Item = &'a String> {
    let more = got.keys().filter(|key| !expected.contains_key(*key));
    expected.keys().chain(more.take(if port == ERRORS { 0 } else { usize::MAX }))
}

/// Numbers are compared by value: 5 is 5.0.
fn same(expected: Option<&Value>, got: Option<&Value>) -> bool {
    match (expected, got) {
        (Some(Value::Number(expected)), Some(Value::Number(got)))
            if expected.is_f64() || got.is_f64() =>
        {
            expected.as_f64() == got.as_f64()
        }
        (Some(Value::Array(expected)), Some(Value::Array(got))) => {
            expected.len() == got.len()
                && expected.iter().zip(got).all(|(e, g)| same(Some(e), Some(g)))
        }
        (Some(Value::Object(expected)), Some(Value::Object(got))) => {
            expected.len() == got.len()
                && expected.iter().all(|(key, e)| same(Some(e), got.get(key)))
        }
        (expected, got) => expected == got,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(port: &str, rows: &[&str]) -> Ports {
        let rows = rows.iter().map(|row| serde_json::from_str(row).unwrap()).collect();
        [(port.to_owned(), rows)].into()
    }

    /// A comparison that lets something pass makes every golden test worthless.
    #[test]
    fn every_kind_of_difference_is_found() {
        let differs = [
            ("main", vec![r#"{"a": 1}"#], vec![r#"{"a": 2}"#]),
            ("main", vec![r#"{"a": 1}"#], vec![]),
            ("main", vec![], vec![r#"{"a": 1}"#]),
            ("main", vec![r#"{"a": 1}"#], vec![r#"{"a": 1, "b": null}"#]),
            ("main", vec![r#"{"a": 1, "b": null}"#], vec![r#"{"a": 1}"#]),
            ("main", vec![r#"{"a": [{"b": 1}]}"#], vec![r#"{"a": [{"b": "1"}]}"#]),
            ("errors", vec![r#"{"row": 1, "code": "x"}"#], vec![r#"{"row": 1, "code": "y"}"#]),
        ];
        for (port, expected, got) in differs {
            let found = difference(&ports(port, &expected), &ports(port, &got));
            assert!(found.is_some(), "{expected:?} {got:?}");
        }
        let found = difference(&ports("other", &[]), &ports("main", &[]));
        assert_eq!(found, Some(Difference::NoPort { port: "other".to_owned() }));
    }

    /// The same value may be written in two ways, and an error may leave out its message.
    #[test]
    fn what_is_the_same_is_no_difference() {
        let same = [
            ("main", r#"{"a": 5, "b": [1.0]}"#, r#"{"b": [1], "a": 5.0}"#),
            (
                "errors",
                r#"{"row": 1, "code": "trap"}"#,
                r#"{"row": 1, "code": "trap", "message": "m"}"#,
            ),
        ];
        for (port, expected, got) in same {
            assert_eq!(difference(&ports(port, &[expected]), &ports(port, &[got])), None);
        }
        assert_eq!(difference(&Ports::new(), &ports("main", &[])), None);
    }
}
