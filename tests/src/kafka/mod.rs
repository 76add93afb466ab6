//! Kafka, against a real broker.

mod crash;
mod faults;
mod fencing;
mod fixture;
mod harness;
mod mock;
mod ready;
mod sink;
mod source;
mod words;
