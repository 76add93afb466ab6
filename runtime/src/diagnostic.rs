//! Mistakes in a pipeline file, each with its place and its remedy, reported all together.

use std::ops::Range;
use std::path::{Path, PathBuf};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// A byte range of the pipeline file.
pub type Place = Range<usize>;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    /// Where; `None` if it is about the file as a whole.
    pub place: Option<Place>,
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The pipeline can't start.
    Error,
    /// The pipeline can start; the user should know.
    Warning,
}

impl Diagnostic {
    pub fn error(place: impl Into<Option<Place>>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, place: place.into(), message: message.into(), help: None }
    }

    pub fn warning(place: impl Into<Option<Place>>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(place, message) }
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// All mistakes of one pipeline file.
#[derive(Debug, Clone)]
pub struct Diagnostics {
    path: PathBuf,
    text: String,
    pub found: Vec<Diagnostic>,
}

impl Diagnostics {
    pub fn new(path: &Path, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned(), found: Vec::new() }
    }

    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    pub fn has_errors(&self) -> bool {
        self.errors() > 0
    }

    pub fn errors(&self) -> usize {
        self.found.iter().filter(|d| d.severity == Severity::Error).count()
    }

    /// The place of line and column (from 1) of `content`, which is the value of the string at
    /// `place`. `None` if escapes make the two differ.
    pub fn place_within(
        &self,
        place: &Place,
        content: &str,
        (line, column): (usize, usize),
    ) -> Option<Place> {
        let start = place.start + self.text.get(place.clone())?.find(content)?;
        let before: usize = content.split_inclusive('\n').take(line - 1).map(str::len).sum();
        let text = content[before..].chars().take(column - 1).map(char::len_utf8).sum::<usize>();
        let at = before + text;
        let rest = content.get(at..)?;
        let word = rest.find(|c: char| !c.is_alphanumeric() && !"_.".contains(c));
        Some(start + at..start + at + word.unwrap_or(rest.len()).max(1).min(rest.len().max(1)))
    }

    /// All of them as text for a terminal, in the order of the file.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let path = self.path.display().to_string();
        let mut found: Vec<&Diagnostic> = self.found.iter().collect();
        found.sort_by_key(|d| d.place.as_ref().map_or(0, |p| p.start));
        let reports = found.into_iter().map(|diagnostic| {
            let level = match diagnostic.severity {
                Severity::Error => Level::ERROR,
                Severity::Warning => Level::WARNING,
            };
            let mut group = Group::with_title(level.primary_title(&diagnostic.message));
            match &diagnostic.place {
                Some(place) => {
                    let annotation = AnnotationKind::Primary.span(place.clone());
                    let snippet = Snippet::source(&self.text).path(&path).annotation(annotation);
                    group = group.element(snippet);
                }
                None => group = group.element(annotate_snippets::Origin::path(&path)),
            }
            if let Some(help) = &diagnostic.help {
                group = group.element(Level::HELP.message(help));
            }
            renderer.render(&[group]).to_string()
        });
        reports.collect::<Vec<_>>().join("\n\n")
    }
}

/// ` Did you mean `near`?` if one of the candidates is close to what was written.
pub fn suggest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let near = candidates
        .into_iter()
        .map(|c| (strsim::damerau_levenshtein(written, c), c))
        .filter(|(distance, c)| *distance <= 1 + c.len().max(written.len()) / 4)
        .min()?;
    Some(format!("did you mean `{}`?", near.1))
}
