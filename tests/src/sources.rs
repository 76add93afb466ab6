//! Sources: every row comes once, whatever the format, the file's last byte, the size of batches
//! and the number of lanes.

use crossbeam_channel::bounded;
use millrace::error::ErrorKind;

use crate::harness::{self, Sandbox, canonical_rows};

const SINK: &str = "[sink.out]\ntype = \"file\"\npath = \"out\"\nfrom = \"s\"\n";

fn file(path: &str, format: &str, more: &str) -> String {
    format!("[source.s]\ntype = \"file\"\npath = \"{path}\"\nformat = \"{format}\"\n{more}\n{SINK}")
}

/// Bytes that are not rows yet: a plugin will parse them, and none may be lost on the way.
#[test]
fn raw_lines_keep_their_bytes() {
    let sandbox = Sandbox::new();
    sandbox.write("a.log", b"one\r\n\n  \ntwo\xff\nthree");
    sandbox.run(&file("*.log", "raw", "").replace("\"out\"", "\"out\"\nformat = \"raw\""));
    let bytes = std::fs::read(&sandbox.files("out")[0]).unwrap();
    assert_eq!(bytes, b"one\ntwo\xff\nthree\n");
}

/// JSON as other systems write it: with nulls, without some keys, nested, with CRLF, without an
/// end of the last line, and after a byte order mark.
#[test]
fn json_is_read_as_it_stands() {
    let rows = [
        "{\"a\": 1, \"b\": \"x\", \"c\": {\"d\": [1, 2]}}",
        "{\"b\": null, \"a\": 2}",
        "{\"a\": 3, \"c\": {}}",
    ];
    let expected = canonical_rows([
        "{\"a\": 1, \"b\": \"x\", \"c\": {\"d\": [1, 2]}}",
        "{\"a\": 2}",
        "{\"a\": 3, \"c\": {}}",
    ]);
    for (name, text) in [
        ("plain", rows.join("\n") + "\n"),
        ("crlf", rows.join("\r\n") + "\r\n"),
        ("no end", rows.join("\n")),
        ("blank lines", format!("\n\n{}\n\n", rows.join("\n\n"))),
        ("mark", format!("\u{feff}{}\n", rows.join("\n"))),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write("in.ndjson", text);
        sandbox.run(&file("in.ndjson", "ndjson", ""));
        assert_eq!(sandbox.rows("out"), expected, "{name}");
        assert!(sandbox.letters().is_empty(), "{name}");
    }
}

/// CSV as other systems write it.
#[test]
fn csv_is_read_as_it_stands() {
    let body = ["1,\"two\nlines\"", "2,\"say \"\"hi\"\"\"", "3,5\" disk", ",x"];
    let expected = canonical_rows([
        "{\"a\": 1, \"b\": \"two\\nlines\"}",
        "{\"a\": 2, \"b\": \"say \\\"hi\\\"\"}",
        "{\"a\": 3, \"b\": \"5\\\" disk\"}",
        "{\"b\": \"x\"}",
    ]);
    let text = body.join("\n");
    for (name, text, more) in [
        ("header", format!("a,b\n{text}\n"), ""),
        ("no end", format!("a,b\n{text}"), ""),
        ("mark", format!("\u{feff}a,b\n{text}\n"), ""),
        ("mark and quotes", format!("\u{feff}\"a\",\"b\"\n{text}\n"), ""),
        ("blank lines", format!("\na,b\n\n{text}\n\n"), ""),
        ("crlf", format!("a,b\r\n{}\r\n", body.join("\r\n")), ""),
        ("schema", format!("a,b\n{text}\n"), "schema = { a = \"int64\", b = \"string\" }"),
        (
            "no header",
            format!("{text}\n"),
            "schema = { a = \"int64\", b = \"string\" }\ncsv = { header = false }",
        ),
        (
            "semicolons and nulls",
            format!("a;b\n{};x\n", body.join("\n").replace(',', ";").replace("\n;x", "\nNA")),
            "csv = { delimiter = \";\", nulls = [\"NA\"] }",
        ),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write("in.csv", text);
        sandbox.run(&file("in.csv", "csv", more));
        assert_eq!(sandbox.rows("out"), expected, "{name}");
        assert!(sandbox.letters().is_empty(), "{name}: {:?}", sandbox.letters());
    }
}

