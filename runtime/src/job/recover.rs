//! What a checkpoint holds, brought together with the pipeline as it is now.

use std::sync::Arc;

use super::JobOptions;
use crate::checkpoint::{self, Recovered, StepChange, Store};
use crate::error::{Error, Result};
use crate::plan::{Plan, REPLAY_PREFIX, Shapes};
use crate::sink::{self, Connections, Session};
use crate::state::StateBackend;

/// Publishes what was committed and is not in sight, and looks whether the pipeline still fits what the
/// checkpoint holds.
///
/// # Errors
/// `Config` if it does not; else what stands in the way of publishing.
pub fn recover(
    plan: &Plan,
    options: &JobOptions,
    store: &Store,
    state: &StateBackend,
    connected: (&Arc<Connections>, &Session),
    mut recovered: Recovered,
) -> Result<Recovered> {
    let known = |source: &str| {
        plan.source_names().any(|name| name == source) || source.starts_with(REPLAY_PREFIX)
    };
    let replay = plan.source_names().all(|name| name.starts_with(REPLAY_PREFIX));
    let gone: Vec<String> =
        recovered.positions.keys().filter(|source| !known(source)).cloned().collect();
    for source in gone.into_iter().filter(|_| !replay) {
        if !options.forget_sources.contains(&source) {
            return Err(Error::config(format!(
                "the checkpoint in {} holds how far source `{source}` was read, and the pipeline \
                 has no such source: name it so again, or forget it with --forget {source}",
                plan.checkpoint.directory.display()
            )));
        }
        store.forget_source(&source)?;
        recovered.positions.remove(&source);
    }
    recovered.shapes = carry_over(plan, options, state, &recovered.shapes, replay)?;
    let staged = std::mem::take(&mut recovered.staged);
    let (id, last) = (&recovered.id, recovered.epoch);
    let published = sink::recover(plan, id, &options.storage, connected, &staged, last)?;
    store.forget_staged(&published)?;
    Ok(recovered)
}

/// Compares the steps with the state that the checkpoint has of them. Returns the shapes of the
/// state that there is from now on.
fn carry_over(
    plan: &Plan,
    options: &JobOptions,
    state: &StateBackend,
    stored: &Shapes,
    replay: bool,
) -> Result<Shapes> {
    let wanted = plan.shapes();
    let mut shapes = stored.clone();
    let mut refused = Vec::new();
    for change in checkpoint::compare(stored, &wanted, &options.forget_sources) {
        match change {
            StepChange::New { .. } | StepChange::Kept { .. } => {}
            StepChange::Forgotten { step } => {
                state.forget(&step)?;
                shapes.remove(&step);
            }
            // A replay has only the steps behind those whose rows it tries again.
            StepChange::Refused { step, .. } if replay && !wanted.contains_key(&step) => {}
            StepChange::Refused { message, help, .. } => refused.push(format!("{message}: {help}")),
        }
    }
    for (step, mut shape) in wanted {
        shape.versions.extend(shapes.get(&step).into_iter().flat_map(|s| &s.versions));
        shapes.insert(step, shape);
    }
    if refused.is_empty() { Ok(shapes) } else { Err(Error::config(refused.join("\n"))) }
}
