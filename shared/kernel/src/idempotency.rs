//! `Idempotency-Key`: a creating request that is sent again creates nothing again
//! (draft-ietf-httpapi-idempotency-key-header-07; what it promises its callers: `docs/idempotency.md`).
//!
//! A route takes keys when its manifest says `idempotency_key: true`. A request with a key goes through
//! these steps, each of which may be the last that its instance lives to see:
//!
//! 1. A [`Record`] is stored, on the condition that there is none: the request is under way until its
//!    lease ends, and an id is reserved for what it creates.
//! 2. The handler runs. It gets the reserved id as [`NewId`].
//! 3. The answer is stored in the record, for whoever repeats the request.
//!
//! After a crash between 2 and 3 the lease runs out, the next attempt takes the record over, and its
//! handler gets **the same** id. So a use case that creates something does it on the condition that the
//! id is free, and treats what it finds under that very id as done: then nothing is made twice.

mod answer;
mod attempt;
mod fingerprint;
mod key;
mod middleware;
mod record;
#[cfg(test)]
mod tests;

use std::{convert::Infallible, sync::Arc};

use axum::extract::FromRequestParts;
use http::{StatusCode, request::Parts};
use uuid::Uuid;

pub(crate) use self::middleware::layer;
pub use self::{
    key::{HEADER, REPLAYED},
    record::{Place, Progress, Record, Records},
};
use crate::{clock::Clock, problem::Kind, secret::Key};

pub const KEY_INVALID: Kind = Kind::new(
    StatusCode::BAD_REQUEST,
    "idempotency.key_invalid",
    "The idempotency key cannot be read",
);
pub const IN_PROGRESS: Kind = Kind::new(
    StatusCode::CONFLICT,
    "idempotency.in_progress",
    "The first request with this idempotency key is still under way",
);
pub const KEY_REUSED: Kind = Kind::new(
    StatusCode::UNPROCESSABLE_ENTITY,
    "idempotency.key_reused",
    "The idempotency key belongs to another request",
);

/// What the routes that take a key may answer beside their own problems.
pub const PROBLEMS: &[Kind] = &[KEY_INVALID, IN_PROGRESS, KEY_REUSED];

/// Remembers requests by their keys.
#[derive(Clone)]
pub struct Idempotency {
    records: Arc<dyn Records>,
    clock: Arc<dyn Clock>,
    key: Key,
}

impl Idempotency {
    /// `key` hides what the records say of requests, and seals the answers in them.
    pub fn new(records: Arc<dyn Records>, clock: Arc<dyn Clock>, key: Key) -> Self {
        Self { records, clock, key }
    }
}

/// The id for the one thing that the request creates: the id that was reserved with the request's
/// idempotency key, or a new one where it came without.
#[derive(Debug)]
pub struct NewId<T>(pub T);

/// Travels with the request to its handler.
#[derive(Debug, Clone, Copy)]
struct Reserved(Uuid);

impl<T: From<Uuid>, S: Sync> FromRequestParts<S> for NewId<T> {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let reserved = parts.extensions.get::<Reserved>();
        Ok(Self(reserved.map_or_else(Uuid::now_v7, |reserved| reserved.0).into()))
    }
}
