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
    operation::{transact_write_items::TransactWriteItemsError, update_item::UpdateItemError},
    types::{AttributeValue, KeysAndAttributes, ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use kernel::{health::Check, problem::Problem};
use serde::de::DeserializeOwned;

pub use self::{
    query::{Query, Rows},
    write::Write,
};
use crate::sdk::{chain, jitter};

/// Items as the SDK has them.
pub(crate) type Attributes = HashMap<String, AttributeValue>;

/// How often a write is tried when others touch the same items at the same time.
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

/// What a conditional update found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Updated<T> {
    /// The item as it is now.
    Done(T),
    /// The condition does not hold for the item as it is; there may be none.
    Refused(Option<T>),
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
        let mut found = self.fetch(keys).await?;
        keys.iter().map(|key| found.remove(key).map(|item| self.parse(item)).transpose()).collect()
    }

    /// Two items of different types, strongly consistent, in one call.
    pub async fn get_pair<A: DeserializeOwned, B: DeserializeOwned>(
        &self,
        first: Key,
        second: Key,
    ) -> Result<(Option<A>, Option<B>), StoreError> {
        let keys = [first, second];
        let mut found = self.fetch(&keys).await?;
        let first = found.remove(&keys[0]).map(|item| self.parse(item)).transpose()?;
        let second = found.remove(&keys[1]).map(|item| self.parse(item)).transpose()?;
        Ok((first, second))
    }

    async fn fetch(&self, keys: &[Key]) -> Result<HashMap<Key, Attributes>, StoreError> {
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
        Ok(found)
    }

    /// One write, with its conditions.
    pub async fn write(&self, write: Write) -> Result<(), StoreError> {
        unless_in_conflict(async || {
            let sent = write.clone().send(&self.client, &self.name).await;
            sent.map_err(|error| match error.code() {
                Some("ConditionalCheckFailedException") => Refusal::Condition(0),
                // A transaction is under way on the item.
                Some("TransactionConflictException") => Refusal::Conflict(self.unavailable(&error)),
                _ => Refusal::Other(self.unavailable(&error)),
            })
        })
        .await
    }

    /// One update (see [`Write::update`]) that says what it found, whether its condition holds or not.
    pub async fn update<T: DeserializeOwned>(
        &self,
        write: Write,
    ) -> Result<Updated<T>, StoreError> {
        unless_in_conflict(async || {
            let request = write
                .clone()
                .update_request(&self.client, &self.name)
                .return_values(ReturnValue::AllNew)
                .return_values_on_condition_check_failure(
                    ReturnValuesOnConditionCheckFailure::AllOld,
                );
            match request.send().await {
                Ok(reply) => self.parse(reply.attributes.unwrap_or_default()).map(Updated::Done),
                Err(error) => match error.as_service_error() {
                    Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                        let found = failed.item.clone().map(|item| self.parse(item)).transpose();
                        found.map(Updated::Refused)
                    }
                    Some(UpdateItemError::TransactionConflictException(_)) => {
                        return Err(Refusal::Conflict(self.unavailable(&error)));
                    }
                    _ => Err(self.unavailable(&error)),
                },
            }
            .map_err(Refusal::Other)
        })
        .await
    }

    /// All writes or none (at most 100), each with its conditions.
    pub async fn write_all(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        let items: Vec<_> =
            writes.into_iter().map(|write| write.transact_item(&self.name)).collect();
        unless_in_conflict(async || {
            let request =
                self.client.transact_write_items().set_transact_items(Some(items.clone()));
            request.send().await.map(drop).map_err(|error| self.refusal(&error))
        })
        .await
    }

    fn refusal(&self, error: &SdkError<TransactWriteItemsError>) -> Refusal {
        let unavailable = self.unavailable(error);
        match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                let codes = || cancelled.cancellation_reasons().iter().map(|reason| reason.code());
                if let Some(index) = codes().position(|code| code == Some("ConditionalCheckFailed"))
                {
                    Refusal::Condition(index)
                } else if codes().any(|code| code == Some("TransactionConflict")) {
                    Refusal::Conflict(unavailable)
                } else {
                    Refusal::Other(unavailable)
                }
            }
            Some(TransactWriteItemsError::TransactionInProgressException(_)) => {
                Refusal::Conflict(unavailable)
            }
            _ => Refusal::Other(unavailable),
        }
    }

    fn parse<T: DeserializeOwned>(&self, item: Attributes) -> Result<T, StoreError> {
        serde_dynamo::aws_sdk_dynamodb_1::from_item(item).map_err(|error| StoreError::Malformed {
            table: self.name.clone(),
            reason: error.to_string(),
        })
    }

    fn unavailable(&self, error: &(dyn std::error::Error + 'static)) -> StoreError {
        StoreError::Unavailable { table: self.name.clone(), reason: chain(error) }
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

/// Why nothing was written, as far as it matters for trying again.
enum Refusal {
    /// The condition of this write does not hold.
    Condition(usize),
    /// Somebody else is writing the same items at this moment.
    Conflict(StoreError),
    Other(StoreError),
}

/// Repeats a write that meets another one on the same items, after growing random pauses.
async fn unless_in_conflict<F, T>(mut attempt: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, Refusal>>,
{
    let mut pause = Duration::from_millis(10);
    for tried in 1.. {
        match attempt().await {
            Ok(done) => return Ok(done),
            Err(Refusal::Condition(index)) => return Err(StoreError::Condition(index)),
            Err(Refusal::Conflict(_)) if tried < CONFLICT_TRIES => {
                tokio::time::sleep(jitter(pause)).await;
                pause *= 2;
            }
            Err(Refusal::Conflict(error) | Refusal::Other(error)) => return Err(error),
        }
    }
    unreachable!("the loop ends by returning")
}

fn text_of(item: &Attributes, name: &str) -> String {
    item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default()
}

fn key_of(item: &Attributes) -> Key {
    Key { pk: text_of(item, "pk"), sk: text_of(item, "sk") }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::replay::{self, Replay};

    fn table(answers: Vec<(u16, Value)>) -> (Table, Replay) {
        let (config, replay) = replay::config(answers);
        (Table::new(Client::new(&config), "demo"), replay)
    }

    fn error(code: &str) -> (u16, Value) {
        (400, json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{code}")}))
    }

    fn conflict() -> (u16, Value) {
        error("TransactionConflictException")
    }

    fn cancelled(reason: &str) -> (u16, Value) {
        let (status, mut body) = error("TransactionCanceledException");
        body["CancellationReasons"] = json!([{"Code": "None"}, {"Code": reason}]);
        (status, body)
    }

    fn done() -> (u16, Value) {
        (200, json!({}))
    }

    fn put() -> Write {
        Write::put(Key::new("T#1", "item"), &json!({"name": "x"})).if_absent()
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_meets_a_transaction_is_tried_again_as_it_was() {
        let (table, replay) = table(vec![conflict(), conflict(), done()]);
        table.write(put()).await.unwrap();
        let requests = replay.requests();
        assert_eq!(requests.len(), 3);
        assert!(requests.iter().all(|request| *request == requests[0]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_condition_is_judged_once_even_after_a_conflict() {
        let (one, asked) = table(vec![conflict(), error("ConditionalCheckFailedException")]);
        assert!(matches!(one.write(put()).await, Err(StoreError::Condition(0))));
        assert_eq!(asked.requests().len(), 2);
        let answers = vec![cancelled("TransactionConflict"), cancelled("ConditionalCheckFailed")];
        let (many, asked) = table(answers);
        let outcome = many.write_all(vec![put(), put()]).await;
        assert!(matches!(outcome, Err(StoreError::Condition(1))));
        assert_eq!(asked.requests().len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_conflict_that_does_not_end_is_reported() {
        let tries = CONFLICT_TRIES as usize;
        let (one, asked) = table(vec![conflict(); tries]);
        assert!(matches!(one.write(put()).await, Err(StoreError::Unavailable { .. })));
        assert_eq!(asked.requests().len(), tries);
        let (many, asked) = table(vec![cancelled("TransactionConflict"); tries]);
        let outcome = many.write_all(vec![put(), put()]).await;
        assert!(matches!(outcome, Err(StoreError::Unavailable { .. })));
        assert_eq!(asked.requests().len(), tries);
    }

    #[tokio::test]
    async fn any_other_refusal_is_not_tried_again() {
        let (table, replay) = table(vec![error("ResourceNotFoundException")]);
        assert!(matches!(table.write(put()).await, Err(StoreError::Unavailable { .. })));
        assert_eq!(replay.requests().len(), 1);
    }
}
