//! Documentation, health, and the manners of every answer.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use contracts::generated::ROUTES;
use kernel::route::Access;
use reqwest::Method;
use serde_json::Value;

use crate::{client::Answer, target::Target};

#[tokio::test]
async fn the_openapi_document_has_exactly_the_declared_routes() {
    let target = Target::get().await;
    let document = target.anonymous().get("/openapi.json").await.expect(200);
    assert_eq!(document["openapi"], "3.1.0");
    let declared: BTreeSet<_> =
        ROUTES.iter().map(|route| (route.method.to_lowercase(), route.path.to_owned())).collect();
    let mut documented = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let what = format!("{method} {path}");
            assert!(operation["summary"].is_string(), "{what} has no summary");
            assert!(operation["operationId"].is_string(), "{what} has no operation id");
            documented.insert((method.clone(), path.clone()));
        }
    }
    assert_eq!(documented, declared, "a route without handler, or a handler without route");
    for route in ROUTES {
        let operation = &document["paths"][route.path][route.method.to_lowercase()];
        let expected = match route.access {
            Access::Public => &Value::Null,
            Access::SignedIn => &Value::from("signed-in"),
            Access::Session => &Value::from("session"),
            Access::Permission(code) => &Value::from(code),
        };
        assert_eq!(&operation["x-permission"], expected, "{} {}", route.method, route.path);
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let keys = parameters.filter(|parameter| parameter["name"] == "Idempotency-Key").count();
        assert_eq!(keys == 1, route.idempotency_key, "{} {}", route.method, route.path);
    }
}

#[tokio::test]
async fn the_document_in_the_repository_is_up_to_date() {
    let target = Target::get().await;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    let written: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let served = target.anonymous().get("/openapi.json").await.expect(200);
    assert!(written == served, "out of date; run `make generate`");
}

#[test]
fn every_test_that_the_security_page_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = std::fs::read_to_string(root.join("docs/security.md")).unwrap();
    let mut sources = Vec::new();
    for folder in ["functions", "shared", "local"] {
        collect_sources(&root.join(folder), &mut sources);
    }
    let mut named = 0;
    for (file, test) in page.split('`').filter_map(|code| code.split_once(".rs::")) {
        let declaration = format!("fn {test}(");
        let exists = sources.iter().any(|(path, text)| {
            path.file_stem().is_some_and(|stem| stem == file) && text.contains(&declaration)
        });
        assert!(exists || file == "file", "there is no test {file}.rs::{test}");
        named += 1;
    }
    assert!(named > 50, "the page names {named} tests");
}

fn collect_sources(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect_sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
}

#[tokio::test]
async fn the_documents_say_what_an_idempotency_key_does() {
    let target = Target::embedded(embedded::Place::Memory).await;
    let client = target.anonymous();
    let document = client.get("/openapi.json").await.expect(200);
    let responses = &document["paths"]["/api/v1/roles"]["post"]["responses"];
    for (status, code) in [
        ("400", "idempotency.key_invalid"),
        ("409", "idempotency.in_progress"),
        ("422", "idempotency.key_reused"),
    ] {
        let description = responses[status]["description"].as_str().unwrap();
        assert!(description.contains(code), "{status}: {description}");
        let codes = document["x-problems"].as_array().unwrap();
        assert!(codes.iter().any(|problem| problem["code"] == code), "{code}");
    }
    assert!(responses["409"]["description"].as_str().unwrap().contains("role.name_taken"));
    assert!(responses["201"]["headers"]["Idempotent-Replayed"].is_object());
    let page = client.get("/docs").await.text;
    assert!(page.contains("Idempotency-Key") && page.contains("idempotency.key_reused"));
}

#[tokio::test]
async fn every_reference_in_the_openapi_document_leads_somewhere() {
    let target = Target::embedded(embedded::Place::Memory).await;
    let document = target.anonymous().get("/openapi.json").await.expect(200);
    let mut references = Vec::new();
    collect_references(&document, &mut references);
    assert!(references.len() > 50);
    for reference in references {
        let pointer = reference.trim_start_matches('#');
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

fn collect_references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect_references(item, found)),
        Value::Object(fields) => {
            if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
                found.push(reference.to_owned());
            }
            fields.values().for_each(|field| collect_references(field, found));
        }
        _ => {}
    }
}

