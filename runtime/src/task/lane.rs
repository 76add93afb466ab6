//! A lane: a source, and the nodes that its rows run through, in one thread.

use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError};

use super::chain::Flow;
use super::{Barrier, Chain, Control, EpochPart, Report};
use crate::checkpoint::TaskId;
use crate::error::Result;
use crate::source::{Poll, Source};
use crate::state::Pressure;
use crate::time::Watermark;
use crate::watermark::InputTime;

/// A source is asked for rows for so long before the lane looks whether a barrier is due.
const POLL_WAIT: Duration = Duration::from_millis(5);

/// When a lane reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// All the time.
    Continuous,
    /// From [`Control::Go`] until there is nothing left.
    Triggered,
}

pub struct Lane {
    pub task: TaskId,
    pub source: Box<dyn Source>,
    pub chain: Chain,
    pub pace: Pace,
    /// Whether the end of the source is the end of time: windows that are open then are complete.
    pub ends_time: bool,
    pub controls: Receiver<Control>,
    pub reports: Sender<Report>,
    /// While it is high nothing is read: the epoch should end first.
    pub pressure: Pressure,
}

impl Lane {
    /// Runs until the last barrier, or until nobody sends any more.
    ///
    /// # Errors
    /// The first error of its source, its operators or its sinks.
    pub fn run(mut self) -> Result<()> {
        let mut finished = false;
        let mut resting = self.pace == Pace::Triggered;
        loop {
            let held = self.pressure.is_high();
            let control = match (finished || resting, held) {
                (true, _) => self.controls.recv().map_err(|_| TryRecvError::Disconnected),
                (false, true) => self.controls.recv_timeout(POLL_WAIT).map_err(|e| match e {
                    RecvTimeoutError::Timeout => TryRecvError::Empty,
                    RecvTimeoutError::Disconnected => TryRecvError::Disconnected,
                }),
                (false, false) => self.controls.try_recv(),
            };
            match control {
                Ok(Control::Barrier(barrier)) => {
                    if self.barrier(&barrier)?.is_err() || barrier.last {
                        return Ok(());
                    }
                    continue;
                }
                Ok(Control::Go) => resting = false,
                Err(TryRecvError::Disconnected) => return Ok(()),
                Err(TryRecvError::Empty) => {}
            }
            if held || finished {
                continue;
            }
            let polled = self.source.poll(POLL_WAIT).map_err(|e| self.chain.at_its_head(e))?;
            let flow = match polled {
                Poll::Batch(batch) => self.chain.give(0, batch)?,
                Poll::Errors(batch) => self.chain.give(1, batch)?,
                Poll::Mixed { rows, errors } => match self.chain.give(1, errors)? {
                    Ok(()) => self.chain.give(0, rows)?,
                    closed => closed,
                },
                Poll::Waiting => Ok(()),
                Poll::Pending => self.rest(false, &mut resting),
                Poll::Full => self.rest(true, &mut resting),
                Poll::Reached => {
                    resting = true;
                    self.report(Report::Drained { task: self.task, more: false });
                    Ok(())
                }
                Poll::Finished => {
                    finished = true;
                    self.finish()
                }
            };
            if flow.is_err() || (!finished && self.tell().is_err()) {
                return Ok(());
            }
        }
    }

    /// There is nothing to read now.
    fn rest(&mut self, more: bool, resting: &mut bool) -> Flow {
        if self.pace == Pace::Triggered {
            *resting = true;
            self.report(Report::Drained { task: self.task, more });
        }
        match self.ends_time || more {
            true => Ok(()),
            false => self.chain.tell_latest(),
        }
    }

    fn finish(&mut self) -> Flow {
        let flow = match self.ends_time {
            true => self.chain.tell_all(InputTime::At(Watermark::END)),
            false => self.chain.tell_latest().and_then(|()| self.chain.tell_all(InputTime::Idle)),
        };
        self.report(Report::Finished { task: self.task });
        flow
    }

    fn tell(&mut self) -> Flow {
        let activity = self.source.activity();
        self.chain.tell(InputTime::Idle, &activity)
    }

    fn barrier(&mut self, barrier: &Barrier) -> Result<Flow> {
        let (staged, flow) = self.chain.stage(barrier)?;
        let positions = self.source.barrier();
        let mut part = EpochPart { staged, ..EpochPart::default() };
        self.chain.freeze_clocks(&positions, &mut part);
        part.tally.rows = self.chain.take_counts();
        part.positions = positions;
        self.report(Report::Staged { task: self.task, part: Box::new(part) });
        if let Some(deployment) = &barrier.deployment {
            self.chain.deploy(deployment)?;
        }
        Ok(flow)
    }

    fn report(&self, report: Report) {
        // Without a coordinator the job is over.
        let _ = self.reports.send(report);
    }
}
