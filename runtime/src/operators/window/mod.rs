//! GROUP BY: rows aggregated by key and window.
//!
//! Rows since the last freeze are aggregated in memory; a freeze merges them with what is stored.
//! So a window that opens and closes between two freezes never touches the state.

mod groups;
mod hops;
mod input;
mod output;
mod panes;
mod sessions;
mod store;

use std::sync::Arc;

use arrow::array::UInt32Array;

use self::groups::Aggregation;
pub(super) use self::groups::canonical_key;
use self::hops::Hops;
use self::input::Input;
pub(super) use self::input::micros;
use self::output::Output;
use self::panes::Panes;
use self::sessions::Sessions;
use self::store::{Prefix, Store};
use crate::batch::{Batch, Partition};
use crate::config::OutputMode;
use crate::dead_letter::Refuser;
use crate::error::Result;
use crate::operator::{Operator, Outputs};
use crate::plan::{WindowKind, WindowPlan};
use crate::state::{Changes, StepState};
use crate::time::Watermark;

const MAIN: usize = 0;
const ERRORS: usize = 1;
const LATE: usize = 2;

/// Groups are merged with what is stored when they take this much memory, in one task.
const BYTES_MAX: usize = 32 << 20;

/// A step that aggregates, in one task.
pub struct WindowStep {
    core: Core,
    windows: Windows,
    refuser: Refuser,
    /// The last before the end of all input.
    watermark: Watermark,
    /// All input has come.
    ended: bool,
}

/// What is the same for windows of all kinds.
struct Core {
    plan: WindowPlan,
    aggregation: Aggregation,
    store: Store,
    output: Output,
    /// Windows that end here or before are complete.
    complete: i64,
    /// The watermark, the end of all input not counted.
    now: Watermark,
    /// The end of the last window that was sent on.
    last_end: i64,
    /// Whether something came since the last freeze.
    changed: bool,
}

enum Windows {
    /// Those that do not overlap, or none.
    Panes(Panes),
    Hops(Box<Hops>),
    Sessions(Box<Sessions>),
}

impl WindowStep {
    /// A step that goes on where the one that wrote `state` was at the watermark `restored`.
    ///
    /// # Errors
    /// If the state can't be read, or DataFusion can't aggregate so.
    pub fn open(
        node: &str,
        plan: &WindowPlan,
        state: StepState,
        restored: Watermark,
    ) -> Result<Self> {
        let kind = plan.window.as_ref().map(|window| window.kind);
        let prefix = match kind {
            None => Prefix::None,
            Some(WindowKind::Tumble { .. } | WindowKind::Instant) => Prefix::Start,
            Some(WindowKind::Hop { .. } | WindowKind::Session) => Prefix::Both,
        };
        let partition = Partition { source: node.to_owned(), name: String::new() };
        let mut core = Core {
            aggregation: Aggregation::new(plan)?,
            store: Store::new(state, prefix),
            output: Output::new(plan, Arc::new(partition)),
            plan: plan.clone(),
            complete: i64::MIN,
            now: restored,
            last_end: i64::MIN,
            changed: false,
        };
        core.complete = core.complete_at(restored);
        let windows = match kind {
            Some(WindowKind::Hop { slide, size, offset }) => {
                Windows::Hops(Box::new(Hops::open(&mut core, slide, size, offset)?))
            }
            Some(WindowKind::Session) => Windows::Sessions(Box::new(Sessions::open(&mut core)?)),
            Some(WindowKind::Tumble { size, offset }) => {
                Windows::Panes(Panes::open(&mut core, Some((size, offset)))?)
            }
            Some(WindowKind::Instant) => Windows::Panes(Panes::open(&mut core, Some((1, 0)))?),
            None => Windows::Panes(Panes::open(&mut core, None)?),
        };
        let refuser = Refuser { step: node.to_owned(), plugin: None };
        Ok(Self { core, windows, refuser, watermark: restored, ended: false })
    }
}

impl Operator for WindowStep {
    fn process(&mut self, batch: Batch, out: &mut Outputs) -> Result<()> {
        let core = &mut self.core;
        let read = input::read(&core.plan, batch, &self.refuser, ERRORS, out)?;
        let Some(input) = read else { return Ok(()) };
        core.changed = true;
        match &mut self.windows {
            Windows::Panes(panes) => panes.process(core, &input, out),
            Windows::Hops(hops) => hops.process(core, &input, out),
            Windows::Sessions(sessions) => sessions.process(core, &input, out),
        }
    }

    fn watermark(&mut self, watermark: Watermark, out: &mut Outputs) -> Result<()> {
        if watermark == Watermark::END {
            self.ended = true;
        } else {
            self.watermark = self.watermark.max(watermark);
        }
        let core = &mut self.core;
        core.complete = core.complete.max(core.complete_at(watermark));
        core.now = self.watermark;
        match &mut self.windows {
            Windows::Panes(panes) => panes.close(core, out),
            Windows::Hops(hops) => hops.close(core, out),
            Windows::Sessions(sessions) => sessions.close(core, out),
        }
    }

    fn freeze(&mut self, changes: &mut Changes, out: &mut Outputs) -> Result<()> {
        let core = &mut self.core;
        match &mut self.windows {
            Windows::Panes(panes) => panes.freeze(core, out)?,
            Windows::Hops(hops) => hops.freeze(core, out)?,
            Windows::Sessions(sessions) => sessions.freeze(core, out)?,
        }
        core.changed = false;
        if core.plan.state_ttl.is_some() {
            // Only now: a group that had rows in this epoch has just been stored anew, however far
            // event time has moved on within it.
            core.store.expire(core.now.0);
        }
        core.store.freeze(changes)
    }

    /// How far this step has come. After the end of all input that is where the last window ended,
    /// so that a later run with new files goes on from there.
    fn reached(&self) -> Option<Watermark> {
        Some(match (&self.core.plan.window, self.ended) {
            (Some(window), true) if self.core.last_end > i64::MIN => {
                let lag = window.lag.saturating_add(window.lateness);
                self.watermark.max(Watermark(self.core.last_end.saturating_add(lag)))
            }
            _ => self.watermark,
        })
    }
}

impl Core {
    /// Up to where windows are complete at a watermark. In the mode `complete` none ever is.
    fn complete_at(&self, watermark: Watermark) -> i64 {
        match &self.plan.window {
            Some(window) if self.plan.mode != OutputMode::Complete => {
                watermark.lagging(window.lag.saturating_add(window.lateness)).0
            }
            _ => i64::MIN,
        }
    }

    /// Up to where windows are complete for row `row` of a batch: by the watermark of its own
    /// partition, so that it does not depend on others which rows are late.
    fn complete_for(&self, own: Option<&[i64]>, row: usize) -> i64 {
        match own {
            None => self.complete,
            Some(own) => self.complete.max(self.complete_at(Watermark(own[row]))),
        }
    }

    /// Sends rows that are too late to the port `late`.
    fn late(&self, input: &Input, rows: Vec<u32>, out: &mut Outputs) -> Result<()> {
        if !rows.is_empty() {
            out.emit(LATE, input.batch.take(&UInt32Array::from(rows))?);
        }
        Ok(())
    }
}
