//! Kafka, against a real broker.

mod fixture;
mod harness;
mod sink;
mod source;
