//! The plugin boundary: what is encoded is decoded to the same, and no lie makes the host panic or
//! believe it.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, FixedSizeBinaryArray, ListArray, MapArray,
    PrimitiveArray, StringArray, StructArray,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, DurationMicrosecondType, Field,
    Fields, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time64MicrosecondType, TimeUnit, TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use millrace_columns::{FlatColumns, Node, decode, encode, flatten, unflatten};
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const ROWS_MAX: usize = 40;
const MUTATIONS_MAX: usize = 4;

/// Any type of the contract, nested up to three levels.
fn data_type() -> impl Strategy<Value = DataType> {
    let zone =
        prop_oneof![Just(None), Just(Some(Arc::from("UTC"))), Just(Some(Arc::from("+02:00")))];
    let leaf = prop_oneof![
        Just(DataType::Boolean),
        Just(DataType::Int8),
        Just(DataType::Int16),
        Just(DataType::Int32),
        Just(DataType::Int64),
        Just(DataType::UInt8),
        Just(DataType::UInt16),
        Just(DataType::UInt32),
        Just(DataType::UInt64),
        Just(DataType::Float32),
        Just(DataType::Float64),
        (1_u8..=38)
            .prop_flat_map(|p| (Just(p), 0..=p as i8))
            .prop_map(|(p, s)| DataType::Decimal128(p, s)),
        Just(DataType::Utf8),
        Just(DataType::Binary),
        (1_i32..20).prop_map(DataType::FixedSizeBinary),
        Just(DataType::Date32),
        Just(DataType::Time64(TimeUnit::Microsecond)),
        zone.prop_map(|zone| DataType::Timestamp(TimeUnit::Microsecond, zone)),
        Just(DataType::Duration(TimeUnit::Microsecond)),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let field = |name: &'static str| {
            move |(data_type, nullable)| Arc::new(Field::new(name, data_type, nullable))
        };
        prop_oneof![
            (inner.clone(), any::<bool>()).prop_map(field("item")).prop_map(DataType::List),
            prop::collection::vec((inner.clone(), any::<bool>()), 0..3).prop_map(|children| {
                let child =
                    |(i, (data_type, nullable))| Field::new(format!("f{i}"), data_type, nullable);
                DataType::Struct(children.into_iter().enumerate().map(child).collect())
            }),
            (inner, any::<bool>()).prop_map(|(value, nullable)| {
                let pair = vec![
                    Field::new("key", DataType::Utf8, false),
                    Field::new("value", value, nullable),
                ];
                let entries = Field::new("entries", DataType::Struct(pair.into()), false);
                DataType::Map(Arc::new(entries), false)
            }),
        ]
    })
}

/// Columns of any of these types.
pub fn schema() -> impl Strategy<Value = Fields> {
    prop::collection::vec((data_type(), any::<bool>()), 1..4).prop_map(|columns| {
        let column = |(i, (data_type, nullable))| Field::new(format!("c{i}"), data_type, nullable);
        columns.into_iter().enumerate().map(column).collect()
    })
}

fn primitive<T: ArrowPrimitiveType>(
    data_type: &DataType,
    nulls: Option<NullBuffer>,
    rows: usize,
    value: impl FnMut() -> T::Native,
) -> ArrayRef {
    let values: Vec<T::Native> = std::iter::repeat_with(value).take(rows).collect();
    Arc::new(PrimitiveArray::<T>::new(values.into(), nulls).with_data_type(data_type.clone()))
}

fn offsets(rows: usize, rng: &mut StdRng) -> OffsetBuffer<i32> {
    OffsetBuffer::from_lengths((0..rows).map(|_| rng.random_range(0..4_usize)))
}

