//! Plugins that SQL calls: scalar and aggregate functions.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::{Sandbox, canonical_rows};

const SINK: &str = "[sink.out]\ntype = \"file\"\npath = \"out\"\nfrom = \"q\"\n";

fn pipeline(functions: &str, columns: &str, sql: &str, settings: &str) -> String {
    format!(
        "{settings}[source.s]\ntype = \"file\"\npath = \"in.ndjson\"\nformat = \"ndjson\"\n\
         schema = {{ {columns} }}\nevent_time = {{ column = \"at\", delay = \"1s\" }}\n\
         {functions}\n[step.q]\nsql = \"\"\"{sql}\"\"\"\n{SINK}"
    )
}

const PLACES: &str = "id = \"int64\", at = \"timestamp[ms]\", lat = \"float64\", lon = \"float64\"";
const HAVERSINE: &str = "[function.distance]\nplugin = \"haversine\"\n";

/// A function stands wherever an expression does, and a row that it refuses takes no other with
/// it.
#[test]
fn a_scalar_function_is_called_from_sql() {
    let sandbox = Sandbox::new();
    let rows = [
        json!({"id": 1, "at": 0, "lat": 52.52, "lon": 13.405}),
        json!({"id": 2, "at": 1, "lat": 95.0, "lon": 0.0}),
        json!({"id": 3, "at": 2, "lat": 48.8566, "lon": 2.3522}),
        json!({"id": 4, "at": 3, "lat": null, "lon": 2.0}),
        json!({"id": 5, "at": 4, "lat": 0.0, "lon": -181.5}),
    ];
    sandbox.write("in.ndjson", rows.map(|row| row.to_string()).join("\n"));
    let sql = "SELECT id, round(distance(lat, lon, 48.8566, 2.3522)) AS km FROM s \
               WHERE id <> 1 OR distance(lat, lon, 48.8566, 2.3522) > 800";
    sandbox.run(&pipeline(HAVERSINE, PLACES, sql, ""));
    let expected = [r#"{"id":1,"km":877.0}"#, r#"{"id":3,"km":0.0}"#, r#"{"id":4}"#];
    let rows = sandbox.rows("out").into_iter().map(|row| {
        let mut row: Value = serde_json::from_str(&row).unwrap();
        row.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        row.to_string()
    });
    assert_eq!(canonical_rows(rows), canonical_rows(expected));
    let letters = sandbox.letters();
    let messages: Vec<(u64, &str)> = letters.iter().map(|l| (l.row(), l.text("message"))).collect();
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert!(messages[0].0 == 1 && messages[0].1.contains("no_place: 95 is no latitude"));
    assert!(messages[1].0 == 4 && messages[1].1.contains("-181.5 is no longitude"));
}

/// What the plugin says to its arguments is said before anything runs.
#[test]
fn a_wrong_call_is_refused() {
    for (functions, sql, problem) in [
        (HAVERSINE, "SELECT distance(lat, lon) AS km FROM s", "it takes four float64"),
        (HAVERSINE, "SELECT distance(id, id, id, id) AS km FROM s", "it takes four float64"),
        (HAVERSINE, "SELECT distanze(lat, lon, lat, lon) AS km FROM s", "distanze"),
        (
            "[function.f]\nplugin = \"haversine\"\nconfig = { x = 1 }\n",
            "SELECT f(lat, lon, lat, lon) AS km FROM s",
            "unknown field `x`",
        ),
        (
            "[function.round]\nplugin = \"haversine\"\n",
            "SELECT id FROM s",
            "has a function `round`",
        ),
        ("[function.f]\nplugin = \"velocity\"\n", "SELECT id FROM s", "of the world `keyed`"),
        ("[function.f]\nplugin = \"nothing\"\n", "SELECT id FROM s", "no plugin `nothing`"),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write("in.ndjson", "");
        let mistake = sandbox.mistake(&pipeline(functions, PLACES, sql, ""));
        assert!(mistake.message.contains(problem), "{sql}: {mistake:?}");
    }
}

const TEXTS: &str = "id = \"int64\", at = \"timestamp[ms]\", k = \"string\", t = \"string\"";
const TOP: &str = "[function.top_texts]\nplugin = \"top_k\"\nconfig = { k = 2 }\n";

/// The most frequent texts by key and window, in plain Rust.
fn top(rows: &[(i64, &str, String)], size: i64) -> Vec<String> {
    let mut groups: BTreeMap<(i64, &str), BTreeMap<&str, u64>> = BTreeMap::new();
    for (at, key, text) in rows {
        let counts = groups.entry((at.div_euclid(size), key)).or_default();
        *counts.entry(text.as_str()).or_default() += 1;
    }
    let rows = groups.into_iter().map(|((_, key), counts)| {
        let mut ranked: Vec<(&str, u64)> = counts.into_iter().collect();
        ranked.sort_by_key(|(text, count)| (std::cmp::Reverse(*count), *text));
        let top: Vec<Value> =
            ranked.iter().take(2).map(|(t, n)| json!({"value": t, "count": n})).collect();
        json!({"k": key, "top": top}).to_string()
    });
    canonical_rows(rows)
}

/// In windows the host merges states of panes and tasks; the result must not depend on it.
#[test]
fn an_aggregate_function_is_called_from_sql() {
    let rows: Vec<(i64, &str, String)> = (0..2000_i64)
        .map(|n| {
            let text = format!("t{}", n * n % 17 % 7);
            (n * 37 % 60_000 / 1000 * 1000 + n * 30, ["a", "b", "c"][n as usize % 3], text)
        })
        .collect();
    let mut rows = rows;
    rows.sort_by_key(|row| row.0);
    let lines: Vec<String> = rows
        .iter()
        .enumerate()
        .map(|(id, (at, key, text))| json!({"id": id, "at": at, "k": key, "t": text}).to_string())
        .collect();
    let expected = top(&rows, 10_000);
    let sql = "SELECT k, top_texts(t) AS top FROM s GROUP BY k, tumble(at, INTERVAL '10 seconds')";
    for settings in ["", "parallelism = 3\nbatch_rows = 50\n"] {
        let sandbox = Sandbox::new();
        sandbox.write("in.ndjson", lines.join("\n"));
        sandbox.run(&pipeline(TOP, TEXTS, sql, settings));
        assert_eq!(sandbox.rows("out"), expected, "{settings}");
        assert!(sandbox.letters().is_empty());
    }
}
