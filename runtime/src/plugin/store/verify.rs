//! Whether a store holds what it says.

use std::collections::BTreeSet;

use super::{Entry, Store, list, reference};
use crate::error::{Error, Result};
use crate::plugin::artifact::digest;

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// `name@version`, a digest or a file.
    pub what: String,
    /// What is wrong with it, and what to do.
    pub problem: String,
}

/// What was looked at.
#[derive(Debug, Default)]
pub struct Verified {
    pub components: usize,
    pub signatures: usize,
    pub findings: Vec<Finding>,
    /// The digests of components of which nothing is known: their push was cut short. They do no
    /// harm.
    pub unfinished: Vec<String>,
}

impl Verified {
    fn note(&mut self, what: &str, problem: impl Into<String>) {
        self.findings.push(Finding { what: what.to_owned(), problem: problem.into() });
    }
}

impl Store {
    /// Looks at everything: bytes against digests, signatures, names. `about` says what the
    /// component at a path calls itself.
    ///
    /// # Errors
    /// If the store can't be read at all.
    pub fn verify(
        &self,
        about: impl Fn(&std::path::Path) -> Result<(String, String), String>,
    ) -> Result<Verified> {
        let mut verified = Verified::default();
        let digests: BTreeSet<String> = self.digests()?.into_iter().collect();
        for digest in &digests {
            self.verify_component(digest, &about, &mut verified);
        }
        for file in list(&self.metadata())? {
            let digest = file.strip_suffix(".json").filter(|stem| reference::is_digest(stem));
            if let Some(digest) = digest.filter(|digest| !digests.contains(*digest)) {
                let problem = "its component is gone: push or pull it again";
                verified.note(&format!("sha256:{digest}"), problem);
            }
        }
        self.verify_names(&digests, &mut verified)?;
        Ok(verified)
    }

    fn verify_component(
        &self,
        expected: &str,
        about: impl Fn(&std::path::Path) -> Result<(String, String), String>,
        verified: &mut Verified,
    ) {
        verified.components += 1;
        let id = format!("sha256:{expected}");
        let path = self.component(expected);
        let got = match std::fs::read(&path) {
            Ok(bytes) => digest(&bytes),
            Err(e) => return verified.note(&id, Error::io("read", &path, e).to_string()),
        };
        if got != expected {
            let problem = format!("its bytes have the digest {got}: push or pull it again");
            return verified.note(&id, problem);
        }
        let entry = match self.entry(expected) {
            Ok(Some(entry)) => entry,
            Ok(None) => return verified.unfinished.push(expected.to_owned()),
            Err(e) => return verified.note(&id, e.to_string()),
        };
        let id = label(&entry);
        match about(&path) {
            Ok(said) if said == (entry.name.clone(), entry.version.clone()) => {}
            Ok((name, version)) => {
                let problem = format!(
                    "the component calls itself {name}@{version}, its metadata does not: push or \
                     pull it again"
                );
                verified.note(&id, problem);
            }
            Err(why) => verified.note(&id, format!("the component can't say what it is: {why}")),
        }
        let signed = entry.signed();
        for signature in &entry.signatures {
            match signed.holds(signature) {
                Ok(_) => verified.signatures += 1,
                Err(why) => verified.note(&id, format!("{why}: sign it again")),
            }
        }
    }

    fn verify_names(&self, digests: &BTreeSet<String>, verified: &mut Verified) -> Result<()> {
        let names = self.root().join("names");
        for name in list(&names)? {
            for version in list(&names.join(&name))? {
                let id = format!("{name}@{version}");
                if semver::Version::parse(&version).is_err() {
                    continue;
                }
                let digest = match self.pointer(&name, &version) {
                    Ok(Some(digest)) => digest,
                    // It went while this was looking.
                    Ok(None) => continue,
                    Err(e) => {
                        verified.note(&id, e.to_string());
                        continue;
                    }
                };
                if !digests.contains(&digest) {
                    let problem = format!(
                        "it names sha256:{digest}, which is not there: push or pull it again"
                    );
                    verified.note(&id, problem);
                    continue;
                }
                match self.entry(&digest) {
                    Ok(Some(entry)) if (&entry.name, &entry.version) == (&name, &version) => {}
                    Ok(Some(entry)) => {
                        let problem = format!(
                            "it names the component {}: push or pull {id} again with --force",
                            label(&entry)
                        );
                        verified.note(&id, problem);
                    }
                    Ok(None) => {
                        let problem = "its metadata is gone: push or pull it again";
                        verified.note(&id, problem);
                    }
                    // This was said of the component.
                    Err(_) => {}
                }
            }
        }
        Ok(())
    }
}

fn label(entry: &Entry) -> String {
    format!("{}@{} (sha256:{})", entry.name, entry.version, entry.digest)
}
