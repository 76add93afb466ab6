//! Kafka, against a real broker.

mod faults;
mod fencing;
mod fixture;
mod harness;
mod ready;
mod sink;
mod source;
mod words;
