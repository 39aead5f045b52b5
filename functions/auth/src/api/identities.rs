use axum::{Json, extract::State};
use http::StatusCode;
use jiff::Timestamp;
use kernel::{
    caller::Caller,
    http::{PathParams, QueryParams},
    id::IdentityId,
    page::{Limit, Page},
    problem::Problem,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::App;
use crate::federation::link::Link;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct IdentitiesQuery {
    /// Items per page.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 20)]
    limit: Limit,
    /// The `next_cursor` of the page before.
    #[param(max_length = 2048)]
    cursor: Option<String>,
}

/// A link between an account and somebody whom an identity provider knows.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Identity)]
pub struct IdentityView {
    id: IdentityId,
    /// Slug of the provider by which it came.
    #[schema(example = "okta")]
    provider: String,
    #[schema(example = "https://demo.okta.com")]
    issuer: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<Link> for IdentityView {
    fn from(link: Link) -> Self {
        Self {
            id: link.id,
            provider: link.provider,
            issuer: link.issuer,
            created_at: link.created_at,
        }
    }
}

/// List your links with identity providers
#[utoipa::path(
    get,
    path = "/api/v1/auth/identities",
    params(IdentitiesQuery),
    responses((status = 200, description = "A page of links", body = Page<IdentityView>)),
)]
pub async fn list_identities(
    State(service): App,
    caller: Caller,
    QueryParams(query): QueryParams<IdentitiesQuery>,
) -> Result<Json<Page<IdentityView>>, Problem> {
    let page = service.list_identities(&caller, query.limit, query.cursor.as_deref()).await?;
    Ok(Json(page.map(IdentityView::from)))
}

/// Remove one of your links with identity providers
///
/// Not the last one of somebody without a password.
#[utoipa::path(
    delete,
    path = "/api/v1/auth/identities/{id}",
    params(("id" = IdentityId, Path, description = "The link")),
    responses(
        (status = 204, description = "Removed"),
        (status = 404, description = "`auth.identity_not_found`"),
        (status = 409, description = "`auth.last_identity`"),
    ),
)]
pub async fn unlink_identity(
    State(service): App,
    caller: Caller,
    PathParams(id): PathParams<IdentityId>,
) -> Result<StatusCode, Problem> {
    service.unlink_identity(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
