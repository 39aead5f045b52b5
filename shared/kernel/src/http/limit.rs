use std::sync::Arc;

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{
    caller::Gateway,
    limit::{Limits, add_fields, exceeded},
    route::{Rate, RouteTable},
};

/// Counts a request against its limits, refuses it when it is one too many, and tells the client either
/// way how it stands. What did not come through the gateway, such as a call of another service, is not
/// counted.
pub async fn limit(
    State((limits, routes)): State<(Limits, Arc<RouteTable>)>,
    path: MatchedPath,
    request: Request,
    next: Next,
) -> Response {
    let Some(gateway) = request.extensions().get::<Gateway>() else {
        return next.run(request).await;
    };
    let route = routes.find(request.method(), path.as_str());
    let rate = route.map_or(Rate::Default, |route| route.rate);
    let standings = limits.count_request(gateway, rate).await;
    let mut response = match exceeded(&standings) {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    };
    add_fields(response.headers_mut(), &standings);
    response
}
