//! The endpoints, one file each (a few where they belong together).

mod change_password;
mod cookie;
mod federation;
mod get_jwks;
mod get_me;
mod identities;
mod login;
mod logout;
mod providers;
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
        .routes(routes!(providers::create_provider, providers::list_providers))
        .routes(routes!(
            providers::get_provider,
            providers::update_provider,
            providers::delete_provider
        ))
        .routes(routes!(federation::begin_federation))
        .routes(routes!(federation::finish_federation))
        .routes(routes!(identities::list_identities))
        .routes(routes!(identities::unlink_identity))
        .with_state(service)
}
