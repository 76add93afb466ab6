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

mod columns;
mod describe;
#[doc(hidden)]
pub mod guest;
pub mod log;
mod output;
mod rows;
pub mod testing;
mod transform;

pub use columns::BatchExt;
pub use describe::{ConfigError, ConfigErrors, Description, Port};
pub use millrace_plugin_derive::{FromRow, IntoColumns};
pub use output::{Emitted, Output, RowError, Rows};
pub use rows::{Cell, ColumnBuffer, FromRow, IntoCell, IntoColumns, rows};
pub use transform::{Failure, Transform};

/// Everything that a plugin usually names.
pub mod prelude {
    pub use std::sync::Arc;

    pub use arrow_array::{
        Array, ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, RecordBatch,
        StringArray, TimestampMicrosecondArray,
    };
    pub use arrow_schema::{DataType, Field, Schema, TimeUnit};
    pub use serde::Deserialize;

    pub use crate::{
        BatchExt, ColumnBuffer, ConfigError, ConfigErrors, Description, Failure, FromRow,
        IntoColumns, Output, Port, RowError, Transform, export_transform, rows,
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
}
