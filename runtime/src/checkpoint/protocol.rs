//! When barriers go out and epochs are committed. Pure: events in, actions out.

use std::collections::BTreeSet;

use crate::epoch::Epoch;

/// A task of the job, by its place in the graph. Those that read sources come first.
pub type TaskId = usize;

/// When sources are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// All the time; an epoch ends whenever its time is over.
    Always,
    /// All that there is, each time that an epoch is due; the epoch ends once it is read.
    WhenDue,
    /// All that there is, once; then the job ends.
    Once,
}

/// What the coordinator has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The interval is over.
    Due,
    /// A task has staged the epoch that is being collected.
    Staged(TaskId),
    /// A task has read all that its source has now, or (`more`) all that the epoch may hold.
    Drained { task: TaskId, more: bool },
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
    /// Let the sources be read.
    Go,
    /// Send the barrier of this epoch to every source; after the last one all tasks end.
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
    /// So many of the tasks read a source.
    sources: usize,
    reading: Reading,
    committed: Epoch,
    finished: BTreeSet<TaskId>,
    drained: BTreeSet<TaskId>,
    /// Whether a source had more than the epoch could hold.
    more: bool,
    stop: bool,
    phase: Phase,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    Idle,
    /// Sources are read until there is nothing left.
    Reading,
    Collecting {
        missing: BTreeSet<TaskId>,
        last: bool,
        /// Sources are still being read, and go on after the commit.
        reading: bool,
    },
    Committing {
        last: bool,
        reading: bool,
    },
    Ended,
}

