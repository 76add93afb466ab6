//! A crash at every step by which state reaches the disk.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use millrace::epoch::Epoch;
use millrace::error::{ErrorKind, Result};
use millrace::storage::{LocalStorage, Storage};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::world::{Change, Model, STEPS, World};
use crate::crash::disk::Loss;
use crate::crash::fixture::scratch;
use crate::crash::storage::{Fault, FaultyStorage};

const THREADS: usize = 2;
const EPOCHS: usize = 4;
/// One of the epochs that are kept then.
const REWIND_TO: usize = 2;
const CHANGES_PER_EPOCH: usize = 18;
/// Room for a few entries: every epoch is merged while the next one goes on.
const MEMORY: usize = 2000;

/// What every run does.
struct Script {
    /// By epoch, the changes of each step.
    changes: Vec<Vec<(usize, Change)>>,
    /// The state after each epoch; that of epoch 0 is empty.
    models: Vec<Model>,
}

impl Script {
    fn new() -> Self {
        let mut random = StdRng::seed_from_u64(7);
        let mut script = Self { changes: vec![Vec::new()], models: vec![Model::default()] };
        for epoch in 1..=EPOCHS {
            let mut model = script.models[epoch - 1].clone();
            let mut changes = Vec::new();
            for _ in 0..CHANGES_PER_EPOCH {
                let step = random.random_range(0..STEPS.len());
                let change = model.random_change(step, &mut random);
                model.apply(step, change.clone());
                changes.push((step, change));
            }
            script.changes.push(changes);
            script.models.push(model);
        }
        script
    }

    /// The state that an epoch of this number has: those after the rewind come twice.
    fn model(&self, epoch: Epoch) -> usize {
        let number = epoch.0 as usize;
        if number <= EPOCHS { number } else { number - EPOCHS + REWIND_TO }
    }

    /// Does the rest of the epochs; then goes back, and does those once more that came after.
    /// `committed` follows what is known to be durable.
    fn run(
        &self,
        directory: &Path,
        storage: Arc<dyn Storage>,
        tasks: usize,
        committed: &mut Epoch,
    ) -> Result<()> {
        let mut world = World::new(directory, storage, MEMORY);
        *committed = world.start(tasks)?;
        self.rest(&mut world, committed)?;
        if *committed == Epoch(EPOCHS as u64) {
            *committed = Epoch(REWIND_TO as u64);
            world.rewind_to(*committed)?;
            *committed = world.start(tasks)?;
            self.rest(&mut world, committed)?;
        }
        Ok(())
    }

    fn rest(&self, world: &mut World, committed: &mut Epoch) -> Result<()> {
        for changes in &self.changes[self.model(*committed) + 1..] {
            for (step, change) in changes {
                world.change(*step, change)?;
            }
            world.commit()?;
            *committed = world.running().epoch;
        }
        world.running().backend.merge()
    }

    /// Whether there is a step of this number. If so, a crash there loses nothing that was
    /// committed, and keeps nothing else.
    fn survives(&self, step: u64) -> bool {
        let directory = scratch();
        let path = directory.path().join("disk");
        std::fs::create_dir(&path).unwrap();
        let storage = FaultyStorage::new(&path, Fault::CrashAt(step)).unwrap();
        let mut committed = Epoch(0);
        let ended = self.run(&path, Arc::new(storage.clone()), 3, &mut committed);
        let crashed = storage.failed() > 0;
        if let Err(error) = ended {
            assert!(crashed, "step {step}: {error}");
            assert_eq!(error.kind, ErrorKind::Unavailable, "step {step}: {error}");
        }
        for (number, loss) in Loss::all().enumerate() {
            storage.crash(loss).unwrap();
            let when = format!("step {step}, {loss:?}");
            let mut least = committed;
            if number as u64 % 2 == step % 2 {
                // The machine may go down again while it recovers.
                let again = Fault::CrashAt(1 + (step * 5 + number as u64) % 80);
                let storage = FaultyStorage::new(&path, again).unwrap();
                let _ = self.run(&path, Arc::new(storage.clone()), 4, &mut least);
                storage.crash(loss).unwrap();
            }
            self.recovers(&path, least, &when);
        }
        crashed
    }

    fn recovers(&self, path: &Path, committed: Epoch, when: &str) {
        let mut world = World::new(path, Arc::new(LocalStorage), MEMORY);
        let epoch = world.start(2).unwrap_or_else(|error| panic!("{when}: {error}"));
        assert!(epoch >= committed, "{when}: epoch {epoch} after {committed}");
        world.check(&self.models[self.model(epoch)], when);
        drop(world);
        self.run(path, Arc::new(LocalStorage), 5, &mut Epoch(0)).unwrap();
        let mut world = World::new(path, Arc::new(LocalStorage), MEMORY);
        world.start(1).unwrap();
        world.check(&self.models[EPOCHS], when);
    }
}

/// The promise of checkpoints: all of an epoch is durable, or none of it, wherever the process or
/// the power dies, while epochs are committed and merged, and while one goes back.
#[test]
fn a_crash_at_any_step_keeps_the_state_of_whole_epochs() {
    let script = Script::new();
    let next = AtomicU64::new(1);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| scope.spawn(|| while script.survives(next.fetch_add(1, Ordering::Relaxed)) {}))
            .collect();
        for thread in threads {
            thread.join().expect("a crash was not survived");
        }
    });
    let steps = next.into_inner();
    assert!(steps > 200, "only {steps} steps: too little was merged");
}
