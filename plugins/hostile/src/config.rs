//! The step's configuration: what to do, and when.

use serde::Deserialize;

/// `[step.X.config]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What to do.
    pub mode: Mode,
    /// The int64 column that is read.
    #[serde(default = "default_column")]
    pub column: String,
    /// The value that triggers the mode; without one every batch does.
    #[serde(default)]
    pub poison: Option<i64>,
    /// For `unavailable`: how many calls refuse rows before an instance behaves. By default all do.
    #[serde(default)]
    pub calls: Option<u32>,
}

fn default_column() -> String {
    "n".to_owned()
}

/// In which way to misbehave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    WellBehaved,

    // What takes more than its share, or gives up.
    Loop,
    LoopInStart,
    Memory,
    Panic,
    Fail,
    Stack,
    HugeOutput,
    HugeError,
    ManyErrors,
    LogFlood,
    Unavailable,
    Slow,
    Erratic,
    Leak,
    HugeFailure,
    HugePanic,
    RepeatRows,

    // Lies about columns.
    ShortBuffer,
    LongNode,
    BadOffsets,
    OffsetsBeyond,
    BadUtf8,
    BadNullCount,
    NullInNonNull,
    MissingColumn,
    ExtraBuffers,

    // Lies about rows, ports and errors.
    RowOutOfRange,
    PortOutOfRange,
    PortTwice,
    BadErrorRow,
    BadErrorCode,
    RowOnPortAndErrors,

    // Lies when it starts.
    BadPortName,
    UnknownRead,
    DuplicateColumn,
    ManyPorts,
    HugeName,
    HugeRefusal,
    ManyRefusals,
}

impl Mode {
    /// Whether the mode needs a column of text to lie about.
    pub fn writes_text(self) -> bool {
        matches!(self, Self::BadOffsets | Self::OffsetsBeyond | Self::BadUtf8)
    }
}
