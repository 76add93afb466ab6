//! Kafka, against a real broker.

mod harness;
mod ready;
mod source;
