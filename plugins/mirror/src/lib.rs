//! A plugin that gives back what it reads, for tests of SDKs: every type goes in and out, and every
//! way to emit and to refuse a row is used. README.md says what its configuration does.

use arrow_array::UInt32Array;
use arrow_select::take::take;
use millrace_plugin::prelude::*;

/// `[step.X.config]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How often each row comes out.
    pub repeat: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { repeat: 1 }
    }
}

/// Gives back what it reads.
pub struct Mirror {
    repeat: u32,
}

/// Columns that say what is to become of a row, where the input has them.
const REFUSE: &str = "refuse";
const FAIL: &str = "fail";
const PORT: &str = "port";

impl Transform for Mirror {
    type Config = Config;

    fn start(config: Config, input: &Schema) -> Result<(Self, Description), ConfigErrors> {
        let mut errors = ConfigErrors::default();
        if config.repeat == 0 {
            errors.push("repeat", "must be at least 1");
        }
        for (name, expected) in
            [(REFUSE, DataType::Boolean), (FAIL, DataType::Boolean), (PORT, DataType::Utf8)]
        {
            if input.field_with_name(name).is_ok_and(|field| *field.data_type() != expected) {
                errors.push("", format!("column `{name}` must be {expected}"));
            }
        }
        errors.into_result()?;
        let copies = input.fields().iter();
        let copies = copies.map(|field| {
            Field::new(format!("copy_{}", field.name()), field.data_type().clone(), true)
        });
        let names = input.fields().iter().map(|field| field.name());
        let drops = input.field_with_name(PORT).is_ok().then_some(PORT);
        let description = Description::reads(names)
            .port(Port::new("main").adds(copies))
            .port(Port::new("other").drops(drops));
        Ok((Self { repeat: config.repeat }, description))
    }

    fn process(&mut self, batch: &RecordBatch, out: &mut Output) -> Result<(), Failure> {
        let is_set = |name: &str, row: usize| -> Result<bool, Failure> {
            match batch.column_by_name(name) {
                Some(_) => {
                    let column = batch.boolean(name)?;
                    Ok(column.is_valid(row) && column.value(row))
                }
                None => Ok(false),
            }
        };
        let (mut main, mut other) = (Vec::new(), Vec::new());
        for row in 0..batch.num_rows() {
            let number = row as u32;
            if is_set(REFUSE, row)? {
                out.error_in(number, REFUSE, "refused", "the row asks to be refused");
                continue;
            }
            if is_set(FAIL, row)? {
                out.error(number, "failed", "the row asks to fail");
                continue;
            }
            let is_other = match batch.column_by_name(PORT) {
                Some(_) => batch.utf8(PORT)?.iter().nth(row).flatten() == Some("other"),
                None => false,
            };
            let rows = if is_other { &mut other } else { &mut main };
            rows.extend((0..self.repeat).map(|_| number));
        }
        let wanted = UInt32Array::from(main.clone());
        let copies = batch.columns().iter().map(|column| take(column, &wanted, None));
        let copies = copies.collect::<Result<Vec<_>, _>>()?;
        out.some("main", main, copies);
        out.some("other", other, []);
        Ok(())
    }
}

export_transform!(Mirror);
