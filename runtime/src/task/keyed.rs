//! A task with the state of one step for some of its keys, in one thread.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crossbeam_channel::{Receiver, Select, Sender};

use super::chain::Flow;
use super::{Barrier, Chain, EpochPart, Message, Report, Tally};
use crate::checkpoint::{Alignment, TaskId};
use crate::error::Result;
use crate::source::Activity;
use crate::state::Changes;
use crate::storage::Storage;
use crate::time::Watermark;
use crate::watermark::{InputTime, Watermarks};

pub struct KeyedTask {
    pub task: TaskId,
    /// The step with state.
    pub step: String,
    pub inputs: Vec<Receiver<Message>>,
    pub watermarks: Watermarks,
    pub chain: Chain,
    /// Where changes of state are written, and what their files' names begin with.
    pub storage: Arc<dyn Storage>,
    pub directory: PathBuf,
    pub reports: Sender<Report>,
}

impl KeyedTask {
    /// Runs until the last barrier, or until an input is gone.
    ///
    /// # Errors
    /// The first error of its operators or its sinks.
    pub fn run(mut self) -> Result<()> {
        let mut alignment = Alignment::new(self.inputs.len());
        let mut told = InputTime::Idle;
        // Clocks in this task have no partition that could hold back what is behind them.
        let unknown = InputTime::At(Watermark::NONE);
        if self.chain.tell(unknown, &Activity::default()).is_err() {
            return Ok(());
        }
        // What an input gave before its barrier belongs to the epoch, what comes after it waits.
        loop {
            // Before every message: those that come without a pause must not keep timers waiting.
            if self.chain.wakes_at().is_some_and(|at| at <= now())
                && self.chain.wake(now())?.is_err()
            {
                return Ok(());
            }
            let flow = match receive(&self.inputs, &alignment, self.chain.wakes_at()) {
                Received::Message(_, Message::Rows(batch)) => self.chain.process(batch)?,
                Received::Message(input, Message::Time(time)) => {
                    self.time(input, time, &mut told)?
                }
                Received::Message(input, Message::Barrier(barrier)) => {
                    match alignment.meet(input) {
                        false => Ok(()),
                        true => {
                            let flow = self.barrier(&barrier)?;
                            if barrier.last {
                                return Ok(());
                            }
                            flow
                        }
                    }
                }
                Received::Nothing => Ok(()),
                Received::Gone => return Ok(()),
            };
            if flow.is_err() {
                return Ok(());
            }
        }
    }

    fn time(&mut self, input: usize, time: InputTime, told: &mut InputTime) -> Result<Flow> {
        if let Some(watermark) = self.watermarks.hear(input, time)
            && let Err(closed) = self.move_on(watermark)?
        {
            return Ok(Err(closed));
        }
        let time = self.watermarks.time();
        if time == *told {
            return Ok(Ok(()));
        }
        *told = time;
        self.chain.note_time(time);
        Ok(self.chain.tell(time, &Activity::default()))
    }

    /// Moves event time on, and tells those behind.
    fn move_on(&mut self, watermark: Watermark) -> Result<Flow> {
        if let Err(closed) = self.chain.watermark(watermark)? {
            return Ok(Err(closed));
        }
        // Also if all inputs are idle: what is behind must hear how far they came.
        Ok(self.chain.tell(InputTime::At(watermark), &Activity::default()))
    }

    fn barrier(&mut self, barrier: &Barrier) -> Result<Flow> {
        let mut changes = Changes::new();
        if let Err(closed) = self.chain.freeze(&mut changes)? {
            return Ok(Err(closed));
        }
        let (staged, flow) = self.chain.stage(barrier)?;
        let name = format!("{}-{}", barrier.epoch, self.task);
        let mut tally = Tally { rows: self.chain.take_counts(), ..Tally::default() };
        tally.state = Some((self.chain.head(), changes.tally));
        let segment = changes.seal(&*self.storage, &self.directory, &name, barrier.epoch)?;
        let reached = self.chain.reached().map(|watermark| (self.step.clone(), watermark));
        let part = EpochPart { staged, segment, reached, tally, ..EpochPart::default() };
        // Without a coordinator the job is over.
        let _ = self.reports.send(Report::Staged { task: self.task, part: Box::new(part) });
        if let Some(deployment) = &barrier.deployment {
            self.chain.deploy(deployment)?;
        }
        Ok(flow)
    }
}

/// What a task hears.
enum Received {
    /// From which input.
    Message(usize, Message),
    /// Nothing, until it was time for the head to be woken.
    Nothing,
    /// An input is gone: its task has failed, or the job is over.
    Gone,
}

/// The next message of the inputs that are not held back.
fn receive(inputs: &[Receiver<Message>], alignment: &Alignment, wakes_at: Option<i64>) -> Received {
    let mut select = Select::new();
    let open: Vec<usize> = (0..inputs.len()).filter(|input| !alignment.is_met(*input)).collect();
    for input in &open {
        select.recv(&inputs[*input]);
    }
    let ready = match wakes_at {
        None => select.select(),
        Some(at) => {
            let wait = u64::try_from(at.saturating_sub(now())).unwrap_or(0);
            match select.select_timeout(Duration::from_micros(wait)) {
                Ok(ready) => ready,
                Err(_) => return Received::Nothing,
            }
        }
    };
    let input = open[ready.index()];
    match ready.recv(&inputs[input]) {
        Ok(message) => Received::Message(input, message),
        Err(_) => Received::Gone,
    }
}

/// Microseconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    since.as_micros() as i64
}
