//! Kafka, against a real broker.

mod harness;
mod source;
