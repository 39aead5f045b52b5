//! Requests to addresses that somebody else chose, such as a tenant's identity provider.
//!
//! Whoever chooses an address must not get at what only this function can reach (SSRF; OWASP ASVS 5.0,
//! 1.3.6). So: only TLS; no redirects; names are resolved here, checked, and connected to as checked, so
//! that a second answer of the name server changes nothing (DNS rebinding); answers are bounded in time
//! and size.

mod place;

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Request, Response, header};
use reqwest::{
    Client,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect,
};
use tokio::net::lookup_host;
use url::Host;
pub use url::Url;

use self::place::Place;

/// Time for a whole exchange; several of them fit into what a client waits for.
const TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Largest answer: documents about keys and people are a few KiB.
const BODY_LIMIT: usize = 256 * 1024;

/// Which places may be reached beside the public internet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reach {
    /// Private networks (RFC 1918, RFC 4193, RFC 6598), over TLS.
    pub private: bool,
    /// This machine, without TLS as well: for development and tests.
    pub loopback: bool,
}

/// Why a request brought nothing.
#[derive(Debug, thiserror::Error)]
pub enum OutgoingError {
    #[error("the address is not one that may be asked: {0}")]
    Forbidden(&'static str),
    #[error("no answer: {0}")]
    Failed(String),
    #[error("the answer is larger than {BODY_LIMIT} bytes")]
    TooLarge,
}

impl Reach {
    /// Refuses an address by what it says itself; what its name resolves to is checked when it is asked.
    ///
    /// # Errors
    /// [`OutgoingError::Forbidden`]
    pub fn check(self, url: &Url) -> Result<(), OutgoingError> {
        if !url.username().is_empty() || url.password().is_some() {
            return Err(OutgoingError::Forbidden("it contains credentials"));
        }
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => Some(address.into()),
            Some(Host::Ipv6(address)) => Some(address.into()),
            Some(Host::Domain(_)) => None,
            None => return Err(OutgoingError::Forbidden("it has no host")),
        };
        if literal.is_some_and(|address| !self.covers(Place::of(address))) {
            return Err(OutgoingError::Forbidden("it is no public address"));
        }
        let is_here = url.host_str() == Some("localhost")
            || literal.is_some_and(|address| Place::of(address) == Place::Loopback);
        match url.scheme() {
            "https" => Ok(()),
            "http" if self.loopback && is_here => Ok(()),
            _ => Err(OutgoingError::Forbidden("it must begin with https://")),
        }
    }

    fn covers(self, place: Place) -> bool {
        match place {
            Place::Public => true,
            Place::Private => self.private,
            Place::Loopback => self.loopback,
            Place::Nowhere => false,
        }
    }
}

/// A client for such requests.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Made when it is first needed: it reads the machine's certificates, and most instances never ask
    /// anybody.
    client: Arc<OnceLock<Client>>,
    reach: Reach,
}

impl Outgoing {
    pub fn new(reach: Reach) -> Self {
        Self { client: Arc::default(), reach }
    }

    fn client(&self) -> &Client {
        let make = || {
            Client::builder()
                .timeout(TIMEOUT)
                .connect_timeout(CONNECT_TIMEOUT)
                .redirect(redirect::Policy::none())
                // A proxy would resolve names by itself.
                .no_proxy()
                .referer(false)
                .dns_resolver(CheckedResolver(self.reach))
                .build()
                .expect("the client's settings are constant")
        };
        self.client.get_or_init(make)
    }

    pub fn reach(&self) -> Reach {
        self.reach
    }

