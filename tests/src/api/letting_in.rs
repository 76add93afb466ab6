//! Who may ask: nobody without the token where there is one, and no web page of another site.

use super::fixture::{Pipeline, STEADY, request};
use crate::harness::{Sandbox, wait_until};

const TOKEN: &str = "correct horse battery staple";

/// A token of the environment is required of every request but the two that probes make.
#[test]
fn a_token_is_required_where_there_is_one() {
    let sandbox = Sandbox::new();
    sandbox.pipeline(STEADY);
    let pipeline = Pipeline::start_with(&sandbox, &[], &[("MILLRACE_API_TOKEN", TOKEN)]);
    let right = format!("Authorization: Bearer {TOKEN}");
    let wrong = "Authorization: Bearer incorrect horse";
    for path in ["/v1/status", "/metrics", "/v1/tap/even", "/openapi.json", "/nothing"] {
        let without = request(&pipeline.url, "GET", path, &[], "");
        assert_eq!(without.status, 401, "{path}");
        assert!(without.headers.contains("www-authenticate: bearer"), "{}", without.headers);
        assert!(without.error().contains("MILLRACE_API_TOKEN"), "{}", without.body);
        let refused = request(&pipeline.url, "GET", path, &[wrong], "");
        assert_eq!(refused.status, 401, "{path}");
        assert!(refused.error().contains("not the token"), "{}", refused.body);
    }
    assert_eq!(request(&pipeline.url, "POST", "/v1/stop", &[wrong], "").status, 401);
    assert_eq!(request(&pipeline.url, "GET", "/v1/status", &[&right], "").status, 200);
    wait_until(|| pipeline.get("/ready").status == 200);
    assert_eq!(pipeline.get("/health").status, 200);
    // Commands take it from the environment or a file, and say so.
    sandbox.write("token", format!("{TOKEN}\n"));
    wait_until(|| sandbox.millrace(&["status", "test"]).status.code() == Some(2));
    let refused = sandbox.millrace(&["stop", "test"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("a token is needed") && said.contains("--token-file"), "{said}");
    let known = ["status", "test", "--token-file", "token"];
    assert_eq!(sandbox.millrace(&known).status.code(), Some(0));
    let mut by_variable = sandbox.command(&["status", "test"]);
    by_variable.env("MILLRACE_API_TOKEN", TOKEN);
    assert_eq!(by_variable.output().unwrap().status.code(), Some(0));
    let mut wrong = sandbox.command(&["stop", "test"]);
    let refused = wrong.env("MILLRACE_API_TOKEN", "wrong").output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("not the token"));
    assert_eq!(pipeline.get("/health").status, 200, "it still runs");
    // Nobody finds the token where the pipeline is noted.
    let noted = std::fs::read_to_string(sandbox.path(".millrace/test/api.json")).unwrap();
    assert!(!noted.contains(TOKEN), "{noted}");
}

/// Where other machines can reach it, there is no API without a token.
#[test]
fn beyond_this_machine_nothing_is_served_without_a_token() {
    let sandbox = Sandbox::new();
    sandbox.pipeline(&format!("[api]\nlisten = \"0.0.0.0:0\"\n{STEADY}"));
    let refused = sandbox.millrace(&["run", "pipeline.toml"]);
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("0.0.0.0:0, where other machines can reach it"), "{said}");
    assert!(said.contains("MILLRACE_API_TOKEN") && said.contains("token_file"), "{said}");
    assert!(!sandbox.path(".millrace").exists());
    sandbox.write("empty", "\n");
    let refused = sandbox.millrace(&["run", "pipeline.toml", "--token-file", "empty"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("no token in empty"));
    // With a file of the pipeline's own, commands of the same user need nothing.
    sandbox.write("token", TOKEN);
    let api = "[api]\nlisten = \"0.0.0.0:0\"\ntoken_file = \"token\"\n";
    sandbox.pipeline(&format!("{api}{STEADY}"));
    let pipeline = Pipeline::start(&sandbox, &[]);
    assert_eq!(pipeline.get("/v1/status").status, 401);
    wait_until(|| sandbox.millrace(&["status", "test"]).status.code() == Some(0));
}

/// A page of another site can make a browser send requests here: none is answered, whatever name
/// the site has for this machine.
#[test]
fn pages_of_other_sites_are_not_answered() {
    let sandbox = Sandbox::new();
    sandbox.pipeline(STEADY);
    let pipeline = Pipeline::start(&sandbox, &[]);
    let ask = |method: &str, path: &str, headers: &[&str]| {
        request(&pipeline.url, method, path, headers, "").status
    };
    assert_eq!(ask("POST", "/v1/stop", &["Origin: https://evil.example"]), 403);
    assert_eq!(ask("POST", "/v1/stop", &["Origin: null"]), 403);
    assert_eq!(ask("GET", "/v1/status", &["Host: evil.example"]), 403);
    assert_eq!(ask("GET", "/v1/status", &["Host: evil.example:80"]), 403);
    assert_eq!(ask("GET", "/v1/status", &["Host: localhost:1"]), 200);
    assert_eq!(ask("GET", "/v1/status", &["Host: [::1]"]), 200);
    let own = pipeline.url.as_str();
    assert_eq!(ask("GET", "/v1/status", &[&format!("Origin: {own}")]), 200);
}
