//! The one error that leaves a module: its kind names the remedy.

use std::borrow::Cow;

/// What can be done about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Change the pipeline file, the command or what they point to.
    Config,
    /// Mend the plugin, or let the pipeline dead-letter what it fails on.
    Plugin,
    /// Something outside does not answer or has no room: try again later. A job restarts by itself.
    Unavailable,
    /// What was stored is not what was written: restore it or start afresh.
    Corrupt,
    /// Another process has taken over.
    Fenced,
    /// A bug in Millrace.
    Internal,
}

impl ErrorKind {
    pub const ALL: [Self; 6] = [
        Self::Config,
        Self::Plugin,
        Self::Unavailable,
        Self::Corrupt,
        Self::Fenced,
        Self::Internal,
    ];

    /// In a word, for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Plugin => "plugin",
            Self::Unavailable => "unavailable",
            Self::Corrupt => "corrupt",
            Self::Fenced => "fenced",
            Self::Internal => "internal",
        }
    }

    /// The exit code of a command that ends so.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Config => 2,
            Self::Plugin => 3,
            Self::Unavailable => 4,
            Self::Corrupt => 5,
            Self::Fenced => 6,
            Self::Internal => 70,
        }
    }
}

type Source = Box<dyn std::error::Error + Send + Sync>;

/// What was attempted on what, why it failed, and what to do.
#[derive(Debug)]
pub struct Error {
    pub kind: ErrorKind,
    pub message: Cow<'static, str>,
    /// The node of the plan where it happened, if it was at one.
    pub node: Option<String>,
    source: Option<Source>,
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, message: message.into(), node: None, source: None }
    }

    pub fn config(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Config, message)
    }

    pub fn plugin(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Plugin, message)
    }

    pub fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }

    pub fn corrupt(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Corrupt, message)
    }

    pub fn internal(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    #[must_use]
    pub fn with(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// It happened at this node of the plan, unless a node is known already.
    #[must_use]
    pub fn at(mut self, node: &str) -> Self {
        self.node.get_or_insert_with(|| node.to_owned());
        self
    }

    /// An I/O error on something that has no path.
    pub fn from_io(error: std::io::Error) -> Self {
        Self::unavailable("reading or writing failed").with(error)
    }

    /// An I/O error while doing `what` to `path`. Whatever may pass by itself is `Unavailable`.
    pub fn io(what: &str, path: &std::path::Path, error: std::io::Error) -> Self {
        use std::io::ErrorKind as Io;
        let kind = match error.kind() {
            Io::NotFound | Io::PermissionDenied | Io::IsADirectory | Io::NotADirectory => {
                ErrorKind::Config
            }
            _ => ErrorKind::Unavailable,
        };
        Self::new(kind, format!("cannot {what} {}", path.display())).with(error)
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        if let Some(source) = &self.source {
            write!(f, ": {source}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|s| s as _)
    }
}

/// Arrow fails on data that the engine itself made; where input is at fault, rows are isolated
/// before this conversion is reached.
impl From<arrow::error::ArrowError> for Error {
    fn from(error: arrow::error::ArrowError) -> Self {
        Self::internal("a column operation failed").with(error)
    }
}
