//! Counts the rows of each key, and forgets a key that has been silent for an hour.

use millrace_plugin::prelude::*;

const HOUR: i64 = 3_600_000_000;
/// The timer that forgets a key.
const FORGET: u32 = 0;

pub struct Count {
    limit: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    limit: u64,
}

#[derive(IntoColumns)]
struct Added {
    count: u64,
    above: bool,
}

impl KeyedTransform for Count {
    type Config = Config;
    /// What is remembered of a key. After a change of this type, count up `STATE_VERSION`.
    type State = u64;

    fn start(
        config: Config,
        _input: &Schema,
        _key: &[String],
    ) -> Result<(Self, Description), ConfigErrors> {
        let description = Description::default().port(Port::new("main").adds(Added::fields()));
        Ok((Self { limit: config.limit }, description))
    }

    fn process(&mut self, batch: &mut KeyedBatch<u64>, out: &mut Output) -> Result<(), Failure> {
        let (mut rows, mut added) = (Vec::new(), ColumnBuffer::<Added>::new());
        while let Some(event) = batch.next()? {
            match event {
                Event::Row { row, time } => {
                    let count = batch.state_mut()?.get_or_insert(0);
                    *count += 1;
                    added.push(Added { count: *count, above: *count > self.limit });
                    rows.push(row);
                    if let Some(time) = time {
                        batch.set_timer(FORGET, time + HOUR);
                    }
                }
                Event::Timer { .. } => *batch.state_mut()? = None,
            }
        }
        out.some("main", rows, added.finish());
        Ok(())
    }
}

export_keyed!(Count);
