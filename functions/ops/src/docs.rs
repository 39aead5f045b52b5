//! The OpenAPI document for people.

use minijinja::{Environment, value::Serde};
use serde::Serialize;
use serde_json::Value;

use crate::pages::LAYOUT;

#[derive(Serialize)]
struct Page<'a> {
    version: &'a str,
    intro: &'a str,
    sections: Vec<Section<'a>>,
    problems: &'a Value,
}

#[derive(Serialize)]
struct Section<'a> {
    name: &'a str,
    operations: Vec<Operation<'a>>,
}

#[derive(Serialize)]
struct Operation<'a> {
    method: String,
    path: &'a str,
    summary: &'a str,
    description: &'a str,
    permission: &'a str,
    parameters: Vec<Parameter<'a>>,
    body: Option<String>,
    responses: Vec<(&'a str, &'a str)>,
}

#[derive(Serialize)]
struct Parameter<'a> {
    name: &'a str,
    place: &'a str,
    description: &'a str,
    required: bool,
}

/// The page of the whole document.
pub fn render(openapi: &Value) -> String {
    let tags = openapi["tags"].as_array().into_iter().flatten();
    let sections: Vec<_> = tags
        .filter_map(|tag| tag["name"].as_str())
        .map(|name| Section { name, operations: operations(openapi, name) })
        .collect();
    let info = &openapi["info"];
    let page = Page {
        version: text(&info["version"]),
        intro: text(&info["description"]),
        sections,
        problems: &openapi["x-problems"],
    };
    let mut templates = Environment::new();
    for (name, source) in [("layout.html", LAYOUT), ("docs.html", include_str!("pages/docs.html"))]
    {
        templates.add_template(name, source).expect("our templates parse");
    }
    let template = templates.get_template("docs.html").expect("the template is in the list above");
    template.render(Serde(page)).expect("our templates render what we give them")
}

fn operations<'a>(openapi: &'a Value, tag: &str) -> Vec<Operation<'a>> {
    let paths = openapi["paths"].as_object().into_iter().flatten();
    paths
        .flat_map(|(path, item)| {
            item.as_object().into_iter().flatten().map(move |(method, op)| (path, method, op))
        })
        .filter(|(_, _, operation)| operation["tags"][0] == tag)
        .map(|(path, method, operation)| Operation {
            method: method.to_uppercase(),
            path,
            summary: text(&operation["summary"]),
            description: text(&operation["description"]),
            permission: operation["x-permission"].as_str().unwrap_or("public"),
            parameters: parameters(operation),
            body: example(openapi, operation),
            responses: operation["responses"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(status, response)| (status.as_str(), text(&response["description"])))
                .collect(),
        })
        .collect()
}

fn parameters(operation: &Value) -> Vec<Parameter<'_>> {
    operation["parameters"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|parameter| Parameter {
            name: text(&parameter["name"]),
            place: text(&parameter["in"]),
            description: text(&parameter["description"]),
            required: parameter["required"] == true,
        })
        .collect()
}

/// A request body made of its schema's examples.
fn example(openapi: &Value, operation: &Value) -> Option<String> {
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    let sample = sample(openapi, schema);
    (!sample.is_null()).then(|| serde_json::to_string_pretty(&sample).unwrap_or_default())
}

fn sample(openapi: &Value, schema: &Value) -> Value {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = openapi.pointer(reference.trim_start_matches('#'));
        return target.map_or(Value::Null, |schema| sample(openapi, schema));
    }
    if !schema["example"].is_null() {
        return schema["example"].clone();
    }
    if let Some(properties) = schema["properties"].as_object() {
        let fields =
            properties.iter().map(|(name, schema)| (name.clone(), sample(openapi, schema)));
        return Value::Object(fields.collect());
    }
    if let Some(allowed) = schema["enum"].as_array() {
        return allowed.first().cloned().unwrap_or_default();
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.first().and_then(Value::as_str).unwrap_or_default(),
        kind => kind.as_str().unwrap_or_default(),
    };
    match kind {
        "array" => Value::Array(vec![sample(openapi, &schema["items"])]),
        "string" => Value::from("..."),
        "integer" | "number" => Value::from(1),
        "boolean" => Value::from(true),
        _ => Value::Null,
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
