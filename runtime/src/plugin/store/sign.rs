//! Signatures of components: Ed25519 over name, version and digest.

use std::fmt::{Display, Formatter};
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

const PUBLIC: &str = "ed25519:";
const SECRET: &str = "millrace-secret-key:ed25519:";
const KEY_BYTES: usize = 32;
/// No key or signature is larger.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What its holder signs can be told from what others sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// What signs. Never printed.
pub struct SecretKey(SigningKey);

/// Some key's word for a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// The key, as `ed25519:BASE64`.
    pub key: String,
    /// BASE64.
    pub signature: String,
}

/// What is signed: these bytes are this version of this plugin. With its signatures it is the
/// content of a file `COMPONENT.wasm.sig`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    pub name: String,
    pub version: String,
    /// SHA-256 in hexadecimal.
    pub digest: String,
    pub signatures: Vec<Signature>,
}

impl PublicKey {
    /// From `ed25519:BASE64`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("`{}` is no public key: {why}", text.escape_debug());
        let base64 = text.strip_prefix(PUBLIC).ok_or_else(|| wrong("it begins with `ed25519:`"))?;
        let bytes = STANDARD.decode(base64).map_err(|e| wrong(&e.to_string()))?;
        let bytes: [u8; KEY_BYTES] =
            bytes.try_into().map_err(|_| wrong("its BASE64 is not of 32 bytes"))?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|e| wrong(&e.to_string()))?;
        // Anybody could make signatures that fit such a key.
        if key.is_weak() {
            return Err(wrong("it is of small order"));
        }
        Ok(Self(key))
    }
}

impl Display for PublicKey {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{PUBLIC}{}", STANDARD.encode(self.0.as_bytes()))
    }
}

impl SecretKey {
    /// A new key, of the system's randomness.
    ///
    /// # Errors
    /// If the system has none.
    pub fn generate() -> Result<Self> {
        let mut seed = [0; KEY_BYTES];
        getrandom::fill(&mut seed)
            .map_err(|e| Error::unavailable("the system gives no random bytes").with(e))?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// Reads what [`write`](Self::write) wrote.
    ///
    /// # Errors
    /// If the file can't be read, or holds no key. No error shows what it holds.
    pub fn read(path: &Path) -> Result<Self> {
        let text = read_small(path)?;
        let wrong = || {
            let message = format!(
                "{} holds no secret key: `millrace plugin keygen FILE` makes one",
                path.display()
            );
            Error::config(message)
        };
        let base64 = text.trim().strip_prefix(SECRET).ok_or_else(wrong)?;
        let seed: [u8; KEY_BYTES] =
            STANDARD.decode(base64).ok().and_then(|seed| seed.try_into().ok()).ok_or_else(wrong)?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// Whether others than its owner may read the file at `path`.
    pub fn is_exposed(path: &Path) -> bool {
        std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0)
    }

    /// Writes the key into a new file, which its owner alone may read.
    ///
    /// # Errors
    /// If the file is there already, or can't be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let file = File::options().write(true).create_new(true).mode(0o600).open(path);
        let mut file = file.map_err(|e| match e.kind() {
            std::io::ErrorKind::AlreadyExists => {
                let message = format!(
                    "{} is there already: a key that was used must not be lost, so choose another \
                     name",
                    path.display()
                );
                Error::config(message)
            }
            _ => Error::io("make", path, e),
        })?;
        let text = format!("{SECRET}{}\n", STANDARD.encode(self.0.as_bytes()));
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        written.map_err(|e| Error::io("write", path, e))
    }

    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }
}

impl Signed {
    /// A statement that nobody has signed yet.
    pub fn new(name: &str, version: &str, digest: &str) -> Self {
        let (name, version) = (name.to_owned(), version.to_owned());
        Self { name, version, digest: digest.to_owned(), signatures: Vec::new() }
    }

    /// The first of these statements with all signatures that hold for it.
    pub fn merged(statements: impl IntoIterator<Item = Self>) -> Option<Self> {
        let statements: Vec<Self> = statements.into_iter().collect();
        let first = statements.first()?;
        let mut merged = Self::new(&first.name, &first.version, &first.digest);
        statements.iter().for_each(|other| merged.adopt(other));
        (!merged.signatures.is_empty()).then_some(merged)
    }

