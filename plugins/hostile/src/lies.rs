//! Answers that contradict the contract, made from honest ones.
//!
//! The matches here end in `_`, because a mode acts in one of several places and would otherwise
//! be named in all of them.

use millrace_plugin::bindings::millrace::plugin::types as wit;

use crate::{Config, Mode};

/// A gibibyte, the most that `huge_output` tries to return.
const HUGE_BYTES: usize = 1 << 30;
/// As often `repeat_rows` returns each row, as often as may be.
const REPETITIONS: usize = 1024;
const MANY_PORTS: usize = 100_000;
const HUGE_NAME_BYTES: usize = 10_000_000;

/// What to lie about in `process`, and when.
pub struct Lie {
    mode: Mode,
    poison: Option<i64>,
}

impl Lie {
    pub fn new(config: &Config) -> Self {
        Self { mode: config.mode, poison: config.poison }
    }

    /// Whether the batch holds the poison. It must not be 0, which may lie under a null.
    pub fn is_due(&self, input: &wit::Batch) -> bool {
        let Some(poison) = self.poison else { return true };
        let values = &input.columns.buffers[1];
        values.chunks_exact(8).take(input.rows as usize).any(|value| value == poison.to_le_bytes())
    }

    /// Puts the lie into `output`, the honest answer for `rows` rows.
    pub fn tell(&self, output: &mut wit::Output, rows: u32) {
        match self.mode {
            Mode::BadErrorRow
            | Mode::BadErrorCode
            | Mode::RowOnPortAndErrors
            | Mode::RowOutOfRange
            | Mode::PortOutOfRange
            | Mode::PortTwice
            | Mode::RepeatRows => lie_about_rows(self.mode, output, rows),
            _ => {
                if let Some(main) = output.ports.first_mut() {
                    lie_about_columns(self.mode, &mut main.columns, rows);
                }
            }
        }
    }
}

/// Lies in what `start` returns.
pub fn lie_in_description(mode: Mode, description: &mut wit::Description) {
    let main = &mut description.ports[0];
    match mode {
        Mode::BadPortName => main.name = "Not A Port".into(),
        Mode::UnknownRead => description.reads.push("no_such_column".into()),
        Mode::DuplicateColumn => main.adds.extend(main.adds.first().cloned()),
        Mode::ManyPorts => {
            let port = |at| wit::Port { name: format!("p{at}"), ..main.clone() };
            description.ports = (0..MANY_PORTS).map(port).collect();
        }
        Mode::HugeName => main.name = "x".repeat(HUGE_NAME_BYTES),
        _ => {}
    }
}

fn lie_about_rows(mode: Mode, output: &mut wit::Output, rows: u32) {
    let main = &mut output.ports[0];
    match mode {
        Mode::RowOutOfRange => main.rows = wit::Selection::Rows((1..=rows).collect()),
        Mode::PortOutOfRange => main.port = 1000,
        Mode::PortTwice => output.ports.extend_from_within(..),
        Mode::RepeatRows => {
            let count = rows as usize * REPETITIONS;
            main.rows = wit::Selection::Rows((0..count).map(|at| at as u32 % rows).collect());
            main.columns.nodes[0] = wit::Node { length: count as u32, null_count: 0 };
            main.columns.buffers = vec![Vec::new(), vec![0; count * 8]];
        }
        Mode::BadErrorRow => output.errors.push(row_error(rows, "refused")),
        Mode::BadErrorCode => {
            output.ports.clear();
            output.errors = (0..rows).map(|row| row_error(row, "Not a code!")).collect();
        }
        Mode::RowOnPortAndErrors => output.errors.push(row_error(0, "refused")),
        _ => {}
    }
}

fn row_error(row: u32, code: &str) -> wit::RowError {
    wit::RowError { row, code: code.into(), message: "a lie".into(), column: None }
}

/// The buffers are those of `m` (validity, values) and, in the modes that write text, of `t`
/// (validity, offsets, bytes).
fn lie_about_columns(mode: Mode, columns: &mut wit::Columns, rows: u32) {
    let wit::Columns { nodes, buffers } = columns;
    match mode {
        Mode::ShortBuffer => {
            buffers[1].pop();
        }
        Mode::LongNode => nodes[0].length += 1,
        Mode::BadOffsets => buffers[3][4..8].copy_from_slice(&(-1_i32).to_le_bytes()),
        Mode::OffsetsBeyond => {
            let last = rows as usize * 4;
            buffers[3][last..last + 4].copy_from_slice(&i32::MAX.to_le_bytes());
        }
        Mode::BadUtf8 => buffers[4].iter_mut().take(1).for_each(|byte| *byte = 0xff),
        Mode::BadNullCount => nodes[0].null_count += 1,
        Mode::NullInNonNull => {
            nodes[0].null_count = rows;
            buffers[0] = vec![0; rows.div_ceil(8) as usize];
        }
        Mode::MissingColumn => {
            nodes.clear();
            buffers.clear();
        }
        Mode::ExtraBuffers => buffers.push(vec![0; 8]),
        Mode::HugeOutput => buffers[1] = as_much_as_possible(),
        _ => {}
    }
}

/// A buffer of a gibibyte, or of the largest fraction of it that memory allows.
fn as_much_as_possible() -> Vec<u8> {
    let mut buffer = Vec::new();
    let mut size = HUGE_BYTES;
    while buffer.try_reserve_exact(size).is_err() {
        size /= 2;
    }
    buffer.resize(size, 0);
    buffer
}
