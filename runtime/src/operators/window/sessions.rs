//! Sessions: rows of a key that follow one another within a gap.
//!
//! Each batch is aggregated by itself into pieces of sessions; a session is a list of such pieces,
//! and of what is stored. They are put together when it ends, or at a freeze. So rows may come in
//! any order, and a row that joins two sessions costs no more than another.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::compute::{interleave, take};
use datafusion::physical_plan::aggregates::group_values::GroupValues;

use super::Core;
use super::groups::{Groups, Partial, take_keys};
use super::input::{Input, Times};
use super::output::Spans;
use super::store::Pane;
use crate::config::OutputMode;
use crate::error::Result;
use crate::operator::Outputs;
use crate::state::EncodedRows;

/// So many pieces are in memory before they are stored.
const PIECES_MAX: usize = 1 << 20;

pub(super) struct Sessions {
    /// By number; `None`: the number is free.
    all: Vec<Option<Session>>,
    free: Vec<u32>,
    by_key: HashMap<Arc<[u8]>, Vec<u32>>,
    /// By when they end.
    ends: BTreeSet<(i64, u32)>,
    /// Pieces of sessions since the last freeze, batch by batch.
    pieces: Vec<Partial>,
    rows: usize,
    /// The numbers of sessions that got pieces; some are free again, or of others.
    changed: Vec<u32>,
    /// Numbers the keys of a batch. `None`: there is no key.
    keys: Option<Box<dyn GroupValues>>,
}

struct Session {
    key: Arc<[u8]>,
    start: i64,
    end: i64,
    /// Under which bounds parts of it are stored.
    stored: Vec<(i64, i64)>,
    /// Which row of which batch's pieces belong to it.
    pieces: Vec<(u32, u32)>,
}

/// A part of a session within a batch.
struct Piece {
    /// A row of it.
    row: u32,
    start: i64,
    end: i64,
}

impl Sessions {
    pub fn open(core: &mut Core) -> Result<Self> {
        let mut sessions = Self {
            all: Vec::new(),
            free: Vec::new(),
            by_key: HashMap::new(),
            ends: BTreeSet::new(),
            pieces: Vec::new(),
            rows: 0,
            changed: Vec::new(),
            keys: core.aggregation.group_values()?,
        };
        core.store.each(&mut |Pane { start, first: end }, key| {
            let key: Arc<[u8]> = sessions.key(key);
            let stored = vec![(start, end)];
            sessions.add(Session { key, start, end, stored, pieces: Vec::new() });
        })?;
        Ok(sessions)
    }

    fn key(&self, key: &[u8]) -> Arc<[u8]> {
        self.by_key.get_key_value(key).map_or_else(|| key.into(), |(key, _)| key.clone())
    }

    fn add(&mut self, session: Session) -> u32 {
        let (key, end) = (session.key.clone(), session.end);
        let number = match self.free.pop() {
            Some(number) => {
                self.all[number as usize] = Some(session);
                number
            }
            None => {
                self.all.push(Some(session));
                self.all.len() as u32 - 1
            }
        };
        self.ends.insert((end, number));
        self.by_key.entry(key).or_default().push(number);
        number
    }

    fn remove(&mut self, number: u32) -> Option<Session> {
        let session = self.all[number as usize].take()?;
        self.free.push(number);
        self.ends.remove(&(session.end, number));
        if let Some(numbers) = self.by_key.get_mut(&session.key) {
            numbers.retain(|other| *other != number);
            if numbers.is_empty() {
                self.by_key.remove(&session.key);
            }
        }
        Some(session)
    }

    pub fn process(&mut self, core: &mut Core, input: &Input, out: &mut Outputs) -> Result<()> {
        let Times::Spans { starts, ends } = &input.times else { return Ok(()) };
        let own = input.batch.origin.watermarks();
        let (mut late, mut timely) = (Vec::new(), Vec::with_capacity(starts.len()));
        for (row, start) in starts.iter().enumerate() {
            match *start < core.complete_for(own, row) {
                true => late.push(row as u32),
                false => timely.push(row as u32),
            }
        }
        core.late(input, late, out)?;
        if timely.is_empty() {
            return Ok(());
        }
        let (pieces, piece_of) = self.cut(input, timely, starts, ends)?;
        self.aggregate(core, input, &pieces, &piece_of)?;
        let mut keys = EncodedRows::default();
        let batch = self.pieces.len() as u32 - 1;
        let own = &self.pieces[batch as usize];
        core.aggregation.key_codec.encode(&own.keys, own.rows, &mut keys)?;
        for (at, piece) in pieces.iter().enumerate() {
            self.join(keys.row(at), piece, (batch, at as u32));
        }
        if self.rows > PIECES_MAX {
            self.flush(core)?;
        }
        Ok(())
    }

