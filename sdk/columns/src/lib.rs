//! Arrow arrays to and from the flat columns of the `millrace:plugin` contract (`wit/types.wit`).
//!
//! Both ends of the boundary use this crate: the host and the Rust SDK. It knows Arrow and the
//! layout, and nothing of WebAssembly; [`wit_types!`] bridges to whatever types a binding
//! generator made of the contract.
//!
//! *Invariant:* no input makes [`decode`] panic. It is what stands between a hostile guest and the
//! host's memory.

mod crossing;
mod decode;
mod encode;
mod schema;
mod wit;

pub use crossing::crossing_type;
pub use decode::{decode, decode_trusted};
pub use encode::encode;
pub use schema::{FlatField, FlatType, flatten, unflatten};

use arrow_buffer::Buffer;

/// One column, or one child of a nested column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    pub length: u32,
    pub null_count: u32,
}

/// Columns in Arrow's physical layout, depth first.
#[derive(Debug, Clone, Default)]
pub struct FlatColumns {
    pub nodes: Vec<Node>,
    pub buffers: Vec<Buffer>,
}

/// Why flat columns or a flat schema contradict the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayoutError {
    /// The column's name; children of nested columns are separated by dots. Empty if the error is
    /// not about one column.
    pub column: String,
    pub problem: String,
}

impl LayoutError {
    pub(crate) fn new(column: &str, problem: impl Into<String>) -> Self {
        Self { column: column.to_owned(), problem: problem.into() }
    }
}

impl std::fmt::Display for LayoutError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.column.is_empty() {
            f.write_str(&self.problem)
        } else {
            write!(f, "column `{}`: {}", self.column, self.problem)
        }
    }
}

impl std::error::Error for LayoutError {}
