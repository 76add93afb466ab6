//! State against a model of it: a map that forgets what was not committed.

use std::collections::BTreeMap;
use std::sync::Arc;

use millrace::epoch::Epoch;
use millrace::state::{Key, task_of_group};
use millrace::storage::LocalStorage;
use proptest::prelude::{ProptestConfig, any};
use proptest::proptest;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::world::{Model, STEPS, World, random_key, random_prefix};
use crate::crash::fixture::scratch;

struct Run {
    world: World,
    model: Model,
    /// By epoch. That of epoch 0 is empty.
    committed: BTreeMap<Epoch, Model>,
    random: StdRng,
}

impl Run {
    fn operation(&mut self) {
        let step = self.random.random_range(0..STEPS.len());
        match self.random.random_range(0..100) {
            0..60 => {
                let change = self.model.random_change(step, &mut self.random);
                self.world.change(step, &change).unwrap();
                self.model.apply(step, change);
            }
            60..76 => self.get(step),
            76..80 => self.get_many(step),
            80..85 => {
                let prefix = random_prefix(step, &mut self.random);
                let found = self.world.running().scan(step, &prefix);
                assert_eq!(found, self.model.scan(step, &prefix));
            }
            85..94 => {
                self.world.commit().unwrap();
                let epoch = self.world.running().epoch;
                self.committed.insert(epoch, self.model.clone());
            }
            94..96 => self.world.running().backend.merge().unwrap(),
            96..98 => self.world.check(&self.model, "between"),
            98 => self.start(),
            _ => {
                let to = self.world.rewind(&mut self.random).unwrap();
                self.committed.split_off(&to.next());
                self.start();
            }
        }
    }

    /// What was not committed is gone.
    fn start(&mut self) {
        let epoch = self.world.start(self.random.random_range(1..6)).unwrap();
        assert_eq!(epoch, *self.committed.last_key_value().unwrap().0);
        self.model = self.committed[&epoch].clone();
        self.world.check(&self.model, "after a start");
    }

    fn get(&mut self, step: usize) {
        let (group, bytes) = random_key(step, &mut self.random);
        let key = Key { group, bytes: &bytes };
        let found = self.world.running().state(step, group).get(key).unwrap();
        assert_eq!(found.map(<[u8]>::to_vec), self.model.get(step, &bytes));
    }

    fn get_many(&mut self, step: usize) {
        let keys: Vec<_> = (0..20).map(|_| random_key(step, &mut self.random)).collect();
        let running = self.world.running();
        for task in 0..running.tasks {
            let of_task = keys.iter().filter(|k| task_of_group(k.0, running.tasks) == task);
            let of_task: Vec<Key> =
                of_task.map(|(group, bytes)| Key { group: *group, bytes }).collect();
            let mut found = vec![None; of_task.len()];
            let visit = |at: usize, value: Option<&[u8]>| {
                found[at] = value.map(<[u8]>::to_vec);
                Ok(())
            };
            running.states[step][task].get_many(&of_task, visit).unwrap();
            let expected = of_task.iter().map(|key| self.model.get(step, key.bytes));
            assert_eq!(found, expected.collect::<Vec<_>>());
        }
    }
}

fn run(seed: u64, memory_max: usize, operations: usize) {
    let directory = scratch();
    let mut world = World::new(directory.path(), Arc::new(LocalStorage), memory_max);
    world.start(3).unwrap();
    let (model, committed) = (Model::default(), BTreeMap::from([(Epoch(0), Model::default())]));
    let mut run = Run { world, model, committed, random: StdRng::seed_from_u64(seed) };
    for _ in 0..operations {
        run.operation();
    }
    run.world.check(&run.model, "in the end");
    run.world.running().backend.merge().unwrap();
    assert!(run.world.running().backend.merged() > Epoch(0), "nothing was merged");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) })]

    /// Merged only when it is asked for: reads see memory and base together.
    #[test]
    fn state_is_what_the_model_is(seed in any::<u64>()) {
        run(seed, 64 << 20, 600);
    }

    /// With room for a few entries only, everything is merged at once and read back.
    #[test]
    fn state_that_does_not_fit_into_memory_is_what_the_model_is(seed in any::<u64>()) {
        run(seed, 2000, 600);
    }
}
