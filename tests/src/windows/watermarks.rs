//! Watermarks as a user meets them: who holds them back is named, and who is idle does not.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;

use serde_json::Value;

use super::fixture::step;
use crate::harness::{Running, Sandbox, wait_until};

/// Whoever connects gets the rows that the test sends.
struct Feed {
    listener: TcpListener,
    stream: Option<TcpStream>,
}

impl Feed {
    fn new() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").unwrap(), stream: None }
    }

    fn address(&self) -> String {
        self.listener.local_addr().unwrap().to_string()
    }

    fn source(&self, name: &str, idle: &str) -> String {
        format!(
            "[source.{name}]\ntype = \"socket\"\nconnect = \"{}\"\nformat = \"ndjson\"\n\
             schema = {{ t = \"timestamp[s]\", n = \"int64\" }}\n\
             event_time = {{ column = \"t\", delay = \"2s\", idle = \"{idle}\" }}\n",
            self.address()
        )
    }

    /// A row at each of these seconds.
    fn send(&mut self, seconds: &[i64]) {
        if self.stream.is_none() {
            // Whoever should connect may have failed: waiting must have an end.
            self.listener.set_nonblocking(true).unwrap();
            wait_until(|| {
                self.stream = self.listener.accept().ok().map(|(stream, _)| stream);
                self.stream.is_some()
            });
        }
        let Some(stream) = &mut self.stream else { unreachable!() };
        stream.set_nonblocking(false).unwrap();
        for second in seconds {
            writeln!(stream, "{{\"t\":{second},\"n\":{}}}", second % 2).unwrap();
        }
    }
}

const COUNT: &str = "SELECT cast(w.start AS bigint) / 1000000 AS s, count(*) AS n FROM \
                     (SELECT tumble(t, INTERVAL '10 seconds') AS w FROM (SELECT t FROM slow \
                     UNION ALL SELECT t FROM fast)) GROUP BY w";

fn counts(counts: &[(i64, u64)]) -> Vec<String> {
    let mut rows: Vec<String> =
        counts.iter().map(|(s, n)| format!("{{\"n\":{n},\"s\":{s}}}")).collect();
    rows.sort();
    rows
}

/// A user who waits for a window wants to know for whom it waits.
#[test]
fn the_partition_that_holds_the_watermark_back_is_named() {
    let sandbox = Sandbox::in_memory();
    let (mut slow, mut fast) = (Feed::new(), Feed::new());
    let sources = slow.source("slow", "1h") + &fast.source("fast", "1h");
    sandbox.pipeline(&format!("parallelism = 4\n{sources}{}", step("q", "", COUNT)));
    let mut command = sandbox.command(&["run", "--json", "pipeline.toml"]);
    let mut running = Running(command.stderr(Stdio::piped()).spawn().unwrap());
    let mut said = BufReader::new(running.0.stderr.take().unwrap()).lines();
    slow.send(&[3, 1, 5]);
    fast.send(&[40, 100, 99]);
    let holder = |at: &str, by: &Feed, name: &str| {
        serde_json::json!({
            "watermark": at, "held_back_by": format!("{name}/{}", by.address())
        })
    };
    let expected = [
        ("slow", holder("1970-01-01T00:00:03Z", &slow, "slow")),
        ("fast", holder("1970-01-01T00:01:38Z", &fast, "fast")),
    ];
    let mut says = |is_it: &dyn Fn(&Value) -> bool| {
        wait_until(|| {
            let line = said.next().expect("it ended").unwrap();
            // What `check` warns of comes first, and is no JSON.
            serde_json::from_str::<Value>(&line).is_ok_and(|line| is_it(&line))
        });
    };
    says(&|line| {
        let mut sources = expected.iter();
        sources.all(|(node, time)| line["nodes"][*node]["event_time"] == *time)
            && window_watermark(line) == "1970-01-01T00:00:03Z"
    });
    slow.send(&[50]);
    says(&|line| window_watermark(line) == "1970-01-01T00:00:48Z");
    wait_until(|| sandbox.rows("q") == counts(&[(0, 3)]));
    drop((slow, fast));
    assert!(running.0.wait().unwrap().success());
    assert_eq!(sandbox.rows("q"), counts(&[(0, 3), (40, 1), (50, 1), (90, 1), (100, 1)]));
}

/// The window is one of the parts of the step `q`.
fn window_watermark(line: &Value) -> &str {
    let nodes = line["nodes"].as_object().unwrap();
    let mut parts = nodes.iter().filter(|(name, _)| name.split('#').next() == Some("q"));
    parts.find_map(|(_, node)| node["event_time"]["watermark"].as_str()).unwrap_or_default()
}

