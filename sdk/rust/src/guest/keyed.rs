//! A [`KeyedTransform`] as a component.

use std::sync::Arc;

use arrow_array::{Array, BinaryArray};
use arrow_schema::Schema;
use serde::Serialize;

use super::cross;
use crate::bindings::keyed::exports::millrace::plugin::keyed_transformer as wit;
use crate::bindings::millrace::plugin::types;
use crate::keyed::{Clock, DueTimer, Place, StateColumn, TimerChange, TimerSetting};
use crate::{Description, Failure, KeyedBatch, KeyedTransform, Output};

/// A started plugin with what it needs to read a batch.
pub struct KeyedInstance<T> {
    plugin: T,
    description: Description,
    reads: Arc<Schema>,
    keys: Arc<Schema>,
}

pub fn start_keyed<T: KeyedTransform>(
    config: &str,
    input: Vec<types::Field>,
    key: &[String],
) -> Result<(KeyedInstance<T>, wit::KeyedDescription), Vec<types::ConfigError>> {
    cross::report_panics();
    let input = cross::schema(input)?;
    let config = super::config(config).map_err(cross::config_errors)?;
    let (plugin, description) = T::start(config, &input, key).map_err(cross::config_errors)?;
    let reads = cross::read_schema(&input, &description.reads)?;
    let keys = cross::read_schema(&input, &description.keys)?;
    let described = wit::KeyedDescription {
        reads: description.reads.clone(),
        keys: description.keys.clone(),
        ports: cross::ports(&description.ports)?,
        state_version: T::STATE_VERSION,
        reads_versions: T::READS_VERSIONS.to_vec(),
        state_ttl: description.state_ttl,
    };
    Ok((KeyedInstance { plugin, description, reads, keys }, described))
}

pub fn process_keyed<T: KeyedTransform>(
    instance: &mut KeyedInstance<T>,
    input: wit::KeyedBatch,
) -> Result<wit::KeyedOutput, String> {
    let keys = input.starts.len();
    let rows = cross::batch(&instance.reads, input.columns, input.rows as usize)?;
    let of_keys = cross::batch(&instance.keys, input.keys, keys)?;
    let states = cross::states(input.states, keys)?;
    let due = input.timers.into_iter().map(Into::into).collect();
    let mut batch =
        KeyedBatch::new((rows, of_keys), input.times, input.starts, states, due, Place::Host);
    let mut out = Output::default();
    instance.plugin.process(&mut batch, &mut out).map_err(cross::failed)?;
    let changes = batch.finish().map_err(cross::failed)?;
    Ok(wit::KeyedOutput {
        ports: cross::outputs(&instance.description.ports, out.emitted)?,
        errors: cross::row_errors(out.errors),
        changed: changes.changed,
        states: cross::columns(&[changes.states.into_column()])?,
        timers: changes.timers.into_iter().map(Into::into).collect(),
    })
}

pub fn migrate<T: KeyedTransform>(
    version: u32,
    states: types::Columns,
) -> Result<types::Columns, String> {
    migrate_with(states, |state| T::migrate(version, state))
}

/// Migrates each state that there is.
pub fn migrate_with<S: Serialize>(
    states: types::Columns,
    migrate: impl Fn(&[u8]) -> Result<S, Failure>,
) -> Result<types::Columns, String> {
    let count = cross::length(&states);
    let states: BinaryArray = cross::states(states, count)?;
    let mut migrated = StateColumn::default();
    for at in 0..count {
        let state = match states.is_valid(at) {
            true => Some(migrate(states.value(at)).map_err(cross::failed)?),
            false => None,
        };
        migrated.push(state.as_ref()).map_err(cross::failed)?;
    }
    cross::columns(&[migrated.into_column()])
}

impl From<wit::FiredTimer> for DueTimer {
    fn from(timer: wit::FiredTimer) -> Self {
        let clock = match timer.clock {
            wit::Clock::EventTime => Clock::Event,
            wit::Clock::ProcessingTime => Clock::Processing,
        };
        Self { key: timer.key, id: timer.id, clock, at: timer.at }
    }
}

impl From<TimerSetting> for wit::Timer {
    fn from(timer: TimerSetting) -> Self {
        let change = match timer.change {
            TimerChange::Event(at) => wit::TimerChange::EventTime(at),
            TimerChange::Processing(delay) => wit::TimerChange::ProcessingTime(delay),
            TimerChange::Cancel => wit::TimerChange::Cancel,
        };
        Self { key: timer.key, id: timer.id, change }
    }
}
