//! Damaged state is found, and recovery goes back to what is good.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use millrace::checkpoint::Store;
use millrace::epoch::Epoch;
use millrace::error::ErrorKind;
use millrace::state::{Key, key_group, state_directory};
use millrace::storage::LocalStorage;
use tempfile::TempDir;

use super::world::{Change, Model, World};
use crate::crash::fixture::scratch;

const MEMORY: usize = 64 << 20;

/// A world in which epoch n has set the key `a` to n, up to epoch 5, and its models by epoch.
fn five_epochs() -> (TempDir, World, Vec<Model>) {
    let directory = scratch();
    let mut world = World::new(directory.path(), Arc::new(LocalStorage), MEMORY);
    world.start(2).unwrap();
    let mut models = vec![Model::default()];
    for epoch in 1..=5 {
        let change = put(&format!("value {epoch}"));
        world.change(1, &change).unwrap();
        let mut model = models[epoch - 1].clone();
        model.apply(1, change);
        models.push(model);
        world.commit().unwrap();
    }
    (directory, world, models)
}

fn put(value: &str) -> Change {
    let key = b"a".to_vec();
    let value = value.as_bytes().to_vec();
    Change::Put { group: key_group(&key), key, value, expires: i64::MAX }
}

fn segment(directory: &Path, epoch: u64) -> PathBuf {
    let entries = fs::read_dir(state_directory(directory)).unwrap();
    let mut paths = entries.map(|entry| entry.unwrap().path());
    let start = format!("{epoch:010}");
    paths.find(|p| p.file_name().unwrap().to_str().unwrap().starts_with(&start)).unwrap()
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// Law: damage is never taken for state. What was before it still can be.
#[test]
fn recovery_goes_back_before_a_damaged_segment_and_says_so() {
    let (directory, mut world, models) = five_epochs();
    world.running = None;
    flip(&segment(directory.path(), 4), 30);
    assert_eq!(world.start(1).unwrap(), Epoch(3));
    world.check(&models[3], "after the damage");
    let [warning] = &world.warnings[..] else { panic!("{:?}", world.warnings) };
    for part in ["from epoch 5 to epoch 3", "already published", "epoch 4"] {
        assert!(warning.contains(part), "{warning}");
    }
    // A sink that has published epoch 4 would take another epoch 4 for it.
    world.commit().unwrap();
    assert_eq!(world.running().epoch, Epoch(6));
    world.start(3).unwrap();
    world.check(&models[3], "later");
    assert!(world.warnings.is_empty());
}

#[test]
fn damage_before_all_epochs_that_are_kept_is_an_error() {
    let (directory, mut world, _) = five_epochs();
    world.running = None;
    flip(&segment(directory.path(), 1), 30);
    let error = world.start(1).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Corrupt);
    assert!(error.message.contains("backup"), "{error}");
}

/// The base has no second copy: what is wrong in it must at least be seen.
#[test]
fn a_damaged_entry_of_the_base_is_an_error_where_it_is_read() {
    let (directory, mut world, _) = five_epochs();
    world.running().backend.merge().unwrap();
    world.running = None;
    let path = state_directory(directory.path()).join("base.redb");
    let bytes = fs::read(&path).unwrap();
    let value = b"value 5";
    let places = bytes.windows(value.len()).enumerate().filter(|(_, window)| window == value);
    for (at, _) in places {
        flip(&path, at);
    }
    world.start(1).unwrap();
    let key = Key { group: key_group(b"a"), bytes: b"a" };
    let error = world.running().state(1, key.group).get(key).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Corrupt);
    let error = world.running().states[1][0].scan(b"", &mut |_, _| Ok(())).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Corrupt);
}

/// A base that is gone, or is from another time, must not be taken for one without entries.
#[test]
fn a_base_that_does_not_fit_the_checkpoint_is_refused() {
    let (directory, mut world, _) = five_epochs();
    world.keep = 0;
    world.running().backend.merge().unwrap();
    world.start(1).unwrap();
    world.running().backend.merge().unwrap();
    for value in ["b", "c"] {
        world.change(1, &put(value)).unwrap();
        world.commit().unwrap();
        world.running().backend.merge().unwrap();
    }
    world.running = None;
    fs::remove_file(state_directory(directory.path()).join("base.redb")).unwrap();
    let error = world.start(1).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Corrupt, "{error}");
    let (other, mut world, _) = five_epochs();
    world.running().backend.merge().unwrap();
    world.running = None;
    let base = |directory: &Path| state_directory(directory).join("base.redb");
    fs::copy(base(other.path()), base(directory.path())).unwrap();
    let mut world = World::new(directory.path(), Arc::new(LocalStorage), MEMORY);
    let error = world.start(1).unwrap_err();
    assert!(error.message.contains("another checkpoint"), "{error}");
}

#[test]
fn an_epoch_that_is_not_kept_is_refused_by_name() {
    let (directory, mut world, models) = five_epochs();
    world.running = None;
    let open = || Store::open(directory.path(), "world", &LocalStorage).unwrap();
    let error = open().rewind(Epoch(1)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Config);
    assert!(error.message.contains("epoch 1") && error.message.contains("is 2"), "{error}");
    open().rewind(Epoch(2)).unwrap();
    assert_eq!(world.start(2).unwrap(), Epoch(2));
    world.check(&models[2], "after the rewind");
}