/// A header is no row, even if nothing comes after it, not even a line end.
#[test]
fn a_file_without_rows_gives_none() {
    for (name, text) in [("empty", ""), ("header", "a,b\n"), ("header alone", "a,b")] {
        let sandbox = Sandbox::new();
        sandbox.write("a.csv", text);
        sandbox.write("b.csv", "a,b\n1,2\n");
        let schema = "schema = { a = \"int64\", b = \"int64\" }";
        sandbox.run(&file("*.csv", "csv", schema));
        assert_eq!(sandbox.rows("out"), ["{\"a\":1,\"b\":2}"], "{name}");
        assert!(sandbox.letters().is_empty(), "{name}");
    }
    let sandbox = Sandbox::new();
    sandbox.write("a.ndjson", "");
    sandbox.write("b.ndjson", "{\"a\": 1}\n");
    sandbox.run(&file("*.ndjson", "ndjson", ""));
    assert_eq!(sandbox.rows("out"), ["{\"a\":1}"]);
}

/// What does not fit leaves with its position, and takes no other row with it.
#[test]
fn malformed_rows_become_dead_letters_with_their_number() {
    let sandbox = Sandbox::new();
    let lines = [
        "{\"a\": 1}",
        "{\"a\": ",
        "{\"a\": \"x\"}",
        "{\"a\": 2}",
        "[1]",
        "{\"a\": 3} {\"a\": 4}",
        "{\"a\": 5}",
        "{\"a\": 1e99}",
        "nul\u{0}",
        "{\"a\": 6}",
    ];
    for batch_rows in [1, 3, 8192] {
        let sandbox = Sandbox::new();
        sandbox.write("in.ndjson", lines.join("\n"));
        let text = file("in.ndjson", "ndjson", "schema = { a = \"int64\" }");
        sandbox.run(&format!("batch_rows = {batch_rows}\n{text}"));
        assert_eq!(
            sandbox.rows("out"),
            canonical_rows(["{\"a\":1}", "{\"a\":2}", "{\"a\":5}", "{\"a\":6}"])
        );
        let letters = sandbox.letters();
        let found: Vec<(u64, &str)> = letters.iter().map(|l| (l.row(), l.text("code"))).collect();
        let (m, w) = ("malformed", "wrong_type");
        let expected = [(1, m), (2, w), (4, w), (5, m), (7, w), (8, m)];
        assert_eq!(found, expected, "{batch_rows}: {letters:#?}");
        for letter in &letters {
            assert_eq!(letter.text("payload"), lines[letter.row() as usize]);
            assert_eq!(letter.text("step"), "s");
            assert_eq!(letter.text("partition"), "in.ndjson");
        }
    }
    sandbox.write("in.csv", "a,b\n1,x\nx,y\n2\n3,z,z\n4,w\n");
    sandbox.run(&file("in.csv", "csv", "schema = { a = \"int64\", b = \"string\" }"));
    let letters = sandbox.letters();
    let found: Vec<(u64, &str)> = letters.iter().map(|l| (l.row(), l.text("code"))).collect();
    assert_eq!(found, [(1, "wrong_type"), (2, "malformed"), (3, "malformed")], "{letters:#?}");
    assert_eq!(sandbox.rows("out").len(), 2);
}

