//! Mistakes about time and state: each is found before anything runs, with its place and a remedy.

use millrace::diagnostic::Severity;

use crate::harness::{Mistake, Sandbox};

/// A mistake, the text that it points to, a part of its message and of its remedy.
type Case = (&'static str, &'static str, &'static str, &'static str);

fn mistakes(text: &str) -> Vec<Mistake> {
    let sandbox = Sandbox::in_memory();
    sandbox.write("in.ndjson", "{\"t\":1,\"k\":\"a\",\"v\":1,\"u\":2}\n");
    let sinks: String = text
        .lines()
        .filter_map(|line| line.strip_prefix("[step.")?.strip_suffix(']'))
        .map(|step| format!("[sink.{step}]\ntype = \"null\"\nfrom = \"{step}\"\n"))
        .collect();
    let text = format!("{text}\n{sinks}[sink.a]\ntype = \"null\"\nfrom = \"a\"\n");
    let mut found = sandbox.mistakes(&text);
    found.retain(|mistake| mistake.severity == Severity::Error);
    found
}

fn mistake(text: &str) -> Mistake {
    let mut found = mistakes(text);
    assert_eq!(found.len(), 1, "{text}: {found:#?}");
    found.remove(0)
}

/// All cases that are not found as they should be, at once.
fn assert_all<S: AsRef<str>>(cases: &[(S, &str, &str, &str)], text: impl Fn(&str) -> String) {
    let mut wrong = String::new();
    for (case, at, message, help) in cases {
        let found = mistakes(&text(case.as_ref()));
        let is_as_expected = |found: &Mistake| {
            found.message.contains(message)
                && found.help.contains(help)
                && found.at.as_deref().is_some_and(|found| found.contains(at))
        };
        if !matches!(found.as_slice(), [only] if is_as_expected(only)) {
            wrong += &format!("{}: {found:#?}\n", case.as_ref());
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

const FILE: &str = "[source.a]\ntype = \"file\"\npath = \"in.ndjson\"\nformat = \"ndjson\"\n\
                    schema = { t = \"timestamp[s]\", k = \"string\", v = \"int64\", \
                    u = \"timestamp[s]\" }\n";
const TIME: &str = "event_time = { column = \"t\", delay = \"2s\" }\n";

/// What stands beside `event_time` on a source.
#[test]
fn event_time_on_a_source() {
    let cases: &[Case] = &[
        ("event_time = { column = \"tt\", delay = \"2s\" }", "\"tt\"", "no column `tt`", "`t`"),
        ("event_time = { column = \"v\", delay = \"2s\" }", "\"v\"", "not a timestamp", "cast"),
        ("event_time = { column = \"t\" }", "{ column", "delay", "add"),
        ("event_time = { delay = \"2s\" }", "{ delay", "column", "add"),
        ("event_time = { column = \"t\", delay = \"soon\" }", "\"soon\"", "soon", ""),
        ("event_time = { column = \"t\", delay = \"-2s\" }", "\"-2s\"", "-2s", ""),
        ("event_time = { column = \"t\", delay = \"2s\", idle = \"0s\" }", "\"0s\"", "above 0", ""),
        (
            "event_time = { column = \"t\", delay = \"2s\", idel = \"1s\" }",
            "idel",
            "idel",
            "`idle`",
        ),
        (
            "event_tim = { column = \"t\", delay = \"2s\" }",
            "event_tim",
            "event_tim",
            "`event_time`",
        ),
        ("in_ordr = true", "in_ordr", "in_ordr", "`in_order`"),
    ];
    assert_all(cases, |case| format!("{FILE}{case}\n"));
}

/// Raw bytes have no columns but one: the step that parses declares the time.
#[test]
fn event_time_on_a_raw_source() {
    let text = format!("{FILE}{TIME}").replace("\"ndjson\"", "\"raw\"");
    let schema = text.find("schema").unwrap();
    let end = schema + text[schema..].find('\n').unwrap() + 1;
    let found = mistake(&format!("{}{}", &text[..schema], &text[end..]));
    assert!(found.message.contains("no column `t`"), "{found:#?}");
    assert!(found.help.contains("step"), "{found:#?}");
}

/// Keys of steps that concern time and state.
#[test]
fn time_and_state_of_steps() {
    let tumble = "tumble(t, INTERVAL '5 seconds')";
    let group = |keys: &str, window: &str| {
        format!(
            "[step.s]\n{keys}\nsql = \"SELECT k, {window} AS w, count(*) AS n FROM a GROUP BY k, w\""
        )
    };
    let running = "sql = \"SELECT k, count(*) AS n FROM a GROUP BY k\"";
    let cases = [
        (group("output_mode = \"upsert\"", tumble), "\"upsert\"", "upsert", "update"),
        (group("output_mod = \"update\"", tumble), "output_mod", "output_mod", "`output_mode`"),
        (group("allowed_lateness = \"1 fortnight\"", tumble), "fortnight", "fortnight", ""),
        (group("state_ttl = \"0s\"", tumble), "\"0s\"", "above 0", ""),
        (group("state_ttl = \"1h\"", tumble), "SELECT", "state_ttl", "remove"),
        (group("within = \"1h\"", tumble), "within", "within", ""),
        (group("", "tumble(t, INTERVAL '0 seconds')"), "SELECT", "above 0", ""),
        (group("", "tumble(t, INTERVAL '-1 seconds')"), "SELECT", "above 0", ""),
        (group("", "tumble(t, 5)"), "SELECT", "INTERVAL", ""),
        (group("", "tumble(t)"), "SELECT", "arguments", ""),
        (group("", "tumble(v, INTERVAL '1 second')"), "SELECT", "timestamp", ""),
        (group("", "tumble(u, INTERVAL '1 second')"), "SELECT", "no event time", "`t`"),
        (group("", "hop(t, INTERVAL '1 second')"), "SELECT", "arguments", ""),
        (group("", "session(t, INTERVAL '1 month')"), "SELECT", "month", "INTERVAL"),
        (group("", "session(t, INTERVAL '0 seconds')"), "SELECT", "above 0", "INTERVAL"),
        (format!("[step.s]\nstate_ttl = \"1h\"\n{running}"), "SELECT", "append", "update"),
        (
            "[step.s]\nfrom = \"a\"\ndeduplicate = \"k\"\nwithin = \"soon\"".to_owned(),
            "\"soon\"",
            "soon",
            "",
        ),
        (
            "[step.s]\nfrom = \"a\"\ndeduplicate = []\nunbounded = true".to_owned(),
            "[]",
            "name at least one",
            "",
        ),
        (
            "[step.s]\nfrom = \"a.late\"\ndeduplicate = \"k\"\nunbounded = true".to_owned(),
            "a.late",
            "no port `late`",
            "its ports",
        ),
    ];
    assert_all(&cases, |step| format!("{FILE}{TIME}{step}\n"));
}

/// Behind a step with state, the rows of a partition are divided among tasks: none of them knows
/// how far the partition has come, and windows would never close.
#[test]
fn event_time_behind_a_step_with_state() {
    let time = "event_time = { column = \"t\", delay = \"2s\" }";
    let once = "[step.once]\nfrom = \"a\"\ndeduplicate = \"k\"\nunbounded = true\n";
    for steps in [
        format!("{once}{time}\n"),
        format!("{once}[step.s]\n{time}\nsql = \"SELECT t, k FROM once\"\n"),
        format!(
            "[step.once]\noutput_mode = \"update\"\n{time}\n\
             sql = \"SELECT k, max(t) AS t FROM a GROUP BY k\"\n"
        ),
    ] {
        let found = mistake(&format!("{FILE}{steps}"));
        assert!(found.message.contains("behind `once`"), "{steps}: {found:#?}");
        assert!(found.help.contains("before `once`"), "{steps}: {found:#?}");
        assert_eq!(found.at.as_deref(), Some("\"t\""), "{steps}: {found:#?}");
    }
}

/// Two times that don't agree are no time of both.
#[test]
fn windows_over_inputs_of_which_one_has_no_event_time() {
    let other = FILE.replace("source.a", "source.b");
    let sink = "[sink.b]\ntype = \"null\"\nfrom = \"b\"\n";
    let found = mistake(&format!(
        "{FILE}{TIME}{other}[step.s]\nsql = \"SELECT tumble(t, INTERVAL '1 second') AS w, count(*) \
         AS n FROM (SELECT t FROM a UNION ALL SELECT t FROM b) GROUP BY w\"\n{sink}"
    ));
    assert!(found.message.contains("no event time"), "{found:#?}");
    assert!(found.at.is_some() && found.help.contains("event_time"), "{found:#?}");
}
