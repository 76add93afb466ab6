//! A client's queues, what comes out of them, and what its pointers point to.

use std::ffi::{CStr, c_char};
use std::ptr::{self, NonNull};
use std::time::{Duration, Instant};

use rdkafka::bindings as rd;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::types::RDKafkaErrorCode;

/// An answer about one partition or topic, or why there is none.
pub type Answer<T> = Result<T, RDKafkaErrorCode>;

/// A queue of the client's.
pub struct Queue(pub NonNull<rd::rd_kafka_queue_t>);

impl Queue {
    /// For answers of `client`, which must outlive it.
    pub fn new(client: *mut rd::rd_kafka_t) -> Self {
        // SAFETY: the client is valid, and the call never gives null.
        Self(unsafe { NonNull::new_unchecked(rd::rd_kafka_queue_new(client)) })
    }

    /// Waits for the answer to the one request that was made.
    pub fn wait(&self, timeout: Duration) -> Answer<Event> {
        // The client itself gives up after `timeout` and says so; this is for the case that not.
        let until = Instant::now() + timeout + Duration::from_secs(1);
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            if let Some(event) = self.poll(left) {
                return event.error().map(|()| event);
            }
        }
        Err(RDKafkaErrorCode::OperationTimedOut)
    }

    pub fn poll(&self, wait: Duration) -> Option<Event> {
        let wait_ms = wait.as_millis().try_into().unwrap_or(i32::MAX);
        // SAFETY: the queue is valid; an event is null or ours to destroy.
        let event = unsafe { rd::rd_kafka_queue_poll(self.0.as_ptr(), wait_ms) };
        NonNull::new(event).map(Event)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: the queue is ours, and destroyed once.
        unsafe { rd::rd_kafka_queue_destroy(self.0.as_ptr()) };
    }
}

pub struct Event(pub NonNull<rd::rd_kafka_event_t>);

impl Event {
    pub fn error(&self) -> Answer<()> {
        // SAFETY: the event is valid.
        code(unsafe { rd::rd_kafka_event_error(self.0.as_ptr()) })
    }

    /// A line of the log: its level, who says it, and what.
    pub fn log(&self) -> Option<(RDKafkaLogLevel, &str, &str)> {
        let (mut facility, mut text, mut level) = (ptr::null(), ptr::null(), 0);
        // SAFETY: the event is valid; the call says whether it is a line of the log, whose texts
        // live as long as it does.
        unsafe {
            let event = self.0.as_ptr();
            let found = rd::rd_kafka_event_log(event, &mut facility, &mut text, &mut level);
            let level = log_level(level);
            (found == 0).then(|| (level, text_of(facility), text_of(text)))
        }
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: the event is ours, and destroyed once.
        unsafe { rd::rd_kafka_event_destroy(self.0.as_ptr()) };
    }
}

/// The levels of syslog.
fn log_level(level: i32) -> RDKafkaLogLevel {
    match level {
        ..=3 => RDKafkaLogLevel::Error,
        4 => RDKafkaLogLevel::Warning,
        5 => RDKafkaLogLevel::Notice,
        6 => RDKafkaLogLevel::Info,
        7.. => RDKafkaLogLevel::Debug,
    }
}

pub fn code(error: rd::rd_kafka_resp_err_t) -> Answer<()> {
    match error {
        rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
        error => Err(error.into()),
    }
}

/// # Safety
/// `text` is null, or ends with 0 and lives unchanged for `'a`.
pub unsafe fn text_of<'a>(text: *const c_char) -> &'a str {
    if text.is_null() {
        return "";
    }
    // SAFETY: by the caller's promise. Names of topics are ASCII; a header's key need not be.
    unsafe { CStr::from_ptr(text) }.to_str().unwrap_or("\u{fffd}")
}

/// # Safety
/// `bytes` is null, or there are `length` bytes that live unchanged for `'a`.
pub unsafe fn bytes_of<'a>(bytes: *const u8, length: usize) -> Option<&'a [u8]> {
    // SAFETY: by the caller's promise.
    (!bytes.is_null()).then(|| unsafe { std::slice::from_raw_parts(bytes, length) })
}
