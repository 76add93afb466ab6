//! Plugins that SQL calls.

use arrow::datatypes::Fields;

use super::build::Builder;
use super::names::is_name;
use crate::config::{FunctionConfig, Named};
use crate::plan::{FunctionPlan, Grant, PlannedFunction, PluginRefusal, PluginRequest};
use crate::sql;

impl Builder<'_> {
    /// Loads the functions that the pipeline names. What they say to their arguments is known once
    /// SQL calls them.
    pub(super) fn functions(&mut self) {
        for function in &self.config.functions {
            self.function(function);
        }
    }

    fn function(&mut self, function: &Named<FunctionConfig>) {
        let (name, config) = (&function.name, &function.config);
        if !is_name(name) {
            let help = "a function's name begins with a lower-case letter and has lower-case \
                        letters, digits and underscores";
            self.error(function.place.clone(), format!("`{name}` can't be a name"), help);
            return;
        }
        if sql::has_function(name) {
            let message = format!("SQL has a function `{name}` already");
            self.error(function.place.clone(), message, "choose another name");
            return;
        }
        // The result of a function depends on its arguments alone.
        let known: Vec<Grant> = Grant::ALL.into_iter().filter(|grant| !grant.is_impure()).collect();
        let Some(grants) = self.grants(&config.grant, &known) else { return };
        let json = serde_json::Value::Object(config.config.json.clone()).to_string();
        let request = PluginRequest {
            plugin: &config.plugin,
            config: &json,
            input: &Fields::empty(),
            limits: &config.limits,
            grants,
            deterministic: None,
        };
        match self.plugins.function(name, &request) {
            Ok(PlannedFunction { function, digest, metrics }) => {
                let called = format!("function.{name}");
                self.function_plans.push(FunctionPlan { name: called, digest, metrics });
                self.functions.insert(name.clone(), function);
            }
            Err(refusals) => {
                for refusal in refusals {
                    let (message, help) = match refusal {
                        PluginRefusal::Component { message, help } => (message, help),
                        PluginRefusal::Config { message, .. }
                        | PluginRefusal::Plugin { message } => (message, "mend it".to_owned()),
                    };
                    self.error(config.plugin.place(), message, help);
                }
            }
        }
    }
}
