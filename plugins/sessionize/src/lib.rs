//! Groups the events of each key into sessions; README.md says how.

mod config;
mod session;

use millrace_plugin::prelude::*;

pub use config::Config;
use config::MAIN;
use session::{Events, Session, Sessions};

/// The timer that closes the open session of a key.
const CLOSE: u32 = 0;

/// Sessions with a gap by user type and a funnel.
pub struct Sessionize {
    config: Config,
}

impl KeyedTransform for Sessionize {
    type Config = Config;
    type State = Session;

    fn start(
        config: Config,
        input: &Schema,
        key: &[String],
    ) -> Result<(Self, Description), ConfigErrors> {
        let columns = config.columns(input)?;
        // A session belongs to no event, so of its columns only the key's mean anything.
        let not_key = input.fields().iter().map(|f| f.name()).filter(|name| !key.contains(name));
        let main = Port::new(MAIN).adds(Sessions::fields()).drops(not_key);
        let mut description = Description::reads(columns).port(main);
        if let Some(events) = &config.events {
            description = description.port(Port::new(events).adds(Events::fields()));
        }
        Ok((Self { config }, description))
    }

    fn process(
        &mut self,
        batch: &mut KeyedBatch<Session>,
        out: &mut Output,
    ) -> Result<(), Failure> {
        let config = &self.config;
        let column = |name: &Option<String>| -> Result<Option<StringArray>, Failure> {
            name.as_ref().map(|name| batch.rows().utf8(name).cloned()).transpose()
        };
        let (types, names) = (column(&config.user_type)?, column(&config.event)?);
        let (mut sessions, mut events) = (Sessions::default(), Events::default());
        while let Some(event) = batch.next()? {
            let Event::Row { row, time } = event else {
                if let Some(session) = batch.state_mut()?.take() {
                    sessions.push(batch.key_row(), &session, config.funnel.len());
                }
                continue;
            };
            let Some(time) = time else {
                return Err(Failure::new("rows need event time: declare it, and keep its order"));
            };
            let gap = config.gap_of(text(&types, row));
            let session = batch.state_mut()?.get_or_insert_with(|| Session::new(time));
            session.add(time, gap, text(&names, row), &config.funnel);
            let end = session.end;
            if config.events.is_some() {
                events.push(row, session);
            }
            batch.set_timer(CLOSE, end);
        }
        let (rows, columns) = sessions.finish();
        out.some(MAIN, rows, columns);
        if let Some(port) = &config.events {
            let (rows, columns) = events.finish();
            out.some(port, rows, columns);
        }
        Ok(())
    }
}

fn text(column: &Option<StringArray>, row: u32) -> Option<&str> {
    let column = column.as_ref()?;
    column.is_valid(row as usize).then(|| column.value(row as usize))
}

export_keyed!(Sessionize);
