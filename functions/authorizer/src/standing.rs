use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use contracts::{
    authz::{Authorization, Grants},
    sessions::{AccessClaims, Sessions},
};
use kernel::{
    caller::{AuthorizerContext, Tenant},
    client::CallError,
    event::{ConsumeError, Consumer, Envelope},
    id::{SessionId, TenantId, UserId},
    origin::Origin,
};
use moka::future::Cache;

/// What a session is good for now; `None` when it is over.
type Standing = Option<Arc<Grants>>;

/// Standings by session. The claims are verified before, so the key is genuine.
pub struct Standings {
    sessions: Arc<dyn Sessions>,
    authz: Arc<dyn Authorization>,
    /// `None` when every request asks anew.
    cache: Option<Cache<(TenantId, UserId, SessionId), Standing>>,
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

    /// What the token is good for; `None` when its session is over. When and how its bearer proved who
    /// they are differs from token to token of one session, so that comes from the token.
    pub async fn of(
        &self,
        origin: &Origin,
        claims: &AccessClaims,
    ) -> Result<Option<AuthorizerContext>, CallError> {
        let standing = self.of_session(origin, claims).await?;
        Ok(standing.map(|grants| AuthorizerContext {
            user_id: claims.sub,
            tenant_id: claims.tid,
            session_id: claims.sid,
            roles: grants.roles.clone(),
            permissions: grants.permissions.clone(),
            amr: claims.amr.clone(),
            auth_time: claims.auth_time,
        }))
    }

    /// What the session is good for. Concurrent questions about one session ask once.
    async fn of_session(
        &self,
        origin: &Origin,
        claims: &AccessClaims,
    ) -> Result<Standing, CallError> {
        let Some(cache) = &self.cache else { return self.ask(origin, claims).await };
        let key = (claims.tid, claims.sub, claims.sid);
        if let Some(known) = cache.get(&key).await {
            metrics_hit("hit");
            return Ok(known);
        }
        metrics_hit("miss");
        let asked = cache.try_get_with(key, self.ask(origin, claims)).await;
        asked.map_err(|error| CallError::Unavailable {
            service: "authorizer",
            reason: error.to_string(),
        })
    }

    async fn ask(&self, origin: &Origin, claims: &AccessClaims) -> Result<Standing, CallError> {
        let tenant = Tenant::of_secret(claims.tid);
        let (status, grants) = tokio::try_join!(
            self.sessions.status(origin, tenant, claims.sub, claims.sid),
            self.authz.grants(origin, tenant, claims.sub),
        )?;
        Ok(status.is_active.then(|| Arc::new(grants)))
    }

    fn forget_user(&self, tenant: TenantId, user: UserId) {
        self.forget_if(move |key| key.0 == tenant && key.1 == user);
    }

    fn forget_tenant(&self, tenant: TenantId) {
        self.forget_if(move |key| key.0 == tenant);
    }

    fn forget_if(
        &self,
        concerns: impl Fn(&(TenantId, UserId, SessionId)) -> bool + Send + Sync + 'static,
    ) {
        if let Some(cache) = &self.cache {
            let forgotten = cache.invalidate_entries_if(move |key, _| concerns(key));
            forgotten.expect("the cache supports invalidation closures");
        }
    }
}

/// Events after which something remembered may be wrong.
pub const FORGET_ON: &[&str] = &[
    "platform.auth.logged_out",
    "platform.auth.session_revoked",
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
            // A role changed: nobody knows here who has it.
            None => self.0.forget_tenant(event.tenant_id),
        }
        Ok(())
    }
}

fn metrics_hit(outcome: &'static str) {
    metrics::counter!("cache_lookups_total", "cache" => "authorizer", "outcome" => outcome)
        .increment(1);
}
