//! The same as a scalar function: it doubles its one argument.

use millrace_plugin::prelude::*;

use crate::plugin::{endless, exhaust, recurse};

/// `[function.X.config]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunctionConfig {
    /// What to do.
    pub mode: FunctionMode,
    /// The argument that triggers the mode; without one every call does.
    #[serde(default)]
    pub poison: Option<i64>,
}

/// In which way to misbehave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FunctionMode {
    WellBehaved,
    Loop,
    LoopInStart,
    Memory,
    Stack,
    Panic,
    Fail,
    /// Returns a value too few.
    Short,
}

/// `f(n)` is `2 * n`.
pub struct HostileFunction {
    config: FunctionConfig,
}

impl Scalar for HostileFunction {
    type Config = FunctionConfig;

    fn start(config: FunctionConfig, _: &Schema) -> Result<(Self, Field), ConfigErrors> {
        if config.mode == FunctionMode::LoopInStart {
            endless();
        }
        Ok((Self { config }, Field::new("m", DataType::Int64, true)))
    }

    fn evaluate(&mut self, arguments: &RecordBatch, _: &mut Errors) -> Result<ArrayRef, Failure> {
        let numbers = arguments.int64("a0")?;
        let is_hit = |number: i64| self.config.poison.is_none_or(|poison| poison == number);
        let mut doubled: Vec<Option<i64>> =
            numbers.iter().map(|n| n.map(|n| n.wrapping_mul(2))).collect();
        if let Some(number) = numbers.iter().flatten().find(|n| is_hit(*n)) {
            match self.config.mode {
                FunctionMode::WellBehaved | FunctionMode::LoopInStart => {}
                FunctionMode::Loop => endless(),
                FunctionMode::Memory => exhaust(),
                FunctionMode::Stack => drop(recurse(0)),
                FunctionMode::Panic => panic!("the value {number} is poison"),
                FunctionMode::Fail => {
                    return Err(Failure(format!("the value {number} can't be taken")));
                }
                FunctionMode::Short => drop(doubled.pop()),
            }
        }
        Ok(Arc::new(doubled.into_iter().collect::<Int64Array>()))
    }
}

export_scalar!(HostileFunction);
