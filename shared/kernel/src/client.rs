//! Calls between services: one protocol (the callee's `/internal/...` routes), several transports.
//!
//! Every call has a deadline within its caller's, is retried with jitter when that is harmless, and
//! goes through a circuit breaker, so that a dead dependency costs its callers nothing but an error.

mod breaker;
mod transport;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, StatusCode};
use serde::{Serialize, de::DeserializeOwned};

use self::breaker::Breaker;
pub use self::transport::{HttpTransport, Switchboard};
use crate::{
    origin::Origin,
    problem::{self, Document, Problem},
};

/// What one try may take, at most.
const TRY_TIMEOUT: Duration = Duration::from_secs(5);
/// Tries of a call that may be repeated.
const MAX_TRIES: u32 = 3;
/// The first pause between tries; it doubles, and the actual pause is random below it (full jitter).
const FIRST_PAUSE: Duration = Duration::from_millis(25);

/// A request on its way to another service.
#[derive(Debug, Clone)]
pub struct Outbound {
    pub method: Method,
    /// Path and query, `/internal/...`.
    pub path: String,
    pub body: Option<Bytes>,
    pub origin: Origin,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: StatusCode,
    pub body: Bytes,
}

impl Reply {
    /// The problem that the callee chose to answer with.
    fn refusal(&self) -> Option<Document> {
        let is_error = self.status.is_client_error() || self.status.is_server_error();
        let document: Document = is_error.then(|| serde_json::from_slice(&self.body).ok())??;
        (!document.code.starts_with("internal.")).then_some(document)
    }

    /// Whether the callee is in trouble. A refusal with a code of its own, such as "busy", is an answer.
    fn is_failure(&self) -> bool {
        let is_unavailable =
            matches!(self.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT);
        is_unavailable && self.refusal().is_none()
    }
}

/// No reply came: the callee may or may not have worked.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TransportError(pub String);

/// Brings a request to a service and its reply back.
#[async_trait]
pub trait Transport: Send + Sync + 'static {
    async fn send(&self, service: &str, request: Outbound) -> Result<Reply, TransportError>;
}

/// Why a call did not give what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The callee understood and said no; its problem is meant for our caller or for our code.
    #[error("{}: {}", .0.code, .0.detail)]
    Refused(Box<Document>),
    /// The callee did not answer, or not sensibly.
    #[error("service `{service}`: {reason}")]
    Unavailable { service: &'static str, reason: String },
}

impl CallError {
    /// The code of a refusal.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(document) => Some(&document.code),
            Self::Unavailable { .. } => None,
        }
    }
}

impl From<CallError> for Problem {
    /// For callers that expect no refusal: every refusal is then a fault of ours.
    fn from(error: CallError) -> Self {
        match &error {
            CallError::Refused(_) => Self::internal(error),
            CallError::Unavailable { .. } => Self::unavailable(error),
        }
    }
}

/// A service as its callers see it.
#[derive(Clone)]
pub struct ServiceClient {
    service: &'static str,
    transport: Arc<dyn Transport>,
    breaker: Arc<Breaker>,
}

impl ServiceClient {
    pub fn new(service: &'static str, transport: Arc<dyn Transport>) -> Self {
        Self { service, transport, breaker: Arc::default() }
    }

