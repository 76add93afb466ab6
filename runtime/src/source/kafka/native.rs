//! What the safe bindings of librdkafka lack: messages in batches, offsets of many partitions in
//! one request, and the ids of topics. The only module with `unsafe` code of the source.

use std::ffi::{CStr, CString, c_char};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::bindings as rd;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::types::RDKafkaErrorCode;

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

/// A partition of a topic.
pub type TopicPartition = (String, i32);

/// An answer about one partition or topic, or why there is none.
pub type Answer<T> = Result<T, RDKafkaErrorCode>;

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

/// A queue of the client's.
struct Queue(NonNull<rd::rd_kafka_queue_t>);

impl Queue {
    /// For answers of `client`, which must outlive it.
    fn new(client: *mut rd::rd_kafka_t) -> Self {
        // SAFETY: the client is valid, and the call never gives null.
        Self(unsafe { NonNull::new_unchecked(rd::rd_kafka_queue_new(client)) })
    }

    /// Waits for the answer to the one request that was made.
    fn wait(&self, timeout: Duration) -> Answer<Event> {
        // The client itself gives up after `timeout` and says so; this is for the case that not.
        let until = Instant::now() + timeout + Duration::from_secs(1);
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            if let Some(event) = self.poll(left) {
                return event.error().map(|()| event);
            }
        }
        Err(RDKafkaErrorCode::OperationTimedOut)
    }

    fn poll(&self, wait: Duration) -> Option<Event> {
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

struct Event(NonNull<rd::rd_kafka_event_t>);

impl Event {
    fn error(&self) -> Answer<()> {
        // SAFETY: the event is valid.
        code(unsafe { rd::rd_kafka_event_error(self.0.as_ptr()) })
    }

    /// A line of the log: its level, who says it, and what.
    fn log(&self) -> Option<(RDKafkaLogLevel, &str, &str)> {
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

fn code(error: rd::rd_kafka_resp_err_t) -> Answer<()> {
    match error {
        rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
        error => Err(error.into()),
    }
}

/// # Safety
/// `text` is null, or ends with 0 and lives unchanged for `'a`.
unsafe fn text_of<'a>(text: *const c_char) -> &'a str {
    if text.is_null() {
        return "";
    }
    // SAFETY: by the caller's promise. Names of topics are ASCII; a header's key need not be.
    unsafe { CStr::from_ptr(text) }.to_str().unwrap_or("\u{fffd}")
}

/// # Safety
/// `bytes` is null, or there are `length` bytes that live unchanged for `'a`.
unsafe fn bytes_of<'a>(bytes: *const u8, length: usize) -> Option<&'a [u8]> {
    // SAFETY: by the caller's promise.
    (!bytes.is_null()).then(|| unsafe { std::slice::from_raw_parts(bytes, length) })
}
