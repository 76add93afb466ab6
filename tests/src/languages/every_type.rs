//! Every type of the contract, in every language: what a plugin takes out of its columns and puts
//! into new ones must be what was there.

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Fields, Schema};
use millrace::config::LimitsConfig;
use millrace::plugin::{Crossing, PluginHost, Sandbox};
use proptest::prop_assert_eq;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use super::{LANGUAGES, repository};
use crate::boundary::{columns, schema};

const ROWS_MAX: usize = 40;
const CASES: u32 = 60;

/// `mirror` in a language, on columns of random types and values.
fn gives_back(language: &str) {
    let component = match language {
        "rust" => repository().join("plugins/dist/mirror.wasm"),
        other => {
            let known = LANGUAGES.into_iter().find(|known| known.name == other);
            known.unwrap().component("mirror")
        }
    };
    let host = PluginHost::new(&repository(), &[]);
    let loaded = host.load(&component).unwrap();
    let sandbox = Sandbox::trial("mirror", &LimitsConfig::default());
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let cases = (schema(), 1..ROWS_MAX, proptest::num::u64::ANY);
    let result = TestRunner::new(config).run(&cases, |(fields, rows, seed)| {
        let given = columns(&fields, rows, seed);
        let (mut instance, described) = match loaded.start(&sandbox, "{}", &fields) {
            Ok(started) => started,
            Err(failure) => return Err(TestCaseError::fail(failure.failure().message)),
        };
        assert_eq!(described.reads.len(), fields.len());
        // A copy may be null where the column may not; what is in it is the same.
        let copies: Fields = fields
            .iter()
            .map(|f| Field::new(format!("copy_{}", f.name()), f.data_type().clone(), true))
            .collect();
        let returned = call(&mut instance, &fields, &given, rows, &copies);
        let returned = returned.map_err(TestCaseError::fail)?;
        prop_assert_eq!(returned, given);
        Ok(())
    });
    result.unwrap();
}

fn call(
    instance: &mut millrace::plugin::Instance,
    fields: &Fields,
    given: &[ArrayRef],
    rows: usize,
    copies: &Fields,
) -> Result<Vec<ArrayRef>, String> {
    let schema = Schema::new(fields.clone());
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    let batch = RecordBatch::try_new_with_options(schema.into(), given.to_vec(), &options).unwrap();
    let reads: Vec<usize> = (0..fields.len()).collect();
    let crossing = Crossing::new(&batch, &reads).unwrap();
    let none = Fields::empty();
    let mut output = crossing.call(instance, &[copies, &none]).map_err(|f| f.message)?;
    assert!(output.errors.is_empty(), "{:?}", output.errors);
    assert_eq!((output.ports.len(), output.ports[0].port), (1, 0));
    Ok(output.ports.remove(0).columns)
}

#[test]
fn rust_gives_back_every_type() {
    gives_back("rust");
}

#[test]
fn typescript_gives_back_every_type() {
    gives_back("ts");
}

#[test]
fn python_gives_back_every_type() {
    gives_back("python");
}

#[test]
fn go_gives_back_every_type() {
    gives_back("go");
}

#[test]
fn c_gives_back_every_type() {
    gives_back("c");
}

#[test]
fn zig_gives_back_every_type() {
    gives_back("zig");
}
