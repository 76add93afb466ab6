//! From what a plugin says of itself to how its rows are put together.

use std::sync::Arc;

use arrow::datatypes::{Field, Fields, Schema, SchemaRef};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;

use super::names::{ERRORS, LATE, is_name};
use crate::config::OnFailure;
use crate::plan::{
    Described, DescribedPort, KeyedPlan, Order, PluginCatalog, PluginPlan, PluginPort,
    PluginRefusal, PluginRequest, PortColumn,
};

/// What the step `step` will do, once its plugin was asked.
///
/// # Errors
/// All that the plugin says against it, or what can't be of what it says of itself.
pub fn plan_plugin(
    step: &str,
    request: &PluginRequest,
    on_failure: OnFailure,
    catalog: &dyn PluginCatalog,
) -> Result<PluginPlan, Vec<PluginRefusal>> {
    let described = catalog.describe(request)?;
    let input = Arc::new(Schema::new(request.input.clone()));
    let carried = input.clone();
    planned(step, request, on_failure, described, (input, carried))
}

/// What the step `step` with the key `key`, indices of its input's columns, will do, once its
/// plugin was asked.
///
/// # Errors
/// As [`plan_plugin`].
pub fn plan_keyed(
    step: &str,
    request: &PluginRequest,
    on_failure: OnFailure,
    key: &[usize],
    catalog: &dyn PluginCatalog,
) -> Result<KeyedPlan, Vec<PluginRefusal>> {
    let names: Vec<String> = key.iter().map(|at| request.input[*at].name().clone()).collect();
    let keyed = catalog.describe_keyed(request, &names)?;
    let input = Arc::new(Schema::new(request.input.clone()));
    // A row that a timer makes has nothing to carry over but its key.
    let nullable = |(at, field): (usize, &Arc<Field>)| match key.contains(&at) {
        true => field.clone(),
        false => Arc::new(field.as_ref().clone().with_nullable(true)),
    };
    let carried: Fields = input.fields().iter().enumerate().map(nullable).collect();
    let wanted = |name: &String| {
        names.iter().position(|key| key == name).ok_or_else(|| {
            let message = format!("it wants to see `{name}` of the key, which is not part of it");
            vec![PluginRefusal::Plugin { message }]
        })
    };
    if let Some(again) =
        (1..keyed.keys.len()).find(|at| keyed.keys[..*at].contains(&keyed.keys[*at]))
    {
        let message = format!("it wants to see `{}` of the key twice", keyed.keys[again]);
        return Err(vec![PluginRefusal::Plugin { message }]);
    }
    let key_reads = keyed.keys.iter().map(wanted).collect::<Result<_, _>>()?;
    let schemas = (input.clone(), Arc::new(Schema::new(carried)));
    let plugin = planned(step, request, on_failure, keyed.described, schemas)?;
    let expr =
        |at: &usize| Arc::new(Column::new(input.field(*at).name(), *at)) as Arc<dyn PhysicalExpr>;
    Ok(KeyedPlan {
        plugin,
        keys: key.iter().map(expr).collect(),
        key: key.to_vec(),
        key_fields: key.iter().map(|at| input.fields()[*at].clone()).collect(),
        key_reads,
        state_version: keyed.state_version,
        reads_versions: keyed.reads_versions,
        order: Order::Arrival { lag: 0 },
        state_ttl: keyed.state_ttl.map(|ttl| i64::try_from(ttl).unwrap_or(i64::MAX / 4)),
        late: None,
    })
}

/// The plan of a plugin that carries over columns of the second schema.
fn planned(
    step: &str,
    request: &PluginRequest,
    on_failure: OnFailure,
    described: Described,
    (input, carried): (SchemaRef, SchemaRef),
) -> Result<PluginPlan, Vec<PluginRefusal>> {
    let wrong = |message| vec![PluginRefusal::Plugin { message }];
    let reads = reads(&described, &input).map_err(wrong)?;
    let ports = ports(&described, &carried).map_err(wrong)?;
    Ok(PluginPlan {
        step: step.to_owned(),
        plugin: request.plugin.to_owned(),
        digest: described.digest,
        config: request.config.to_owned(),
        limits: request.limits.clone(),
        grants: request.grants,
        deterministic: request.deterministic,
        on_failure,
        input,
        event_time: None,
        reads,
        errors: ports.len(),
        ports,
        retry: None,
    })
}

/// The indices of the columns that a plugin reads.
///
/// # Errors
/// Names the column that its input does not have.
fn reads(described: &Described, input: &Schema) -> Result<Vec<usize>, String> {
    let index = |name: &String| {
        input.index_of(name).map_err(|_| {
            let has: Vec<&str> = input.fields().iter().map(|f| f.name().as_str()).collect();
            format!("it reads column `{name}`, but its input has only `{}`", has.join("`, `"))
        })
    };
    let reads = described.reads.iter().map(index).collect::<Result<Vec<_>, _>>()?;
    match (1..reads.len()).find(|i| reads[..*i].contains(&reads[*i])) {
        Some(twice) => Err(format!("it reads column `{}` twice", described.reads[twice])),
        None => Ok(reads),
    }
}

/// How the rows of each port are put together.
///
/// # Errors
/// Names what can't be.
fn ports(described: &Described, input: &SchemaRef) -> Result<Vec<PluginPort>, String> {
    if described.ports.is_empty() {
        return Err("it has no port".to_owned());
    }
    for (i, port) in described.ports.iter().enumerate() {
        if !is_name(&port.name) || [ERRORS, LATE].contains(&port.name.as_str()) {
            return Err(format!("it calls a port `{}`, which can't be a port's name", port.name));
        }
        if described.ports[..i].iter().any(|p| p.name == port.name) {
            return Err(format!("it has two ports `{}`", port.name));
        }
    }
    described.ports.iter().map(|port| assemble(port, input)).collect()
}

fn assemble(port: &DescribedPort, input: &SchemaRef) -> Result<PluginPort, String> {
    if let Some(missing) = port.drops.iter().find(|name| input.index_of(name).is_err()) {
        return Err(format!("port `{}` drops column `{missing}`, which is not there", port.name));
    }
    let added = |name: &str| port.adds.iter().position(|f| f.name() == name);
    let mut fields = Vec::new();
    let mut columns = Vec::new();
    for (at, field) in input.fields().iter().enumerate() {
        if port.drops.contains(field.name()) {
            continue;
        }
        match added(field.name()) {
            Some(new) => {
                fields.push(port.adds[new].clone());
                columns.push(PortColumn::Added(new));
            }
            None => {
                fields.push(field.clone());
                columns.push(PortColumn::Input(at));
            }
        }
    }
    for (at, field) in port.adds.iter().enumerate() {
        if !columns.contains(&PortColumn::Added(at)) {
            fields.push(field.clone());
            columns.push(PortColumn::Added(at));
        }
    }
    let schema = Arc::new(Schema::new(Fields::from(fields)));
    Ok(PluginPort { name: port.name.clone(), adds: port.adds.clone(), schema, columns })
}
