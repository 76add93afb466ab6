//! Messages as they come, sorted into batches of one partition each.

use std::collections::{HashMap, VecDeque};

use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;

use super::cluster::is_unknown;
use super::native::{Message, Taken};
use super::rows::{Made, Place, RowPlan, Rows};
use crate::error::{Error, ErrorKind, Result};
use crate::kafka;

/// Something of one partition.
pub struct Ready {
    /// Its index in the lane.
    pub at: usize,
    pub what: What,
}

pub enum What {
    Made(Box<Made>),
    /// There is nothing from this offset on.
    End(u64),
    /// The client refuses this offset.
    Stuck,
}

/// Sorts messages by partition: one batch for all that were taken of it together.
pub struct Sorter<'a> {
    pub plan: &'a RowPlan,
    /// A partition of the lane, by its index.
    pub partition: &'a dyn Fn(usize) -> Destination<'a>,
    pub by_name: &'a HashMap<String, HashMap<i32, usize>>,
    /// For each partition the rows that are being put together; none between two calls.
    pub open: &'a mut [Option<Rows>],
    /// The partitions with rows in `open`, in the order in which they came.
    pub order: Vec<usize>,
    pub ready: &'a mut VecDeque<Ready>,
}

/// Where a partition's records go.
pub struct Destination<'a> {
    pub place: &'a Place,
    /// Records from this offset on are left alone.
    pub target: Option<u64>,
}

impl Sorter<'_> {
    /// # Errors
    /// If the client can't read a record, or may not read a topic.
    pub fn sort(&mut self, taken: &Taken) -> Result<()> {
        let mut first = 0;
        while first < taken.len() {
            let message = taken.get(first);
            // Messages come in runs of one partition.
            let beside = |at: &usize| taken.get(*at).is_beside(&message);
            let run = first..(first + 1..taken.len()).find(|at| !beside(at)).unwrap_or(taken.len());
            first = run.end;
            let at = self.by_name.get(message.topic());
            let at = at.and_then(|numbers| numbers.get(&message.partition()).copied());
            if let (None, Some(at)) = (message.error(), at) {
                let bytes = run.clone().filter_map(|at| taken.get(at).value()).map(<[u8]>::len);
                let bytes = bytes.sum::<usize>();
                self.rows(at).reserve(run.len(), bytes);
            }
            for message in run.map(|at| taken.get(at)) {
                match (message.error(), at) {
                    (None, Some(at)) => self.record(at, &message)?,
                    (Some(code), at) => self.error(at, &message, code)?,
                    // The client gives no records of partitions that it was not told to read.
                    (None, None) => return Err(Error::internal("a record of another source")),
                }
            }
        }
        for at in std::mem::take(&mut self.order) {
            self.close(at)?;
        }
        Ok(())
    }

    fn record(&mut self, at: usize, message: &Message) -> Result<()> {
        let target = (self.partition)(at).target;
        if target.is_some_and(|target| message.offset() as u64 >= target) {
            return self.end(at, message.offset());
        }
        let plan = self.plan;
        let rows = self.rows(at);
        rows.push(message, plan);
        let is_full = rows.is_full();
        if is_full { self.close(at) } else { Ok(()) }
    }

    /// The rows of a partition that are being put together.
    fn rows(&mut self, at: usize) -> &mut Rows {
        match &mut self.open[at] {
            Some(rows) => rows,
            empty => {
                self.order.push(at);
                empty.insert(Rows::new())
            }
        }
    }

    /// Nothing that is to be read comes from `offset` on.
    fn end(&mut self, at: usize, offset: i64) -> Result<()> {
        self.close(at)?;
        let mut offset = offset.max(0) as u64;
        if let Some(target) = (self.partition)(at).target {
            offset = offset.min(target);
        }
        self.ready.push_back(Ready { at, what: What::End(offset) });
        Ok(())
    }

    fn close(&mut self, at: usize) -> Result<()> {
        if let Some(rows) = self.open[at].take() {
            let made = Box::new(rows.finish((self.partition)(at).place, self.plan)?);
            self.ready.push_back(Ready { at, what: What::Made(made) });
        }
        Ok(())
    }

    fn error(
        &mut self,
        at: Option<usize>,
        message: &Message,
        code: RDKafkaErrorCode,
    ) -> Result<()> {
        use RDKafkaErrorCode as Code;
        match (code, at) {
            (Code::PartitionEOF, Some(at)) => self.end(at, message.offset()),
            (Code::AutoOffsetReset | Code::OffsetOutOfRange | Code::LogTruncation, Some(at)) => {
                self.close(at)?;
                self.ready.push_back(Ready { at, what: What::Stuck });
                Ok(())
            }
            (Code::TopicAuthorizationFailed, _) => {
                let what = format!("read topic `{}`", message.topic());
                Err(kafka::failed(what, KafkaError::MessageConsumption(code)))
            }
            // What the client can't read it would leave out.
            (
                Code::BadMessage
                | Code::BadCompression
                | Code::InvalidMessage
                | Code::InvalidMessageSize
                | Code::MessageSizeTooLarge
                | Code::NotImplemented,
                Some(at),
            ) => Err(Error::new(
                ErrorKind::Corrupt,
                format!(
                    "cannot read `{}` at offset {}: {}",
                    (self.partition)(at).place.partition.name,
                    message.offset(),
                    message.error_text()
                ),
            )),
            (Code::Fatal, _) => Err(Error::unavailable(format!(
                "the Kafka client gave up: {}",
                message.error_text()
            ))),
            // The monitor sees to topics that are gone; the rest passes, and the client goes on.
            (code, _) if is_unknown(code) => Ok(()),
            (code, _) => {
                tracing::debug!("{}: {code}: {}", message.topic(), message.error_text());
                Ok(())
            }
        }
    }
}
