//! The endpoints, one file each (a few where they belong together).

mod api_keys;
mod change_password;
mod clients;
mod cookie;
mod federation;
mod get_jwks;
mod get_me;
mod identities;
mod introspect_token;
mod issue_token;
mod login;
mod logout;
mod metadata;
mod oauth;
mod providers;
mod refresh;
mod register;
mod revoke_token;
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
        .routes(routes!(api_keys::create_api_key, api_keys::list_api_keys))
        .routes(routes!(api_keys::revoke_api_key))
        .routes(routes!(clients::create_client, clients::list_clients))
        .routes(routes!(clients::get_client, clients::update_client, clients::delete_client))
        .routes(routes!(clients::rotate_client_secret))
        .routes(routes!(issue_token::issue_token))
        .routes(routes!(introspect_token::introspect_token))
        .routes(routes!(revoke_token::revoke_token))
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
        .routes(routes!(metadata::get_server_metadata))
        .routes(routes!(metadata::get_openid_configuration))
        .with_state(service)
}