/// Random values of a field, nulls among them where it allows them.
fn values(field: &Field, rows: usize, rng: &mut StdRng) -> ArrayRef {
    let nulls = (field.is_nullable() && rng.random_bool(0.7))
        .then(|| NullBuffer::from((0..rows).map(|_| rng.random_bool(0.7)).collect::<Vec<_>>()));
    let t = field.data_type();
    match t {
        DataType::Boolean => {
            let bits: BooleanBuffer = (0..rows).map(|_| rng.random::<bool>()).collect();
            Arc::new(BooleanArray::new(bits, nulls))
        }
        DataType::Int8 => primitive::<Int8Type>(t, nulls, rows, || rng.random()),
        DataType::Int16 => primitive::<Int16Type>(t, nulls, rows, || rng.random()),
        DataType::Int32 => primitive::<Int32Type>(t, nulls, rows, || rng.random()),
        DataType::Int64 => primitive::<Int64Type>(t, nulls, rows, || rng.random()),
        DataType::UInt8 => primitive::<UInt8Type>(t, nulls, rows, || rng.random()),
        DataType::UInt16 => primitive::<UInt16Type>(t, nulls, rows, || rng.random()),
        DataType::UInt32 => primitive::<UInt32Type>(t, nulls, rows, || rng.random()),
        DataType::UInt64 => primitive::<UInt64Type>(t, nulls, rows, || rng.random()),
        DataType::Float32 => primitive::<Float32Type>(t, nulls, rows, || rng.random()),
        DataType::Float64 => primitive::<Float64Type>(t, nulls, rows, || rng.random()),
        DataType::Decimal128(precision, _) => {
            let beyond = 10_i128.pow(u32::from(*precision));
            primitive::<Decimal128Type>(t, nulls, rows, || rng.random::<i128>() % beyond)
        }
        DataType::Date32 => primitive::<Date32Type>(t, nulls, rows, || rng.random()),
        DataType::Time64(_) => primitive::<Time64MicrosecondType>(t, nulls, rows, || rng.random()),
        DataType::Timestamp(_, _) => {
            primitive::<TimestampMicrosecondType>(t, nulls, rows, || rng.random())
        }
        DataType::Duration(_) => {
            primitive::<DurationMicrosecondType>(t, nulls, rows, || rng.random())
        }
        DataType::Utf8 => {
            let texts = ["", "a", "ü", "long enough to be a heap string", "\0"];
            let texts: Vec<&str> =
                (0..rows).map(|_| texts[rng.random_range(0..texts.len())]).collect();
            let (offsets, bytes, _) = StringArray::from(texts).into_parts();
            Arc::new(StringArray::new(offsets, bytes, nulls))
        }
        DataType::Binary => {
            let offsets = offsets(rows, rng);
            let bytes: Vec<u8> = (0..*offsets.last().unwrap()).map(|_| rng.random()).collect();
            Arc::new(BinaryArray::new(offsets, bytes.into(), nulls))
        }
        DataType::FixedSizeBinary(size) => {
            let bytes: Vec<u8> = (0..rows * *size as usize).map(|_| rng.random()).collect();
            Arc::new(FixedSizeBinaryArray::new(*size, bytes.into(), nulls))
        }
        DataType::List(item) => {
            let offsets = offsets(rows, rng);
            let items = values(item, *offsets.last().unwrap() as usize, rng);
            Arc::new(ListArray::new(item.clone(), offsets, items, nulls))
        }
        DataType::Struct(children) => Arc::new(record(children, rows, nulls, rng)),
        DataType::Map(entries, _) => {
            let DataType::Struct(pair) = entries.data_type() else { panic!("{entries}") };
            let offsets = offsets(rows, rng);
            let all = *offsets.last().unwrap() as usize;
            // No key comes twice in a map: guests have maps that hold it once.
            let keys: Vec<String> =
                offsets.lengths().flat_map(|length| (0..length).map(map_key)).collect();
            let keys: ArrayRef = Arc::new(StringArray::from(keys));
            let pairs = vec![keys, values(&pair[1], all, rng)];
            let pairs = StructArray::try_new_with_length(pair.clone(), pairs, None, all).unwrap();
            Arc::new(MapArray::new(entries.clone(), offsets, pairs, nulls, false))
        }
        other => panic!("{other} is not part of the contract"),
    }
}

fn map_key(at: usize) -> String {
    ["", "ü\0", "long enough to be a heap string", "x"][at].to_owned()
}

fn record(
    fields: &Fields,
    rows: usize,
    nulls: Option<NullBuffer>,
    rng: &mut StdRng,
) -> StructArray {
    let columns = fields.iter().map(|child| values(child, rows, rng)).collect();
    StructArray::try_new_with_length(fields.clone(), columns, nulls, rows).unwrap()
}

/// Random columns of these fields.
pub fn columns(fields: &Fields, rows: usize, seed: u64) -> Vec<ArrayRef> {
    let mut rng = StdRng::seed_from_u64(seed);
    fields.iter().map(|field| values(field, rows, &mut rng)).collect()
}

fn flat(columns: &[ArrayRef]) -> FlatColumns {
    let mut flat = FlatColumns::default();
    encode(columns, &mut flat).unwrap();
    flat
}

