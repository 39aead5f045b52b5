//! Rate limits: how many requests a minute one user, one client address, or one account may make.
//!
//! A [`Limiter`] counts over all instances of all functions; [`Limits`] knows what a request counts
//! against, by its caller and the rate class of its route. Answers carry the fields of
//! draft-ietf-httpapi-ratelimit-headers, so that clients can pace themselves.

mod fields;
mod network;
mod rules;

use async_trait::async_trait;

pub(crate) use self::fields::{add_fields, exceeded};
pub use self::{
    network::network_of,
    rules::{AccountUse, Limits, Rules, SETTINGS},
};

/// All quotas are for one minute.
pub const WINDOW_SECONDS: u32 = 60;

/// So many requests a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// As clients see it.
    pub name: &'static str,
    /// At least 1.
    pub quota: u32,
}

/// How somebody stands with a policy after a request was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub policy: Policy,
    /// Requests that may follow at once, as far as this instance knows.
    pub remaining: u32,
    /// Seconds until the whole quota is there again.
    pub whole_in: u32,
    /// Seconds to wait, when this request was one too many.
    pub refused_for: Option<u32>,
}

/// Counts requests, over all instances.
#[async_trait]
pub trait Limiter: Send + Sync + 'static {
    /// Counts one request of `subject` against the policy. It always knows an answer: what it does
    /// when it cannot ask the other instances is its own affair.
    async fn count(&self, policy: Policy, subject: &str) -> Standing;
}
