//! Time spans in a plugin's configuration.

use serde::Deserialize;

/// A time span above 0, written as a number and a unit: `500ms`, `60s`, `5m`, `24h` or `7d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Span(i64);

impl Span {
    /// The span in microseconds, as event times are.
    pub fn microseconds(self) -> i64 {
        self.0
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no time span: write 500ms, 60s, 5m, 24h or 7d");
        let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, unit) = text.split_at(digits);
        let factor: i64 = match unit.trim() {
            "ms" => 1_000,
            "s" => 1_000_000,
            "m" | "min" => 60_000_000,
            "h" => 3_600_000_000,
            "d" => 86_400_000_000,
            _ => return Err(wrong()),
        };
        let number: i64 = number.parse().map_err(|_| wrong())?;
        match number.checked_mul(factor) {
            Some(span) if span > 0 => Ok(Self(span)),
            _ => Err(wrong()),
        }
    }
}
