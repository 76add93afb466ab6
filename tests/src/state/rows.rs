//! Rows as bytes: what comes back is what went in, and damage is found.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, FixedSizeListArray, Float32Array, Float64Array,
    Int64Array, IntervalDayTimeArray, IntervalMonthDayNanoArray, ListArray, MapArray, StringArray,
    StructArray, UInt32Array, new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Field, Fields, IntervalDayTime, IntervalMonthDayNano, IntervalUnit, TimeUnit,
};
use millrace::error::ErrorKind;
use millrace::state::{EncodedRows, RowCodec};
use proptest::prelude::{ProptestConfig, any};
use proptest::{prop_assert, prop_assert_eq, proptest};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Every kind of type, nested ones too.
fn types() -> Vec<DataType> {
    let item = |t: DataType| Arc::new(Field::new("item", t, true));
    let utc = || Some("+00:00".into());
    let flat = [
        DataType::Null,
        DataType::Boolean,
        DataType::Int8,
        DataType::UInt16,
        DataType::Int32,
        DataType::Int64,
        DataType::UInt64,
        DataType::Float16,
        DataType::Float32,
        DataType::Float64,
        DataType::Utf8,
        DataType::LargeUtf8,
        DataType::Utf8View,
        DataType::Binary,
        DataType::LargeBinary,
        DataType::BinaryView,
        DataType::FixedSizeBinary(3),
        DataType::Decimal128(20, 3),
        DataType::Decimal256(50, 2),
        DataType::Date32,
        DataType::Date64,
        DataType::Time32(TimeUnit::Millisecond),
        DataType::Time64(TimeUnit::Microsecond),
        DataType::Timestamp(TimeUnit::Microsecond, utc()),
        DataType::Duration(TimeUnit::Second),
        DataType::Interval(IntervalUnit::YearMonth),
        DataType::Interval(IntervalUnit::DayTime),
        DataType::Interval(IntervalUnit::MonthDayNano),
    ];
    let nested = [
        DataType::List(item(DataType::Utf8)),
        DataType::LargeList(item(DataType::Int64)),
        DataType::List(item(DataType::List(item(DataType::Boolean)))),
        DataType::List(item(DataType::Null)),
        DataType::FixedSizeList(item(DataType::Utf8View), 2),
        DataType::Struct(Fields::from(vec![
            Field::new("a", DataType::Int64, true),
            Field::new("b", DataType::List(item(DataType::Float64)), true),
        ])),
        DataType::Map(
            Arc::new(Field::new(
                "entries",
                DataType::Struct(Fields::from(vec![
                    Field::new("keys", DataType::Utf8, false),
                    Field::new("values", DataType::Int64, true),
                ])),
                false,
            )),
            false,
        ),
    ];
    flat.into_iter().chain(nested).collect()
}

