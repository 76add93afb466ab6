//! Write a Millrace plugin in Rust.
//!
//! A plugin implements [`Transform`] and names itself in [`export_transform!`]:
//!
//! ```
//! use millrace_plugin::prelude::*;
//!
//! pub struct FlagLarge {
//!     limit: f64,
//! }
//!
//! #[derive(Deserialize)]
//! pub struct Config {
//!     limit: f64,
//! }
//!
//! impl Transform for FlagLarge {
//!     type Config = Config;
//!
//!     fn start(config: Config, _input: &Schema) -> Result<(Self, Description), ConfigErrors> {
//!         let large = Field::new("large", DataType::Boolean, true);
//!         let description = Description::reads(["amount"]).port(Port::new("main").adds([large]));
//!         Ok((Self { limit: config.limit }, description))
//!     }
//!
//!     fn process(&mut self, batch: &RecordBatch, out: &mut Output) -> Result<(), Failure> {
//!         let amount = batch.float64("amount")?;
//!         let large: BooleanArray = amount.iter().map(|a| a.map(|a| a > self.limit)).collect();
//!         out.all("main", [Arc::new(large) as ArrayRef]);
//!         Ok(())
//!     }
//! }
//!
//! export_transform!(FlagLarge);
//! # fn main() {}
//! ```
//!
//! The same code runs under plain `cargo test`: see [`testing`]. Columns arrive as Arrow arrays
//! without a copy; where speed matters less, `#[derive(FromRow)]` gives one struct per row and
//! `#[derive(IntoColumns)]` turns structs back into columns.

pub mod clock;
mod columns;
mod describe;
mod function;
#[doc(hidden)]
pub mod guest;
mod keyed;
pub mod log;
pub mod metrics;
mod output;
pub mod random;
mod rows;
mod span;
pub mod testing;
mod transform;

pub use columns::BatchExt;
pub use describe::{ConfigError, ConfigErrors, Description, Port};
pub use function::{Aggregate, Errors, Scalar};
pub use keyed::{
    Clock, DueTimer, Event, KeyedBatch, KeyedTransform, LargeList, LargeMap, Memory, StateColumn,
    TimerChange, TimerSetting,
};
pub use millrace_plugin_derive::{FromRow, IntoColumns};
pub use output::{Emitted, Output, RowError, Rows};
pub use rows::{Cell, ColumnBuffer, FromRow, IntoCell, IntoColumns, rows};
pub use span::Span;
pub use transform::{Failure, Transform};

/// Everything that a plugin usually names.
pub mod prelude {
    pub use std::sync::Arc;

    pub use arrow_array::{
        Array, ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, RecordBatch,
        StringArray, TimestampMicrosecondArray, UInt64Array,
    };
    pub use arrow_schema::{DataType, Field, Schema, TimeUnit};
    pub use serde::{Deserialize, Serialize};

    pub use crate::{
        Aggregate, BatchExt, Clock, ColumnBuffer, ConfigError, ConfigErrors, Description, Errors,
        Event, Failure, FromRow, IntoColumns, KeyedBatch, KeyedTransform, Output, Port, RowError,
        Scalar, Transform, export_aggregate, export_keyed, export_scalar, export_transform, rows,
    };
}

#[doc(hidden)]
pub mod private {
    pub use {arrow_array, arrow_schema};
}

#[cfg(target_family = "wasm")]
#[doc(hidden)]
#[allow(missing_docs)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "transform",
        pub_export_macro: true,
        default_bindings_module: "::millrace_plugin::bindings",
    });

    millrace_columns::wit_types!(
        self::millrace::plugin::types,
        in DataType Field,
        out DataType Field
    );

    /// The bindings of another world, which shares the types of the first.
    macro_rules! world {
        ($name:ident, $world:literal, $module:literal $(, $interface:literal: $shared:ident)*) => {
            pub mod $name {
                wit_bindgen::generate!({
                    path: "../../wit",
                    world: $world,
                    pub_export_macro: true,
                    default_bindings_module: $module,
                    generate_all,
                    with: {
                        "millrace:plugin/types@0.1.0": crate::bindings::millrace::plugin::types,
                        "millrace:plugin/log@0.1.0": crate::bindings::millrace::plugin::log,
                        "millrace:plugin/metrics@0.1.0":
                            crate::bindings::millrace::plugin::metrics,
                        $($interface: crate::bindings::millrace::plugin::$shared,)*
                        "millrace:plugin/fault@0.1.0": crate::bindings::millrace::plugin::fault,
                    },
                });
            }
        };
    }

    world!(
        keyed, "keyed", "::millrace_plugin::bindings::keyed",
        "millrace:plugin/clock@0.1.0": clock,
        "millrace:plugin/random@0.1.0": random
    );
    world!(aggregate, "aggregate", "::millrace_plugin::bindings::aggregate");
    world!(scalar, "scalar", "::millrace_plugin::bindings::scalar");
}
