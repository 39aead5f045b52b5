//! `routes.rs`: the table by which the authorizer decides.

use super::{literal, sorted_routes};
use crate::{Access, Modules, Rate};

pub(super) fn render(modules: &Modules) -> String {
    let routes = sorted_routes(modules).into_iter().map(|(module, route)| {
        format!(
            "    Route {{ method: {}, path: {}, module: {}, access: {}, rate: {}, idempotency_key: {} }},\n",
            literal(route.method.as_str()),
            literal(&route.path),
            literal(module),
            access(&route.access),
            rate(route.rate),
            route.idempotency_key,
        )
    });
    format!(
        "//! Every route of the gateway, by module, path and method.

use kernel::route::{{Access, Rate, Route}};

/// Every route of the gateway.
#[rustfmt::skip]
pub const ROUTES: &[Route] = &[
{}];
",
        routes.collect::<Vec<_>>().concat(),
    )
}

fn access(access: &Access) -> String {
    match access {
        Access::Public => "Access::Public".to_owned(),
        Access::SignedIn => "Access::SignedIn".to_owned(),
        Access::Session => "Access::Session".to_owned(),
        Access::Permission(code) => format!("Access::Permission({})", literal(code)),
    }
}

fn rate(rate: Rate) -> &'static str {
    match rate {
        Rate::Default => "Rate::Default",
        Rate::SignIn => "Rate::SignIn",
        Rate::Registration => "Rate::Registration",
        Rate::Refresh => "Rate::Refresh",
        Rate::Reset => "Rate::Reset",
    }
}
