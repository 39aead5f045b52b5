//! What the endpoints for OAuth clients share: forms in, OAuth's own errors out.
//!
//! Standard clients read `error` from plain JSON (RFC 6749, section 5.2), so what those standards name is
//! answered that way. What they do not name (a body that is too large, a service that does not answer) is
//! a problem document as everywhere (see `docs/adr/0010-oauth-endpoints-answer-as-oauth-says.md`).

use axum::{
    Json,
    body::Bytes,
    extract::{FromRequest, Request},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use kernel::{
    problem::{Problem, TOO_LARGE},
    secret::Secret,
};
use serde::{Serialize, de::DeserializeOwned};
use utoipa::ToSchema;

use crate::{
    error::Error,
    service::{ClientCredentials, GrantError},
};

/// What went wrong, in OAuth's words.
#[derive(Debug, Serialize, ToSchema)]
pub struct OAuthErrorBody {
    /// `invalid_request`, `invalid_client`, `unsupported_grant_type` or `invalid_scope`.
    #[schema(example = "invalid_client")]
    error: &'static str,
    /// For the developer.
    #[schema(example = "the client is unknown or disabled, or the secret is wrong")]
    error_description: &'static str,
}

/// Why a request of an OAuth client is refused.
#[derive(Debug)]
pub enum OAuthError {
    InvalidRequest(&'static str),
    InvalidClient,
    UnsupportedGrantType,
    InvalidScope,
    /// Nothing that OAuth has a word for.
    Problem(Problem),
}

impl From<Error> for OAuthError {
    fn from(error: Error) -> Self {
        Self::Problem(error.into())
    }
}

impl From<GrantError> for OAuthError {
    fn from(error: GrantError) -> Self {
        match error {
            GrantError::InvalidClient => Self::InvalidClient,
            GrantError::InvalidScope => Self::InvalidScope,
            GrantError::Other(error) => error.into(),
        }
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let (status, error, error_description) = match self {
            Self::InvalidRequest(reason) => (StatusCode::BAD_REQUEST, "invalid_request", reason),
            Self::InvalidClient => (
                StatusCode::UNAUTHORIZED,
                "invalid_client",
                "the client is unknown or disabled, or the secret is wrong",
            ),
            Self::UnsupportedGrantType => (
                StatusCode::BAD_REQUEST,
                "unsupported_grant_type",
                "the grant type is `client_credentials`",
            ),
            Self::InvalidScope => (
                StatusCode::BAD_REQUEST,
                "invalid_scope",
                "the client does not have all of the scope that it asks for",
            ),
            Self::Problem(problem) => return problem.into_response(),
        };
        let body = Json(OAuthErrorBody { error, error_description });
        let mut response = (status, body).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Basic realm=\"plinth\", charset=\"UTF-8\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// A form. Unknown parameters are ignored and none may come twice (RFC 6749, section 3.2).
#[derive(Debug)]
pub struct OAuthForm<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for OAuthForm<T> {
    type Rejection = OAuthError;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        if !is_form(request.headers()) {
            let reason = "send `Content-Type: application/x-www-form-urlencoded`";
            return Err(OAuthError::InvalidRequest(reason));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                OAuthError::Problem(TOO_LARGE.problem("at most 1 MiB is taken"))
            } else {
                OAuthError::InvalidRequest("the body ended early")
            }
        })?;
        serde_urlencoded::from_bytes(&bytes).map(Self).map_err(|_| {
            OAuthError::InvalidRequest("a parameter is missing, or is there more than once")
        })
    }
}

/// What the client says it is, by HTTP Basic or in the form, and not both (RFC 6749, section 2.3.1).
pub fn client_credentials(
    headers: &HeaderMap,
    client_id: Option<String>,
    client_secret: Option<Secret>,
) -> Result<ClientCredentials, OAuthError> {
    let in_form = client_id.zip(client_secret).map(|(id, secret)| ClientCredentials { id, secret });
    match (headers.get(header::AUTHORIZATION), in_form) {
        (Some(_), Some(_)) => {
            Err(OAuthError::InvalidRequest("authenticate by the header or by the form, not both"))
        }
        (Some(value), None) => basic(value).ok_or(OAuthError::InvalidClient),
        (None, Some(credentials)) => Ok(credentials),
        (None, None) => Err(OAuthError::InvalidClient),
    }
}

/// Both halves are form-encoded before they are put together (RFC 6749, section 2.3.1).
fn basic(value: &HeaderValue) -> Option<ClientCredentials> {
    let (scheme, encoded) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    let decoded = |half: &str| {
        let mut pairs = form_urlencoded::parse(half.as_bytes());
        pairs.next().map(|(text, _)| text.into_owned())
    };
    Some(ClientCredentials { id: decoded(id)?, secret: Secret::new(decoded(secret)?) })
}

fn is_form(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}
