//! The OpenAPI 3.1 document, assembled from all modules.
//!
//! Handlers document what is theirs: parameters, bodies, the answers that matter. What follows from
//! the rules for every endpoint (permission, 401, 403, 413, 429 ...) is added here, so that it is
//! neither forgotten nor written a hundred times.

use serde_json::{Map, Value, json};
use utoipa::{PartialSchema, openapi::OpenApi};

use crate::{
    idempotency,
    problem::{self, Document, Kind, Violation},
    route::{Access, Route, RouteTable},
};

/// The fields of draft-ietf-httpapi-ratelimit-headers.
const LIMIT_FIELDS: [(&str, &str); 2] = [
    ("RateLimit-Policy", "The limits that count this request: quota `q` in `w` seconds"),
    ("RateLimit", "What is left of each: `r` requests; in `t` seconds all of the quota"),
];

/// One module's part.
#[derive(Clone)]
pub struct ApiDocument {
    pub module: &'static str,
    pub api: OpenApi,
    pub problems: &'static [Kind],
}

/// Assembles the whole document. `server` is the public address.
pub fn assemble(
    documents: &[ApiDocument],
    routes: &'static [Route],
    server: &str,
    version: &str,
) -> Value {
    let table = RouteTable::new(routes);
    let mut paths = Map::new();
    let mut schemas = Map::new();
    schemas.insert("Problem".to_owned(), to_value(&Document::schema()));
    schemas.insert("Violation".to_owned(), to_value(&Violation::schema()));
    let mut problems: Vec<_> = [problem::COMMON, idempotency::PROBLEMS].concat();
    for document in documents {
        let mut part = serde_json::to_value(&document.api).expect("an OpenAPI document serialises");
        for (path, item) in take_object(&mut part, "/paths") {
            let entry = paths.entry(path.clone()).or_insert_with(|| json!({}));
            let Value::Object(operations) = item else { continue };
            for (method, mut operation) in operations {
                let method_name = http::Method::from_bytes(method.to_uppercase().as_bytes());
                let route = method_name.ok().and_then(|name| table.find(&name, &path));
                complete(&mut operation, document.module, &method, &path, route);
                entry[method] = operation;
            }
        }
        schemas.extend(take_object(&mut part, "/components/schemas"));
        problems.extend(document.problems);
    }
    problems.sort_by_key(|kind| kind.code);
    problems.dedup();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Plinth",
            "version": version,
            "description": "Accounts, sign-in, permissions, tenants and audit for a SaaS product. \
                Errors are problem documents (RFC 9457) with a stable code; lists are paged by cursor; \
                single resources carry an entity tag; creating requests can be sent again with the \
                same Idempotency-Key, and get the same answer for 24 hours.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": server}],
        "tags": documents.iter().map(|document| json!({"name": document.module})).collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
        "x-problems": problems.iter().map(|kind| json!({
            "code": kind.code, "status": kind.status.as_u16(), "title": kind.title,
        })).collect::<Vec<_>>(),
    })
}

/// Adds to one operation what follows from the rules.
fn complete(operation: &mut Value, module: &str, method: &str, path: &str, route: Option<&Route>) {
    operation["tags"] = json!([module]);
    let access = route.map(|route| route.access);
    match access {
        None | Some(Access::Public) => operation["security"] = json!([]),
        Some(Access::SignedIn) => {
            operation["security"] = json!([{"bearer": []}]);
            operation["x-permission"] = json!("signed-in");
        }
        Some(Access::Session) => {
            operation["security"] = json!([{"bearer": []}]);
            operation["x-permission"] = json!("session");
        }
        Some(Access::Permission(permission)) => {
            operation["security"] = json!([{"bearer": []}]);
            operation["x-permission"] = json!(permission);
        }
    }
    let has_body = operation.get("requestBody").is_some();
    let has_query = operation["parameters"]
        .as_array()
        .is_some_and(|parameters| parameters.iter().any(|parameter| parameter["in"] == "query"));
    let mut kinds =
        vec![problem::THROTTLED, problem::INTERNAL, problem::UNAVAILABLE, problem::TIMEOUT];
    if !matches!(access, None | Some(Access::Public)) {
        kinds.push(problem::UNAUTHENTICATED);
    }
    if access == Some(Access::Session) {
        kinds.push(problem::SESSION_REQUIRED);
    }
    if matches!(access, Some(Access::Permission(_))) {
        kinds.push(problem::FORBIDDEN);
    }
    if path.contains('{') {
        kinds.push(problem::NOT_FOUND);
    }
    if has_body {
        kinds.extend([problem::MALFORMED, problem::TOO_LARGE, problem::UNSUPPORTED_MEDIA_TYPE]);
    }
    if has_body || has_query {
        kinds.push(problem::INVALID);
    }
    if method != "get" {
        kinds.push(problem::CONFLICT);
    }
    if matches!(method, "put" | "patch" | "delete") {
        kinds.push(problem::PRECONDITION_FAILED);
    }
    for kind in kinds {
        let status = kind.status.as_str();
        if operation["responses"].get(status).is_none() {
            operation["responses"][status] = json!({ "description": kind.title });
        }
    }
    if route.is_some_and(|route| route.idempotency_key) {
        document_key(operation);
    }
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    for (status, response) in responses {
        let is_error = status.starts_with('4') || status.starts_with('5');
        if is_error && response.get("content").is_none() {
            response["content"] = json!({"application/problem+json": {
                "schema": {"$ref": "#/components/schemas/Problem"},
            }});
        }
        if route.is_some() {
            for (name, description) in LIMIT_FIELDS {
                response["headers"][name] =
                    json!({"description": description, "schema": {"type": "string"}});
            }
        }
        if status == problem::THROTTLED.status.as_str() {
            response["headers"]["Retry-After"] =
                json!({"description": "Seconds to wait", "schema": {"type": "integer"}});
        }
        response["headers"]["X-Request-Id"] = json!({"description": "Names this request in every log line", "schema": {"type": "string"}});
    }
}

/// What a request with an idempotency key can be answered.
fn document_key(operation: &mut Value) {
    let parameter = json!({
        "name": "Idempotency-Key",
        "in": "header",
        "required": false,
        "description": "A new one, such as a quoted UUID, for each new request; the same one to send a \
            request again. Within 24 hours the first answer comes back, and nothing is created twice.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 257},
        "example": "\"8e03978e-40d5-43dd-bc93-6894a57f9324\"",
    });
    match operation["parameters"].as_array_mut() {
        Some(parameters) => parameters.push(parameter),
        None => operation["parameters"] = json!([parameter]),
    }
    for kind in idempotency::PROBLEMS {
        let description = &mut operation["responses"][kind.status.as_str()]["description"];
        let before = description.as_str().map(|text| format!("{text}; ")).unwrap_or_default();
        *description = json!(format!("{before}`{}`: {}", kind.code, kind.title));
    }
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    for (_, response) in responses.iter_mut().filter(|(status, _)| status.starts_with('2')) {
        response["headers"]["Idempotent-Replayed"] = json!({
            "description": "`true` when this is the answer to an earlier request with the same key",
            "schema": {"type": "string", "enum": ["true"]},
        });
    }
}

fn take_object(value: &mut Value, pointer: &str) -> Map<String, Value> {
    match value.pointer_mut(pointer).map(Value::take) {
        Some(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

fn to_value(schema: &impl serde::Serialize) -> Value {
    serde_json::to_value(schema).expect("a schema serialises")
}
