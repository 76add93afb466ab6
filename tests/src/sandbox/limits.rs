//! What happens at each bound: a pipeline that could pass it does not start, or the plugin is held
//! back, and the message names the key.

use millrace::diagnostic::Severity;

use super::{SINK, counts, witness};
use crate::harness::Sandbox;
use crate::swap::fixture::{Live, pipeline, to};

/// More log than a second may have is dropped; how much it was is counted and said.
#[test]
fn log_beyond_its_bound_is_dropped_and_counted() {
    let sandbox = Sandbox::new();
    // All is written within a second, or nearly so: a new second begins with a new allowance.
    for (limits, most) in [("log_lines = 7", 7), ("log_bytes = \"60B\"", 10)] {
        let limits = format!("limits = {{ {limits}, deadline = \"30s\" }}");
        let text = witness(&sandbox, 32, "log_lines = 1000", &limits);
        let counts = counts(&sandbox.run(&text), "h");
        assert_eq!(counts.log_lines + counts.log_lines_dropped, 2000, "{counts:?}");
        assert!(counts.log_lines >= most.min(6) && counts.log_lines < 2000, "{counts:?}");
        std::fs::remove_dir_all(sandbox.path(".millrace")).unwrap();
    }
    sandbox.pipeline(&witness(&sandbox, 16, "log_lines = 1000", "limits = { log_lines = 5 }"));
    let mut command = sandbox.command(&["run", "pipeline.toml", "--quiet"]);
    let output = command.env("MILLRACE_LOG", "info").output().unwrap();
    let text = String::from_utf8_lossy(&[output.stderr, output.stdout].concat()).into_owned();
    assert!(text.contains("line 4") && !text.contains("line 900"), "{text}");
    assert!(text.contains("log_lines=5") && text.contains("lines=995"), "{text}");
}

/// A plugin whose memory grows is replaced before it comes to its limit; the rows do not notice.
#[test]
fn an_instance_that_has_grown_is_replaced() {
    let sandbox = Sandbox::new();
    let limits = "limits = { memory = \"16MiB\" }";
    let text = witness(&sandbox, 640, "leak_bytes = 1500000", limits);
    let counts = counts(&sandbox.run(&text), "h");
    assert_eq!(sandbox.rows("out").len(), 640);
    assert!(counts.instances_recycled >= 3, "{counts:?}");
    assert_eq!(counts.failed(), 0, "{counts:?}");
    // One more may have been started to follow the last one.
    let after = counts.instances_started - counts.instances_recycled;
    assert!(after <= 2, "{counts:?}");
    assert!(counts.instances_warm >= 1, "{counts:?}");
    assert!(counts.memory_peak_bytes <= 16 << 20, "{counts:?}");
}

/// What needs as much memory from its first call on would gain nothing from a new instance.
#[test]
fn an_instance_that_needs_its_memory_is_kept() {
    let sandbox = Sandbox::new();
    let limits = "limits = { memory = \"16MiB\" }";
    let text = witness(&sandbox, 32, "leak_bytes = 13000000", limits);
    let counts = counts(&sandbox.run(&text.replace("batch_rows = 16", "batch_rows = 32")), "h");
    assert_eq!((counts.calls, counts.instances_recycled), (1, 0), "{counts:?}");
}

/// A step needs an instance in each of its tasks.
#[test]
fn a_pipeline_that_needs_more_instances_than_it_may_have_does_not_start() {
    let sandbox = Sandbox::new();
    let four = |more: &str| format!("parallelism = 4\n{}", witness(&sandbox, 1, "", more));
    let mistake = sandbox.mistake(&four("limits = { instances = 3 }"));
    assert_eq!(mistake.at.as_deref(), Some("\"witness\""), "{mistake:?}");
    assert!(mistake.message.contains("`h` runs in 4 tasks"), "{mistake:?}");
    assert!(mistake.help.contains("limits.instances of the step to 4"), "{mistake:?}");
    assert!(mistake.help.contains("parallelism"), "{mistake:?}");
    assert!(sandbox.mistakes(&four("limits = { instances = 4 }")).is_empty());
}

/// Instances and memory of the whole pipeline, functions among them.
#[test]
fn a_pipeline_has_bounds_as_a_whole() {
    let sandbox = Sandbox::new();
    let text = format!(
        "parallelism = 2\n{}[function.distance]\nplugin = \"haversine\"\n\
         limits = {{ memory = \"32MiB\" }}\n",
        witness(&sandbox, 1, "", "")
    );
    for (limits, at, problem, help) in [
        (
            "instances = 3",
            "3",
            "the plugins need 4 instances: `h` 2, `distance` 2",
            "raise it to 4",
        ),
        (
            "memory = \"100MiB\"",
            "\"100MiB\"",
            "192 MiB of memory: `h` 2 times 64 MiB, `distance` 2 times 32 MiB",
            "raise it to \"192MiB\"",
        ),
    ] {
        let mistake = sandbox.mistake(&format!("{text}[limits]\n{limits}\n"));
        assert_eq!(mistake.at.as_deref(), Some(at), "{mistake:?}");
        assert!(mistake.message.contains(problem), "{mistake:?}");
        assert!(mistake.help.contains(help), "{mistake:?}");
    }
    let within = format!("{text}[limits]\ninstances = 4\nmemory = \"192MiB\"\n");
    let errors = sandbox.mistakes(&within);
    assert!(errors.iter().all(|mistake| mistake.severity != Severity::Error), "{errors:?}");
}

/// Lanes wait for a function that has fewer instances than there are lanes.
#[test]
fn lanes_take_turns_with_a_function() {
    let sandbox = Sandbox::new();
    for file in 0..4 {
        let rows: Vec<String> = (0..180).map(|n| format!("{{\"lat\": {n}.0}}")).collect();
        sandbox.write(&format!("in/{file}.ndjson"), rows.join("\n"));
    }
    let summary = sandbox.run(&format!(
        "parallelism = 4\nbatch_rows = 10\n[source.s]\ntype = \"file\"\npath = \"in/*.ndjson\"\n\
         format = \"ndjson\"\nschema = {{ lat = \"float64\" }}\n\
         [function.distance]\nplugin = \"haversine\"\nlimits = {{ instances = 1 }}\n\
         [step.h]\nsql = \"SELECT distance(lat / 4, lat, 0.0, 0.0) AS km FROM s\"\n{SINK}"
    ));
    assert_eq!(sandbox.rows("out").len(), 4 * 180);
    let (_, function) = &summary.metrics.functions[0];
    let counts = function.counts();
    assert_eq!(counts.rows_in, 4 * 180, "{counts:?}");
    assert_eq!(counts.instances_started, 1, "{counts:?}");
}

/// A new version is made ready beside the old one, and needs room of its own.
#[test]
fn a_swap_that_would_pass_a_bound_of_the_pipeline_is_refused() {
    let step = "plugin = \"tagged\"\nconfig = { tag = \"a\" }\nlimits = { deadline = \"100ms\" }";
    let mut live = Live::start(&format!("{}[limits]\ninstances = 2\n", pipeline(step)));
    live.pass(10);
    let refusal = live.refused(&to(serde_json::json!({ "tag": "b" })));
    assert!(refusal.contains("the pipeline has 2 instances already"), "{refusal}");
    assert!(refusal.contains("raise [limits]"), "{refusal}");
    live.pass(10);
    assert_eq!(live.tagged("a").len(), 20);
}
