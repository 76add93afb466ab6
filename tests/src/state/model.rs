//! State against a model of it: a map that forgets what was not committed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use millrace::epoch::Epoch;
use millrace::state::{
    Changes, Key, NEVER, Segment, StateBackend, StepState, key_group, task_of_group,
};
use millrace::storage::{LocalStorage, Storage};
use proptest::prelude::{ProptestConfig, any};
use proptest::proptest;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::crash::fixture::scratch;

const STEPS: [&str; 2] = ["windows", "totals"];
const USERS: u32 = 40;
const WINDOWS: u64 = 5;
/// Entries that expire do so within a few of these.
const TICK: i64 = 1 << 20;

type Entries = BTreeMap<(usize, Vec<u8>), (Vec<u8>, i64)>;

/// What is in the state, and what a crash leaves of it.
#[derive(Debug, Clone, Default)]
struct Model {
    entries: Entries,
    now: i64,
}

/// State of several steps and tasks, with the coordinator's part of a checkpoint.
pub struct World {
    storage: Arc<dyn Storage>,
    memory_max: usize,
    directory: std::path::PathBuf,
    backend: Option<StateBackend>,
    /// By step and task.
    states: Vec<Vec<StepState>>,
    tasks: usize,
    epoch: Epoch,
    segments: Vec<Segment>,
}

/// A user's key, in a window if there is one.
fn whole_key(user: u32, window: Option<u64>) -> (u8, Vec<u8>) {
    let user = format!("user {user}").into_bytes();
    let mut bytes = window.map(|w| w.to_be_bytes().to_vec()).unwrap_or_default();
    bytes.extend_from_slice(&user);
    (key_group(&user), bytes)
}

impl World {
    pub fn open(
        directory: &Path,
        storage: Arc<dyn Storage>,
        memory_max: usize,
        tasks: usize,
    ) -> Self {
        let mut world = Self {
            storage,
            memory_max,
            directory: directory.to_owned(),
            backend: None,
            states: Vec::new(),
            tasks,
            epoch: Epoch(0),
            segments: Vec::new(),
        };
        world.reopen(tasks);
        world
    }

    /// What was not committed is gone.
    pub fn reopen(&mut self, tasks: usize) {
        self.states.clear();
        self.backend = None;
        self.tasks = tasks;
        let segments = self.segments.clone();
        let storage = self.storage.clone();
        let opened = StateBackend::open(&self.directory, storage, segments, self.memory_max);
        let backend = opened.unwrap();
        let steps = STEPS
            .iter()
            .map(|step| (0..tasks).map(|task| backend.step(step, task, tasks).unwrap()).collect());
        self.states = steps.collect();
        self.backend = Some(backend);
    }

    fn state(&mut self, step: usize, group: u8) -> &mut StepState {
        let task = task_of_group(group, self.tasks);
        &mut self.states[step][task]
    }

    pub fn commit(&mut self) {
        self.epoch = self.epoch.next();
        let mut segments = Vec::new();
        for task in 0..self.tasks {
            let mut changes = Changes::new();
            for step in &mut self.states {
                step[task].freeze(&mut changes).unwrap();
            }
            let name = format!("{task:02}");
            let sealed = changes.seal(&*self.storage, &self.directory, &name, self.epoch);
            segments.extend(sealed.unwrap());
        }
        self.segments.extend(segments.clone());
        let backend = self.backend.as_ref().unwrap();
        backend.committed(self.epoch, segments).unwrap();
        let merged = backend.merged();
        self.segments.retain(|segment| segment.epoch > merged);
    }

    fn check(&mut self, model: &Model) {
        for step in 0..STEPS.len() {
            let mut found = BTreeMap::new();
            for state in &mut self.states[step] {
                let mut visit = |key: Key, value: &[u8]| {
                    let again = found.insert((step, key.bytes.to_vec()), value.to_vec());
                    assert!(again.is_none(), "visited twice");
                    Ok(())
                };
                state.scan(b"", &mut visit).unwrap();
            }
            let live = model.entries.iter().filter(|(key, _)| key.0 == step);
            let live = live.filter(|(_, (_, expires))| *expires > model.now);
            let live = live.map(|(key, (value, _))| (key.clone(), value.clone()));
            assert_eq!(found, live.collect::<BTreeMap<_, _>>(), "step {step}");
        }
    }
}

struct Run {
    world: World,
    model: Model,
    committed: Model,
    random: StdRng,
    /// Grows with each write, so that no two values are the same.
    writes: u64,
}

impl Run {
    fn key(&mut self, step: usize) -> (u8, Vec<u8>) {
        let user = self.random.random_range(0..USERS);
        let window = (step == 0).then(|| self.random.random_range(0..WINDOWS));
        whole_key(user, window)
    }

