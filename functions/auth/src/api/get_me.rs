use std::collections::BTreeSet;

use axum::{Json, extract::State};
use contracts::{identity::User, tenant::TenantView};
use kernel::{caller::Caller, problem::Problem};
use serde::Serialize;
use utoipa::ToSchema;

use super::App;

/// Who somebody is, and what they may do.
#[derive(Debug, Serialize, ToSchema)]
pub struct MeAnswer {
    user: User,
    tenant: TenantView,
    #[schema(example = json!(["member"]))]
    roles: Vec<String>,
    #[schema(example = json!(["role.read", "tenant.read"]))]
    permissions: BTreeSet<String>,
}

/// See who you are
#[utoipa::path(
    get,
    path = "/api/v1/auth/me",
    responses((status = 200, description = "You", body = MeAnswer)),
)]
pub async fn get_me(State(service): App, caller: Caller) -> Result<Json<MeAnswer>, Problem> {
    let profile = service.profile(&caller).await?;
    Ok(Json(MeAnswer {
        user: profile.user,
        tenant: profile.tenant,
        roles: caller.roles,
        permissions: caller.permissions,
    }))
}
