//! A gateway in front of `cargo lambda watch`: it sends each public request to the function of its route,
//! after the authorizer, as API Gateway does; and it takes the calls that functions make of each other.
//!
//! Tables, secrets, bus and queues are those of a stage that is deployed to an emulator; from its functions
//! come the settings of ours.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{ConnectInfo, MatchedPath, Path, Request, State},
    response::{IntoResponse, Response},
    routing::{any, post},
};
use contracts::generated::ROUTES;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use kernel::{
    http::BODY_LIMIT,
    route::{Access, RouteTable},
};
use serde::Deserialize;
use serde_json::{Value, json};

/// Whom a request goes to that no route takes.
const FALLBACK: &str = "ops";

/// The functions, where `cargo lambda watch` serves them.
pub struct Functions {
    http: reqwest::Client,
    url: String,
    /// What a deployed function's name begins with.
    prefix: String,
    routes: RouteTable,
}

type Watch = State<Arc<Functions>>;

impl Functions {
    pub fn new(url: String, prefix: String) -> Self {
        Self { http: reqwest::Client::new(), url, prefix, routes: RouteTable::new(ROUTES) }
    }

    async fn invoke(&self, function: &str, payload: Bytes) -> Result<reqwest::Response, Down> {
        let url = format!("{}/2015-03-31/functions/{function}/invocations", self.url);
        self.http.post(url).body(payload).send().await.map_err(|error| Down(error.to_string()))
    }

    async fn ask<T: for<'a> Deserialize<'a>>(
        &self,
        function: &str,
        event: &Value,
    ) -> Result<T, Down> {
        let reply = self.invoke(function, event.to_string().into()).await?;
        let text = reply.text().await.map_err(|error| Down(error.to_string()))?;
        serde_json::from_str(&text).map_err(|_| Down(text))
    }
}

/// A function that does not compile, or has crashed; in words for whoever is writing it.
struct Down(String);

impl IntoResponse for Down {
    fn into_response(self) -> Response {
        (StatusCode::BAD_GATEWAY, self.0).into_response()
    }
}

/// The gateway's router.
pub fn router(functions: Functions) -> Router {
    let mut paths: Vec<_> = ROUTES.iter().map(|route| route.path).collect();
    paths.sort_unstable();
    paths.dedup();
    let public =
        paths.into_iter().fold(Router::new(), |router, path| router.route(path, any(serve)));
    public
        .route("/2015-03-31/functions/{name}/invocations", post(pass_on))
        .fallback(serve)
        .with_state(Arc::new(functions))
}

/// A call of one function by another, under the name that it has when deployed.
async fn pass_on(
    State(functions): Watch,
    Path(name): Path<String>,
    payload: Bytes,
) -> Result<Response, Down> {
    let service = name.strip_prefix(&functions.prefix).unwrap_or(&name);
    let service = service.strip_suffix("-api").unwrap_or(service);
    let reply = functions.invoke(service, payload).await?;
    let (status, headers) = (reply.status(), reply.headers().clone());
    let mut response = Response::new(Body::from(reply.bytes().await.unwrap_or_default()));
    *response.status_mut() = status;
    let error = HeaderName::from_static("x-amz-function-error");
    if let Some(kind) = headers.get(&error) {
        response.headers_mut().insert(error, kind.clone());
    }
    Ok(response)
}

/// A public request.
async fn serve(
    State(functions): Watch,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    path: Option<MatchedPath>,
    request: Request,
) -> Result<Response, Down> {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, 10 * BODY_LIMIT).await else {
        return Ok(StatusCode::PAYLOAD_TOO_LARGE.into_response());
    };
    let template = path.as_ref().map_or("", MatchedPath::as_str);
    let route = functions.routes.find(&parts.method, template);
    let key =
        route.map_or("$default".to_owned(), |route| format!("{} {}", route.method, route.path));
    let mut event = json!({
        "version": "2.0",
        "routeKey": key,
        "rawPath": parts.uri.path(),
        "rawQueryString": parts.uri.query().unwrap_or_default(),
        "headers": headers(&parts.headers),
        "requestContext": {
            "apiId": "watch",
            "stage": "$default",
            "routeKey": key,
            "http": {
                "method": parts.method.as_str(),
                "path": parts.uri.path(),
                "protocol": "HTTP/1.1",
                "sourceIp": address.ip().to_string(),
            },
        },
    });
    if route.is_some_and(|route| route.access != Access::Public) {
        let Some(token) = parts.headers.get(header::AUTHORIZATION) else {
            return Ok(refusal(StatusCode::UNAUTHORIZED, "Unauthorized"));
        };
        let mut question = event.clone();
        question["type"] = json!("REQUEST");
        question["routeArn"] = json!("arn:aws:execute-api:local:0:watch/$default");
        question["identitySource"] = json!([token.to_str().unwrap_or_default(), key]);
        let decision: Decision = functions.ask("authorizer", &question).await?;
        if !decision.is_authorized {
            return Ok(refusal(StatusCode::FORBIDDEN, "Forbidden"));
        }
        event["requestContext"]["authorizer"] = json!({"lambda": decision.context});
    }
    event["isBase64Encoded"] = json!(false);
    match std::str::from_utf8(&body) {
        Ok(text) => event["body"] = json!(text),
        Err(_) => return Ok(StatusCode::BAD_REQUEST.into_response()),
    }
    let answer: Answer =
        functions.ask(route.map_or(FALLBACK, |route| route.module), &event).await?;
    Ok(answer.into_response())
}

/// What the gateway itself answers.
fn refusal(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({"message": message}))).into_response()
}

fn headers(headers: &HeaderMap) -> BTreeMap<&str, String> {
    let mut joined: BTreeMap<&str, String> = BTreeMap::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        let entry = joined.entry(name.as_str()).or_default();
        let separator = if entry.is_empty() { "" } else { "," };
        entry.push_str(separator);
        entry.push_str(&value);
    }
    joined
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Decision {
    is_authorized: bool,
    #[serde(default)]
    context: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    cookies: Vec<String>,
    #[serde(default)]
    body: Option<String>,
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body.unwrap_or_default()));
        *response.status_mut() =
            StatusCode::from_u16(self.status_code).unwrap_or(StatusCode::BAD_GATEWAY);
        let cookies = self.cookies.iter().map(|cookie| ("set-cookie", cookie));
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value));
        for (name, value) in headers.chain(cookies) {
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name), HeaderValue::try_from(value))
            {
                response.headers_mut().append(name, value);
            }
        }
        response
    }
}
