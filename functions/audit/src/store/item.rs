use jiff::Timestamp;
use kernel::{
    id::{EventId, TenantId},
    origin::ActorKind,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::entry::{Actor, Entry, Outcome};

/// An entry as it is stored, without its primary key.
#[derive(Debug, Serialize, Deserialize)]
pub struct Item {
    id: EventId,
    tenant_id: TenantId,
    sequence: u64,
    actor_kind: ActorKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    actor_id: Option<String>,
    action: String,
    resource: String,
    resource_id: String,
    outcome: Outcome,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ip_address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_agent: Option<String>,
    request_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    /// A JSON object as text: the table would rewrite its numbers and bound its depth.
    #[serde(with = "text")]
    metadata: Map<String, Value>,
    occurred_at: Timestamp,
    /// `occurred_at` once more, in microseconds: texts of different precision do not compare.
    occurred_us: i64,
    recorded_at: Timestamp,
    previous_hash: String,
    hash: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gsi1pk: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gsi1sk: Option<String>,
    gsi2pk: String,
    gsi2sk: String,
}

impl Item {
    /// The item, if these attributes are exactly what some entry is stored as: nothing missing, nothing
    /// more, and index keys that fit the content.
    pub fn exactly(attributes: &Value) -> Option<Self> {
        let item = Self::deserialize(attributes).ok()?;
        let expected = Self::from(&Entry::from(item));
        let is_exact = serde_json::to_value(&expected).ok()? == *attributes;
        is_exact.then_some(expected)
    }
}

impl From<&Entry> for Item {
    fn from(entry: &Entry) -> Self {
        let sort_key = sort_key(entry.sequence);
        let actor_id = entry.actor.id.clone();
        let gsi1pk = actor_id.as_deref().map(|id| actor_key(entry.tenant_id, id));
        Self {
            id: entry.id,
            tenant_id: entry.tenant_id,
            sequence: entry.sequence,
            actor_kind: entry.actor.kind,
            gsi1sk: gsi1pk.is_some().then(|| sort_key.clone()),
            gsi1pk,
            actor_id,
            action: entry.action.clone(),
            gsi2pk: resource_key(entry.tenant_id, &entry.resource, &entry.resource_id),
            gsi2sk: sort_key,
            resource: entry.resource.clone(),
            resource_id: entry.resource_id.clone(),
            outcome: entry.outcome,
            ip_address: entry.ip_address.clone(),
            user_agent: entry.user_agent.clone(),
            request_id: entry.request_id.clone(),
            trace_id: entry.trace_id.clone(),
            metadata: entry.metadata.clone(),
            occurred_at: entry.occurred_at,
            occurred_us: entry.occurred_at.as_microsecond(),
            recorded_at: entry.recorded_at,
            previous_hash: entry.previous_hash.clone(),
            hash: entry.hash.clone(),
        }
    }
}

impl From<Item> for Entry {
    fn from(item: Item) -> Self {
        Self {
            id: item.id,
            tenant_id: item.tenant_id,
            sequence: item.sequence,
            actor: Actor { kind: item.actor_kind, id: item.actor_id },
            action: item.action,
            resource: item.resource,
            resource_id: item.resource_id,
            outcome: item.outcome,
            ip_address: item.ip_address,
            user_agent: item.user_agent,
            request_id: item.request_id,
            trace_id: item.trace_id,
            metadata: item.metadata,
            occurred_at: item.occurred_at,
            recorded_at: item.recorded_at,
            previous_hash: item.previous_hash,
            hash: item.hash,
        }
    }
}

/// Digits of a sequence in a key, so that keys sort as numbers do.
const DIGITS: usize = 20;

pub fn sort_key(sequence: u64) -> String {
    format!("{sequence:0DIGITS$}")
}

/// The inverse of [`sort_key`].
pub fn sequence_of(sort_key: &str) -> Option<u64> {
    let is_well_formed = sort_key.len() == DIGITS && sort_key.bytes().all(|b| b.is_ascii_digit());
    is_well_formed.then(|| sort_key.parse().ok()).flatten()
}

pub fn actor_key(tenant: TenantId, actor: &str) -> String {
    format!("T#{tenant}#ACTOR#{actor}")
}

pub fn resource_key(tenant: TenantId, resource: &str, id: &str) -> String {
    format!("T#{tenant}#RESOURCE#{resource}#{id}")
}

/// A JSON object in a text attribute.
mod text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use serde_json::{Map, Value};

    pub fn serialize<S: Serializer>(
        object: &Map<String, Value>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let text = serde_json::to_string(object).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(&text)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Map<String, Value>, D::Error> {
        serde_json::from_str(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
