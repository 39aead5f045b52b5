//! Errors as RFC 9457 problem documents.
//!
//! What a client sees ([`Kind`], detail, field errors) and what an operator sees (the cause, in the
//! log) are kept apart: a cause is never part of the document.

use std::{error::Error, fmt};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A kind of problem: its stable code, status and title. Each service lists its own as constants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    pub status: StatusCode,
    pub code: &'static str,
    pub title: &'static str,
}

impl Kind {
    pub const fn new(status: StatusCode, code: &'static str, title: &'static str) -> Self {
        Self { status, code, title }
    }

    /// Identifies the kind (RFC 9457, section 3.1.1). Registered types are what they are.
    fn type_uri(self) -> String {
        if self == THROTTLED {
            return QUOTA_EXCEEDED.to_owned();
        }
        format!("urn:plinth:problem:{}", self.code)
    }

    /// A problem of this kind; the detail says what was wrong with this very request.
    pub fn problem(self, detail: impl Into<String>) -> Problem {
        Problem(Box::new(Parts {
            kind: self,
            detail: detail.into(),
            errors: Vec::new(),
            violated: Vec::new(),
            headers: HeaderMap::new(),
            cause: None,
        }))
    }
}

pub const MALFORMED: Kind =
    Kind::new(StatusCode::BAD_REQUEST, "request.malformed", "The request cannot be read");
pub const UNAUTHENTICATED: Kind =
    Kind::new(StatusCode::UNAUTHORIZED, "auth.unauthenticated", "A valid access token is needed");
pub const FORBIDDEN: Kind =
    Kind::new(StatusCode::FORBIDDEN, "auth.forbidden", "The permission for this is missing");
pub const SESSION_REQUIRED: Kind = Kind::new(
    StatusCode::FORBIDDEN,
    "auth.session_required",
    "This is for people who have signed in",
);
pub const NOT_FOUND: Kind =
    Kind::new(StatusCode::NOT_FOUND, "request.not_found", "There is nothing here");
pub const METHOD_NOT_ALLOWED: Kind = Kind::new(
    StatusCode::METHOD_NOT_ALLOWED,
    "request.method_not_allowed",
    "The resource does not know this method",
);
pub const CONFLICT: Kind =
    Kind::new(StatusCode::CONFLICT, "request.conflict", "The resource changed at the same time");
pub const PRECONDITION_FAILED: Kind = Kind::new(
    StatusCode::PRECONDITION_FAILED,
    "request.precondition_failed",
    "The resource has changed since it was read",
);
pub const TOO_LARGE: Kind =
    Kind::new(StatusCode::PAYLOAD_TOO_LARGE, "request.too_large", "The body is too large");
pub const UNSUPPORTED_MEDIA_TYPE: Kind = Kind::new(
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    "request.unsupported_media_type",
    "The body must be JSON",
);
pub const INVALID: Kind =
    Kind::new(StatusCode::UNPROCESSABLE_ENTITY, "request.invalid", "The request is not valid");
pub const THROTTLED: Kind = Kind::new(
    StatusCode::TOO_MANY_REQUESTS,
    "request.throttled",
    "Request cannot be satisfied as assigned quota has been exceeded",
);
/// The type of [`THROTTLED`] (draft-ietf-httpapi-ratelimit-headers-10, section 5.1).
const QUOTA_EXCEEDED: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";
pub const INTERNAL: Kind =
    Kind::new(StatusCode::INTERNAL_SERVER_ERROR, "internal.error", "Something went wrong here");
pub const UNAVAILABLE: Kind = Kind::new(
    StatusCode::SERVICE_UNAVAILABLE,
    "internal.unavailable",
    "A part of the platform does not answer",
);
pub const TIMEOUT: Kind =
    Kind::new(StatusCode::GATEWAY_TIMEOUT, "internal.timeout", "The answer took too long");

/// The kinds that any endpoint may answer.
pub const COMMON: &[Kind] = &[
    MALFORMED,
    UNAUTHENTICATED,
    FORBIDDEN,
    SESSION_REQUIRED,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    CONFLICT,
    PRECONDITION_FAILED,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    INVALID,
    THROTTLED,
    INTERNAL,
    UNAVAILABLE,
    TIMEOUT,
];

/// What is wrong with one field of the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Violation {
    /// JSON Pointer (RFC 6901) into the body, or `?name` for a query parameter.
    #[schema(example = "/email")]
    pub pointer: String,
    /// Stable and machine readable.
    #[schema(example = "email.invalid")]
    pub code: String,
    #[schema(example = "must be an e-mail address such as ada@example.org")]
    pub detail: String,
}