    /// Cuts the rows of a batch into pieces of sessions; with them the piece of each row, or one
    /// that does not exist for a row that is left out.
    fn cut(
        &mut self,
        input: &Input,
        mut rows: Vec<u32>,
        starts: &[i64],
        ends: &[i64],
    ) -> Result<(Vec<Piece>, Vec<u32>)> {
        let mut numbers = vec![0; starts.len()];
        if let Some(keys) = &mut self.keys {
            keys.intern(&input.rows.keys, &mut numbers)?;
            take_keys(keys.as_mut())?;
        }
        rows.sort_unstable_by_key(|row| (numbers[*row as usize], starts[*row as usize]));
        let mut pieces: Vec<Piece> = Vec::new();
        let mut piece_of = vec![u32::MAX; starts.len()];
        for row in rows {
            let at = row as usize;
            let (start, end) = (starts[at], ends[at]);
            match pieces.last_mut() {
                Some(last) if numbers[last.row as usize] == numbers[at] && start < last.end => {
                    last.end = last.end.max(end);
                }
                _ => pieces.push(Piece { row, start, end }),
            }
            piece_of[at] = pieces.len() as u32 - 1;
        }
        Ok((pieces, piece_of))
    }

    /// Aggregates the pieces of a batch.
    fn aggregate(
        &mut self,
        core: &Core,
        input: &Input,
        pieces: &[Piece],
        piece_of: &[u32],
    ) -> Result<()> {
        let mut groups = Groups::without_keys(&core.aggregation)?;
        let all = !piece_of.contains(&u32::MAX);
        let of = |row: &u32| piece_of[*row as usize] as usize;
        if all {
            let indices: Vec<usize> = piece_of.iter().map(|piece| *piece as usize).collect();
            groups.update_at(&input.rows, &indices, pieces.len())?;
        } else {
            let rows = 0..piece_of.len() as u32;
            let kept: Vec<u32> = rows.filter(|row| piece_of[*row as usize] != u32::MAX).collect();
            let indices: Vec<usize> = kept.iter().map(of).collect();
            let rows = input.rows.take(&UInt32Array::from(kept))?;
            groups.update_at(&rows, &indices, pieces.len())?;
        }
        let rows = UInt32Array::from_iter_values(pieces.iter().map(|piece| piece.row));
        let keys = input.rows.keys.iter().map(|column| Ok(take(column, &rows, None)?));
        let keys = keys.collect::<Result<Vec<ArrayRef>>>()?;
        self.rows += pieces.len();
        self.pieces.push(Partial { keys, ..groups.take()? });
        Ok(())
    }

    /// Puts a piece to the sessions of its key with which it overlaps; they become one.
    fn join(&mut self, key: &[u8], piece: &Piece, at: (u32, u32)) {
        let numbers = self.by_key.get(key).map_or(&[][..], Vec::as_slice);
        let overlaps = |number: &u32| {
            let session = self.all[*number as usize].as_ref();
            session.is_some_and(|s| piece.start < s.end && s.start < piece.end)
        };
        let met: Vec<u32> = numbers.iter().copied().filter(overlaps).collect();
        let mut joined = Session {
            key: self.key(key),
            start: piece.start,
            end: piece.end,
            stored: Vec::new(),
            pieces: Vec::new(),
        };
        for number in met {
            let Some(session) = self.remove(number) else { continue };
            joined.start = joined.start.min(session.start);
            joined.end = joined.end.max(session.end);
            // The lists of the first are taken as they are, so that a long session stays cheap.
            if joined.pieces.is_empty() {
                joined.pieces = session.pieces;
            } else {
                joined.pieces.extend(session.pieces);
            }
            joined.stored.extend(session.stored);
        }
        joined.pieces.push(at);
        let number = self.add(joined);
        self.changed.push(number);
    }

