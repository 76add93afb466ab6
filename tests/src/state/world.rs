//! State of several steps and tasks with a checkpoint, and a model of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use millrace::checkpoint::{self, Checkpoint, Commit, Store};
use millrace::epoch::Epoch;
use millrace::error::Result;
use millrace::state::{
    Changes, Key, NEVER, StateBackend, StateOptions, StepState, key_group, task_of_group,
};
use millrace::storage::Storage;
use rand::RngExt;
use rand::rngs::StdRng;

pub const STEPS: [&str; 2] = ["windows", "totals"];
const USERS: u32 = 40;
const WINDOWS: u64 = 5;
/// Entries that expire do so within a few of these.
pub const TICK: i64 = 1 << 20;

/// What is in the state.
#[derive(Debug, Clone, Default)]
pub struct Model {
    /// By step and key: the value and when it expires.
    pub entries: BTreeMap<(usize, Vec<u8>), (Vec<u8>, i64)>,
    pub now: i64,
}

/// What a job does with state.
pub struct World {
    storage: Arc<dyn Storage>,
    memory_max: usize,
    /// How many epochs one can go back.
    pub keep: usize,
    directory: PathBuf,
    pub warnings: Vec<String>,
    pub running: Option<Running>,
}

pub struct Running {
    pub store: Store,
    pub backend: StateBackend,
    /// By step and task.
    pub states: Vec<Vec<StepState>>,
    pub tasks: usize,
    pub epoch: Epoch,
}

/// A change of state, by step.
#[derive(Debug, Clone)]
pub enum Change {
    Put { group: u8, key: Vec<u8>, value: Vec<u8>, expires: i64 },
    Remove { group: u8, key: Vec<u8> },
    RemovePrefix(Vec<u8>),
    Expire(i64),
}

/// The key of a user, in a window if the step has windows, with its group.
pub fn random_key(step: usize, random: &mut StdRng) -> (u8, Vec<u8>) {
    let user = format!("user {}", random.random_range(0..USERS)).into_bytes();
    let window = (step == 0).then(|| random.random_range(0..WINDOWS));
    let mut bytes = window.map(|w| w.to_be_bytes().to_vec()).unwrap_or_default();
    bytes.extend_from_slice(&user);
    (key_group(&user), bytes)
}

/// Mostly a window.
pub fn random_prefix(step: usize, random: &mut StdRng) -> Vec<u8> {
    let (_, mut bytes) = random_key(step, random);
    bytes.truncate(match random.random_range(0..10) {
        0 => bytes.len(),
        1 => bytes.len() - 1,
        _ => 8,
    });
    bytes
}

impl Model {
    pub fn random_change(&self, step: usize, random: &mut StdRng) -> Change {
        match random.random_range(0..64) {
            0..45 => {
                let (group, key) = random_key(step, random);
                let number: u32 = random.random();
                let value = format!("{number}{}", "x".repeat(random.random_range(0..20)));
                let expires = match random.random_bool(0.3) {
                    true => self.now + random.random_range(-1..4 * TICK),
                    false => NEVER,
                };
                Change::Put { group, key, value: value.into_bytes(), expires }
            }
            45..55 => {
                let (group, key) = random_key(step, random);
                Change::Remove { group, key }
            }
            55..59 => Change::RemovePrefix(random_prefix(step, random)),
            _ => Change::Expire(self.now + random.random_range(0..TICK)),
        }
    }

    pub fn apply(&mut self, step: usize, change: Change) {
        match change {
            Change::Put { key, value, expires, .. } => {
                self.entries.insert((step, key), (value, expires));
            }
            Change::Remove { key, .. } => {
                self.entries.remove(&(step, key));
            }
            Change::RemovePrefix(prefix) => {
                self.entries.retain(|(of, key), _| *of != step || !key.starts_with(&prefix));
            }
            Change::Expire(now) => self.now = now,
        }
    }

    pub fn get(&self, step: usize, key: &[u8]) -> Option<Vec<u8>> {
        let found = self.entries.get(&(step, key.to_vec()));
        found.filter(|(_, expires)| *expires > self.now).map(|(value, _)| value.clone())
    }

    /// The live entries whose keys begin so.
    pub fn scan(&self, step: usize, prefix: &[u8]) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let keys = self.entries.keys();
        let keys = keys.filter(|(of, key)| *of == step && key.starts_with(prefix));
        keys.filter_map(|(_, key)| Some((key.clone(), self.get(step, key)?))).collect()
    }
}

