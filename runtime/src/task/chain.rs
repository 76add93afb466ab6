//! The nodes of a task, and how rows run through them.

use std::sync::Arc;
use std::time::Instant;

use super::{Barrier, Clock, EpochPart, Exchange};
use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::graph::Outlet;
use crate::metrics::Metrics;
use crate::operator::{Operator, Outputs};
use crate::plan::{Deployment, Input, Plan};
use crate::sink::{Sink, Staged};
use crate::source::{Activity, Position};
use crate::state::Changes;
use crate::task::exchange::Closed;
use crate::time::Watermark;
use crate::watermark::InputTime;

/// What runs at a node of the chain.
pub enum Stage {
    Operator(Box<dyn Operator>),
    Sink(Box<dyn Sink>),
    /// The node itself runs in other tasks.
    Exchange(Exchange),
}

/// Whether the job still has use for what the task does.
pub type Flow = std::result::Result<(), Closed>;

/// The nodes behind a head, with where their rows go next. The head is a source, or a step with
/// state.
pub struct Chain {
    links: Vec<Link>,
    head: Link,
    /// Which of the task's group this is, for metrics.
    lane: usize,
    metrics: Arc<Metrics>,
}

struct Link {
    /// The plan's node.
    node: usize,
    stage: Option<Stage>,
    /// For each port the links that read it.
    targets: Vec<Vec<usize>>,
    /// For each port the rows that it has given since the last barrier; for a sink, those that it
    /// took.
    given: Vec<u64>,
    clock: Option<Clock>,
    /// Of an exchange: where its event time comes from.
    outlet: Option<Outlet>,
}

/// A node with what runs there.
pub struct Part {
    pub node: usize,
    /// `None` at the head of a lane, whose rows come from its source.
    pub stage: Option<Stage>,
    pub clock: Option<Clock>,
    pub outlet: Option<Outlet>,
}

impl Chain {
    /// Links the head and `parts`, which are in the plan's order.
    pub fn new(
        plan: &Plan,
        head: Part,
        parts: Vec<Part>,
        lane: usize,
        metrics: Arc<Metrics>,
    ) -> Self {
        let nodes: Vec<usize> = parts.iter().map(|part| part.node).collect();
        let readers = |node: usize, port: usize| -> Vec<usize> {
            let reads = |at: &usize| plan.nodes[*at].inputs.contains(&Input { node, port });
            nodes.iter().enumerate().filter(|(_, at)| reads(at)).map(|(link, _)| link).collect()
        };
        let link = |part: Part| Link {
            node: part.node,
            given: vec![0; plan.nodes[part.node].ports.len().max(1)],
            stage: part.stage,
            // What a step with state gives is given by the task that runs it.
            targets: match part.outlet {
                Some(_) => Vec::new(),
                None => (0..plan.nodes[part.node].ports.len())
                    .map(|port| readers(part.node, port))
                    .collect(),
            },
            clock: part.clock,
            outlet: part.outlet,
        };
        Self { head: link(head), links: parts.into_iter().map(link).collect(), lane, metrics }
    }

    /// Runs rows of the source's `port` through the chain, down to sinks and exchanges.
    pub fn give(&mut self, port: usize, batch: Batch) -> Result<Flow> {
        let mut out = Outputs { emitted: vec![(port, batch)] };
        self.run(&mut out)
    }

    /// Gives rows to the head.
    pub fn process(&mut self, batch: Batch) -> Result<Flow> {
        self.metrics.nodes[self.head.node].rows_in.add(batch.len() as u64);
        self.at_head(|operator, out| operator.process(batch, out))
    }

    /// Tells the head that event time has moved on.
    pub fn watermark(&mut self, watermark: Watermark) -> Result<Flow> {
        self.at_head(|operator, out| operator.watermark(watermark, out))
    }

    /// Ends an epoch: what the head still gives belongs to it.
    pub fn freeze(&mut self, changes: &mut Changes) -> Result<Flow> {
        self.at_head(|operator, out| operator.freeze(changes, out))
    }

    /// When the head wants to be woken, in microseconds since 1970.
    pub fn wakes_at(&self) -> Option<i64> {
        match &self.head.stage {
            Some(Stage::Operator(operator)) => operator.wakes_at(),
            _ => None,
        }
    }

