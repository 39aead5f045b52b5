use contracts::generated;
use http::{HeaderName, HeaderValue, Method, header};
use kernel::{
    config::{ConfigErrors, Reader, Sources},
    idempotency,
};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// Lets the configured origins call from browsers; nobody, when none are.
pub fn layer(sources: &Sources) -> Result<CorsLayer, ConfigErrors> {
    let mut settings = Reader::new(sources, generated::module("authorizer").config);
    let origins: Vec<String> = settings.get("authorizer.cors_origins");
    settings.finish()?;
    let parsed: Result<Vec<HeaderValue>, _> =
        origins.iter().map(|origin| HeaderValue::from_str(origin)).collect();
    let parsed = parsed.ok().filter(|origins| origins.iter().all(|origin| origin != "*"));
    let parsed = parsed.ok_or_else(|| {
        let reason = "name origins such as https://app.example.org; `*` is not one, since cookies \
                      may only go where you say";
        ConfigErrors(vec![format!("PLINTH_AUTHORIZER_CORS_ORIGINS: {reason}")])
    })?;
    if parsed.is_empty() {
        return Ok(CorsLayer::new());
    }
    Ok(CorsLayer::new()
        .allow_origin(AllowOrigin::list(parsed))
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_MATCH,
            header::IF_NONE_MATCH,
            idempotency::HEADER,
            HeaderName::from_static("x-request-id"),
            HeaderName::from_static("traceparent"),
        ])
        .expose_headers([
            header::ETAG,
            header::LOCATION,
            header::RETRY_AFTER,
            idempotency::REPLAYED,
            HeaderName::from_static("ratelimit"),
            HeaderName::from_static("ratelimit-policy"),
            HeaderName::from_static("x-request-id"),
        ]))
}
