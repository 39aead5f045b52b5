//! Audit entries: what is kept of an event, and what never is.

use contracts::audit::Activity;
use jiff::Timestamp;
use kernel::{
    event::Envelope,
    id::{EventId, TenantId},
    origin::{self, ActorKind},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::chain::{self, Head};

/// Actions that went wrong for the one who tried, or that only go wrong.
const FAILURES: [&str; 2] = ["auth.login_failed", "auth.token_reuse_detected"];

/// Fields of an event whose names end so are not kept. Events carry no secrets to begin with; this is
/// the belt to those braces. Whoever knows a nonce does not have the link's token, but needs no nonce.
const SECRET_ENDINGS: [&str; 4] = ["nonce", "token", "secret", "password"];

/// The part of an event's data that is about a person.
const PERSONAL: &str = "personal";

/// Longest id of an actor or a thing, in characters: as index keys they have a limit of 2048 bytes.
pub const MAX_ID_LENGTH: usize = 256;

/// Whether what was tried has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AuditOutcome)]
pub enum Outcome {
    Success,
    Failure,
}

impl Outcome {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
        }
    }
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditActor)]
pub struct Actor {
    pub kind: ActorKind,
    /// A user id for people, a name for services and the platform itself; `null` for those who have not
    /// proven who they are.
    #[schema(required, example = "019cebab-8995-77b9-830d-40bd57deeac1")]
    pub id: Option<String>,
}

/// One thing that happened. This shape, as JSON, is what the API shows and what [`chain`] hashes: a new
/// field changes every hash and needs a new version of the recipe.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub struct Entry {
    /// The id of the event that told of it.
    pub id: EventId,
    pub tenant_id: TenantId,
    /// Its place in the tenant's chain, from 1.
    #[schema(minimum = 1, example = 42)]
    pub sequence: u64,
    pub actor: Actor,
    #[schema(example = "user.created")]
    pub action: String,
    /// The kind of thing that it was done to.
    #[schema(example = "user")]
    pub resource: String,
    #[schema(example = "019cebab-8995-77b9-830d-40bd57deeac1")]
    pub resource_id: String,
    pub outcome: Outcome,
    #[schema(required, example = "203.0.113.7")]
    pub ip_address: Option<String>,
    #[schema(required, example = "Mozilla/5.0 (X11; Linux x86_64)")]
    pub user_agent: Option<String>,
    /// The request that caused it.
    #[schema(example = "019cebd8-690c-763a-a37c-e82aa740fb06")]
    pub request_id: String,
    #[schema(required, example = "4bf92f3577b34da6a3ce929d0e0e4736")]
    pub trace_id: Option<String>,
    /// The particulars, without personal data and secrets.
    #[schema(value_type = Object, example = json!({"status": "active"}))]
    pub metadata: Map<String, Value>,
    #[schema(value_type = String, format = DateTime)]
    pub occurred_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub recorded_at: Timestamp,
    /// The `hash` of the entry before; 64 zeros for the first.
    #[schema(min_length = 64, max_length = 64)]
    pub previous_hash: String,
    /// SHA-256 of everything above, in hexadecimal.
    #[schema(min_length = 64, max_length = 64)]
    pub hash: String,
}

impl Entry {
    /// The entry that tells of the event, next in the chain after `previous`.
    pub fn of_event(event: &Envelope, previous: &Head, recorded_at: Timestamp) -> Self {
        let action = event.kind.strip_prefix("platform.").unwrap_or(&event.kind);
        let is_failure = FAILURES.contains(&action);
        let mut entry = Self {
            id: event.id,
            tenant_id: event.tenant_id,
            sequence: previous.sequence + 1,
            actor: Actor { kind: event.actor.kind, id: event.actor.id.clone() },
            action: action.to_owned(),
            resource: event.subject.resource.clone(),
            resource_id: event.subject.id.clone(),
            outcome: if is_failure { Outcome::Failure } else { Outcome::Success },
            ip_address: event.actor.ip_address.clone(),
            user_agent: event.actor.user_agent.clone(),
            request_id: event.correlation_id.clone(),
            trace_id: event.origin().trace_id().map(ToOwned::to_owned),
            metadata: without_secrets(&event.data),
            occurred_at: event.time,
            recorded_at,
            previous_hash: previous.hash.clone(),
            hash: String::new(),
        };
        entry.hash = chain::hash_of(&entry);
        entry
    }

