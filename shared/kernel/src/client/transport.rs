use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use async_trait::async_trait;
use axum::{Router, body::Body};
use http::{Request, header};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::{Outbound, Reply, Transport, TransportError};
use crate::{http::Internal, origin::ORIGIN_HEADER, secret::Secret};

/// Connects services in one process: the call goes straight to the callee's internal router.
///
/// Services hold clients of each other before all of them exist, so the routers are plugged in last.
#[derive(Debug, Clone, Default)]
pub struct Switchboard(Arc<OnceLock<HashMap<&'static str, Router>>>);

impl Switchboard {
    pub fn new() -> Self {
        Self::default()
    }

    /// Plugs in the internal routers, once.
    ///
    /// # Panics
    /// When called twice: two platforms must not share a switchboard.
    pub fn connect(&self, routers: HashMap<&'static str, Router>) {
        assert!(self.0.set(routers).is_ok(), "a switchboard is connected once");
    }
}

#[async_trait]
impl Transport for Switchboard {
    async fn send(&self, service: &str, request: Outbound) -> Result<Reply, TransportError> {
        let router = self.0.get().and_then(|routers| routers.get(service)).cloned();
        let router =
            router.ok_or_else(|| TransportError("is not part of this process".to_owned()))?;
        let mut call = Request::builder()
            .method(request.method)
            .uri(&request.path)
            .header(ORIGIN_HEADER, request.origin.to_header())
            .header(header::CONTENT_TYPE, "application/json")
            .body(request.body.map_or_else(Body::empty, Body::from))
            .map_err(|error| TransportError(error.to_string()))?;
        call.extensions_mut().insert(Internal);
        let Ok(response) = router.oneshot(call).await;
        let status = response.status();
        let body = response.into_body().collect().await;
        let body = body.map_err(|error| TransportError(error.to_string()))?.to_bytes();
        Ok(Reply { status, body })
    }
}

/// Calls services over HTTP, for platforms that run as containers. The callee checks the shared
/// token (see [`HttpTransport::accept`]); the network between them must be private or encrypted.
#[derive(Debug, Clone)]
pub struct HttpTransport {
    client: reqwest::Client,
    addresses: HashMap<String, String>,
    token: Secret,
}

const TOKEN_HEADER: &str = "x-plinth-internal-token";

impl HttpTransport {
    /// `addresses` maps services to base addresses such as `http://identity:8080`.
    ///
    /// # Panics
    /// When the token is too short to be a secret.
    pub fn new(addresses: HashMap<String, String>, token: Secret) -> Self {
        assert_is_secret(&token);
        Self { client: reqwest::Client::new(), addresses, token }
    }

    /// The callee's side: marks requests with the right token as internal. Goes outside the router
    /// of [`crate::module::Module::router`].
    ///
    /// # Panics
    /// When the token is too short to be a secret.
    pub fn accept(router: Router, token: Secret) -> Router {
        assert_is_secret(&token);
        router.layer(axum::middleware::from_fn(
            move |mut request: Request<Body>, next: axum::middleware::Next| {
                let given =
                    request.headers().get(TOKEN_HEADER).map(|value| value.as_bytes().to_vec());
                let genuine = given
                    .is_some_and(|given| crate::secret::equal(&given, token.expose().as_bytes()));
                if genuine {
                    request.extensions_mut().insert(Internal);
                }
                next.run(request)
            },
        ))
    }
}

fn assert_is_secret(token: &Secret) {
    assert!(token.expose().len() >= 32, "the internal token has fewer than 32 characters");
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(&self, service: &str, request: Outbound) -> Result<Reply, TransportError> {
        let base = self.addresses.get(service);
        let base = base.ok_or_else(|| TransportError("has no address".to_owned()))?;
        let mut call = self
            .client
            .request(request.method, format!("{base}{}", request.path))
            .header(TOKEN_HEADER, self.token.expose())
            .header(ORIGIN_HEADER, request.origin.to_header())
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(body) = request.body {
            call = call.body(body);
        }
        let response = call.send().await.map_err(|error| TransportError(error.to_string()))?;
        let status = response.status();
        let body = response.bytes().await.map_err(|error| TransportError(error.to_string()))?;
        Ok(Reply { status, body })
    }
}

#[cfg(test)]
mod tests {
    use axum::{Json, routing::get};
    use http::{Method, StatusCode};

    use super::*;
    use crate::{caller::Gateway, module::Module, origin::Origin};

    fn token() -> Secret {
        Secret::new("t".repeat(32))
    }

    /// A service over HTTP; `is_gateway` plays one whose requests come through the gateway.
    async fn serve(is_gateway: bool) -> String {
        let mut module = Module::new("demo", "0.1.0");
        module.internal = Router::new().route("/internal/demo", get(|| async { Json(7) }));
        let mut router = HttpTransport::accept(module.router(&[]), token());
        if is_gateway {
            router = router.layer(axum::Extension(Gateway::default()));
        }
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }

    async fn status(address: &str, token: Secret) -> StatusCode {
        let addresses = HashMap::from([("demo".to_owned(), address.to_owned())]);
        let request = Outbound {
            method: Method::GET,
            path: "/internal/demo".to_owned(),
            body: None,
            origin: Origin::system("test"),
        };
        HttpTransport::new(addresses, token).send("demo", request).await.unwrap().status
    }

    #[tokio::test]
    async fn over_http_only_the_right_token_opens_internal_routes() {
        let address = serve(false).await;
        assert_eq!(status(&address, token()).await, StatusCode::OK);
        assert_eq!(status(&address, Secret::new("x".repeat(32))).await, StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn not_even_the_right_token_opens_them_through_the_gateway() {
        assert_eq!(status(&serve(true).await, token()).await, StatusCode::NOT_FOUND);
    }
}
