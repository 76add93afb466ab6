//! The step's configuration, checked against the input and made into rules.

use std::collections::BTreeSet;

use millrace_plugin::prelude::*;

use crate::rule::{Condition, Outcome, Rule, Test, Words, is_number};

/// The name of the rule that `max_amount` stands for.
const MAX_AMOUNT: &str = "max_amount";

/// `[step.X.config]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What the columns are called.
    #[serde(default)]
    columns: Columns,
    /// Short for a first rule: amounts above it are fraud.
    max_amount: Option<f64>,
    /// In the order in which they are asked.
    #[serde(default)]
    rules: Vec<RuleText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Columns {
    amount: String,
    country: String,
    merchant: String,
    hour: String,
    segment: String,
}

impl Default for Columns {
    fn default() -> Self {
        Self {
            amount: "amount".into(),
            country: "country".into(),
            merchant: "merchant".into(),
            hour: "hour".into(),
            segment: "segment".into(),
        }
    }
}

/// A rule as it was written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleText {
    name: String,
    outcome: Outcome,
    reason: Option<String>,
    amount_over: Option<f64>,
    amount_under: Option<f64>,
    countries: Option<Vec<String>>,
    countries_not: Option<Vec<String>>,
    merchants: Option<Vec<String>>,
    merchants_not: Option<Vec<String>>,
    hours: Option<Vec<u32>>,
    segments: Option<Vec<String>>,
    segments_not: Option<Vec<String>>,
}

impl Config {
    /// The rules and the columns that they read; what is wrong goes to `errors`.
    pub fn resolve(&self, input: &Schema, errors: &mut ConfigErrors) -> (Vec<Rule>, Vec<String>) {
        let mut resolver = Resolver { columns: &self.columns, input, reads: Vec::new(), errors };
        let mut rules = Vec::new();
        if let Some(limit) = self.max_amount {
            let condition = resolver.number(MAX_AMOUNT, Test::Over(limit));
            rules.push(Rule {
                name: MAX_AMOUNT.to_owned(),
                outcome: Outcome::Fraud,
                reason: format!("amount over {limit}"),
                conditions: condition.into_iter().collect(),
            });
        }
        if self.max_amount.is_none() && self.rules.is_empty() {
            resolver.errors.push("rules", "there is no rule; give `rules` or `max_amount`");
        }
        let mut names: BTreeSet<&str> = rules.iter().map(|_| MAX_AMOUNT).collect();
        for (at, rule) in self.rules.iter().enumerate() {
            let path = format!("rules[{at}]");
            if !names.insert(&rule.name) {
                let message =
                    format!("another rule is called `{}`; give it its own name", rule.name);
                resolver.errors.push(format!("{path}.name"), message);
            }
            rules.push(resolver.rule(&path, rule));
        }
        (rules, resolver.reads)
    }
}

/// Finds columns, and collects those that are read.
struct Resolver<'a> {
    columns: &'a Columns,
    input: &'a Schema,
    reads: Vec<String>,
    errors: &'a mut ConfigErrors,
}

impl<'a> Resolver<'a> {
    fn rule(&mut self, path: &str, text: &RuleText) -> Rule {
        let mut conditions = Vec::new();
        let mut reasons = Vec::new();
        if let (Some(over), Some(under)) = (text.amount_over, text.amount_under)
            && over >= under
        {
            let message = format!("no amount is over {over} and under {under}");
            self.errors.push(format!("{path}.amount_over"), message);
        }
        if let Some(limit) = text.amount_over {
            conditions.extend(self.number(&format!("{path}.amount_over"), Test::Over(limit)));
            reasons.push(format!("amount over {limit}"));
        }
        if let Some(limit) = text.amount_under {
            conditions.extend(self.number(&format!("{path}.amount_under"), Test::Under(limit)));
            reasons.push(format!("amount under {limit}"));
        }
        if let Some(hours) = &text.hours {
            conditions.extend(self.hours(&format!("{path}.hours"), hours));
            reasons.push(format!("hour is one of {}", listed(hours)));
        }
        let columns = self.columns;
        for (key, what, column, words) in [
            ("countries", "country", &columns.country, &text.countries),
            ("countries_not", "country", &columns.country, &text.countries_not),
            ("merchants", "merchant", &columns.merchant, &text.merchants),
            ("merchants_not", "merchant", &columns.merchant, &text.merchants_not),
            ("segments", "segment", &columns.segment, &text.segments),
            ("segments_not", "segment", &columns.segment, &text.segments_not),
        ] {
            let Some(words) = words else { continue };
            let negated = key.ends_with("_not");
            conditions.extend(self.words(&format!("{path}.{key}"), column, words, negated));
            let is = if negated { "is none of" } else { "is one of" };
            reasons.push(format!("{what} {is} {}", listed(words)));
        }
        if reasons.is_empty() {
            self.errors.push(path, "has no condition and would match every row; give one");
        }
        let reason = text.reason.clone().unwrap_or_else(|| reasons.join(", "));
        Rule { name: text.name.clone(), outcome: text.outcome, reason, conditions }
    }

    fn number(&mut self, path: &str, test: Test) -> Option<Condition> {
        let column = self.column(path, &self.columns.amount, "a number", is_number)?;
        Some(Condition { column, test })
    }

    fn hours(&mut self, path: &str, hours: &[u32]) -> Option<Condition> {
        let mut bits = 0;
        for hour in hours {
            if *hour > 23 {
                self.errors.push(path, format!("{hour} is no hour; hours are 0 to 23"));
                return None;
            }
            bits |= 1 << hour;
        }
        self.not_empty(path, hours.len())?;
        let is_hour = |t: &DataType| matches!(t, DataType::Int32 | DataType::Int64);
        let column = self.column(path, &self.columns.hour, "int32 or int64", is_hour)?;
        Some(Condition { column, test: Test::Hours(bits) })
    }

    fn words(
        &mut self,
        path: &str,
        column: &str,
        words: &[String],
        negated: bool,
    ) -> Option<Condition> {
        self.not_empty(path, words.len())?;
        let column = self.column(path, column, "utf8", |t| *t == DataType::Utf8)?;
        let words = Words::new(words);
        let test = if negated { Test::NoneOf(words) } else { Test::OneOf(words) };
        Some(Condition { column, test })
    }

    fn not_empty(&mut self, path: &str, length: usize) -> Option<()> {
        if length == 0 {
            self.errors.push(path, "is an empty list; name at least one value or leave it out");
            return None;
        }
        Some(())
    }

    /// The place of a column among those that are read.
    fn column(
        &mut self,
        path: &str,
        name: &str,
        expected: &str,
        fits: impl Fn(&DataType) -> bool,
    ) -> Option<usize> {
        match self.input.field_with_name(name) {
            Ok(field) if fits(field.data_type()) => {}
            Ok(field) => {
                let message =
                    format!("tests `{name}` of type {}; it must be {expected}", field.data_type());
                self.errors.push(path, message);
                return None;
            }
            Err(_) => {
                let names: Vec<_> = self.input.fields().iter().map(|f| f.name().as_str()).collect();
                let message = format!(
                    "tests `{name}`, which the input lacks; it has {}; `columns` can name another",
                    names.join(", ")
                );
                self.errors.push(path, message);
                return None;
            }
        }
        Some(self.reads.iter().position(|read| read == name).unwrap_or_else(|| {
            self.reads.push(name.to_owned());
            self.reads.len() - 1
        }))
    }
}

fn listed<T: std::fmt::Display>(values: &[T]) -> String {
    values.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}
