//! A case's rows on their way into a step, and what came out of it as a case has it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::rows::to_rows;
use super::{Case, ERROR_KEYS, LATE, Ports, Row};
use crate::batch::{Batch, Origin, Partition};
use crate::error::Result;
use crate::operator::Outputs;
use crate::plan::PluginPlan;
use crate::planner::ERRORS;

/// The input of a case in batches of so many rows.
pub fn split(case: &Case, rows: usize) -> Vec<Batch> {
    let partition = Partition { source: "input".to_owned(), name: "input.ndjson".to_owned() };
    let origin = Origin::consecutive(Arc::new(partition), 0);
    let input = Batch::new(case.input.clone(), origin);
    let starts = (0..input.len()).step_by(rows);
    starts.map(|offset| input.slice(offset, rows.min(input.len() - offset))).collect()
}

/// What a plugin has given, by port. `order` puts the rows of a port in order, each with the
/// number of the input row that it came from.
pub fn collect(
    plan: &PluginPlan,
    out: Outputs,
    order: impl Fn(Vec<(Option<u64>, Row)>) -> Vec<(Option<u64>, Row)>,
) -> Result<Ports> {
    let names: Vec<&str> = plan.ports.iter().map(|port| port.name.as_str()).collect();
    let mut found: BTreeMap<&str, Vec<(Option<u64>, Row)>> = BTreeMap::new();
    for name in names.iter().copied().chain([ERRORS]) {
        found.insert(name, Vec::new());
    }
    for (port, batch) in out.emitted {
        let name = match names.get(port) {
            Some(name) => name,
            None if port == plan.errors => ERRORS,
            None => LATE,
        };
        let of_input = batch.origin.partition.source == "input";
        let number = |row: usize| of_input.then(|| batch.origin.row(row));
        let rows = to_rows(&batch.rows)?.into_iter().enumerate();
        let rows = rows.map(|(at, row)| (number(at), row));
        found.entry(name).or_default().extend(rows);
    }
    let mut ports: Ports = BTreeMap::new();
    for (name, rows) in found {
        let rows = order(rows).into_iter().map(|(_, row)| row).collect();
        ports.insert(name.to_owned(), rows);
    }
    if let Some(errors) = ports.get_mut(ERRORS) {
        tidy_errors(errors);
    }
    Ok(ports)
}

/// Refused rows in the order of the input, with what a case says of them.
pub fn tidy_errors(errors: &mut [Row]) {
    errors.iter_mut().for_each(only_error_keys);
    // A job refuses a batch's failed rows after those that the plugin refused.
    errors.sort_by_key(|error| error.get("row").and_then(serde_json::Value::as_u64));
}

/// A dead letter also says where its row came from, which a case has no say in.
fn only_error_keys(letter: &mut Row) {
    *letter = ERROR_KEYS
        .iter()
        .filter_map(|key| Some(((*key).to_owned(), letter.remove(*key)?)))
        .collect();
}
