//! Why a row is refused.

/// How much of a value or a parser's message is repeated in a refusal.
const MESSAGE_CHARS_MAX: usize = 200;

/// What kind of refusal it is; dead letters are counted by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// Not one JSON object in valid UTF-8.
    Malformed,
    /// A required field is absent or null.
    Missing,
    /// The field's JSON value is of another type.
    WrongType,
    /// The text is no timestamp, or no date.
    BadTimestamp,
    /// The value has the right type and does not fit.
    OutOfRange,
    /// A field that the schema does not have, where those are rejected.
    UnknownField,
}

impl Code {
    /// The code as dead letters show it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Missing => "missing",
            Self::WrongType => "wrong_type",
            Self::BadTimestamp => "bad_timestamp",
            Self::OutOfRange => "out_of_range",
            Self::UnknownField => "unknown_field",
        }
    }
}

/// Why a column can't take a value.
#[derive(Debug)]
pub enum Problem {
    /// A value of another JSON type; the parser words the message.
    WrongType,
    /// Anything that the column itself can say better.
    Told { code: Code, message: String },
}

impl Problem {
    #[cold]
    pub fn new(code: Code, message: String) -> Self {
        Self::Told { code, message }
    }
}

/// Why a row is refused.
#[derive(Debug)]
pub struct Refusal {
    pub code: Code,
    /// The column at fault; `None` for the raw column.
    pub column: Option<String>,
    pub message: String,
}

impl Refusal {
    /// A refusal whose message has a bounded length, whatever the row held.
    #[cold]
    pub fn new(code: Code, column: Option<String>, message: &str) -> Self {
        Self { code, column: column.map(|c| shortened(&c)), message: shortened(message) }
    }
}

/// The beginning of a text that may be of any length.
pub fn shortened(text: &str) -> String {
    match text.char_indices().nth(MESSAGE_CHARS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
