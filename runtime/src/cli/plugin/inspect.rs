//! `millrace plugin inspect`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::error::{ErrorKind, Result};
use crate::plan::Grants;
use crate::plugin::{Inspection, PluginHost};

pub fn inspect(plugin: &str) -> Result<ExitCode> {
    let host = PluginHost::new(Path::new(""), &[PathBuf::from("plugins")]);
    let inspection = host.inspect(plugin)?;
    print(&inspection, &inspection.path);
    if let Some((message, help)) = inspection.wanted.refusal(plugin, None, Grants::EVERYTHING) {
        out!("refused  {message}\n         {help}");
        return Ok(ExitCode::from(ErrorKind::Plugin.exit_code()));
    }
    Ok(ExitCode::SUCCESS)
}

/// Says what a component is that lies at `path`.
pub fn print(inspection: &Inspection, path: &Path) {
    let wanted = &inspection.wanted;
    out!("path     {}", path.display());
    out!("digest   {}", inspection.digest);
    out!("size     {} bytes", inspection.bytes);
    match &inspection.about {
        Ok((name, version, summary)) => {
            out!("name     {name}\nversion  {version}\nsummary  {summary}");
        }
        Err(problem) => out!("about    {problem}"),
    }
    let worlds: Vec<String> = wanted.worlds.iter().map(|world| world.name().to_owned()).collect();
    out!("world    {}", list(&worlds));
    out!("imports  {}", list(&wanted.imports));
    out!("exports  {}", list(&wanted.exports));
    let grants = match wanted.grants.is_empty() {
        true => "none needed".to_owned(),
        false => wanted.grants.to_string(),
    };
    out!("grants   {}", grants);
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}