/// Every type that a schema can name, from text to text.
#[test]
fn every_type_of_a_schema_is_read() {
    let sandbox = Sandbox::new();
    let row = "{\"b\":true,\"i\":-5,\"u\":18446744073709551615,\"f\":1.5,\"d\":12.34,\"s\":\"x\",\
               \"day\":\"2024-02-29\",\"t\":\"2024-01-01T10:00:00Z\",\"ms\":1704103200000,\
               \"l\":[1,null],\"o\":{\"p\":1,\"q\":[\"r\"]},\"m\":{\"k\":1},\"bin\":\"00ff\"}";
    sandbox.write("in.ndjson", row);
    sandbox.run(&file(
        "in.ndjson",
        "ndjson",
        "[source.s.schema]\nb = \"bool\"\ni = \"int8\"\nu = \"uint64\"\nf = \"float32\"\n\
         d = \"decimal(10,2)\"\ns = \"string\"\nday = \"date\"\nt = \"timestamp\"\n\
         ms = \"timestamp[ms]\"\nl = \"list<int32>\"\no = \"struct<p: int64, q: list<string>>\"\n\
         m = \"map<string, int64>\"\nbin = \"binary\"",
    ));
    let expected = row.replace("1704103200000", "\"2024-01-01T10:00:00Z\"");
    assert_eq!(sandbox.rows("out"), canonical_rows([expected]), "{:?}", sandbox.letters());
}

/// Files of many writers: their columns may stand in another order, and rows keep their meaning.
#[test]
fn parquet_columns_are_found_by_name() {
    let sandbox = Sandbox::new();
    let parquet = |dir: &str, sql: &str| {
        let maker = Sandbox::new();
        maker.write("in.ndjson", "{\"a\": 1, \"b\": 2}\n");
        maker.run(&format!(
            "[source.i]\ntype = \"file\"\npath = \"in.ndjson\"\nformat = \"ndjson\"\n\
             [step.s]\nsql = \"{sql}\"\n{}",
            SINK.replace("\"out\"", "\"out\"\nformat = \"parquet\"")
        ));
        sandbox.write(dir, std::fs::read(&maker.files("out")[0]).unwrap());
    };
    parquet("1.parquet", "SELECT a, b FROM i");
    parquet("2.parquet", "SELECT b, a, a + b AS c FROM i");
    sandbox.run(&file("*.parquet", "parquet", ""));
    assert_eq!(sandbox.rows("out"), ["{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":2}"]);
    parquet("3.parquet", "SELECT a FROM i");
    let error = sandbox.try_run(&file("*.parquet", "parquet", "")).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Config);
    assert!(error.to_string().contains("3.parquet: column `b`"), "{error}");
}

/// CSV columns have no names but the header's: another order would swap them in silence.
#[test]
fn a_csv_file_with_another_header_stops_the_job() {
    let sandbox = Sandbox::new();
    sandbox.write("1.csv", "a,b\n1,2\n");
    sandbox.write("2.csv", "b,a\n2,1\n");
    let error = sandbox.try_run(&file("*.csv", "csv", "")).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Config);
    assert!(error.to_string().contains("2.csv names `b`, `a`"), "{error}");
}

/// The same rows, however they are cut into batches and dealt to lanes.
#[test]
fn batches_and_lanes_do_not_change_the_rows() {
    let generator = "[source.s]\ntype = \"generator\"\nrows = 20_000\nseed = 3\n\
                     [source.s.fields]\nid = { sequence = \"r\" }\n\
                     n = { int = { min = 1, max = 1000 } }\nx = { lognormal = { mean = 1, deviation = 1 } }\n";
    let generated = |batch_rows: usize, parallelism: usize| {
        let sandbox = Sandbox::new();
        let settings = format!("batch_rows = {batch_rows}\nparallelism = {parallelism}\n");
        sandbox.run(&format!("{settings}{generator}{SINK}"));
        sandbox.rows("out")
    };
    let expected = generated(8192, 1);
    assert_eq!(expected.len(), 20_000);
    for (batch_rows, parallelism) in [(1, 2), (7, 8), (8192, 2), (8192, 8)] {
        assert!(generated(batch_rows, parallelism) == expected, "{batch_rows}, {parallelism}");
    }
    for (batch_rows, parallelism) in [(1, 1), (1, 8), (7, 2), (7, 8), (8192, 1), (8192, 8)] {
        let sandbox = Sandbox::new();
        for (at, part) in expected[..2000].chunks(300).enumerate() {
            sandbox.write(&format!("in/{at}.ndjson"), part.join("\n"));
        }
        let settings = format!("batch_rows = {batch_rows}\nparallelism = {parallelism}\n");
        sandbox.run(&format!("{settings}{}", file("in/*.ndjson", "ndjson", "")));
        assert!(sandbox.rows("out") == expected[..2000], "{batch_rows}, {parallelism}");
    }
}

