//! Masks all but the last characters of a text.

use millrace_plugin::prelude::*;

pub struct Mask {
    keep: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How many characters stay.
    keep: usize,
}

impl Scalar for Mask {
    type Config = Config;

    fn start(config: Config, arguments: &Schema) -> Result<(Self, Field), ConfigErrors> {
        match arguments.fields().iter().map(|f| f.data_type()).collect::<Vec<_>>().as_slice() {
            [DataType::Utf8] => {}
            _ => return Err(ConfigErrors::whole("it takes one text: cast the argument")),
        }
        Ok((Self { keep: config.keep }, Field::new("masked", DataType::Utf8, true)))
    }

    fn evaluate(
        &mut self,
        arguments: &RecordBatch,
        errors: &mut Errors,
    ) -> Result<ArrayRef, Failure> {
        let mut mask = |(row, text): (usize, Option<&str>)| {
            let text = text?;
            let hidden = text.chars().count().saturating_sub(self.keep);
            if hidden == 0 {
                errors.error(row as u32, "too_short", "masking would hide nothing");
            }
            let masked = text.chars().enumerate();
            Some(masked.map(|(at, c)| if at < hidden { '*' } else { c }).collect::<String>())
        };
        let texts = arguments.utf8("a0")?.iter().enumerate();
        Ok(Arc::new(texts.map(&mut mask).collect::<StringArray>()))
    }
}

export_scalar!(Mask);
