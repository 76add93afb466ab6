//! Commits of offsets.

use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::bindings as rd;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};

use super::client::{Answer, Queue, code};

/// Commits offsets to a consumer's group, without waiting. The safe bindings never say what became
/// of such a commit.
pub struct Commits<C: ConsumerContext> {
    answers: Queue,
    /// Dropped after `answers`.
    consumer: Arc<BaseConsumer<C>>,
}

// SAFETY: librdkafka's handles may be used from any thread.
unsafe impl<C: ConsumerContext> Send for Commits<C> {}

impl<C: ConsumerContext> Commits<C> {
    pub fn new(consumer: Arc<BaseConsumer<C>>) -> Self {
        Self { answers: Queue::new(consumer.client().native_ptr()), consumer }
    }

    /// # Errors
    /// If it can't even be tried.
    pub fn begin(&self, offsets: &TopicPartitionList) -> Answer<()> {
        let client = self.consumer.client().native_ptr();
        // SAFETY: all handles are valid; the client copies the list before the call returns.
        code(unsafe {
            let queue = self.answers.0.as_ptr();
            rd::rd_kafka_commit_queue(client, offsets.ptr(), queue, None, ptr::null_mut())
        })
    }

    /// What became of a commit, once that is known.
    pub fn poll(&self) -> Option<Answer<()>> {
        self.answers.poll(Duration::ZERO).map(|event| event.error())
    }
}