/// A column in which values come again and some are null.
fn column(data_type: &DataType, rows: usize, nullable: bool, random: &mut StdRng) -> ArrayRef {
    let nulls = nullable.then(|| NullBuffer::from_iter((0..rows).map(|_| random.random_bool(0.8))));
    let mut lengths = || -> (OffsetBuffer<i32>, usize) {
        let offsets = OffsetBuffer::from_lengths((0..rows).map(|_| random.random_range(0..3)));
        let last = *offsets.last().unwrap() as usize;
        (offsets, last)
    };
    match data_type {
        DataType::Null => new_null_array(data_type, rows),
        DataType::Boolean => {
            let values: BooleanArray = (0..rows).map(|_| Some(random.random_bool(0.5))).collect();
            Arc::new(BooleanArray::new(values.values().clone(), nulls))
        }
        DataType::List(field) => {
            let (offsets, last) = lengths();
            let values = column(field.data_type(), last, true, random);
            Arc::new(ListArray::new(field.clone(), offsets, values, nulls))
        }
        DataType::LargeList(field) => {
            let list = column(&DataType::List(field.clone()), rows, nullable, random);
            cast(&list, data_type).unwrap()
        }
        DataType::Map(field, ordered) => {
            let (offsets, last) = lengths();
            let entries = column(field.data_type(), last, false, random).as_struct().clone();
            Arc::new(MapArray::new(field.clone(), offsets, entries, nulls, *ordered))
        }
        DataType::FixedSizeList(field, size) => {
            let values = column(field.data_type(), rows * *size as usize, true, random);
            Arc::new(FixedSizeListArray::new(field.clone(), *size, values, nulls))
        }
        DataType::Struct(fields) => {
            let columns = fields
                .iter()
                .map(|field| column(field.data_type(), rows, field.is_nullable(), random))
                .collect();
            Arc::new(StructArray::new(fields.clone(), columns, nulls))
        }
        text_or_number => {
            let texts = ["", "b", "\u{fc}ber", "a longer text, of more than twelve bytes"];
            let is_text = matches!(
                data_type,
                DataType::Utf8
                    | DataType::LargeUtf8
                    | DataType::Utf8View
                    | DataType::Binary
                    | DataType::LargeBinary
                    | DataType::BinaryView
            );
            let picked =
                UInt32Array::from_iter_values((0..rows).map(|_| random.random_range(0..4)));
            let values: ArrayRef = match text_or_number {
                _ if is_text => cast(&StringArray::from(texts.to_vec()), data_type).unwrap(),
                DataType::FixedSizeBinary(_) => Arc::new(
                    arrow::array::FixedSizeBinaryArray::try_from_iter(
                        ["abc", "abd", "\0\0\0", "zzz"].iter(),
                    )
                    .unwrap(),
                ),
                DataType::Interval(IntervalUnit::MonthDayNano) => {
                    let values = [(0, 0, 1), (1, 0, 0), (0, 30, 0), (-1, 2, 3)];
                    let values = values.map(|(m, d, n)| IntervalMonthDayNano::new(m, d, n));
                    Arc::new(IntervalMonthDayNanoArray::from(values.to_vec()))
                }
                DataType::Interval(IntervalUnit::DayTime) => {
                    let values = [(0, 1), (1, 0), (30, 0), (-1, 2)];
                    let values = values.map(|(days, ms)| IntervalDayTime::new(days, ms));
                    Arc::new(IntervalDayTimeArray::from(values.to_vec()))
                }
                _ => {
                    let numbers = Int64Array::from(vec![0, 1, 77, 5]);
                    let small = matches!(
                        data_type,
                        DataType::Date32 | DataType::Time32(_) | DataType::Interval(_)
                    );
                    let numbers: ArrayRef = Arc::new(numbers);
                    let numbers =
                        if small { cast(&numbers, &DataType::Int32).unwrap() } else { numbers };
                    cast(&numbers, data_type).unwrap()
                }
            };
            let values = arrow::compute::take(&values, &picked, None).unwrap();
            let data = values.to_data().into_builder().nulls(nulls).build().unwrap();
            arrow::array::make_array(data)
        }
    }
}

fn fields(types: &[DataType]) -> Fields {
    let field = |(at, t): (usize, &DataType)| Field::new(format!("c{at}"), t.clone(), true);
    types.iter().enumerate().map(field).collect()
}

fn encoded(codec: &RowCodec, columns: &[ArrayRef], rows: usize) -> EncodedRows {
    let mut out = EncodedRows::default();
    codec.encode(columns, rows, &mut out).unwrap();
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the types, slices of columns included.
    #[test]
    fn rows_come_back_and_are_equal_if_their_bytes_are(seed in any::<u64>(), rows in 0_usize..30) {
        let mut random = StdRng::seed_from_u64(seed);
        let all = types();
        let count = random.random_range(1..4);
        let picked: Vec<DataType> =
            (0..count).map(|_| all[random.random_range(0..all.len())].clone()).collect();
        let columns: Vec<ArrayRef> = picked
            .iter()
            .map(|t| column(t, rows + 3, true, &mut random).slice(2, rows))
            .collect();
        for codec in [RowCodec::new(&fields(&picked)), RowCodec::exact(&fields(&picked))] {
            let codec = codec.unwrap();
            let bytes = encoded(&codec, &columns, rows);
            prop_assert_eq!(bytes.len(), rows);
            let back = codec.decode(bytes.iter()).unwrap();
            for (column, back) in columns.iter().zip(&back) {
                prop_assert_eq!(column.to_data(), back.to_data());
            }
            for left in 0..rows {
                for right in 0..rows {
                    let same = columns.iter().all(|c| c.slice(left, 1) == c.slice(right, 1));
                    prop_assert_eq!(same, bytes.row(left) == bytes.row(right));
                }
            }
        }
    }

    /// Bytes cut, changed or added are an error or other rows, and never a panic.
    #[test]
    fn damaged_rows_never_panic(seed in any::<u64>()) {
        let mut random = StdRng::seed_from_u64(seed);
        for data_type in types() {
            let codec = RowCodec::new(&fields(&[data_type.clone(), DataType::Int64])).unwrap();
            let values = column(&data_type, 4, true, &mut random);
            let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3, 4]));
            let bytes = encoded(&codec, &[values, numbers], 4);
            let row = bytes.row(random.random_range(0..4)).to_vec();
            for end in 0..row.len() {
                prop_assert!(codec.decode([&row[..end]].into_iter()).is_err());
            }
            for at in 0..row.len() {
                let mut damaged = row.clone();
                damaged[at] = random.random();
                let _ = codec.decode([&damaged[..]].into_iter());
            }
            let mut longer = row.clone();
            longer.push(0);
            let error = codec.decode([&longer[..]].into_iter()).unwrap_err();
            prop_assert_eq!(error.kind, ErrorKind::Corrupt);
        }
    }
}

