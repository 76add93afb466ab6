//! `millrace plugin test`: golden cases through the component, as a job would run it, and what a row
//! costs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::golden::{Bench, Case, Verdict};
use super::project::Project;
use crate::error::{Error, Result};

/// The exit code where a case did not come out as expected.
const DIFFERENT: u8 = 1;

pub fn test(dir: &Path, component: Option<&Path>, bless: bool) -> Result<ExitCode> {
    let project = Project::find(dir)?;
    let cases = Case::all(&project.golden())?;
    let component = match component {
        // A bare name would be looked for in the plugin path.
        Some(file) => Path::new(".").join(file),
        None => built(&project)?,
    };
    let bench = Bench::new(&component)?;
    out!("testing {}", component.display());
    let (mut passed, mut failed, mut blessed) = (0, 0, 0);
    for case in &cases {
        match bench.run(case)? {
            Verdict::Pass => {
                passed += 1;
                out!("ok   {}", case.name);
            }
            Verdict::Differs { got: Some(got), .. } if bless => {
                blessed += 1;
                case.write(&got)?;
                out!("new  {}", case.name);
            }
            Verdict::Differs { text, .. } => {
                failed += 1;
                out!("FAIL {}\n{text}", case.name);
            }
        }
    }
    out!("size {} bytes", bench.bytes);
    if failed == 0
        && let Some(cost) = bench.cost(&cases)?
    {
        let (per_row, case) = (cost.per_row.as_nanos(), cost.case);
        out!("cost {per_row} ns a row, in batches of 8,192 made of the rows of `{case}`");
    }
    let blessed = if blessed == 0 { String::new() } else { format!(", {blessed} blessed") };
    out!("{passed} passed, {failed} failed{blessed}");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(DIFFERENT) })
}

/// The component that was built from the project.
fn built(project: &Project) -> Result<PathBuf> {
    let (dir, file) = (&project.dir, format!("{}.wasm", project.name));
    let beside = dir.canonicalize().ok().and_then(|dir| Some(dir.parent()?.join("dist")));
    let places = [Some(dir.join(&file)), beside.map(|dist| dist.join(&file))];
    let found = places.into_iter().flatten().find(|path| path.is_file());
    found.ok_or_else(|| {
        let dir = dir.display();
        Error::config(format!(
            "there is no {file} in {dir} to test: build it with `millrace plugin build {dir}`, or \
             name it with --component"
        ))
    })
}
