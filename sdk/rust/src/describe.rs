//! What a plugin says of itself when it starts.

use arrow_schema::{Field, Fields};

/// Which columns a plugin reads, and the ports it writes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Description {
    /// The input columns that `process` sees, in its order.
    pub reads: Vec<String>,
    /// For a keyed plugin: the columns of the key that it sees, once per key.
    pub keys: Vec<String>,
    /// For a keyed plugin: so many microseconds after its last row or timer the state of a key
    /// means nothing any more.
    pub state_ttl: Option<u64>,
    /// The outputs, at least one.
    pub ports: Vec<Port>,
}

impl Description {
    /// A description that reads these columns.
    pub fn reads<S: Into<String>>(columns: impl IntoIterator<Item = S>) -> Self {
        Self { reads: columns.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Also sees these columns of the key, once per key.
    #[must_use]
    pub fn keys<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.keys = columns.into_iter().map(Into::into).collect();
        self
    }

    /// Lets keys be forgotten so many microseconds after their last row or timer, as their state
    /// means nothing from then on. Cheaper than a timer that removes it.
    #[must_use]
    pub fn state_ttl(mut self, microseconds: u64) -> Self {
        self.state_ttl = Some(microseconds);
        self
    }

    /// Adds an output.
    #[must_use]
    pub fn port(mut self, port: Port) -> Self {
        self.ports.push(port);
        self
    }
}

/// One output: what it adds to the input's columns, and what it drops of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Port {
    /// Lower-case letters, digits and underscores; `errors` and `late` are the host's.
    pub name: String,
    /// Columns that are written on this port. A name that the input has too replaces that column.
    pub adds: Fields,
    /// Columns of the input that end here.
    pub drops: Vec<String>,
}

impl Port {
    /// A port that passes all columns on as they came.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), adds: Fields::empty(), drops: Vec::new() }
    }

    /// Adds or replaces these columns.
    #[must_use]
    pub fn adds(mut self, fields: impl IntoIterator<Item = Field>) -> Self {
        self.adds = fields.into_iter().collect();
        self
    }

    /// Does not pass these columns on.
    #[must_use]
    pub fn drops<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.drops = columns.into_iter().map(Into::into).collect();
        self
    }
}

/// One thing in the configuration, or in the input's schema, that a plugin can't work with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// A path into the configuration such as `rules[2].when`; empty for the whole.
    pub path: String,
    /// What is wrong and what would be right.
    pub message: String,
}

/// All that is wrong, so that it can be mended in one go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl ConfigErrors {
    /// One mistake of the whole configuration, or of the input.
    pub fn whole(message: impl Into<String>) -> Self {
        ConfigError { path: String::new(), message: message.into() }.into()
    }

    /// Notes one more mistake.
    pub fn push(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(ConfigError { path: path.into(), message: message.into() });
    }

    /// `Ok` if nothing was noted.
    ///
    /// # Errors
    /// All that was noted.
    pub fn into_result(self) -> Result<(), Self> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self(vec![error])
    }
}

impl std::fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            let separator = if i == 0 { "" } else { "; " };
            let colon = if error.path.is_empty() { "" } else { ": " };
            write!(f, "{separator}{}{colon}{}", error.path, error.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
