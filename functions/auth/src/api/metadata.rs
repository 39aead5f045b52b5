//! What standard clients ask first: where the endpoints are and what they can do.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use contracts::generated::permissions::ALL;
use http::{HeaderValue, header};
use serde::Serialize;
use utoipa::ToSchema;

use super::App;

/// How clients prove who they are, on every endpoint that asks.
const AUTH_METHODS: &[&str] = &["client_secret_basic", "client_secret_post"];

/// What the authorization server can do (RFC 8414, section 2): what there is, and nothing else.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServerMetadata {
    #[schema(example = "https://api.example.org")]
    issuer: String,
    #[schema(example = "https://api.example.org/.well-known/jwks.json")]
    jwks_uri: String,
    #[schema(example = "https://api.example.org/api/v1/auth/token")]
    token_endpoint: String,
    #[schema(example = "https://api.example.org/api/v1/auth/introspect")]
    introspection_endpoint: String,
    #[schema(example = "https://api.example.org/api/v1/auth/revoke")]
    revocation_endpoint: String,
    #[schema(example = json!(["client_credentials"]))]
    grant_types_supported: &'static [&'static str],
    /// None: there is no authorization endpoint.
    response_types_supported: &'static [&'static str],
    #[schema(example = json!(["client_secret_basic", "client_secret_post"]))]
    token_endpoint_auth_methods_supported: &'static [&'static str],
    introspection_endpoint_auth_methods_supported: &'static [&'static str],
    revocation_endpoint_auth_methods_supported: &'static [&'static str],
    /// The codes of all permissions.
    #[schema(example = json!(["user.list", "user.read"]))]
    scopes_supported: Vec<&'static str>,
}

/// The same for clients of OpenID Connect, with what its discovery demands beside it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProviderMetadata {
    #[serde(flatten)]
    server: ServerMetadata,
    #[schema(example = json!(["public"]))]
    subject_types_supported: &'static [&'static str],
    /// What everything that is signed here is signed with.
    #[schema(example = json!(["ES256"]))]
    id_token_signing_alg_values_supported: &'static [&'static str],
}

impl ServerMetadata {
    fn of(issuer: &str) -> Self {
        let base = issuer.trim_end_matches('/');
        Self {
            issuer: issuer.to_owned(),
            jwks_uri: format!("{base}/.well-known/jwks.json"),
            token_endpoint: format!("{base}/api/v1/auth/token"),
            introspection_endpoint: format!("{base}/api/v1/auth/introspect"),
            revocation_endpoint: format!("{base}/api/v1/auth/revoke"),
            grant_types_supported: &["client_credentials"],
            response_types_supported: &[],
            token_endpoint_auth_methods_supported: AUTH_METHODS,
            introspection_endpoint_auth_methods_supported: AUTH_METHODS,
            revocation_endpoint_auth_methods_supported: AUTH_METHODS,
            scopes_supported: ALL.iter().map(|permission| permission.code).collect(),
        }
    }
}

/// Get the metadata of the authorization server
///
/// As RFC 8414 describes it.
#[utoipa::path(
    get,
    path = "/.well-known/oauth-authorization-server",
    responses((status = 200, description = "The metadata", body = ServerMetadata)),
)]
pub async fn get_server_metadata(State(service): App) -> Response {
    remembered(Json(ServerMetadata::of(service.tokens.issuer())))
}

/// Get the metadata as OpenID clients look for it
///
/// As OpenID Connect Discovery describes it. Only machines sign in here by OAuth: no id tokens are issued.
#[utoipa::path(
    get,
    path = "/.well-known/openid-configuration",
    responses((status = 200, description = "The metadata", body = ProviderMetadata)),
)]
pub async fn get_openid_configuration(State(service): App) -> Response {
    remembered(Json(ProviderMetadata {
        server: ServerMetadata::of(service.tokens.issuer()),
        subject_types_supported: &["public"],
        id_token_signing_alg_values_supported: &["ES256"],
    }))
}

/// It changes with deployments only.
fn remembered(answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    let cache = HeaderValue::from_static("public, max-age=3600");
    response.headers_mut().insert(header::CACHE_CONTROL, cache);
    response
}
