//! Offsets of many partitions in one request, and the ids of topics.

use std::ffi::{CString, c_char};
use std::ptr;
use std::time::Duration;

use rdkafka::bindings as rd;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::types::RDKafkaErrorCode;

use super::client::{Answer, Queue, code, text_of};

/// A partition of a topic.
pub type TopicPartition = (String, i32);

/// Which offset of a partition is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The first that there is.
    Earliest,
    /// The one that the next record will have; with `read_committed` not beyond open transactions.
    Latest,
    /// Of the first record with this time, in milliseconds since 1970, or a later one.
    At(i64),
}

/// Asks for an offset of each partition, in one request per broker. `None`: there is no such
/// record.
///
/// # Errors
/// If there was no answer at all within `timeout`.
pub fn list_offsets<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &[(TopicPartition, Wanted)],
    read_committed: bool,
    timeout: Duration,
) -> Answer<Vec<(TopicPartition, Answer<Option<u64>>)>> {
    if partitions.is_empty() {
        return Ok(Vec::new());
    }
    let client = consumer.client().native_ptr();
    let level = match read_committed {
        true => rd::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED,
        false => rd::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED,
    };
    let options = Options::new(client, rd::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTOFFSETS);
    options.set_timeout(timeout);
    // SAFETY: the options are valid; an error is null or ours to destroy.
    unsafe {
        let error = rd::rd_kafka_AdminOptions_set_isolation_level(options.0, level);
        rd::rd_kafka_error_destroy(error);
    }
    let list = PartitionList::new(partitions);
    let answers = Queue::new(client);
    // SAFETY: all handles are valid; the client copies the list before the call returns.
    unsafe { rd::rd_kafka_ListOffsets(client, list.0, options.0, answers.0.as_ptr()) };
    let event = answers.wait(timeout)?;
    let mut count = 0;
    // SAFETY: the event is of this request, and what is read of it lives as long as it does.
    unsafe {
        let result = rd::rd_kafka_event_ListOffsets_result(event.0.as_ptr());
        if result.is_null() {
            return Err(RDKafkaErrorCode::BadMessage);
        }
        let infos = rd::rd_kafka_ListOffsets_result_infos(result, &mut count);
        let answer = |at| {
            let info = rd::rd_kafka_ListOffsetsResultInfo_topic_partition(*infos.add(at));
            let partition = (text_of((*info).topic).to_owned(), (*info).partition);
            (partition, code((*info).err).map(|()| u64::try_from((*info).offset).ok()))
        };
        Ok((0..count).map(answer).collect())
    }
}

/// What the cluster knows of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Tells it from others that had its name before.
    pub id: u128,
    /// Whether it is for the brokers' own use.
    pub internal: bool,
    /// The numbers of its partitions.
    pub partitions: Vec<i32>,
}

/// Asks for these topics.
///
/// # Errors
/// If there was no answer at all within `timeout`.
pub fn describe_topics<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    names: &[String],
    timeout: Duration,
) -> Answer<Vec<(String, Answer<Topic>)>> {
    // A name with a zero byte is no topic's.
    let texts: Vec<CString> =
        names.iter().filter_map(|name| CString::new(name.as_str()).ok()).collect();
    let mut pointers: Vec<*const c_char> = texts.iter().map(|text| text.as_ptr()).collect();
    if pointers.is_empty() {
        return Ok(Vec::new());
    }
    let client = consumer.client().native_ptr();
    let options = Options::new(client, rd::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS);
    options.set_timeout(timeout);
    let answers = Queue::new(client);
    // SAFETY: all handles are valid; the client copies the names before the call returns.
    unsafe {
        let topics =
            rd::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
        rd::rd_kafka_DescribeTopics(client, topics, options.0, answers.0.as_ptr());
        rd::rd_kafka_TopicCollection_destroy(topics);
    }
    let event = answers.wait(timeout)?;
    let mut count = 0;
    // SAFETY: the event is of this request, and what is read of it lives as long as it does.
    unsafe {
        let result = rd::rd_kafka_event_DescribeTopics_result(event.0.as_ptr());
        if result.is_null() {
            return Err(RDKafkaErrorCode::BadMessage);
        }
        let topics = rd::rd_kafka_DescribeTopics_result_topics(result, &mut count);
        Ok((0..count).map(|at| described(*topics.add(at))).collect())
    }
}

