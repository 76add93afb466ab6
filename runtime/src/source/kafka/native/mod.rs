//! What the safe bindings of librdkafka lack: messages in batches, offsets of many partitions in
//! one request, and the ids of topics. The only module with `unsafe` code of the source.

mod client;
mod commits;
mod messages;
mod requests;

pub use client::Answer;
pub use commits::Commits;
pub use messages::{Message, Reader, Taken};
pub use requests::{Topic, TopicPartition, Wanted, describe_topics, list_offsets};
