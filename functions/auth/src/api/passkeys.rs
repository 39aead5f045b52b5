use axum::{Json, extract::State, response::Response};
use http::StatusCode;
use jiff::Timestamp;
use kernel::{
    caller::Caller,
    http::{JsonBody, PathParams},
    origin::Origin,
    problem::Problem,
    secret::Secret,
    validate,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    App,
    cookie::Transport,
    login::{self, TokenAnswer},
    webauthn::{AssertionBody, AttestationBody, CreationOptionsView, RequestOptionsView},
};
use crate::passkey::Passkey;

/// A passkey, as its owner sees it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Passkey)]
pub struct PasskeyView {
    id: Uuid,
    #[schema(example = "My phone")]
    name: String,
    /// Whether it is on all devices of some account, or on one only.
    is_synced: bool,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(required, value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
}

impl PasskeyView {
    fn new(passkey: &Passkey) -> Self {
        Self {
            id: passkey.id,
            name: passkey.name.clone(),
            is_synced: passkey.is_synced,
            created_at: passkey.created_at,
            last_used_at: passkey.last_used_at,
        }
    }
}

/// All of somebody's passkeys: they have ten at most.
#[derive(Debug, Serialize, ToSchema)]
pub struct PasskeysAnswer {
    items: Vec<PasskeyView>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FinishRegistrationBody {
    /// What its owner calls it.
    #[schema(min_length = 1, max_length = 64, example = "My phone")]
    name: String,
    credential: AttestationBody,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct RegisteredAnswer {
    passkey: PasskeyView,
    /// Shown this once; empty when there are some already.
    recovery_codes: Vec<Secret>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FinishPasskeyLoginBody {
    credential: AssertionBody,
    #[serde(default)]
    #[schema(inline)]
    transport: Transport,
}

/// List your passkeys
#[utoipa::path(
    get,
    path = "/api/v1/auth/passkeys",
    responses((status = 200, description = "The passkeys", body = PasskeysAnswer)),
)]
pub async fn list_passkeys(
    State(service): App,
    caller: Caller,
) -> Result<Json<PasskeysAnswer>, Problem> {
    let factors = service.find_factors(&caller).await?;
    Ok(Json(PasskeysAnswer { items: factors.passkeys().iter().map(PasskeyView::new).collect() }))
}

/// Begin to register a passkey
///
/// Needs a recent authentication.
#[utoipa::path(
    post,
    path = "/api/v1/auth/passkeys/registration/start",
    responses(
        (status = 200, description = "Options for the browser", body = CreationOptionsView),
        (status = 401, description = "`auth.step_up_required`"),
        (status = 409, description = "`auth.too_many_passkeys`"),
    ),
)]
pub async fn start_passkey_registration(
    State(service): App,
    caller: Caller,
) -> Result<Json<CreationOptionsView>, Problem> {
    let options = service.begin_registration(&caller).await?;
    Ok(Json(CreationOptionsView::new(&service.party, options)))
}

/// Register a passkey
///
/// From now on it signs in by itself, and a sign-in by password needs a second factor.
#[utoipa::path(
    post,
    path = "/api/v1/auth/passkeys/registration/finish",
    request_body = FinishRegistrationBody,
    responses(
        (status = 201, description = "Registered", body = RegisteredAnswer),
        (status = 409, description = "`auth.passkey_taken`, `auth.too_many_passkeys`"),
        (status = 422, description = "`auth.passkey_refused`"),
    ),
)]
pub async fn finish_passkey_registration(
    State(service): App,
    caller: Caller,
    JsonBody(body): JsonBody<FinishRegistrationBody>,
) -> Result<(StatusCode, Json<RegisteredAnswer>), Problem> {
    let FinishRegistrationBody { name, credential } = body;
    let name = validate::text(&name, 1, 64).map_err(|invalid| invalid.at("/name"))?;
    let attestation = credential.parse("/credential")?;
    let (passkey, codes) = service.finish_registration(&caller, name, &attestation).await?;
    let (passkey, recovery_codes) = (PasskeyView::new(&passkey), codes.unwrap_or_default());
    Ok((StatusCode::CREATED, Json(RegisteredAnswer { passkey, recovery_codes })))
}

/// Remove one of your passkeys
///
/// Needs a recent authentication. The last factor stays where the organisation demands one.
#[utoipa::path(
    delete,
    path = "/api/v1/auth/passkeys/{id}",
    params(("id" = Uuid, Path, description = "The passkey")),
    responses(
        (status = 204, description = "Removed"),
        (status = 401, description = "`auth.step_up_required`"),
        (status = 409, description = "`auth.last_factor`"),
    ),
)]
pub async fn remove_passkey(
    State(service): App,
    caller: Caller,
    PathParams(id): PathParams<Uuid>,
) -> Result<StatusCode, Problem> {
    service.remove_passkey(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Begin to sign in with a passkey
#[utoipa::path(
    post,
    path = "/api/v1/auth/passkey/login/start",
    responses((status = 200, description = "Options for the browser", body = RequestOptionsView)),
)]
pub async fn start_passkey_login(State(service): App) -> Result<Json<RequestOptionsView>, Problem> {
    let options = service.begin_passkey_sign_in().await?;
    Ok(Json(RequestOptionsView::new(&service.party, options)))
}

/// Sign in with a passkey
///
/// No password and no second factor: the authenticator has verified its user.
#[utoipa::path(
    post,
    path = "/api/v1/auth/passkey/login/finish",
    request_body = FinishPasskeyLoginBody,
    responses(
        (status = 200, description = "Signed in", body = TokenAnswer),
        (status = 401, description = "`auth.invalid_passkey`"),
        (status = 403, description = "`auth.suspended`, `auth.tenant_suspended`"),
    ),
)]
pub async fn finish_passkey_login(
    State(service): App,
    origin: Origin,
    JsonBody(body): JsonBody<FinishPasskeyLoginBody>,
) -> Result<Response, Problem> {
    let FinishPasskeyLoginBody { credential, transport } = body;
    let assertion = credential.parse("/credential")?;
    Ok(login::answer(service.sign_in_with_passkey(&origin, assertion).await?, transport))
}
