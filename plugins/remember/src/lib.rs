//! A keyed plugin that does with state, timers and large state what its rows say, for tests of
//! SDKs. README.md says what each row may ask for.

use millrace_plugin::prelude::*;
use millrace_plugin::{LargeList, LargeMap, StateColumn};

const SECOND: i64 = 1_000_000;
const ENTRIES_MAX: u32 = 100;

/// `[step.X.config]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// What is remembered of a key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    pub count: u64,
    pub sum: i64,
}

/// The plugin.
pub struct Remember {
    /// The first column of the key.
    name: String,
}

/// What rows on `main` have besides their own columns.
#[derive(Debug, IntoColumns)]
struct Remembered {
    count: u64,
    sum: i64,
    entries: u64,
    first: Option<String>,
    list_start: u64,
    list_end: u64,
    last: Option<String>,
}

/// A row that a timer makes.
#[derive(Debug, IntoColumns)]
struct Report {
    name: Option<String>,
    timer: Option<u32>,
    clock: Option<String>,
    due: Option<i64>,
    count: Option<u64>,
    sum: Option<i64>,
}

impl KeyedTransform for Remember {
    type Config = Config;
    type State = Totals;
    const STATE_VERSION: u32 = 2;
    const READS_VERSIONS: &'static [u32] = &[1];

    fn start(
        _: Config,
        input: &Schema,
        key: &[String],
    ) -> Result<(Self, Description), ConfigErrors> {
        let mut errors = ConfigErrors::default();
        let is = |name: &str, expected: &DataType| {
            input.field_with_name(name).is_ok_and(|field| field.data_type() == expected)
        };
        for (name, expected) in [("op", DataType::Utf8), ("value", DataType::Int64)] {
            if !is(name, &expected) {
                errors.push("", format!("column `{name}` must be {expected}"));
            }
        }
        let name = key.first().cloned().unwrap_or_default();
        if !is(&name, &DataType::Utf8) {
            errors.push("", "the first column of the key must be Utf8");
        }
        errors.into_result()?;
        let description = Description::reads(["op", "value"])
            .keys([name.as_str()])
            .port(Port::new("main").adds(Remembered::fields()))
            .port(Port::new("reports").adds(Report::fields()));
        Ok((Self { name }, description))
    }

    fn process(&mut self, batch: &mut KeyedBatch<Totals>, out: &mut Output) -> Result<(), Failure> {
        let ops = batch.rows().utf8("op")?.clone();
        let values = batch.rows().int64("value")?.clone();
        let names = batch.keys().utf8(&self.name)?.clone();
        let (mut rows, mut remembered) = (Vec::new(), ColumnBuffer::<Remembered>::new());
        let (mut reported, mut reports) = (Vec::new(), ColumnBuffer::<Report>::new());
        while let Some(event) = batch.next()? {
            match event {
                Event::Row { row, time } => {
                    let at = row as usize;
                    let op = if ops.is_valid(at) { ops.value(at) } else { "" };
                    let value = if values.is_valid(at) { values.value(at) } else { 0 };
                    match done(batch, op, value, time)? {
                        Ok(()) => {
                            remembered.push(look(batch)?);
                            rows.push(row);
                        }
                        Err((code, message)) => out.error_in(row, "op", code, message),
                    }
                }
                Event::Timer { id, clock, at } => {
                    reports.push(report(batch, &names, (id, clock, at))?);
                    reported.push(batch.key_row());
                    if id == 2 {
                        batch.set_timer(1, at + SECOND);
                        batch.state_mut()?.get_or_insert_default().count += 1;
                    }
                }
            }
        }
        out.some("main", rows, remembered.finish());
        out.some("reports", reported, reports.finish());
        Ok(())
    }

    fn migrate(_: u32, state: &[u8]) -> Result<Totals, Failure> {
        let text = String::from_utf8_lossy(state);
        let parts = text.split_once(',');
        let totals = parts.and_then(|(count, sum)| {
            Some(Totals { count: count.parse().ok()?, sum: sum.parse().ok()? })
        });
        totals.ok_or_else(|| Failure(format!("`{text}` is no state of version 1")))
    }
}

/// Does what a row asks for; or says why the row is refused.
fn done(
    batch: &mut KeyedBatch<Totals>,
    op: &str,
    value: i64,
    time: Option<i64>,
) -> Result<Result<(), (&'static str, String)>, Failure> {
    let after = time.unwrap_or_default().wrapping_add(value.wrapping_mul(SECOND));
    match op {
        "add" => {
            let totals = batch.state_mut()?.get_or_insert_default();
            totals.count += 1;
            totals.sum = totals.sum.wrapping_add(value);
        }
        "timer" => batch.set_timer(1, after),
        "timer2" => batch.set_timer(2, after),
        "delay" => {
            batch.set_processing_timer(3, value.unsigned_abs().wrapping_mul(SECOND.unsigned_abs()))
        }
        "cancel" => batch.cancel_timer(1),
        "forget" => *batch.state_mut()? = None,
        "put" => {
            let count = batch.state()?.copied().unwrap_or_default().count;
            batch.map("m").put(value.to_string().as_bytes(), &count.to_string())?;
        }
        "drop" => batch.map("m").remove(value.to_string().as_bytes()),
        "append" => batch.list("l").append(&value.to_string())?,
        "trim" => batch.list("l").remove(u64::try_from(value).unwrap_or(0)),
        "refuse" => return Ok(Err(("refused", "the row asks to be refused".to_owned()))),
        other => return Ok(Err(("unknown_op", format!("`{other}` is no operation")))),
    }
    Ok(Ok(()))
}

/// What is remembered of the key at hand.
fn look(batch: &mut KeyedBatch<Totals>) -> Result<Remembered, Failure> {
    let totals = batch.state()?.copied().unwrap_or_default();
    let (map, list): (LargeMap, LargeList) = (batch.map("m"), batch.list("l"));
    let entries: Vec<(Vec<u8>, String)> = map.scan(None, ENTRIES_MAX)?;
    let first =
        entries.first().map(|(entry, value)| format!("{}={value}", String::from_utf8_lossy(entry)));
    let range = list.range();
    let last = match range.is_empty() {
        true => None,
        false => list.read::<String>(range.end - 1, 1)?.pop(),
    };
    Ok(Remembered {
        count: totals.count,
        sum: totals.sum,
        entries: entries.len() as u64,
        first,
        list_start: range.start,
        list_end: range.end,
        last,
    })
}

/// What a timer of the key at hand reports.
fn report(
    batch: &mut KeyedBatch<Totals>,
    names: &StringArray,
    (id, clock, at): (u32, Clock, i64),
) -> Result<Report, Failure> {
    let key = batch.key() as usize;
    let totals = batch.state()?.copied().unwrap_or_default();
    let (clock, due) = match clock {
        Clock::Event => ("event", Some(at)),
        Clock::Processing => ("processing", None),
    };
    Ok(Report {
        name: names.is_valid(key).then(|| names.value(key).to_owned()),
        timer: Some(id),
        clock: Some(clock.to_owned()),
        due,
        count: Some(totals.count),
        sum: Some(totals.sum),
    })
}

/// A state as this version writes it, for tests.
///
/// # Errors
/// If it is none.
pub fn read_state(state: &[u8]) -> Result<Totals, Failure> {
    StateColumn::decode(state)
}

export_keyed!(Remember);