    /// The entry as other services see it.
    pub fn activity(self) -> Activity {
        let Actor { kind, id } = self.actor;
        let (ip_address, user_agent) = (self.ip_address, self.user_agent);
        Activity {
            id: self.id,
            action: self.action,
            actor: origin::Actor { kind, id, ip_address, user_agent },
            resource: self.resource,
            resource_id: self.resource_id,
            outcome: self.outcome.as_str().to_owned(),
            metadata: self.metadata,
            occurred_at: self.occurred_at,
        }
    }

    /// The end of the chain when this is the last entry.
    pub fn head(&self) -> Head {
        Head { sequence: self.sequence, hash: self.hash.clone() }
    }
}

/// An event that cannot become an entry, now or ever.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unrecordable {
    #[error("`{0}` has more than {MAX_ID_LENGTH} characters")]
    LongId(&'static str),
    #[error("the event has {0} bytes")]
    TooLarge(usize),
}

/// Refuses what the table would refuse, so that it does not take its neighbours in the batch with it.
/// Gives the event's size.
pub fn check_recordable(event: &Envelope, max_size: usize) -> Result<usize, Unrecordable> {
    let ids = [
        ("actor.id", event.actor.id.as_deref().unwrap_or_default()),
        ("subject.resource", &event.subject.resource),
        ("subject.id", &event.subject.id),
    ];
    for (name, id) in ids {
        if id.chars().count() > MAX_ID_LENGTH {
            return Err(Unrecordable::LongId(name));
        }
    }
    let size = serde_json::to_string(event).map_or(usize::MAX, |text| text.len());
    if size > max_size { Err(Unrecordable::TooLarge(size)) } else { Ok(size) }
}

fn without_secrets(data: &Value) -> Map<String, Value> {
    let Value::Object(fields) = data else { return Map::new() };
    let kept = fields.iter().filter(|(name, _)| is_kept(name));
    kept.map(|(name, value)| (name.clone(), clean(value))).collect()
}

fn clean(value: &Value) -> Value {
    match value {
        Value::Object(_) => Value::Object(without_secrets(value)),
        Value::Array(items) => items.iter().map(clean).collect(),
        // No two programs write fractions alike, and a hash needs them to.
        Value::Number(number) if number.is_f64() => Value::String(number.to_string()),
        other => other.clone(),
    }
}

fn is_kept(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name != PERSONAL && !SECRET_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn personal_data_and_secrets_are_dropped_at_any_depth() {
        let data = json!({
            "user_id": "1",
            "personal": {"email": "ada@example.org"},
            "verification_nonce": "n",
            "refreshToken": "t",
            "client_secret": "s",
            "new_password": "p",
            "nested": {"nonce": "n", "kept": [{"token": "t", "personal": 1, "name": "x"}]},
            "password_changed": true,
        });
        let kept =
            json!({"user_id": "1", "nested": {"kept": [{"name": "x"}]}, "password_changed": true});
        assert_eq!(Value::Object(without_secrets(&data)), kept);
    }

    #[test]
    fn fractions_are_kept_as_text_and_whole_numbers_as_numbers() {
        let data = json!({"share": [0.1, 1e300], "count": u64::MAX, "change": -1});
        let kept = json!({"share": ["0.1", "1e+300"], "count": u64::MAX, "change": -1});
        assert_eq!(Value::Object(without_secrets(&data)), kept);
    }
}
