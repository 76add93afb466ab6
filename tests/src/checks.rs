//! Mistakes in a pipeline file: each is found before anything starts, with its place and its
//! remedy.

use millrace::error::ErrorKind;

use crate::harness::{Mistake, Sandbox};

const SINK: &str = "[sink.out]\ntype = \"null\"\nfrom = \"numbers\"\n";

/// Numbers 1 and 2 in a file, read as `numbers`.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("in.ndjson", "{\"n\": 1, \"t\": \"a\"}\n{\"n\": 2, \"t\": \"b\"}\n");
    sandbox
}

fn source() -> &'static str {
    "[source.numbers]\ntype = \"file\"\npath = \"in.ndjson\"\nformat = \"ndjson\"\n"
}

fn expect(mistake: &Mistake, at: &str, message: &str, help: &str) {
    assert_eq!(mistake.at.as_deref(), Some(at), "{mistake:#?}");
    assert!(mistake.message.contains(message), "{mistake:#?}");
    assert!(mistake.help.contains(help), "{mistake:#?}");
}

/// A misspelt key must not fall back to a default in silence.
#[test]
fn an_unknown_key_is_refused_with_the_key_that_is_near() {
    let sandbox = sandbox();
    let text = format!("{}fromat = \"csv\"\n{SINK}", source());
    expect(&sandbox.mistake(&text), "fromat", "unknown key `fromat`", "`format`");
    let text = format!("batch_row = 5\n{}{SINK}", source());
    expect(&sandbox.mistake(&text), "batch_row", "unknown key `batch_row`", "`batch_rows`");
    let text = format!("{}{SINK}roll = {{ sise = \"1MiB\" }}\n", source());
    let text = text.replace("null", "file\"\npath = \"out");
    expect(&sandbox.mistake(&text), "sise", "unknown key `sise`", "`size`");
}

/// `[sinks.x]` is what many would write first.
#[test]
fn an_unknown_section_is_refused_with_the_section_that_is_near() {
    let sandbox = sandbox();
    let text = format!("{}{}", source(), SINK.replace("[sink.", "[sinks."));
    expect(&sandbox.mistake(&text), "sinks", "unknown key `sinks`", "`sink`");
}

/// One round of mending must be enough for mistakes that don't depend on each other.
#[test]
fn several_mistakes_are_reported_together() {
    let sandbox = sandbox();
    let text = format!("{}fromat = \"csv\"\npaht = \"x\"\n[sink.out]\ntype = \"nul\"\n", source());
    let found = sandbox.mistakes(&text);
    let places: Vec<&str> = found.iter().map(|m| m.at.as_deref().unwrap()).collect();
    assert_eq!(places.len(), 3, "{found:#?}");
    assert!(places.contains(&"fromat") && places.contains(&"paht") && places.contains(&"\"nul\""));
    let text = format!(
        "{}[step.a]\nsql = \"SELECT x FROM numbers\"\n[step.b]\nfrom = \"number\"\n\
         plugin = \"safe_parse\"\n[sink.out]\ntype = \"null\"\nfrom = [\"a\", \"c\"]\n",
        source()
    );
    let found = sandbox.mistakes(&text);
    let messages: Vec<&str> = found.iter().map(|m| m.message.as_str()).collect();
    assert_eq!(messages.len(), 3, "{found:#?}");
    assert!(messages.iter().any(|m| m.contains("nothing is called `number`")));
    assert!(messages.iter().any(|m| m.contains("nothing is called `c`")));
}

/// A value of the wrong type is told apart from a wrong key.
#[test]
fn a_value_of_the_wrong_type_is_pointed_at() {
    let sandbox = sandbox();
    for (wrong, at) in [
        ("batch_rows = \"many\"", "\"many\""),
        ("parallelism = -1", "-1"),
        ("restart = { attempts = 1.5 }", "1.5"),
        ("restart = { delay_max = 7 }", "7"),
    ] {
        let text = format!("{wrong}\n{}{SINK}", source());
        let mistake = sandbox.mistake(&text);
        assert_eq!(mistake.at.as_deref(), Some(at), "{mistake:#?}");
    }
    let text = format!("{}follow = \"soon\"\n{SINK}", source());
    let mistake = sandbox.mistake(&text);
    assert_eq!(mistake.at.as_deref(), Some("\"soon\""), "{mistake:#?}");
}

