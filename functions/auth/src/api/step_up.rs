use axum::{Json, extract::State};
use kernel::{caller::Caller, http::JsonBody, problem::Problem, secret::Secret};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    App,
    proof::Given,
    webauthn::{AssertionBody, RequestOptionsView},
};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StepUpBody {
    /// For who has no second factor.
    #[schema(max_length = 1024)]
    password: Option<Secret>,
    /// What the authenticator app shows.
    #[schema(max_length = 64, example = "287082")]
    code: Option<Secret>,
    #[schema(max_length = 64)]
    recovery_code: Option<Secret>,
    /// A signature for the options of `/step-up/passkey`.
    passkey: Option<AssertionBody>,
}

/// An access token with a new `auth_time`.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccessAnswer {
    access_token: Secret,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds.
    #[schema(example = 900)]
    expires_in: i64,
}

/// Prove once more who you are
///
/// For actions that answer `auth.step_up_required` (RFC 9470). Gives an access token for the same session,
/// whose refresh token stays as it is: tokens of later refreshes are as old as the sign-in again.
#[utoipa::path(
    post,
    path = "/api/v1/auth/step-up",
    request_body = StepUpBody,
    responses(
        (status = 200, description = "The token", body = AccessAnswer),
        (status = 401, description = "`auth.invalid_passkey`"),
        (status = 403, description = "`auth.step_up_refused`, `auth.second_factor_needed`"),
        (status = 429, description = "`auth.locked_out`"),
    ),
)]
pub async fn step_up(
    State(service): App,
    caller: Caller,
    JsonBody(body): JsonBody<StepUpBody>,
) -> Result<Json<AccessAnswer>, Problem> {
    let StepUpBody { password, code, recovery_code, passkey } = body;
    let proof = Given { password, code, recovery_code, passkey }.parse()?;
    let access = service.step_up(&caller, proof).await?;
    let (access_token, expires_in) = (access.token, access.expires_in);
    Ok(Json(AccessAnswer { access_token, token_type: "Bearer", expires_in }))
}

/// Prove once more who you are: what a passkey has to sign
#[utoipa::path(
    post,
    path = "/api/v1/auth/step-up/passkey",
    responses(
        (status = 200, description = "Options for the browser", body = RequestOptionsView),
        (status = 409, description = "`auth.no_factor`"),
    ),
)]
pub async fn start_passkey_step_up(
    State(service): App,
    caller: Caller,
) -> Result<Json<RequestOptionsView>, Problem> {
    let options = service.begin_passkey_step_up(&caller).await?;
    Ok(Json(RequestOptionsView::new(&service.party, options)))
}
