//! An open session, and the columns that sessions and events get.

use std::sync::Arc;

use arrow_array::builder::{
    BooleanBuilder, TimestampMicrosecondBuilder, UInt32Builder, UInt64Builder,
};
use millrace_plugin::prelude::*;

/// What is remembered of a key while a session is open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    pub start: i64,
    pub last: i64,
    /// When it ends if nothing more comes.
    pub end: i64,
    pub events: u64,
    /// How many events of the funnel have come, in its order.
    pub steps: u32,
}

impl Session {
    pub fn new(time: i64) -> Self {
        Self { start: time, last: time, end: time, events: 0, steps: 0 }
    }

    /// Adds an event.
    pub fn add(&mut self, time: i64, gap: i64, event: Option<&str>, funnel: &[String]) {
        self.last = time;
        // A user who changes to a type with a smaller gap does not end the session earlier.
        self.end = self.end.max(time.saturating_add(gap));
        self.events += 1;
        let next = funnel.get(self.steps as usize);
        if next.is_some_and(|next| Some(next.as_str()) == event) {
            self.steps += 1;
        }
    }
}

fn utc() -> Arc<str> {
    Arc::from("UTC")
}

fn time(name: &str) -> Field {
    Field::new(name, DataType::Timestamp(TimeUnit::Microsecond, Some(utc())), false)
}

/// The columns of closed sessions.
#[derive(Default)]
pub struct Sessions {
    pub rows: Vec<u32>,
    start: TimestampMicrosecondBuilder,
    end: TimestampMicrosecondBuilder,
    events: UInt64Builder,
    steps: UInt32Builder,
    converted: BooleanBuilder,
}

impl Sessions {
    pub fn fields() -> Vec<Field> {
        vec![
            time("session_start"),
            time("session_end"),
            Field::new("events", DataType::UInt64, false),
            Field::new("funnel_steps", DataType::UInt32, false),
            Field::new("converted", DataType::Boolean, false),
        ]
    }

    pub fn push(&mut self, row: u32, session: &Session, funnel: usize) {
        self.rows.push(row);
        self.start.append_value(session.start);
        self.end.append_value(session.last);
        self.events.append_value(session.events);
        self.steps.append_value(session.steps);
        self.converted.append_value(funnel > 0 && session.steps as usize == funnel);
    }

    pub fn finish(mut self) -> (Vec<u32>, Vec<ArrayRef>) {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.start.finish().with_timezone(utc())),
            Arc::new(self.end.finish().with_timezone(utc())),
            Arc::new(self.events.finish()),
            Arc::new(self.steps.finish()),
            Arc::new(self.converted.finish()),
        ];
        (self.rows, columns)
    }
}

/// The columns of events.
#[derive(Default)]
pub struct Events {
    pub rows: Vec<u32>,
    start: TimestampMicrosecondBuilder,
    number: UInt64Builder,
    steps: UInt32Builder,
}

impl Events {
    pub fn fields() -> Vec<Field> {
        vec![
            time("session_start"),
            Field::new("session_event", DataType::UInt64, false),
            Field::new("funnel_steps", DataType::UInt32, false),
        ]
    }

    pub fn push(&mut self, row: u32, session: &Session) {
        self.rows.push(row);
        self.start.append_value(session.start);
        self.number.append_value(session.events);
        self.steps.append_value(session.steps);
    }

    pub fn finish(mut self) -> (Vec<u32>, Vec<ArrayRef>) {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.start.finish().with_timezone(utc())),
            Arc::new(self.number.finish()),
            Arc::new(self.steps.finish()),
        ];
        (self.rows, columns)
    }
}
