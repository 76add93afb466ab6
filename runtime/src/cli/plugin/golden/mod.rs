//! Golden cases: what must become of some rows.

mod bench;
mod case;
mod compare;
mod cost;
mod output;
mod rows;
mod worlds;

pub use bench::{Bench, Verdict};
pub use case::Case;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A row as a JSON object.
type Row = Map<String, Value>;

/// Rows by port. Refused rows are those of the port `errors`, by row; its columns are [`ERROR_KEYS`].
type Ports = BTreeMap<String, Vec<Row>>;

/// The port of rows that came too late.
const LATE: &str = "late";

/// What a case says of a refused row.
const ERROR_KEYS: [&str; 4] = ["row", "code", "column", "message"];