/// The document on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Problem)]
pub struct Document {
    /// Identifies the kind of problem (RFC 9457, section 3.1.1).
    #[serde(rename = "type")]
    #[schema(example = "urn:plinth:problem:request.invalid")]
    pub type_uri: String,
    #[schema(example = "The request is not valid")]
    pub title: String,
    #[schema(example = 422)]
    pub status: u16,
    #[schema(example = "1 field is not valid")]
    pub detail: String,
    /// The path of the request.
    #[schema(example = "/api/v1/auth/register")]
    pub instance: String,
    /// Stable and machine readable.
    #[schema(example = "request.invalid")]
    pub code: String,
    #[schema(example = "0198f2d6-6f5c-7a51-b7a4-2c5e2f1f5d11")]
    pub request_id: String,
    /// What is wrong, field by field; only for bad input.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Violation>,
    /// The rate limits that refuse the request; only when there are too many.
    #[serde(rename = "violated-policies", default, skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["sign-in"]))]
    pub violated_policies: Vec<String>,
}

/// An error on its way to the client. Boxed, as results carry problems all over the code.
#[derive(Debug)]
pub struct Problem(Box<Parts>);

#[derive(Debug)]
struct Parts {
    kind: Kind,
    detail: String,
    errors: Vec<Violation>,
    violated: Vec<&'static str>,
    headers: HeaderMap,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Problem {
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    pub fn violations(&self) -> &[Violation] {
        &self.0.errors
    }

    /// Bad input, field by field.
    pub fn invalid(errors: Vec<Violation>) -> Self {
        let detail = match errors.len() {
            1 => "1 field is not valid".to_owned(),
            n => format!("{n} fields are not valid"),
        };
        INVALID.problem(detail).with_violations(errors)
    }

    /// No access token came (RFC 6750, section 3: a challenge without an error code).
    pub fn no_token() -> Self {
        UNAUTHENTICATED
            .problem("send `Authorization: Bearer` with an access token")
            .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// An access token came that is good for nothing (RFC 6750, section 3.1).
    pub fn bad_token(detail: &str) -> Self {
        let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
        UNAUTHENTICATED.problem(detail).header(header::WWW_AUTHENTICATE, challenge)
    }

    /// A fault of ours. The cause is logged; the client learns nothing of it.
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        INTERNAL.problem("the error has been reported").caused_by(cause)
    }

    /// A dependency that does not answer: worth trying again.
    pub fn unavailable(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        UNAVAILABLE
            .problem("try again in a moment")
            .caused_by(cause)
            .header(header::RETRY_AFTER, HeaderValue::from_static("1"))
    }

    /// Says, field by field, what was wrong. For kinds of their own; see also [`Self::invalid`].
    #[must_use]
    pub fn with_violations(mut self, errors: Vec<Violation>) -> Self {
        self.0.errors = errors;
        self
    }

    /// Names the rate limits that refuse the request.
    #[must_use]
    pub fn violating(mut self, policies: Vec<&'static str>) -> Self {
        self.0.violated = policies;
        self
    }

    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// Lets `add` add headers of which there may be several.
    #[must_use]
    pub(crate) fn headers(mut self, add: impl FnOnce(&mut HeaderMap)) -> Self {
        add(&mut self.0.headers);
        self
    }

    /// The cause and everything behind it, for the log.
    pub fn cause_chain(&self) -> Option<String> {
        let first = self.0.cause.as_deref()?;
        let chain = std::iter::successors(Some(first as &dyn Error), |error: &&dyn Error| {
            (*error).source()
        });
        Some(chain.map(ToString::to_string).collect::<Vec<_>>().join(": "))
    }

    /// The document, completed with what only the request knows.
    pub fn document(&self, instance: &str, request_id: &str) -> Document {
        Document {
            type_uri: self.0.kind.type_uri(),
            title: self.0.kind.title.to_owned(),
            status: self.0.kind.status.as_u16(),
            detail: self.0.detail.clone(),
            instance: instance.to_owned(),
            code: self.0.kind.code.to_owned(),
            request_id: request_id.to_owned(),
            errors: self.0.errors.clone(),
            violated_policies: self.0.violated.iter().map(ToString::to_string).collect(),
        }
    }

    /// Writes the document as the answer.
    pub fn render(&self, instance: &str, request_id: &str) -> Response {
        let body = serde_json::to_vec(&self.document(instance, request_id))
            .expect("a problem document serialises");
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.0.kind.status;
        *response.headers_mut() = self.0.headers.clone();
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.0.kind.status.as_u16(), self.0.kind.code, self.0.detail)
    }
}

impl Error for Problem {}

/// Carries the problem to the border, where request id and path are known
/// (see [`crate::http::border`]).
#[derive(Debug, Clone)]
pub(crate) struct Pending(pub(crate) std::sync::Arc<Problem>);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.0.kind.status;
        response.extensions_mut().insert(Pending(std::sync::Arc::new(self)));
        response
    }
}
