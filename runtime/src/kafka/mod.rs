//! What sources and sinks of Kafka share: the client's configuration, its errors, its log.

mod client;

pub use client::{Context, check_brokers, check_properties, client_config, failed, topic_mistake};
