use axum::{Json, extract::State};
use http::StatusCode;
use kernel::{
    http::JsonBody, id::UserId, idempotency::NewId, origin::Origin, problem::Problem,
    secret::Secret, validate,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{App, login::MAX_EMAIL};
use crate::service::RegisterRequest;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterBody {
    #[schema(format = Email, max_length = 254, example = "ada@example.org")]
    email: String,
    /// 15 to 128 characters of any kind; a sentence is a good one.
    #[schema(max_length = 128, example = "correct horse battery staple")]
    password: Secret,
    #[schema(min_length = 1, max_length = 100, example = "Ada Lovelace")]
    name: String,
    /// Slug of the organisation to join; the default one when absent.
    #[schema(max_length = 63, example = "demo")]
    tenant: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct RegisterAnswer {
    /// What the account waits for.
    #[schema(example = "pending_activation")]
    status: &'static str,
}

/// Create an account
///
/// Mails a link that verifies the address. The answer is the same when the address has an account
/// already; its owner then gets a mail that says so.
#[utoipa::path(
    post,
    path = "/api/v1/auth/register",
    request_body = RegisterBody,
    responses((status = 201, description = "A verification link is on its way", body = RegisterAnswer)),
)]
pub async fn register(
    State(service): App,
    origin: Origin,
    NewId(user_id): NewId<UserId>,
    JsonBody(body): JsonBody<RegisterBody>,
) -> Result<(StatusCode, Json<RegisterAnswer>), Problem> {
    let RegisterBody { email, password, name, tenant } = body;
    let at_most = validate::at_most(&email, MAX_EMAIL);
    at_most.map_err(|invalid| invalid.at("/email"))?;
    let request = RegisterRequest { user_id, email, password, name, tenant };
    service.register(&origin, request).await?;
    Ok((StatusCode::CREATED, Json(RegisterAnswer { status: "pending_activation" })))
}
