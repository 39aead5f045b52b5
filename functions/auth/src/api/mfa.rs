use axum::{Json, extract::State};
use http::StatusCode;
use jiff::Timestamp;
use kernel::{caller::Caller, http::JsonBody, problem::Problem, secret::Secret, validate::at_most};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use crate::{
    factors::{FactorKind, Factors},
    service::ShownTotp,
};

/// Longest code that is looked at, in bytes.
const MAX_CODE: usize = 64;

/// What somebody has enrolled beside their password.
#[derive(Debug, Serialize, ToSchema)]
pub struct FactorsView {
    /// Whether a sign-in by password needs a second factor.
    is_enrolled: bool,
    /// How it may be given.
    methods: Vec<FactorKind>,
    /// When the authenticator app was enrolled.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    totp_enrolled_at: Option<Timestamp>,
    #[schema(example = 2)]
    passkeys: usize,
    /// When few are left, have new ones made.
    #[schema(example = 10)]
    recovery_codes_left: usize,
}

impl FactorsView {
    fn new(factors: &Factors) -> Self {
        Self {
            is_enrolled: factors.is_enrolled(),
            methods: factors.kinds(),
            totp_enrolled_at: factors.totp_enrolled_at(),
            passkeys: factors.passkeys().len(),
            recovery_codes_left: factors.recovery_codes_left(),
        }
    }
}

/// A secret for an authenticator app. It is shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub struct TotpAnswer {
    /// For an app that cannot scan.
    #[schema(example = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")]
    secret: Secret,
    /// For a QR code.
    otpauth_url: Secret,
}

impl TotpAnswer {
    pub fn new(shown: ShownTotp) -> Self {
        let ShownTotp { secret, otpauth_url } = shown;
        Self { secret, otpauth_url }
    }
}

/// Codes that get their owner in without the device, each once. They are shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecoveryCodesAnswer {
    /// Empty when there are some already.
    #[schema(example = json!(["mfrg-g2lt-nzuw-4z3x"]))]
    recovery_codes: Vec<Secret>,
}

impl RecoveryCodesAnswer {
    pub fn new(recovery_codes: Vec<Secret>) -> Self {
        Self { recovery_codes }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmTotpBody {
    /// What the app shows.
    #[schema(max_length = 64, example = "287082")]
    code: Secret,
}

/// See your second factors
#[utoipa::path(
    get,
    path = "/api/v1/auth/mfa",
    responses((status = 200, description = "What is enrolled", body = FactorsView)),
)]
pub async fn get_factors(
    State(service): App,
    caller: Caller,
) -> Result<Json<FactorsView>, Problem> {
    Ok(Json(FactorsView::new(&service.find_factors(&caller).await?)))
}

/// Begin to enrol an authenticator app
///
/// Gives a secret that counts for nothing until it is confirmed by a code, within 15 minutes. An app
/// that is enrolled already goes on working until then. Needs a recent authentication.
#[utoipa::path(
    post,
    path = "/api/v1/auth/mfa/totp",
    responses(
        (status = 201, description = "The secret", body = TotpAnswer),
        (status = 401, description = "`auth.step_up_required`"),
    ),
)]
pub async fn enroll_totp(
    State(service): App,
    caller: Caller,
) -> Result<(StatusCode, Json<TotpAnswer>), Problem> {
    let shown = service.begin_totp(&caller).await?;
    Ok((StatusCode::CREATED, Json(TotpAnswer::new(shown))))
}

/// Confirm an authenticator app by its first code
///
/// From now on a sign-in by password needs a code. Answers with recovery codes, unless there are some.
#[utoipa::path(
    post,
    path = "/api/v1/auth/mfa/totp/confirm",
    request_body = ConfirmTotpBody,
    responses(
        (status = 200, description = "Enrolled", body = RecoveryCodesAnswer),
        (status = 409, description = "`auth.nothing_to_confirm`"),
    ),
)]
pub async fn confirm_totp(
    State(service): App,
    caller: Caller,
    JsonBody(body): JsonBody<ConfirmTotpBody>,
) -> Result<Json<RecoveryCodesAnswer>, Problem> {
    let ConfirmTotpBody { code } = body;
    at_most(code.expose(), MAX_CODE).map_err(|invalid| invalid.at("/code"))?;
    let codes = service.confirm_totp(&caller, &code).await?;
    Ok(Json(RecoveryCodesAnswer::new(codes.unwrap_or_default())))
}

/// Remove the authenticator app
///
/// Needs a recent authentication. The last factor stays where the organisation demands one.
#[utoipa::path(
    delete,
    path = "/api/v1/auth/mfa/totp",
    responses(
        (status = 204, description = "Removed"),
        (status = 401, description = "`auth.step_up_required`"),
        (status = 404, description = "`auth.factor_not_found`"),
        (status = 409, description = "`auth.last_factor`"),
    ),
)]
pub async fn remove_totp(State(service): App, caller: Caller) -> Result<StatusCode, Problem> {
    service.remove_totp(&caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Replace your recovery codes
///
/// Those from before are worth nothing from now on. Needs a recent authentication.
#[utoipa::path(
    post,
    path = "/api/v1/auth/mfa/recovery-codes",
    responses(
        (status = 201, description = "The new codes", body = RecoveryCodesAnswer),
        (status = 401, description = "`auth.step_up_required`"),
        (status = 409, description = "`auth.no_factor`"),
    ),
)]
pub async fn renew_recovery_codes(
    State(service): App,
    caller: Caller,
) -> Result<(StatusCode, Json<RecoveryCodesAnswer>), Problem> {
    let codes = service.renew_recovery_codes(&caller).await?;
    Ok((StatusCode::CREATED, Json(RecoveryCodesAnswer::new(codes))))
}
