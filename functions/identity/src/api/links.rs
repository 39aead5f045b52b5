use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use kernel::{http::JsonBody, origin::Origin, problem::Problem, secret::Secret};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{email::Email, service::Service};

/// The token of a mailed link.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyEmail {
    #[schema(
        min_length = 1,
        max_length = 128,
        example = "w6uP8Tcg6K2QR905Rms8iXTlksL6OD1KOWBxTK7wxPI"
    )]
    token: Secret,
}

/// Whose mail is meant.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MailAddress {
    #[schema(format = Email, min_length = 5, max_length = 254, example = "ada@example.org")]
    email: String,
}

/// A new password, by the token of a mailed link.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmPasswordReset {
    #[schema(
        min_length = 1,
        max_length = 128,
        example = "w6uP8Tcg6K2QR905Rms8iXTlksL6OD1KOWBxTK7wxPI"
    )]
    token: Secret,
    #[schema(
        format = Password, min_length = 15, max_length = 128, example = "nine lives of a cobol cat"
    )]
    password: Secret,
}

impl MailAddress {
    fn parse(&self) -> Result<Email, Problem> {
        Email::parse(&self.email).map_err(|invalid| invalid.at("/email"))
    }
}

/// Verify an e-mail address
///
/// By the token in the mail, which is good for one use. A pending account becomes active.
#[utoipa::path(
    post,
    path = "/api/v1/users/email-verification",
    operation_id = "verify_email",
    request_body = VerifyEmail,
    responses(
        (status = 204, description = "The address is verified"),
        (status = 422, description = "`user.link_invalid`: unknown, used, replaced or expired"),
    ),
)]
pub(super) async fn verify_email(
    State(service): State<Arc<Service>>,
    origin: Origin,
    JsonBody(body): JsonBody<VerifyEmail>,
) -> Result<StatusCode, Problem> {
    service.verify_email(&origin, &body.token).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Have the verification mail sent again
///
/// Earlier links stop working. The answer does not tell whether there is such an account.
#[utoipa::path(
    post,
    path = "/api/v1/users/email-verification/resend",
    operation_id = "resend_verification",
    request_body = MailAddress,
    responses((status = 202, description = "If there is a pending account, its owner gets a mail")),
)]
pub(super) async fn resend_verification(
    State(service): State<Arc<Service>>,
    origin: Origin,
    JsonBody(body): JsonBody<MailAddress>,
) -> Result<StatusCode, Problem> {
    service.resend_verification(&origin, &body.parse()?).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Ask for a link to set a new password
///
/// Earlier links stop working. The answer does not tell whether there is such an account.
#[utoipa::path(
    post,
    path = "/api/v1/users/password-reset",
    operation_id = "request_password_reset",
    request_body = MailAddress,
    responses((status = 202, description = "If there is an account, its owner gets a mail")),
)]
pub(super) async fn request_password_reset(
    State(service): State<Arc<Service>>,
    origin: Origin,
    JsonBody(body): JsonBody<MailAddress>,
) -> Result<StatusCode, Problem> {
    service.request_password_reset(&origin, &body.parse()?).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Set a new password
///
/// By the token in the mail, which is good for one use. Ends all sessions, and verifies the address.
#[utoipa::path(
    post,
    path = "/api/v1/users/password-reset/confirm",
    operation_id = "confirm_password_reset",
    request_body = ConfirmPasswordReset,
    responses(
        (status = 204, description = "The password is changed"),
        (status = 422, description = "`user.link_invalid`, or the password is not good enough"),
    ),
)]
pub(super) async fn confirm_password_reset(
    State(service): State<Arc<Service>>,
    origin: Origin,
    JsonBody(body): JsonBody<ConfirmPasswordReset>,
) -> Result<StatusCode, Problem> {
    service.reset_password(&origin, &body.token, &body.password).await?;
    Ok(StatusCode::NO_CONTENT)
}
