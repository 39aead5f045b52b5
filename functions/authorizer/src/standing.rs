use std::{collections::BTreeSet, sync::Arc, time::Duration};

use async_trait::async_trait;
use contracts::{
    access_token::{ClientClaims, TokenClaims},
    authz::Authorization,
    sessions::{AccessClaims, Sessions},
};
use kernel::{
    caller::{AuthorizerContext, Credential, Tenant},
    client::CallError,
    event::{ConsumeError, Consumer, Envelope},
    id::{ClientId, ClientSecretId, SessionId, TenantId, TokenId, UserId},
    origin::Origin,
    secret::{Secret, fingerprint},
};
use moka::future::Cache;

/// What a bearer may do now; `None` when what they have shown does not count any more.
type Standing = Option<Arc<AuthorizerContext>>;

/// What a bearer has shown.
pub enum Proof {
    /// A token whose signature and times are right.
    Token(Box<TokenClaims>),
    /// Something of the form of an API key.
    ApiKey(Secret),
}

/// What a standing is remembered by. Tokens are verified before, so their ids are genuine; a key's
/// fingerprint takes nobody else's place.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Subject {
    Session(TenantId, UserId, SessionId),
    /// One token of a client: it has a scope of its own, and can be revoked on its own.
    Client(TenantId, ClientId, ClientSecretId, TokenId),
    ApiKey(String),
}

impl Subject {
    fn of(proof: &Proof) -> Self {
        match proof {
            Proof::Token(claims) => match &**claims {
                TokenClaims::Session(claims) => Self::Session(claims.tid, claims.sub, claims.sid),
                TokenClaims::Client(claims) => {
                    Self::Client(claims.tid, claims.client_id, claims.secret_id, claims.jti)
                }
            },
            Proof::ApiKey(key) => Self::ApiKey(fingerprint(key.expose())),
        }
    }
}

/// Who may do what, remembered. Those who may nothing are remembered too, so that a dead key that comes
/// again and again costs no more than a living one.
pub struct Standings {
    sessions: Arc<dyn Sessions>,
    authz: Arc<dyn Authorization>,
    /// `None` when every request asks anew.
    cache: Option<Cache<Subject, Standing>>,
}

impl Standings {
    pub fn new(
        sessions: Arc<dyn Sessions>,
        authz: Arc<dyn Authorization>,
        cache_seconds: u64,
        cache_entries: u64,
    ) -> Self {
        let cache = (cache_seconds > 0).then(|| {
            Cache::builder()
                .max_capacity(cache_entries)
                .time_to_live(Duration::from_secs(cache_seconds))
                .support_invalidation_closures()
                .build()
        });
        Self { sessions, authz, cache }
    }

    /// What the bearer may do. Concurrent questions about one subject ask once.
    pub async fn of(&self, origin: &Origin, proof: Proof) -> Result<Standing, CallError> {
        let Some(cache) = &self.cache else { return self.ask(origin, proof).await };
        let subject = Subject::of(&proof);
        if let Some(known) = cache.get(&subject).await {
            metrics_hit("hit");
            return Ok(known);
        }
        metrics_hit("miss");
        let asked = cache.try_get_with(subject, self.ask(origin, proof)).await;
        asked.map_err(|error| CallError::Unavailable {
            service: "authorizer",
            reason: error.to_string(),
        })
    }

    async fn ask(&self, origin: &Origin, proof: Proof) -> Result<Standing, CallError> {
        let context = match proof {
            Proof::Token(claims) => match *claims {
                TokenClaims::Session(claims) => self.ask_session(origin, &claims).await?,
                TokenClaims::Client(claims) => self.ask_client(origin, &claims).await?,
            },
            Proof::ApiKey(key) => self.ask_api_key(origin, &key).await?,
        };
        Ok(context.map(Arc::new))
    }

    async fn ask_session(
        &self,
        origin: &Origin,
        claims: &AccessClaims,
    ) -> Result<Option<AuthorizerContext>, CallError> {
        let tenant = Tenant::of_secret(claims.tid);
        let (status, grants) = tokio::try_join!(
            self.sessions.status(origin, tenant, claims.sub, claims.sid),
            self.authz.grants(origin, tenant, claims.sub),
        )?;
        Ok(status.is_active.then_some(AuthorizerContext {
            user_id: claims.sub,
            tenant_id: claims.tid,
            session_id: claims.sid,
            credential: Credential::Session,
            roles: grants.roles,
            permissions: grants.permissions,
        }))
    }