/// A second run goes on where the first one ended, and so reads nothing again.
#[test]
fn a_restart_reads_only_what_is_new() {
    let sandbox = Sandbox::new();
    sandbox.write("in/1.ndjson", "{\"a\": 1}\n{\"a\": 2}\n");
    let text = file("in/*.ndjson", "ndjson", "");
    sandbox.run(&text);
    sandbox.run(&text);
    assert_eq!(sandbox.rows("out").len(), 2);
    sandbox.write("in/2.ndjson", "{\"a\": 3}\n");
    sandbox.run(&text);
    assert_eq!(sandbox.rows("out"), ["{\"a\":1}", "{\"a\":2}", "{\"a\":3}"]);
}

/// The generator is stopped at any row and goes on with the next.
#[test]
fn a_generator_that_was_stopped_goes_on() {
    let text = "batch_rows = 100\n[source.s]\ntype = \"generator\"\nrows = 5000\nrate = 20000\n\
                [source.s.fields]\nid = { sequence = \"r\" }\n";
    let sandbox = Sandbox::new();
    let text = format!("{text}{SINK}");
    for _ in 0..3 {
        let before = sandbox.rows("out").len();
        sandbox.run_until(&text, || before == 5000 || sandbox.rows("out").len() > before);
    }
    sandbox.run(&text);
    let rows = sandbox.rows("out");
    let mut expected: Vec<String> = (0..5000).map(|n| format!("{{\"id\":\"r{n}\"}}")).collect();
    expected.sort();
    assert!(rows == expected, "{} rows", rows.len());
}

/// New files are found while the job runs, until it is stopped. Epochs with rows and without
/// follow each other in every order: none may take the place of another in the output.
#[test]
fn following_a_directory_finds_new_files() {
    const FILES: usize = 40;
    let sandbox = Sandbox::new();
    let follow = "follow = \"1ms\"\nschema = { a = \"int64\" }";
    let text = file("in/*.ndjson", "ndjson", follow);
    let mut written = 0;
    // The directory comes later, too.
    sandbox.run_until(&format!("{text}[checkpoint]\ninterval = \"5ms\"\n"), || {
        let rows = sandbox.rows("out").len();
        if rows >= written && written < FILES {
            sandbox.write("new", format!("{{\"a\": {written}}}\n"));
            std::fs::create_dir_all(sandbox.path("in")).unwrap();
            let to = sandbox.path(&format!("in/{written}.ndjson"));
            std::fs::rename(sandbox.path("new"), to).unwrap();
            written += 1;
        }
        rows == FILES
    });
    let expected = canonical_rows((0..FILES).map(|n| format!("{{\"a\": {n}}}")));
    assert_eq!(sandbox.rows("out"), expected);
}