/// Numbers out of bounds would end in a job that does nothing, or eats all memory.
#[test]
fn settings_out_of_bounds_are_pointed_at() {
    let sandbox = sandbox();
    for (key, value) in [("parallelism", "0"), ("batch_rows", "0"), ("batch_rows", "100000")] {
        let text = format!("{key} = {value}\n{}{SINK}", source());
        expect(&sandbox.mistake(&text), value, "out of bounds: 1 to", "");
    }
    let text = format!("{}{SINK}[checkpoint]\ninterval = \"0s\"\n", source());
    expect(&sandbox.mistake(&text), "\"0s\"", "above 0", "");
}

/// What is missing has no place of its own; the entry is the nearest.
#[test]
fn a_missing_key_is_named() {
    let sandbox = sandbox();
    let text = format!("[source.numbers]\ntype = \"file\"\nformat = \"ndjson\"\n{SINK}");
    expect(&sandbox.mistake(&text), "numbers", "the key `path` is missing", "path");
    let text = format!("[source.numbers]\npath = \"x\"\n{SINK}");
    expect(&sandbox.mistake(&text), "numbers", "has no `type`", "`generator`");
    let text = format!("{}[step.a]\nfrom = \"numbers\"\n{SINK}", source());
    expect(&sandbox.mistake(&text), "a", "neither `sql` nor `plugin`", "SELECT");
}

/// TOML itself can be wrong, and then nothing else is known.
#[test]
fn broken_toml_is_pointed_at() {
    let mistake = sandbox().mistake("[source.numbers\n");
    assert_eq!(mistake.line, Some(3), "{mistake:#?}");
}

/// A pipeline that reads or writes nothing is a mistake, not a job that ends at once.
#[test]
fn a_pipeline_needs_sources_and_sinks() {
    let sandbox = sandbox();
    let mistake = sandbox.mistake(source());
    assert!(mistake.message.contains("no sink"), "{mistake:#?}");
    let found = sandbox.mistakes("");
    let has = |what: &str| found.iter().any(|m| m.message.contains(what));
    assert!(has("no source") && has("no sink"), "{found:#?}");
}

/// Names are spelt wrong more often than anything else.
#[test]
fn misspelt_names_are_refused_with_the_name_that_is_near() {
    let sandbox = sandbox();
    let with_sink =
        |from: &str| format!("{}[sink.out]\ntype = \"null\"\nfrom = {from}\n", source());
    let mistake = sandbox.mistake(&with_sink("[\"numbers\", \"nubmers\"]"));
    expect(&mistake, "\"nubmers\"", "nothing is called `nubmers`", "`numbers`");
    let mistake = sandbox.mistake(&with_sink("[\"numbers\", \"numbers.errrors\"]"));
    expect(&mistake, "\"numbers.errrors\"", "no port `errrors`", "`errors`");
    let text = format!("{SINK}partition_by = [\"tt\"]\n").replace("null", "file\"\npath = \"out");
    let mistake = sandbox.mistake(&format!("{}{text}", source()));
    expect(&mistake, "\"tt\"", "no column `tt`", "`t`");
    let step = "[step.p]\nfrom = \"numbers\"\nplugin = \"hostil\"\n";
    let mistake = sandbox.mistake(&format!("{}{step}{}", source(), SINK.replace("numbers", "p")));
    expect(&mistake, "\"hostil\"", "no plugin `hostil`", "`hostile`");
    let text = format!("{}{SINK}[source.Bad]\ntype = \"stdin\"\nformat = \"raw\"\n", source());
    let found = sandbox.mistakes(&text);
    assert!(found.iter().any(|m| m.at.as_deref() == Some("Bad") && m.help.contains("lower-case")));
}

/// Two entries of one name would make every reference ambiguous.
#[test]
fn a_name_is_given_once() {
    let sandbox = sandbox();
    let text = format!("{}[step.numbers]\nsql = \"SELECT 1 AS a FROM numbers\"\n{SINK}", source());
    let found = sandbox.mistakes(&text);
    assert!(found.iter().any(|m| m.message.contains("`numbers` is taken")), "{found:#?}");
}

/// A path that does not exist is the most common first mistake of all.
#[test]
fn a_path_that_matches_nothing_is_pointed_at() {
    let sandbox = sandbox();
    let text = format!("{}{SINK}", source().replace("in.ndjson", "data/*.json"));
    expect(&sandbox.mistake(&text), "\"data/*.json\"", "no file matches `data/*.json`", "follow");
    let table = "[table.t]\npath = \"t.csv\"\n";
    let text = format!("{}{table}{SINK}", source());
    expect(&sandbox.mistake(&text), "\"t.csv\"", "there is no file", "pipeline file");
}