#[tokio::test]
async fn every_route_but_the_public_ones_wants_a_token() {
    let target = Target::get().await;
    for route in ROUTES.iter().filter(|route| route.access != Access::Public) {
        let path = route.path.replace("{id}", &kernel::id::UserId::new().to_string());
        let path = path.replace("{role}", "admin");
        let method = Method::from_bytes(route.method.as_bytes()).unwrap();
        let answer = target.anonymous().call(method, &path, None, &[]).await;
        assert_eq!(answer.status.as_u16(), 401, "{} {}", route.method, route.path);
    }
}

#[tokio::test]
async fn errors_before_any_handler_are_problems_too() {
    let target = Target::get().await;
    let client = target.anonymous();
    client.get("/api/v1/nowhere").await.expect_problem(404, "request.not_found");
    let wrong = client.delete("/api/v1/auth/login").await;
    wrong.expect_problem(405, "request.method_not_allowed");
    assert_eq!(wrong.header("allow"), "POST");
    let login = || client.request(Method::POST, "/api/v1/auth/login", &[]);
    let form = login().header("content-type", "application/x-www-form-urlencoded").body("a=b");
    Answer::read(form).await.expect_problem(415, "request.unsupported_media_type");
    let json = || login().header("content-type", "application/json");
    Answer::read(json().body("{")).await.expect_problem(400, "request.malformed");
    let large = json().body(format!("{{\"email\":\"{}\"}}", "a".repeat(1024 * 1024)));
    Answer::read(large).await.expect_problem(413, "request.too_large");
    let internal = "/internal/auth/keys";
    client.get(internal).await.expect_problem(404, "request.not_found");
    let headers = [("x-plinth-origin", "e30"), ("x-plinth-internal-token", "x")];
    let forged = client.call(Method::GET, internal, None, &headers).await;
    forged.expect_problem(404, "request.not_found");
}

#[tokio::test]
async fn every_answer_has_security_headers_and_an_id() {
    let target = Target::get().await;
    // With a token, if a bad one: a request without any never gets past API Gateway.
    let headers = [("authorization", "Bearer x")];
    for path in ["/.well-known/jwks.json", "/api/v1/auth/me"] {
        let answer = target.anonymous().call(Method::GET, path, None, &headers).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert!(answer.header("strict-transport-security").contains("max-age"), "{path}");
        assert!(!answer.header("cache-control").is_empty(), "{path}");
        assert!(!answer.header("x-request-id").is_empty(), "{path}");
    }
}

#[tokio::test]
async fn the_platform_says_how_it_is() {
    let target = Target::get().await;
    let client = target.anonymous();
    assert_eq!(client.get("/healthz").await.expect(200)["status"], "ok");
    let ready = client.get("/ready").await.expect(200);
    let checks = ready["checks"].as_array().unwrap();
    for service in ["audit", "auth", "authz", "identity", "tenant"] {
        let table = format!("{service}.table");
        assert!(checks.iter().any(|check| check["name"] == table.as_str()), "{ready:#}");
    }
    let page = client.get("/docs").await;
    page.expect(200);
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
}

#[tokio::test]
async fn the_embedded_platform_shows_its_metrics_and_its_mail() {
    let target = Target::embedded(embedded::Place::Memory).await;
    let client = target.anonymous();
    client.get("/healthz").await.expect(200);
    let metrics = client.get("/metrics").await;
    assert!(metrics.text.contains("http_requests_total"), "{}", metrics.text);
    // A web page that has bound its own name to this address reads no mail.
    let foreign = [("host", "evil.example")];
    let stolen = client.call(Method::GET, "/_local/mail", None, &foreign).await;
    stolen.expect_problem(404, "request.not_found");
    let page = client.get("/_local/").await;
    page.expect(200);
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
}