    /// The service's name.
    pub fn name(&self) -> &'static str {
        self.service
    }

    /// Reads something. Repeated when no reply comes.
    pub async fn get<T: DeserializeOwned>(
        &self,
        origin: &Origin,
        path: &str,
    ) -> Result<T, CallError> {
        self.call(origin, Method::GET, path, None, MAX_TRIES).await
    }

    /// Asks for work that is harmless to repeat (the callee is idempotent). Repeated when no reply comes.
    pub async fn put<T: DeserializeOwned>(
        &self,
        origin: &Origin,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, CallError> {
        self.call(origin, Method::PUT, path, Some(encode(body)), MAX_TRIES).await
    }

    /// Asks for work that must not be repeated blindly. Tried once.
    pub async fn post<T: DeserializeOwned>(
        &self,
        origin: &Origin,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, CallError> {
        self.call(origin, Method::POST, path, Some(encode(body)), 1).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        origin: &Origin,
        method: Method,
        path: &str,
        body: Option<Bytes>,
        tries: u32,
    ) -> Result<T, CallError> {
        let mut pause = FIRST_PAUSE;
        let mut tried = 0;
        loop {
            tried += 1;
            let request = Outbound {
                method: method.clone(),
                path: path.to_owned(),
                body: body.clone(),
                origin: origin.clone(),
            };
            match self.try_once(request).await {
                Ok(reply) => return self.read(&reply),
                Err(reason) if tried < tries && self.breaker.is_closed() => {
                    tracing::debug!(service = self.service, reason, tried, "call is tried again");
                    tokio::time::sleep(pause.mul_f64(random_fraction())).await;
                    pause *= 2;
                }
                Err(reason) => return Err(self.unavailable(reason)),
            }
        }
    }

    /// One try; an error when it is worth another.
    async fn try_once(&self, mut request: Outbound) -> Result<Reply, String> {
        let patience = request.origin.remaining().unwrap_or(TRY_TIMEOUT).min(TRY_TIMEOUT);
        if patience.is_zero() {
            return Err("the caller's deadline has passed".to_owned());
        }
        let permit = self.breaker.admit().ok_or("the circuit is open after repeated failures")?;
        request.origin.deadline = Some(std::time::Instant::now() + patience);
        let sent = self.transport.send(self.service, request);
        let outcome = match tokio::time::timeout(patience, sent).await {
            Ok(Ok(reply)) if reply.is_failure() => Err(format!("answered {}", reply.status)),
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer within {} ms", patience.as_millis())),
        };
        permit.settle(outcome.is_ok());
        outcome
    }

    fn read<T: DeserializeOwned>(&self, reply: &Reply) -> Result<T, CallError> {
        if reply.status.is_success() {
            let body: &[u8] = if reply.body.is_empty() { b"null" } else { &reply.body };
            return serde_json::from_slice(body)
                .map_err(|error| self.unavailable(format!("its answer does not parse: {error}")));
        }
        match reply.refusal() {
            Some(document) => Err(CallError::Refused(Box::new(document))),
            None => Err(self.unavailable(format!("answered {}", reply.status))),
        }
    }

    fn unavailable(&self, reason: String) -> CallError {
        CallError::Unavailable { service: self.service, reason }
    }
}

/// Turns a refusal back into the problem that the callee meant, when its code is one of `kinds`.
pub fn passed_on(error: CallError, kinds: &[problem::Kind]) -> Problem {
    if let CallError::Refused(document) = &error
        && let Some(kind) = kinds.iter().find(|kind| kind.code == document.code)
    {
        if document.errors.is_empty() {
            return kind.problem(document.detail.clone());
        }
        return Problem::invalid(document.errors.clone());
    }
    error.into()
}

fn encode(body: &impl Serialize) -> Bytes {
    serde_json::to_vec(body).expect("a request body serialises").into()
}

fn random_fraction() -> f64 {
    f64::from(u32::from_be_bytes(crate::secret::random_bytes())) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Fails the first `failures` calls, then answers.
    struct Flaky {
        failures: u32,
        calls: AtomicU32,
    }

    #[async_trait]
    impl Transport for Flaky {
        async fn send(&self, _: &str, _: Outbound) -> Result<Reply, TransportError> {
            if self.calls.fetch_add(1, Ordering::SeqCst) < self.failures {
                return Err(TransportError("refused".to_owned()));
            }
            Ok(Reply { status: StatusCode::OK, body: Bytes::from_static(b"7") })
        }
    }

    fn client(failures: u32) -> (ServiceClient, Arc<Flaky>) {
        let transport = Arc::new(Flaky { failures, calls: AtomicU32::new(0) });
        (ServiceClient::new("demo", transport.clone()), transport)
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_is_repeated_and_a_post_is_not() {
        let origin = Origin::system("test");
        let (demo, transport) = client(2);
        assert_eq!(demo.get::<u8>(&origin, "/internal/demo").await.unwrap(), 7);
        assert_eq!(transport.calls.load(Ordering::SeqCst), 3);

        let (demo, transport) = client(1);
        assert!(demo.post::<u8>(&origin, "/internal/demo", &()).await.is_err());
        assert_eq!(transport.calls.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_service_is_not_called_for_a_while() {
        let origin = Origin::system("test");
        let (demo, transport) = client(u32::MAX);
        for _ in 0..10 {
            assert!(demo.post::<u8>(&origin, "/internal/demo", &()).await.is_err());
        }
        assert_eq!(transport.calls.load(Ordering::SeqCst), breaker::THRESHOLD);
    }

    #[tokio::test]
    async fn a_call_does_not_outlive_its_caller() {
        let mut origin = Origin::system("test");
        origin.deadline = Some(std::time::Instant::now());
        let (demo, transport) = client(0);
        assert!(demo.get::<u8>(&origin, "/internal/demo").await.is_err());
        assert_eq!(transport.calls.load(Ordering::SeqCst), 0);
    }
}
