//! The component's exports: an honest answer through the SDK, then the mode's lie.

use std::cell::RefCell;

use millrace_plugin::bindings::exports::millrace::plugin::transformer::Guest;
use millrace_plugin::bindings::millrace::plugin::types as wit;
use millrace_plugin::guest;

use crate::lies::{Lie, lie_in_description};
use crate::{Config, Hostile};

struct Started {
    instance: guest::Instance<Hostile>,
    lie: Lie,
}

thread_local! {
    static STARTED: RefCell<Option<Started>> = const { RefCell::new(None) };
}

struct Component;

impl Guest for Component {
    fn about() -> wit::About {
        wit::About {
            name: env!("CARGO_PKG_NAME").into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: env!("CARGO_PKG_DESCRIPTION").into(),
        }
    }

    fn start(
        config: String,
        input: Vec<wit::Field>,
    ) -> Result<wit::Description, Vec<wit::ConfigError>> {
        let (instance, mut description) = guest::start::<Hostile>(&config, input)?;
        let config: Config = serde_json::from_str(&config)
            .map_err(|e| vec![wit::ConfigError { path: String::new(), message: e.to_string() }])?;
        lie_in_description(config.mode, &mut description);
        STARTED.set(Some(Started { instance, lie: Lie::new(&config) }));
        Ok(description)
    }

    fn process(input: wit::Batch) -> Result<wit::Output, String> {
        STARTED.with_borrow_mut(|started| {
            let started = started.as_mut().ok_or("`process` was called before `start`")?;
            let (rows, due) = (input.rows, started.lie.is_due(&input));
            let mut output = guest::process(&mut started.instance, input)?;
            if due {
                started.lie.tell(&mut output, rows);
            }
            Ok(output)
        })
    }
}

millrace_plugin::bindings::export!(Component with_types_in millrace_plugin::bindings);
