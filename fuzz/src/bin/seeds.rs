//! Writes the seeds into a directory: outputs in order of all types, from which the fuzzer starts.

use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::{Int64Builder, ListBuilder, MapBuilder, StringBuilder};
use arrow_array::types::{Decimal128Type, Int8Type, Int16Type, Int32Type, UInt8Type, UInt16Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, DurationMicrosecondArray,
    FixedSizeBinaryArray, Float32Array, Float64Array, Int64Array, PrimitiveArray, StringArray,
    StructArray, Time64MicrosecondArray, TimestampMicrosecondArray, UInt32Array, UInt64Array,
};
use arrow_schema::{Field, Fields};
use millrace_columns::{FlatColumns, encode, flatten};
use millrace_fuzz::Case;
use millrace_output::{PortOutput, RowError};

/// The rows of every seed.
const ROWS: u32 = 3;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::args().nth(1).ok_or("usage: seeds DIRECTORY")?;
    let columns = columns();
    for (name, column) in &columns {
        write(&directory, name, &all(&[column.clone()])?)?;
    }
    let every: Vec<ArrayRef> = columns.into_iter().map(|(_, column)| column).collect();
    write(&directory, "every_type", &all(&every)?)?;
    let mut selected = all(&[Arc::new(StringArray::from(vec![Some("a"), None]))])?;
    selected.outputs[0].rows = Some(vec![2, 0]);
    let error = |row, column: Option<&str>| RowError {
        row,
        code: "not_a_number".to_owned(),
        message: "`x` is no number".to_owned(),
        column: column.map(str::to_owned),
    };
    selected.errors = vec![error(1, Some("amount"))];
    write(&directory, "rows_and_errors", &selected)?;
    let mut keyed = selected.clone();
    keyed.keys = 2;
    keyed.outputs[0].rows = Some(vec![4, 0]);
    keyed.errors.push(error(2, None));
    keyed.changed = vec![0, 1];
    keyed.states = flat(&[Arc::new(BinaryArray::from(vec![Some(b"state".as_slice()), None]))])?;
    keyed.timers = vec![(0, 1), (1, 1), (1, 2)];
    write(&directory, "keyed", &keyed)?;
    let mut ports = all(&[])?;
    ports.ports.push(keyed.ports[0].clone());
    ports.outputs.push(PortOutput { port: 1, ..keyed.outputs[0].clone() });
    write(&directory, "two_ports", &ports)?;
    Ok(())
}

fn write(directory: &str, name: &str, case: &Case) -> std::io::Result<()> {
    std::fs::write(Path::new(directory).join(name), case.write())
}

/// A port that has all rows, with these columns.
fn all(columns: &[ArrayRef]) -> Result<Case, Box<dyn std::error::Error>> {
    let field = |(at, column): (usize, &ArrayRef)| {
        Field::new(format!("c{at}"), column.data_type().clone(), column.is_nullable())
    };
    let fields: Fields = columns.iter().enumerate().map(field).collect();
    let output = PortOutput { port: 0, rows: None, columns: flat(columns)? };
    Ok(Case {
        ports: vec![flatten(&fields)?],
        rows: ROWS,
        outputs: vec![output],
        ..Case::default()
    })
}

fn flat(columns: &[ArrayRef]) -> Result<FlatColumns, Box<dyn std::error::Error>> {
    let mut flat = FlatColumns::default();
    encode(columns, &mut flat)?;
    Ok(flat)
}

fn columns() -> Vec<(&'static str, ArrayRef)> {
    let mut list = ListBuilder::new(Int64Builder::new());
    list.append_value([Some(1), None]);
    list.append_null();
    list.append_value([Some(3)]);
    let mut map = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
    for (key, value) in [("a", 1), ("b", 2), ("c", 3)] {
        map.keys().append_value(key);
        map.values().append_value(value);
        map.append(true).expect("keys and values are as many");
    }
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(3)]));
    let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), Some("ä€"), None]));
    let record = StructArray::from(vec![
        (Arc::new(Field::new("n", numbers.data_type().clone(), true)), numbers.clone()),
        (Arc::new(Field::new("t", texts.data_type().clone(), true)), texts.clone()),
    ]);
    let fixed = FixedSizeBinaryArray::try_from_iter([*b"ab", *b"cd", *b"ef"].into_iter());
    let decimals = PrimitiveArray::<Decimal128Type>::from(vec![Some(125), None, Some(-1)]);
    let times = TimestampMicrosecondArray::from(vec![Some(0), None, Some(-1)]);
    let three = |column: ArrayRef| column;
    vec![
        ("boolean", three(Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])))),
        ("int8", three(Arc::new(PrimitiveArray::<Int8Type>::from(vec![1, -2, 3])))),
        ("int16", three(Arc::new(PrimitiveArray::<Int16Type>::from(vec![1, -2, 3])))),
        ("int32", three(Arc::new(PrimitiveArray::<Int32Type>::from(vec![1, -2, 3])))),
        ("int64", numbers),
        ("uint8", three(Arc::new(PrimitiveArray::<UInt8Type>::from(vec![1, 2, 3])))),
        ("uint16", three(Arc::new(PrimitiveArray::<UInt16Type>::from(vec![1, 2, 3])))),
        ("uint32", three(Arc::new(UInt32Array::from(vec![1, 2, 3])))),
        ("uint64", three(Arc::new(UInt64Array::from(vec![1, 2, 3])))),
        ("float32", three(Arc::new(Float32Array::from(vec![0.5, f32::NAN, -0.0])))),
        ("float64", three(Arc::new(Float64Array::from(vec![0.5, f64::NAN, -0.0])))),
        ("decimal", three(Arc::new(decimals))),
        ("utf8", texts),
        (
            "binary",
            three(Arc::new(BinaryArray::from(vec![Some(b"a".as_slice()), None, Some(b"")]))),
        ),
        ("fixed_size_binary", three(Arc::new(fixed.expect("all have 2 bytes")))),
        ("date32", three(Arc::new(Date32Array::from(vec![0, 1, -1])))),
        ("time64", three(Arc::new(Time64MicrosecondArray::from(vec![0, 1, 2])))),
        ("timestamp", three(Arc::new(times.with_timezone("UTC")))),
        ("duration", three(Arc::new(DurationMicrosecondArray::from(vec![0, 1, -1])))),
        ("list", three(Arc::new(list.finish()))),
        ("struct", three(Arc::new(record))),
        ("map", three(Arc::new(map.finish()))),
    ]
}
