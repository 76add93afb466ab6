//! What a guest declares and returns, from bytes and to bytes.
//!
//! The form is made for mutation: all bytes are some case, numbers stand where they are used, and
//! what is missing at the end is 0. Numbers of 32 bits are written in 16, of which the highest
//! means the highest of 32, as bounds are what they are checked against.

use arrow_buffer::Buffer;
use millrace_columns::{FlatColumns, FlatField, FlatType, Node};
use millrace_output::{PortOutput, RowError};

/// One guest, and one call of it.
#[derive(Debug, Clone, Default)]
pub struct Case {
    /// The columns that each port adds, as a flat schema.
    pub ports: Vec<Vec<FlatField>>,
    /// Rows and keys of the batch that it was given.
    pub rows: u32,
    pub keys: u32,
    pub outputs: Vec<PortOutput>,
    pub errors: Vec<RowError>,
    pub changed: Vec<u32>,
    pub states: FlatColumns,
    /// Keys and ids.
    pub timers: Vec<(u32, u32)>,
}

impl Case {
    pub fn read(bytes: &[u8]) -> Self {
        let mut from = Reader(bytes);
        Self {
            ports: from.list(|from| from.list(Reader::field)),
            rows: u32::from(from.u16()),
            keys: u32::from(from.u16()),
            outputs: from.list(Reader::port),
            errors: from.list(Reader::error),
            changed: from.list(Reader::u32),
            states: from.columns(),
            timers: from.list(|from| (from.u32(), from.u32())),
        }
    }

