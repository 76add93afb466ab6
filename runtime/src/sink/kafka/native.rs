//! What the safe client lacks: records without a copy of the topic's name each, and a flush that
//! returns as soon as it is done.

use std::ffi::CString;
use std::os::raw::c_void;
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, Producer, ProducerContext};

/// A topic as a producer knows it. It must be dropped before its producer is.
pub struct Topic(*mut sys::rd_kafka_topic_t);

// SAFETY: librdkafka's handles may be used from any thread, several at a time.
unsafe impl Send for Topic {}
// SAFETY: as above.
unsafe impl Sync for Topic {}

impl Topic {
    /// # Errors
    /// If no topic can be called so.
    pub fn new<C: ProducerContext>(producer: &BaseProducer<C>, name: &str) -> KafkaResult<Self> {
        let c_name = CString::new(name)?;
        let client = producer.client().native_ptr();
        // SAFETY: the client lives as long as `producer`, the name until the call returns; without
        // a configuration of its own the topic has the client's.
        let topic =
            unsafe { sys::rd_kafka_topic_new(client, c_name.as_ptr(), std::ptr::null_mut()) };
        if topic.is_null() {
            return Err(KafkaError::MessageProduction(RDKafkaErrorCode::InvalidTopic));
        }
        Ok(Self(topic))
    }
}

impl Drop for Topic {
    fn drop(&mut self) {
        // SAFETY: the handle is this value's own, and nothing uses it any more.
        unsafe { sys::rd_kafka_topic_destroy(self.0) };
    }
}

/// RD_KAFKA_PARTITION_UA: the partitioner decides.
const UNASSIGNED: i32 = -1;

/// A record on its way to a topic.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// `None`: the client's partitioner decides.
    pub partition: Option<i32>,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    /// Milliseconds since 1970; `None`: now.
    pub timestamp: Option<i64>,
}

/// Puts a copy of a record into the producer's queue. Does not wait.
///
/// # Errors
/// `QueueFull` if there is no room now; else why the record can't be sent.
pub fn produce<'a, C: ProducerContext>(
    producer: &BaseProducer<C>,
    topic: &Topic,
    record: &Record,
    headers: impl Iterator<Item = (&'a str, &'a [u8])>,
) -> Result<(), RDKafkaErrorCode> {
    let (key, key_len) = parts(record.key);
    let (value, value_len) = parts(record.value);
    let headers = Headers::new(headers);
    // SAFETY: client and topic live until the call returns, and so do key and value, which it
    // copies. The arguments are of the types that librdkafka names for each tag. It takes the
    // headers only if it succeeds.
    let code = unsafe {
        sys::rd_kafka_producev(
            producer.client().native_ptr(),
            sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_RKT,
            topic.0,
            sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_PARTITION,
            record.partition.unwrap_or(UNASSIGNED),
            sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_MSGFLAGS,
            sys::RD_KAFKA_MSG_F_COPY,
            sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_VALUE,
            value,
            value_len,
            sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_KEY,
            key,
            key_len,
            sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_TIMESTAMP,
            record.timestamp.unwrap_or(0),
            sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_HEADERS,
            headers.0,
            sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_END,
        )
    };
    if code == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
        std::mem::forget(headers);
        return Ok(());
    }
    Err(code.into())
}

/// Address and length; null is an absent value, an empty one has an address.
fn parts(bytes: Option<&[u8]>) -> (*mut c_void, usize) {
    bytes.map_or((std::ptr::null_mut(), 0), |b| (b.as_ptr().cast_mut().cast(), b.len()))
}

/// A list of headers, until a record takes it.
struct Headers(*mut sys::rd_kafka_headers_t);

impl Headers {
    fn new<'a>(headers: impl Iterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut list = Self(std::ptr::null_mut());
        for (name, value) in headers {
            if list.0.is_null() {
                // SAFETY: it takes no pointer; it aborts where there is no memory.
                list.0 = unsafe { sys::rd_kafka_headers_new(8) };
            }
            // SAFETY: the list is ours; name and value are copied, by their lengths.
            unsafe {
                sys::rd_kafka_header_add(
                    list.0,
                    name.as_ptr().cast(),
                    name.len() as isize,
                    value.as_ptr().cast(),
                    value.len() as isize,
                );
            }
        }
        list
    }
}

impl Drop for Headers {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: no record has taken the list.
            unsafe { sys::rd_kafka_headers_destroy(self.0) };
        }
    }
}

/// Sends what is in the producer's queue, and waits until all of it is acknowledged or failed.
/// `false` if that takes longer than `wait`. Failures are told by events.
pub fn flush<C: ProducerContext>(producer: &BaseProducer<C>, wait: Duration) -> bool {
    let millis = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the client lives as long as `producer`.
    let code = unsafe { sys::rd_kafka_flush(producer.client().native_ptr(), millis) };
    code == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
}
