//! The same as a keyed plugin: it adds `sum`, what the rows of a key add up to.
//!
//! Sums are kept twice, in the key's state and as a list in large state, and must agree: a failed
//! call that left a trace in one of them is found out.

#[cfg(target_family = "wasm")]
mod component;

use millrace_plugin::StateColumn;
use millrace_plugin::prelude::*;

/// `[step.X.config]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyedConfig {
    /// What to do.
    pub mode: KeyedMode,
    /// The value of `n` that triggers the mode; without one every batch does.
    #[serde(default)]
    pub poison: Option<i64>,
}

/// In which way to misbehave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyedMode {
    WellBehaved,
    /// Keeps no large state.
    SumsOnly,

    // What gives up in the midst of its work.
    Panic,
    Fail,
    FailOnTimer,
    Loop,
    /// Returns before it has handled all keys.
    Hasty,
    /// Takes a few milliseconds for each row that is poison.
    Slow,

    // What takes more of the host than its share.
    StateBomb,
    LargeStateBomb,
    TimerBomb,
    WantsKeysAgain,

    // Lies about states.
    ChangedOutOfRange,
    ChangedTwice,
    TooFewStates,
    BadNullCount,

    // Lies about timers and rows.
    TimerOutOfRange,
    TimerTwice,
    ManyTimers,
    KeyRowOutOfRange,
    ErrorOfKey,

    // What must not be asked of large state.
    LargeKeyOutOfRange,
    LargeNameTooLong,
    LargeOutsideOfProcess,
}

/// Adds up `n` per key.
pub struct HostileKeyed {
    config: KeyedConfig,
}

/// The timer that reports a key, and one that is moved on with each row.
const REPORT: u32 = 1;

impl KeyedTransform for HostileKeyed {
    type Config = KeyedConfig;
    type State = i64;
    const STATE_VERSION: u32 = 2;
    const READS_VERSIONS: &'static [u32] = &[1];

    fn start(
        config: KeyedConfig,
        _: &Schema,
        _: &[String],
    ) -> Result<(Self, Description), ConfigErrors> {
        #[cfg(target_family = "wasm")]
        if config.mode == KeyedMode::LargeOutsideOfProcess {
            component::misuse_large_state();
        }
        let sum = Field::new("sum", DataType::Int64, false);
        let description = Description::reads(["n"])
            .port(Port::new("main").adds([sum.clone()]))
            .port(Port::new("reports").adds([sum]).drops(["n"]));
        Ok((Self { config }, description))
    }

    fn process(&mut self, batch: &mut KeyedBatch<i64>, out: &mut Output) -> Result<(), Failure> {
        let numbers = batch.rows().int64("n")?.clone();
        let (mut rows, mut sums) = (Vec::new(), Vec::new());
        let (mut reports, mut totals) = (Vec::new(), Vec::new());
        while let Some(event) = batch.next()? {
            let before = batch.state()?.copied().unwrap_or(0);
            match event {
                Event::Row { row, time } => {
                    let number = numbers.value(row as usize);
                    let sum = before.wrapping_add(number);
                    *batch.state_mut()? = Some(sum);
                    if self.config.mode != KeyedMode::SumsOnly {
                        check_list(batch, before)?;
                        batch.list("numbers").append(&number)?;
                        batch.map("seen").put(&number.to_le_bytes(), &true)?;
                    }
                    if self.is_poison(number) {
                        self.misbehave(number)?;
                    }
                    rows.push(row);
                    sums.push(sum);
                    match time {
                        Some(time) => batch.set_timer(REPORT, time + 2_000_000),
                        None => batch.set_processing_timer(REPORT, 1000),
                    }
                }
                Event::Timer { .. } => {
                    if self.config.mode == KeyedMode::FailOnTimer && self.is_poison(before) {
                        return Err(Failure(format!("the timer of {before} can't be taken")));
                    }
                    reports.push(batch.key_row());
                    totals.push(before);
                }
            }
            if self.config.mode == KeyedMode::Hasty {
                break;
            }
        }
        out.some("main", rows, [Arc::new(Int64Array::from(sums)) as ArrayRef]);
        out.some("reports", reports, [Arc::new(Int64Array::from(totals)) as ArrayRef]);
        Ok(())
    }

    /// Version 1 kept twice the sum.
    fn migrate(version: u32, state: &[u8]) -> Result<i64, Failure> {
        match (version, StateColumn::decode::<i64>(state)?) {
            (1, twice) if twice % 2 == 0 => Ok(twice / 2),
            (version, odd) => Err(Failure(format!("{odd} is no state of version {version}"))),
        }
    }
}

/// The two ways of keeping a sum must agree.
fn check_list(batch: &KeyedBatch<i64>, sum: i64) -> Result<(), Failure> {
    let list = batch.list("numbers");
    let range = list.range();
    let numbers: Vec<i64> = list.read(range.start, u32::MAX)?;
    let listed = numbers.iter().fold(0_i64, |sum, number| sum.wrapping_add(*number));
    let seen: Vec<(Vec<u8>, bool)> = batch.map("seen").scan(None, u32::MAX)?;
    let mut distinct = numbers.clone();
    distinct.sort_unstable();
    distinct.dedup();
    if listed != sum || seen.len() != distinct.len() {
        let text = format!("the state is {sum}, the list {numbers:?}, the map {seen:?}");
        return Err(Failure(text));
    }
    Ok(())
}

impl HostileKeyed {
    fn is_poison(&self, number: i64) -> bool {
        self.config.poison.is_none_or(|poison| poison == number)
    }

    fn misbehave(&self, number: i64) -> Result<(), Failure> {
        match self.config.mode {
            KeyedMode::Panic => panic!("the value {number} is poison"),
            KeyedMode::Fail => Err(Failure(format!("the value {number} can't be taken"))),
            KeyedMode::Slow => {
                crate::plugin::tarry();
                Ok(())
            }
            KeyedMode::Loop => loop {
                std::hint::black_box(());
            },
            _ => Ok(()),
        }
    }
}