/// Types of columns are a language of their own, so its words must be told.
#[test]
fn a_schema_that_can_not_be_is_pointed_at() {
    let sandbox = sandbox();
    let text = format!("{}schema = {{ n = \"integer\" }}\n{SINK}", source());
    expect(&sandbox.mistake(&text), "\"integer\"", "`integer` is no column type", "types");
    let text = format!("{}schema = {{}}\n{SINK}", source());
    let mistake = sandbox.mistake(&text);
    assert!(mistake.message.contains("`schema` is empty"), "{mistake:#?}");
    sandbox.write("in.csv", "a,b\n1,2\n");
    let csv = source().replace("ndjson", "csv");
    let text = format!("{csv}schema = {{ b = \"int64\", a = \"int64\" }}\n{SINK}");
    let mistake = sandbox.mistake(&text);
    assert!(mistake.message.contains("names `a`, `b`"), "{mistake:#?}");
    assert!(mistake.help.contains("order"), "{mistake:#?}");
}

/// What a format can't hold must be refused before the first row, not fail on it.
#[test]
fn columns_that_the_format_can_not_hold_are_refused() {
    let sandbox = sandbox();
    sandbox.write("in.csv", "a\n1\n");
    let csv = source().replace("ndjson", "csv");
    for wrong in ["list<int64>", "struct<x: int64>", "map<string, int64>", "binary"] {
        let text = format!("{csv}schema = {{ a = \"{wrong}\" }}\n{SINK}");
        let mistake = sandbox.mistake(&text);
        assert_eq!(mistake.at, Some(format!("\"{wrong}\"")), "{mistake:#?}");
    }
    let text = format!("{}schema = {{ a = \"map<int64, int64>\" }}\n{SINK}", source());
    expect(&sandbox.mistake(&text), "\"map<int64, int64>\"", "string", "");
    let text = format!(
        "{}schema = {{ n = \"list<int64>\" }}\n[sink.out]\ntype = \"file\"\npath = \"out\"\n\
         format = \"csv\"\nfrom = \"numbers\"\n",
        source()
    );
    expect(&sandbox.mistake(&text), "out", "CSV can't hold column `n`", "parquet");
    let text =
        format!("{}{SINK}format = \"raw\"\n", source()).replace("null", "file\"\npath = \"o");
    expect(&sandbox.mistake(&text), "out", "writes `raw`, but gets columns", "ndjson");
}

/// Rows of a port that nobody reads would vanish without a trace.
#[test]
fn a_port_that_nobody_reads_is_refused() {
    let sandbox = sandbox();
    let text = format!("{}[step.a]\nsql = \"SELECT n FROM numbers\"\n{SINK}", source());
    expect(&sandbox.mistake(&text), "a", "nobody reads `a`", "type = \"null\" and from = \"a\"");
    let text = format!(
        "{}[step.rules]\nfrom = \"numbers\"\nplugin = \"fraud_rules\"\n\
         config = {{ max_amount = 1, columns = {{ amount = \"n\" }} }}\n\
         [sink.out]\ntype = \"null\"\nfrom = [\"rules\", \"rules.fraud\"]\n",
        source()
    );
    expect(&sandbox.mistake(&text), "rules", "nobody reads `rules.review`", "rules.review");
}

/// A circle would wait for itself for ever.
#[test]
fn steps_in_a_circle_are_refused() {
    let sandbox = sandbox();
    let text = format!(
        "{}[step.a]\nsql = \"SELECT n FROM b\"\n[step.b]\nsql = \"SELECT n FROM a\"\n{SINK}",
        source()
    );
    expect(&sandbox.mistake(&text), "a", "circle: `a`, `b`", "comes before");
}

/// Streams of different types can't be one; the column is named.
#[test]
fn a_list_of_inputs_must_agree() {
    let sandbox = sandbox();
    let text = format!(
        "{}[step.a]\nsql = \"SELECT CAST(n AS VARCHAR) AS n FROM numbers\"\n\
         [sink.out]\ntype = \"null\"\nfrom = [\"numbers\", \"a\"]\n",
        source()
    );
    let mistake = sandbox.mistake(&text);
    expect(&mistake, "\"numbers\", \"a\"", "column `n` is Int64 in one", "cast");
    let text =
        format!("{}[sink.out]\ntype = \"null\"\nfrom = [\"numbers\", \"numbers\"]\n", source());
    let mistake = sandbox.mistake(&text);
    assert!(mistake.message.contains("twice"), "{mistake:#?}");
}

