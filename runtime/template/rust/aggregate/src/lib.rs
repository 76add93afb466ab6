//! The longest text of a group.

use std::cmp::Reverse;

use millrace_plugin::prelude::*;

pub struct Longest;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {}

impl Aggregate for Longest {
    type Config = Config;
    /// What is kept of a group's rows. After a change of this type, count up `STATE_VERSION`.
    type State = Option<String>;

    fn start(_: Config, arguments: &Schema) -> Result<(Self, Field), ConfigErrors> {
        match arguments.fields().iter().map(|f| f.data_type()).collect::<Vec<_>>().as_slice() {
            [DataType::Utf8] => Ok((Self, Field::new("longest", DataType::Utf8, true))),
            _ => Err(ConfigErrors::whole("it takes one text: cast the argument")),
        }
    }

    fn update(
        &mut self,
        states: &mut [Option<String>],
        groups: &[u32],
        rows: &RecordBatch,
    ) -> Result<(), Failure> {
        for (text, group) in rows.utf8("a0")?.iter().zip(groups) {
            self.merge(&mut states[*group as usize], text.map(str::to_owned))?;
        }
        Ok(())
    }

    fn merge(&mut self, state: &mut Option<String>, other: Option<String>) -> Result<(), Failure> {
        // Of two of one length the smaller one: the result must not depend on their order.
        let rank = |text: &Option<String>| text.clone().map(|text| (text.len(), Reverse(text)));
        if rank(&other) > rank(state) {
            *state = other;
        }
        Ok(())
    }

    fn evaluate(&mut self, states: Vec<Option<String>>) -> Result<ArrayRef, Failure> {
        Ok(Arc::new(states.into_iter().collect::<StringArray>()))
    }
}

export_aggregate!(Longest);
