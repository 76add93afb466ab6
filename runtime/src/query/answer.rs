//! Answers from a checkpoint and its state.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::Query;
use super::decode::Decoder;
use crate::checkpoint::{Recovered, Store, components};
use crate::epoch::Epoch;
use crate::error::{Error, Result};
use crate::operators::names;
use crate::plan::{Layout, Shape};
use crate::state::{self, Key, StateBackend, key_group};
use crate::storage::Storage;

/// What is looked at.
pub struct View<'a> {
    pub directory: &'a Path,
    pub storage: &'a dyn Storage,
    pub store: &'a Store,
    pub state: &'a StateBackend,
}

type Out<'a> = &'a mut dyn FnMut(Value) -> Result<()>;

/// Gives the answer to `out`, object by object.
///
/// # Errors
/// `Config` if there is no such step or key, `Corrupt` if the state is damaged, and those of `out`.
pub fn answer(query: &Query, view: &View, out: Out) -> Result<()> {
    let recovered = view.store.recover()?;
    match query {
        Query::Ready => Err(Error::unavailable("the pipeline does not run")),
        Query::Epochs => epochs(view, &recovered, out),
        Query::Verify => {
            let entries = view.state.verify();
            verify_with(view.directory, view.storage, &recovered, entries, out)
        }
        Query::Steps => {
            for (step, shape) in &recovered.shapes {
                let keys: Vec<&String> = shape.key.iter().map(|field| field.name()).collect();
                out(json!({ "step": step, "kind": shape.kind, "key": keys }))?;
            }
            Ok(())
        }
        Query::Entries { step, limit } => entries(view, &recovered, step, *limit, out),
        Query::Get { step, key } => get(view, &recovered, step, key, out),
        Query::Stats { step } => stats(view, &recovered, step.as_deref(), out),
    }
}

fn epochs(view: &View, recovered: &Recovered, out: Out) -> Result<()> {
    for (epoch, record) in &recovered.history {
        let of_epoch = recovered.segments.iter().filter(|segment| segment.epoch == *epoch);
        let (segments, bytes) =
            of_epoch.fold((0, 0), |(count, bytes), segment| (count + 1, bytes + segment.bytes));
        let committed = jiff::Timestamp::from_millisecond(record.committed_ms);
        let rows: u64 = record.outputs.iter().map(|output| output.rows).sum();
        let waiting = recovered.staged.get(epoch).map_or(0, Vec::len);
        out(json!({
            "epoch": epoch.0,
            "current": *epoch == recovered.state_epoch,
            "committed": committed.map_or(Value::Null, |time| time.to_string().into()),
            "output_rows": rows,
            "output_files": record.outputs.len(),
            "unpublished_files": waiting,
            "state_segments": segments,
            "state_bytes": bytes,
            "merged": *epoch <= view.state.stats().merged,
        }))?;
    }
    Ok(())
}

/// Checks a checkpoint that is not open, so that damage does not keep it from being looked at.
///
/// # Errors
/// Those of `out`.
pub fn verify(
    directory: &Path,
    storage: &dyn Storage,
    recovered: &Recovered,
    out: Out,
) -> Result<()> {
    let entries = state::verify(directory, storage, &recovered.state());
    verify_with(directory, storage, recovered, entries, out)
}

fn verify_with(
    directory: &Path,
    storage: &dyn Storage,
    recovered: &Recovered,
    entries: Result<u64>,
    out: Out,
) -> Result<()> {
    for segment in &recovered.segments {
        let found = segment.read(storage, directory).err().map(|error| error.to_string());
        let epoch = segment.epoch.0;
        out(json!({ "part": "changes", "epoch": epoch, "file": segment.name, "damage": found }))?;
    }
    for (epoch, staged) in
        recovered.staged.iter().flat_map(|(epoch, staged)| staged.iter().map(move |s| (epoch, s)))
    {
        // What is gone from staging was published.
        let damage = match storage.read(staged.path()) {
            Ok(bytes) if crc32fast::hash(&bytes) == staged.crc32() => None,
            Ok(_) => Some("it is not what was written".to_owned()),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
            Err(e) => Some(e.to_string()),
        };
        out(
            json!({ "part": "output", "epoch": epoch.0, "file": staged.name(), "damage": damage }),
        )?;
    }
    for (part, placed) in &recovered.deployed {
        let candidate = placed.candidate.as_ref().map(|on_trial| &on_trial.version);
        let versions = [Some(&placed.current), placed.previous.as_ref(), candidate];
        for version in versions.into_iter().flatten().filter(|v| !v.config.is_null()) {
            let digest = &version.digest;
            let path = components(directory).join(format!("{digest}.wasm"));
            let damage = match storage.read(&path) {
                Ok(bytes) if crate::plugin::digest(&bytes) == *digest => None,
                Ok(_) => Some(format!("{} is not what was written", path.display())),
                Err(e) => Some(format!("{}: {e}", path.display())),
            };
            out(json!({
                "part": "component", "step": part, "file": format!("{digest}.wasm"),
                "damage": damage
            }))?;
        }
    }
    let damage = entries.as_ref().err().map(ToString::to_string);
    out(json!({ "part": "merged state", "entries": entries.unwrap_or(0), "damage": damage }))
}

