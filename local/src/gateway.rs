//! The gateway of the embedded platform: what API Gateway and the authorizer are on AWS.
//!
//! From the outside in: the client's address, the border (ids, problems, headers), the authorizer's
//! decision, the module's own guard, the handler.

mod cors;
mod mailbox;
mod metrics;

use std::{net::SocketAddr, sync::Arc};

use authorizer::{Authorizer, Refusal};
use axum::{
    Router,
    extract::{ConnectInfo, MatchedPath, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use contracts::generated::ROUTES;
use embedded::Mailbox;
use http::header;
use kernel::{
    caller::Gateway,
    config::{ConfigErrors, Sources},
    module::{Module, finish},
    origin::Origin,
    problem::Problem,
};

/// The router of the whole platform.
///
/// # Errors
/// When the CORS setting is wrong.
pub fn router(
    sources: &Sources,
    modules: &[Module],
    authorizer: Arc<Authorizer>,
    mailbox: Arc<Mailbox>,
) -> Result<Router, ConfigErrors> {
    let public = modules
        .iter()
        .map(|module| module.public_router(ROUTES))
        .fold(Router::new(), Router::merge)
        .route_layer(middleware::from_fn_with_state(authorizer, authorize));
    let all = public.merge(metrics::router()).merge(mailbox::router(mailbox));
    Ok(finish(all, ROUTES).layer(cors::layer(sources)?).layer(middleware::from_fn(note_address)))
}

/// Notes the address that the connection comes from; forwarded headers count for nothing.
async fn note_address(
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let ip_address = Some(address.ip().to_string());
    request.extensions_mut().insert(Gateway { ip_address, authorizer: None });
    // In a task of its own, as on Lambda: a client that goes away does not stop the work half-way.
    match tokio::spawn(next.run(request)).await {
        Ok(response) => response,
        Err(error) => Problem::internal(error).render("", ""),
    }
}

/// Lets the authorizer decide, and hands its finding to the function as API Gateway would.
async fn authorize(
    State(authorizer): State<Arc<Authorizer>>,
    path: MatchedPath,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(origin) = request.extensions().get::<Origin>().cloned() else {
        return Problem::internal("the border did not set an origin").into_response();
    };
    let authorization =
        request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let decision = authorizer.decide(&origin, request.method(), path.as_str(), authorization).await;
    match decision {
        // The module's guard knows what to say about a route that is not in the table.
        Ok(None) | Err(Refusal::UnknownRoute) => {}
        Ok(Some(context)) => {
            let extensions = request.extensions_mut();
            extensions.insert(origin.acting_for(&context));
            if let Some(gateway) = extensions.get_mut::<Gateway>() {
                gateway.authorizer = Some((*context).clone());
            }
        }
        Err(refusal) => return Problem::from(refusal).into_response(),
    }
    next.run(request).await
}
