//! Optimistic concurrency over HTTP: a resource's version as its `ETag` (RFC 9110, sections 8.8.3 and 13).

use axum::{
    Json,
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use serde::Serialize;

use crate::problem::{PRECONDITION_FAILED, Problem};

/// The entity tag of a version.
pub fn tag(version: u64) -> String {
    format!("\"{version}\"")
}

/// What the client demands of the resource's current version (`If-Match`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IfMatch {
    /// No header, or `*`: any existing version.
    Any,
    /// One of these versions.
    OneOf(Vec<u64>),
}

impl IfMatch {
    /// Refuses a stale precondition before anything is changed. The store's own version condition
    /// still guards the write.
    pub fn check(&self, current: u64) -> Result<(), Problem> {
        match self {
            Self::Any => Ok(()),
            Self::OneOf(versions) if versions.contains(&current) => Ok(()),
            Self::OneOf(_) => {
                Err(PRECONDITION_FAILED.problem(format!("the current version is {}", tag(current))))
            }
        }
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let Some(tags) = tags(&parts.headers, &header::IF_MATCH) else { return Ok(Self::Any) };
        if tags.iter().any(|tag| tag == "*") {
            return Ok(Self::Any);
        }
        // Weak or foreign tags match nothing: `If-Match` compares strongly.
        Ok(Self::OneOf(tags.iter().filter_map(|tag| version_of(tag)).collect()))
    }
}

/// The versions that the client already has (`If-None-Match`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IfNoneMatch(Vec<String>);

impl<S: Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(tags(&parts.headers, &header::IF_NONE_MATCH).unwrap_or_default()))
    }
}

impl IfNoneMatch {
    fn matches(&self, version: u64) -> bool {
        let current = tag(version);
        self.0.iter().any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == current)
    }
}

/// A single resource with its version: answers 200 with an `ETag`, or 304 when the client has it.
#[derive(Debug)]
pub struct Versioned<T> {
    pub version: u64,
    pub body: T,
    pub status: StatusCode,
    known: bool,
}

impl<T> Versioned<T> {
    pub fn ok(version: u64, body: T) -> Self {
        Self { version, body, status: StatusCode::OK, known: false }
    }

    pub fn created(version: u64, body: T) -> Self {
        Self { version, body, status: StatusCode::CREATED, known: false }
    }

    /// 304 when the client already has this version.
    #[must_use]
    pub fn unless(mut self, known: &IfNoneMatch) -> Self {
        self.known = known.matches(self.version);
        self
    }
}

impl<T: Serialize> IntoResponse for Versioned<T> {
    fn into_response(self) -> Response {
        let mut response = if self.known {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            (self.status, Json(self.body)).into_response()
        };
        let value = HeaderValue::from_str(&tag(self.version)).expect("digits and quotes");
        response.headers_mut().insert(header::ETAG, value);
        response
    }
}

fn version_of(tag: &str) -> Option<u64> {
    tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok()
}

fn tags(headers: &HeaderMap, name: &header::HeaderName) -> Option<Vec<String>> {
    let mut values = headers.get_all(name).iter().peekable();
    values.peek()?;
    let tags = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|tag| tag.trim().to_owned());
    Some(tags.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(name: header::HeaderName, value: &str) -> Parts {
        let request = http::Request::builder().header(name, value).body(()).unwrap();
        request.into_parts().0
    }

    async fn if_match(value: &str) -> IfMatch {
        IfMatch::from_request_parts(&mut parts(header::IF_MATCH, value), &()).await.unwrap()
    }

    #[tokio::test]
    async fn if_match_compares_strongly() {
        assert!(if_match("\"3\"").await.check(3).is_ok());
        assert!(if_match("\"1\", \"3\"").await.check(3).is_ok());
        assert!(if_match("*").await.check(3).is_ok());
        assert!(if_match("W/\"3\"").await.check(3).is_err());
        assert!(if_match("\"2\"").await.check(3).is_err());
        assert!(if_match("garbage").await.check(3).is_err());
    }

    #[tokio::test]
    async fn if_none_match_compares_weakly() {
        let mut parts = parts(header::IF_NONE_MATCH, "W/\"7\", \"9\"");
        let known = IfNoneMatch::from_request_parts(&mut parts, &()).await.unwrap();
        assert!(known.matches(7) && known.matches(9) && !known.matches(8));
        let response = Versioned::ok(7, "x").unless(&known).into_response();
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(response.headers()[header::ETAG], "\"7\"");
    }
}
