//! What a component wants of the host, and what it offers.

use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

use crate::plan::{Grant, Grants};

/// Always there: types, the last words before a trap, and the large state of keyed plugins.
const FREE: [&str; 3] =
    ["millrace:plugin/types@0.1.0", "millrace:plugin/fault@0.1.0", "millrace:plugin/state@0.1.0"];

/// What a plugin can be used as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum World {
    Transform,
    Keyed,
    Aggregate,
    Scalar,
}

impl World {
    pub const ALL: [Self; 4] = [Self::Transform, Self::Keyed, Self::Aggregate, Self::Scalar];

    pub fn name(self) -> &'static str {
        match self {
            Self::Transform => "transform",
            Self::Keyed => "keyed",
            Self::Aggregate => "aggregate",
            Self::Scalar => "scalar",
        }
    }

    /// The interface that a plugin of this world exports.
    pub fn interface(self) -> &'static str {
        match self {
            Self::Transform => "millrace:plugin/transformer@0.1.0",
            Self::Keyed => "millrace:plugin/keyed-transformer@0.1.0",
            Self::Aggregate => "millrace:plugin/aggregator@0.1.0",
            Self::Scalar => "millrace:plugin/scalar-function@0.1.0",
        }
    }

    /// How a pipeline uses a plugin of this world.
    fn used_by(self) -> &'static str {
        match self {
            Self::Transform => "use it in a [step] without `key`",
            Self::Keyed => "use it in a [step] with `key = [\"column\"]`",
            Self::Aggregate | Self::Scalar => {
                "name it in [function.NAME] and call NAME(...) in a SQL step"
            }
        }
    }
}

/// What a component imports and exports, as far as it matters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// What it can't run without.
    pub grants: Grants,
    pub imports: Vec<String>,
    /// Imports that are not part of the contract.
    pub foreign: Vec<String>,
    /// What it can be used as; nothing if it is no plugin.
    pub worlds: Vec<World>,
    pub exports: Vec<String>,
}

impl Wanted {
    pub fn of(component: &Component, engine: &Engine) -> Self {
        let ty = component.component_type();
        let mut wanted = Self::default();
        for (name, item) in ty.imports(engine) {
            wanted.imports.push(name.to_owned());
            if let Some(grant) = Grant::ALL.iter().find(|grant| grant.interface() == name) {
                wanted.grants.add(*grant);
                continue;
            }
            match name {
                name if FREE.contains(&name) => {}
                // An interface of types alone gives the guest nothing.
                name if is_types_only(&item.ty, engine) => {
                    tracing::debug!(import = name, "an import of types alone");
                }
                name => wanted.foreign.push(name.to_owned()),
            }
        }
        wanted.exports = ty.exports(engine).map(|(name, _)| name.to_owned()).collect();
        let exports = |world: &World| wanted.exports.iter().any(|name| name == world.interface());
        wanted.worlds = World::ALL.into_iter().filter(exports).collect();
        wanted
    }

    /// Whether it can be instantiated.
    pub fn is_plugin(&self) -> bool {
        self.foreign.is_empty() && !self.worlds.is_empty()
    }

    /// Why the component can't be a plugin, or not one of `world`, with the remedy.
    pub fn refusal(
        &self,
        plugin: &str,
        world: Option<World>,
        granted: Grants,
    ) -> Option<(String, String)> {
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
        let Some(first) = self.worlds.first() else {
            let interface = world.unwrap_or(World::Transform).interface();
            let exports = self.exports.join("`, `");
            let message = format!("`{plugin}` is no plugin: it does not export `{interface}`");
            let help = format!("it exports `{exports}`; build it against wit/ of this Millrace");
            return Some((message, help));
        };
        if let Some(world) = world.filter(|world| !self.worlds.contains(world)) {
            let (is, wanted) = (first.name(), world.name());
            let message =
                format!("plugin `{plugin}` is of the world `{is}`, and `{wanted}` is needed here");
            return Some((message, first.used_by().to_owned()));
        }
        let missing = self.grants.without(granted);
        if !missing.is_empty() {
            let message = format!("plugin `{plugin}` wants what it is not granted: {missing}");
            let all: Grants = self.grants.iter().chain(granted.iter()).collect();
            let names: Vec<String> =
                all.iter().map(|grant| format!("{:?}", grant.name())).collect();
            let is_function = matches!(world, Some(World::Aggregate | World::Scalar));
            if is_function && missing.iter().any(Grant::is_impure) {
                let help = "a function's result depends on its arguments alone, so that it has no \
                            clock and no random numbers: use a plugin in a [step] instead";
                return Some((message, help.to_owned()));
            }
            return Some((message, format!("grant it: grant = [{}]", names.join(", "))));
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