    /// A client may what its token says, as far as the client still may it.
    async fn ask_client(
        &self,
        origin: &Origin,
        claims: &ClientClaims,
    ) -> Result<Option<AuthorizerContext>, CallError> {
        let tenant = Tenant::of_secret(claims.tid);
        let ClientClaims { client_id, secret_id, jti, .. } = *claims;
        let standing =
            self.sessions.client_standing(origin, tenant, client_id, secret_id, jti).await?;
        let Some(standing) = standing else { return Ok(None) };
        let asked = claims.scope.split(' ').map(ToOwned::to_owned).collect();
        Ok(Some(AuthorizerContext {
            user_id: UserId::from_uuid(*client_id.as_uuid()),
            tenant_id: claims.tid,
            session_id: SessionId::from_uuid(*client_id.as_uuid()),
            credential: Credential::Client,
            roles: Vec::new(),
            permissions: both(&standing.scopes, &asked),
        }))
    }

    /// A key may what its owner may now, as far as the key's scopes go.
    async fn ask_api_key(
        &self,
        origin: &Origin,
        key: &Secret,
    ) -> Result<Option<AuthorizerContext>, CallError> {
        let standing = self.sessions.api_key_standing(origin, key).await?;
        let Some(key) = standing else { return Ok(None) };
        let tenant = Tenant::of_secret(key.tenant_id);
        let grants = self.authz.grants(origin, tenant, key.user_id).await?;
        let permissions = if key.scopes.is_empty() {
            grants.permissions
        } else {
            both(&grants.permissions, &key.scopes)
        };
        Ok(Some(AuthorizerContext {
            user_id: key.user_id,
            tenant_id: key.tenant_id,
            session_id: SessionId::from_uuid(*key.id.as_uuid()),
            credential: Credential::ApiKey,
            roles: grants.roles,
            permissions,
        }))
    }

    fn forget_user(&self, tenant: TenantId, user: UserId) {
        self.forget_if(move |context| context.tenant_id == tenant && context.user_id == user);
    }

    fn forget_tenant(&self, tenant: TenantId) {
        self.forget_if(move |context| context.tenant_id == tenant);
    }

    /// Nobody comes back to life: who may nothing is left to the cache's time.
    fn forget_if(&self, concerns: impl Fn(&AuthorizerContext) -> bool + Send + Sync + 'static) {
        if let Some(cache) = &self.cache {
            let forgotten = cache.invalidate_entries_if(move |_, standing| {
                standing.as_ref().is_some_and(|context| concerns(context))
            });
            forgotten.expect("the cache supports invalidation closures");
        }
    }
}

fn both(left: &BTreeSet<String>, right: &BTreeSet<String>) -> BTreeSet<String> {
    left.intersection(right).cloned().collect()
}

/// Events after which something remembered may be wrong.
pub const FORGET_ON: &[&str] = &[
    "platform.auth.logged_out",
    "platform.auth.session_revoked",
    "platform.auth.api_key_revoked",
    "platform.auth.client_*",
    "platform.role.*",
    "platform.permission.*",
    "platform.user.suspended",
    "platform.user.deleted",
];

/// Forgets what an event says has changed.
pub struct Forget(pub(crate) Arc<Standings>);

#[async_trait]
impl Consumer for Forget {
    async fn consume(&self, event: &Envelope) -> Result<(), ConsumeError> {
        let user = event.data["user_id"].as_str().and_then(|id| id.parse().ok());
        match user {
            Some(user) => self.0.forget_user(event.tenant_id, user),
            // A role or a client changed: nobody knows here whom that concerns.
            None => self.0.forget_tenant(event.tenant_id),
        }
        Ok(())
    }
}

fn metrics_hit(outcome: &'static str) {
    metrics::counter!("cache_lookups_total", "cache" => "authorizer", "outcome" => outcome)
        .increment(1);
}
