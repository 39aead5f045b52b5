//! The public endpoints.

mod activity;
mod email;
mod imports;
mod links;
mod me;
mod profile;
mod roles;
mod users;

use std::sync::Arc;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::service::Service;

/// The routes of the manifest.
pub fn router(service: Arc<Service>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(users::list_users, users::create_user))
        .routes(routes!(me::get_own_user, me::update_own_user))
        .routes(routes!(email::request_email_change))
        .routes(routes!(email::confirm_email_change))
        .routes(routes!(email::revert_email_change))
        .routes(routes!(links::verify_email))
        .routes(routes!(links::resend_verification))
        .routes(routes!(links::request_password_reset))
        .routes(routes!(links::confirm_password_reset))
        .routes(routes!(users::get_user, users::update_user, users::delete_user))
        .routes(routes!(users::suspend_user))
        .routes(routes!(users::activate_user))
        .routes(routes!(users::restore_user))
        .routes(routes!(activity::list_activity))
        .routes(routes!(imports::import_users))
        .routes(routes!(imports::get_import))
        .routes(routes!(imports::list_import_lines))
        .routes(routes!(roles::set_roles))
        .routes(routes!(roles::add_role, roles::remove_role))
        .with_state(service)
}