/// The parts of a step that have state, by their names; a step that was not split is its own part.
fn parts<'a>(recovered: &'a Recovered, step: &str) -> Result<Vec<(&'a str, &'a Shape)>> {
    let of_step = |part: &&String| *part == step || part.split('#').next() == Some(step);
    let parts: Vec<_> = recovered
        .shapes
        .iter()
        .filter(|(part, _)| of_step(part))
        .map(|(part, shape)| (part.as_str(), shape))
        .collect();
    if !parts.is_empty() {
        return Ok(parts);
    }
    let known: BTreeSet<&str> =
        recovered.shapes.keys().filter_map(|p| p.split('#').next()).collect();
    let known: Vec<&str> = known.into_iter().collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Err(Error::config(format!(
        "the checkpoint has no state of a step `{step}`; the steps with state are: {known}"
    )))
}

/// Ends a scan early.
const ENOUGH: &str = "enough was seen";

fn entries(
    view: &View,
    recovered: &Recovered,
    step: &str,
    limit: Option<u64>,
    out: Out,
) -> Result<()> {
    let mut left = limit.unwrap_or(u64::MAX);
    for (part, shape) in parts(recovered, step)? {
        let decoder = Decoder::new(shape)?;
        let scanned = view.state.view(part)?.scan(&[], &mut |key, value| {
            let Some(shown) = decoder.entry(key.bytes, value) else { return Ok(()) };
            if left == 0 {
                return Err(Error::internal(ENOUGH));
            }
            left -= 1;
            out(shown)
        });
        match scanned {
            Err(error) if error.message == ENOUGH => return Ok(()),
            other => other?,
        }
    }
    Ok(())
}

fn get(view: &View, recovered: &Recovered, step: &str, key: &str, out: Out) -> Result<()> {
    let parts = parts(recovered, step)?;
    parts.into_iter().try_for_each(|(part, shape)| get_of(view, part, shape, key, out))
}

fn get_of(view: &View, part: &str, shape: &Shape, key: &str, out: Out) -> Result<()> {
    let decoder = Decoder::new(shape)?;
    let user = decoder.read_key(key)?;
    let group = key_group(&user);
    let mut state = view.state.view(part)?;
    let mut show = |key: &[u8], value: &[u8]| decoder.entry(key, value).map_or(Ok(()), &mut *out);
    match shape.layout {
        Layout::Key => {
            let found = state.get(Key { group, bytes: &user })?;
            found.map_or(Ok(()), |value| show(&user, value))
        }
        Layout::Windows(times) => state.scan(&[], &mut |key, value| match key.group == group
            && key.bytes.get(8 * times..) == Some(&user[..])
        {
            true => show(key.bytes, value),
            false => Ok(()),
        }),
        Layout::Plugin => {
            let mut entry = Vec::new();
            names::entry(&user, &mut entry);
            if let Some(value) = state.get(Key { group, bytes: &entry })? {
                show(&entry, value)?;
            }
            for kind in [names::MAP, names::LIST] {
                let mut prefix = names::large(kind, &user, "");
                prefix.truncate(prefix.len() - 4);
                state.scan(&prefix, &mut |key, value| show(key.bytes, value))?;
            }
            Ok(())
        }
    }
}

fn stats(view: &View, recovered: &Recovered, step: Option<&str>, out: Out) -> Result<()> {
    let parts: Vec<&str> = match step {
        Some(step) => parts(recovered, step)?.into_iter().map(|(part, _)| part).collect(),
        None => recovered.shapes.keys().map(String::as_str).collect(),
    };
    for step in parts {
        let (mut entries, mut key_bytes, mut value_bytes) = (0_u64, 0_u64, 0_u64);
        view.state.view(step)?.scan(&[], &mut |key, value| {
            entries += 1;
            key_bytes += key.bytes.len() as u64;
            value_bytes += value.len() as u64;
            Ok(())
        })?;
        out(json!({
            "step": step,
            "entries": entries,
            "key_bytes": key_bytes,
            "value_bytes": value_bytes,
            "watermark": recovered.watermarks.get(step).and_then(|w| time(*w)),
        }))?;
    }
    if step.is_none() {
        let stats = view.state.stats();
        let base = state::state_directory(view.directory).join("base.redb");
        let file = std::fs::metadata(base).map_or(0, |base| base.len());
        let Epoch(merged) = stats.merged;
        out(json!({
            "epoch": recovered.state_epoch.0,
            "merged_epoch": merged,
            "waiting_segments": stats.waiting_segments,
            "waiting_bytes": stats.waiting_bytes,
            "base_file_bytes": file,
        }))?;
    }
    Ok(())
}

fn time(micros: i64) -> Option<String> {
    let time = jiff::Timestamp::from_microsecond(micros).ok()?;
    Some(time.to_string())
}
