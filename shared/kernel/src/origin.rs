//! Where a piece of work comes from: which request, which trace, on whose behalf, until when.
//!
//! It travels with every service call and into every event, so that an audit entry written three
//! functions later still names the person and the request.

use std::time::{Duration, Instant};

use axum::extract::FromRequestParts;
use http::{HeaderMap, request::Parts};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    caller::AuthorizerContext,
    id::{ClientId, UserId},
    problem::Problem,
    secret::{decode, encode},
};

/// Who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// A signed-in person.
    User,
    /// Another service or a machine client.
    Service,
    /// The platform itself: jobs, migrations, seeding.
    System,
    /// A caller who has not proven who they are, as at sign-in.
    Anonymous,
}

/// Who acts, and from where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Actor {
    pub kind: ActorKind,
    /// A user id for people, a client id for service clients, a name for services.
    pub id: Option<String>,
    pub ip_address: Option<String>,
    pub user_agent: Option<String>,
}

/// Where a piece of work comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub request_id: String,
    /// W3C Trace Context of the span that asked for this.
    pub traceparent: Option<String>,
    pub actor: Actor,
    /// When the one who asked stops waiting.
    pub deadline: Option<Instant>,
}

impl Origin {
    /// Work that the platform starts by itself.
    pub fn system(reason: &str) -> Self {
        Self {
            request_id: uuid::Uuid::now_v7().to_string(),
            traceparent: None,
            actor: Actor {
                kind: ActorKind::System,
                id: Some(reason.to_owned()),
                ip_address: None,
                user_agent: None,
            },
            deadline: None,
        }
    }

    /// The same work, now that it is known which person it is for (as after a sign-in).
    #[must_use]
    pub fn acting_as(&self, user: UserId) -> Self {
        let mut origin = self.clone();
        origin.actor.kind = ActorKind::User;
        origin.actor.id = Some(user.to_string());
        origin
    }

    /// The same work, now that it is known which service client asks for it.
    #[must_use]
    pub fn acting_as_client(&self, client: ClientId) -> Self {
        let mut origin = self.clone();
        origin.actor.kind = ActorKind::Service;
        origin.actor.id = Some(client.to_string());
        origin
    }

    /// The same work, now that the authorizer has said who asks for it.
    #[must_use]
    pub fn acting_for(&self, caller: &AuthorizerContext) -> Self {
        let mut origin = self.acting_as(caller.user_id);
        origin.actor.kind = caller.actor_kind();
        origin
    }

    /// The time left; `None` when nobody waits.
    pub fn remaining(&self) -> Option<Duration> {
        Some(self.deadline?.saturating_duration_since(Instant::now()))
    }

    /// The trace id inside `traceparent`.
    pub fn trace_id(&self) -> Option<&str> {
        self.traceparent.as_deref()?.split('-').nth(1)
    }

    /// Packs the origin into the header of an internal call.
    pub fn to_header(&self) -> String {
        let wire = Wire {
            request_id: self.request_id.clone(),
            traceparent: self.traceparent.clone(),
            actor: self.actor.clone(),
            remaining_ms: self.remaining().and_then(|left| u64::try_from(left.as_millis()).ok()),
        };
        encode(&serde_json::to_vec(&wire).expect("an origin serialises"))
    }

    /// Reads the origin of an internal call. Only for requests that did not pass the gateway.
    pub(crate) fn from_header(headers: &HeaderMap) -> Option<Self> {
        let bytes = decode(headers.get(ORIGIN_HEADER)?.to_str().ok()?)?;
        let wire: Wire = serde_json::from_slice(&bytes).ok()?;
        Some(Self {
            request_id: wire.request_id,
            traceparent: wire.traceparent,
            actor: wire.actor,
            deadline: wire.remaining_ms.map(|ms| Instant::now() + Duration::from_millis(ms)),
        })
    }
}

/// Header of internal calls that carries the origin.
pub const ORIGIN_HEADER: &str = "x-plinth-origin";

#[derive(Serialize, Deserialize)]
struct Wire {
    request_id: String,
    traceparent: Option<String>,
    actor: Actor,
    remaining_ms: Option<u64>,
}

impl<S: Sync> FromRequestParts<S> for Origin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let origin = parts.extensions.get::<Self>().cloned();
        origin.ok_or_else(|| Problem::internal("the border did not set an origin"))
    }
}
