//! Who may ask.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// The environment variable that has the token.
pub const VARIABLE: &str = "MILLRACE_API_TOKEN";

/// What a request must have to be answered. Only its digest is kept, and digests are compared, so
/// that the time which that takes tells nothing.
#[derive(Clone)]
pub struct Token(sha2::digest::Output<Sha256>);

impl Token {
    pub fn new(text: &str) -> Self {
        Self(Sha256::digest(text))
    }

    pub fn is(&self, text: &str) -> bool {
        Self::new(text).0 == self.0
    }
}

/// The token as text, of the environment or else of the file.
///
/// # Errors
/// If the file can't be read, or there is nothing in it.
pub fn find(file: Option<&Path>) -> Result<Option<String>> {
    if let Some(token) = std::env::var(VARIABLE).ok().filter(|token| !token.trim().is_empty()) {
        return Ok(Some(token.trim().to_owned()));
    }
    file.map(read).transpose()
}

/// The token in a file.
///
/// # Errors
/// As [`find`].
pub fn read(file: &Path) -> Result<String> {
    let text = std::fs::read_to_string(file).map_err(|e| Error::io("read the token", file, e))?;
    match text.trim() {
        "" => Err(Error::config(format!("there is no token in {}", file.display()))),
        token => Ok(token.to_owned()),
    }
}
