//! `millrace plugin verify`.

use std::process::ExitCode;

use super::{StoreArguments, host};
use crate::error::{ErrorKind, Result};

pub fn verify(arguments: &StoreArguments) -> Result<ExitCode> {
    let store = arguments.existing()?;
    let host = host(&store);
    let verified = store.verify(|path| {
        let inspection = host.inspect_file(path.to_owned()).map_err(|e| e.to_string())?;
        inspection.about.map(|(name, version, _)| (name, version))
    })?;
    for finding in &verified.findings {
        out!("wrong    {}: {}", finding.what, finding.problem);
    }
    for digest in &verified.unfinished {
        out!("left     sha256:{digest}: its push was cut short; push or pull it again to use it");
    }
    out!(
        "verified {} components and {} signatures in {}: {}",
        verified.components,
        verified.signatures,
        store.root().display(),
        match verified.findings.len() {
            0 => "all is well".to_owned(),
            n => format!("{n} wrong"),
        }
    );
    Ok(match verified.findings.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(ErrorKind::Corrupt.exit_code()),
    })
}
