//! One rule, and which rows it matches.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Decimal128Type, Float32Type, Float64Type, Int32Type, Int64Type,
};
use arrow_array::{Array, PrimitiveArray};
use millrace_plugin::prelude::*;

use crate::rows::Rows;

/// Where a row goes that a rule matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Fraud,
    Review,
}

/// Matches a row if all of its conditions hold.
#[derive(Debug)]
pub struct Rule {
    pub name: String,
    pub outcome: Outcome,
    pub reason: String,
    pub conditions: Vec<Condition>,
}

impl Rule {
    /// Keeps those of `rows` that the rule matches, one column after the other.
    ///
    /// # Errors
    /// If a column has another type than it had at the start.
    pub fn keep_matching(&self, batch: &RecordBatch, rows: &mut Rows) -> Result<(), Failure> {
        self.conditions.iter().try_for_each(|condition| condition.keep(batch, rows))
    }
}

/// A test of one column. Null passes none.
#[derive(Debug)]
pub struct Condition {
    /// The column's place among those that the plugin reads.
    pub column: usize,
    pub test: Test,
}

/// What is tested.
#[derive(Debug)]
pub enum Test {
    /// A number above this one.
    Over(f64),
    /// A number below this one.
    Under(f64),
    /// An hour whose bit is set.
    Hours(u32),
    OneOf(Words),
    NoneOf(Words),
}

impl Condition {
    fn keep(&self, batch: &RecordBatch, rows: &mut Rows) -> Result<(), Failure> {
        let column = batch.column(self.column);
        match &self.test {
            Test::Over(limit) => keep_numbers(column, rows, |n| n > *limit),
            Test::Under(limit) => keep_numbers(column, rows, |n| n < *limit),
            Test::Hours(hours) => keep_numbers(column, rows, |n| {
                (0.0..24.0).contains(&n) && hours >> (n as u32) & 1 == 1
            }),
            Test::OneOf(words) => keep_texts(column, rows, |text| words.contains(text)),
            Test::NoneOf(words) => keep_texts(column, rows, |text| !words.contains(text)),
        }
    }
}

/// Whether numbers of this type can be tested.
pub fn is_number(data_type: &DataType) -> bool {
    use DataType::{Decimal128, Float32, Float64, Int32, Int64};
    matches!(data_type, Float64 | Float32 | Int64 | Int32 | Decimal128(_, _))
}

fn keep_numbers(
    column: &ArrayRef,
    rows: &mut Rows,
    test: impl Fn(f64) -> bool,
) -> Result<(), Failure> {
    match column.data_type() {
        DataType::Float64 => keep(column.as_primitive::<Float64Type>(), rows, test),
        DataType::Float32 => {
            keep(column.as_primitive::<Float32Type>(), rows, |n| test(f64::from(n)));
        }
        DataType::Int64 => keep(column.as_primitive::<Int64Type>(), rows, |n| test(n as f64)),
        DataType::Int32 => {
            keep(column.as_primitive::<Int32Type>(), rows, |n| test(f64::from(n)));
        }
        DataType::Decimal128(_, scale) => {
            let unit = 10_f64.powi(i32::from(*scale));
            let column = column.as_primitive::<Decimal128Type>();
            keep(column, rows, |n| test(n as f64 / unit));
        }
        other => return Err(Failure(format!("a number can't be of type {other}"))),
    }
    Ok(())
}

fn keep<T: ArrowPrimitiveType>(
    column: &PrimitiveArray<T>,
    rows: &mut Rows,
    test: impl Fn(T::Native) -> bool,
) {
    if column.null_count() > 0 {
        rows.retain(|row| column.is_valid(row));
    }
    rows.retain_values(column.values(), test);
}

