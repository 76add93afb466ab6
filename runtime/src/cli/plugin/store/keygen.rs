//! `millrace plugin keygen`.

use std::path::Path;
use std::process::ExitCode;

use crate::error::Result;
use crate::plugin::store::SecretKey;

/// Makes a pair of keys: the secret one goes into the file, the public one is printed.
pub fn keygen(file: &Path) -> Result<ExitCode> {
    let key = SecretKey::generate()?;
    key.write(file)?;
    eprintln!(
        "the secret key is in {}: keep it from others; this is its public key:",
        file.display()
    );
    out!("{}", key.public());
    Ok(ExitCode::SUCCESS)
}
