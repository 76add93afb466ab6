//! Rows to the bytes of one file.

use std::io::{self, Write};
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::json::writer::LineDelimited;
use arrow::{csv, json};

use super::counted::Counted;
use crate::codec::Instants;
use crate::config::Format;
use crate::error::{Error, Result};

/// The ending of a file's name.
pub fn extension(format: Format) -> &'static str {
    match format {
        Format::Raw => "txt",
        Format::Ndjson => "ndjson",
        Format::Csv => "csv",
        Format::Parquet => "parquet",
    }
}

/// A file as it is written.
pub enum FormatWriter {
    Raw(Counted),
    Ndjson(json::LineDelimitedWriter<Counted>),
    Csv(Box<csv::Writer<Counted>>),
    #[cfg(feature = "parquet")]
    Parquet(Box<super::parquet::ParquetWriter>),
}

impl FormatWriter {
    /// # Errors
    /// If the format can't hold the schema.
    pub fn new(format: Format, schema: &SchemaRef, file: Counted) -> Result<Self> {
        Ok(match format {
            Format::Raw => Self::Raw(file),
            Format::Ndjson => {
                let builder = json::WriterBuilder::new().with_encoder_factory(Arc::new(Instants));
                Self::Ndjson(builder.build::<_, LineDelimited>(file))
            }
            Format::Csv => Self::Csv(Box::new(csv::Writer::new(file))),
            #[cfg(feature = "parquet")]
            Format::Parquet => Self::Parquet(super::parquet::writer(schema, file)?),
            #[cfg(not(feature = "parquet"))]
            Format::Parquet => {
                let _ = schema;
                return Err(Error::config("this build of Millrace has no Parquet"));
            }
        })
    }

    /// # Errors
    /// If the file can't be written.
    pub fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        match self {
            Self::Raw(file) => write_raw(file, rows).map_err(Error::from_io),
            Self::Ndjson(writer) => writer.write(rows).map_err(writing),
            Self::Csv(writer) => writer.write(rows).map_err(writing),
            #[cfg(feature = "parquet")]
            Self::Parquet(writer) => super::parquet::write(writer, rows),
        }
    }

    /// About how many bytes the file will have if it ends here.
    pub fn size(&self, written: u64) -> u64 {
        match self {
            #[cfg(feature = "parquet")]
            Self::Parquet(writer) => super::parquet::size(writer),
            _ => written,
        }
    }

    /// Ends the file.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn finish(self) -> Result<Counted> {
        Ok(match self {
            Self::Raw(file) => file,
            Self::Ndjson(mut writer) => {
                writer.finish().map_err(writing)?;
                writer.into_inner()
            }
            Self::Csv(writer) => writer.into_inner(),
            #[cfg(feature = "parquet")]
            Self::Parquet(writer) => super::parquet::finish(*writer)?,
        })
    }
}

/// Arrow's writers fail for the file's sake: the plan has ruled out the types that they don't know.
fn writing(error: arrow::error::ArrowError) -> Error {
    Error::unavailable("cannot write a file").with(error)
}

fn write_raw(file: &mut Counted, rows: &RecordBatch) -> io::Result<()> {
    let column = rows.column(0);
    for row in (0..column.len()).filter(|row| column.is_valid(*row)) {
        match column.data_type() {
            DataType::Utf8 => file.write_all(column.as_string::<i32>().value(row).as_bytes())?,
            _ => file.write_all(column.as_binary::<i32>().value(row))?,
        }
        file.write_all(b"\n")?;
    }
    Ok(())
}
