//! The component's exports: through the SDK, but for the versions, which the configuration sets.

use std::cell::RefCell;

use millrace_plugin::bindings::keyed::exports::millrace::plugin::keyed_transformer as keyed;
use millrace_plugin::bindings::millrace::plugin::types as wit;
use millrace_plugin::{StateColumn, guest};

use crate::{Config, Counter, State};

thread_local! {
    static STARTED: RefCell<Option<(guest::KeyedInstance<Counter>, Config)>> =
        const { RefCell::new(None) };
}

struct Component;

impl keyed::Guest for Component {
    millrace_plugin::about!();

    fn start(
        config: String,
        input: Vec<wit::Field>,
        key: Vec<String>,
    ) -> Result<keyed::KeyedDescription, Vec<wit::ConfigError>> {
        let (instance, description) = guest::start_keyed::<Counter>(&config, input, &key)?;
        let config: Config = serde_json::from_str(&config)
            .map_err(|e| vec![wit::ConfigError { path: String::new(), message: e.to_string() }])?;
        let (state_version, reads_versions) = (config.writes, config.reads.clone());
        STARTED.set(Some((instance, config)));
        Ok(keyed::KeyedDescription { state_version, reads_versions, ..description })
    }

    fn process(input: keyed::KeyedBatch) -> Result<keyed::KeyedOutput, String> {
        STARTED.with_borrow_mut(|started| {
            let (instance, _) = started.as_mut().ok_or("`process` was called before `start`")?;
            guest::process_keyed(instance, input)
        })
    }

    fn migrate(version: u32, states: wit::Columns) -> Result<wit::Columns, String> {
        STARTED.with_borrow(|started| {
            let (_, config) = started.as_ref().ok_or("`migrate` was called before `start`")?;
            while config.endless {
                std::hint::spin_loop();
            }
            if config.stuck {
                return Err("stuck".to_owned());
            }
            guest::migrate_with(states, |state| {
                let old: State = StateColumn::decode(state)?;
                assert_eq!(old.version, version, "the version that comes with a state is its own");
                Ok(State { version: config.writes, ..old })
            })
        })
    }
}

millrace_plugin::bindings::keyed::export!(
    Component with_types_in millrace_plugin::bindings::keyed
);
