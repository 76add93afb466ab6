//! How a pipeline or a command names a component.

use std::path::Path;

use semver::{Prerelease, Version};

/// Fewer digits of a digest name nothing.
pub const DIGITS_MIN: usize = 8;
const DIGITS: usize = 64;
pub const BY_DIGEST: &str = "sha256:";
const NAME_BYTES_MAX: usize = 64;
const VERSION_BYTES_MAX: usize = 64;

/// What was written, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// A `.wasm` file.
    Path,
    /// The beginning of a digest: lower-case hexadecimal digits.
    Digest(String),
    Named(String, Versions),
}

/// Which versions will do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Versions {
    /// None was named: the highest release.
    Any,
    /// `@1`: the highest release 1.x.y.
    Major(u64),
    /// `@1.2`: the highest release 1.2.x.
    Minor(u64, u64),
    /// `@1.2.3`, or `@1.2.3-rc.1`.
    Exact(Version),
}

impl Reference {
    /// # Errors
    /// What is wrong with it, and how it is written.
    pub fn parse(text: &str) -> Result<Self, (String, String)> {
        if let Some(digits) = text.strip_prefix(BY_DIGEST) {
            return prefix(digits).map(Self::Digest);
        }
        if text.contains('/') || Path::new(text).extension().is_some_and(|e| e == "wasm") {
            return Ok(Self::Path);
        }
        match text.split_once('@') {
            Some((name, version)) => Ok(Self::Named(name.to_owned(), Versions::parse(version)?)),
            None => Ok(Self::Named(text.to_owned(), Versions::Any)),
        }
    }
}

impl Versions {
    fn parse(text: &str) -> Result<Self, (String, String)> {
        let number = |part: &str| {
            let plain =
                part.bytes().all(|b| b.is_ascii_digit()) && (part == "0" || !part.starts_with('0'));
            plain.then(|| part.parse::<u64>().ok()).flatten()
        };
        let parts: Vec<&str> = text.split('.').collect();
        let short = match parts[..] {
            [major] => number(major).map(Self::Major),
            [major, minor] => number(major).zip(number(minor)).map(|(a, b)| Self::Minor(a, b)),
            _ => None,
        };
        short.or_else(|| Version::parse(text).ok().map(Self::Exact)).ok_or_else(|| {
            let message = format!("`{text}` is no version");
            (message, "write NAME@1, NAME@1.2 or NAME@1.2.3".to_owned())
        })
    }

    /// For people, before `of NAME`.
    pub fn wanted(&self) -> String {
        match self {
            Self::Any => "release".to_owned(),
            Self::Major(major) => format!("release {major}.x"),
            Self::Minor(major, minor) => format!("release {major}.{minor}.x"),
            Self::Exact(exact) => format!("version {exact}"),
        }
    }

    pub fn admit(&self, version: &Version) -> bool {
        let release = version.pre == Prerelease::EMPTY;
        match self {
            Self::Any => release,
            Self::Major(major) => release && version.major == *major,
            Self::Minor(major, minor) => {
                release && (version.major, version.minor) == (*major, *minor)
            }
            // What was built when does not make another version.
            Self::Exact(exact) => exact.cmp_precedence(version).is_eq(),
        }
    }
}

fn prefix(digits: &str) -> Result<String, (String, String)> {
    let hexadecimal = digits.bytes().all(|b| b.is_ascii_hexdigit());
    if hexadecimal && (DIGITS_MIN..=DIGITS).contains(&digits.len()) {
        return Ok(digits.to_ascii_lowercase());
    }
    let message = format!("`{BY_DIGEST}{digits}` is no digest");
    let help = format!("write {BY_DIGEST} and {DIGITS_MIN} to {DIGITS} hexadecimal digits");
    Err((message, help))
}

/// Whether `text` is a whole digest.
pub fn is_digest(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether a component may go by this name: it becomes the name of a directory.
pub fn is_component_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    name.len() <= NAME_BYTES_MAX
        && bytes.next().is_some_and(|b| b.is_ascii_lowercase())
        && bytes.all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

/// The version as a component writes it of itself.
///
/// # Errors
/// What is wrong with it.
pub fn version(text: &str) -> Result<Version, String> {
    if text.len() > VERSION_BYTES_MAX {
        return Err(format!("a version of {} bytes", text.len()));
    }
    Version::parse(text)
        .map_err(|e| format!("`{}` is no version such as 1.2.3: {e}", text.escape_debug()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_the_highest_of_what_was_named() {
        let there = ["0.9.9", "1.2.3", "1.2.10", "1.10.0-rc.1", "1.3.0", "2.0.0-beta", "1.2.10+b2"];
        let there: Vec<Version> = there.iter().map(|v| Version::parse(v).unwrap()).collect();
        let highest = |text: &str| {
            let Reference::Named(_, versions) = Reference::parse(text).unwrap() else { panic!() };
            there.iter().filter(|v| versions.admit(v)).max().map(ToString::to_string)
        };
        let cases = [
            ("rules", Some("1.3.0")),
            ("rules@1", Some("1.3.0")),
            ("rules@1.2", Some("1.2.10+b2")),
            ("rules@1.2.3", Some("1.2.3")),
            ("rules@1.2.10", Some("1.2.10+b2")),
            ("rules@1.10", None),
            ("rules@1.10.0-rc.1", Some("1.10.0-rc.1")),
            ("rules@2", None),
            ("rules@0", Some("0.9.9")),
        ];
        for (written, highest_of) in cases {
            assert_eq!(highest(written).as_deref(), highest_of, "{written}");
        }
    }

    #[test]
    fn names_digests_and_paths_are_told_apart() {
        let digest = |text: &str| Reference::parse(text).unwrap();
        assert_eq!(digest("sha256:0123ABCD"), Reference::Digest("0123abcd".to_owned()));
        for path in ["a/rules", "rules.wasm", "./rules@1.wasm"] {
            assert_eq!(Reference::parse(path).unwrap(), Reference::Path, "{path}");
        }
        let long = format!("sha256:{}", "0".repeat(65));
        for wrong in
            ["sha256:0123abc", "sha256:0123abcg", &long, "r@", "r@1.", "r@x", "r@01", "r@1.2.3.4"]
        {
            assert!(Reference::parse(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "A", "1a", "..", "a/b", "a.b", "a b", &"a".repeat(65)] {
            assert!(!is_component_name(wrong), "{wrong}");
        }
        assert!(is_component_name("fraud-rules_2"));
    }
}