/// A limit per epoch spreads a backlog over several epochs: none publishes more than its share.
#[test]
fn a_limit_per_epoch_holds() {
    let sandbox = Sandbox::new();
    let rows: Vec<String> = (0..50).map(|n| format!("{{\"a\": {n}}}")).collect();
    sandbox.write("in.ndjson", rows.join("\n"));
    let text = file("in.ndjson", "ndjson", "limit_per_epoch = { rows = 10 }");
    sandbox.run(&format!("parallelism = 1\n{text}"));
    let sizes: Vec<usize> = sandbox
        .files("out")
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap().lines().count())
        .collect();
    assert_eq!(sizes, [10; 5]);
    let sandbox = Sandbox::new();
    (0..4).for_each(|n| sandbox.write(&format!("{n}.ndjson"), format!("{{\"a\": {n}}}\n")));
    let text = file("*.ndjson", "ndjson", "limit_per_epoch = { files = 1 }");
    sandbox.run(&format!("parallelism = 1\n{text}"));
    assert_eq!(sandbox.rows("out").len(), 4);
    assert_eq!(sandbox.files("out").len(), 4);
}

/// Globs as people write them, in directories as people name them.
#[test]
fn globs_match_what_they_say() {
    let sandbox = Sandbox::new();
    for (number, name) in
        ["in/1.ndjson", "in/deep/2.ndjson", "in/_3.ndjson", "in/.4.ndjson", "in/x [1]/5.ndjson"]
            .iter()
            .enumerate()
    {
        sandbox.write(name, format!("{{\"a\": {}}}\n", number + 1));
    }
    for (path, expected) in [
        ("\"in/*.ndjson\"", vec![1]),
        ("\"./in//*.ndjson\"", vec![1]),
        ("\"in/**/*.ndjson\"", vec![1, 2, 5]),
        ("\"in/deep/../*.ndjson\"", vec![1]),
        ("[\"in/1.ndjson\", \"in/{deep,none}/?.ndjson\"]", vec![1, 2]),
        ("\"in/x [1]/5.ndjson\"", vec![5]),
    ] {
        let sandbox_text = file("PATH", "ndjson", "schema = { a = \"int64\" }");
        let _ = std::fs::remove_dir_all(sandbox.path("out"));
        let _ = std::fs::remove_dir_all(sandbox.path(".millrace"));
        sandbox.run(&sandbox_text.replace("\"PATH\"", path));
        let rows: Vec<String> = expected.iter().map(|n| format!("{{\"a\":{n}}}")).collect();
        assert_eq!(sandbox.rows("out"), rows, "{path}");
    }
}

/// A directory's name is no pattern, whatever it looks like.
#[test]
fn the_pipeline_may_lie_in_a_directory_of_any_name() {
    let sandbox = Sandbox::new();
    sandbox.write("old [2] {x}*/in.ndjson", "{\"a\": 1}\n");
    let from = sandbox.pipeline(&file("*.ndjson", "ndjson", ""));
    let to = sandbox.path("old [2] {x}*/pipeline.toml");
    std::fs::rename(from, &to).unwrap();
    let (_keep, stop) = bounded(1);
    harness::run(&harness::checked(&to), stop).unwrap();
    assert_eq!(sandbox.rows("old [2] {x}*/out"), ["{\"a\":1}"]);
}

/// Made-up text is any text, and damage cuts it anywhere.
#[test]
fn a_generator_writes_json_whatever_its_words() {
    let sandbox = Sandbox::new();
    let text = "[source.s]\ntype = \"generator\"\nrows = 500\nformat = \"raw\"\nFIELDS\n\
                [source.s.fields]\n\"k\\\"\" = { choice = ['say \"hi\"', 'größe \\ ü'] }\n";
    let sink = SINK.replace("\"out\"", "\"out\"\nformat = \"raw\"");
    sandbox.run(&format!("{}{sink}", text.replace("FIELDS", "")));
    let lines = std::fs::read_to_string(&sandbox.files("out")[0]).unwrap();
    let keys: std::collections::BTreeSet<String> = lines.lines().map(harness::canonical).collect();
    assert_eq!(keys.len(), 2, "{keys:?}");
    let damaged = Sandbox::new();
    damaged.run(&format!("{}{sink}", text.replace("FIELDS", "malformed = 1.0")));
    let lines = std::fs::read_to_string(&damaged.files("out")[0]).unwrap();
    assert_eq!(lines.lines().count(), 500);
}
