//! Progress made durable: the protocol decides, the store remembers.

mod alignment;
mod protocol;
mod store;

pub use alignment::Alignment;
pub use protocol::{Action, Event, Protocol, Reading, TaskId};
pub use store::{Clock, Clocks, Commit, Recovered, Store};
