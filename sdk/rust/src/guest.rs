//! The component's side of the boundary: from the contract's types to a [`Transform`] and back.

use std::sync::Arc;

use arrow_schema::Schema;

use crate::{ConfigError, ConfigErrors, Description, Transform};

/// Parses the configuration and starts the plugin.
///
/// # Errors
/// What is wrong with the configuration.
pub fn open<T: Transform>(config: &str, input: &Schema) -> Result<(T, Description), ConfigErrors> {
    let config = serde_json::from_str(config).map_err(|e| {
        // The position within the JSON says nothing to the author of a TOML file.
        let text = e.to_string();
        let message = text.split(" at line ").next().unwrap_or(&text).to_owned();
        ConfigErrors::from(ConfigError { path: String::new(), message })
    })?;
    T::start(config, input)
}

/// A started plugin with what it needs to read a batch.
pub struct Instance<T> {
    #[cfg_attr(not(target_family = "wasm"), allow(dead_code))]
    plugin: T,
    #[cfg_attr(not(target_family = "wasm"), allow(dead_code))]
    description: Description,
    #[cfg_attr(not(target_family = "wasm"), allow(dead_code))]
    reads: Arc<Schema>,
}

#[cfg(target_family = "wasm")]
pub use component::{process, start};

#[cfg(target_family = "wasm")]
mod component {
    use arrow_array::RecordBatch;
    use arrow_buffer::Buffer;
    use arrow_schema::Field;
    use millrace_columns::{FlatColumns, FlatField, encode, flatten, unflatten};

    use super::{Arc, Instance, Schema, Transform, open};
    use crate::bindings::millrace::plugin::{fault, types as wit};
    use crate::{ConfigErrors, Description, Output, Port, Rows};

    pub fn start<T: Transform>(
        config: &str,
        input: Vec<wit::Field>,
    ) -> Result<(Instance<T>, wit::Description), Vec<wit::ConfigError>> {
        std::panic::set_hook(Box::new(|panic| fault::report(&panic.to_string())));
        let flat: Vec<FlatField> = input.into_iter().map(Into::into).collect();
        let fields = unflatten(&flat).map_err(|e| whole(&e.to_string()))?;
        let input = Schema::new(fields);
        let (plugin, description) = open::<T>(config, &input).map_err(errors)?;
        let reads: Result<Vec<Field>, _> =
            description.reads.iter().map(|name| input.field_with_name(name).cloned()).collect();
        let reads = reads.map_err(|_| {
            whole(&format!(
                "the plugin reads {:?}, which its input does not have",
                description.reads
            ))
        })?;
        let described = wit::Description {
            reads: description.reads.clone(),
            ports: description.ports.iter().map(port).collect::<Result<_, _>>()?,
        };
        Ok((Instance { plugin, description, reads: Arc::new(Schema::new(reads)) }, described))
    }

    pub fn process<T: Transform>(
        instance: &mut Instance<T>,
        input: wit::Batch,
    ) -> Result<wit::Output, String> {
        let flat = FlatColumns {
            nodes: input.columns.nodes.into_iter().map(Into::into).collect(),
            buffers: input.columns.buffers.into_iter().map(Buffer::from_vec).collect(),
        };
        let rows = input.rows as usize;
        // SAFETY: the host sends Arrow's own buffers, whose text it has checked.
        let columns =
            unsafe { millrace_columns::decode_trusted(instance.reads.fields(), flat, rows) }
                .map_err(|e| e.to_string())?;
        let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(instance.reads.clone(), columns, &options)
            .map_err(|e| e.to_string())?;
        let mut out = Output::default();
        instance.plugin.process(&batch, &mut out).map_err(|failure| failure.0)?;
        output(&instance.description, out)
    }

    fn output(description: &Description, out: Output) -> Result<wit::Output, String> {
        let mut ports = Vec::with_capacity(out.emitted.len());
        for emitted in out.emitted {
            let Some(at) = description.ports.iter().position(|p| p.name == emitted.port) else {
                return Err(format!("port `{}` is not in the description", emitted.port));
            };
            let mut flat = FlatColumns::default();
            encode(&emitted.columns, &mut flat).map_err(|e| e.to_string())?;
            ports.push(wit::PortOutput {
                port: at as u32,
                rows: match emitted.rows {
                    Rows::All => wit::Selection::All,
                    Rows::Some(rows) => wit::Selection::Rows(rows),
                },
                columns: wit::Columns {
                    nodes: flat.nodes.into_iter().map(Into::into).collect(),
                    buffers: flat.buffers.iter().map(|b| b.as_slice().to_vec()).collect(),
                },
            });
        }
        let errors = out
            .errors
            .into_iter()
            .map(|e| wit::RowError {
                row: e.row,
                code: e.code,
                message: e.message,
                column: e.column,
            })
            .collect();
        Ok(wit::Output { ports, errors })
    }

    fn port(port: &Port) -> Result<wit::Port, Vec<wit::ConfigError>> {
        let adds = flatten(&port.adds).map_err(|e| whole(&e.to_string()))?;
        Ok(wit::Port {
            name: port.name.clone(),
            adds: adds.iter().map(Into::into).collect(),
            drops: port.drops.clone(),
        })
    }

    fn errors(errors: ConfigErrors) -> Vec<wit::ConfigError> {
        let error = |e: crate::ConfigError| wit::ConfigError { path: e.path, message: e.message };
        errors.0.into_iter().map(error).collect()
    }

    fn whole(message: &str) -> Vec<wit::ConfigError> {
        vec![wit::ConfigError { path: String::new(), message: message.to_owned() }]
    }
}

/// Makes a [`Transform`] the plugin of this crate: `export_transform!(MyPlugin);`. Name, version
/// and description come from the crate's `Cargo.toml`. It does nothing in a native build.
#[macro_export]
macro_rules! export_transform {
    ($plugin:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            use ::millrace_plugin::bindings::exports::millrace::plugin::transformer::Guest;
            use ::millrace_plugin::bindings::millrace::plugin::types as wit;
            use ::millrace_plugin::guest;

            ::std::thread_local! {
                static INSTANCE: ::std::cell::RefCell<Option<guest::Instance<$plugin>>> =
                    const { ::std::cell::RefCell::new(None) };
            }

            struct Component;

            impl Guest for Component {
                fn about() -> wit::About {
                    wit::About {
                        name: env!("CARGO_PKG_NAME").into(),
                        version: env!("CARGO_PKG_VERSION").into(),
                        summary: env!("CARGO_PKG_DESCRIPTION").into(),
                    }
                }

                fn start(
                    config: String,
                    input: Vec<wit::Field>,
                ) -> Result<wit::Description, Vec<wit::ConfigError>> {
                    let (instance, description) = guest::start::<$plugin>(&config, input)?;
                    INSTANCE.set(Some(instance));
                    Ok(description)
                }

                fn process(input: wit::Batch) -> Result<wit::Output, String> {
                    INSTANCE.with_borrow_mut(|instance| match instance {
                        Some(instance) => guest::process(instance, input),
                        None => Err("`process` was called before `start`".into()),
                    })
                }
            }

            ::millrace_plugin::bindings::export!(
                Component with_types_in ::millrace_plugin::bindings
            );
        };
    };
}
