//! What a component wants of the host, and what it offers.

use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

/// The interface that every plugin of the world `transform` exports.
const TRANSFORMER: &str = "millrace:plugin/transformer@0.1.0";
const LOG: &str = "millrace:plugin/log@0.1.0";
/// Always there: types, and the last words before a trap.
const FREE: [&str; 2] = ["millrace:plugin/types@0.1.0", "millrace:plugin/fault@0.1.0"];

/// What a component imports and exports, as far as it matters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    pub log: bool,
    /// Imports that are not part of the contract.
    pub foreign: Vec<String>,
    /// Whether it is a plugin at all.
    pub transform: bool,
    pub exports: Vec<String>,
}

impl Wanted {
    pub fn of(component: &Component, engine: &Engine) -> Self {
        let ty = component.component_type();
        let mut wanted = Self::default();
        for (name, item) in ty.imports(engine) {
            match name {
                LOG => wanted.log = true,
                name if FREE.contains(&name) => {}
                // An interface of types alone gives the guest nothing.
                name if is_types_only(&item.ty, engine) => {
                    tracing::debug!(import = name, "an import of types alone");
                }
                name => wanted.foreign.push(name.to_owned()),
            }
        }
        wanted.exports = ty.exports(engine).map(|(name, _)| name.to_owned()).collect();
        wanted.transform = wanted.exports.iter().any(|name| name == TRANSFORMER);
        wanted
    }

    /// Why the component can't be a plugin, with the remedy.
    pub fn refusal(&self, plugin: &str, grant_log: bool) -> Option<(String, String)> {
        if !self.foreign.is_empty() {
            let list = self.foreign.join("`, `");
            let wasi = self.foreign.iter().any(|name| name.starts_with("wasi:"));
            let help = if wasi {
                "a plugin has no files, network, clock or environment: build it without WASI \
                 (`millrace plugin build` does), or remove what needs it"
            } else {
                "a plugin may import only interfaces of `millrace:plugin@0.1.0`"
            };
            let message = format!("plugin `{plugin}` wants what no plugin may have: `{list}`");
            return Some((message, help.to_owned()));
        }
        if !self.transform {
            let exports = self.exports.join("`, `");
            let message = format!("`{plugin}` is no plugin: it does not export `{TRANSFORMER}`");
            let help = format!("it exports `{exports}`; build it against wit/ of this Millrace");
            return Some((message, help));
        }
        if self.log && !grant_log {
            let message = format!("plugin `{plugin}` wants to log");
            return Some((message, "grant it: grant = [\"log\"]".to_owned()));
        }
        None
    }
}

fn is_types_only(item: &ComponentItem, engine: &Engine) -> bool {
    match item {
        ComponentItem::ComponentInstance(instance) => {
            instance.exports(engine).all(|(_, export)| matches!(export.ty, ComponentItem::Type(_)))
        }
        ComponentItem::Type(_) => true,
        _ => false,
    }
}
