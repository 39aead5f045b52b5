//! The gateway's check: who is calling, and may they.
//!
//! A decision needs the token (verified here with the public keys; an API key by the auth service), whether
//! its session, client or key still counts (the auth service knows) and what the user's roles add up
//! to now (the authz service knows). The last two are remembered for `authorizer.cache_seconds`, so a warm
//! decision calls nobody.

pub mod lambda;
mod standing;
mod token;

use std::sync::Arc;

use contracts::{
    access_token::{BadToken, TokenRules},
    authz::Authorization,
    credential,
    generated::{self, ROUTES},
    sessions::Sessions,
};
use http::Method;
use kernel::{
    caller::AuthorizerContext,
    clock::Clock,
    config::{ConfigErrors, Reader, Sources},
    origin::Origin,
    problem::{FORBIDDEN, NOT_FOUND, Problem},
    route::{Access, RouteTable},
    secret::Secret,
};

pub use self::standing::{FORGET_ON, Forget};
use self::{
    standing::{Proof, Standings},
    token::{TokenError, Verifier},
};

/// What the authorizer needs from outside.
pub struct Ports {
    pub sessions: Arc<dyn Sessions>,
    pub authz: Arc<dyn Authorization>,
    pub clock: Arc<dyn Clock>,
}

/// Decides about requests.
pub struct Authorizer {
    routes: RouteTable,
    verifier: Verifier,
    standings: Arc<Standings>,
}

/// Why a request may not pass.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("no such route")]
    UnknownRoute,
    #[error("no access token")]
    NoToken,
    #[error("access token: {0}")]
    BadToken(#[from] BadToken),
    /// The session is over, the client is disabled, the key is revoked.
    #[error("what it was issued for does not count any more")]
    SessionOver,
    /// Who asks is known, and is no person who has signed in.
    #[error("only a session may do this")]
    SessionRequired(Arc<AuthorizerContext>),
    /// Who asks is known, and lacks this permission.
    #[error("the permission `{0}` is missing")]
    Forbidden(&'static str, Arc<AuthorizerContext>),
    /// The decision could not be made; it fails closed.
    #[error("a service that knows does not answer")]
    Undecided(#[from] kernel::client::CallError),
}

impl From<TokenError> for Refusal {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Invalid(bad) => Self::BadToken(bad),
            TokenError::Keys(error) => Self::Undecided(error),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::UnknownRoute => NOT_FOUND.problem("no such route"),
            Refusal::NoToken => Self::no_token(),
            Refusal::BadToken(_) => {
                Self::bad_token("the access token is not valid, or has expired")
            }
            Refusal::SessionOver => Self::bad_token("the session is over, or the key was revoked"),
            Refusal::SessionRequired(context) => match context.check_session() {
                Err(problem) => problem,
                Ok(()) => Self::internal("a session was refused for not being one"),
            },
            Refusal::Forbidden(permission, _) => {
                FORBIDDEN.problem(format!("this needs the permission `{permission}`"))
            }
            Refusal::Undecided(error) => Self::unavailable(error),
        }
    }
}

impl Authorizer {
    /// # Errors
    /// Every setting that is wrong.
    pub fn new(sources: &Sources, ports: Ports) -> Result<Self, ConfigErrors> {
        let keys = ["authorizer", "auth"].map(|module| generated::module(module).config).concat();
        let mut settings = Reader::new(sources, &keys);
        let issuer: String = settings.get("auth.issuer");
        let audience: String = settings.get("auth.audience");
        let cache_seconds: u64 = settings.get("authorizer.cache_seconds");
        let cache_entries: u64 = settings.get("authorizer.cache_entries");
        settings.finish()?;
        let verifier =
            Verifier::new(ports.sessions.clone(), ports.clock, TokenRules::new(&issuer, &audience));
        let standings = Standings::new(ports.sessions, ports.authz, cache_seconds, cache_entries);
        Ok(Self { routes: RouteTable::new(ROUTES), verifier, standings: Arc::new(standings) })
    }

    /// Decides about a request on a route. `Ok(None)` for public routes, which look at no token.
    pub async fn decide(
        &self,
        origin: &Origin,
        method: &Method,
        route: &str,
        authorization: Option<&str>,
    ) -> Result<Option<Arc<AuthorizerContext>>, Refusal> {
        let access = self.routes.find(method, route).ok_or(Refusal::UnknownRoute)?.access;
        if access == Access::Public {
            return Ok(None);
        }
        let token = authorization.and_then(bearer).ok_or(Refusal::NoToken)?;
        let proof = self.prove(origin, token).await?;
        let context = self.standings.of(origin, proof).await?.ok_or(Refusal::SessionOver)?;
        match access {
            Access::Session if context.check_session().is_err() => {
                Err(Refusal::SessionRequired(context))
            }
            Access::Permission(permission) if !context.permissions.contains(permission) => {
                Err(Refusal::Forbidden(permission, context))
            }
            _ => Ok(Some(context)),
        }
    }

    /// What the bearer has shown: an access token that we can verify ourselves, or what has the form of an
    /// API key.
    async fn prove(&self, origin: &Origin, token: &str) -> Result<Proof, Refusal> {
        if token.starts_with(credential::API_KEY) {
            return match credential::unwrap(credential::API_KEY, token) {
                Some(_) => Ok(Proof::ApiKey(Secret::new(token))),
                None => Err(BadToken("it is a mistyped API key").into()),
            };
        }
        Ok(Proof::Token(Box::new(self.verifier.verify(origin, token).await?)))
    }

    /// Forgets what events say has changed. For platforms in one process, where every instance of the
    /// authorizer hears of everything; elsewhere the cache's time is what bounds staleness.
    pub fn forgetting(&self) -> Forget {
        Forget(self.standings.clone())
    }
}

/// The token in `Bearer {token}`; the scheme's case does not matter (RFC 9110, section 11.1).
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty()).then(|| token.trim())
}
