//! A [`Transform`] as a component.

use std::sync::Arc;

use arrow_schema::Schema;

use super::cross;
use crate::bindings::millrace::plugin::types as wit;
use crate::{Description, Output, Transform};

/// A started plugin with what it needs to read a batch.
pub struct Instance<T> {
    plugin: T,
    description: Description,
    reads: Arc<Schema>,
}

pub fn start<T: Transform>(
    config: &str,
    input: Vec<wit::Field>,
) -> Result<(Instance<T>, wit::Description), Vec<wit::ConfigError>> {
    cross::report_panics();
    let input = cross::schema(input)?;
    let config = super::config(config).map_err(cross::config_errors)?;
    let (plugin, description) = T::start(config, &input).map_err(cross::config_errors)?;
    let reads = cross::read_schema(&input, &description.reads)?;
    let described = wit::Description {
        reads: description.reads.clone(),
        ports: cross::ports(&description.ports)?,
    };
    Ok((Instance { plugin, description, reads }, described))
}

pub fn process<T: Transform>(
    instance: &mut Instance<T>,
    input: wit::Batch,
) -> Result<wit::Output, String> {
    let batch = cross::batch(&instance.reads, input.columns, input.rows as usize)?;
    let mut out = Output::default();
    instance.plugin.process(&batch, &mut out).map_err(cross::failed)?;
    // What the plugin still holds of the batch would have to be copied.
    drop(batch);
    Ok(wit::Output {
        ports: cross::outputs(&instance.description.ports, out.emitted)?,
        errors: cross::row_errors(out.errors),
    })
}
