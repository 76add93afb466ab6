//! Under which keys a keyed step stores what. The first byte says what it is; it is on disk, so it
//! never changes.

use crate::plugin::Clock;

/// A key's entry: `s`, then the key.
pub const ENTRY: u8 = b's';
/// That a key has a timer in a span of time: `t`, clock, span, then the key.
const TIMER: u8 = b't';
/// That a group has timers in a span of time: `b`, clock, span.
pub const SPAN: u8 = b'b';
/// Rows that wait for their time: `r`, then the number of the chunk.
pub const ROWS: u8 = b'r';
/// Up to where a group's rows have been handled: `w`.
pub const HANDLED: u8 = b'w';
/// An entry of a map: `m`, key, name, entry.
pub const MAP: u8 = b'm';
/// A value of a list: `l`, key, name, position.
pub const LIST: u8 = b'l';
/// The positions of a list: `h`, key, name.
pub const LIST_RANGE: u8 = b'h';

const CLOCK_AND_SPAN: usize = 1 + 1 + 8;

pub fn entry(key: &[u8], out: &mut Vec<u8>) {
    out.push(ENTRY);
    out.extend(key);
}

/// The beginning of all timers in a span.
pub fn timers(clock: Clock, span: i64) -> Vec<u8> {
    spanned(TIMER, clock, span)
}

/// The key of a timer's name.
pub fn timer_key(name: &[u8]) -> &[u8] {
    name.get(CLOCK_AND_SPAN..).unwrap_or_default()
}

pub fn span(clock: Clock, span: i64) -> Vec<u8> {
    spanned(SPAN, clock, span)
}

/// The clock and span of what [`span`] made.
pub fn read_span(name: &[u8]) -> Option<(Clock, i64)> {
    let span = i64::from_be_bytes(name.get(2..CLOCK_AND_SPAN)?.try_into().ok()?);
    let clock = if name[1] == 0 { Clock::Event } else { Clock::Processing };
    Some((clock, span))
}

pub fn rows(chunk: u64) -> Vec<u8> {
    let mut name = vec![ROWS];
    name.extend(chunk.to_be_bytes());
    name
}

/// The beginning of what belongs to the map or list `name` of a key.
pub fn large(kind: u8, key: &[u8], name: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + 4 + key.len() + 4 + name.len() + 8);
    out.push(kind);
    // With their lengths, so that no key and name look like another key and name.
    out.extend((key.len() as u32).to_be_bytes());
    out.extend(key);
    out.extend((name.len() as u32).to_be_bytes());
    out.extend(name.as_bytes());
    out
}

fn spanned(kind: u8, clock: Clock, span: i64) -> Vec<u8> {
    let mut name = Vec::with_capacity(CLOCK_AND_SPAN);
    name.push(kind);
    name.push(u8::from(clock == Clock::Processing));
    name.extend(span.to_be_bytes());
    name
}
