//! SQL that can't be a step: refused with its line and column, and what to write instead.

use crate::harness::{Mistake, Sandbox};

/// The only mistake of a pipeline whose step `s` is `sql`, over the stream `a` and the table `t`.
fn mistake(sql: &str) -> Mistake {
    let sandbox = Sandbox::new();
    sandbox.write("a.ndjson", "{\"k\": 1, \"v\": \"x\", \"Big\": 1}\n");
    sandbox.write("t.csv", "k,w\n1,one\n");
    sandbox.mistake(&format!(
        "[source.a]\ntype = \"file\"\npath = \"a.ndjson\"\nformat = \"ndjson\"\n\
         [source.b]\ntype = \"file\"\npath = \"a.ndjson\"\nformat = \"ndjson\"\n\
         [table.t]\npath = \"t.csv\"\n[step.s]\nsql = '''\n{sql}'''\n\
         [sink.all]\ntype = \"null\"\nfrom = [\"a\", \"b\"]\n\
         [sink.out]\ntype = \"null\"\nfrom = \"s\"\n"
    ))
}

/// The SQL begins in this line of the pipeline file.
const FIRST_LINE: usize = 15;

/// The parser's own place, carried into the pipeline file.
#[test]
fn a_syntax_error_is_pointed_at_within_the_text() {
    let found = mistake("SELECT k\nFORM a");
    assert_eq!(found.line, Some(FIRST_LINE + 1), "{found:#?}");
    assert_eq!(found.at.as_deref(), Some("a"), "{found:#?}");
}

/// A column is misspelt in one line of many.
#[test]
fn an_unknown_column_is_pointed_at_and_the_nearest_named() {
    let found = mistake("SELECT\n  v,\n  kk\nFROM a");
    assert_eq!(found.line, Some(FIRST_LINE + 2), "{found:#?}");
    assert_eq!(found.at.as_deref(), Some("kk"), "{found:#?}");
    assert!(found.message.contains("kk"), "{found:#?}");
}

/// SQL folds names to lower case, JSON does not: who meets this must hear of quotes.
#[test]
fn a_column_with_capitals_must_be_quoted_and_the_message_says_so() {
    let found = mistake("SELECT Big FROM a");
    let text = format!("{} {}", found.message, found.help);
    assert!(text.contains("\"Big\""), "{found:#?}");
}

/// A relation that does not exist, with the one that is near.
#[test]
fn an_unknown_relation_is_named() {
    let found = mistake("SELECT k FROM aa");
    assert!(found.message.contains("nothing is called `aa`"), "{found:#?}");
    assert!(found.help.contains("`a`"), "{found:#?}");
    let found = mistake("SELECT k FROM a.mian");
    assert!(found.message.contains("no port `mian`"), "{found:#?}");
    assert!(found.help.contains("`main`"), "{found:#?}");
    let found = mistake("SELECT a.k FROM a JOIN tt ON a.k = tt.k");
    assert!(found.message.contains("nothing is called `tt`"), "{found:#?}");
    assert!(found.help.contains("`t`"), "{found:#?}");
}

/// What would need the end of a stream, or memory without bound, and what to do instead.
#[test]
fn shapes_that_a_stream_can_not_have_are_refused() {
    for (sql, message) in [
        ("SELECT k FROM a ORDER BY k", "ORDER BY"),
        ("SELECT k FROM a LIMIT 5", "LIMIT"),
        ("SELECT k FROM a OFFSET 5", "LIMIT"),
        ("SELECT k FROM a ORDER BY k LIMIT 5", "on a stream"),
        ("SELECT count(*) AS n FROM a", "an aggregate without a window"),
        ("SELECT k, max(v) AS m FROM a GROUP BY k", "an aggregate without a window"),
        ("SELECT DISTINCT k FROM a", "an aggregate without a window"),
        ("SELECT k FROM a UNION SELECT k FROM b", "an aggregate without a window"),
        ("SELECT k, row_number() OVER (ORDER BY k) AS n FROM a", "OVER"),
        ("SELECT a.k FROM a JOIN b ON a.k = b.k", "two streams"),
        ("SELECT a.k FROM a WHERE a.k IN (SELECT k FROM b)", "two streams"),
        ("SELECT a.k FROM a CROSS JOIN t", "no equality"),
        ("SELECT a.k FROM a JOIN t ON a.k < t.k", "no equality"),
        ("SELECT a.k FROM a RIGHT JOIN t ON a.k = t.k", "rows of the table"),
        ("SELECT a.k FROM a FULL JOIN t ON a.k = t.k", "rows of the table"),
        ("SELECT a.k FROM a WHERE a.k NOT IN (SELECT k FROM t)", "NOT IN"),
        ("SELECT k FROM t", "only tables"),
        ("SELECT 1 AS one", "reads no stream"),
        ("SELECT k FROM a UNION ALL SELECT k FROM t", "UNION ALL of a stream with a table"),
        ("INSERT INTO a VALUES (1)", "one query"),
        ("SELECT k FROM a; SELECT k FROM b", ""),
        ("DROP TABLE a", "one query"),
        ("", ""),
    ] {
        let found = mistake(sql);
        assert!(found.message.contains(message), "{sql}: {found:#?}");
        assert!(found.at.is_some(), "{sql}: {found:#?}");
    }
}

/// The same input must give the same output, also after a crash.
#[test]
fn functions_that_change_from_call_to_call_are_refused() {
    for function in ["now()", "current_timestamp", "current_date", "random()", "uuid()"] {
        let found = mistake(&format!("SELECT {function} AS f FROM a"));
        assert!(found.message.contains("another result at every call"), "{function}: {found:#?}");
        let found = mistake(&format!("SELECT k FROM a WHERE cast({function} AS varchar) > 'a'"));
        assert!(found.message.contains("another result at every call"), "{function}: {found:#?}");
    }
}

/// The output has named columns; two of one name can't be told apart by the next step.
#[test]
fn two_columns_of_one_name_are_refused() {
    let found = mistake("SELECT a.k, t.k FROM a JOIN t ON a.k = t.k");
    assert!(found.message.contains("two columns `k`"), "{found:#?}");
    assert!(found.help.contains("AS"), "{found:#?}");
}

/// Types that don't go together are known before the first row.
#[test]
fn wrong_types_are_refused() {
    let found = mistake("SELECT abs(v) AS x FROM a");
    assert!(found.message.contains("abs"), "{found:#?}");
    let found = mistake("SELECT no_such(k) AS x FROM a");
    assert!(found.message.contains("no_such"), "{found:#?}");
}

/// `from` beside `sql` would say the same thing twice, or two things.
#[test]
fn a_sql_step_has_no_from() {
    let sandbox = Sandbox::new();
    sandbox.write("a.ndjson", "{\"k\": 1}\n");
    let found = sandbox.mistake(
        "[source.a]\ntype = \"file\"\npath = \"a.ndjson\"\nformat = \"ndjson\"\n\
         [step.s]\nfrom = \"a\"\nsql = \"SELECT k FROM a\"\n\
         [sink.out]\ntype = \"null\"\nfrom = \"s\"\n",
    );
    assert_eq!(found.at.as_deref(), Some("from"), "{found:#?}");
    assert!(found.help.contains("FROM"), "{found:#?}");
}
