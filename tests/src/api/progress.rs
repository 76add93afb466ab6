//! What a running pipeline tells of itself.

use millrace_tests::broker::Broker;
use serde_json::{Value, json};

use super::fixture::{Pipeline, STEADY};
use crate::harness::{Sandbox, wait_until};

/// Names that Spark's StreamingQueryProgress has, with the type of their values.
fn assert_shape(progress: &Value) {
    for key in ["id", "runId", "name", "timestamp"] {
        assert!(progress[key].is_string(), "{key} in {progress}");
    }
    for key in ["batchId", "batchDuration", "numInputRows"] {
        assert!(progress[key].is_u64(), "{key} in {progress}");
    }
    for key in ["inputRowsPerSecond", "processedRowsPerSecond"] {
        assert!(progress[key].is_f64(), "{key} in {progress}");
    }
    for key in ["triggerExecution", "getBatch", "addBatch", "walCommit", "commitBatch"] {
        assert!(progress["durationMs"][key].is_u64(), "durationMs.{key} in {progress}");
    }
    for key in ["stateOperators", "sources"] {
        assert!(progress[key].is_array(), "{key} in {progress}");
    }
    assert!(progress["sink"]["description"].is_string(), "{progress}");
    assert!(progress["sink"]["numOutputRows"].is_u64(), "{progress}");
}

/// Whoever watches Spark's queries can watch this: the same names, and numbers that add up to what
/// was read and written.
#[test]
fn progress_has_the_names_of_spark_and_adds_up() {
    let sandbox = Sandbox::new();
    sandbox.pipeline(STEADY);
    let pipeline = Pipeline::start(&sandbox, &[]);
    let windows = |recent: &Value| -> u64 {
        let all = recent.as_array().unwrap().iter();
        all.map(|progress| progress["sink"]["metrics"]["out"].as_str().unwrap())
            .map(|rows| rows.parse::<u64>().unwrap())
            .sum()
    };
    let mut recent = Value::Null;
    wait_until(|| {
        recent = pipeline.json("/v1/progress/recent");
        windows(&recent) >= 3
    });
    let all = recent.as_array().unwrap();
    all.iter().for_each(assert_shape);
    let mut read = 0;
    for (progress, before) in all.iter().zip(std::iter::once(&all[0]).chain(all)) {
        assert_eq!(progress["id"], all[0]["id"]);
        assert_eq!(progress["runId"], all[0]["runId"]);
        assert!(progress["batchId"].as_u64() >= before["batchId"].as_u64());
        let rows = progress["numInputRows"].as_u64().unwrap();
        read += rows;
        let source = &progress["sources"][0];
        assert_eq!(source["numInputRows"], rows);
        assert_eq!(source["description"], "ticks (generator)");
        assert_eq!(progress["sink"]["metrics"]["none"], rows.to_string());
        // The offsets say the same as the counters.
        let moved = |offsets: &Value| -> u64 {
            let partitions = offsets.as_object().unwrap().values();
            partitions.map(|at| at["rows"].as_u64().unwrap()).sum()
        };
        let end = source["endOffset"].as_object().unwrap();
        let start: u64 = end
            .keys()
            .filter_map(|partition| source["startOffset"][partition]["rows"].as_u64())
            .sum();
        assert_eq!(moved(&source["endOffset"]) - start, rows, "{source}");
        if rows > 0 {
            let time = |name: &str| -> String {
                progress["eventTime"][name].as_str().unwrap_or_default().to_owned()
            };
            assert!(time("min").starts_with("2024-01-01T00:"), "{progress}");
            assert!(time("min") <= time("avg") && time("avg") <= time("max"), "{progress}");
        }
        let state = &progress["stateOperators"][0];
        assert!(state["operatorName"].as_str().unwrap().starts_with("sums"), "{state}");
        assert!(state["memoryUsedBytes"].as_u64().is_some(), "{state}");
    }
    assert!(read >= 300, "{read} rows make three windows");
    let last = pipeline.json("/v1/progress");
    assert_shape(&last);
    assert_eq!(pipeline.json("/v1/progress/recent?limit=2").as_array().unwrap().len(), 2);

    let first_id = last["id"].clone();
    drop(pipeline);
    let again = Pipeline::start(&sandbox, &[]);
    wait_until(|| !again.json("/v1/progress").is_null());
    let progress = again.json("/v1/progress");
    assert_eq!(progress["id"], first_id, "the checkpoint is the same");
    assert_ne!(progress["runId"], last["runId"], "the run is another");
    assert!(progress["batchId"].as_u64() > last["batchId"].as_u64());
}

