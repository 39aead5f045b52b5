use std::sync::Arc;

use axum::{Json, extract::State};
use contracts::audit::Activity;
use kernel::{
    caller::Caller,
    http::{PathParams, QueryParams},
    id::UserId,
    page::{Limit, Page},
    problem::Problem,
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::service::Service;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListActivityQuery {
    #[serde(default)]
    #[param(value_type = u32, minimum = 1, maximum = 100, default = 20, required = false)]
    limit: Limit,
    /// `next_cursor` of the page before.
    #[param(max_length = 2048)]
    cursor: Option<String>,
}

/// See what a user did, and what was done to them
///
/// Newest first, out of the audit log. What happened a moment ago may be missing still.
#[utoipa::path(
    get,
    path = "/api/v1/users/{id}/activity",
    operation_id = "list_activity",
    params(("id" = UserId, Path, description = "The user's id"), ListActivityQuery),
    responses(
        (status = 200, description = "A page of activity", body = Page<Activity>),
        (status = 404, description = "`user.not_found`"),
    ),
)]
pub(super) async fn list_activity(
    State(service): State<Arc<Service>>,
    caller: Caller,
    PathParams(id): PathParams<UserId>,
    QueryParams(query): QueryParams<ListActivityQuery>,
) -> Result<Json<Page<Activity>>, Problem> {
    let ListActivityQuery { limit, cursor } = query;
    Ok(Json(service.list_activity(&caller, id, limit, cursor.as_deref()).await?))
}