    /// Tells the head the time.
    pub fn wake(&mut self, now: i64) -> Result<Flow> {
        self.at_head(|operator, out| operator.wake(now, out))
    }

    /// The watermark that the checkpoint keeps for the head.
    pub fn reached(&self) -> Option<Watermark> {
        match &self.head.stage {
            Some(Stage::Operator(operator)) => operator.reached(),
            _ => None,
        }
    }

    fn at_head(
        &mut self,
        work: impl FnOnce(&mut dyn Operator, &mut Outputs) -> Result<()>,
    ) -> Result<Flow> {
        let mut out = Outputs::default();
        if let Some(Stage::Operator(operator)) = &mut self.head.stage {
            let started = Instant::now();
            work(&mut **operator, &mut out).map_err(|e| self.at_its_head(e))?;
            self.metrics.nodes[self.head.node].worked_since(started);
        }
        self.run(&mut out)
    }

    /// The error, as one of the head.
    pub fn at_its_head(&self, error: Error) -> Error {
        error.at(&self.metrics.nodes[self.head.node].name)
    }

    /// Runs what the head has given through the links.
    fn run(&mut self, out: &mut Outputs) -> Result<Flow> {
        let mut waiting: Vec<(usize, Batch)> = Vec::new();
        pass_on(&mut self.head, out, &self.metrics, &mut waiting)?;
        while let Some((at, batch)) = waiting.pop() {
            let link = &mut self.links[at];
            let node = &self.metrics.nodes[link.node];
            match &mut link.stage {
                None => {}
                Some(Stage::Sink(sink)) => {
                    node.rows_in.add(batch.len() as u64);
                    link.given[0] += batch.len() as u64;
                    let started = Instant::now();
                    sink.write(&batch).map_err(|e| e.at(&node.name))?;
                    node.worked_since(started);
                }
                Some(Stage::Operator(operator)) => {
                    node.rows_in.add(batch.len() as u64);
                    let started = Instant::now();
                    operator.process(batch, out).map_err(|e| e.at(&node.name))?;
                    node.worked_since(started);
                    pass_on(link, out, &self.metrics, &mut waiting)?;
                }
                Some(Stage::Exchange(exchange)) => {
                    if let Err(closed) = exchange.send(batch)? {
                        return Ok(Err(closed));
                    }
                }
            }
        }
        Ok(Ok(()))
    }

    /// Tells the steps with state how far event time has come: that of the clocks which their
    /// rows have passed, or else that of the head.
    pub fn tell(&mut self, head: InputTime, activity: &Activity) -> Flow {
        let mut all = std::iter::once(&self.head).chain(&self.links);
        if !all.any(|link| link.clock.is_some() || link.outlet.is_some()) {
            return Ok(());
        }
        let now = Instant::now();
        let mut times: Vec<(usize, InputTime)> = Vec::new();
        let mut highest: Vec<(usize, InputTime)> = Vec::new();
        for link in std::iter::once(&self.head).chain(&self.links) {
            if let Some(clock) = &link.clock {
                let (time, holder) = clock.time(activity, now);
                if time == InputTime::Idle {
                    highest.push((link.node, clock.highest(activity)));
                }
                self.metrics.nodes[link.node].time.set(self.lane, time, holder);
                times.push((link.node, time));
            }
        }
        let lowest = |times: &[(usize, InputTime)], outlet: &Outlet| {
            let of_clocks = times.iter().filter(|(node, _)| outlet.clocks.contains(node));
            let of_clocks = of_clocks.map(|(_, time)| *time);
            of_clocks.chain(outlet.head.then_some(head)).reduce(InputTime::min)
        };
        for link in &mut self.links {
            let (Some(Stage::Exchange(exchange)), Some(outlet)) = (&mut link.stage, &link.outlet)
            else {
                continue;
            };
            match lowest(&times, outlet) {
                Some(InputTime::Idle) if !exchange.is_idle() => {
                    exchange.time(lowest(&highest, outlet).unwrap_or(InputTime::Idle))?;
                    exchange.time(InputTime::Idle)?;
                }
                Some(time) => exchange.time(time)?,
                None => {}
            }
        }
        Ok(())
    }

