//! Nonsense, generated from the OpenAPI document: never a 5xx, never an undocumented answer.

use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::{
    client::{Answer, Client},
    target::Target,
};

/// Values that break what was not thought of.
fn nonsense() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5e300),
        json!(""),
        json!(" "),
        json!("a"),
        json!("\u{0}"),
        json!("\u{202e}\u{feff}👩‍👩‍👧‍👦 é\n"),
        json!("' OR 1=1 --"),
        json!("../../../etc/passwd"),
        json!("{{7*7}}"),
        json!("a".repeat(5_000)),
        json!("ß".repeat(300)),
        json!("00000000-0000-0000-0000-000000000000"),
        json!("x@y"),
        json!("#pk :pk T#1#USER#1"),
        json!([]),
        json!(["a", "a", null]),
        json!({}),
        json!({"$ref": "#"}),
    ]
}

#[tokio::test]
async fn nonsense_gets_a_documented_answer() {
    let target = Target::embedded(embedded::Place::Memory).await;
    let operator = target.operator().await;
    let document = operator.client.get("/openapi.json").await.expect(200);
    let mut sent = 0;
    for (template, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            // The session under test has to live on.
            if template.contains("/logout") {
                continue;
            }
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let probe = Probe { document: &document, operation, method, template };
            sent += probe.paths_and_queries(&operator.client).await;
            sent += probe.bodies(&operator.client).await;
        }
    }
    assert!(sent > 1_000, "only {sent} requests were made");
}

struct Probe<'a> {
    document: &'a Value,
    operation: &'a Value,
    method: Method,
    template: &'a str,
}

impl Probe<'_> {
    fn path(&self, value: &str) -> String {
        let segment = percent(value);
        let parts = self
            .template
            .split('/')
            .map(|part| if part.starts_with('{') { segment.as_str() } else { part });
        parts.collect::<Vec<_>>().join("/")
    }

    fn valid_path(&self) -> String {
        self.path(&kernel::id::UserId::new().to_string())
    }

    async fn paths_and_queries(&self, client: &Client) -> usize {
        let mut paths = Vec::new();
        for value in nonsense().iter().filter_map(Value::as_str).filter(|text| !text.is_empty()) {
            if self.template.contains('{') {
                paths.push(self.path(value));
            }
            let parameters = self.operation["parameters"].as_array().into_iter().flatten();
            for parameter in parameters.filter(|parameter| parameter["in"] == "query") {
                let name = parameter["name"].as_str().unwrap();
                paths.push(format!("{}?{name}={}", self.valid_path(), percent(value)));
            }
            paths.push(format!("{}?{}=1", self.valid_path(), percent(value)));
        }
        let body = self.sample().map(|body| body.to_string());
        for path in &paths {
            self.send(client, path, body.clone()).await;
        }
        paths.len()
    }

    async fn bodies(&self, client: &Client) -> usize {
        let Some(sample) = self.sample() else { return 0 };
        let mut bodies: Vec<String> = nonsense().iter().map(ToString::to_string).collect();
        bodies.push("[".repeat(10_000));
        bodies.push("{\"a\":".repeat(200));
        bodies.push("\u{feff}{}".to_owned());
        if let Some(fields) = sample.as_object() {
            for name in fields.keys() {
                for value in nonsense() {
                    let mut changed: Map<String, Value> = fields.clone();
                    changed.insert(name.clone(), value);
                    bodies.push(Value::Object(changed).to_string());
                }
                let mut without = fields.clone();
                without.remove(name);
                bodies.push(Value::Object(without).to_string());
            }
        }
        for body in &bodies {
            self.send(client, &self.valid_path(), Some(body.clone())).await;
        }
        bodies.len()
    }

    async fn send(&self, client: &Client, path: &str, body: Option<String>) {
        let mut request = client.request(self.method.clone(), path, &[]);
        if let Some(body) = &body {
            request = request.header("content-type", "application/json").body(body.clone());
        }
        let answer = Answer::read(request).await;
        let status = answer.status.as_str();
        let what = format!(
            "{} {path} {}\n-> {status} {}",
            self.method,
            body.unwrap_or_default().chars().take(300).collect::<String>(),
            answer.text.chars().take(500).collect::<String>()
        );
        assert!(!answer.status.is_server_error(), "{what}");
        let documented = &self.operation["responses"][status];
        // An odd path may lead past this operation, where only 404 and 405 live.
        let is_elsewhere = matches!(status, "404" | "405") && self.template.contains('{');
        assert!(is_elsewhere || documented.is_object(), "undocumented: {what}");
        let kind = answer.header("content-type").split(';').next().unwrap_or_default();
        if answer.status.is_client_error() {
            // OAuth's endpoints document errors of their own.
            let is_documented = documented["content"][kind].is_object();
            assert!(is_documented || kind == "application/problem+json", "{kind}: {what}");
        } else if !answer.text.is_empty() {
            assert!(documented["content"][kind].is_object(), "{kind}: {what}");
        }
    }

    /// A valid body, made of the schema's examples.
    fn sample(&self) -> Option<Value> {
        let schema = &self.operation["requestBody"]["content"]["application/json"]["schema"];
        schema.is_object().then(|| self.sample_of(schema))
    }

    fn sample_of(&self, schema: &Value) -> Value {
        if let Some(reference) = schema["$ref"].as_str() {
            let target = self.document.pointer(reference.trim_start_matches('#'));
            return target.map_or(Value::Null, |schema| self.sample_of(schema));
        }
        if !schema["example"].is_null() {
            return schema["example"].clone();
        }
        if let Some(fields) = schema["properties"].as_object() {
            let sample = fields.iter().map(|(name, schema)| (name.clone(), self.sample_of(schema)));
            return Value::Object(sample.collect());
        }
        match schema["type"].as_str().or_else(|| schema["type"][0].as_str()) {
            Some("array") => json!([self.sample_of(&schema["items"])]),
            Some("string") => json!("sample"),
            Some("integer") => json!(1),
            Some("boolean") => json!(true),
            _ => Value::Null,
        }
    }
}

fn percent(text: &str) -> String {
    let encoded = text.bytes().map(|byte| {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    });
    encoded.collect()
}
