//! What a call costs a processor.

use std::time::Instant;

use crate::metrics::PluginMetrics;

/// Reading a thread's time is a call of the system, 0.4 us; twice per call is no longer nothing
/// where a call takes less than this.
const EXACT_NANOS: u64 = 50_000;
/// Of shorter calls so many share one reading: the others count what they take by the clock, less
/// the share in which the measured ones did not have a processor.
const SHARED_BY: u32 = 8;

/// Measures the calls of one instance.
#[derive(Debug, Default)]
pub struct Meter {
    calls: u32,
    /// Of the last call, by the clock.
    last_nanos: u64,
    /// Of calls that were measured exactly, the earlier ones weighing less.
    cpu_nanos: u64,
    wall_nanos: u64,
}

/// A call that has begun.
pub struct Begun {
    wall: Instant,
    cpu: Option<u64>,
}

impl Meter {
    pub fn begin(&mut self) -> Begun {
        let is_exact = self.last_nanos >= EXACT_NANOS || self.calls.is_multiple_of(SHARED_BY);
        self.calls = self.calls.wrapping_add(1);
        let cpu = if is_exact { thread_nanos() } else { None };
        Begun { wall: Instant::now(), cpu }
    }

    /// The call has come back, in the thread in which it began.
    pub fn end(&mut self, begun: &Begun, metrics: &PluginMetrics) {
        let wall_nanos = begun.wall.elapsed().as_nanos() as u64;
        self.last_nanos = wall_nanos;
        let exact = begun.cpu.and_then(|before| Some(thread_nanos()?.saturating_sub(before)));
        let cpu_nanos = match exact {
            Some(cpu_nanos) => {
                self.cpu_nanos = self.cpu_nanos / 2 + cpu_nanos;
                self.wall_nanos = self.wall_nanos / 2 + wall_nanos;
                cpu_nanos
            }
            None if self.wall_nanos == 0 => wall_nanos,
            None => {
                let share = self.cpu_nanos as f64 / self.wall_nanos as f64;
                (wall_nanos as f64 * share.min(1.0)) as u64
            }
        };
        metrics.took(cpu_nanos, wall_nanos);
    }
}

/// What a thread has worked since this was made.
#[derive(Debug)]
pub struct Stopwatch {
    wall: Instant,
    cpu: Option<u64>,
}

impl Stopwatch {
    pub fn start() -> Self {
        Self { wall: Instant::now(), cpu: thread_nanos() }
    }

    /// Nanoseconds of a processor or, where the system does not tell, by the clock; in the thread in
    /// which it was started.
    pub fn nanos(&self) -> u64 {
        let cpu = self.cpu.and_then(|before| Some(thread_nanos()?.saturating_sub(before)));
        cpu.unwrap_or_else(|| self.wall.elapsed().as_nanos() as u64)
    }
}

/// Nanoseconds that this thread has had of a processor. `None` where the system does not tell.
fn thread_nanos() -> Option<u64> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a `timespec` that lives beyond the call, which writes there and keeps
    // nothing.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    (failed == 0).then(|| time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}
