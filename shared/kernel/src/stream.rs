//! From a table's stream to the bus: the second half of "state and event in one write".
//!
//! A write that announces something puts its events, as JSON, into the item's attribute
//! [`PENDING`]. The stream delivers every image of the item in order; whatever events the new image
//! has that the old one had not are published. Publishing twice is harmless, losing is impossible:
//! the stream keeps a record until its handler has succeeded.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::event::Envelope;

/// The attribute that carries an item's pending events: a JSON array of envelopes in a string.
pub const PENDING: &str = "events";

/// A record of a table's stream, in the shape that AWS gives to a function.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StreamRecord {
    #[serde(rename = "eventID", default)]
    pub id: String,
    pub dynamodb: Change,
}

/// What changed, as attribute maps in DynamoDB's JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Change {
    #[serde(rename = "NewImage", default)]
    pub new_image: Option<Value>,
    #[serde(rename = "OldImage", default)]
    pub old_image: Option<Value>,
    #[serde(rename = "SequenceNumber", default)]
    pub sequence_number: String,
}

/// The pending events could not be read: a bug, since only this platform writes them.
#[derive(Debug, thiserror::Error)]
#[error("stream record {record}: pending events do not parse")]
pub struct MalformedPending {
    record: String,
    #[source]
    source: serde_json::Error,
}

/// The events that this change announces.
pub fn announced(record: &StreamRecord) -> Result<Vec<Envelope>, MalformedPending> {
    let Some(new) = pending(record.dynamodb.new_image.as_ref()) else { return Ok(Vec::new()) };
    // Most changes that do not announce anything leave the attribute as it was.
    let old = pending(record.dynamodb.old_image.as_ref());
    if old == Some(new) {
        return Ok(Vec::new());
    }
    let parse = |text| {
        serde_json::from_str::<Vec<Envelope>>(text)
            .map_err(|source| MalformedPending { record: record.id.clone(), source })
    };
    let known = old.map(parse).transpose()?.unwrap_or_default();
    let mut events = parse(new)?;
    events.retain(|event| known.iter().all(|old| old.id != event.id));
    Ok(events)
}

fn pending(image: Option<&Value>) -> Option<&str> {
    image?.get(PENDING)?.get("S")?.as_str()
}
