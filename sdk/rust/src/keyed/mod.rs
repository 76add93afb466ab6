//! Plugins that remember something for each key.

mod batch;
mod large;
mod state;

pub use batch::{Clock, DueTimer, Event, KeyedBatch, TimerChange, TimerSetting};
pub(crate) use large::Place;
pub use large::{LargeList, LargeMap, Memory};
pub use state::StateColumn;

use arrow_schema::Schema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{ConfigErrors, Description, Failure, Output};

/// A transformation with a state for each key.
///
/// The host calls [`start`](Self::start) once per instance and then [`process`](Self::process)
/// with the rows of some keys, and with the timers of these keys that are due. Rows of a key come
/// in the order of event time where the input has it. Instances come and go, so only the state may
/// be relied upon.
///
/// ```
/// use millrace_plugin::prelude::*;
///
/// /// Numbers the rows of each key, and reports keys that fall silent.
/// struct Count;
///
/// impl KeyedTransform for Count {
///     type Config = serde::de::IgnoredAny;
///     type State = u64;
///
///     fn start(
///         _: Self::Config,
///         _: &Schema,
///         _: &[String],
///     ) -> Result<(Self, Description), ConfigErrors> {
///         let count = Field::new("count", DataType::UInt64, false);
///         let ports = [Port::new("main").adds([count.clone()]), Port::new("silent").adds([count])];
///         Ok((Self, ports.into_iter().fold(Description::default(), Description::port)))
///     }
///
///     fn process(
///         &mut self,
///         batch: &mut KeyedBatch<u64>,
///         out: &mut Output,
///     ) -> Result<(), Failure> {
///         let (mut rows, mut counts) = (Vec::new(), Vec::new());
///         let (mut silent, mut totals) = (Vec::new(), Vec::new());
///         while let Some(event) = batch.next()? {
///             let count = batch.state()?.copied().unwrap_or(0);
///             match event {
///                 Event::Row { row, time } => {
///                     *batch.state_mut()? = Some(count + 1);
///                     rows.push(row);
///                     counts.push(count + 1);
///                     if let Some(time) = time {
///                         batch.set_timer(0, time + 60_000_000);
///                     }
///                 }
///                 Event::Timer { .. } => {
///                     *batch.state_mut()? = None;
///                     silent.push(batch.key_row());
///                     totals.push(count);
///                 }
///             }
///         }
///         out.some("main", rows, [Arc::new(UInt64Array::from(counts)) as ArrayRef]);
///         out.some("silent", silent, [Arc::new(UInt64Array::from(totals)) as ArrayRef]);
///         Ok(())
///     }
/// }
///
/// export_keyed!(Count);
/// # fn main() {}
/// ```
pub trait KeyedTransform: Sized + 'static {
    /// The step's `config`. Unknown keys are best refused: `#[serde(deny_unknown_fields)]`.
    type Config: DeserializeOwned;
    /// What is remembered of a key. It is kept in the format of `postcard`: fields by their order
    /// and without names, so any change of the type is a new version.
    type State: Serialize + DeserializeOwned;
    /// The version of [`State`](Self::State).
    const STATE_VERSION: u32 = 1;
    /// Older versions that [`migrate`](Self::migrate) understands.
    const READS_VERSIONS: &'static [u32] = &[];

    /// Makes an instance for rows of the schema `input` whose key is the columns `key`, and says
    /// what it will do. Also called when a pipeline is merely checked.
    ///
    /// # Errors
    /// Shown to the author of the pipeline before anything runs.
    fn start(
        config: Self::Config,
        input: &Schema,
        key: &[String],
    ) -> Result<(Self, Description), ConfigErrors>;

    /// Handles the rows and timers of `batch`.
    ///
    /// # Errors
    /// A failure fails the whole call and changes nothing: the host tries again with fewer keys
    /// or rows. Refuse single rows with [`Output::error`] instead.
    fn process(
        &mut self,
        batch: &mut KeyedBatch<Self::State>,
        out: &mut Output,
    ) -> Result<(), Failure>;

    /// The state of today, from one that an older version of the plugin wrote;
    /// [`StateColumn::decode`] reads it.
    ///
    /// # Errors
    /// Stops the pipeline.
    fn migrate(version: u32, state: &[u8]) -> Result<Self::State, Failure> {
        let bytes = state.len();
        Err(Failure(format!("can't read a state of version {version} ({bytes} bytes)")))
    }
}