fn keep_texts(
    column: &ArrayRef,
    rows: &mut Rows,
    test: impl Fn(Text) -> bool,
) -> Result<(), Failure> {
    let Some(column) = column.as_string_opt::<i32>() else {
        return Err(Failure(format!("a text can't be of type {}", column.data_type())));
    };
    if column.null_count() > 0 {
        rows.retain(|row| column.is_valid(row));
    }
    let (offsets, bytes) = (column.value_offsets(), column.value_data());
    rows.retain(|row| {
        let (start, end) = (offsets[row] as usize, offsets[row + 1] as usize);
        test(Text::at(bytes, start, end))
    });
    Ok(())
}

/// A text with its first eight bytes as one number: most texts differ there, or in their length.
#[derive(Debug, Clone, Copy)]
struct Text<'a> {
    length: usize,
    head: u64,
    tail: &'a [u8],
}

const HEAD_BYTES: usize = 8;

impl<'a> Text<'a> {
    /// The text from `start` to `end` of `bytes`, which may go on after it.
    #[inline]
    fn at(bytes: &'a [u8], start: usize, end: usize) -> Self {
        let length = end - start;
        let (head, tail) = match bytes.get(start..).and_then(|rest| rest.first_chunk()) {
            Some(head) => {
                let unused = 8 * HEAD_BYTES.saturating_sub(length) as u32;
                let mask = u64::MAX.checked_shr(unused).unwrap_or(0);
                let tail = bytes.get(start + HEAD_BYTES..end).unwrap_or_default();
                (u64::from_le_bytes(*head) & mask, tail)
            }
            // The last texts of a column.
            None => {
                let mut head = [0; HEAD_BYTES];
                head[..length].copy_from_slice(&bytes[start..end]);
                (u64::from_le_bytes(head), &[][..])
            }
        };
        Self { length, head, tail }
    }
}

/// A fixed set of texts.
#[derive(Debug)]
pub struct Words(Vec<Word>);

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Word {
    length: usize,
    head: u64,
    tail: Box<[u8]>,
}

/// So few words are compared one after the other.
const FEW: usize = 8;

impl Words {
    pub fn new(words: &[String]) -> Self {
        let word = |word: &String| {
            let Text { length, head, tail } = Text::at(word.as_bytes(), 0, word.len());
            Word { length, head, tail: tail.into() }
        };
        let mut words: Vec<Word> = words.iter().map(word).collect();
        words.sort_unstable();
        words.dedup();
        Self(words)
    }

    #[inline]
    fn contains(&self, text: Text) -> bool {
        let Text { length, head, tail } = text;
        match self.0.len() <= FEW {
            true => self
                .0
                .iter()
                .any(|word| word.length == length && word.head == head && *word.tail == *tail),
            false => {
                let key = |word: &Word| (word.length, word.head).cmp(&(length, head));
                let found = self.0.binary_search_by(|word| key(word).then((*word.tail).cmp(tail)));
                found.is_ok()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The texts of a column lie one after the other: what follows one must not count.
    #[test]
    fn texts_are_told_apart_whatever_follows_them() {
        let few = ["", "a", "ab", "abcdefgh", "abcdefghi", "abcdefghijklmnop", "ü"];
        let more = ["x1", "x2", "x3", "x4"];
        told_apart(&few);
        told_apart(&[&few[..], &more].concat());
    }

    fn told_apart(words: &[&str]) {
        let owned: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let set = Words::new(&owned);
        let others = ["b", "a\0", "abc", "abcdefgi", "abcdefghj", "abcdefghijklmnoq", "u"];
        let mut column = String::new();
        let mut places = Vec::new();
        for text in words.iter().chain(&others) {
            places.push((column.len(), column.len() + text.len()));
            column += text;
        }
        for (at, (start, end)) in places.iter().enumerate() {
            for bytes in [&column.as_bytes()[..*end], column.as_bytes()] {
                let found = set.contains(Text::at(bytes, *start, *end));
                assert_eq!(found, at < words.len(), "{}", &column[*start..*end]);
            }
        }
    }
}