/// # Safety
/// `topic` is valid.
unsafe fn described(topic: *const rd::rd_kafka_TopicDescription_t) -> (String, Answer<Topic>) {
    // SAFETY: by the caller's promise; all that is read of it is a part of it.
    unsafe {
        let name = text_of(rd::rd_kafka_TopicDescription_name(topic)).to_owned();
        let error = rd::rd_kafka_TopicDescription_error(topic);
        if !error.is_null()
            && let Err(code) = code(rd::rd_kafka_error_code(error))
        {
            return (name, Err(code));
        }
        let id = rd::rd_kafka_TopicDescription_topic_id(topic);
        let most = rd::rd_kafka_Uuid_most_significant_bits(id) as u64;
        let least = rd::rd_kafka_Uuid_least_significant_bits(id) as u64;
        let mut count = 0;
        let partitions = rd::rd_kafka_TopicDescription_partitions(topic, &mut count);
        let number = |at| rd::rd_kafka_TopicPartitionInfo_partition(*partitions.add(at));
        let topic = Topic {
            id: u128::from(most) << 64 | u128::from(least),
            internal: rd::rd_kafka_TopicDescription_is_internal(topic) != 0,
            partitions: (0..count).map(number).collect(),
        };
        (name, Ok(topic))
    }
}

/// Options of a request.
struct Options(*mut rd::rd_kafka_AdminOptions_t);

impl Options {
    fn new(client: *mut rd::rd_kafka_t, request: rd::rd_kafka_admin_op_t) -> Self {
        // SAFETY: the client is valid.
        Self(unsafe { rd::rd_kafka_AdminOptions_new(client, request) })
    }

    fn set_timeout(&self, timeout: Duration) {
        let ms = timeout.as_millis().try_into().unwrap_or(i32::MAX);
        // SAFETY: the options are valid. A time out of range is not taken, and the default stays.
        unsafe { rd::rd_kafka_AdminOptions_set_request_timeout(self.0, ms, ptr::null_mut(), 0) };
    }
}

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: the options are ours, and destroyed once.
        unsafe { rd::rd_kafka_AdminOptions_destroy(self.0) };
    }
}

struct PartitionList(*mut rd::rd_kafka_topic_partition_list_t);

impl PartitionList {
    fn new(partitions: &[(TopicPartition, Wanted)]) -> Self {
        use rd::rd_kafka_OffsetSpec_t as Spec;
        // SAFETY: the call gives a list that is ours.
        let list = Self(unsafe { rd::rd_kafka_topic_partition_list_new(partitions.len() as i32) });
        for ((topic, partition), wanted) in partitions {
            let Ok(topic) = CString::new(topic.as_str()) else { continue };
            let offset = match wanted {
                Wanted::Earliest => Spec::RD_KAFKA_OFFSET_SPEC_EARLIEST as i64,
                Wanted::Latest => Spec::RD_KAFKA_OFFSET_SPEC_LATEST as i64,
                Wanted::At(ms) => *ms,
            };
            // SAFETY: the list is valid; the name is copied, and the new entry is valid until the
            // next one is added.
            unsafe {
                let entry =
                    rd::rd_kafka_topic_partition_list_add(list.0, topic.as_ptr(), *partition);
                (*entry).offset = offset;
            }
        }
        list
    }
}

impl Drop for PartitionList {
    fn drop(&mut self) {
        // SAFETY: the list is ours, and destroyed once.
        unsafe { rd::rd_kafka_topic_partition_list_destroy(self.0) };
    }
}
