//! Windows and aggregates as plans: what they become, and what is refused with its remedy.

use millrace::plan::{NodeKind, OutputColumn, WindowKind, WindowPlan};

use crate::harness::{Mistake, Sandbox};

const SECOND: i64 = 1_000_000;

fn pipeline(step: &str) -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    sandbox.write(
        "a.ndjson",
        "{\"k\": 1, \"v\": \"x\", \"ts\": \"2024-01-01T00:00:00Z\", \"other\": \
         \"2024-01-01T00:00:00Z\", \"amount\": 1.5}\n",
    );
    sandbox.write("t.csv", "k,w\n1,one\n");
    let source = |name: &str, time: &str| {
        format!(
            "[source.{name}]\ntype = \"file\"\npath = \"a.ndjson\"\nformat = \"ndjson\"\n{time}\n\
             [source.{name}.schema]\nk = \"int64\"\nv = \"string\"\nts = \"timestamp\"\n\
             other = \"timestamp\"\namount = \"float64\"\n"
        )
    };
    let timed = source("a", "event_time = { column = \"ts\", delay = \"2s\" }");
    let text = format!(
        "{timed}{}[table.t]\npath = \"t.csv\"\n[step.s]\n{step}\n\
         [sink.all]\ntype = \"null\"\nfrom = [\"a\", \"b\"]\n\
         [sink.out]\ntype = \"null\"\nfrom = \"s\"\n",
        source("b", "")
    );
    (sandbox, text)
}

fn sql(sql: &str) -> String {
    format!("sql = '''{sql}'''")
}

/// The windows of a step, in the order in which rows pass them.
fn windows(step: &str) -> Vec<WindowPlan> {
    let (sandbox, text) = pipeline(step);
    let pipeline = sandbox.check(&text);
    let window = |kind: &NodeKind| match kind {
        NodeKind::Window(plan) => Some(WindowPlan::clone(plan)),
        _ => None,
    };
    pipeline.plan.nodes.iter().filter_map(|node| window(&node.kind)).collect()
}

fn window(step: &str) -> WindowPlan {
    let mut windows = windows(step);
    assert_eq!(windows.len(), 1, "{windows:#?}");
    windows.remove(0)
}

fn kind(plan: &WindowPlan) -> WindowKind {
    plan.window.as_ref().unwrap().kind
}

fn mistake(step: &str) -> Mistake {
    let (sandbox, text) = pipeline(step);
    sandbox.mistake(&text)
}

/// However the window is written and wherever in the query, it is the same window.
#[test]
fn a_window_is_found_wherever_it_stands() {
    let tumble = WindowKind::Tumble { size: 300 * SECOND, offset: 0 };
    for text in [
        "SELECT k, tumble(ts, INTERVAL '5 minutes') AS w, count(*) AS n FROM a GROUP BY k, w",
        "SELECT k, count(*) AS n FROM a GROUP BY k, tumble(ts, INTERVAL '5 minutes')",
        "SELECT k, w.start AS s, w['end'] AS e, count(*) AS n
         FROM (SELECT k, tumble(ts, '5 minutes') AS w FROM a WHERE amount > 0) GROUP BY k, w",
        "WITH x AS (SELECT *, tumble(ts, INTERVAL '5' MINUTE) AS w FROM a)
         SELECT k, window_start(w) AS s, sum(amount) AS total FROM x GROUP BY k, w
         HAVING sum(amount) > 5 AND window_end(w) > TIMESTAMP '2024-01-01T00:00:00Z'",
        "SELECT k, tumble(ts, INTERVAL '5 minutes') AS w, count(*) AS n FROM a GROUP BY k, w
         HAVING w.start > TIMESTAMP '2024-01-01T00:00:00Z'",
        "SELECT k, n, w.end AS e FROM (
           SELECT k, tumble(ts, INTERVAL '5 minutes') AS w, count(*) AS n FROM a GROUP BY k, w
         ) WHERE w.start > TIMESTAMP '2024-01-01T00:00:00Z' AND n > 3",
        "SELECT x.k, t.w AS name, tumble(ts, INTERVAL '5 minutes') AS w, count(*) AS n
         FROM a x JOIN t ON x.k = t.k GROUP BY x.k, t.w, tumble(ts, INTERVAL '5 minutes')",
        "SELECT DISTINCT k, tumble(ts, INTERVAL '5 minutes') AS w FROM a",
    ] {
        let plan = window(&sql(text));
        assert_eq!(kind(&plan), tumble, "{text}");
        let keys = plan.columns.iter().filter(|c| matches!(c, OutputColumn::Key(_))).count();
        assert_eq!(keys, plan.keys.len(), "{text}");
        assert!(plan.columns.contains(&OutputColumn::Window), "{text}");
    }
}

