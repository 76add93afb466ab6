//! The step's configuration, checked against its input.

use std::collections::BTreeMap;

use millrace_plugin::Span;
use millrace_plugin::prelude::*;

/// The port of sessions.
pub const MAIN: &str = "main";

/// `[step.X.config]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// A session ends when for so long no event came.
    pub gap: Span,
    /// The gap of users of a type, by the type's name.
    #[serde(default)]
    pub gaps: BTreeMap<String, Span>,
    /// The text column with the user's type.
    #[serde(default)]
    pub user_type: Option<String>,
    /// The text column with the event's name.
    #[serde(default)]
    pub event: Option<String>,
    /// Names of events that lead to each other, such as browse, cart, purchase.
    #[serde(default)]
    pub funnel: Vec<String>,
    /// The port of the events themselves, each with its session; without it they end here.
    #[serde(default)]
    pub events: Option<String>,
}

impl Config {
    /// The columns that are read.
    ///
    /// # Errors
    /// All that does not fit together.
    pub fn columns(&self, input: &Schema) -> Result<Vec<String>, ConfigErrors> {
        let mut errors = ConfigErrors::default();
        if !self.gaps.is_empty() && self.user_type.is_none() {
            errors.push("gaps", "needs `user_type`, the column with the user's type");
        }
        if !self.funnel.is_empty() && self.event.is_none() {
            errors.push("funnel", "needs `event`, the column with the event's name");
        }
        if let Some(at) =
            (1..self.funnel.len()).find(|i| self.funnel[..*i].contains(&self.funnel[*i]))
        {
            errors.push(format!("funnel[{at}]"), "is in the funnel twice");
        }
        if self.events.as_deref() == Some(MAIN) {
            errors.push("events", "must be another port than `main`");
        }
        let named = [("user_type", &self.user_type), ("event", &self.event)];
        let mut columns = Vec::new();
        for (key, column) in named {
            let Some(column) = column else { continue };
            match input.field_with_name(column).map(Field::data_type) {
                Ok(DataType::Utf8) => columns.push(column.clone()),
                Ok(other) => errors.push(key, format!("column `{column}` is {other}, not text")),
                Err(_) => errors.push(key, format!("the input has no column `{column}`")),
            }
        }
        errors.into_result()?;
        columns.dedup();
        Ok(columns)
    }

    /// The gap after an event of a user of this type.
    pub fn gap_of(&self, user_type: Option<&str>) -> i64 {
        let own = user_type.and_then(|user_type| self.gaps.get(user_type));
        own.unwrap_or(&self.gap).microseconds()
    }
}
