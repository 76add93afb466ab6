//! The component's exports: an honest answer through the SDK, then the mode's lie.

use std::cell::RefCell;

use millrace_plugin::bindings::keyed::exports::millrace::plugin::keyed_transformer as wit;
use millrace_plugin::bindings::keyed::millrace::plugin::state;
use millrace_plugin::bindings::millrace::plugin::types;
use millrace_plugin::guest;

use super::{HostileKeyed, KeyedConfig, KeyedMode};

/// As much as one value of large state may have.
const LARGE_VALUE_BYTES: usize = 16 << 20;
/// The state of one key, in `state_bomb`.
const STATE_BYTES: usize = 100_000_000;
const KEYS_AGAIN: usize = 100_000;

struct Started {
    instance: guest::KeyedInstance<HostileKeyed>,
    config: KeyedConfig,
}

thread_local! {
    static STARTED: RefCell<Option<Started>> = const { RefCell::new(None) };
}

struct Component;

impl wit::Guest for Component {
    fn about() -> types::About {
        types::About {
            name: env!("CARGO_PKG_NAME").into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: env!("CARGO_PKG_DESCRIPTION").into(),
        }
    }

    fn start(
        config: String,
        input: Vec<types::Field>,
        key: Vec<String>,
    ) -> Result<wit::KeyedDescription, Vec<types::ConfigError>> {
        let (instance, description) = guest::start_keyed::<HostileKeyed>(&config, input, &key)?;
        let config: KeyedConfig = serde_json::from_str(&config).map_err(|e| {
            vec![types::ConfigError { path: String::new(), message: e.to_string() }]
        })?;
        let mut description = description;
        if config.mode == KeyedMode::WantsKeysAgain {
            description.keys = vec![key[0].clone(); KEYS_AGAIN];
        }
        STARTED.set(Some(Started { instance, config }));
        Ok(description)
    }

    fn process(input: wit::KeyedBatch) -> Result<wit::KeyedOutput, String> {
        STARTED.with_borrow_mut(|started| {
            let started = started.as_mut().ok_or("`process` was called before `start`")?;
            let (rows, keys) = (input.rows, input.starts.len() as u32);
            let due = is_due(&started.config, &input);
            if due {
                ask(started.config.mode, keys);
            }
            let mut output = guest::process_keyed(&mut started.instance, input)?;
            if due {
                tell(started.config.mode, &mut output, rows, keys);
            }
            Ok(output)
        })
    }

    fn migrate(version: u32, states: types::Columns) -> Result<types::Columns, String> {
        guest::migrate::<HostileKeyed>(version, states)
    }
}

/// Whether the batch holds the poison. It must not be 0, which may lie under a null.
fn is_due(config: &KeyedConfig, input: &wit::KeyedBatch) -> bool {
    let Some(poison) = config.poison else { return true };
    let values = &input.columns.buffers[1];
    values.chunks_exact(8).take(input.rows as usize).any(|value| value == poison.to_le_bytes())
}

/// Asks large state for what there is not.
fn ask(mode: KeyedMode, keys: u32) {
    match mode {
        KeyedMode::LargeKeyOutOfRange => drop(state::map_get(keys, "map", b"entry")),
        KeyedMode::LargeStateBomb => {
            let value = vec![1; LARGE_VALUE_BYTES];
            (0..1000_u32).for_each(|entry| state::map_put(0, "bomb", &entry.to_le_bytes(), &value));
        }
        KeyedMode::LargeNameTooLong => drop(state::map_get(0, &"x".repeat(257), b"entry")),
        _ => {}
    }
}

/// Large state belongs to the keys of a batch, and there is none.
pub fn misuse_large_state() {
    state::list_append(0, "list", b"value");
}

fn tell(mode: KeyedMode, output: &mut wit::KeyedOutput, rows: u32, keys: u32) {
    let timer = |key, id| wit::Timer { key, id, change: wit::TimerChange::EventTime(i64::MAX) };
    match mode {
        KeyedMode::ChangedOutOfRange => {
            if let Some(last) = output.changed.last_mut() {
                *last = keys;
            }
        }
        KeyedMode::ChangedTwice => output.changed = vec![0; output.changed.len() + 1],
        KeyedMode::TooFewStates => output.states.nodes[0].length -= 1,
        KeyedMode::BadNullCount => output.states.nodes[0].null_count += 1,
        KeyedMode::TimerOutOfRange => output.timers.push(timer(keys, 0)),
        KeyedMode::TimerTwice => output.timers.extend([timer(0, 7), timer(0, 7)]),
        KeyedMode::TimerBomb => output.timers.extend((100..1_000_100).map(|id| timer(0, id))),
        KeyedMode::StateBomb => {
            output.changed = vec![0];
            let node = types::Node { length: 1, null_count: 0 };
            let end = (STATE_BYTES as i32).to_le_bytes();
            let buffers = vec![Vec::new(), [[0; 4], end].concat(), vec![1; STATE_BYTES]];
            output.states = types::Columns { nodes: vec![node], buffers };
        }
        KeyedMode::ManyTimers => output.timers.extend((100..200).map(|id| timer(0, id))),
        KeyedMode::KeyRowOutOfRange => {
            if let Some(main) = output.ports.first_mut() {
                let count = main.columns.nodes[0].length as usize;
                main.rows = types::Selection::Rows(vec![rows + keys; count]);
            }
        }
        KeyedMode::ErrorOfKey => output.errors.push(types::RowError {
            row: rows,
            code: "refused".into(),
            message: "a lie".into(),
            column: None,
        }),
        _ => {}
    }
}

millrace_plugin::bindings::keyed::export!(
    Component with_types_in millrace_plugin::bindings::keyed
);
