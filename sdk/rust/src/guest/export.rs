//! The macros that make a type the plugin of its crate. They do nothing in a native build.

/// Makes a [`Transform`](crate::Transform) the plugin of this crate: `export_transform!(MyPlugin);`.
/// Name, version and description come from the crate's `Cargo.toml`.
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
                $crate::about!();

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

/// The crate's own account of itself.
#[doc(hidden)]
#[macro_export]
macro_rules! about {
    () => {
        fn about() -> ::millrace_plugin::bindings::millrace::plugin::types::About {
            ::millrace_plugin::bindings::millrace::plugin::types::About {
                name: env!("CARGO_PKG_NAME").into(),
                version: env!("CARGO_PKG_VERSION").into(),
                summary: env!("CARGO_PKG_DESCRIPTION").into(),
            }
        }
    };
}

/// Does something with the instance that `start` made.
#[doc(hidden)]
#[macro_export]
macro_rules! with_instance {
    (|$instance:ident| $work:expr) => {
        INSTANCE.with_borrow_mut(|instance| match instance {
            Some($instance) => $work,
            None => Err("the plugin was called before `start`".into()),
        })
    };
}

/// Makes a [`KeyedTransform`](crate::KeyedTransform) the plugin of this crate:
/// `export_keyed!(MyPlugin);`. Name, version and description come from the crate's `Cargo.toml`.
#[macro_export]
macro_rules! export_keyed {
    ($plugin:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            use ::millrace_plugin::bindings::keyed::exports::millrace::plugin::keyed_transformer;
            use ::millrace_plugin::bindings::millrace::plugin::types as wit;
            use ::millrace_plugin::guest;

            ::std::thread_local! {
                static INSTANCE: ::std::cell::RefCell<Option<guest::KeyedInstance<$plugin>>> =
                    const { ::std::cell::RefCell::new(None) };
            }

            struct Component;

            impl keyed_transformer::Guest for Component {
                $crate::about!();

                fn start(
                    config: String,
                    input: Vec<wit::Field>,
                    key: Vec<String>,
                ) -> Result<keyed_transformer::KeyedDescription, Vec<wit::ConfigError>> {
                    let (instance, description) =
                        guest::start_keyed::<$plugin>(&config, input, &key)?;
                    INSTANCE.set(Some(instance));
                    Ok(description)
                }

                fn process(
                    input: keyed_transformer::KeyedBatch,
                ) -> Result<keyed_transformer::KeyedOutput, String> {
                    $crate::with_instance!(|instance| guest::process_keyed(instance, input))
                }

                fn migrate(version: u32, states: wit::Columns) -> Result<wit::Columns, String> {
                    guest::migrate::<$plugin>(version, states)
                }
            }

            ::millrace_plugin::bindings::keyed::export!(
                Component with_types_in ::millrace_plugin::bindings::keyed
            );
        };
    };
}

/// Makes an [`Aggregate`](crate::Aggregate) the plugin of this crate:
/// `export_aggregate!(MyFunction);`. Name, version and description come from the crate's
/// `Cargo.toml`.
#[macro_export]
macro_rules! export_aggregate {
    ($function:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            use ::millrace_plugin::bindings::aggregate::exports::millrace::plugin::aggregator;
            use ::millrace_plugin::bindings::millrace::plugin::types as wit;
            use ::millrace_plugin::guest;

            ::std::thread_local! {
                static INSTANCE: ::std::cell::RefCell<Option<guest::AggregateInstance<$function>>> =
                    const { ::std::cell::RefCell::new(None) };
            }

            struct Component;

            impl aggregator::Guest for Component {
                $crate::about!();

                fn start(
                    config: String,
                    arguments: Vec<wit::Field>,
                ) -> Result<aggregator::AggregateDescription, Vec<wit::ConfigError>> {
                    let (instance, description) =
                        guest::start_aggregate::<$function>(&config, arguments)?;
                    INSTANCE.set(Some(instance));
                    Ok(description)
                }

                fn update(
                    groups: Vec<u32>,
                    rows: wit::Batch,
                    states: wit::Columns,
                ) -> Result<wit::Columns, String> {
                    $crate::with_instance!(|i| guest::update(i, &groups, rows, states))
                }

                fn merge(
                    states: wit::Columns,
                    others: wit::Columns,
                ) -> Result<wit::Columns, String> {
                    $crate::with_instance!(|i| guest::merge(i, states, others))
                }

                fn evaluate(states: wit::Columns) -> Result<wit::Columns, String> {
                    $crate::with_instance!(|i| guest::evaluate_aggregate(i, states))
                }
            }

            ::millrace_plugin::bindings::aggregate::export!(
                Component with_types_in ::millrace_plugin::bindings::aggregate
            );
        };
    };
}

/// Makes a [`Scalar`](crate::Scalar) the plugin of this crate: `export_scalar!(MyFunction);`.
/// Name, version and description come from the crate's `Cargo.toml`.
#[macro_export]
macro_rules! export_scalar {
    ($function:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            use ::millrace_plugin::bindings::millrace::plugin::types as wit;
            use ::millrace_plugin::bindings::scalar::exports::millrace::plugin::scalar_function;
            use ::millrace_plugin::guest;

            ::std::thread_local! {
                static INSTANCE: ::std::cell::RefCell<Option<guest::ScalarInstance<$function>>> =
                    const { ::std::cell::RefCell::new(None) };
            }

            struct Component;

            impl scalar_function::Guest for Component {
                $crate::about!();

                fn start(
                    config: String,
                    arguments: Vec<wit::Field>,
                ) -> Result<Vec<wit::Field>, Vec<wit::ConfigError>> {
                    let (instance, result) = guest::start_scalar::<$function>(&config, arguments)?;
                    INSTANCE.set(Some(instance));
                    Ok(result)
                }

                fn evaluate(arguments: wit::Batch) -> Result<scalar_function::Evaluated, String> {
                    $crate::with_instance!(|i| guest::evaluate_scalar(i, arguments))
                }
            }

            ::millrace_plugin::bindings::scalar::export!(
                Component with_types_in ::millrace_plugin::bindings::scalar
            );
        };
    };
}