/// SQL groups zeros of both signs and all that is not a number together.
#[test]
fn keys_know_one_zero_and_one_nan() {
    let other_nan = f64::from_bits(f64::NAN.to_bits() | 1 | 1 << 63);
    let doubles: ArrayRef =
        Arc::new(Float64Array::from(vec![0.0, -0.0, f64::NAN, other_nan, -1.5]));
    let other_nan = f32::from_bits(f32::NAN.to_bits() | 1 | 1 << 31);
    let singles: ArrayRef =
        Arc::new(Float32Array::from(vec![0.0, -0.0, f32::NAN, other_nan, -1.5]));
    for column in [doubles, singles] {
        let fields = fields(&[column.data_type().clone()]);
        let keys = encoded(&RowCodec::new(&fields).unwrap(), std::slice::from_ref(&column), 5);
        assert_eq!(keys.row(0), keys.row(1));
        assert_eq!(keys.row(2), keys.row(3));
        let exact = RowCodec::exact(&fields).unwrap();
        let values = encoded(&exact, std::slice::from_ref(&column), 5);
        assert_ne!(values.row(0), values.row(1));
        assert_eq!(exact.decode(values.iter()).unwrap()[0].to_data(), column.to_data());
    }
}

/// The bytes are on disk: they must not change with a version of Millrace or Arrow.
#[test]
fn the_format_is_what_it_was() {
    let item = Arc::new(Field::new("item", DataType::Utf8, true));
    let types = [DataType::Utf8, DataType::Int64, DataType::Boolean, DataType::List(item.clone())];
    let list = ListArray::new(
        item,
        OffsetBuffer::from_lengths([2, 0]),
        Arc::new(StringArray::from(vec![Some("x"), None])),
        None,
    );
    let columns: [ArrayRef; 4] = [
        Arc::new(StringArray::from(vec![Some("ab"), None])),
        Arc::new(Int64Array::from(vec![Some(258), None])),
        Arc::new(BooleanArray::from(vec![Some(true), Some(false)])),
        Arc::new(list),
    ];
    let bytes = encoded(&RowCodec::new(&fields(&types)).unwrap(), &columns, 2);
    let first = [3, b'a', b'b', 1, 2, 1, 0, 0, 0, 0, 0, 0, 2, 3, 2, b'x', 0];
    assert_eq!(bytes.row(0), first);
    assert_eq!(bytes.row(1), [0, 0, 1, 1]);
    let long = "l".repeat(300);
    let column: ArrayRef = Arc::new(StringArray::from(vec![long.as_str()]));
    let bytes = encoded(&RowCodec::new(&fields(&types[..1])).unwrap(), &[column], 1);
    assert_eq!(bytes.row(0)[..2], [0xad, 0x02]);
    assert_eq!(bytes.row(0).len(), 302);
}

#[test]
fn a_type_that_can_not_be_state_is_named() {
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let list = DataType::List(Arc::new(Field::new("item", dictionary, true)));
    let message = RowCodec::new(&fields(&[DataType::Int64, list])).unwrap_err();
    assert!(message.contains("`c1`") && message.contains("Dictionary"), "{message}");
}
