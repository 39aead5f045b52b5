use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use kernel::{
    http::{PathParams, QueryParams},
    origin::Origin,
    problem::Problem,
    secret::Secret,
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    App,
    cookie::{self, Transport},
    login::{self, TokenAnswer},
};
use crate::{
    error::Error,
    federation::{attempt::LIFETIME, return_to::ReturnTo},
    service::{BeginFederation, Begun, Callback, Finished, SignedIn},
};

/// Keeps the key of a browser that has begun to sign in. `Lax`, because the provider sends the browser
/// back from another site.
const COOKIE: &str = "__Host-plinth_federation";

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BeginQuery {
    /// Slug of the organisation.
    #[param(max_length = 63, example = "demo")]
    tenant: String,
    /// Where the browser goes in the end: an address of one of the configured applications
    /// (`auth.federation.return_origins`).
    #[param(max_length = 512, example = "https://app.example.org/signed-in")]
    return_to: Option<String>,
}

/// What providers add to the address. Unlike elsewhere, unknown parameters are ignored, as RFC 6749,
/// section 4.1.2 demands: many providers send some of their own.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CallbackQuery {
    #[serde(default)]
    #[param(value_type = Option<String>, max_length = 2048)]
    state: String,
    #[param(value_type = Option<String>, max_length = 2048)]
    code: Option<Secret>,
    #[param(max_length = 255, example = "access_denied")]
    error: Option<String>,
    #[param(max_length = 255, example = "https://demo.okta.com")]
    iss: Option<String>,
}

/// Begin to sign in with an identity provider
///
/// For browsers: leads to the provider. Give the address to a link, not to a script.
#[utoipa::path(
    get,
    path = "/api/v1/auth/oidc/{provider}/start",
    params(("provider" = String, Path, description = "Slug of the provider"), BeginQuery),
    responses(
        (status = 302, description = "To the provider",
            headers(("Location" = String, description = "The provider's page"))),
        (status = 404, description = "`auth.provider_not_found`: no such organisation, or no such provider in use"),
        (status = 422, description = "`request.invalid`: also when `return_to` is not an address of a configured application"),
        (status = 424, description = "`auth.provider_unavailable`"),
    ),
)]
pub async fn begin_federation(
    State(service): App,
    origin: Origin,
    PathParams(provider): PathParams<String>,
    QueryParams(query): QueryParams<BeginQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let BeginQuery { tenant, return_to } = query;
    let browser = cookie::find(&headers, COOKIE);
    let request = BeginFederation { tenant, provider, return_to, browser };
    let Begun { location, browser } = service.begin_federation(&origin, request).await?;
    let mut response = redirect(location.as_str())?;
    response.headers_mut().insert(header::SET_COOKIE, keep(&browser));
    Ok(response)
}

/// Come back from an identity provider
///
/// Only providers lead here. Without a `return_to` at the start it answers as a sign-in does. With one it
/// leads there: signed in, with the refresh token in its cookie (call `/refresh` with the transport
/// `cookie`), or not, with the problem's code as the query parameter `error`. What was not begun in this
/// browser, took too long or came twice leads nowhere, and gets a problem document.
#[utoipa::path(
    get,
    path = "/api/v1/auth/oidc/{provider}/callback",
    params(("provider" = String, Path, description = "Names the provider, as in its `callback_url`"), CallbackQuery),
    responses(
        (status = 200, description = "Signed in", body = TokenAnswer),
        (status = 302, description = "To the application",
            headers(("Location" = String, description = "Its address"))),
        (status = 400, description = "`auth.federation_state_invalid`"),
        (status = 401, description = "`auth.federation_unproven`"),
        (status = 403, description = "`auth.federation_denied`, `auth.federation_email_unverified`, `auth.federation_not_allowed`, `auth.federation_not_linkable`, `auth.email_not_verified`, `auth.suspended`"),
        (status = 404, description = "`auth.provider_not_found`: it was disabled or removed meanwhile"),
        (status = 424, description = "`auth.provider_unavailable`"),
    ),
)]
pub async fn finish_federation(
    State(service): App,
    origin: Origin,
    PathParams(name): PathParams<String>,
    QueryParams(query): QueryParams<CallbackQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let CallbackQuery { state, code, error, iss } = query;
    let browser = cookie::find(&headers, COOKIE);
    let is_error = error.is_some();
    let callback = Callback { name, state, code, is_error, issuer: iss, browser };
    let Finished { outcome, return_to } = service.finish_federation(&origin, callback).await?;
    match return_to {
        None => Ok(login::answer(outcome?, Transport::Body)),
        Some(return_to) => return_with(outcome, &return_to),
    }
}

/// Leads to the application: no token and no personal data is ever part of an address.
fn return_with(
    outcome: Result<SignedIn, Error>,
    return_to: &ReturnTo,
) -> Result<Response, Problem> {
    match outcome {
        Ok(signed_in) => {
            let mut response = redirect(return_to.as_str())?;
            let cookie = cookie::set(&signed_in.refresh_token, signed_in.refresh_expires_in);
            response.headers_mut().insert(header::SET_COOKIE, cookie);
            Ok(response)
        }
        Err(error) => {
            let problem = Problem::from(error);
            // Faults of ours are answered, and so reported, as everywhere.
            if problem.kind().status.is_server_error() {
                return Err(problem);
            }
            redirect(&return_to.with_error(problem.kind().code))
        }
    }
}

fn redirect(location: &str) -> Result<Response, Problem> {
    let location = HeaderValue::from_str(location).map_err(Problem::internal)?;
    Ok((StatusCode::FOUND, [(header::LOCATION, location)]).into_response())
}

fn keep(browser: &Secret) -> HeaderValue {
    let seconds = LIFETIME.as_secs();
    let attributes = format!("Max-Age={seconds}; Path=/; Secure; HttpOnly; SameSite=Lax");
    let text = format!("{COOKIE}={}; {attributes}", browser.expose());
    let mut value = HeaderValue::from_str(&text).expect("a random token is URL-safe text");
    value.set_sensitive(true);
    value
}