/// Slide and size in the order of the standard, and an offset where one is given.
#[test]
fn windows_of_every_kind_are_planned() {
    let of = |call: &str| {
        kind(&window(&sql(&format!("SELECT {call} AS w, count(*) AS n FROM a GROUP BY w"))))
    };
    let hop = WindowKind::Hop { slide: SECOND, size: 60 * SECOND, offset: 0 };
    assert_eq!(of("hop(ts, INTERVAL '1 second', INTERVAL '1 minute')"), hop);
    let offset = WindowKind::Tumble { size: 86_400 * SECOND, offset: 3_600 * SECOND };
    assert_eq!(of("tumble(ts, INTERVAL '1 day', INTERVAL '1 hour')"), offset);
    assert_eq!(of("session(ts, INTERVAL '30 minutes')"), WindowKind::Session);
    let computed = "session(ts, CASE WHEN v = 'x' THEN INTERVAL '1 minute' ELSE INTERVAL '5 \
                    minutes' END)";
    assert_eq!(of(computed), WindowKind::Session);
    assert_eq!(of("session(ts, k * INTERVAL '1 minute')"), WindowKind::Session);
    assert_eq!(of("hop(ts, INTERVAL '1 second', 60 * INTERVAL '1 second')"), hop);
}

/// The second level groups by the first one's windows, or by others over them.
#[test]
fn several_levels_are_one_query() {
    let plans = windows(&sql("SELECT w, max(n) AS most, avg(n) AS mean FROM (
           SELECT k, tumble(ts, INTERVAL '5 seconds') AS w, count(*) AS n FROM a GROUP BY k, w
         ) GROUP BY w"));
    assert_eq!(plans.len(), 2, "{plans:#?}");
    assert_eq!(kind(&plans[1]), WindowKind::Instant);
    for time in ["w.start", "window_time(w)", "w"] {
        let plans = windows(&sql(&format!(
            "SELECT tumble({time}, INTERVAL '1 minute') AS big, sum(n) AS n FROM (
               SELECT k, tumble(ts, INTERVAL '5 seconds') AS w, count(*) AS n FROM a GROUP BY k, w
             ) GROUP BY big"
        )));
        assert_eq!(kind(&plans[1]), WindowKind::Tumble { size: 60 * SECOND, offset: 0 }, "{time}");
        let lag = if time == "w.start" { 5 * SECOND - 1 } else { 0 };
        assert_eq!(plans[1].window.as_ref().unwrap().lag, lag, "{time}");
    }
    let plans = windows(&sql("SELECT w.start AS at, count(*) AS users FROM (
           SELECT k, tumble(ts, INTERVAL '5 seconds') AS w FROM a GROUP BY k, w
         ) GROUP BY w.start"));
    assert_eq!(kind(&plans[1]), WindowKind::Instant);
}

/// Reordered in SELECT, the aggregates keep their places in the state.
#[test]
fn aggregates_stand_in_the_order_of_their_texts() {
    let texts = |list: &str| {
        let plan = window(&sql(&format!(
            "SELECT {list}, tumble(ts, INTERVAL '5 seconds') AS w FROM a GROUP BY w"
        )));
        plan.aggregates.iter().map(|a| a.text.clone()).collect::<Vec<_>>()
    };
    let one = texts("sum(amount) AS s, count(DISTINCT v) AS d, max(k) FILTER (WHERE k > 2) AS m");
    let two = texts("max(k) FILTER (WHERE k > 2) AS x, sum(amount) AS y, count(DISTINCT v) AS z");
    assert_eq!(one, two);
    assert_eq!(one.len(), 3, "{one:?}");
    for list in [
        "array_agg(v ORDER BY ts) AS x",
        "first_value(v ORDER BY ts) AS x",
        "string_agg(v, ',' ORDER BY ts) AS x",
        "approx_distinct(v) AS x",
        "median(amount) AS x",
        "percentile_cont(0.5) WITHIN GROUP (ORDER BY amount) AS x",
        "approx_percentile_cont(0.9) WITHIN GROUP (ORDER BY amount) AS x",
        "bool_and(k > 1) AS x",
        "stddev(amount) AS x",
        "count(DISTINCT v) AS x, sum(DISTINCT k) AS y",
    ] {
        texts(list);
    }
}

/// What a stream can't do, with what to do instead.
#[test]
fn what_never_ends_is_refused() {
    let in_mode = |mode: &str, text: &str| format!("output_mode = \"{mode}\"\n{}", sql(text));
    let tumble = "tumble(ts, INTERVAL '5 seconds')";
    for (step, message, help) in [
        (sql("SELECT k, count(*) AS n FROM a GROUP BY k"), "append", "update"),
        (sql("SELECT DISTINCT k FROM a"), "append", "deduplicate"),
        (
            sql("SELECT k, tumble(other, '5s') AS w, count(*) AS n FROM a GROUP BY k, w"),
            "no event time",
            "`ts`",
        ),
        (
            sql("SELECT tumble(ts, '5 seconds') AS w, count(*) AS n FROM b GROUP BY w"),
            "no event time",
            "event_time",
        ),
        (
            sql("SELECT tumble(ts + INTERVAL '1 hour', '5 seconds') AS w, count(*) AS n FROM a \
              GROUP BY w"),
            "no event time",
            "`ts`",
        ),
        (
            sql("SELECT tumble(ts, INTERVAL '1 month') AS w, count(*) AS n FROM a GROUP BY w"),
            "months",
            "",
        ),
        (
            sql("SELECT hop(ts, INTERVAL '1 minute', INTERVAL '1 second') AS w, count(*) AS n \
              FROM a GROUP BY w"),
            "slide above the size",
            "",
        ),
        (
            sql("SELECT hop(ts, INTERVAL '1 second', INTERVAL '1 minute') AS w, k FROM a"),
            "outside of GROUP BY",
            "GROUP BY w",
        ),
        (
            sql("SELECT session(ts, INTERVAL '1 second')['start'] AS w, k FROM a"),
            "outside of GROUP BY",
            "GROUP BY w",
        ),
        (
            sql(
                "SELECT count(*) AS n FROM a GROUP BY window_start(hop(ts, '1 second', '1 minute'))",
            ),
            "outside of GROUP BY",
            "GROUP BY w",
        ),
        (
            sql(
                "SELECT count(*) AS n FROM a GROUP BY tumble(ts, '1 second'), tumble(ts, '2 second')",
            ),
            "two windows",
            "second step",
        ),
        (
            sql(&format!(
                "SELECT {tumble} AS w, nth_value(v, 2 ORDER BY ts) AS n FROM a GROUP BY w"
            )),
            "nth_value",
            "array_agg",
        ),
        (
            sql(&format!("SELECT {tumble} AS w, k, count(*) AS n FROM a GROUP BY ROLLUP(w, k)")),
            "ROLLUP",
            "a step for each",
        ),
        (
            in_mode(
                "update",
                "SELECT session(ts, '1 second') AS w, count(*) AS n FROM a GROUP BY w",
            ),
            "sessions",
            "remove output_mode",
        ),
        (in_mode("update", "SELECT k FROM a"), "without an aggregate", "GROUP BY"),
        (
            format!(
                "state_ttl = \"1h\"\n{}",
                sql(&format!("SELECT {tumble} AS w, count(*) AS n FROM a GROUP BY w"))
            ),
            "state_ttl",
            "remove it",
        ),
        (
            format!(
                "allowed_lateness = \"1h\"\n{}",
                in_mode("update", "SELECT k, count(*) AS n FROM a GROUP BY k")
            ),
            "late",
            "remove it",
        ),
        (
            format!(
                "state_ttl = \"1h\"\n{}",
                in_mode("update", "SELECT k, count(*) AS n FROM b GROUP BY k")
            ),
            "state_ttl",
            "event_time",
        ),
        (
            in_mode(
                "update",
                "SELECT max(n) AS m FROM (SELECT k, count(*) AS n FROM a GROUP BY k)",
            ),
            "append",
            "window",
        ),
    ] {
        let found = mistake(&step);
        assert!(found.message.contains(message), "{step}: {found:#?}");
        assert!(found.help.contains(help), "{step}: {found:#?}");
        assert!(found.at.is_some(), "{step}: {found:#?}");
    }
}

/// The state has no bound there, which the user should know.
#[test]
fn running_aggregates_say_that_they_grow() {
    let warnings = |step: &str| {
        let (sandbox, text) = pipeline(step);
        sandbox.mistakes(&text)
    };
    let running = sql("SELECT k, count(*) AS n FROM a GROUP BY k");
    let found = warnings(&format!("output_mode = \"update\"\n{running}"));
    assert!(found[0].message.contains("grows"), "{found:#?}");
    assert!(found[0].help.contains("state_ttl"), "{found:#?}");
    let found = warnings(&format!("output_mode = \"update\"\nstate_ttl = \"30d\"\n{running}"));
    // The sinks are read nowhere else; nothing is said of state.
    assert!(found.iter().all(|m| !m.message.contains("grows")), "{found:#?}");
}

/// Where event time may stand, and what it must be.
#[test]
fn event_time_is_checked_where_it_is_declared() {
    let time = |column: &str| format!("event_time = {{ column = \"{column}\", delay = \"2s\" }}\n");
    let found = mistake(&format!("{}{}", time("nope"), sql("SELECT * FROM b")));
    assert!(found.message.contains("no column `nope`"), "{found:#?}");
    assert_eq!(found.at.as_deref(), Some("\"nope\""), "{found:#?}");
    let found = mistake(&format!("{}{}", time("v"), sql("SELECT * FROM b")));
    assert!(found.message.contains("not a timestamp"), "{found:#?}");
    let found = mistake(&format!("{}{}", time("other"), sql("SELECT * FROM a")));
    assert!(found.message.contains("has event time already"), "{found:#?}");
    // What SQL makes of numbers is in nanoseconds.
    let seconds = sql("SELECT *, to_timestamp(k) AS at FROM b");
    let (sandbox, text) = pipeline(&format!("{}{seconds}", time("at")));
    let plan = sandbox.check(&text).plan;
    let node = plan.nodes.iter().find(|node| node.name == "s#time").unwrap();
    assert!(node.event_time.is_some());
    assert_eq!(node.ports[0].schema.field(5).data_type().to_string(), "Timestamp(µs)");
    let (sandbox, text) = pipeline(&format!("{}{}", time("other"), sql("SELECT * FROM b")));
    let plan = sandbox.check(&text).plan;
    let declared: Vec<_> = plan
        .nodes
        .iter()
        .filter_map(|node| Some((node.name.as_str(), node.event_time.as_ref()?)))
        .collect();
    assert_eq!(declared.len(), 2, "{declared:#?}");
    assert_eq!(declared[0].0, "a");
    assert_eq!(declared[0].1.columns, [Some(2), None]);
    assert_eq!(declared[0].1.delay, 2 * SECOND);
    assert_eq!(declared[1].0, "s");
    assert_eq!(declared[1].1.columns, [Some(3), None]);
}

/// One bound, and only one, says for how long keys are remembered.
#[test]
fn deduplication_says_for_how_long_it_remembers() {
    let ok = |step: &str| {
        let (sandbox, text) = pipeline(step);
        let found = sandbox.check(&text);
        let node = found.plan.nodes.iter().find(|n| n.name == "s").unwrap();
        assert!(matches!(node.kind, NodeKind::Dedup(_)));
        node.ports.iter().map(|port| port.name.clone()).collect::<Vec<_>>()
    };
    let bounded = ok("from = \"a\"\ndeduplicate = [\"k\", \"v\"]\nwithin = \"60s\"");
    assert_eq!(bounded, ["main", "errors", "late"]);
    ok("from = \"a\"\ndeduplicate = \"k\"\nstate_ttl = \"30d\"");
    let unbounded = ok("from = \"b\"\ndeduplicate = [\"k\"]\nunbounded = true");
    assert_eq!(unbounded, ["main", "errors"]);
    for (step, message) in [
        ("from = \"a\"\ndeduplicate = [\"k\"]", "does not say"),
        ("from = \"a\"\ndeduplicate = [\"k\"]\nwithin = \"1s\"\nunbounded = true", "says twice"),
        ("from = \"b\"\ndeduplicate = [\"k\"]\nwithin = \"1s\"", "no event time"),
        ("from = \"a\"\ndeduplicate = [\"kk\"]\nwithin = \"1s\"", "no column `kk`"),
        ("from = \"a\"\ndeduplicate = [\"k\", \"k\"]\nwithin = \"1s\"", "twice"),
        ("from = \"a\"\ndeduplicate = [\"k\"]\nwithin = \"0s\"", "above 0"),
    ] {
        let found = mistake(step);
        assert!(found.message.contains(message), "{step}: {found:#?}");
    }
}

/// Late rows have a port; those that nobody reads become dead letters.
#[test]
fn late_rows_go_where_they_are_read_or_to_dead_letters() {
    let step =
        sql("SELECT k, tumble(ts, INTERVAL '5 seconds') AS w, count(*) AS n FROM a GROUP BY k, w");
    let (sandbox, text) = pipeline(&step);
    let plan = sandbox.check(&text).plan;
    let letters = plan.nodes.iter().find(|n| matches!(n.kind, NodeKind::Letters(_))).unwrap();
    let sink = plan.nodes.iter().find(|n| n.name == "sink.dead_letters").unwrap();
    let at = plan.nodes.iter().position(|n| n.name == letters.name).unwrap();
    assert!(sink.inputs.iter().any(|input| input.node == at));
    let read = format!("{text}[sink.late]\ntype = \"null\"\nfrom = \"s.late\"\n");
    let plan = sandbox.check(&read).plan;
    assert!(!plan.nodes.iter().any(|n| matches!(n.kind, NodeKind::Letters(_))));
}

/// Settings of time and state, each with its bounds.
#[test]
fn settings_of_triggers_and_state_are_read() {
    use millrace::config::Trigger;
    let (sandbox, text) = pipeline(&sql("SELECT * FROM a"));
    let settings = |settings: &str| sandbox.check(&format!("{settings}\n{text}")).plan;
    let plan = settings("trigger = \"available_now\"\nstate = { memory = \"1GiB\" }");
    assert_eq!(plan.trigger, Trigger::AvailableNow);
    assert_eq!(plan.state_memory, 1 << 30);
    assert_eq!(plan.checkpoint.keep, 10);
    let plan = settings("trigger = { interval = \"10s\" }");
    assert!(matches!(plan.trigger, Trigger::Interval(every) if every.0.as_secs() == 10));
    let found = sandbox.mistake(&format!("trigger = \"sometimes\"\n{text}"));
    assert!(found.message.contains("sometimes"), "{found:#?}");
    let found = sandbox.mistake(&format!("trigger = {{ interval = \"0s\" }}\n{text}"));
    assert!(found.message.contains("above 0"), "{found:#?}");
    let found = sandbox.mistake(&format!("state = {{ memori = 1 }}\n{text}"));
    assert!(found.help.contains("memory"), "{found:#?}");
}
