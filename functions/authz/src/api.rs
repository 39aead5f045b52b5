//! The public endpoints: parse, call one use case, answer.

mod checks;
mod permissions;
mod roles;

use std::sync::Arc;

use kernel::cursor::Cursors;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::service::Service;

/// What handlers share.
#[derive(Clone)]
struct Api {
    service: Arc<Service>,
    cursors: Cursors,
}

pub fn router(service: Arc<Service>, cursors: Cursors) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(permissions::list_permissions))
        .routes(routes!(roles::list_roles, roles::create_role))
        .routes(routes!(roles::get_role, roles::update_role, roles::delete_role))
        .routes(routes!(roles::set_role_permissions))
        .routes(routes!(checks::check_permission))
        .routes(routes!(checks::check_permissions))
        .with_state(Api { service, cursors })
}
