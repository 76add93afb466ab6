//! Messages in batches.

use std::ptr::{self, NonNull};
use std::time::Duration;

use rdkafka::bindings as rd;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::types::RDKafkaErrorCode;

use super::client::{Queue, bytes_of, text_of};

/// Takes messages off a consumer's queue, many at a time.
pub struct Reader<C: ConsumerContext> {
    queue: Queue,
    /// The client's log, errors of the client as a whole among it.
    log: Queue,
    messages: Vec<*mut rd::rd_kafka_message_t>,
    /// Dropped after the queues, which are parts of it.
    consumer: BaseConsumer<C>,
}

// SAFETY: librdkafka's handles may be used from any thread, and `messages` is empty between calls.
unsafe impl<C: ConsumerContext> Send for Reader<C> {}

impl<C: ConsumerContext> Reader<C> {
    /// `None` if the consumer has no queue of its own, for want of a group.
    pub fn new(consumer: BaseConsumer<C>) -> Option<Self> {
        let client = consumer.client().native_ptr();
        // SAFETY: the pointer is valid as long as the consumer, which lives in the same struct and
        // is dropped after the queues.
        let queue = unsafe { rd::rd_kafka_queue_get_consumer(client) };
        let (queue, log) = (Queue(NonNull::new(queue)?), Queue::new(client));
        // Messages are taken without a look at what else there is, so the log must not come among
        // them.
        // SAFETY: both are valid, and the client holds on to the queue by itself.
        unsafe { rd::rd_kafka_set_log_queue(client, log.0.as_ptr()) };
        Some(Self { queue, log, messages: Vec::new(), consumer })
    }

    /// Passes on what the client says for the log.
    pub fn listen(&self) {
        let context = self.consumer.client().context();
        while let Some(event) = self.log.poll(Duration::ZERO) {
            if let Some((level, facility, text)) = event.log() {
                context.log(level, facility, text);
            }
        }
    }

    pub fn consumer(&self) -> &BaseConsumer<C> {
        &self.consumer
    }

    /// Takes what is there, at most `max` messages. If nothing is, waits until something comes, for
    /// `wait` at most, and takes that.
    pub fn take(&mut self, max: usize, wait: Duration) -> Taken<'_> {
        self.fill(max, Duration::ZERO);
        if self.messages.is_empty() && !wait.is_zero() {
            // The client would go on waiting until it has as many as were asked for.
            self.fill(1, wait);
            self.fill(max, Duration::ZERO);
        }
        Taken(&mut self.messages)
    }

    /// Adds messages until there are `max`, or `wait` is over.
    fn fill(&mut self, max: usize, wait: Duration) {
        let room = max.saturating_sub(self.messages.len());
        self.messages.reserve(room);
        let wait_ms = wait.as_millis().try_into().unwrap_or(i32::MAX);
        let spare = self.messages.spare_capacity_mut();
        // SAFETY: the queue is valid, and the client writes at most `room` pointers to messages, for
        // which `spare` has room; they are ours until they are destroyed.
        let taken = unsafe {
            rd::rd_kafka_consume_batch_queue(
                self.queue.0.as_ptr(),
                wait_ms,
                spare.as_mut_ptr().cast(),
                room,
            )
        };
        let taken = usize::try_from(taken).unwrap_or(0).min(room);
        // SAFETY: so many pointers were written, within the capacity.
        unsafe { self.messages.set_len(self.messages.len() + taken) };
    }
}

/// Messages that were taken; they are given back when this is dropped.
pub struct Taken<'a>(&'a mut Vec<*mut rd::rd_kafka_message_t>);

impl Taken<'_> {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The message with this number, which is below [`len`](Self::len).
    pub fn get(&self, at: usize) -> Message<'_> {
        // SAFETY: these are messages that the client gave us and that are not destroyed yet.
        Message(unsafe { &*self.0[at] })
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        for message in self.0.drain(..) {
            // SAFETY: each message is destroyed once, and nothing borrows from it any more: all that
            // does borrows from `self`.
            unsafe { rd::rd_kafka_message_destroy(message) };
        }
    }
}

/// A record, or what there is to say of a partition.
#[derive(Clone, Copy)]
pub struct Message<'a>(&'a rd::rd_kafka_message_t);

impl<'a> Message<'a> {
    /// `None`: this is a record.
    pub fn error(&self) -> Option<RDKafkaErrorCode> {
        match self.0.err {
            rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => None,
            error => Some(error.into()),
        }
    }

    /// What an error says in words.
    pub fn error_text(&self) -> String {
        // SAFETY: the message is valid, and the text lives as long as it does.
        let text = unsafe { rd::rd_kafka_message_errstr(self.0) };
        // SAFETY: it is null or a text that ends with 0.
        unsafe { text_of(text) }.to_owned()
    }

    /// Whether it is of the same partition as `other`, as far as that is known without a look at
    /// names.
    pub fn is_beside(&self, other: &Message) -> bool {
        ptr::eq(self.0.rkt, other.0.rkt) && self.0.partition == other.0.partition
    }

    /// Empty if it is of no topic.
    pub fn topic(&self) -> &'a str {
        if self.0.rkt.is_null() {
            return "";
        }
        // SAFETY: the message holds the topic, whose name ends with 0 and lives as long.
        unsafe { text_of(rd::rd_kafka_topic_name(self.0.rkt)) }
    }

    pub fn partition(&self) -> i32 {
        self.0.partition
    }

    pub fn offset(&self) -> i64 {
        self.0.offset
    }

    /// `None` if the value is null.
    pub fn value(&self) -> Option<&'a [u8]> {
        // SAFETY: the client says where the value is and how long, within the message.
        unsafe { bytes_of(self.0.payload.cast(), self.0.len) }
    }

    /// `None` if the key is null.
    pub fn key(&self) -> Option<&'a [u8]> {
        // SAFETY: as for the value.
        unsafe { bytes_of(self.0.key.cast(), self.0.key_len) }
    }

    /// Milliseconds since 1970, where the record has a time.
    pub fn timestamp_ms(&self) -> Option<i64> {
        // SAFETY: the message is valid; what kind of time it is may be left out.
        let ms = unsafe { rd::rd_kafka_message_timestamp(self.0, ptr::null_mut()) };
        (ms >= 0).then_some(ms)
    }

    /// Calls `each` with the headers' keys and values, in their order.
    pub fn headers(&self, mut each: impl FnMut(&str, Option<&[u8]>)) {
        let mut headers = ptr::null_mut();
        // SAFETY: the message is valid, and the headers that are found are a part of it.
        let found = unsafe { rd::rd_kafka_message_headers(self.0, &mut headers) };
        if found != rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return;
        }
        for at in 0.. {
            let (mut key, mut value, mut length) = (ptr::null(), ptr::null(), 0);
            // SAFETY: the headers are valid; the call says when there are no more.
            let found = unsafe {
                rd::rd_kafka_header_get_all(headers, at, &mut key, &mut value, &mut length)
            };
            if found != rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                return;
            }
            // SAFETY: key and value are parts of the headers, which are unchanged meanwhile.
            let (key, value) = unsafe { (text_of(key), bytes_of(value.cast(), length)) };
            each(key, value);
        }
    }
}
