//! Lines for the operator of the pipeline; the step needs `grant = ["log"]`. Under `cargo test`
//! they go to standard error.

#[cfg(target_family = "wasm")]
use crate::bindings::millrace::plugin::log as host;

macro_rules! level {
    ($(#[$doc:meta])* $name:ident, $level:ident) => {
        $(#[$doc])*
        pub fn $name(message: &str) {
            #[cfg(target_family = "wasm")]
            host::log(host::Level::$level, message);
            #[cfg(not(target_family = "wasm"))]
            eprintln!("{} {message}", stringify!($name));
        }
    };
}

level!(
    /// For the plugin's own author.
    debug, Debug
);
level!(
    /// Worth knowing.
    info, Info
);
level!(
    /// Probably not what was meant.
    warn, Warn
);
level!(
    /// Something is lost or can't be done.
    error, Error
);
