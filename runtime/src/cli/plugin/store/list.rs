//! `millrace plugin list`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde::Serialize;

use super::{StoreArguments, short};
use crate::error::{Error, Result};
use crate::plugin::store::{Entry, Store};

/// A component of a store.
#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    entry: Entry,
    /// Whether another component took its name and version: its digest still names it.
    replaced: bool,
}

pub fn list(name: Option<&str>, json: bool, arguments: &StoreArguments) -> Result<ExitCode> {
    let store = arguments.existing()?;
    let listed = entries(&store, name)?;
    if let Some(name) = name.filter(|_| listed.is_empty()) {
        let message =
            format!("there is no plugin `{name}` in the store {}", store.root().display());
        return Err(Error::config(message));
    }
    if json {
        for listed in &listed {
            let line = serde_json::to_string(listed);
            out!("{}", line.map_err(|e| Error::internal("cannot print a component").with(e))?);
        }
    } else {
        table(&listed);
    }
    Ok(ExitCode::SUCCESS)
}

/// By name, the highest version first. What is damaged is said, and left out.
fn entries(store: &Store, name: Option<&str>) -> Result<Vec<Listed>> {
    let mut listed = Vec::new();
    let mut named = BTreeMap::new();
    for digest in store.digests()? {
        let entry = match store.entry(&digest) {
            Ok(Some(entry)) => entry,
            Ok(None) => {
                eprintln!("warning: nothing is known of sha256:{digest}: push or pull it again");
                continue;
            }
            Err(e) => {
                eprintln!("warning: {e}");
                continue;
            }
        };
        if name.is_some_and(|name| name != entry.name) {
            continue;
        }
        let versions = named.entry(entry.name.clone()).or_insert_with(|| {
            store.versions(&entry.name).unwrap_or_else(|e| {
                eprintln!("warning: {e}");
                BTreeMap::new()
            })
        });
        let replaced = !versions.values().any(|named| *named == digest);
        listed.push(Listed { entry, replaced });
    }
    let version = |listed: &Listed| semver::Version::parse(&listed.entry.version).ok();
    listed.sort_by(|a, b| {
        let names = a.entry.name.cmp(&b.entry.name);
        names.then_with(|| version(b).cmp(&version(a))).then(a.replaced.cmp(&b.replaced))
    });
    Ok(listed)
}

fn table(listed: &[Listed]) {
    let mut rows = vec![
        ["NAME", "VERSION", "DIGEST", "SIZE", "WORLD", "SIGNED BY", "PUSHED"].map(str::to_owned),
    ];
    for Listed { entry, replaced } in listed {
        let worlds: Vec<&str> = entry.worlds.iter().map(|world| world.world.as_str()).collect();
        let signed = match &entry.signatures[..] {
            [] => "-".to_owned(),
            signatures => {
                let keys = signatures.iter().map(|s| s.key.chars().take(20).collect::<String>());
                keys.collect::<Vec<_>>().join(",")
            }
        };
        let version = match replaced {
            true => format!("{} (replaced)", entry.version),
            false => entry.version.clone(),
        };
        rows.push([
            entry.name.clone(),
            version,
            format!("sha256:{}", short(&entry.digest)),
            bytesize::ByteSize(entry.size).to_string(),
            worlds.join(","),
            signed,
            entry.pushed_at.clone(),
        ]);
    }
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        out!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}
