use axum::{Json, extract::State, response::Response};
use http::StatusCode;
use kernel::{
    http::JsonBody,
    origin::Origin,
    problem::Problem,
    secret::Secret,
    validate::{Violations, at_most},
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    App,
    cookie::Transport,
    login::{self, TokenAnswer},
    mfa::TotpAnswer,
    proof::Given,
    webauthn::{AssertionBody, RequestOptionsView},
};

/// Longest challenge and code that are looked at, in bytes.
const MAX_TEXT: usize = 128;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginMfaBody {
    /// Of the answer `auth.mfa_required`.
    #[schema(max_length = 128)]
    challenge: Secret,
    /// What the authenticator app shows.
    #[schema(max_length = 64, example = "287082")]
    code: Option<Secret>,
    #[schema(max_length = 64)]
    recovery_code: Option<Secret>,
    /// A signature for the options of `/login/mfa/passkey`.
    passkey: Option<AssertionBody>,
    #[serde(default)]
    #[schema(inline)]
    transport: Transport,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChallengeBody {
    /// Of the answer `auth.mfa_required` or `auth.mfa_enrollment_required`.
    #[schema(max_length = 128)]
    challenge: Secret,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmTotpAtLoginBody {
    /// Of the answer `auth.mfa_enrollment_required`.
    #[schema(max_length = 128)]
    challenge: Secret,
    /// What the app shows.
    #[schema(max_length = 64, example = "287082")]
    code: Secret,
    #[serde(default)]
    #[schema(inline)]
    transport: Transport,
}

/// Sign in: the second factor
///
/// Takes the challenge and one proof: a code, a recovery code, or a passkey's signature. A challenge is
/// good for five tries and one success; several wrong proofs in a row make the next ones wait.
#[utoipa::path(
    post,
    path = "/api/v1/auth/login/mfa",
    request_body = LoginMfaBody,
    responses(
        (status = 200, description = "Signed in", body = TokenAnswer),
        (status = 401, description = "`auth.challenge_invalid`, `auth.invalid_code`, `auth.invalid_passkey`"),
        (status = 403, description = "`auth.tenant_suspended`"),
        (status = 429, description = "`auth.locked_out`"),
    ),
)]
pub async fn login_mfa(
    State(service): App,
    origin: Origin,
    JsonBody(body): JsonBody<LoginMfaBody>,
) -> Result<Response, Problem> {
    let LoginMfaBody { challenge, code, recovery_code, passkey, transport } = body;
    at_most(challenge.expose(), MAX_TEXT).map_err(|invalid| invalid.at("/challenge"))?;
    let proof = Given { password: None, code, recovery_code, passkey }.parse_factor()?;
    let signed_in = service.give_second_factor(&origin, &challenge, &proof).await?;
    Ok(login::answer(signed_in, transport))
}

/// Sign in: what a passkey has to sign as the second factor
#[utoipa::path(
    post,
    path = "/api/v1/auth/login/mfa/passkey",
    request_body = ChallengeBody,
    responses(
        (status = 200, description = "Options for the browser", body = RequestOptionsView),
        (status = 401, description = "`auth.challenge_invalid`"),
        (status = 403, description = "`auth.tenant_suspended`"),
        (status = 409, description = "`auth.no_factor`"),
    ),
)]
pub async fn start_passkey_second_factor(
    State(service): App,
    origin: Origin,
    JsonBody(body): JsonBody<ChallengeBody>,
) -> Result<Json<RequestOptionsView>, Problem> {
    let ChallengeBody { challenge } = body;
    at_most(challenge.expose(), MAX_TEXT).map_err(|invalid| invalid.at("/challenge"))?;
    let options = service.begin_passkey_second_factor(&origin, &challenge).await?;
    Ok(Json(RequestOptionsView::new(&service.party, options)))
}

/// Sign in: begin to enrol the second factor that the organisation demands
#[utoipa::path(
    post,
    path = "/api/v1/auth/login/mfa/totp",
    request_body = ChallengeBody,
    responses(
        (status = 201, description = "The secret", body = TotpAnswer),
        (status = 401, description = "`auth.challenge_invalid`"),
        (status = 403, description = "`auth.tenant_suspended`"),
    ),
)]
pub async fn enroll_totp_at_login(
    State(service): App,
    origin: Origin,
    JsonBody(body): JsonBody<ChallengeBody>,
) -> Result<(StatusCode, Json<TotpAnswer>), Problem> {
    let ChallengeBody { challenge } = body;
    at_most(challenge.expose(), MAX_TEXT).map_err(|invalid| invalid.at("/challenge"))?;
    let shown = service.begin_totp_at_sign_in(&origin, &challenge).await?;
    Ok((StatusCode::CREATED, Json(TotpAnswer::new(shown))))
}

/// Sign in: confirm the authenticator app by its first code
///
/// Enrols it and signs in. The answer has recovery codes, which are shown this once.
#[utoipa::path(
    post,
    path = "/api/v1/auth/login/mfa/totp/confirm",
    request_body = ConfirmTotpAtLoginBody,
    responses(
        (status = 200, description = "Signed in", body = TokenAnswer),
        (status = 401, description = "`auth.challenge_invalid`"),
        (status = 403, description = "`auth.tenant_suspended`"),
        (status = 409, description = "`auth.nothing_to_confirm`"),
    ),
)]
pub async fn confirm_totp_at_login(
    State(service): App,
    origin: Origin,
    JsonBody(body): JsonBody<ConfirmTotpAtLoginBody>,
) -> Result<Response, Problem> {
    let ConfirmTotpAtLoginBody { challenge, code, transport } = body;
    let mut violations = Violations::default();
    violations.field("/challenge", at_most(challenge.expose(), MAX_TEXT));
    violations.field("/code", at_most(code.expose(), MAX_TEXT));
    violations.finish()?;
    let (signed_in, codes) = service.confirm_totp_at_sign_in(&origin, &challenge, &code).await?;
    Ok(login::answer_with_codes(signed_in, transport, Some(codes)))
}