/// One more row than is remembered, and the first is gone: a pipeline that runs for a year keeps no
/// more than one that runs for a minute.
#[test]
fn the_last_hundred_epochs_are_remembered() {
    let sandbox = Sandbox::in_memory();
    let text = STEADY.replace("[source.ticks]", "[checkpoint]\ninterval = \"1ms\"\n[source.ticks]");
    sandbox.pipeline(&text);
    let pipeline = Pipeline::start(&sandbox, &[]);
    let mut recent = Value::Null;
    wait_until(|| {
        recent = pipeline.json("/v1/progress/recent");
        let all = recent.as_array().unwrap();
        all.first().is_some_and(|first| first["batchId"].as_u64() > Some(20))
    });
    assert_eq!(recent.as_array().unwrap().len(), 100);
}

/// Status names everything that `run --json` has, and the dataflow.
#[test]
fn status_shows_the_dataflow_and_its_counters() {
    let sandbox = Sandbox::new();
    sandbox.pipeline(STEADY);
    let pipeline = Pipeline::start(&sandbox, &[]);
    wait_until(|| pipeline.json("/v1/status")["counted"]["rows_out"].as_u64() > Some(0));
    let status = pipeline.json("/v1/status");
    assert_eq!(status["pipeline"], "test");
    assert_eq!(status["readiness"]["ready"], true, "{status}");
    assert_eq!(status["pid"], pipeline.child.0.id());
    let graph = status["graph"].as_array().unwrap();
    let sink = graph.iter().find(|node| node["name"] == "sink.none").unwrap();
    assert_eq!((&sink["kind"], &sink["inputs"][0]), (&"sink".into(), &"even.main".into()));
    for node in graph {
        let name = node["name"].as_str().unwrap();
        assert!(status["counted"]["nodes"][name].is_object(), "{name}");
    }
    let shown = sandbox.millrace(&["status", "test"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    for part in ["running, ready", "epoch", "sink.out", "watermark 202"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    // Without a terminal, `top` says the same once.
    let top = sandbox.millrace(&["top", "pipeline.toml"]);
    assert_eq!(top.status.code(), Some(0));
    assert!(String::from_utf8(top.stdout).unwrap().contains("running, ready"));
}

/// Prometheus gets what it expects: the format, and every node's rows.
#[test]
fn metrics_are_what_prometheus_reads() {
    let sandbox = Sandbox::new();
    sandbox.pipeline(STEADY);
    let pipeline = Pipeline::start(&sandbox, &[]);
    let mut metrics = pipeline.get("/metrics");
    let rows = "millrace_rows_out_total{pipeline=\"test\",node=\"even\",port=\"main\"}";
    wait_until(|| {
        metrics = pipeline.get("/metrics");
        metrics.body.contains(rows) && metrics.body.contains("millrace_watermark_seconds{")
    });
    assert!(metrics.headers.contains("content-type: application/openmetrics-text"));
    assert!(metrics.body.ends_with("# EOF\n"), "{}", metrics.body);
    for name in ["ready", "epoch", "restarts_total", "busy_seconds_total", "up"] {
        let line =
            metrics.body.lines().find(|line| line.starts_with(&format!("millrace_{name}{{")));
        let line = line.unwrap_or_else(|| panic!("{name} in {}", metrics.body));
        let value = line.rsplit(' ').next().unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
    // Each metric is described before its first number.
    for line in metrics.body.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split('{').next().unwrap().trim_end_matches("_total");
        assert!(metrics.body.contains(&format!("# HELP {name} ")), "{line}");
        assert!(metrics.body.contains(&format!("# TYPE {name} ")), "{line}");
    }
}

/// What a plugin counts itself, and what it takes, is told to both worlds.
#[test]
fn what_plugins_count_is_observed() {
    let sandbox = Sandbox::new();
    let numbers = STEADY.replace("n = { sequence = \"\" }", "n = { int = { min = 1, max = 9 } }");
    let source = &numbers[..numbers.find("[step.even]").unwrap()];
    sandbox.pipeline(&format!(
        "{source}[step.p]\nfrom = \"ticks\"\nplugin = \"witness\"\n\
         grant = [\"log\", \"metrics\", \"clock\", \"random\"]\n\
         [sink.out]\ntype = \"null\"\nfrom = \"p\"\n"
    ));
    let pipeline = Pipeline::start(&sandbox, &[]);
    wait_until(|| pipeline.json("/v1/progress")["observedMetrics"]["p"]["rows"].is_u64());
    let rows = |progress: &Value| progress["observedMetrics"]["p"]["rows"].as_u64().unwrap();
    let first = pipeline.json("/v1/progress");
    assert!((1.0..=9.0).contains(&first["observedMetrics"]["p"]["last"].as_f64().unwrap()));
    wait_until(|| rows(&pipeline.json("/v1/progress")) > rows(&first));
    let metrics = pipeline.get("/metrics").body;
    let number = |name: &str| -> f64 {
        let line = metrics.lines().find(|line| line.starts_with(name));
        let line = line.unwrap_or_else(|| panic!("{name} in {metrics}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    let plugin = "{pipeline=\"test\",plugin=\"p\"";
    assert!(number(&format!("millrace_plugin_calls_total{plugin}}}")) > 0.0);
    assert!(number(&format!("millrace_plugin_instances{plugin}}}")) > 0.0);
    let observed = number(&format!("millrace_plugin_observed_total{plugin},name=\"rows\"}}"));
    assert!(observed >= rows(&first) as f64, "{observed}");
}

/// Offsets of Kafka stand in progress as Spark has them, with how far they are behind.
#[test]
fn offsets_of_kafka_are_those_of_spark() {
    let broker = Broker::shared();
    let topic = broker.topic("progress", 2);
    broker.produce(&topic, (0..40).map(|id| format!("{{\"id\": {id}}}")));
    let sandbox = Sandbox::new();
    let brokers = broker.address();
    sandbox.pipeline(&format!(
        "[source.orders]\ntype = \"kafka\"\nbrokers = \"{brokers}\"\ntopics = [\"{topic}\"]\n\
         format = \"raw\"\n[sink.out]\ntype = \"null\"\nfrom = \"orders\"\n"
    ));
    let pipeline = Pipeline::start(&sandbox, &[]);
    let recent = || pipeline.json("/v1/progress/recent");
    let read = |recent: &Value| -> u64 {
        let all = recent.as_array().unwrap().iter();
        all.map(|progress| progress["numInputRows"].as_u64().unwrap()).sum()
    };
    wait_until(|| read(&recent()) == 40);
    let recent = recent();
    let last = recent.as_array().unwrap().last().unwrap();
    assert_shape(last);
    let source = &last["sources"][0];
    assert_eq!(source["description"], format!("orders (kafka {topic})"));
    let ends: Value = recent.as_array().unwrap().iter().fold(json!({}), |mut ends, progress| {
        let moved = progress["sources"][0]["endOffset"][&topic].as_object();
        for (partition, offset) in moved.into_iter().flatten() {
            ends[partition] = offset.clone();
        }
        ends
    });
    let sum: u64 = ends.as_object().unwrap().values().map(|at| at.as_u64().unwrap()).sum();
    assert_eq!((ends.as_object().unwrap().len(), sum), (2, 40), "{recent}");
    assert_eq!(source["latestOffset"][&topic], ends, "{source}");
    assert_eq!(source["metrics"]["maxOffsetsBehindLatest"], "0", "{source}");
}

/// Everything that is described is answered, and says of itself what the description says.
#[test]
fn the_description_is_of_what_is_served() {
    let sandbox = Sandbox::new();
    sandbox.pipeline(STEADY);
    let pipeline = Pipeline::start(&sandbox, &[]);
    wait_until(|| pipeline.get("/ready").status == 200);
    let described = pipeline.json("/openapi.json");
    assert_eq!(described["openapi"], "3.1.0");
    let mut asked = 0;
    for (path, operations) in described["paths"].as_object().unwrap() {
        let filled = path.replace("{port}", "even?limit=1");
        for (method, operation) in operations.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(!operation["summary"].as_str().unwrap().is_empty(), "{id}");
            if id == "stop" {
                continue;
            }
            let answer = match method.as_str() {
                "get" => pipeline.get(&filled),
                "post" => pipeline.post(&filled, "{}"),
                other => panic!("{other}"),
            };
            asked += 1;
            assert_ne!(answer.status, 404, "{id}: {}", answer.body);
            // Without the body that it wants, a request is refused for that.
            let expected = if operation["requestBody"].is_null() { 200 } else { 400 };
            assert_eq!(answer.status, expected, "{id}: {}", answer.body);
            let content = match expected {
                200 => &operation["responses"]["200"]["content"],
                _ => &operation["responses"]["default"]["content"],
            };
            let kind = content.as_object().unwrap().keys().next().unwrap();
            let kind = kind.split(';').next().unwrap();
            assert!(answer.headers.contains(&format!("content-type: {kind}")), "{id} {kind}");
        }
    }
    assert!(asked >= 14, "{asked}");
    references(&described, &described);
    assert_eq!(pipeline.get("/v1/stop").status, 405);
    let wrong = pipeline.get("/v1/progress/recent?limit=many");
    assert_eq!((wrong.status, wrong.json()["kind"].as_str()), (400, Some("config")));
    let unknown = pipeline.get("/v2/status");
    assert_eq!(unknown.status, 404);
    assert!(unknown.error().contains("/openapi.json"), "{}", unknown.body);
    let stop = pipeline.post("/v1/stop", "");
    assert_eq!((stop.status, &stop.json()["stopping"]), (202, &true.into()));
}

/// Whatever is referred to is there.
fn references(part: &Value, whole: &Value) {
    match part {
        Value::Object(fields) => {
            if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
                let path = reference.strip_prefix('#').unwrap();
                assert!(whole.pointer(path).is_some(), "{reference}");
            }
            fields.values().for_each(|value| references(value, whole));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, whole)),
        _ => {}
    }
}
