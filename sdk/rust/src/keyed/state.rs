//! Typed states as a column of bytes.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BinaryArray};
use arrow_buffer::{BooleanBufferBuilder, Buffer, NullBuffer, OffsetBuffer};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Failure;

/// States on their way to the host, one after the other.
#[derive(Default)]
pub struct StateColumn {
    offsets: Vec<i32>,
    bytes: Vec<u8>,
    /// Whether each state is there.
    valid: Vec<bool>,
}

impl StateColumn {
    /// Reads a state.
    ///
    /// # Errors
    /// If these are not the bytes of such a state.
    pub fn decode<S: DeserializeOwned>(bytes: &[u8]) -> Result<S, Failure> {
        postcard::from_bytes(bytes).map_err(|e| Failure(format!("can't read a state: {e}")))
    }

    /// Adds a state; `None` for none.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn push<S: Serialize>(&mut self, state: Option<&S>) -> Result<(), Failure> {
        if let Some(state) = state {
            let bytes = std::mem::take(&mut self.bytes);
            self.bytes = postcard::to_extend(state, bytes)
                .map_err(|e| Failure(format!("can't write a state: {e}")))?;
        }
        let end = i32::try_from(self.bytes.len());
        self.offsets.push(end.map_err(|_| Failure::new("states of more than 2 GiB in a batch"))?);
        self.valid.push(state.is_some());
        Ok(())
    }

    /// How many states there are.
    pub fn len(&self) -> usize {
        self.valid.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.valid.is_empty()
    }

    /// All of them.
    pub fn finish(self) -> BinaryArray {
        let mut offsets = Vec::with_capacity(self.offsets.len() + 1);
        offsets.push(0);
        offsets.extend(self.offsets);
        let mut valid = BooleanBufferBuilder::new(self.valid.len());
        self.valid.iter().for_each(|valid_one| valid.append(*valid_one));
        let nulls = NullBuffer::new(valid.finish());
        let nulls = (nulls.null_count() > 0).then_some(nulls);
        BinaryArray::new(OffsetBuffer::new(offsets.into()), Buffer::from_vec(self.bytes), nulls)
    }

    /// All of them as a column.
    pub fn into_column(self) -> ArrayRef {
        Arc::new(self.finish())
    }

    /// All states of a column, `None` where it has none.
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    pub fn decode_all<S: DeserializeOwned>(
        column: &BinaryArray,
    ) -> Result<Vec<Option<S>>, Failure> {
        let states = (0..column.len())
            .map(|at| column.is_valid(at).then(|| Self::decode(column.value(at))).transpose());
        states.collect()
    }
}