    /// Sends on the sessions that are complete.
    pub fn close(&mut self, core: &mut Core, out: &mut Outputs) -> Result<()> {
        let ended = self.ends.iter().take_while(|(end, _)| *end <= core.complete);
        let ended: Vec<u32> = ended.map(|(_, number)| *number).collect();
        if ended.is_empty() {
            return Ok(());
        }
        let closed: Vec<Session> = ended.iter().filter_map(|number| self.remove(*number)).collect();
        self.emit(core, &closed, out)?;
        for session in &closed {
            core.last_end = core.last_end.max(session.end);
            for (start, end) in &session.stored {
                core.store.remove_one(Pane { start: *start, first: *end }, &session.key)?;
            }
        }
        Ok(())
    }

    fn emit(&self, core: &mut Core, sessions: &[Session], out: &mut Outputs) -> Result<()> {
        let keys = core.aggregation.key_codec.decode(sessions.iter().map(|s| &*s.key))?;
        let mut results = self.gather(core, sessions)?.evaluate()?;
        results.keys = keys;
        let starts = sessions.iter().map(|session| session.start).collect();
        let ends = sessions.iter().map(|session| session.end).collect();
        core.output.emit(results, Spans::Each(starts, ends), out)
    }

    /// The aggregates of sessions, in their order.
    fn gather(&self, core: &mut Core, sessions: &[Session]) -> Result<Groups> {
        let mut stored = Vec::new();
        // For each part of a session which of the lists it is in, and where; and whose it is.
        let (mut parts, mut owners) = (Vec::new(), Vec::new());
        for (at, session) in sessions.iter().enumerate() {
            for (start, end) in &session.stored {
                parts.push((0, stored.len()));
                owners.push(at);
                let pane = Pane { start: *start, first: *end };
                stored.push(core.store.get_one(pane, &session.key)?);
            }
            for (batch, row) in &session.pieces {
                parts.push((*batch as usize + 1, *row as usize));
                owners.push(at);
            }
        }
        let stored = core.aggregation.state_codec.decode(stored.iter().map(Vec::as_slice))?;
        let column = |(at, stored): (usize, &ArrayRef)| -> Result<ArrayRef> {
            let pieces = self.pieces.iter().map(|partial| partial.states[at].as_ref());
            let lists: Vec<&dyn Array> = std::iter::once(stored.as_ref()).chain(pieces).collect();
            Ok(interleave(&lists, &parts)?)
        };
        let states = stored.iter().enumerate().map(column).collect::<Result<Vec<_>>>()?;
        // All at once, as accumulators take it that a group which they hear of has a row.
        let mut groups = Groups::without_keys(&core.aggregation)?;
        groups.merge_at(&states, &owners, sessions.len())?;
        Ok(groups)
    }

    /// Stores what is in memory.
    fn flush(&mut self, core: &mut Core) -> Result<()> {
        let changed = std::mem::take(&mut self.changed);
        let is_unsaved = |number: &u32| {
            self.all[*number as usize].as_ref().is_some_and(|session| !session.pieces.is_empty())
        };
        let unsaved: Vec<u32> = changed.into_iter().filter(is_unsaved).collect();
        // A number that is in the list twice is found once.
        let mut sessions: Vec<Session> =
            unsaved.into_iter().filter_map(|number| self.remove(number)).collect();
        let states = self.gather(core, &sessions)?.take()?.states;
        let mut rows = EncodedRows::default();
        core.aggregation.state_codec.encode(&states, sessions.len(), &mut rows)?;
        for (at, session) in sessions.iter_mut().enumerate() {
            for (start, end) in session.stored.drain(..) {
                core.store.remove_one(Pane { start, first: end }, &session.key)?;
            }
            session.pieces.clear();
            let bounds = Pane { start: session.start, first: session.end };
            core.store.put_one(bounds, &session.key, rows.row(at))?;
            session.stored.push((session.start, session.end));
        }
        for session in sessions {
            self.add(session);
        }
        self.pieces.clear();
        self.rows = 0;
        Ok(())
    }

    pub fn freeze(&mut self, core: &mut Core, out: &mut Outputs) -> Result<()> {
        self.flush(core)?;
        if core.plan.mode != OutputMode::Complete || !core.changed {
            return Ok(());
        }
        let numbers: Vec<u32> = self.ends.iter().map(|(_, number)| *number).collect();
        let sessions: Vec<Session> =
            numbers.into_iter().filter_map(|number| self.remove(number)).collect();
        self.emit(core, &sessions, out)?;
        for session in sessions {
            self.add(session);
        }
        Ok(())
    }
}