/// A source that is silent for its idle time lets the other go on; when it speaks again, what it
/// says of windows that were sent is late, and the rest counts.
#[test]
fn an_idle_source_lets_the_others_go_on() {
    for parallelism in [1, 4] {
        let sandbox = Sandbox::in_memory();
        let (mut slow, mut fast) = (Feed::new(), Feed::new());
        let sources = slow.source("slow", "150ms") + &fast.source("fast", "1h");
        let text = format!("parallelism = {parallelism}\n{sources}{}", step("q", "", COUNT));
        let mut at = 0;
        sandbox.run_until(&text, || {
            match at {
                0 => {
                    slow.send(&[1]);
                    fast.send(&[2, 3, 30]);
                    at = 1;
                }
                1 if sandbox.rows("q") == counts(&[(0, 3)]) => {
                    slow.send(&[4, 31]);
                    at = 2;
                }
                2 if sandbox.letters().len() == 1 => {
                    fast.send(&[60]);
                    at = 3;
                }
                _ => {}
            }
            at == 3 && sandbox.rows("q") == counts(&[(0, 3), (30, 2)])
        });
        let letters = sandbox.letters();
        assert_eq!(letters[0].text("code"), "late", "{letters:#?}");
    }
}

/// A reader that is busy with a row for longer than the idle time is not idle: the rows behind it
/// are on their way, and none of them is late.
#[test]
fn a_busy_reader_is_not_idle() {
    for parallelism in [1, 4] {
        let sandbox = Sandbox::in_memory();
        let (mut slow, mut fast) = (Feed::new(), Feed::new());
        let sources = slow.source("raw", "40ms") + &fast.source("fast", "1h");
        // Every other row keeps the plugin busy until its deadline.
        let busy = "[step.slow]\nfrom = \"raw\"\nplugin = \"hostile\"\n\
                    grant = [\"log\"]\nlimits = { deadline = \"200ms\" }\nconfig = { mode = \"loop\", poison = 1 }\n";
        let text = format!(
            "parallelism = {parallelism}\nbatch_rows = 1\n{sources}{busy}{}",
            step("q", "", COUNT)
        );
        std::thread::spawn(move || {
            slow.send(&[2, 3, 4, 5, 6, 7, 8, 9, 10]);
            fast.send(&[1, 40, 60]);
        });
        sandbox.run(&text);
        let found = sandbox.rows("q");
        assert_eq!(found, counts(&[(0, 5), (10, 1), (40, 1), (60, 1)]), "{:#?}", sandbox.letters());
        let letters = sandbox.letters();
        assert!(letters.iter().all(|letter| letter.text("step") == "slow"), "{letters:#?}");
        assert_eq!(letters.len(), 4);
    }
}

/// A generator with a low rate is idle between two rows, like any source that has nothing to give.
#[test]
fn a_slow_generator_is_idle_between_two_rows() {
    let sandbox = Sandbox::in_memory();
    let mut fast = Feed::new();
    let text = format!(
        "[source.slow]\ntype = \"generator\"\nrate = 2.0\n\
         fields = {{ t = {{ timestamp = {{ start = \"1970-01-01T00:00:01Z\", step = \"1ms\" }} }} }}\n\
         event_time = {{ column = \"t\", delay = \"2s\", idle = \"100ms\" }}\n{}{}",
        fast.source("fast", "1h"),
        step("q", "", COUNT)
    );
    let mut sent = false;
    sandbox.run_until(&text, || {
        if !sent {
            fast.send(&[2, 3, 30]);
            sent = true;
        }
        let rows = sandbox.rows("q");
        rows.len() == 1 && rows[0].contains("\"s\":0")
    });
}

/// The end of one source is not the end of time while another is only idle: a backfill that is
/// through must not make all that comes later late.
#[test]
fn a_source_that_has_ended_does_not_end_the_time_of_an_idle_one() {
    for parallelism in [1, 4] {
        let sandbox = Sandbox::in_memory();
        sandbox.write("old.ndjson", "{\"t\":1}\n{\"t\":25}\n");
        let old = "[source.slow]\ntype = \"file\"\npath = \"old.ndjson\"\nformat = \"ndjson\"\n\
                   schema = { t = \"timestamp[s]\" }\n\
                   event_time = { column = \"t\", delay = \"2s\" }\n";
        let mut live = Feed::new();
        let source = live.source("fast", "50ms");
        let text = format!("parallelism = {parallelism}\n{old}{source}{}", step("q", "", COUNT));
        let mut at = 0;
        sandbox.run_until(&text, || {
            match at {
                0 if sandbox.rows("q") == counts(&[(0, 1)]) => {
                    live.send(&[26, 40]);
                    at = 1;
                }
                1 if sandbox.rows("q") == counts(&[(0, 1), (20, 2)]) => at = 2,
                _ => {}
            }
            assert!(sandbox.letters().is_empty(), "{:#?}", sandbox.letters());
            at == 2
        });
    }
}
