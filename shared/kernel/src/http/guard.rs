use std::sync::Arc;

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{
    caller::Gateway,
    problem::{FORBIDDEN, NOT_FOUND, Problem},
    route::{Access, RouteTable},
};

/// Marks a request that another service made, not the gateway. Transports set it; nothing in the
/// request itself can.
#[derive(Debug, Clone, Copy)]
pub struct Internal;

/// Lets a request pass to a public route's handler if the route table allows it for this caller.
/// The authorizer has decided the same before; a mistake in the gateway's wiring must not open a door.
pub async fn guard_public(
    State(routes): State<Arc<RouteTable>>,
    path: MatchedPath,
    request: Request,
    next: Next,
) -> Response {
    let context = request.extensions().get::<Gateway>().and_then(|g| g.authorizer.as_ref());
    if let Some(context) = context {
        let span = tracing::Span::current();
        span.record("tenant_id", context.tenant_id.to_string());
        span.record("user_id", context.user_id.to_string());
    }
    let refusal = match routes.find(request.method(), path.as_str()).map(|route| route.access) {
        None => Some(routes.unknown_route(path.as_str())),
        Some(Access::Public) => None,
        Some(Access::SignedIn) => context.is_none().then(Problem::no_token),
        Some(Access::Session) => match context {
            None => Some(Problem::no_token()),
            Some(context) => context.check_session().err(),
        },
        Some(Access::Permission(permission)) => match context {
            None => Some(Problem::no_token()),
            Some(context) if context.permissions.contains(permission) => None,
            Some(_) => Some(FORBIDDEN.problem(format!("this needs the permission `{permission}`"))),
        },
    };
    match refusal {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    }
}

/// Lets only other services pass to an internal route. To the outside it does not exist.
pub async fn guard_internal(request: Request, next: Next) -> Response {
    let extensions = request.extensions();
    if extensions.get::<Internal>().is_none() || extensions.get::<Gateway>().is_some() {
        return NOT_FOUND.problem("no such route").into_response();
    }
    next.run(request).await
}