    /// What is signed. Its first line keeps it apart from whatever else the key signs; names,
    /// versions and digests have no line breaks.
    fn message(&self) -> Vec<u8> {
        let Self { name, version, digest, .. } = self;
        format!("millrace plugin signature v1\nname {name}\nversion {version}\nsha256 {digest}\n")
            .into_bytes()
    }

    /// Adds a signature by `key`, or renews it.
    pub fn sign(&mut self, key: &SecretKey) {
        let signature = STANDARD.encode(key.0.sign(&self.message()).to_bytes());
        let key = key.public().to_string();
        self.signatures.retain(|old| old.key != key);
        self.signatures.push(Signature { key, signature });
    }

    /// Takes over the signatures of `other` that hold for this statement.
    pub fn adopt(&mut self, other: &Self) {
        for signature in &other.signatures {
            let known = self.signatures.iter().any(|own| own.key == signature.key);
            if !known && self.holds(signature).is_ok() {
                self.signatures.push(signature.clone());
            }
        }
    }

    /// Whether `signature` is one of this statement, by the key that it names.
    ///
    /// # Errors
    /// Why it is not.
    pub fn holds(&self, signature: &Signature) -> Result<PublicKey, String> {
        // A line break would make two statements out of one.
        if [&self.name, &self.version, &self.digest].iter().any(|part| part.contains('\n')) {
            return Err("a name, version or digest of several lines".to_owned());
        }
        let key = PublicKey::parse(&signature.key)?;
        let bytes = STANDARD.decode(&signature.signature).ok();
        let bytes = bytes.and_then(|bytes| ed25519_dalek::Signature::from_slice(&bytes).ok());
        let bytes = bytes.ok_or_else(|| format!("the signature by {key} is not of 64 bytes"))?;
        key.0
            .verify_strict(&self.message(), &bytes)
            .map_err(|_| format!("the signature by {key} does not hold"))?;
        Ok(key)
    }

    /// Where the statement about the component at `path` lies, if it lies beside it.
    pub fn beside(path: &Path) -> PathBuf {
        let mut name = path.as_os_str().to_owned();
        name.push(".sig");
        PathBuf::from(name)
    }

    /// The statement beside the component at `path`. `None` if there is none.
    ///
    /// # Errors
    /// If it can't be read, or is none.
    pub fn read_beside(path: &Path) -> Result<Option<Self>> {
        let path = Self::beside(path);
        if !path.exists() {
            return Ok(None);
        }
        let signed = serde_json::from_str(&read_small(&path)?);
        signed
            .map(Some)
            .map_err(|e| Error::config(format!("{} holds no signature", path.display())).with(e))
    }

    /// The content of the file beside a component.
    pub fn to_json(&self) -> Vec<u8> {
        // A struct of texts has a form in JSON.
        let mut json = serde_json::to_vec_pretty(self).unwrap_or_default();
        json.push(b'\n');
        json
    }
}

fn read_small(path: &Path) -> Result<String> {
    use std::io::Read;
    let mut text = String::new();
    let read =
        File::open(path).and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text));
    read.map_err(|e| Error::io("read", path, e))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_statement_alone() {
        let key = SecretKey::generate().unwrap();
        let mut signed = Signed::new("rules", "1.2.0", "ab");
        signed.sign(&key);
        let signature = signed.signatures[0].clone();
        assert_eq!(signed.holds(&signature), Ok(key.public()));
        let others = [
            Signed::new("rule", "1.2.0", "ab"),
            Signed::new("rules", "1.2.1", "ab"),
            Signed::new("rules", "1.2.0", "ac"),
            Signed::new("rules\nversion 1.2.0\nsha256 ab", "1.2.0", "ab"),
        ];
        for other in others {
            assert!(other.holds(&signature).is_err(), "{other:?}");
        }
        let stranger = SecretKey::generate().unwrap().public().to_string();
        assert!(signed.holds(&Signature { key: stranger, ..signature }).is_err());
    }

    #[test]
    fn keys_that_prove_nothing_are_refused() {
        // The neutral element, and another point of small order.
        for point in [[1_u8].as_slice(), &[0]] {
            let mut bytes = [0; KEY_BYTES];
            bytes[0] = point[0];
            let text = format!("{PUBLIC}{}", STANDARD.encode(bytes));
            assert!(PublicKey::parse(&text).is_err(), "{text}");
        }
        for wrong in ["", "ed25519:", "ed25519:AAAA", "rsa:AAAA"] {
            assert!(PublicKey::parse(wrong).is_err(), "{wrong}");
        }
    }
}
