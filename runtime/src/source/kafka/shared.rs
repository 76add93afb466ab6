//! What the lanes of a source and its monitor tell each other.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use xxhash_rust::xxh3::xxh3_64;

use super::native::TopicPartition;
use crate::error::Error;
use crate::metrics::Lag;
use crate::source::{Identity, Position};

/// Between the monitor and the lanes.
pub struct Shared {
    started: Instant,
    inboxes: Vec<Inbox>,
    requests: Sender<Request>,
    /// Partitions that are known and have not been given to a lane.
    unread: AtomicUsize,
    /// How often lanes have asked where partitions end, and up to which of these times they know.
    asked: AtomicU64,
    answered: AtomicU64,
}

/// News for one lane.
#[derive(Default)]
struct Inbox {
    is_full: AtomicBool,
    news: Mutex<Vec<News>>,
}

/// What the monitor tells a lane.
pub enum News {
    /// Read this partition too.
    Begin(Begin),
    /// Go on elsewhere: what came next in this partition is gone.
    /// `end`: where it ends now, if it is not what it was.
    Move { partition: TopicPartition, to: u64, end: Option<u64>, id: Option<Identity> },
    /// Read this partition no more.
    Gone { partition: TopicPartition },
    /// The source can't go on.
    Fail(Error),
}

/// A partition for a lane.
pub struct Begin {
    pub partition: TopicPartition,
    pub position: Position,
    /// Whether the checkpoint knows nothing of it.
    pub fresh: bool,
    /// The offset up to which it is read, where all that there is is read once.
    pub target: Option<u64>,
    pub watch: Arc<Watch>,
}

/// What the monitor sees of one partition.
pub struct Watch {
    pub lag: Arc<Lag>,
    /// When its end was asked for last, in milliseconds since the start; what came back is in
    /// `lag`.
    checked_ms: AtomicU64,
}

impl Watch {
    pub fn new(lag: Arc<Lag>) -> Arc<Self> {
        Arc::new(Self { lag, checked_ms: AtomicU64::new(0) })
    }
}

/// What lanes and the coordinator tell the monitor.
pub enum Request {
    /// Where do the partitions end?
    Ends,
    /// The client refuses the offset at which this partition stands.
    Stuck(TopicPartition),
    /// These positions are committed.
    Committed(Vec<(TopicPartition, u64)>),
    Close,
}

impl Shared {
    pub fn new(lanes: usize, requests: Sender<Request>) -> Self {
        Self {
            started: Instant::now(),
            inboxes: (0..lanes).map(|_| Inbox::default()).collect(),
            requests,
            unread: AtomicUsize::new(0),
            asked: AtomicU64::new(0),
            answered: AtomicU64::new(0),
        }
    }

    /// The lane that reads a partition: always the same, and those of a topic spread evenly.
    pub fn lane_of(&self, (topic, number): &TopicPartition) -> usize {
        let first = xxh3_64(topic.as_bytes());
        (first.wrapping_add(*number as u64) % self.inboxes.len() as u64) as usize
    }

    /// Tells a lane something.
    pub fn tell(&self, lane: usize, news: News) {
        let inbox = &self.inboxes[lane];
        inbox.news.lock().unwrap_or_else(PoisonError::into_inner).push(news);
        inbox.is_full.store(true, Ordering::Release);
    }

    /// What there is to tell this lane. Costs next to nothing where there is nothing.
    pub fn hear(&self, lane: usize) -> Vec<News> {
        let inbox = &self.inboxes[lane];
        if !inbox.is_full.load(Ordering::Acquire) {
            return Vec::new();
        }
        let mut news = inbox.news.lock().unwrap_or_else(PoisonError::into_inner);
        inbox.is_full.store(false, Ordering::Release);
        std::mem::take(&mut news)
    }

    /// Whether there are partitions that this lane may have to read and has not begun.
    pub fn has_unread(&self, lane: usize) -> bool {
        self.unread.load(Ordering::Acquire) > 0
            || self.inboxes[lane].is_full.load(Ordering::Acquire)
    }

    /// So many partitions are known that no lane was told of.
    pub fn set_unread(&self, partitions: usize) {
        self.unread.store(partitions, Ordering::Release);
    }

    pub fn request(&self, request: Request) {
        // Without a monitor the job is over.
        let _ = self.requests.send(request);
    }

    /// Has the ends of all partitions asked for. What is returned tells
    /// [`are_known`](Self::are_known) which time this was.
    pub fn ask_ends(&self) -> u64 {
        let asked = self.asked.fetch_add(1, Ordering::AcqRel) + 1;
        self.request(Request::Ends);
        asked
    }

    /// Whether the ends that were asked for have come.
    pub fn are_known(&self, asked: u64) -> bool {
        self.answered.load(Ordering::Acquire) >= asked
    }

    /// How often ends have been asked for.
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::Acquire)
    }

    /// All ends are at least as new as the question of this number.
    pub fn answer(&self, asked: u64) {
        self.answered.store(asked, Ordering::Release);
    }

    /// The partition's end was `end` or less at the time `asked_at`.
    pub fn note_end(&self, watch: &Watch, end: u64, asked_at: Instant) {
        watch.lag.ends(end);
        let ms = asked_at.saturating_duration_since(self.started).as_millis() as u64;
        watch.checked_ms.store(ms, Ordering::Release);
    }

    /// When the partition was last known to have nothing that is not read, if it was.
    pub fn known_empty(&self, watch: &Watch) -> Option<Instant> {
        let ms = watch.checked_ms.load(Ordering::Acquire);
        // Read after the time: an end that has come since can only be a later one.
        let is_empty = ms > 0 && watch.lag.records() == 0;
        is_empty.then(|| self.started + Duration::from_millis(ms))
    }
}
