//! What a keyed plugin returns beside rows: states and timers.

use std::collections::HashSet;
use std::sync::LazyLock;

use arrow_array::BinaryArray;
use arrow_array::cast::AsArray;
use arrow_schema::{DataType, Field, Fields};
use millrace_columns::{FlatColumns, decode};

/// Texts of bytes, one per key.
static STATES: LazyLock<Fields> =
    LazyLock::new(|| Fields::from(vec![Field::new("state", DataType::Binary, true)]));

/// Checks the numbers of the keys whose state changes: growing, and below `keys`.
///
/// # Errors
/// The first contradiction.
pub fn check_changed(changed: &[u32], keys: usize) -> Result<(), String> {
    if let Some(pair) = changed.windows(2).find(|pair| pair[0] >= pair[1]) {
        return Err(format!("changed keys {} and {} in this order", pair[0], pair[1]));
    }
    match changed.last().filter(|key| **key as usize >= keys) {
        Some(beyond) => Err(format!("changed key {beyond} of {keys}")),
        None => Ok(()),
    }
}

/// Checks the keys and ids of timers: no id of a key twice.
///
/// # Errors
/// The first contradiction.
pub fn check_timers(
    timers: impl ExactSizeIterator<Item = (u32, u32)>,
    keys: usize,
) -> Result<(), String> {
    let mut seen = HashSet::with_capacity(timers.len());
    for (key, id) in timers {
        if key as usize >= keys {
            return Err(format!("a timer of key {key} of {keys}"));
        }
        if !seen.insert((key, id)) {
            return Err(format!("timer {id} of key {key} twice"));
        }
    }
    Ok(())
}

/// A column of `count` states.
///
/// # Errors
/// The first contradiction.
pub fn states(columns: FlatColumns, count: usize) -> Result<BinaryArray, String> {
    let columns = decode(&STATES, columns, count).map_err(|e| format!("states: {e}"))?;
    Ok(columns[0].as_binary::<i32>().clone())
}