impl Protocol {
    /// A job of so many tasks, of which the first `sources` read a source, that goes on after
    /// `committed`.
    pub fn new(tasks: usize, sources: usize, reading: Reading, committed: Epoch) -> Self {
        Self {
            tasks,
            sources,
            reading,
            committed,
            finished: BTreeSet::new(),
            drained: BTreeSet::new(),
            more: false,
            stop: false,
            phase: Phase::Idle,
        }
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
            Event::Drained { task, more } => {
                self.drained.insert(task);
                self.more |= more;
            }
            Event::Staged(task) => return self.staged(task),
            Event::Done { committed } => return self.done(committed),
        }
        let due = event == Event::Due;
        match (&self.phase, self.reading) {
            (Phase::Idle, _) if self.is_over() => self.barrier(false),
            (Phase::Idle, Reading::Always) if due => self.barrier(false),
            (Phase::Idle, Reading::WhenDue | Reading::Once) if due => self.go(),
            (Phase::Reading, _) if self.is_drained() || self.is_over() => self.barrier(false),
            (Phase::Reading, _) if due => self.barrier(true),
            _ => Action::None,
        }
    }

    /// Whether an epoch that is due now would do something.
    pub fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Idle | Phase::Reading)
    }

    /// Whether the next epoch is the last.
    fn is_over(&self) -> bool {
        self.stop || self.finished.len() == self.sources
    }

    fn is_drained(&self) -> bool {
        let is_quiet = |task| self.drained.contains(&task) || self.finished.contains(&task);
        (0..self.sources).all(is_quiet)
    }

    fn go(&mut self) -> Action {
        self.drained.clear();
        self.more = false;
        self.phase = Phase::Reading;
        Action::Go
    }

    fn barrier(&mut self, reading: bool) -> Action {
        let all_read = self.reading == Reading::Once && !reading && !self.more;
        let last = self.is_over() || (all_read && self.phase == Phase::Reading);
        let missing = (0..self.tasks).collect();
        self.phase = Phase::Collecting { missing, last, reading };
        Action::Barrier { epoch: self.current(), last }
    }

    fn staged(&mut self, task: TaskId) -> Action {
        let Phase::Collecting { missing, last, reading } = &mut self.phase else {
            return Action::None;
        };
        missing.remove(&task);
        if !missing.is_empty() {
            return Action::None;
        }
        let (last, reading) = (*last, *reading);
        self.phase = Phase::Committing { last, reading };
        Action::Commit { epoch: self.current(), last }
    }

    fn done(&mut self, committed: bool) -> Action {
        let Phase::Committing { last, reading } = self.phase else { return Action::None };
        if committed {
            self.committed = self.current();
        }
        if last {
            self.phase = Phase::Ended;
            return Action::End;
        }
        self.phase = Phase::Idle;
        if self.is_over() {
            return self.barrier(false);
        }
        if reading {
            self.phase = Phase::Reading;
            return if self.is_drained() { self.barrier(false) } else { Action::None };
        }
        match self.reading {
            Reading::Once => self.go(),
            Reading::Always | Reading::WhenDue => Action::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCES: usize = 2;
    const TASKS: usize = 3;

    /// A job as the protocol sees it: two sources and a step with state behind them.
    #[derive(Clone)]
    struct World {
        protocol: Protocol,
        owed: BTreeSet<TaskId>,
        finished: BTreeSet<TaskId>,
        /// Sources that are reading, where they have to be told to.
        going: BTreeSet<TaskId>,
        limited: bool,
        stopped: bool,
        last_committed: u64,
        last_barriers: u32,
    }

    impl World {
        fn new(reading: Reading) -> Self {
            Self {
                protocol: Protocol::new(TASKS, SOURCES, reading, Epoch(0)),
                owed: BTreeSet::new(),
                finished: BTreeSet::new(),
                going: BTreeSet::new(),
                limited: false,
                stopped: false,
                last_committed: 0,
                last_barriers: 0,
            }
        }

        /// What may happen next.
        fn events(&self) -> Vec<Event> {
            let mut events = vec![Event::Due];
            events.extend(self.owed.iter().map(|task| Event::Staged(*task)));
            let running = (0..SOURCES).filter(|task| !self.finished.contains(task));
            events.extend(running.map(Event::Finished));
            for task in &self.going {
                events.push(Event::Drained { task: *task, more: false });
                events.push(Event::Drained { task: *task, more: true });
            }
            if !self.stopped {
                events.push(Event::Stop);
            }
            events
        }

        /// Lets `event` happen. Whether the job has ended.
        fn happen(&mut self, event: Event) -> bool {
            match event {
                Event::Staged(task) => drop(self.owed.remove(&task)),
                Event::Finished(task) => {
                    self.finished.insert(task);
                    self.going.remove(&task);
                }
                Event::Drained { task, more } => {
                    self.going.remove(&task);
                    self.limited |= more;
                }
                Event::Stop => self.stopped = true,
                Event::Due | Event::Done { .. } => {}
            }
            let action = self.protocol.next(event);
            self.act(action)
        }

        fn act(&mut self, action: Action) -> bool {
            let over = self.stopped || self.finished.len() == SOURCES;
            match action {
                Action::None => false,
                Action::Go => {
                    assert_ne!(self.protocol.reading, Reading::Always);
                    assert!(self.owed.is_empty());
                    self.going = (0..SOURCES).filter(|t| !self.finished.contains(t)).collect();
                    self.limited = false;
                    false
                }
                Action::Barrier { epoch, last } => {
                    assert!(self.owed.is_empty(), "a barrier while another is collected");
                    assert_eq!(epoch.0, self.last_committed + 1);
                    let all_read = self.protocol.reading == Reading::Once
                        && self.going.is_empty()
                        && !self.limited;
                    assert_eq!(last, over || all_read);
                    self.last_barriers += u32::from(last);
                    self.owed = (0..TASKS).collect();
                    false
                }
                Action::Commit { epoch, .. } => {
                    assert!(self.owed.is_empty(), "committed before all have staged");
                    assert_eq!(epoch.0, self.last_committed + 1);
                    self.last_committed += 1;
                    let next = self.protocol.next(Event::Done { committed: true });
                    self.act(next)
                }
                Action::End => {
                    assert_eq!(self.last_barriers, 1);
                    true
                }
            }
        }
    }

    fn explore(world: &World, depth: u32, ends: &mut u32) {
        if depth == 0 {
            return;
        }
        for event in world.events() {
            let mut next = world.clone();
            if next.happen(event) {
                *ends += 1;
            } else {
                explore(&next, depth - 1, ends);
            }
        }
    }

    /// Every order of events in which tasks stage, drain and finish: an epoch is committed once
    /// all tasks have staged it, numbers grow by one, and after a stop, the end of all sources or,
    /// where all is to be read once, the end of what there is, exactly one more epoch follows.
    #[test]
    fn every_order_of_events_commits_whole_epochs_and_ends() {
        for reading in [Reading::Always, Reading::WhenDue, Reading::Once] {
            let mut ends = 0;
            explore(&World::new(reading), 9, &mut ends);
            assert!(ends > 100, "{reading:?}: {ends}");
        }
    }

    /// Whatever happened, a job whose tasks go on doing their part ends.
    #[test]
    fn a_job_that_reads_once_always_ends() {
        fn finish(mut world: World) {
            for _ in 0..20 {
                let events = world.events();
                let pick = |wanted: fn(&Event) -> bool| events.iter().copied().find(wanted);
                let event = pick(|e| matches!(e, Event::Staged(_)))
                    .or_else(|| pick(|e| matches!(e, Event::Drained { more: false, .. })));
                if world.happen(event.unwrap_or(Event::Due)) {
                    return;
                }
            }
            panic!("it goes on for ever: {:?}", world.protocol);
        }
        fn explore(world: &World, depth: u32) {
            finish(world.clone());
            for event in world.events() {
                let mut next = world.clone();
                if depth > 0 && !next.happen(event) {
                    explore(&next, depth - 1);
                }
            }
        }
        explore(&World::new(Reading::Once), 5);
    }

    #[test]
    fn an_epoch_that_held_nothing_gives_its_number_to_the_next() {
        let mut protocol = Protocol::new(1, 1, Reading::Always, Epoch(7));
        assert_eq!(protocol.next(Event::Due), Action::Barrier { epoch: Epoch(8), last: false });
        protocol.next(Event::Staged(0));
        assert_eq!(protocol.next(Event::Done { committed: false }), Action::None);
        assert_eq!(protocol.next(Event::Due), Action::Barrier { epoch: Epoch(8), last: false });
    }
}
