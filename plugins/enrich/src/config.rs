//! The step's configuration, checked against the input and made into derivations.

use std::collections::BTreeMap;

use millrace_plugin::prelude::*;

use crate::Derivation;
use crate::amount::{Amount, is_amount};
use crate::codes::Codes;
use crate::mask::Mask;
use crate::time::Time;

/// The largest offset from UTC in use, and more than the smallest.
const OFFSET_MINUTES_MAX: i64 = 14 * 60;

/// `[step.X.config]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    country: Option<CodeText>,
    currency: Option<CodeText>,
    amount: Option<AmountText>,
    time: Option<TimeText>,
    #[serde(default)]
    mask: Vec<MaskText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CodeText {
    column: String,
    #[serde(rename = "as")]
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AmountText {
    column: String,
    currency: String,
    base: String,
    rates: BTreeMap<String, f64>,
    #[serde(rename = "as", default = "default_amount")]
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TimeText {
    column: String,
    #[serde(default = "default_hour")]
    hour: String,
    #[serde(default = "default_weekday")]
    weekday: String,
    #[serde(default)]
    utc_offset_minutes: i64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MaskText {
    column: String,
    #[serde(default = "default_keep_last")]
    keep_last: usize,
    #[serde(rename = "as")]
    name: Option<String>,
}

fn default_amount() -> String {
    "amount_base".to_owned()
}

fn default_hour() -> String {
    "hour".to_owned()
}

fn default_weekday() -> String {
    "weekday".to_owned()
}

fn default_keep_last() -> usize {
    4
}

/// What the plugin reads, does and adds.
pub struct Plan {
    pub reads: Vec<String>,
    pub adds: Vec<Field>,
    pub amount: Option<Amount>,
    pub(crate) derivations: Vec<Derivation>,
}

impl Config {
    /// The plan for rows of the schema `input`.
    ///
    /// # Errors
    /// All that is wrong, with its place.
    pub fn resolve(self, input: &Schema) -> Result<Plan, ConfigErrors> {
        let plan =
            Plan { reads: Vec::new(), adds: Vec::new(), amount: None, derivations: Vec::new() };
        let mut planner = Planner { input, plan, errors: ConfigErrors::default() };
        if let Some(amount) = &self.amount {
            planner.plan.amount = planner.amount(amount);
        }
        if let Some(country) = &self.country {
            planner.code("country", country, Codes::countries);
        }
        if let Some(currency) = &self.currency {
            planner.code("currency", currency, Codes::currencies);
        }
        if let Some(time) = &self.time {
            planner.time(time);
        }
        for (at, mask) in self.mask.iter().enumerate() {
            planner.mask(&format!("mask[{at}]"), mask);
        }
        if planner.plan.adds.is_empty() && planner.errors.0.is_empty() {
            let sections = "country, currency, amount, time or mask";
            planner.errors.push("", format!("nothing is to be done; configure {sections}"));
        }
        planner.errors.into_result()?;
        Ok(planner.plan)
    }
}

/// Collects the plan and what is wrong.
struct Planner<'a> {
    input: &'a Schema,
    plan: Plan,
    errors: ConfigErrors,
}

impl Planner<'_> {
    fn code(&mut self, path: &str, text: &CodeText, codes: fn() -> Codes) {
        let Some((column, _)) = self.text(&format!("{path}.column"), &text.column) else { return };
        let name = text.name.as_ref().unwrap_or(&text.column);
        self.add(path, name, DataType::Utf8, true);
        self.plan.derivations.push(Derivation::Code { column, codes: codes() });
    }

    fn amount(&mut self, text: &AmountText) -> Option<Amount> {
        let mut codes = Codes::currencies();
        let base = self.currency("amount.base", &text.base, &mut codes);
        let mut rates = vec![None; codes.len()];
        for (currency, rate) in &text.rates {
            let path = format!("amount.rates.{currency}");
            if !(rate.is_finite() && *rate > 0.0) {
                self.errors.push(&*path, format!("{rate} is no rate; it must be above 0"));
            }
            if let Some(at) = self.currency(&path, currency, &mut codes) {
                rates[at] = Some(*rate);
            }
        }
        if let Some(base) = base {
            if rates[base].is_some_and(|rate| rate != 1.0) {
                let path = format!("amount.rates.{}", text.base);
                self.errors
                    .push(path, "is the rate of the base currency, which is 1; leave it out");
            }
            rates[base] = Some(1.0);
        }
        let amount = self.column("amount.column", &text.column, "a number", is_amount);
        let currency = self.text("amount.currency", &text.currency);
        let (amount, nullable) = amount?;
        self.add("amount", &text.name, DataType::Float64, nullable);
        Some(Amount {
            amount,
            currency: currency?.0,
            currency_name: text.currency.clone(),
            base: codes.code(base?),
            codes,
            rates,
        })
    }

    /// A currency must be written as its code here: it is the configuration, not data.
    fn currency(&mut self, path: &str, code: &str, codes: &mut Codes) -> Option<usize> {
        let found = codes.find(code).filter(|at| codes.code(*at) == code);
        if found.is_none() {
            self.errors.push(path, format!("`{code}` is no ISO 4217 code such as EUR"));
        }
        found
    }

    fn time(&mut self, text: &TimeText) {
        let is_time = |t: &DataType| matches!(t, DataType::Timestamp(TimeUnit::Microsecond, _));
        if text.utc_offset_minutes.abs() > OFFSET_MINUTES_MAX {
            let message = format!(
                "{} is no offset; write -{OFFSET_MINUTES_MAX} to {OFFSET_MINUTES_MAX} minutes",
                text.utc_offset_minutes
            );
            self.errors.push("time.utc_offset_minutes", message);
            return;
        }
        let found = self.column("time.column", &text.column, "a timestamp", is_time);
        let Some((column, nullable)) = found else { return };
        self.add("time.hour", &text.hour, DataType::Int32, nullable);
        self.add("time.weekday", &text.weekday, DataType::Int32, nullable);
        let time = Time::new(column, text.utc_offset_minutes);
        self.plan.derivations.push(Derivation::Time(time));
    }

    fn mask(&mut self, path: &str, text: &MaskText) {
        let found = self.text(&format!("{path}.column"), &text.column);
        let Some((column, nullable)) = found else { return };
        let name = text.name.as_ref().unwrap_or(&text.column);
        self.add(path, name, DataType::Utf8, nullable);
        let mask = Mask { column, keep_last: text.keep_last };
        self.plan.derivations.push(Derivation::Mask(mask));
    }

    fn text(&mut self, path: &str, name: &str) -> Option<(usize, bool)> {
        self.column(path, name, "utf8", |t| *t == DataType::Utf8)
    }

    /// The place of a column among those that are read, and whether it may hold nulls.
    fn column(
        &mut self,
        path: &str,
        name: &str,
        expected: &str,
        fits: impl Fn(&DataType) -> bool,
    ) -> Option<(usize, bool)> {
        let Ok(field) = self.input.field_with_name(name) else {
            let names: Vec<_> = self.input.fields().iter().map(|f| f.name().as_str()).collect();
            let message = format!("the input has no column `{name}`; it has {}", names.join(", "));
            self.errors.push(path, message);
            return None;
        };
        if !fits(field.data_type()) {
            let message = format!("`{name}` has type {}; it must be {expected}", field.data_type());
            self.errors.push(path, message);
            return None;
        }
        let reads = &mut self.plan.reads;
        let at = reads.iter().position(|read| read == name).unwrap_or_else(|| {
            reads.push(name.to_owned());
            reads.len() - 1
        });
        Some((at, field.is_nullable()))
    }

    fn add(&mut self, path: &str, name: &str, data_type: DataType, nullable: bool) {
        if self.plan.adds.iter().any(|field| field.name() == name) {
            let message =
                format!("`{name}` is already written by another section; name it otherwise");
            self.errors.push(path, message);
        }
        self.plan.adds.push(Field::new(name, data_type, nullable));
    }
}
