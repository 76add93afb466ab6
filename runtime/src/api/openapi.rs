//! The API's description of itself, in OpenAPI 3.1.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::failure::Failure;
use super::routes::{Answer, Parameter, ROUTES, Route};

/// Of the API of the pipeline `name`.
pub fn description(name: &str) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let failure = generator.subschema_for::<Failure>();
    let mut paths = Map::new();
    for route in ROUTES {
        let body = route.body.map(|schema| schema(&mut generator));
        let answer = match &route.answer {
            Answer::Json(schema) => {
                json!({ "application/json": { "schema": schema(&mut generator) } })
            }
            Answer::Text(kind) => json!({ *kind: { "schema": { "type": "string" } } }),
        };
        let mut operation = json!({
            "operationId": route.id,
            "summary": route.summary,
            "parameters": route.parameters.iter().map(parameter).collect::<Vec<_>>(),
            "responses": {
                good(route): { "description": "As asked", "content": answer },
                "default": {
                    "description": "Why not, and what to do",
                    "content": { "application/json": { "schema": failure } },
                },
            },
        });
        if let Some(schema) = body {
            let content = json!({ "application/json": { "schema": schema } });
            operation["requestBody"] = json!({ "required": true, "content": content });
        }
        if route.is_open {
            operation["security"] = json!([]);
        }
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.as_str().to_lowercase()] = operation;
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": format!("Millrace: the pipeline {name}"),
            "version": env!("CARGO_PKG_VERSION"),
        },
        "security": [{}, { "token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": generator.take_definitions(true),
        },
    })
}

fn good(route: &Route) -> &'static str {
    if route.id == "stop" { "202" } else { "200" }
}

fn parameter(parameter: &Parameter) -> Value {
    json!({
        "name": parameter.name,
        "in": if parameter.is_path { "path" } else { "query" },
        "required": parameter.is_path,
        "description": parameter.text,
        "schema": { "type": parameter.kind },
    })
}
