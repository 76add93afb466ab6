//! Whether a component is signed as a pipeline demands. Pure: statements and keys in, a verdict out.

use super::store::{PublicKey, Signed};

/// The keys of which one must have signed every component.
#[derive(Debug, Clone)]
pub struct Trust {
    pub keys: Vec<PublicKey>,
}

/// As what a component was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedAs {
    pub name: String,
    /// The version under which a store has it.
    pub version: Option<String>,
}

impl Trust {
    /// Whether one of the `statements` about the component with this digest is signed by a trusted
    /// key, and says that it is what it was asked for as: or a component that was signed as an
    /// older version, or as another plugin, could be put in its place.
    ///
    /// # Errors
    /// Why not.
    pub fn check(
        &self,
        statements: &[Signed],
        digest: &str,
        asked: Option<&AskedAs>,
    ) -> Result<(), String> {
        let mut problems = Vec::new();
        for signed in statements {
            if signed.digest != digest {
                let other = &signed.digest;
                problems.push(format!("the signature beside it is of other bytes, sha256:{other}"));
                continue;
            }
            for signature in &signed.signatures {
                match signed.holds(signature) {
                    Ok(key) if !self.keys.contains(&key) => {
                        problems.push(format!("it is signed by {key}, which is not trusted"));
                    }
                    Ok(_) if !asked.is_none_or(|asked| asked.fits(signed)) => {
                        let Signed { name, version, .. } = signed;
                        problems.push(format!("it is signed as {name}@{version}"));
                    }
                    Ok(_) => return Ok(()),
                    Err(why) => problems.push(why),
                }
            }
        }
        if problems.is_empty() {
            problems.push("it has no signature".to_owned());
        }
        problems.sort();
        problems.dedup();
        Err(problems.join("; "))
    }
}

impl AskedAs {
    fn fits(&self, signed: &Signed) -> bool {
        self.name == signed.name && self.version.as_ref().is_none_or(|v| *v == signed.version)
    }
}
