//! One lane: a source and the chain of nodes that its rows run through, in one thread.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TryRecvError};

use crate::batch::Batch;
use crate::checkpoint::TaskId;
use crate::epoch::Epoch;
use crate::error::{Error, Result};
use crate::metrics::Metrics;
use crate::operator::{Operator, Outputs};
use crate::plan::{Input, Plan};
use crate::sink::{Sink, Staged};
use crate::source::{Poll, Position, Source};

/// A source is asked for rows for so long before the task looks whether a barrier is due.
const POLL_WAIT: Duration = Duration::from_millis(5);

/// What the coordinator tells a task.
#[derive(Debug, Clone, Copy)]
pub struct Barrier {
    pub epoch: Epoch,
    /// The task ends after it.
    pub last: bool,
}

/// What a task tells the coordinator.
#[derive(Debug)]
pub enum Report {
    Staged { task: TaskId, positions: Vec<(String, Position)>, staged: Vec<Staged> },
    Finished { task: TaskId },
    Failed { error: Error },
}

/// What runs at a node of the chain.
pub enum Stage {
    Operator(Box<dyn Operator>),
    Sink(Box<dyn Sink>),
}

/// The nodes of a lane, with where their rows go next.
pub struct Chain {
    stages: Vec<Link>,
    /// Where the rows of each of the source's ports go.
    from_source: Vec<Vec<usize>>,
    source: usize,
    metrics: Arc<Metrics>,
}

struct Link {
    /// The plan's node.
    node: usize,
    stage: Stage,
    /// For each port the links that read it.
    targets: Vec<Vec<usize>>,
}

impl Chain {
    /// Links `stages`, each with its node of the plan, in the plan's order.
    pub fn new(
        plan: &Plan,
        source: usize,
        stages: Vec<(usize, Stage)>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let nodes: Vec<usize> = stages.iter().map(|(node, _)| *node).collect();
        let readers = |node: usize, port: usize| -> Vec<usize> {
            let reads = |at: &usize| plan.nodes[*at].inputs.contains(&Input { node, port });
            nodes.iter().enumerate().filter(|(_, at)| reads(at)).map(|(link, _)| link).collect()
        };
        let targets = |node: usize| -> Vec<Vec<usize>> {
            (0..plan.nodes[node].ports.len()).map(|port| readers(node, port)).collect()
        };
        let from_source = targets(source);
        let stages = stages
            .into_iter()
            .map(|(node, stage)| Link { node, stage, targets: targets(node) })
            .collect();
        Self { stages, from_source, source, metrics }
    }

    /// Runs rows of the source's `port` through the chain, down to the sinks.
    fn run(&mut self, port: usize, batch: Batch) -> Result<()> {
        count(&self.metrics, self.source, port, &batch);
        let mut waiting: Vec<(usize, Batch)> = Vec::new();
        send(&self.from_source[port], batch, &mut waiting);
        let mut out = Outputs::default();
        while let Some((at, batch)) = waiting.pop() {
            let link = &mut self.stages[at];
            self.metrics.nodes[link.node].rows_in.add(batch.len() as u64);
            match &mut link.stage {
                Stage::Sink(sink) => sink.write(&batch)?,
                Stage::Operator(operator) => {
                    operator.process(batch, &mut out)?;
                    // Last in, first out: backwards, so that what was emitted first goes first.
                    for (port, batch) in out.emitted.drain(..).rev() {
                        count(&self.metrics, link.node, port, &batch);
                        send(&link.targets[port], batch, &mut waiting);
                    }
                }
            }
        }
        Ok(())
    }

    fn stage(&mut self, epoch: Epoch) -> Result<Vec<Staged>> {
        let mut staged = Vec::new();
        for link in &mut self.stages {
            if let Stage::Sink(sink) = &mut link.stage {
                staged.extend(sink.stage(epoch)?);
            }
        }
        Ok(staged)
    }
}

fn count(metrics: &Metrics, node: usize, port: usize, batch: &Batch) {
    metrics.nodes[node].ports[port].1.add(batch.len() as u64);
}

fn send(targets: &[usize], batch: Batch, waiting: &mut Vec<(usize, Batch)>) {
    waiting.extend(targets.iter().rev().map(|target| (*target, batch.clone())));
}

/// Runs a lane until its last barrier, or until nobody sends barriers any more.
///
/// # Errors
/// The first error of its source, its operators or its sinks.
pub fn run(
    task: TaskId,
    mut source: Box<dyn Source>,
    mut chain: Chain,
    barriers: &Receiver<Barrier>,
    reports: &Sender<Report>,
) -> Result<()> {
    let mut finished = false;
    loop {
        let barrier = match finished {
            false => barriers.try_recv(),
            true => barriers.recv().map_err(|_| TryRecvError::Disconnected),
        };
        match barrier {
            Ok(barrier) => {
                let staged = chain.stage(barrier.epoch)?;
                let positions = source.barrier();
                // Without a coordinator the job is over.
                let _ = reports.send(Report::Staged { task, positions, staged });
                if barrier.last {
                    return Ok(());
                }
                continue;
            }
            Err(TryRecvError::Disconnected) => return Ok(()),
            Err(TryRecvError::Empty) => {}
        }
        match source.poll(POLL_WAIT)? {
            Poll::Batch(batch) => chain.run(0, batch)?,
            Poll::Errors(batch) => chain.run(1, batch)?,
            Poll::Pending => {}
            Poll::Finished => {
                finished = true;
                let _ = reports.send(Report::Finished { task });
            }
        }
    }
}