    /// Tells the steps with state how far event time has come in all that was read, of which
    /// nothing is left. So they come to the same, whichever lane read what.
    pub fn tell_latest(&mut self) -> Flow {
        let links = std::iter::once(&self.head).chain(&self.links);
        let times = links.filter_map(|link| Some((link.node, link.clock.as_ref()?.latest())));
        let times: Vec<(usize, InputTime)> = times.collect();
        self.tell_outlets(|outlet| {
            let of_clocks = times.iter().filter(|(node, _)| outlet.clocks.contains(node));
            of_clocks.map(|(_, time)| *time).reduce(InputTime::min)
        })
    }

    /// Tells the steps with state that this is their event time from now on.
    pub fn tell_all(&mut self, time: InputTime) -> Flow {
        self.tell_outlets(|_| Some(time))
    }

    fn tell_outlets(&mut self, time: impl Fn(&Outlet) -> Option<InputTime>) -> Flow {
        for link in &mut self.links {
            if let (Some(Stage::Exchange(exchange)), Some(outlet)) = (&mut link.stage, &link.outlet)
                && let Some(time) = time(outlet)
            {
                exchange.time(time)?;
            }
        }
        Ok(())
    }

    /// Makes the sinks' output of an epoch durable, and sends its barrier on.
    pub fn stage(&mut self, barrier: &Barrier) -> Result<(Vec<Staged>, Flow)> {
        let mut staged = Vec::new();
        let mut flow = Ok(());
        for link in &mut self.links {
            match &mut link.stage {
                Some(Stage::Sink(sink)) => {
                    let node = &self.metrics.nodes[link.node];
                    let started = Instant::now();
                    staged.extend(sink.stage(barrier.epoch).map_err(|e| e.at(&node.name))?);
                    node.worked_since(started);
                }
                Some(Stage::Exchange(exchange)) => flow = flow.and(exchange.barrier(barrier)),
                Some(Stage::Operator(_)) | None => {}
            }
        }
        Ok((staged, flow))
    }

    /// Lets the operators of a part run other versions.
    pub fn deploy(&mut self, deployment: &Deployment) -> Result<()> {
        for link in std::iter::once(&mut self.head).chain(&mut self.links) {
            if let Some(Stage::Operator(operator)) = &mut link.stage {
                let node = &self.metrics.nodes[link.node].name;
                operator.deploy(deployment).map_err(|e| e.at(node))?;
            }
        }
        Ok(())
    }

    /// What the clocks add to an epoch.
    pub fn freeze_clocks(&mut self, positions: &[(String, Position)], part: &mut EpochPart) {
        for link in std::iter::once(&mut self.head).chain(&mut self.links) {
            if let Some(clock) = &mut link.clock {
                clock.freeze(positions, &mut part.clocks);
                part.tally.times.add(clock.take_times());
            }
        }
    }

    /// The rows that went by since the last call, by port.
    pub fn take_counts(&mut self) -> Vec<(Input, u64)> {
        let mut counts = Vec::new();
        for link in std::iter::once(&mut self.head).chain(&mut self.links) {
            for (port, rows) in link.given.iter_mut().enumerate().filter(|(_, rows)| **rows > 0) {
                counts.push((Input { node: link.node, port }, std::mem::take(rows)));
            }
        }
        counts
    }

    /// The node at the head.
    pub fn head(&self) -> usize {
        self.head.node
    }

    /// Notes how far the head's event time has come.
    pub fn note_time(&self, time: InputTime) {
        self.metrics.nodes[self.head.node].time.set(self.lane, time, None);
    }
}

/// Counts what a link has given, and puts it before its readers.
fn pass_on(
    link: &mut Link,
    out: &mut Outputs,
    metrics: &Metrics,
    waiting: &mut Vec<(usize, Batch)>,
) -> Result<()> {
    if let Some(clock) = &mut link.clock {
        clock.observe(&mut out.emitted)?;
    }
    // Last in, first out: backwards, so that what was emitted first goes first.
    let node = &metrics.nodes[link.node];
    for (port, batch) in out.emitted.drain(..).rev() {
        node.ports[port].1.add(batch.len() as u64);
        node.tap.pass(port, &batch);
        link.given[port] += batch.len() as u64;
        let targets = link.targets[port].iter().rev();
        if !batch.is_empty() {
            waiting.extend(targets.map(|target| (*target, batch.clone())));
        }
    }
    Ok(())
}
