//! Events: what happened, told to whoever wants to know.
//!
//! A state change and its event are committed in one write (the event travels as an attribute of the
//! item, see [`crate::stream`]), published at least once, and in order per entity. Consumers are
//! idempotent by event id.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    caller::Tenant,
    id::{EventId, TenantId},
    origin::{Actor, Origin},
};

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The kind of thing: `user`, `role`, `session`.
    pub resource: String,
    pub id: String,
}

/// An event on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    pub id: EventId,
    /// `platform.user.created`
    #[serde(rename = "type")]
    pub kind: String,
    /// Version of the data's shape.
    pub version: u32,
    /// The module that published it.
    pub source: String,
    pub time: Timestamp,
    pub tenant_id: TenantId,
    pub subject: Subject,
    pub actor: Actor,
    /// The request that caused it, however many services ago.
    pub correlation_id: String,
    pub traceparent: Option<String>,
    pub data: Value,
}

/// The data of one type of event. Personal data goes under the key `personal`: audit never keeps
/// that part, so erasing a person needs no change to the audit chain.
pub trait EventData: Serialize + DeserializeOwned + Send + Sync {
    const TYPE: &'static str;
    const VERSION: u32 = 1;
    /// The kind of thing that the event is about.
    const RESOURCE: &'static str;

    /// The id of the thing that the event is about.
    fn subject_id(&self) -> String;
}

impl Envelope {
    /// A new event, published by `source`, caused by `origin`.
    pub fn new<T: EventData>(
        source: &str,
        time: Timestamp,
        tenant: Tenant,
        origin: &Origin,
        data: &T,
    ) -> Self {
        Self {
            id: EventId::new(),
            kind: T::TYPE.to_owned(),
            version: T::VERSION,
            source: source.to_owned(),
            time,
            tenant_id: tenant.id(),
            subject: Subject { resource: T::RESOURCE.to_owned(), id: data.subject_id() },
            actor: origin.actor.clone(),
            correlation_id: origin.request_id.clone(),
            traceparent: origin.traceparent.clone(),
            data: serde_json::to_value(data).expect("event data serialises"),
        }
    }

    /// The data, if this event is of type `T`; an error when its shape is another one.
    pub fn data<T: EventData>(&self) -> Option<Result<T, serde_json::Error>> {
        (self.kind == T::TYPE).then(|| T::deserialize(&self.data))
    }

    /// The origin for work that this event causes.
    pub fn origin(&self) -> Origin {
        Origin {
            request_id: self.correlation_id.clone(),
            traceparent: self.traceparent.clone(),
            actor: self.actor.clone(),
            deadline: None,
        }
    }
}

/// Whether an event type matches a pattern of a manifest: exact, `prefix.*`, or `*`.
pub fn matches(pattern: &str, kind: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => kind.starts_with(prefix),
        None => pattern == kind,
    }
}

/// Takes events to the bus.
#[async_trait]
pub trait Publisher: Send + Sync + 'static {
    /// Publishes all, in this order, or fails; publishing again is harmless.
    async fn publish(&self, events: &[Envelope]) -> Result<(), PublishError>;
}

/// The bus did not take some of the events.
#[derive(Debug, thiserror::Error)]
#[error("event bus: {0}")]
pub struct PublishError(pub String);

/// Why an event could not be handled.
#[derive(Debug, thiserror::Error)]
pub enum ConsumeError {
    /// Worth another try.
    #[error("{0}")]
    Retry(String),
    /// Will never work: straight to the dead letters.
    #[error("{0}")]
    Reject(String),
}

impl ConsumeError {
    pub fn retry(cause: impl std::fmt::Display) -> Self {
        Self::Retry(cause.to_string())
    }

    pub fn reject(cause: impl std::fmt::Display) -> Self {
        Self::Reject(cause.to_string())
    }
}

/// Handles the events that a module's manifest consumes. The same event may come twice.
#[async_trait]
pub trait Consumer: Send + Sync + 'static {
    async fn consume(&self, event: &Envelope) -> Result<(), ConsumeError>;

    /// One result per event. Override when a batch is cheaper than its parts.
    async fn consume_batch(&self, events: &[Envelope]) -> Vec<Result<(), ConsumeError>> {
        let mut results = Vec::with_capacity(events.len());
        for event in events {
            results.push(self.consume(event).await);
        }
        results
    }
}

/// A shared consumer.
pub type SharedConsumer = Arc<dyn Consumer>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_exact_or_a_prefix() {
        assert!(matches("platform.user.created", "platform.user.created"));
        assert!(!matches("platform.user.created", "platform.user.created_late"));
        assert!(matches("platform.user.*", "platform.user.deleted"));
        assert!(!matches("platform.user.*", "platform.username"));
        assert!(matches("*", "blog.post.created"));
    }
}
