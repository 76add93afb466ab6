//! Core modules to components, and worlds cut to what a plugin uses.

use std::fs;
use std::path::Path;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::error::{Error, Result};
use crate::plan::Grant;
use crate::plugin::World;

/// Answers what compilers for WASI import from inside of the component: nothing is imported from
/// the host, so that no plugin has a file, a clock or an environment by way of its language.
const NULL: &str = include_str!("null.wat");
const WASI: &str = "wasi_snapshot_preview1";

/// Makes a component of the core module at `core`, whose bindings are those of `world` in the
/// contract `wit`; without it the module says itself what they are.
///
/// # Errors
/// If it is none, or its exports are not those of the world.
pub fn encode(core: &Path, wit: Option<&Path>, world: World, component: &Path) -> Result<()> {
    let mut module = fs::read(core).map_err(|e| Error::io("read", core, e))?;
    if let Some(wit) = wit {
        let mut contract = Resolve::default();
        let (package, _) = contract.push_path(wit).map_err(wrong("cannot read the contract"))?;
        let id = contract.select_world(&[package], Some(world.name()));
        let id = id.map_err(wrong("cannot read the contract"))?;
        embed_component_metadata(&mut module, &contract, id, StringEncoding::UTF8, false)
            .map_err(wrong("the compiler left what is no module"))?;
    }
    let null = wat::parse_str(NULL)
        .map_err(|e| Error::internal("the adapter for WASI is broken").with(e.to_string()))?;
    let mut encoder = ComponentEncoder::default();
    encoder.validate(true);
    encoder.module(&module).map_err(wrong("the compiler left what can't be a component"))?;
    encoder.adapter(WASI, &null).map_err(wrong("the adapter for WASI is broken"))?;
    let bytes = encoder.encode().map_err(|e| {
        let world = world.name();
        let message = format!(
            "cannot make a component of the world `{world}`, which plugin.toml says that the \
             plugin is: its code must be that of a plugin of this world"
        );
        Error::plugin(message).with(format!("{e:#}"))
    })?;
    fs::write(component, bytes).map_err(|e| Error::io("write", component, e))
}

/// The name of the world that [`cut`] makes.
pub const CUT: &str = "plugin";

/// Writes the contract to `into`, with a world named [`CUT`] that has of `world` what a plugin
/// with these grants may use: some compilers import all that their world has.
///
/// # Errors
/// If a file can't be written.
pub fn cut(wit: &Path, into: &Path, world: World, grants: &[Grant]) -> Result<()> {
    if into.exists() {
        fs::remove_dir_all(into).map_err(|e| Error::io("remove", into, e))?;
    }
    fs::create_dir_all(into).map_err(|e| Error::io("make", into, e))?;
    let files = fs::read_dir(wit).map_err(|e| Error::io("list", wit, e))?;
    for file in files {
        let file = file.map_err(|e| Error::io("list", wit, e))?.path();
        let Some(name) = file.file_name() else { continue };
        fs::copy(&file, into.join(name)).map_err(|e| Error::io("write", into, e))?;
    }
    let mut text = format!("package millrace:plugin@0.1.0;\n\nworld {CUT} {{\n    import fault;\n");
    for grant in grants {
        text += &format!("    import {};\n", local(grant.interface()));
    }
    if world == World::Keyed {
        text += "    import state;\n";
    }
    text += &format!("    export {};\n}}\n", local(world.interface()));
    let path = into.join("plugin-world.wit");
    fs::write(&path, text).map_err(|e| Error::io("write", &path, e))
}

/// An interface of the contract as the contract itself names it.
fn local(interface: &str) -> &str {
    let name = interface.split('/').next_back().unwrap_or(interface);
    name.split('@').next().unwrap_or(name)
}

/// An error of the encoder, with all that it says.
fn wrong<E: std::fmt::Display>(what: &'static str) -> impl FnOnce(E) -> Error {
    move |e| Error::plugin(what).with(format!("{e:#}"))
}