    /// What [`read`](Self::read) makes this case of.
    pub fn write(&self) -> Vec<u8> {
        let mut to = Writer(Vec::new());
        to.list(&self.ports, |to, fields| to.list(fields, Writer::field));
        to.u16(self.rows as u16);
        to.u16(self.keys as u16);
        to.list(&self.outputs, Writer::port);
        to.list(&self.errors, Writer::error);
        to.list(&self.changed, |to, changed| to.u32(*changed));
        to.columns(&self.states);
        to.list(&self.timers, |to, (key, id)| {
            to.u32(*key);
            to.u32(*id);
        });
        to.0
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn u8(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn u16(&mut self) -> u16 {
        u16::from_le_bytes([self.u8(), self.u8()])
    }

    fn u32(&mut self) -> u32 {
        match self.u16() {
            u16::MAX => u32::MAX,
            number => u32::from(number),
        }
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = usize::from(self.u16()).min(self.0.len());
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        bytes.to_vec()
    }

    /// Strings are checked before they reach the host's code, so they are UTF-8.
    fn text(&mut self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    /// Never more items than there are bytes.
    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let count = usize::from(self.u16()).min(self.0.len());
        (0..count).map(|_| item(self)).collect()
    }

    fn field(&mut self) -> FlatField {
        let data_type = match self.u8() % 22 {
            0 => FlatType::Boolean,
            1 => FlatType::Int8,
            2 => FlatType::Int16,
            3 => FlatType::Int32,
            4 => FlatType::Int64,
            5 => FlatType::Uint8,
            6 => FlatType::Uint16,
            7 => FlatType::Uint32,
            8 => FlatType::Uint64,
            9 => FlatType::Float32,
            10 => FlatType::Float64,
            11 => FlatType::Decimal128 { precision: self.u8(), scale: self.u8() as i8 },
            12 => FlatType::Utf8,
            13 => FlatType::Binary,
            14 => FlatType::FixedSizeBinary(self.u32()),
            15 => FlatType::Date32,
            16 => FlatType::Time64,
            17 => FlatType::Timestamp(None),
            18 => FlatType::Duration,
            19 => FlatType::ListOf,
            20 => FlatType::StructOf,
            _ => FlatType::MapOf,
        };
        let (nullable, children) = (self.u8() % 2 == 1, u32::from(self.u8()));
        let name = self.text();
        let data_type = match data_type {
            FlatType::Timestamp(_) if nullable => FlatType::Timestamp(Some(self.text())),
            other => other,
        };
        FlatField { name, data_type, nullable, children }
    }

    fn port(&mut self) -> PortOutput {
        let port = self.u32();
        let rows = (self.u8() % 2 == 1).then(|| self.list(Reader::u32));
        PortOutput { port, rows, columns: self.columns() }
    }

    fn columns(&mut self) -> FlatColumns {
        let nodes = self.list(|from| Node { length: from.u32(), null_count: from.u32() });
        FlatColumns { nodes, buffers: self.list(|from| Buffer::from_vec(from.bytes())) }
    }

    fn error(&mut self) -> RowError {
        RowError {
            row: self.u32(),
            code: self.text(),
            message: self.text(),
            column: (self.u8() % 2 == 1).then(|| self.text()),
        }
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn u16(&mut self, number: u16) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn u32(&mut self, number: u32) {
        self.u16(u16::try_from(number).unwrap_or(u16::MAX));
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.u16(bytes.len() as u16);
        self.0.extend_from_slice(bytes);
    }

    fn list<T>(&mut self, items: &[T], mut item: impl FnMut(&mut Self, &T)) {
        self.u16(items.len() as u16);
        items.iter().for_each(|i| item(self, i));
    }

    fn field(&mut self, field: &FlatField) {
        match &field.data_type {
            FlatType::Boolean => self.0.push(0),
            FlatType::Int8 => self.0.push(1),
            FlatType::Int16 => self.0.push(2),
            FlatType::Int32 => self.0.push(3),
            FlatType::Int64 => self.0.push(4),
            FlatType::Uint8 => self.0.push(5),
            FlatType::Uint16 => self.0.push(6),
            FlatType::Uint32 => self.0.push(7),
            FlatType::Uint64 => self.0.push(8),
            FlatType::Float32 => self.0.push(9),
            FlatType::Float64 => self.0.push(10),
            FlatType::Decimal128 { precision, scale } => {
                self.0.extend_from_slice(&[11, *precision, *scale as u8]);
            }
            FlatType::Utf8 => self.0.push(12),
            FlatType::Binary => self.0.push(13),
            FlatType::FixedSizeBinary(size) => {
                self.0.push(14);
                self.u32(*size);
            }
            FlatType::Date32 => self.0.push(15),
            FlatType::Time64 => self.0.push(16),
            FlatType::Timestamp(_) => self.0.push(17),
            FlatType::Duration => self.0.push(18),
            FlatType::ListOf => self.0.push(19),
            FlatType::StructOf => self.0.push(20),
            FlatType::MapOf => self.0.push(21),
        }
        self.0.extend_from_slice(&[u8::from(field.nullable), field.children as u8]);
        self.bytes(field.name.as_bytes());
        if let (FlatType::Timestamp(zone), true) = (&field.data_type, field.nullable) {
            self.bytes(zone.as_deref().unwrap_or("UTC").as_bytes());
        }
    }

    fn port(&mut self, output: &PortOutput) {
        self.u32(output.port);
        self.0.push(u8::from(output.rows.is_some()));
        if let Some(rows) = &output.rows {
            self.list(rows, |to, row| to.u32(*row));
        }
        self.columns(&output.columns);
    }

    fn columns(&mut self, columns: &FlatColumns) {
        self.list(&columns.nodes, |to, node| {
            to.u32(node.length);
            to.u32(node.null_count);
        });
        self.list(&columns.buffers, |to, buffer| to.bytes(buffer));
    }

    fn error(&mut self, error: &RowError) {
        self.u32(error.row);
        self.bytes(error.code.as_bytes());
        self.bytes(error.message.as_bytes());
        self.0.push(u8::from(error.column.is_some()));
        if let Some(column) = &error.column {
            self.bytes(column.as_bytes());
        }
    }
}
