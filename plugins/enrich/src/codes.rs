//! Standard codes for what people write: ISO 3166 for countries, ISO 4217 for currencies.

use std::collections::HashMap;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use millrace_plugin::prelude::*;

const COUNTRIES: &str = include_str!("../data/countries.tsv");
const CURRENCIES: &str = include_str!("../data/currencies.tsv");

/// Finds codes by any of their names, whatever the case, spaces and punctuation.
pub struct Codes {
    codes: Vec<&'static str>,
    by_name: HashMap<String, usize>,
    /// Room for a name in the form that `by_name` has.
    folded: String,
}

impl Codes {
    /// ISO 3166-1 alpha-2, found by alpha-2, alpha-3 or name.
    pub fn countries() -> Self {
        Self::parse(COUNTRIES)
    }

    /// ISO 4217, found by code, name or symbol.
    pub fn currencies() -> Self {
        Self::parse(CURRENCIES)
    }

    /// Each line has a code and its other names; `#` starts a comment.
    fn parse(table: &'static str) -> Self {
        let mut codes = Vec::new();
        let mut by_name = HashMap::new();
        for line in table.lines().filter(|line| !line.starts_with('#')) {
            for (at, name) in line.split('\t').enumerate() {
                if at == 0 {
                    codes.push(name);
                }
                let mut folded = String::new();
                fold(name, &mut folded);
                by_name.insert(folded, codes.len() - 1);
            }
        }
        Self { codes, by_name, folded: String::new() }
    }

    /// Number of codes.
    pub fn len(&self) -> usize {
        self.codes.len()
    }

    /// The place of a code in the table.
    pub fn find(&mut self, text: &str) -> Option<usize> {
        // Most texts are codes already.
        if let Some(at) = self.by_name.get(text) {
            return Some(*at);
        }
        fold(text, &mut self.folded);
        self.by_name.get(&self.folded).copied()
    }

    /// The code at a place that `find` gave.
    pub fn code(&self, at: usize) -> &'static str {
        self.codes[at]
    }

    /// The codes of a column of text; null where there is none.
    ///
    /// # Errors
    /// If the column is not text.
    pub fn derive(&mut self, column: &ArrayRef, rows: &[u32]) -> Result<ArrayRef, Failure> {
        const CODE_BYTES_MAX: usize = 3;
        let texts = text_column(column)?;
        let mut builder = StringBuilder::with_capacity(rows.len(), rows.len() * CODE_BYTES_MAX);
        for row in rows.iter().map(|row| *row as usize) {
            let found = if texts.is_valid(row) { self.find(texts.value(row)) } else { None };
            builder.append_option(found.map(|at| self.codes[at]));
        }
        Ok(Arc::new(builder.finish()))
    }
}

/// The column as text.
pub fn text_column(column: &ArrayRef) -> Result<&StringArray, Failure> {
    column
        .as_string_opt::<i32>()
        .ok_or_else(|| Failure(format!("a text can't be of type {}", column.data_type())))
}

/// Upper case, with one space for any run of spaces and punctuation, and none at the ends.
fn fold(text: &str, folded: &mut String) {
    const PUNCTUATION: [char; 9] = ['.', ',', '\'', '’', '-', '(', ')', '&', '_'];
    folded.clear();
    let mut gap = false;
    for letter in text.chars() {
        if letter.is_whitespace() || PUNCTUATION.contains(&letter) {
            gap = !folded.is_empty();
            continue;
        }
        if gap {
            folded.push(' ');
            gap = false;
        }
        folded.extend(letter.to_uppercase());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(codes: &mut Codes, text: &str) -> Option<&'static str> {
        codes.find(text).map(|at| codes.code(at))
    }

    /// A name that two codes share would make the table's order decide.
    #[test]
    fn no_name_stands_for_two_codes() {
        for (table, expected) in [(COUNTRIES, 249), (CURRENCIES, 172)] {
            let mut owners: HashMap<String, &str> = HashMap::new();
            let mut codes = 0;
            for line in table.lines().filter(|line| !line.starts_with('#')) {
                let names: Vec<&str> = line.split('\t').collect();
                codes += 1;
                for name in &names {
                    let mut folded = String::new();
                    fold(name, &mut folded);
                    assert!(!folded.is_empty(), "{line}");
                    let owner = owners.insert(folded, names[0]);
                    assert!(owner.is_none_or(|owner| owner == names[0]), "{name}: {owner:?}");
                }
            }
            assert_eq!(codes, expected);
        }
    }

    #[test]
    fn countries_are_found_by_whatever_people_write() {
        let mut codes = Codes::countries();
        for text in ["DE", "de", " deu ", "Germany", "GERMANY", "deutschland"] {
            assert_eq!(code(&mut codes, text), Some("DE"), "{text}");
        }
        for (text, expected) in [
            ("UK", "GB"),
            ("u.s.a.", "US"),
            ("united  states\tof America", "US"),
            ("Côte d’Ivoire", "CI"),
            ("korea, republic of", "KR"),
            ("guinea bissau", "GW"),
            ("türkiye", "TR"),
        ] {
            assert_eq!(code(&mut codes, text), Some(expected), "{text}");
        }
        for text in ["", " ", "XX", "Atlantis", "D E"] {
            assert_eq!(code(&mut codes, text), None, "{text}");
        }
    }

    #[test]
    fn currencies_are_found_by_code_symbol_and_name() {
        let mut codes = Codes::currencies();
        for (text, expected) in [
            ("eur", "EUR"),
            ("€", "EUR"),
            (" $ ", "USD"),
            ("US$", "USD"),
            ("£", "GBP"),
            ("pounds", "GBP"),
            ("kč", "CZK"),
            ("Swiss francs", "CHF"),
        ] {
            assert_eq!(code(&mut codes, text), Some(expected), "{text}");
        }
        assert_eq!(code(&mut codes, "doubloon"), None);
    }
}