/// One of the ways in which a guest can be wrong, by mistake or on purpose.
fn mutate(flat: &mut FlatColumns, rng: &mut StdRng) {
    let node = rng.random_range(0..flat.nodes.len().max(1));
    let buffer = rng.random_range(0..flat.buffers.len().max(1));
    let odd = [0, 1, 7, 8, 255, u32::MAX / 2, u32::MAX - 1, u32::MAX];
    match rng.random_range(0..9) {
        0 => flat
            .nodes
            .iter_mut()
            .skip(node)
            .take(1)
            .for_each(|n| n.length = odd[rng.random_range(0..8)]),
        1 => flat
            .nodes
            .iter_mut()
            .skip(node)
            .take(1)
            .for_each(|n| n.null_count = odd[rng.random_range(0..8)]),
        2 if !flat.nodes.is_empty() => drop(flat.nodes.remove(node)),
        3 => flat.nodes.insert(node.min(flat.nodes.len()), Node { length: 1, null_count: 0 }),
        4 if !flat.buffers.is_empty() => drop(flat.buffers.remove(buffer)),
        5 => {
            flat.buffers.insert(buffer.min(flat.buffers.len()), Buffer::from_vec(vec![0xff_u8; 9]))
        }
        6 if !flat.buffers.is_empty() => {
            let other = rng.random_range(0..flat.buffers.len());
            flat.buffers.swap(buffer, other);
        }
        7 if !flat.buffers.is_empty() => {
            let mut bytes = flat.buffers[buffer].to_vec();
            bytes.truncate(rng.random_range(0..=bytes.len()));
            flat.buffers[buffer] = Buffer::from_vec(bytes);
        }
        8 if !flat.buffers.is_empty() => {
            let mut bytes = flat.buffers[buffer].to_vec();
            for _ in 0..rng.random_range(1..4) {
                if !bytes.is_empty() {
                    let at = rng.random_range(0..bytes.len());
                    bytes[at] = rng.random();
                }
            }
            // An address that is no multiple of eight, as guests return them.
            bytes.insert(0, 0);
            flat.buffers[buffer] = Buffer::from_vec(bytes).slice(1);
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

    /// Whatever crosses arrives as it was, also a part of a batch: rows at fault are found by
    /// sending ever smaller slices.
    #[test]
    fn what_is_encoded_is_decoded_to_the_same(
        fields in schema(),
        rows in 0..ROWS_MAX,
        cut in (0.0..1.0, 0.0..1.0),
        seed: u64,
    ) {
        let whole = columns(&fields, rows, seed);
        prop_assert_eq!(&decode(&fields, flat(&whole), rows).unwrap(), &whole);
        let offset = (cut.0 * rows as f64) as usize;
        let length = (cut.1 * (rows - offset) as f64) as usize;
        let part: Vec<ArrayRef> = whole.iter().map(|column| column.slice(offset, length)).collect();
        prop_assert_eq!(&decode(&fields, flat(&part), length).unwrap(), &part);
        // A slice of a slice, as isolation makes them.
        let half: Vec<ArrayRef> = part.iter().map(|column| column.slice(length / 2, length - length / 2)).collect();
        prop_assert_eq!(&decode(&fields, flat(&half), length - length / 2).unwrap(), &half);
    }

    /// A schema crosses once, and must arrive as it was.
    #[test]
    fn a_schema_is_flattened_and_back(fields in schema()) {
        prop_assert_eq!(unflatten(&flatten(&fields).unwrap()).unwrap(), fields);
    }

    /// A lie is an error, or harmless: what is accepted is valid down to its last byte.
    #[test]
    fn no_mutation_makes_the_host_panic_or_accept_what_is_invalid(
        fields in schema(),
        rows in 0..ROWS_MAX,
        mutations in 1..=MUTATIONS_MAX,
        seed: u64,
    ) {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut flat = flat(&columns(&fields, rows, seed));
        (0..mutations).for_each(|_| mutate(&mut flat, &mut rng));
        if let Ok(decoded) = decode(&fields, flat, rows) {
            for (column, field) in decoded.iter().zip(&fields) {
                prop_assert_eq!(column.len(), rows);
                prop_assert_eq!(column.data_type(), field.data_type());
                column.to_data().validate_full().unwrap();
            }
        }
    }

    /// Nor does a schema that a guest makes up.
    #[test]
    fn no_flat_schema_makes_the_host_panic(fields in schema(), seed: u64) {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut flat = flatten(&fields).unwrap();
        for _ in 0..3 {
            let at = rng.random_range(0..flat.len());
            match rng.random_range(0..4) {
                0 => flat[at].children = [0, 1, 2, 5000, u32::MAX][rng.random_range(0..5)],
                1 => flat[at].name = ["", "x", "c0"][rng.random_range(0..3)].to_owned(),
                2 => flat[at].nullable = !flat[at].nullable,
                _ => {
                    let other = rng.random_range(0..flat.len());
                    flat[at].data_type = flat[other].data_type.clone();
                }
            }
        }
        if let Ok(fields) = unflatten(&flat) {
            prop_assert_eq!(unflatten(&flatten(&fields).unwrap()).unwrap(), fields);
        }
    }
}
