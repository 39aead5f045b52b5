use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{MatchedPath, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use jiff::SignedDuration;

use super::{Idempotency, Reserved, attempt::Claim, key::IdempotencyKey};
use crate::{
    caller::Gateway,
    http::read_body,
    origin::Origin,
    problem::Problem,
    route::{Route, RouteTable},
};

/// How long an attempt can take whose origin does not say.
const PATIENCE: Duration = Duration::from_secs(25);
/// What a lease has beyond the time that the request has: a write may arrive a little after the one who
/// sent it was stopped, and the clocks of two instances differ.
const MARGIN: Duration = Duration::from_secs(5);

/// Makes the routes that say so take keys. Goes inside the guard: who may not pass leaves no record.
///
/// # Panics
/// When a route takes keys, and the module has nothing to remember them with.
pub(crate) fn layer(
    router: Router,
    idempotency: Option<&Idempotency>,
    table: &Arc<RouteTable>,
) -> Router {
    let wanting = table.routes().find(|route| route.idempotency_key);
    match (wanting, idempotency) {
        (Some(_), Some(idempotency)) => {
            let state = (idempotency.clone(), table.clone());
            router.route_layer(middleware::from_fn_with_state(state, honour_key))
        }
        (Some(Route { method, path, module, .. }), None) => {
            panic!("`{method} {path}` takes keys, but `{module}` has no `Module::idempotency`")
        }
        (None, _) => router,
    }
}

async fn honour_key(
    State((idempotency, routes)): State<(Idempotency, Arc<RouteTable>)>,
    path: MatchedPath,
    request: Request,
    next: Next,
) -> Response {
    let route = routes.find(request.method(), path.as_str());
    if !route.is_some_and(|route| route.idempotency_key) {
        return next.run(request).await;
    }
    let answered = match IdempotencyKey::of(request.headers()) {
        Ok(None) => return next.run(request).await,
        Ok(Some(key)) => idempotency.answer_once(&key, request, next).await,
        Err(problem) => Err(problem),
    };
    answered.unwrap_or_else(IntoResponse::into_response)
}

impl Idempotency {
    async fn answer_once(
        &self,
        key: &IdempotencyKey,
        request: Request,
        next: Next,
    ) -> Result<Response, Problem> {
        let (mut parts, body) = request.into_parts();
        let body = read_body(Request::from_parts(parts.clone(), body)).await?;
        let gateway = parts.extensions.get::<Gateway>().cloned().unwrap_or_default();
        let place = self.place(&gateway, &parts.method, &parts.uri, key);
        let fingerprint = self.fingerprint(&parts.uri, &parts.headers, &body);
        let lease = lease(parts.extensions.get::<Origin>());
        match self.claim(&place, &fingerprint, lease).await? {
            Claim::Answered(response) => Ok(response),
            Claim::Granted(record) => {
                parts.extensions.insert(Reserved(record.resource));
                let request = Request::from_parts(parts, Body::from(body));
                let response = next.run(request).await;
                self.settle(&place, &record, response).await
            }
        }
    }
}

/// As long as the attempt can be under way: the border stops it at its deadline.
fn lease(origin: Option<&Origin>) -> SignedDuration {
    let left = origin.and_then(Origin::remaining).unwrap_or(PATIENCE);
    SignedDuration::try_from(left + MARGIN).expect("a deadline is seconds away")
}
