//! Sets of rows, 64 to a word: a test of a column goes through it without a branch per row.

/// Some of the rows of a batch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows(Vec<u64>);

const BITS: usize = u64::BITS as usize;
/// So few rows of a word are tested one by one.
const FEW: u32 = 8;

impl Rows {
    /// The first `rows` rows.
    pub fn all(rows: usize) -> Self {
        let mut words = vec![u64::MAX; rows.div_ceil(BITS)];
        if let Some(last) = words.last_mut()
            && !rows.is_multiple_of(BITS)
        {
            *last = (1 << (rows % BITS)) - 1;
        }
        Self(words)
    }

    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// Keeps the rows whose value passes; there is a value for each row of the batch.
    pub fn retain_values<T: Copy>(&mut self, values: &[T], passes: impl Fn(T) -> bool) {
        for (word, values) in self.0.iter_mut().zip(values.chunks(BITS)) {
            *word = match word.count_ones() <= FEW {
                true => tested(*word, |bit| passes(values[bit])),
                false => {
                    let bits = values.iter().enumerate();
                    let bits = bits.map(|(bit, value)| u64::from(passes(*value)) << bit);
                    *word & bits.fold(0, |all, bit| all | bit)
                }
            };
        }
    }

    /// Keeps the rows that pass.
    pub fn retain(&mut self, passes: impl Fn(usize) -> bool) {
        for (at, word) in self.0.iter_mut().enumerate() {
            *word = tested(*word, |bit| passes(at * BITS + bit));
        }
    }

    /// Takes the rows of `others` out.
    pub fn remove(&mut self, others: &Self) {
        self.0.iter_mut().zip(&others.0).for_each(|(word, other)| *word &= !other);
    }

    /// Their numbers, growing.
    pub fn numbers(&self) -> Vec<u32> {
        let mut numbers = Vec::with_capacity(self.0.iter().map(|w| w.count_ones() as usize).sum());
        for (at, word) in self.0.iter().enumerate() {
            let first = (at * BITS) as u32;
            match *word {
                u64::MAX => numbers.extend(first..first + u64::BITS),
                word => bits(word).for_each(|bit| numbers.push(first + bit as u32)),
            }
        }
        numbers
    }
}

/// The bits of a word that pass.
fn tested(word: u64, passes: impl Fn(usize) -> bool) -> u64 {
    bits(word).fold(0, |all, bit| all | u64::from(passes(bit)) << bit)
}

/// The places of the bits that are set.
fn bits(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = word.trailing_zeros();
        let is_set = word != 0;
        word &= word.wrapping_sub(1);
        is_set.then_some(bit as usize)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Batches end in the midst of a word, and words have few or many rows left.
    #[test]
    fn rows_are_kept_and_removed_in_batches_of_any_size() {
        for size in [0, 1, 63, 64, 65, 128, 200] {
            let values: Vec<usize> = (0..size).collect();
            let numbers = |keep: fn(usize) -> bool| -> Vec<u32> {
                values.iter().filter(|v| keep(**v)).map(|v| *v as u32).collect()
            };
            let mut rows = Rows::all(size);
            assert_eq!(rows.numbers(), numbers(|_| true));
            rows.retain_values(&values, |v| v % 3 == 0);
            assert_eq!(rows.numbers(), numbers(|v| v % 3 == 0));
            let mut few = rows.clone();
            few.retain(|row| row % 5 == 0);
            assert_eq!(few.numbers(), numbers(|v| v % 15 == 0));
            rows.remove(&few);
            assert_eq!(rows.numbers(), numbers(|v| v % 3 == 0 && v % 5 > 0));
            few.retain_values(&values, |v| v == 60);
            assert_eq!((few.numbers().len(), few.is_empty()), (usize::from(size > 60), size <= 60));
        }
    }
}
