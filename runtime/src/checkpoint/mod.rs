//! Progress made durable: the protocol decides, the store remembers.

mod protocol;
mod store;

pub use protocol::{Action, Event, Protocol, TaskId};
pub use store::{Clock, Clocks, Commit, Recovered, Store};