    fn operation(&mut self) {
        let step = self.random.random_range(0..STEPS.len());
        match self.random.random_range(0..100) {
            0..45 => self.put(step),
            45..60 => self.get(step),
            60..68 => {
                let (group, bytes) = self.key(step);
                let key = Key { group, bytes: &bytes };
                self.world.state(step, group).remove(key).unwrap();
                self.model.entries.remove(&(step, bytes));
            }
            68..72 => self.get_many(step),
            72..76 => self.scan(step),
            76..80 => self.remove_prefix(step),
            80..85 => {
                self.model.now += self.random.random_range(0..TICK);
                let now = self.model.now;
                self.world.states.iter_mut().flatten().for_each(|state| state.expire(now));
            }
            85..94 => {
                self.world.commit();
                self.committed = self.model.clone();
            }
            94..96 => self.world.backend.as_ref().unwrap().merge().unwrap(),
            96..98 => self.world.check(&self.model),
            _ => {
                let tasks = self.random.random_range(1..6);
                self.world.reopen(tasks);
                self.model = self.committed.clone();
                self.world.check(&self.model);
            }
        }
    }

    fn put(&mut self, step: usize) {
        let (group, bytes) = self.key(step);
        self.writes += 1;
        let value = format!("{}{}", self.writes, "x".repeat(self.random.random_range(0..20)));
        let expires = match self.random.random_bool(0.3) {
            true => self.model.now + self.random.random_range(-1..4 * TICK),
            false => NEVER,
        };
        let key = Key { group, bytes: &bytes };
        self.world.state(step, group).put(key, value.as_bytes(), expires).unwrap();
        self.model.entries.insert((step, bytes), (value.into_bytes(), expires));
    }

    fn expected(&self, step: usize, bytes: &[u8]) -> Option<Vec<u8>> {
        let found = self.model.entries.get(&(step, bytes.to_vec()));
        found.filter(|(_, expires)| *expires > self.model.now).map(|(value, _)| value.clone())
    }

    fn get(&mut self, step: usize) {
        let (group, bytes) = self.key(step);
        let expected = self.expected(step, &bytes);
        let key = Key { group, bytes: &bytes };
        let found = self.world.state(step, group).get(key).unwrap().map(<[u8]>::to_vec);
        assert_eq!(found, expected);
    }

    fn get_many(&mut self, step: usize) {
        let keys: Vec<_> = (0..20).map(|_| self.key(step)).collect();
        for task in 0..self.world.tasks {
            let of_task = keys.iter().filter(|k| task_of_group(k.0, self.world.tasks) == task);
            let of_task: Vec<Key> =
                of_task.map(|(group, bytes)| Key { group: *group, bytes }).collect();
            let mut found = vec![None; of_task.len()];
            let mut visit = |at: usize, value: Option<&[u8]>| {
                found[at] = value.map(<[u8]>::to_vec);
                Ok(())
            };
            self.world.states[step][task].get_many(&of_task, &mut visit).unwrap();
            let expected: Vec<_> =
                of_task.iter().map(|key| self.expected(step, key.bytes)).collect();
            assert_eq!(found, expected);
        }
    }

    fn prefix(&mut self, step: usize) -> Vec<u8> {
        let (_, bytes) = self.key(step);
        let length = match self.random.random_range(0..10) {
            0 => bytes.len(),
            1 => bytes.len() - 1,
            _ => 8.min(bytes.len()),
        };
        bytes[..length].to_vec()
    }

    fn scan(&mut self, step: usize) {
        let prefix = self.prefix(step);
        let mut found = BTreeMap::new();
        for state in &mut self.world.states[step] {
            let mut visit = |key: Key, value: &[u8]| {
                assert!(found.insert(key.bytes.to_vec(), value.to_vec()).is_none());
                Ok(())
            };
            state.scan(&prefix, &mut visit).unwrap();
        }
        let keys = self.model.entries.keys();
        let keys = keys.filter(|(of, bytes)| *of == step && bytes.starts_with(&prefix));
        let expected: BTreeMap<_, _> = keys
            .filter_map(|(_, bytes)| Some((bytes.clone(), self.expected(step, bytes)?)))
            .collect();
        assert_eq!(found, expected);
    }

    fn remove_prefix(&mut self, step: usize) {
        let prefix = self.prefix(step);
        for state in &mut self.world.states[step] {
            state.remove_prefix(&prefix).unwrap();
        }
        self.model.entries.retain(|(of, key), _| *of != step || !key.starts_with(&prefix));
    }
}

fn run(seed: u64, memory_max: usize, operations: usize) {
    let directory = scratch();
    let world = World::open(directory.path(), Arc::new(LocalStorage), memory_max, 3);
    let (model, committed) = (Model::default(), Model::default());
    let random = StdRng::seed_from_u64(seed);
    let mut run = Run { world, model, committed, random, writes: 0 };
    for _ in 0..operations {
        run.operation();
    }
    run.world.check(&run.model);
    let merged = run.world.backend.as_ref().unwrap().merged();
    assert!(merged > Epoch(0), "nothing was merged");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Nothing is merged but when it is asked for: reads see memory and base together.
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
