//! Kafka, against a real broker.

mod fencing;
mod fixture;
mod harness;
mod sink;
mod source;
