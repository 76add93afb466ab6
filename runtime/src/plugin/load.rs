//! How much crosses the boundary in one call: rows, and the bytes of columns and states.

use super::bindings::exports::millrace::plugin as guest;
use super::bindings::millrace::plugin::types;

/// What crosses in one direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    pub rows: u64,
    pub bytes: u64,
}

impl Load {
    pub fn and(self, other: Self) -> Self {
        Self { rows: self.rows + other.rows, bytes: self.bytes + other.bytes }
    }

    fn bytes(self) -> Self {
        Self { rows: 0, ..self }
    }
}

/// An argument of a call.
pub trait Given {
    fn load(&self) -> Load;
}

/// What a call returned for `given`.
pub trait Returned {
    fn load(&self, given: Load) -> Load;
}

impl Given for u32 {
    fn load(&self) -> Load {
        Load::default()
    }
}

impl Given for &[u32] {
    fn load(&self) -> Load {
        Load { rows: 0, bytes: size_of_val(*self) as u64 }
    }
}

/// Columns by themselves are states, one row each.
impl Given for types::ColumnsParam<'_> {
    fn load(&self) -> Load {
        let rows = self.nodes.first().map_or(0, |node| u64::from(node.length));
        Load { rows, bytes: self.buffers.iter().map(|buffer| buffer.len() as u64).sum() }
    }
}

impl Given for types::Batch<'_> {
    fn load(&self) -> Load {
        Load { rows: u64::from(self.rows), ..self.columns.load() }
    }
}

impl Given for guest::keyed_transformer::KeyedBatch<'_> {
    fn load(&self) -> Load {
        let beside = size_of_val(self.times) + size_of_val(self.starts) + size_of_val(self.timers);
        let beside = Load { rows: u64::from(self.rows), bytes: beside as u64 };
        let columns = [&self.columns, &self.keys, &self.states];
        columns.into_iter().fold(beside, |load, columns| load.and(columns.load().bytes()))
    }
}

impl Returned for types::ColumnsResult {
    fn load(&self, _: Load) -> Load {
        let rows = self.nodes.first().map_or(0, |node| u64::from(node.length));
        Load { rows, bytes: self.buffers.iter().map(|buffer| buffer.len() as u64).sum() }
    }
}

impl Returned for Vec<types::PortOutput> {
    fn load(&self, given: Load) -> Load {
        let port = |port: &types::PortOutput| {
            let columns = port.columns.load(given);
            match &port.rows {
                types::Selection::All => Load { rows: given.rows, ..columns },
                types::Selection::Rows(rows) => {
                    let selected = size_of_val(rows.as_slice()) as u64;
                    Load { rows: rows.len() as u64, bytes: columns.bytes + selected }
                }
            }
        };
        self.iter().map(port).fold(Load::default(), Load::and)
    }
}

impl Returned for types::Output {
    fn load(&self, given: Load) -> Load {
        self.ports.load(given)
    }
}

impl Returned for guest::keyed_transformer::KeyedOutput {
    fn load(&self, given: Load) -> Load {
        let timers = size_of_val(self.timers.as_slice()) + size_of_val(self.changed.as_slice());
        let beside = self.states.load(given).bytes().and(Load { rows: 0, bytes: timers as u64 });
        self.ports.load(given).and(beside)
    }
}

impl Returned for guest::scalar_function::Evaluated {
    fn load(&self, given: Load) -> Load {
        self.values.load(given)
    }
}

impl<T: Returned> Returned for Result<T, String> {
    fn load(&self, given: Load) -> Load {
        match self {
            Ok(returned) => returned.load(given),
            Err(_) => Load::default(),
        }
    }
}