impl World {
    pub fn new(directory: &Path, storage: Arc<dyn Storage>, memory_max: usize) -> Self {
        let directory = directory.to_owned();
        Self { storage, memory_max, keep: 3, directory, warnings: Vec::new(), running: None }
    }

    /// Starts from what was committed.
    pub fn start(&mut self, tasks: usize) -> Result<Epoch> {
        self.running = None;
        let options = StateOptions { memory_max: self.memory_max, keep: self.keep };
        let opened = checkpoint::open(&self.directory, "world", &self.storage, options)?;
        let Checkpoint { store, recovered, state: backend } = opened;
        let open = |step: &&str| -> Result<Vec<StepState>> {
            (0..tasks).map(|task| backend.step(step, task, tasks)).collect()
        };
        let states = STEPS.iter().map(open).collect::<Result<Vec<_>>>()?;
        let epoch = recovered.epoch;
        self.warnings = recovered.warnings;
        self.running = Some(Running { store, backend, states, tasks, epoch });
        Ok(recovered.state_epoch)
    }

    /// Stops, and goes back to a random one of the epochs that are kept. Returns which.
    pub fn rewind(&mut self, random: &mut StdRng) -> Result<Epoch> {
        self.running = None;
        let store = Store::open(&self.directory, "world", &*self.storage)?;
        let kept: Vec<Epoch> = store.recover()?.history.into_keys().collect();
        drop(store);
        let Some(to) = kept.get(random.random_range(0..kept.len().max(1))) else {
            return Ok(Epoch(0));
        };
        self.rewind_to(*to)?;
        Ok(*to)
    }

    pub fn rewind_to(&mut self, to: Epoch) -> Result<()> {
        self.running = None;
        Store::open(&self.directory, "world", &*self.storage)?.rewind(to)
    }

    pub fn running(&mut self) -> &mut Running {
        self.running.as_mut().unwrap()
    }

    pub fn commit(&mut self) -> Result<()> {
        let running = self.running.as_mut().unwrap();
        let epoch = running.epoch.next();
        let mut segments = Vec::new();
        for task in 0..running.tasks {
            let mut changes = Changes::new();
            for step in &mut running.states {
                step[task].freeze(&mut changes)?;
            }
            let name = format!("{task:02}");
            segments.extend(changes.seal(&*self.storage, &self.directory, &name, epoch)?);
        }
        let commit = Commit {
            epoch,
            segments: segments.clone(),
            merged: running.backend.merged(),
            keep: self.keep,
            ..Commit::default()
        };
        running.store.commit(&commit)?;
        running.epoch = epoch;
        running.backend.committed(epoch, segments)
    }

    pub fn change(&mut self, step: usize, change: &Change) -> Result<()> {
        let running = self.running();
        match change {
            Change::Put { group, key, value, expires } => {
                let key = Key { group: *group, bytes: key };
                running.state(step, *group).put(key, value, *expires)
            }
            Change::Remove { group, key } => {
                running.state(step, *group).remove(Key { group: *group, bytes: key })
            }
            Change::RemovePrefix(prefix) => {
                running.states[step].iter_mut().try_for_each(|state| state.remove_prefix(prefix))
            }
            Change::Expire(now) => {
                running.states.iter_mut().flatten().for_each(|state| state.expire(*now));
                Ok(())
            }
        }
    }

    /// Whether the state is what the model is.
    pub fn check(&mut self, model: &Model, when: &str) {
        for step in 0..STEPS.len() {
            assert_eq!(self.running().scan(step, b""), model.scan(step, b""), "{when}");
        }
    }
}

impl Running {
    pub fn state(&mut self, step: usize, group: u8) -> &mut StepState {
        let task = task_of_group(group, self.tasks);
        &mut self.states[step][task]
    }

    pub fn scan(&mut self, step: usize, prefix: &[u8]) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let mut found = BTreeMap::new();
        for state in &mut self.states[step] {
            let mut visit = |key: Key, value: &[u8]| {
                assert!(found.insert(key.bytes.to_vec(), value.to_vec()).is_none());
                Ok(())
            };
            state.scan(prefix, &mut visit).unwrap();
        }
        found
    }
}