    /// Sends a request and reads the whole answer, whatever its status.
    ///
    /// # Errors
    /// When the address may not be asked, or no whole answer came.
    ///
    /// # Panics
    /// When the machine has no certificates to check others by.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, OutgoingError> {
        let url = Url::parse(&request.uri().to_string())
            .map_err(|_| OutgoingError::Forbidden("it is no address"))?;
        self.reach.check(&url)?;
        let mut request = reqwest::Request::try_from(request).map_err(failed)?;
        let name = HeaderValue::from_static("plinth");
        request.headers_mut().entry(header::USER_AGENT).or_insert(name);
        let mut response = self.client().execute(request).await.map_err(failed)?;
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > BODY_LIMIT {
                return Err(OutgoingError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let mut answer = Response::new(body.freeze());
        *answer.status_mut() = response.status();
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        Ok(answer)
    }
}

/// The whole chain, without the address: its query may hold what nobody should read in a log.
fn failed(error: reqwest::Error) -> OutgoingError {
    let error = error.without_url();
    let first: &dyn std::error::Error = &error;
    let causes = std::iter::successors(Some(first), |error| error.source());
    OutgoingError::Failed(causes.map(ToString::to_string).collect::<Vec<_>>().join(": "))
}

/// Resolves names to addresses within reach.
struct CheckedResolver(Reach);

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found = lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> =
                found.filter(|address| reach.covers(Place::of(address.ip()))).collect();
            if allowed.is_empty() {
                return Err("the name leads to no public address".into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, routing::get};
    use http::StatusCode;

    use super::*;

    const HERE: Reach = Reach { private: false, loopback: true };
    const INSIDE: Reach = Reach { private: true, loopback: false };

    fn allows(reach: Reach, url: &str) -> bool {
        reach.check(&Url::parse(url).unwrap()).is_ok()
    }

    #[test]
    fn only_public_addresses_over_tls_are_reached_unless_somebody_says_otherwise() {
        let public = Reach::default();
        assert!(allows(public, "https://idp.example.org/x"));
        assert!(allows(public, "https://8.8.8.8/"));
        for url in [
            "http://idp.example.org/",
            "http://localhost/",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://10.0.0.1/",
            "https://169.254.169.254/latest/meta-data/",
            "https://user:password@idp.example.org/",
            "file:///etc/passwd",
            "ftp://idp.example.org/",
            "data:text/plain,x",
        ] {
            assert!(!allows(public, url), "{url}");
        }
    }

    #[test]
    fn each_exception_opens_what_it_names_and_nothing_else() {
        assert!(allows(HERE, "http://127.0.0.1:8080/") && allows(HERE, "http://localhost/"));
        assert!(!allows(HERE, "http://10.0.0.1/") && !allows(HERE, "https://10.0.0.1/"));
        assert!(!allows(HERE, "http://idp.example.org/"));
        assert!(allows(INSIDE, "https://10.0.0.1/") && !allows(INSIDE, "http://10.0.0.1/"));
        assert!(!allows(INSIDE, "https://127.0.0.1/"));
        assert!(!allows(INSIDE, "https://169.254.169.254/"));
    }

    async fn serve() -> SocketAddr {
        let app = Router::new()
            .route("/small", get(|| async { "hello" }))
            .route("/large", get(|| async { "x".repeat(BODY_LIMIT + 1) }))
            .route("/away", get(|| async { (StatusCode::FOUND, [(header::LOCATION, "/small")]) }));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        address
    }

    async fn ask(reach: Reach, url: String) -> Result<Response<Bytes>, OutgoingError> {
        let request = Request::get(url).body(Bytes::new()).unwrap();
        Outgoing::new(reach).send(request).await
    }

    #[tokio::test]
    async fn an_answer_is_whole_bounded_and_not_led_elsewhere() {
        let at = serve().await;
        let small = ask(HERE, format!("http://{at}/small")).await.unwrap();
        assert_eq!((small.status(), &small.body()[..]), (StatusCode::OK, &b"hello"[..]));
        let large = ask(HERE, format!("http://{at}/large")).await;
        assert!(matches!(large, Err(OutgoingError::TooLarge)));
        let away = ask(HERE, format!("http://{at}/away")).await.unwrap();
        assert_eq!(away.status(), StatusCode::FOUND);
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_not_connected_to() {
        let port = serve().await.port();
        let error = ask(Reach::default(), format!("https://localhost:{port}/")).await.unwrap_err();
        assert!(error.to_string().contains("no public address"), "{error}");
        let error =
            ask(INSIDE, format!("https://localhost:{port}/?code=hidden")).await.unwrap_err();
        assert!(error.to_string().contains("no public address"), "{error}");
        assert!(!error.to_string().contains("hidden"));
    }
}
