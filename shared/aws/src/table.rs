//! Tables with generic keys and typed items.
//!
//! Every service has one table with the keys `pk` and `sk`, indexes `gsi1` (`gsi1pk`, `gsi1sk`) and so on,
//! `ttl` (epoch seconds), and pending `events` (see [`kernel::stream`]). Keys are texts; the tenant is the
//! first part of every tenant-owned `pk`.

mod query;
mod write;

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{AttributeValue, KeysAndAttributes},
};
use kernel::{health::Check, problem::Problem};
use serde::de::DeserializeOwned;

pub use self::{
    query::{Query, Rows},
    write::Write,
};

/// Items as the SDK has them.
pub(crate) type Attributes = HashMap<String, AttributeValue>;

/// How often a transaction is tried when others touch the same items at the same time.
const CONFLICT_TRIES: u32 = 6;

/// Where an item is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    pub pk: String,
    pub sk: String,
}

impl Key {
    pub fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }

    fn attributes(&self) -> Attributes {
        HashMap::from([
            ("pk".to_owned(), AttributeValue::S(self.pk.clone())),
            ("sk".to_owned(), AttributeValue::S(self.sk.clone())),
        ])
    }
}

/// Why the store did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A condition did not hold; nothing was written. The index says whose, in a list of writes.
    #[error("the condition of write {0} does not hold")]
    Condition(usize),
    /// The table did not answer, or had too much to do. Nothing is known about the effect.
    #[error("table `{table}`: {reason}")]
    Unavailable { table: String, reason: String },
    /// An item is not of the shape that the code expects: a bug or a missing migration.
    #[error("table `{table}`: item does not parse: {reason}")]
    Malformed { table: String, reason: String },
}

impl From<StoreError> for Problem {
    /// Conditions that a service expects are matched before; one that arrives here is a fault of ours.
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Unavailable { .. } => Self::unavailable(error),
            StoreError::Condition(_) | StoreError::Malformed { .. } => Self::internal(error),
        }
    }
}

/// A service's table.
#[derive(Debug, Clone)]
pub struct Table {
    client: Client,
    name: String,
}

impl Table {
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self { client, name: name.into() }
    }

    /// The item, as it is now (strongly consistent).
    pub async fn get<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>, StoreError> {
        let request = self.client.get_item().table_name(&self.name).set_key(Some(key.attributes()));
        let reply = request.consistent_read(true).send().await.map_err(|e| self.unavailable(&e))?;
        reply.item.map(|item| self.parse(item)).transpose()
    }

    /// The items, in the order of the keys (at most 100), strongly consistent, in one call.
    pub async fn get_many<T: DeserializeOwned>(
        &self,
        keys: &[Key],
    ) -> Result<Vec<Option<T>>, StoreError> {
        let mut found: HashMap<Key, Attributes> = HashMap::new();
        let mut open: Vec<Attributes> = keys.iter().map(Key::attributes).collect();
        while !open.is_empty() {
            let wanted = KeysAndAttributes::builder().set_keys(Some(open)).consistent_read(true);
            let wanted = wanted.build().map_err(|error| self.unavailable(&error))?;
            let request = self.client.batch_get_item().request_items(&self.name, wanted);
            let reply = request.send().await.map_err(|error| self.unavailable(&error))?;
            for item in reply.responses.into_iter().flatten().flat_map(|(_, items)| items) {
                found.insert(key_of(&item), item);
            }
            let left = reply.unprocessed_keys.into_iter().flatten();
            open = left.flat_map(|(_, keys)| keys.keys).collect();
        }
        keys.iter().map(|key| found.remove(key).map(|item| self.parse(item)).transpose()).collect()
    }

    /// One write, with its conditions.
    pub async fn write(&self, write: Write) -> Result<(), StoreError> {
        let outcome = write.send(&self.client, &self.name).await;
        outcome.map_err(|error| match error.code() {
            Some("ConditionalCheckFailedException") => StoreError::Condition(0),
            _ => self.unavailable(&error),
        })
    }

    /// All writes or none (at most 100), each with its conditions.
    pub async fn write_all(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        let items: Vec<_> =
            writes.into_iter().map(|write| write.transact_item(&self.name)).collect();
        let mut pause = Duration::from_millis(10);
        for tried in 1.. {
            let request =
                self.client.transact_write_items().set_transact_items(Some(items.clone()));
            let Err(error) = request.send().await else { return Ok(()) };
            match refusal(&error) {
                Refusal::Condition(index) => return Err(StoreError::Condition(index)),
                Refusal::Conflict if tried < CONFLICT_TRIES => {
                    tokio::time::sleep(jitter(pause)).await;
                    pause *= 2;
                }
                Refusal::Conflict | Refusal::Other => return Err(self.unavailable(&error)),
            }
        }
        unreachable!("the loop ends by returning")
    }

    fn parse<T: DeserializeOwned>(&self, item: Attributes) -> Result<T, StoreError> {
        serde_dynamo::aws_sdk_dynamodb_1::from_item(item).map_err(|error| StoreError::Malformed {
            table: self.name.clone(),
            reason: error.to_string(),
        })
    }

    fn unavailable(&self, error: &(dyn std::error::Error + 'static)) -> StoreError {
        let chain = std::iter::successors(Some(error), |error| error.source());
        let reason = chain.map(ToString::to_string).collect::<Vec<_>>().join(": ");
        StoreError::Unavailable { table: self.name.clone(), reason }
    }
}

#[async_trait]
impl Check for Table {
    fn name(&self) -> &'static str {
        "table"
    }

    async fn check(&self) -> Result<(), String> {
        // A read of nothing needs no permission beyond what every service has.
        let probe = Key::new("readiness", "probe");
        self.get::<serde_json::Value>(&probe).await.map(drop).map_err(|error| error.to_string())
    }
}

enum Refusal {
    Condition(usize),
    Conflict,
    Other,
}

fn refusal(error: &SdkError<TransactWriteItemsError>) -> Refusal {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            let codes = || cancelled.cancellation_reasons().iter().map(|reason| reason.code());
            if let Some(index) = codes().position(|code| code == Some("ConditionalCheckFailed")) {
                Refusal::Condition(index)
            } else if codes().any(|code| code == Some("TransactionConflict")) {
                Refusal::Conflict
            } else {
                Refusal::Other
            }
        }
        Some(TransactWriteItemsError::TransactionInProgressException(_)) => Refusal::Conflict,
        _ => Refusal::Other,
    }
}

/// A random part of `pause` (full jitter), so that rivals do not meet again.
fn jitter(pause: Duration) -> Duration {
    let fraction =
        f64::from(u32::from_be_bytes(kernel::secret::random_bytes())) / f64::from(u32::MAX);
    pause.mul_f64(fraction)
}

fn text_of(item: &Attributes, name: &str) -> String {
    item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default()
}

fn key_of(item: &Attributes) -> Key {
    Key { pk: text_of(item, "pk"), sk: text_of(item, "sk") }
}
