//! A disk without room, for a while.

use std::sync::Arc;

use millrace::storage::LocalStorage;

use super::fixture::{Fixture, Input};
use super::published::staged_files;
use super::storage::{Fault, FaultyStorage};

const PIPELINE: &str = r#"
name = "full"
parallelism = 1
batch_rows = 11

[checkpoint]
interval = "2ms"
path = "disk/checkpoint"

[restart]
delay_max = "1ms"

[source.orders]
type = "file"
path = "data/*.ndjson"
format = "ndjson"
schema = { id = "int64", country = "string", amount = "float64" }
limit_per_epoch = { rows = 33 }

[sink.by_country]
type = "file"
from = "orders"
path = "disk/out/by_country"
format = "csv"
partition_by = ["country"]

[sink.columns]
type = "file"
from = "orders"
path = "disk/out/columns"
format = "parquet"
roll = { every = "4ms" }
"#;

/// A full disk is somebody's to empty: until then the job tries again by itself, and goes on from
/// the last checkpoint as if nothing had happened, wherever the room ran out.
#[test]
fn a_job_goes_on_by_itself_once_a_full_disk_has_room_again() {
    let sinks = ["by_country", "columns"];
    for step in 1.. {
        let fixture = Fixture::new(Input { files: 2, rows_per_file: 44 }, PIPELINE);
        let failures = 1 + step as u32 % 7;
        let fault = Fault::FullAt { step, failures };
        let storage = FaultyStorage::new(&fixture.disk(), fault).unwrap();
        let when = format!("no room at step {step}, {failures} times");
        if let Err(error) = fixture.run(Arc::new(storage.clone())) {
            panic!("{when}: {error}");
        }
        storage.leave().unwrap();
        let expected = fixture.expected(sinks.len(), "orders");
        fixture.published(&sinks).assert_is(&expected, &when);
        assert_eq!(staged_files(&fixture.disk()), Vec::<std::path::PathBuf>::new(), "{when}");
        if storage.failed() == 0 {
            assert!(step > 100, "only {step} steps: the pipeline commits too few epochs");
            break;
        }
        // What a full disk has left behind must not stop a later run either.
        fixture.run(Arc::new(LocalStorage)).unwrap();
        fixture.published(&sinks).assert_is(&expected, &format!("{when}, run once more"));
    }
}
