//! Questions about a checkpoint, whether its pipeline runs or not.

use std::sync::Arc;

use serde_json::Value;

use crate::checkpoint::Store;
use crate::error::{ErrorKind, Result};
use crate::plan::Plan;
use crate::query::{self, Query, View};
use crate::state::{StateBackend, StateOptions};
use crate::storage::{LocalStorage, Storage};

/// For the state of a pipeline that does not run.
const MEMORY_BYTES: usize = 256 << 20;

/// Gives the answer to `out`, object by object: from the files, or from the process that has them.
///
/// # Errors
/// As [`query::answer`]; `Config` if there is no checkpoint.
pub fn answer(plan: &Plan, query: &Query, out: &mut dyn FnMut(Value) -> Result<()>) -> Result<()> {
    let directory = &plan.checkpoint.directory;
    let storage: Arc<dyn Storage> = Arc::new(LocalStorage);
    let store = match open(plan) {
        Ok(store) => store,
        Err(error) if error.kind == ErrorKind::Fenced => return query::ask(directory, query, out),
        Err(error) => return Err(error),
    };
    if *query == Query::Verify {
        return query::verify(directory, &*storage, &store.recover()?, out);
    }
    let options = StateOptions { memory_max: MEMORY_BYTES, keep: plan.checkpoint.keep };
    let committed = store.recover()?.state();
    let state = StateBackend::open(directory, storage.clone(), committed, options)?;
    let view = View { directory, storage: &*storage, store: &store, state: &state };
    query::answer(query, &view, out)
}

/// The checkpoint of a pipeline that does not run.
///
/// # Errors
/// `Config` if there is none, `Fenced` if the pipeline runs.
pub fn open(plan: &Plan) -> Result<Store> {
    let directory = &plan.checkpoint.directory;
    if !directory.exists() {
        return Err(crate::error::Error::config(format!(
            "there is no checkpoint in {}: the pipeline has not run yet",
            directory.display()
        )));
    }
    Store::open(directory, &plan.name, &LocalStorage)
}

/// Prints an object as one line of JSON, or as `name value` pairs without what is null.
pub fn print(value: &Value, json: bool) {
    match value {
        Value::Object(fields) if !json => {
            let shown = fields.iter().filter(|(_, value)| !value.is_null());
            let text = |value: &Value| match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let pairs: Vec<String> =
                shown.map(|(name, value)| format!("{name} {}", text(value))).collect();
            out!("{}", pairs.join("  "));
        }
        other => out!("{other}"),
    }
}
