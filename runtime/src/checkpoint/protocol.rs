//! When barriers go out and epochs are committed. Pure: events in, actions out.

use std::collections::BTreeSet;

use crate::epoch::Epoch;

/// A task of the job, by its place in the graph.
pub type TaskId = usize;

/// What the coordinator has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The checkpoint interval is over.
    Due,
    /// A task has staged the epoch that is being collected.
    Staged(TaskId),
    /// A task's source is at its end.
    Finished(TaskId),
    /// The user wants the job to stop.
    Stop,
    /// The epoch that was to be committed is; or it held nothing and was not.
    Done { committed: bool },
}

/// What the coordinator has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    None,
    /// Send the barrier of this epoch to every task; after the last one they end.
    Barrier {
        epoch: Epoch,
        last: bool,
    },
    /// All tasks have staged: commit and publish, then say `Done`.
    Commit {
        epoch: Epoch,
        last: bool,
    },
    /// Everything is committed.
    End,
}

/// The state of a job's checkpoints. One epoch is collected at a time.
#[derive(Debug, Clone)]
pub struct Protocol {
    tasks: usize,
    committed: Epoch,
    finished: BTreeSet<TaskId>,
    stop: bool,
    phase: Phase,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    Idle,
    Collecting { missing: BTreeSet<TaskId>, last: bool },
    Committing { last: bool },
    Ended,
}

impl Protocol {
    /// A job of so many tasks that goes on after `committed`.
    pub fn new(tasks: usize, committed: Epoch) -> Self {
        let finished = BTreeSet::new();
        Self { tasks, committed, finished, stop: false, phase: Phase::Idle }
    }

    /// The epoch whose rows are being processed.
    pub fn current(&self) -> Epoch {
        self.committed.next()
    }

    pub fn next(&mut self, event: Event) -> Action {
        match event {
            Event::Due => {}
            Event::Stop => self.stop = true,
            Event::Finished(task) => drop(self.finished.insert(task)),
            Event::Staged(task) => return self.staged(task),
            Event::Done { committed } => return self.done(committed),
        }
        let wanted = event == Event::Due || self.is_over();
        if wanted && self.phase == Phase::Idle { self.barrier() } else { Action::None }
    }

    /// Whether the next epoch is the last.
    fn is_over(&self) -> bool {
        self.stop || self.finished.len() == self.tasks
    }

    fn barrier(&mut self) -> Action {
        let last = self.is_over();
        self.phase = Phase::Collecting { missing: (0..self.tasks).collect(), last };
        Action::Barrier { epoch: self.current(), last }
    }

    fn staged(&mut self, task: TaskId) -> Action {
        let Phase::Collecting { missing, last } = &mut self.phase else { return Action::None };
        missing.remove(&task);
        if !missing.is_empty() {
            return Action::None;
        }
        let last = *last;
        self.phase = Phase::Committing { last };
        Action::Commit { epoch: self.current(), last }
    }

    fn done(&mut self, committed: bool) -> Action {
        let Phase::Committing { last } = self.phase else { return Action::None };
        if committed {
            self.committed = self.current();
        }
        if last {
            self.phase = Phase::Ended;
            return Action::End;
        }
        self.phase = Phase::Idle;
        if self.is_over() { self.barrier() } else { Action::None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every order of events in which tasks stage and finish: an epoch is committed once all
    /// tasks have staged it, numbers grow by one, and after a stop or the end of all sources
    /// exactly one more epoch follows.
    #[test]
    fn every_order_of_events_commits_whole_epochs_and_ends() {
        const TASKS: usize = 2;
        #[derive(Clone)]
        struct World {
            protocol: Protocol,
            owed: BTreeSet<TaskId>,
            finished: BTreeSet<TaskId>,
            stopped: bool,
            last_committed: u64,
            barriers_after_end: u32,
        }
        fn act(world: &mut World, action: Action) -> bool {
            match action {
                Action::None => false,
                Action::Barrier { epoch, last } => {
                    assert!(world.owed.is_empty(), "a barrier while another is collected");
                    assert_eq!(epoch.0, world.last_committed + 1);
                    let over = world.stopped || world.finished.len() == TASKS;
                    assert_eq!(last, over);
                    world.barriers_after_end += u32::from(over);
                    world.owed = (0..TASKS).collect();
                    false
                }
                Action::Commit { epoch, .. } => {
                    assert!(world.owed.is_empty(), "committed before all have staged");
                    assert_eq!(epoch.0, world.last_committed + 1);
                    world.last_committed += 1;
                    let next = world.protocol.next(Event::Done { committed: true });
                    act(world, next)
                }
                Action::End => {
                    assert_eq!(world.barriers_after_end, 1);
                    true
                }
            }
        }
        fn explore(world: World, depth: u32, ends: &mut u32) {
            if depth == 0 {
                return;
            }
            let mut events = vec![Event::Due];
            events.extend(world.owed.iter().map(|task| Event::Staged(*task)));
            let running = (0..TASKS).filter(|task| !world.finished.contains(task));
            events.extend(running.map(Event::Finished));
            if !world.stopped {
                events.push(Event::Stop);
            }
            for event in events {
                let mut next = world.clone();
                match event {
                    Event::Staged(task) => drop(next.owed.remove(&task)),
                    Event::Finished(task) => drop(next.finished.insert(task)),
                    Event::Stop => next.stopped = true,
                    Event::Due | Event::Done { .. } => {}
                }
                let action = next.protocol.next(event);
                if act(&mut next, action) {
                    *ends += 1;
                } else {
                    explore(next, depth - 1, ends);
                }
            }
        }
        let world = World {
            protocol: Protocol::new(TASKS, Epoch(0)),
            owed: BTreeSet::new(),
            finished: BTreeSet::new(),
            stopped: false,
            last_committed: 0,
            barriers_after_end: 0,
        };
        let mut ends = 0;
        explore(world, 9, &mut ends);
        assert!(ends > 100);
    }

    #[test]
    fn an_epoch_that_held_nothing_gives_its_number_to_the_next() {
        let mut protocol = Protocol::new(1, Epoch(7));
        assert_eq!(protocol.next(Event::Due), Action::Barrier { epoch: Epoch(8), last: false });
        protocol.next(Event::Staged(0));
        assert_eq!(protocol.next(Event::Done { committed: false }), Action::None);
        assert_eq!(protocol.next(Event::Due), Action::Barrier { epoch: Epoch(8), last: false });
    }
}
