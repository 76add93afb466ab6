//! `millrace check`, and what `run` does first.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::{self, CheckFailure, Pipeline};
use crate::plan::Plan;

/// Prints what is wrong with a pipeline, or what it does.
pub fn check(file: &Path) -> Result<ExitCode> {
    match load(file)? {
        Ok(pipeline) => {
            out!("{}", describe(&pipeline.plan).trim_end());
            Ok(ExitCode::SUCCESS)
        }
        Err(code) => Ok(code),
    }
}

/// The checked pipeline, or the exit code once its mistakes were printed. Warnings are printed.
pub fn load(file: &Path) -> Result<Result<Pipeline, ExitCode>> {
    let colour = std::io::stderr().is_terminal();
    match pipeline::check(file) {
        Ok(pipeline) => {
            if !pipeline.found.found.is_empty() {
                eprintln!("{}\n", pipeline.found.render(colour));
            }
            Ok(Ok(pipeline))
        }
        Err(CheckFailure::Unreadable(error)) => Err(error),
        Err(CheckFailure::Mistakes(found)) => {
            eprintln!("{}\n", found.render(colour));
            let count = found.errors();
            let mistakes =
                if count == 1 { "1 mistake".into() } else { format!("{count} mistakes") };
            eprintln!("error: {} has {mistakes}; nothing was started", file.display());
            Ok(Err(ExitCode::from(ErrorKind::Config.exit_code())))
        }
    }
}

/// As [`load`], for commands that go no further.
pub fn load_or_fail(file: &Path) -> Result<Pipeline> {
    load(file)?.map_err(|_| Error::config(format!("{} can't be used so", file.display())))
}

fn describe(plan: &Plan) -> String {
    let mut text = format!("pipeline `{}` is in order\n", plan.name);
    for node in &plan.nodes {
        let inputs: Vec<String> = node
            .inputs
            .iter()
            .map(|input| {
                let from = &plan.nodes[input.node];
                format!("{}.{}", from.name, from.ports[input.port].name)
            })
            .collect();
        let kind = node.kind.name();
        let from =
            if inputs.is_empty() { String::new() } else { format!("  <- {}", inputs.join(", ")) };
        text.push_str(&format!("\n{kind:<7} {}{from}\n", node.name));
        for port in node.ports.iter().filter(|port| port.name != "errors") {
            let columns: Vec<String> = port
                .schema
                .fields()
                .iter()
                .map(|f| format!("{} {}", f.name(), f.data_type()))
                .collect();
            text.push_str(&format!("        {}: {}\n", port.name, columns.join(", ")));
        }
    }
    text
}
