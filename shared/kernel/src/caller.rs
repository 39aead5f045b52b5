//! Who is calling, and for which tenant: proven by the authorizer, never read from the request.

use std::{collections::BTreeSet, fmt};

use axum::extract::FromRequestParts;
use http::request::Parts;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    event::Envelope,
    id::{SessionId, TenantId, UserId},
    origin::{ActorKind, Origin},
    problem::{Problem, SESSION_REQUIRED},
};

/// Proof of the tenant that the work at hand belongs to.
///
/// Every function of a store that touches tenant-owned data takes one, so a query without a tenant
/// cannot be written. The constructors name where the proof comes from; there are no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tenant(TenantId);

impl Tenant {
    /// The tenant of an event that came over the bus.
    pub fn of_event(event: &Envelope) -> Self {
        Self(event.tenant_id)
    }

    /// The tenant that a service names in a call to an internal route. The gateway cannot reach those.
    pub fn of_internal_call(id: TenantId) -> Self {
        Self(id)
    }

    /// The tenant found by proof of a secret that belongs to it: a refresh token, a mailed link.
    pub fn of_secret(id: TenantId) -> Self {
        Self(id)
    }

    /// The tenant of a record that the platform itself works through, as a job does.
    pub fn of_record(id: TenantId) -> Self {
        Self(id)
    }

    /// The tenant of the account behind an address that somebody has typed, without any proof: enough to
    /// send its owner a mail or to note a refused sign-in, and for nothing else.
    pub fn of_address(id: TenantId) -> Self {
        Self(id)
    }

    pub fn id(&self) -> TenantId {
        self.0
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a caller has proven who they are with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Credential {
    /// The access token of a session: a person has signed in.
    #[default]
    Session,
    /// A person's API key: a program acts in their name, with some of their permissions.
    ApiKey,
    /// The access token of a service client: nobody stands behind it.
    Client,
}

/// What the authorizer found out about a bearer token; the gateway hands it to the function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizerContext {
    /// The user; for a service client its own id, which no user has.
    pub user_id: UserId,
    pub tenant_id: TenantId,
    /// The session; for a key or client, which has none, its id.
    pub session_id: SessionId,
    #[serde(default)]
    pub credential: Credential,
    /// Names of the caller's roles.
    pub roles: Vec<String>,
    pub permissions: BTreeSet<String>,
    /// How the caller has proven who they are (RFC 8176).
    #[serde(default)]
    pub amr: Vec<String>,
    /// When; absent for machines.
    #[serde(default, with = "jiff::fmt::serde::timestamp::second::optional")]
    pub auth_time: Option<Timestamp>,
}

impl AuthorizerContext {
    /// Who acts, as events tell it.
    pub fn actor_kind(&self) -> ActorKind {
        match self.credential {
            Credential::Session | Credential::ApiKey => ActorKind::User,
            Credential::Client => ActorKind::Service,
        }
    }

    /// Refuses whoever is not there in person.
    ///
    /// # Errors
    /// [`SESSION_REQUIRED`]
    pub fn check_session(&self) -> Result<(), Problem> {
        match self.credential {
            Credential::Session => Ok(()),
            Credential::ApiKey | Credential::Client => {
                Err(SESSION_REQUIRED.problem("API keys and service clients cannot do this"))
            }
        }
    }
}

/// Set on every request that came through the gateway; a request without it is internal.
#[derive(Debug, Clone, Default)]
pub struct Gateway {
    /// The client's address as the gateway saw it, never a forwarded header's.
    pub ip_address: Option<String>,
    /// `None` on public routes.
    pub authorizer: Option<AuthorizerContext>,
}

/// Who is behind a request: a person, or a service client. As a handler's argument it demands a valid token.
#[derive(Debug, Clone)]
pub struct Caller {
    /// For a service client its own id, which no user has.
    pub user: UserId,
    pub tenant: Tenant,
    /// What it is called with; a session on routes that demand one.
    pub session: SessionId,
    pub credential: Credential,
    pub roles: Vec<String>,
    pub permissions: BTreeSet<String>,
    /// How the caller has proven who they are (RFC 8176).
    pub amr: Vec<String>,
    /// When. See [`crate::step_up`].
    pub auth_time: Option<Timestamp>,
    pub origin: Origin,
}

impl Caller {
    pub fn new(context: AuthorizerContext, origin: Origin) -> Self {
        Self {
            user: context.user_id,
            tenant: Tenant(context.tenant_id),
            session: context.session_id,
            credential: context.credential,
            roles: context.roles,
            permissions: context.permissions,
            amr: context.amr,
            auth_time: context.auth_time,
            origin,
        }
    }

    /// Whether the caller's roles hold the permission.
    pub fn may(&self, permission: &str) -> bool {
        self.permissions.contains(permission)
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let context =
            parts.extensions.get::<Gateway>().and_then(|gateway| gateway.authorizer.clone());
        let origin = Origin::from_request_parts(parts, state).await?;
        match context {
            Some(context) => Ok(Self::new(context, origin)),
            None => Err(Problem::no_token()),
        }
    }
}