/// A table is looked up; read as a stream it would be read once and never again.
#[test]
fn a_table_is_no_stream() {
    let sandbox = sandbox();
    sandbox.write("t.csv", "k\n1\n");
    let text = format!(
        "{}[table.t]\npath = \"t.csv\"\n[sink.out]\ntype = \"null\"\nfrom = [\"numbers\", \"t\"]\n",
        source()
    );
    expect(&sandbox.mistake(&text), "\"t\"", "`t` is a table", "JOIN");
}

/// There is one standard input: two readers would share its rows by chance.
#[test]
fn standard_input_has_one_reader() {
    let sandbox = sandbox();
    let text = "[source.a]\ntype = \"stdin\"\nformat = \"raw\"\n[source.b]\ntype = \"stdin\"\n\
                format = \"raw\"\n[sink.out]\ntype = \"null\"\nfrom = [\"a\", \"b\"]\n";
    expect(&sandbox.mistake(text), "b", "standard input", "from = ");
}

/// Generators, sockets and raw sources have rules of their own.
#[test]
fn sources_that_can_not_be_are_refused() {
    let sandbox = sandbox();
    let generator = |more: &str| format!("[source.numbers]\ntype = \"generator\"\n{more}\n{SINK}");
    for (more, message) in [
        ("fields = {}", "no fields"),
        ("rate = 0\nfields = { a = { sequence = \"\" } }", "`rate` must be above 0"),
        ("malformed = 0.5\nfields = { a = { sequence = \"\" } }", "only raw rows"),
        ("fields = { a = { choice = [] } }", "has no choice"),
        ("fields = { a = { int = { min = 2, max = 1 } } }", "`min` above its `max`"),
        ("fields = { a = { timestamp = { start = \"now\", step = \"1s\" } } }", "start at a time"),
    ] {
        let mistake = sandbox.mistake(&generator(more));
        assert!(mistake.message.contains(message), "{mistake:#?}");
    }
    let socket = "[source.numbers]\ntype = \"socket\"\nformat = \"raw\"\n";
    let mistake = sandbox.mistake(&format!("{socket}{SINK}"));
    assert!(mistake.message.contains("one of `connect` and `listen`"), "{mistake:#?}");
    let raw = source().replace("\"ndjson\"", "\"raw\"\nschema = { a = \"int64\" }");
    let mistake = sandbox.mistake(&format!("{raw}{SINK}"));
    assert!(mistake.message.contains("takes no schema"), "{mistake:#?}");
}

/// Whoever reads from a socket must know what a crash costs, but may do it.
#[test]
fn a_source_that_can_not_be_read_again_is_warned_of() {
    let text = "[source.a]\ntype = \"socket\"\nlisten = \"127.0.0.1:0\"\nformat = \"raw\"\n\
                [sink.out]\ntype = \"null\"\nfrom = \"a\"\n";
    let found = sandbox().mistakes(text);
    assert_eq!(found.len(), 1, "{found:#?}");
    expect(&found[0], "a", "can't be read again", "crash");
}

/// One checkpoint holds the progress of one pipeline: another's would skip rows.
#[test]
fn the_checkpoint_of_another_pipeline_is_refused() {
    let sandbox = sandbox();
    let checkpoint = "[checkpoint]\ninterval = \"20ms\"\npath = \"shared\"\n";
    sandbox.run(&format!("{}{SINK}{checkpoint}", source()));
    let path = sandbox.pipeline(&format!("{}{SINK}{checkpoint}", source()));
    let text = std::fs::read_to_string(&path).unwrap().replace("\"test\"", "\"other\"");
    std::fs::write(&path, text).unwrap();
    let (_keep, stop) = crossbeam_channel::bounded(1);
    let error = crate::harness::run(&crate::harness::checked(&path), stop).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Config);
    assert!(error.to_string().contains("belongs to the pipeline `test`"), "{error}");
}

/// A source that was renamed would be read again from its start, unless the user is asked.
#[test]
fn a_source_that_is_gone_from_the_pipeline_must_be_forgotten_by_name() {
    let sandbox = sandbox();
    let text = format!("{}{SINK}", source());
    sandbox.run(&text);
    let renamed = text.replace("numbers", "figures");
    let error = sandbox.try_run(&renamed).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Config);
    assert!(error.to_string().contains("--forget numbers"), "{error}");
}
