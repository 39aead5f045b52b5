use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use kernel::{caller::Caller, http::JsonBody, origin::Origin, problem::Problem, secret::Secret};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{email::Email, service::Service};

/// Another address for one's own account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeEmail {
    #[schema(format = Email, min_length = 5, max_length = 254, example = "ada@example.net")]
    new_email: String,
    /// The present password.
    #[schema(format = Password, min_length = 1, max_length = 1024, example = "nine lives of a cobol cat")]
    password: Secret,
}

/// The token of a mailed link.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EmailChangeToken {
    #[schema(
        min_length = 1,
        max_length = 128,
        example = "w6uP8Tcg6K2QR905Rms8iXTlksL6OD1KOWBxTK7wxPI"
    )]
    token: Secret,
}

/// Ask for another e-mail address
///
/// The new address gets a mail with a link that confirms the change, and the present one a mail with a link
/// that prevents it or, for 7 days, takes it back. The answer does not tell whether the new address has an
/// account; if it has, its owner is told. After a change, the next one is possible 7 days later.
#[utoipa::path(
    post,
    path = "/api/v1/users/me/email",
    operation_id = "request_email_change",
    request_body = ChangeEmail,
    responses(
        (status = 202, description = "Both addresses get a mail"),
        (status = 403, description = "`auth.wrong_password`"),
        (status = 404, description = "`user.not_found`: the account is not active any more"),
        (status = 409, description = "`user.email_changed_recently`"),
    ),
)]
pub(super) async fn request_email_change(
    State(service): State<Arc<Service>>,
    caller: Caller,
    JsonBody(body): JsonBody<ChangeEmail>,
) -> Result<StatusCode, Problem> {
    let ChangeEmail { new_email, password } = body;
    let new = Email::parse(&new_email).map_err(|invalid| invalid.at("/new_email"))?;
    service.request_email_change(&caller, &new, &password).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Confirm another e-mail address
///
/// By the token in the mail to the new address, which is good for one use. Sessions go on.
#[utoipa::path(
    post,
    path = "/api/v1/users/email-change/confirm",
    operation_id = "confirm_email_change",
    request_body = EmailChangeToken,
    responses(
        (status = 204, description = "The account has the new address"),
        (status = 409, description = "`user.email_taken`: somebody else has the address meanwhile"),
        (status = 422, description = "`user.link_invalid`: unknown, used, replaced or expired"),
    ),
)]
pub(super) async fn confirm_email_change(
    State(service): State<Arc<Service>>,
    origin: Origin,
    JsonBody(body): JsonBody<EmailChangeToken>,
) -> Result<StatusCode, Problem> {
    service.confirm_email_change(&origin, &body.token).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Prevent or take back another e-mail address
///
/// By the token in a mail to the old address, which is good for one use within 7 days. Ends all sessions
/// and the password; the old address gets a mail with a link to set a new one.
#[utoipa::path(
    post,
    path = "/api/v1/users/email-change/revert",
    operation_id = "revert_email_change",
    request_body = EmailChangeToken,
    responses(
        (status = 204, description = "The account has the old address"),
        (status = 422, description = "`user.link_invalid`: unknown, used or expired"),
    ),
)]
pub(super) async fn revert_email_change(
    State(service): State<Arc<Service>>,
    origin: Origin,
    JsonBody(body): JsonBody<EmailChangeToken>,
) -> Result<StatusCode, Problem> {
    service.revert_email_change(&origin, &body.token).await?;
    Ok(StatusCode::NO_CONTENT)
}
