//! Calls, rows, bytes, time, memory and failures of each plugin.

use serde_json::Value;

use super::{SINK, counts};
use crate::harness::Sandbox;

fn pipeline(sandbox: &Sandbox, rows: i64, mode: &str) -> String {
    let rows: Vec<String> =
        (1..=rows).map(|n| format!("{{\"n\": {n}, \"k\": \"r{n}\"}}")).collect();
    sandbox.write("in.ndjson", rows.join("\n"));
    format!(
        "batch_rows = 16\n[source.s]\ntype = \"file\"\npath = \"in.ndjson\"\nformat = \"ndjson\"\n\
         [step.h]\nfrom = \"s\"\nplugin = \"hostile\"\ngrant = [\"log\"]\n\
         config = {{ mode = \"{mode}\", poison = 13 }}\n{SINK}"
    )
}

/// Rows and bytes are those that crossed for good, whatever batches they came in.
#[test]
fn what_a_plugin_does_is_counted() {
    let sandbox = Sandbox::new();
    let summary = sandbox.run(&pipeline(&sandbox, 40, "well_behaved"));
    let counts = counts(&summary, "h");
    assert_eq!((counts.calls, counts.failed()), (3, 0), "{counts:?}");
    assert_eq!((counts.rows_in, counts.rows_out), (40, 40), "{counts:?}");
    // One column of eight bytes each way at least.
    assert!(counts.bytes_in >= 40 * 8 && counts.bytes_out >= 40 * 8, "{counts:?}");
    assert!(counts.cpu_nanos > 0 && counts.wall_nanos > 0, "{counts:?}");
    assert!(counts.memory_peak_bytes >= 64 << 10, "{counts:?}");
    // The job is over: none is left.
    assert_eq!((counts.instances, counts.instances_started), (0, 1), "{counts:?}");
}

/// A failed call counts by its code, and its rows only once they have gone through.
#[test]
fn failures_are_counted_by_their_code() {
    for (mode, code) in
        [("panic", "trap"), ("fail", "failed"), ("memory", "memory"), ("short_buffer", "lie")]
    {
        let sandbox = Sandbox::new();
        let summary = sandbox.run(&pipeline(&sandbox, 16, mode));
        let counts = counts(&summary, "h");
        let only: Vec<&String> = counts.failures.keys().collect();
        assert_eq!(only, [code], "{mode}: {counts:?}");
        assert!(counts.calls > counts.failed(), "{mode}: {counts:?}");
        assert_eq!((counts.rows_in, counts.rows_out), (15, 15), "{mode}: {counts:?}");
        assert_eq!(counts.instances_started, counts.failed() + 1, "{mode}: {counts:?}");
    }
}

/// Keyed plugins and functions of SQL are counted as well, and the command line shows it all.
#[test]
fn the_command_line_shows_steps_and_functions() {
    let sandbox = Sandbox::new();
    let rows: Vec<String> = (0..100)
        .map(|n| format!("{{\"n\": {n}, \"k\": \"u{}\", \"at\": {n}, \"lat\": 1.0}}", n % 7))
        .collect();
    sandbox.write("in.ndjson", rows.join("\n"));
    sandbox.pipeline(
        "[source.s]\ntype = \"file\"\npath = \"in.ndjson\"\nformat = \"ndjson\"\n\
         schema = { n = \"int64\", k = \"string\", at = \"timestamp[ms]\", lat = \"float64\" }\n\
         event_time = { column = \"at\", delay = \"1s\" }\n\
         [function.distance]\nplugin = \"haversine\"\n\
         [step.q]\nsql = \"SELECT *, distance(lat, lat, 0.0, 0.0) AS km FROM s\"\n\
         [step.w]\nfrom = \"q\"\nplugin = \"hostile\"\nkey = \"k\"\n\
         config = { mode = \"well_behaved\" }\ngrant = [\"log\"]\n\
         [sink.out]\ntype = \"file\"\npath = \"out\"\nfrom = \"w\"\n\
         [sink.reports]\ntype = \"null\"\nfrom = \"w.reports\"\n",
    );
    let output = sandbox.millrace(&["run", "pipeline.toml", "--json"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{text}");
    let end: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let keyed = &end["nodes"]["w"]["plugin"];
    assert_eq!(keyed["rows_in"], 100, "{end}");
    assert!(keyed["bytes_in"].as_u64() >= Some(800), "{end}");
    let function = &end["functions"]["function.distance"];
    assert_eq!((&function["rows_in"], &function["rows_out"]), (&100.into(), &100.into()), "{end}");
    assert!(end["nodes"]["s"].get("plugin").is_none(), "{end}");
}
