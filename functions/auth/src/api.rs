//! The endpoints, one file each (a few where they belong together).

mod change_password;
mod cookie;
mod get_jwks;
mod get_me;
mod login;
mod logout;
mod refresh;
mod register;
mod sessions;

use std::sync::Arc;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::service::Service;

/// What handlers share.
pub type App = axum::extract::State<Arc<Service>>;

pub fn router(service: Arc<Service>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(register::register))
        .routes(routes!(login::login))
        .routes(routes!(refresh::refresh))
        .routes(routes!(logout::logout))
        .routes(routes!(logout::logout_all))
        .routes(routes!(sessions::list_sessions))
        .routes(routes!(sessions::revoke_session))
        .routes(routes!(get_me::get_me))
        .routes(routes!(change_password::change_password))
        .routes(routes!(get_jwks::get_jwks))
        .with_state(service)
}
