use std::{
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::Response,
};
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use tracing::Instrument;

use super::Internal;
use crate::{
    caller::{AuthorizerContext, Gateway},
    fault::{self, Fault},
    origin::{Actor, ActorKind, Origin},
    problem::{self, Pending},
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How long a client is made to wait: under API Gateway's 30 s, so that our answer arrives, not its.
const PATIENCE: Duration = Duration::from_secs(25);

/// Security headers of every answer (OWASP REST Security Cheat Sheet). A handler may set its own.
const SECURITY_HEADERS: [(HeaderName, HeaderValue); 6] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
    (
        header::STRICT_TRANSPORT_SECURITY,
        HeaderValue::from_static("max-age=63072000; includeSubDomains"),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];

/// Middleware around everything: gives the request its id and origin, catches panics and slowness,
/// completes problem documents, sets the headers that every answer carries.
pub async fn border(mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let origin = origin_of(&request);
    let request_id = origin.request_id.clone();
    let instance = request.uri().path().to_owned();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let span = tracing::info_span!(
        "request",
        request_id,
        trace_id = origin.trace_id(),
        method = method.as_str(),
        path = instance,
        tenant_id = tracing::field::Empty,
        user_id = tracing::field::Empty,
    );
    request.extensions_mut().insert(origin);

    let answer = AssertUnwindSafe(next.run(request).instrument(span.clone())).catch_unwind();
    let outcome = tokio::time::timeout(PATIENCE, answer).await;
    let _entered = span.enter();
    let place = format!("{method} {}", route.as_deref().unwrap_or(&instance));
    let mut response = match outcome {
        Ok(Ok(response)) => complete(response, &instance, &request_id, &place),
        Ok(Err(panic)) => {
            fault::report(&Fault {
                message: fault::panic_message(&*panic),
                request_id: Some(request_id.clone()),
                place: place.clone(),
                is_panic: true,
            });
            problem::INTERNAL.problem("the error has been reported").render(&instance, &request_id)
        }
        Err(_) => problem::TIMEOUT
            .problem("the work may still be under way")
            .render(&instance, &request_id),
    };
    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        headers.entry(name).or_insert(value);
    }
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        headers.insert(REQUEST_ID, value);
    }
    observe(route.as_deref().unwrap_or("unmatched"), &method, response.status(), started);
    response
}

/// The client's request id if it is sane (visible ASCII, at most 128 characters), else a new one.
pub fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let sane = given.filter(|id| {
        (1..=128).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/=+".contains(&byte))
    });
    sane.map_or_else(|| uuid::Uuid::now_v7().to_string(), ToOwned::to_owned)
}

fn origin_of(request: &Request) -> Origin {
    let headers = request.headers();
    if request.extensions().get::<Internal>().is_some()
        && let Some(origin) = Origin::from_header(headers)
    {
        return origin;
    }
    let gateway = request.extensions().get::<Gateway>();
    let signed_in = gateway.and_then(|gateway| gateway.authorizer.as_ref());
    let text = |name: &HeaderName| headers.get(name)?.to_str().ok();
    Origin {
        request_id: request_id(headers),
        traceparent: text(&HeaderName::from_static("traceparent"))
            .filter(|value| is_traceparent(value))
            .map(ToOwned::to_owned),
        actor: Actor {
            kind: signed_in.map_or(ActorKind::Anonymous, AuthorizerContext::actor_kind),
            id: signed_in.map(|context| context.user_id.to_string()),
            ip_address: gateway.and_then(|gateway| gateway.ip_address.clone()),
            user_agent: text(&header::USER_AGENT).map(|agent| agent.chars().take(256).collect()),
        },
        deadline: Some(Instant::now() + PATIENCE),
    }
}

/// `00-{trace id}-{parent id}-{flags}` (W3C Trace Context, section 3.2).
fn is_traceparent(value: &str) -> bool {
    let fields: Vec<_> = value.split('-').collect();
    let hex = |text: &str, length| {
        text.len() == length
            && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    fields.len() == 4
        && fields[0] == "00"
        && hex(fields[1], 32)
        && hex(fields[2], 16)
        && hex(fields[3], 2)
        && fields[1].bytes().any(|byte| byte != b'0')
        && fields[2].bytes().any(|byte| byte != b'0')
}

/// Turns what a handler or the router left open into a whole problem document.
fn complete(mut response: Response, instance: &str, request_id: &str, place: &str) -> Response {
    if let Some(Pending(problem)) = response.extensions_mut().remove::<Pending>() {
        if problem.kind().status.is_server_error() {
            let cause = problem.cause_chain().unwrap_or_else(|| "no cause given".to_owned());
            fault::report(&Fault {
                message: format!("{problem}: {cause}"),
                request_id: Some(request_id.to_owned()),
                place: place.to_owned(),
                is_panic: false,
            });
        }
        let mut rendered = problem.render(instance, request_id);
        // What layers on the way have added, such as how the caller stands with limits.
        for (name, value) in response.headers() {
            if *name != header::CONTENT_LENGTH {
                rendered.headers_mut().append(name, value.clone());
            }
        }
        return rendered;
    }
    let known = match response.status() {
        StatusCode::METHOD_NOT_ALLOWED => {
            problem::METHOD_NOT_ALLOWED.problem("see the Allow header for what it knows")
        }
        StatusCode::PAYLOAD_TOO_LARGE => problem::TOO_LARGE.problem("at most 1 MiB is taken"),
        _ => return response,
    };
    let mut rendered = known.render(instance, request_id);
    if let Some(allow) = response.headers_mut().remove(header::ALLOW) {
        rendered.headers_mut().insert(header::ALLOW, allow);
    }
    rendered
}

/// The methods that metrics tell apart: a label may only have values that we know, and clients
/// choose methods as they like.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

fn observe(route: &str, method: &Method, status: StatusCode, started: Instant) {
    let elapsed = started.elapsed();
    let method = METHODS.into_iter().find(|known| *known == method.as_str()).unwrap_or("other");
    let labels = [
        ("route", route.to_owned()),
        ("method", method.to_owned()),
        ("status", status.as_u16().to_string()),
    ];
    metrics::counter!("http_requests_total", &labels).increment(1);
    metrics::histogram!("http_request_duration_seconds", "route" => route.to_owned())
        .record(elapsed.as_secs_f64());
    let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
    if status.is_server_error() {
        tracing::warn!(status = status.as_u16(), route, micros, "answered");
    } else {
        tracing::debug!(status = status.as_u16(), route, micros, "answered");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn a_sane_request_id_is_kept_and_any_other_replaced() {
        assert_eq!(request_id(&headers("abc-123")), "abc-123");
        assert_ne!(request_id(&headers("a b")), "a b");
        assert_ne!(request_id(&headers("<script>")), "<script>");
        let long = "x".repeat(129);
        assert_ne!(request_id(&headers(&long)), long);
    }

    #[test]
    fn only_a_well_formed_traceparent_is_continued() {
        assert!(is_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
        assert!(!is_traceparent("00-00000000000000000000000000000000-00f067aa0ba902b7-01"));
        assert!(!is_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-01"));
    }
}
