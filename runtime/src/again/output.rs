//! Files of output, compared: byte by byte, and where that fails row by row.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::checkpoint::Output;
use crate::config::Format;
use crate::error::{Error, Result};

/// How the output of one sink compares.
#[derive(Debug)]
pub struct Comparison {
    pub sink: String,
    pub rows: u64,
    pub verdict: Verdict,
}

#[derive(Debug)]
pub enum Verdict {
    /// Every file is the same, bit for bit.
    Same,
    /// The same rows, in other files or in another order: lanes share their work as it comes.
    OtherOrder,
    /// A published file is not there any more.
    Gone(String),
    Differs(Difference),
}

/// The first difference.
#[derive(Debug)]
pub struct Difference {
    /// The published file, or that of the second run if it has more than was published.
    pub file: PathBuf,
    /// From 1 on.
    pub row: usize,
    pub published: Option<String>,
    pub again: Option<String>,
}

/// Compares what a sink has published in an epoch with what it has written the second time.
/// `directories` are where either lies.
///
/// # Errors
/// If a file can't be read.
pub fn compare(
    sink: &str,
    format: Format,
    (published, again): (&[&Output], &[&Output]),
    directories: (&Path, &Path),
) -> Result<Comparison> {
    let rows = published.iter().map(|output| output.rows).sum();
    let verdict = verdict(format, (published, again), directories)?;
    Ok(Comparison { sink: sink.to_owned(), rows, verdict })
}

fn verdict(
    format: Format,
    (published, again): (&[&Output], &[&Output]),
    (first, second): (&Path, &Path),
) -> Result<Verdict> {
    let published = match find(published, first) {
        Ok(files) => files,
        Err(gone) => return Ok(Verdict::Gone(gone)),
    };
    let again = find(again, second)
        .map_err(|gone| Error::internal(format!("the second run has lost {gone}")))?;
    if is_same(&published, &again)? {
        return Ok(Verdict::Same);
    }
    let (published, again) = (rows(&published, format)?, rows(&again, format)?);
    Ok(match difference(&published, &again) {
        None => Verdict::OtherOrder,
        Some(difference) => Verdict::Differs(difference),
    })
}

/// Files by what their names say beside checkpoint and epoch.
type Files = BTreeMap<String, PathBuf>;

/// Where the outputs lie below `directory`; or the name of one that does not.
fn find(outputs: &[&Output], directory: &Path) -> Result<Files, String> {
    let mut left: Vec<&str> = outputs.iter().map(|output| output.name.as_str()).collect();
    let mut files = Files::new();
    for entry in WalkDir::new(directory).into_iter().filter_map(Result::ok) {
        let name = entry.file_name().to_string_lossy();
        let Some(at) = left.iter().position(|wanted| *wanted == name) else { continue };
        left.swap_remove(at);
        let below = entry.path().parent().and_then(|parent| parent.strip_prefix(directory).ok());
        let below = below.unwrap_or(Path::new("")).display().to_string();
        files.insert(format!("{below}/{}", anonymous(&name)), entry.into_path());
    }
    match left.first() {
        Some(gone) => Err((*gone).to_owned()),
        None => Ok(files),
    }
}

/// A name without the checkpoint's id and the epoch: `part-ID-EPOCH-REST`.
fn anonymous(name: &str) -> &str {
    name.splitn(4, '-').nth(3).unwrap_or(name)
}

fn is_same(published: &Files, again: &Files) -> Result<bool> {
    if !published.keys().eq(again.keys()) {
        return Ok(false);
    }
    for (first, second) in published.values().zip(again.values()) {
        if read(first)? != read(second)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|e| Error::io("read", path, e))
}

/// A row, and where it stands.
struct Row<'a> {
    file: &'a Path,
    number: usize,
    text: String,
}

fn rows(files: &Files, format: Format) -> Result<Vec<Row<'_>>> {
    let mut rows = Vec::new();
    for file in files.values() {
        let texts: Vec<String> = match format {
            #[cfg(feature = "parquet")]
            Format::Parquet => parquet(file)?,
            _ => {
                let text = read(file)?;
                String::from_utf8_lossy(&text).lines().map(str::to_owned).collect()
            }
        };
        let row = |(at, text)| Row { file, number: at + 1, text };
        rows.extend(texts.into_iter().enumerate().map(row));
    }
    Ok(rows)
}

#[cfg(feature = "parquet")]
fn parquet(file: &Path) -> Result<Vec<String>> {
    let mut writer = arrow::json::LineDelimitedWriter::new(Vec::new());
    for batch in crate::source::parquet_rows(file)? {
        writer.write(&batch)?;
    }
    writer.finish()?;
    Ok(String::from_utf8_lossy(&writer.into_inner()).lines().map(str::to_owned).collect())
}

/// The first row that the other side does not have, wherever it stands there.
fn difference(published: &[Row], again: &[Row]) -> Option<Difference> {
    let lacking = |of: &[Row], other: &[Row]| {
        let mut there: BTreeMap<&str, usize> = BTreeMap::new();
        other.iter().for_each(|row| *there.entry(&row.text).or_default() += 1);
        of.iter().position(|row| match there.get_mut(row.text.as_str()) {
            Some(left) if *left > 0 => {
                *left -= 1;
                false
            }
            _ => true,
        })
    };
    if let Some(at) = lacking(published, again) {
        let row = &published[at];
        // What stands in its place is worth a look only if it is not just another row of both.
        let instead = lacking(again, published).map(|at| again[at].text.clone());
        let (file, row, text) = (row.file.to_owned(), row.number, row.text.clone());
        return Some(Difference { file, row, published: Some(text), again: instead });
    }
    let row = &again[lacking(again, published)?];
    let (file, number, text) = (row.file.to_owned(), row.number, row.text.clone());
    Some(Difference { file, row: number, published: None, again: Some(text) })
}
