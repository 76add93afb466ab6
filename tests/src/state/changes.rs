//! State that lives on in segments.

use std::path::Path;
use std::sync::Arc;

use millrace::epoch::Epoch;
use millrace::error::ErrorKind;
use millrace::state::{
    Changes, CommittedState, Key, NEVER, Segment, StateBackend, StateOptions, StepState, key_group,
    state_directory,
};
use millrace::storage::LocalStorage;
use tempfile::TempDir;

const MEMORY: usize = 1 << 20;

fn open(directory: &Path, segments: &[Segment]) -> millrace::error::Result<StateBackend> {
    let epoch = segments.last().map_or(Epoch(0), |last| last.epoch);
    let segments = segments.to_vec();
    let committed = CommittedState { epoch, segments, ..CommittedState::default() };
    let options = StateOptions { memory_max: MEMORY, keep: 0 };
    StateBackend::open(directory, Arc::new(LocalStorage), committed, options)
}

fn key(text: &str) -> Key<'_> {
    Key { group: key_group(text.as_bytes()), bytes: text.as_bytes() }
}

fn freeze(states: &mut [StepState], directory: &Path, epoch: u64) -> Vec<Segment> {
    let mut segments = Vec::new();
    for (task, state) in states.iter_mut().enumerate() {
        let mut changes = Changes::new();
        state.freeze(&mut changes).unwrap();
        let sealed = changes.seal(&LocalStorage, directory, &format!("{task:02}"), Epoch(epoch));
        segments.extend(sealed.unwrap());
    }
    segments
}

/// Each task must find the keys that are now its own, whatever task had them before.
#[test]
fn state_comes_back_at_another_number_of_tasks() {
    let directory = TempDir::new().unwrap();
    let backend = open(directory.path(), &[]).unwrap();
    let mut states: Vec<_> = (0..3).map(|task| backend.step("s", task, 3).unwrap()).collect();
    let names: Vec<String> = (0..200).map(|n| format!("key {n}")).collect();
    let task = |name: &str, tasks| millrace::state::task_of_group(key(name).group, tasks);
    let mut segments = Vec::new();
    for epoch in 1..4 {
        for name in &names[epoch..] {
            let value = format!("{name} in {epoch}");
            states[task(name, 3)].put(key(name), value.as_bytes(), NEVER).unwrap();
        }
        states[task(&names[10], 3)].remove(key(&names[10])).unwrap();
        segments.extend(freeze(&mut states, directory.path(), epoch as u64));
        backend.committed(Epoch(epoch as u64), segments.clone()).unwrap();
    }
    drop(backend);
    let backend = open(directory.path(), &segments).unwrap();
    for tasks in [1, 2, 5] {
        let mut states: Vec<_> =
            (0..tasks).map(|task| backend.step("s", task, tasks).unwrap()).collect();
        for (number, name) in names.iter().enumerate() {
            let value = states[task(name, tasks)].get(key(name)).unwrap();
            let expected = match number {
                0 | 10 => None,
                1 => Some(format!("{name} in 1")),
                2 => Some(format!("{name} in 2")),
                _ => Some(format!("{name} in 3")),
            };
            assert_eq!(value, expected.as_deref().map(str::as_bytes), "{name}");
        }
    }
}

/// What an epoch left that was never committed must not be taken for state.
#[test]
fn files_that_no_commit_refers_to_are_removed() {
    let directory = TempDir::new().unwrap();
    let backend = open(directory.path(), &[]).unwrap();
    let mut states = [backend.step("s", 0, 1).unwrap()];
    assert!(freeze(&mut states, directory.path(), 1).is_empty(), "nothing has changed");
    states[0].put(key("a"), b"1", NEVER).unwrap();
    assert_eq!(freeze(&mut states, directory.path(), 1).len(), 1);
    drop(backend);
    let backend = open(directory.path(), &[]).unwrap();
    assert_eq!(backend.step("s", 0, 1).unwrap().get(key("a")).unwrap(), None);
    let left = std::fs::read_dir(state_directory(directory.path())).unwrap().map(|e| e.unwrap());
    let left: Vec<_> = left.filter(|e| e.path().extension().unwrap() == "changes").collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Every byte of a segment is part of its checksum.
#[test]
fn a_damaged_segment_is_found() {
    let directory = TempDir::new().unwrap();
    let backend = open(directory.path(), &[]).unwrap();
    let mut states = [backend.step("s", 0, 1).unwrap()];
    states[0].put(key("a"), b"a value", NEVER).unwrap();
    let segments = freeze(&mut states, directory.path(), 1);
    drop(backend);
    let path = state_directory(directory.path()).join(&segments[0].name);
    let good = std::fs::read(&path).unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 4;
        std::fs::write(&path, bad).unwrap();
        let error = open(directory.path(), &segments).err().unwrap();
        assert_eq!(error.kind, ErrorKind::Corrupt, "{error}");
        assert!(error.message.contains("epoch 1"), "{error}");
    }
    std::fs::remove_file(&path).unwrap();
    let error = open(directory.path(), &segments).err().unwrap();
    assert_eq!(error.kind, ErrorKind::Corrupt, "{error}");
}
