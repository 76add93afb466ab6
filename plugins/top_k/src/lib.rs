//! The most frequent texts of a group; README.md says more.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use arrow_array::builder::{ListBuilder, StringBuilder, StructBuilder, UInt64Builder};
use millrace_plugin::prelude::*;

/// The most frequent texts of a group, with their counts.
pub struct TopK {
    k: usize,
    max_values: usize,
}

/// `[function.X.config]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How many texts.
    #[serde(default = "default_k")]
    k: usize,
    /// A group with more different texts than this fails.
    #[serde(default = "default_max_values")]
    max_values: usize,
}

fn default_k() -> usize {
    10
}

fn default_max_values() -> usize {
    100_000
}

/// How often each text came. In order, so that equal states are equal bytes.
pub type Counts = BTreeMap<String, u64>;

impl Aggregate for TopK {
    type Config = Config;
    type State = Counts;

    fn start(config: Config, arguments: &Schema) -> Result<(Self, Field), ConfigErrors> {
        if config.k == 0 {
            let message = "must be at least 1".to_owned();
            return Err(ConfigError { path: "k".to_owned(), message }.into());
        }
        match arguments.fields().iter().map(|f| f.data_type()).collect::<Vec<_>>().as_slice() {
            [DataType::Utf8] => {}
            _ => return Err(ConfigErrors::whole("it takes one text: cast the argument")),
        }
        let result = Field::new("top", DataType::List(Arc::new(item())), true);
        Ok((Self { k: config.k, max_values: config.max_values }, result))
    }

    fn update(
        &mut self,
        states: &mut [Counts],
        groups: &[u32],
        rows: &RecordBatch,
    ) -> Result<(), Failure> {
        for (text, group) in rows.utf8("a0")?.iter().zip(groups) {
            let (Some(text), counts) = (text, &mut states[*group as usize]) else { continue };
            match counts.get_mut(text) {
                Some(count) => *count += 1,
                None => drop(counts.insert(text.to_owned(), 1)),
            }
            self.check(counts)?;
        }
        Ok(())
    }

    fn merge(&mut self, state: &mut Counts, other: Counts) -> Result<(), Failure> {
        for (text, count) in other {
            *state.entry(text).or_default() += count;
        }
        self.check(state)
    }

    fn evaluate(&mut self, states: Vec<Counts>) -> Result<ArrayRef, Failure> {
        let entry = StructBuilder::new(
            fields(),
            vec![Box::new(StringBuilder::new()), Box::new(UInt64Builder::new())],
        );
        let mut lists = ListBuilder::new(entry).with_field(item());
        for counts in &states {
            // Of two texts that came as often, the smaller one is first.
            let mut ranked: Vec<(&String, &u64)> = counts.iter().collect();
            ranked.sort_by_key(|(text, count)| (Reverse(**count), *text));
            for (text, count) in ranked.into_iter().take(self.k) {
                let entry = lists.values();
                if let Some(texts) = entry.field_builder::<StringBuilder>(0) {
                    texts.append_value(text);
                }
                if let Some(counts) = entry.field_builder::<UInt64Builder>(1) {
                    counts.append_value(*count);
                }
                entry.append(true);
            }
            lists.append(true);
        }
        Ok(Arc::new(lists.finish()))
    }
}

impl TopK {
    fn check(&self, counts: &Counts) -> Result<(), Failure> {
        match counts.len() > self.max_values {
            true => Err(Failure(format!("more than {} different texts", self.max_values))),
            false => Ok(()),
        }
    }
}

fn fields() -> Vec<Field> {
    let value = Field::new("value", DataType::Utf8, false);
    vec![value, Field::new("count", DataType::UInt64, false)]
}

fn item() -> Field {
    Field::new("item", DataType::Struct(fields().into()), false)
}

export_aggregate!(TopK);
