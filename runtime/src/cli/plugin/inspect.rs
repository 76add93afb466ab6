//! `millrace plugin inspect`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::error::Result;
use crate::plugin::PluginHost;

pub fn inspect(plugin: &str) -> Result<ExitCode> {
    let host = PluginHost::new(Path::new(""), &[PathBuf::from("plugins")]);
    let inspection = host.inspect(plugin)?;
    let wanted = &inspection.wanted;
    println!("path     {}", inspection.path.display());
    println!("digest   {}", inspection.digest);
    println!("size     {} bytes", inspection.bytes);
    match &inspection.about {
        Ok((name, version, summary)) => {
            println!("name     {name}\nversion  {version}\nsummary  {summary}");
        }
        Err(problem) => println!("about    {problem}"),
    }
    println!("exports  {}", wanted.exports.join(", "));
    println!("grants   {}", if wanted.log { "log" } else { "none needed" });
    if let Some((message, help)) = wanted.refusal(plugin, true) {
        println!("refused  {message}\n         {help}");
        return Ok(ExitCode::from(crate::error::ErrorKind::Plugin.exit_code()));
    }
    Ok(ExitCode::SUCCESS)
}
