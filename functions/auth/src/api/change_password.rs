use axum::extract::State;
use http::StatusCode;
use kernel::{caller::Caller, http::JsonBody, problem::Problem, secret::Secret};
use serde::Deserialize;
use utoipa::ToSchema;

use super::App;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePasswordBody {
    #[schema(max_length = 1024, example = "correct horse battery staple")]
    current_password: Secret,
    /// 15 to 128 characters of any kind.
    #[schema(max_length = 128, example = "a better horse, a better battery")]
    new_password: Secret,
}

/// Change your password
///
/// Ends all of your other sessions.
#[utoipa::path(
    post,
    path = "/api/v1/auth/password/change",
    request_body = ChangePasswordBody,
    responses(
        (status = 204, description = "Changed"),
        (status = 403, description = "`auth.wrong_password`"),
    ),
)]
pub async fn change_password(
    State(service): App,
    caller: Caller,
    JsonBody(body): JsonBody<ChangePasswordBody>,
) -> Result<StatusCode, Problem> {
    let ChangePasswordBody { current_password, new_password } = body;
    service.change_password(&caller, current_password, new_password).await?;
    Ok(StatusCode::NO_CONTENT)
}
