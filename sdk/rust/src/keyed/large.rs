//! Maps and lists of a key, read and written piece by piece.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StateColumn;
use crate::Failure;

/// Large state in memory, where there is no host: for native tests.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    maps: BTreeMap<(u32, String), BTreeMap<Vec<u8>, Vec<u8>>>,
    lists: BTreeMap<(u32, String), List>,
}

/// The position of the first value, and the values.
type List = (u64, Vec<Vec<u8>>);

/// Where large state is.
#[derive(Clone)]
pub(crate) enum Place {
    #[cfg(target_family = "wasm")]
    Host,
    /// With the number that each key of the batch has in the memory.
    #[cfg_attr(target_family = "wasm", allow(dead_code))]
    Memory(Rc<RefCell<Memory>>, Vec<u32>),
}

/// A map of the current key, for what is too large to come and go with each batch. Entries and
/// values are kept in the format of `postcard`. Every call crosses to the host.
pub struct LargeMap<'a> {
    pub(crate) place: &'a Place,
    pub(crate) key: u32,
    pub(crate) name: &'a str,
}

impl LargeMap<'_> {
    /// The value of an entry.
    ///
    /// # Errors
    /// If the value has another type.
    pub fn get<V: DeserializeOwned>(&self, entry: &[u8]) -> Result<Option<V>, Failure> {
        let value = match self.place {
            #[cfg(target_family = "wasm")]
            Place::Host => host::map_get(self.key, self.name, entry),
            Place::Memory(memory, keys) => {
                let id = (keys[self.key as usize], self.name.to_owned());
                memory.borrow().maps.get(&id).and_then(|map| map.get(entry).cloned())
            }
        };
        value.map(|value| StateColumn::decode(&value)).transpose()
    }

    /// Sets an entry.
    ///
    /// # Errors
    /// If the value can't be written.
    pub fn put<V: Serialize>(&self, entry: &[u8], value: &V) -> Result<(), Failure> {
        let value = encode(value)?;
        match self.place {
            #[cfg(target_family = "wasm")]
            Place::Host => host::map_put(self.key, self.name, entry, &value),
            Place::Memory(memory, keys) => {
                let id = (keys[self.key as usize], self.name.to_owned());
                memory.borrow_mut().maps.entry(id).or_default().insert(entry.to_vec(), value);
            }
        }
        Ok(())
    }

    /// Removes an entry, if it is there.
    pub fn remove(&self, entry: &[u8]) {
        match self.place {
            #[cfg(target_family = "wasm")]
            Place::Host => host::map_remove(self.key, self.name, entry),
            Place::Memory(memory, keys) => {
                let id = (keys[self.key as usize], self.name.to_owned());
                if let Some(map) = memory.borrow_mut().maps.get_mut(&id) {
                    map.remove(entry);
                }
            }
        }
    }

    /// Up to `limit` entries in the order of their bytes, those after `after` or from the first.
    ///
    /// # Errors
    /// If a value has another type.
    pub fn scan<V: DeserializeOwned>(
        &self,
        after: Option<&[u8]>,
        limit: u32,
    ) -> Result<Vec<(Vec<u8>, V)>, Failure> {
        let found: Vec<(Vec<u8>, Vec<u8>)> = match self.place {
            #[cfg(target_family = "wasm")]
            Place::Host => host::map_scan(self.key, self.name, after, limit),
            Place::Memory(memory, keys) => {
                let id = (keys[self.key as usize], self.name.to_owned());
                let memory = memory.borrow();
                let entries = memory.maps.get(&id).into_iter().flatten();
                let beyond =
                    entries.filter(|(entry, _)| after.is_none_or(|a| entry.as_slice() > a));
                beyond.take(limit as usize).map(|(e, v)| (e.clone(), v.clone())).collect()
            }
        };
        let decode = |(entry, value): (Vec<u8>, Vec<u8>)| Ok((entry, StateColumn::decode(&value)?));
        found.into_iter().map(decode).collect()
    }
}

/// A list of the current key; see [`LargeMap`].
pub struct LargeList<'a> {
    pub(crate) place: &'a Place,
    pub(crate) key: u32,
    pub(crate) name: &'a str,
}

impl LargeList<'_> {
    /// Adds a value at the end.
    ///
    /// # Errors
    /// If the value can't be written.
    pub fn append<V: Serialize>(&self, value: &V) -> Result<(), Failure> {
        let value = encode(value)?;
        match self.place {
            #[cfg(target_family = "wasm")]
            Place::Host => host::list_append(self.key, self.name, &value),
            Place::Memory(memory, keys) => {
                let id = (keys[self.key as usize], self.name.to_owned());
                memory.borrow_mut().lists.entry(id).or_default().1.push(value);
            }
        }
        Ok(())
    }

    /// The positions of its values. A value keeps its position when others before it are removed.
    pub fn range(&self) -> std::ops::Range<u64> {
        match self.place {
            #[cfg(target_family = "wasm")]
            Place::Host => {
                let (first, end) = host::list_range(self.key, self.name);
                first..end
            }
            Place::Memory(memory, keys) => {
                let id = (keys[self.key as usize], self.name.to_owned());
                let memory = memory.borrow();
                memory
                    .lists
                    .get(&id)
                    .map_or(0..0, |(first, list)| *first..first + list.len() as u64)
            }
        }
    }

    /// Up to `limit` values from position `from` on.
    ///
    /// # Errors
    /// If a value has another type.
    pub fn read<V: DeserializeOwned>(&self, from: u64, limit: u32) -> Result<Vec<V>, Failure> {
        let found: Vec<Vec<u8>> = match self.place {
            #[cfg(target_family = "wasm")]
            Place::Host => host::list_read(self.key, self.name, from, limit),
            Place::Memory(memory, keys) => {
                let id = (keys[self.key as usize], self.name.to_owned());
                let memory = memory.borrow();
                let Some((first, list)) = memory.lists.get(&id) else { return Ok(Vec::new()) };
                let skipped = from.saturating_sub(*first) as usize;
                list.iter().skip(skipped).take(limit as usize).cloned().collect()
            }
        };
        found.iter().map(|value| StateColumn::decode(value)).collect()
    }

    /// Removes the values before position `before`.
    pub fn remove(&self, before: u64) {
        match self.place {
            #[cfg(target_family = "wasm")]
            Place::Host => host::list_remove(self.key, self.name, before),
            Place::Memory(memory, keys) => {
                let id = (keys[self.key as usize], self.name.to_owned());
                if let Some((first, list)) = memory.borrow_mut().lists.get_mut(&id) {
                    let gone = (before.saturating_sub(*first) as usize).min(list.len());
                    list.drain(..gone);
                    *first += gone as u64;
                }
            }
        }
    }
}

#[cfg(target_family = "wasm")]
use crate::bindings::keyed::millrace::plugin::state as host;

fn encode<V: Serialize>(value: &V) -> Result<Vec<u8>, Failure> {
    postcard::to_allocvec(value).map_err(|e| Failure(format!("can't write a value: {e}")))
}
