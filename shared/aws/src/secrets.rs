//! Secrets in Secrets Manager.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use aws_sdk_secretsmanager::{
    Client,
    operation::{get_secret_value::GetSecretValueError, put_secret_value::PutSecretValueError},
};
use kernel::secret::{Secret, SecretStore, SecretStoreError};
use tokio::time::Instant;

use crate::sdk::chain;

/// How long a value is used before it is read again: the longest a rotation goes unseen.
const FRESH: Duration = Duration::from_mins(5);

/// The secrets under one prefix, such as `plinth/dev/auth/`. Values are read again after five
/// minutes; while Secrets Manager does not answer, the last one known goes on being used.
#[derive(Debug, Clone)]
pub struct SecretsManagerStore {
    client: Client,
    prefix: String,
    slots: Arc<Mutex<HashMap<String, Slot>>>,
}

/// The last value read under one name. Its lock makes concurrent readers wait for one call.
type Slot = Arc<tokio::sync::Mutex<Option<Known>>>;

#[derive(Debug, Clone)]
struct Known {
    value: Secret,
    read_at: Instant,
}

impl SecretsManagerStore {
    pub fn new(client: Client, prefix: impl Into<String>) -> Self {
        Self { client, prefix: prefix.into(), slots: Arc::default() }
    }

    fn slot(&self, name: &str) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry(name.to_owned()).or_default().clone()
    }

    fn id(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    async fn read(&self, name: &str) -> Result<Option<Secret>, SecretStoreError> {
        let reply = self.client.get_secret_value().secret_id(self.id(name)).send().await;
        match reply {
            Ok(reply) => Ok(reply.secret_string.filter(|text| !text.is_empty()).map(Secret::new)),
            // Also the answer for a secret that the template has declared without a value.
            Err(error) => match error.as_service_error() {
                Some(GetSecretValueError::ResourceNotFoundException(_)) => Ok(None),
                _ => Err(failure(name, &error)),
            },
        }
    }

    async fn write(&self, name: &str, value: &Secret, is_first: bool) -> Result<(), WriteError> {
        let mut request = self.client.put_secret_value();
        if is_first {
            // One token for every first value: Secrets Manager takes it with one value only. Of
            // instances that make a first value at the same time, all but one are refused.
            let token = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, self.id(name).as_bytes());
            request = request.client_request_token(token.to_string());
        }
        let request = request.secret_id(self.id(name)).secret_string(value.expose());
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(PutSecretValueError::ResourceNotFoundException(_)) => Err(WriteError::Absent),
                _ => Err(WriteError::Failed(failure(name, &error))),
            },
        }
    }

    async fn create(&self, name: &str, value: &Secret) -> Result<(), SecretStoreError> {
        let request = self.client.create_secret().name(self.id(name));
        let reply = request.secret_string(value.expose()).send().await;
        reply.map(drop).map_err(|error| failure(name, &error))
    }
}

enum WriteError {
    /// There is no such secret.
    Absent,
    Failed(SecretStoreError),
}

#[async_trait]
impl SecretStore for SecretsManagerStore {
    async fn get(&self, name: &str) -> Result<Option<Secret>, SecretStoreError> {
        let slot = self.slot(name);
        let mut known = slot.lock().await;
        if let Some(known) = known.as_ref().filter(|known| known.read_at.elapsed() < FRESH) {
            return Ok(Some(known.value.clone()));
        }
        match (self.read(name).await, known.as_ref()) {
            (Ok(value), _) => {
                *known = value.clone().map(|value| Known { value, read_at: Instant::now() });
                Ok(value)
            }
            (Err(error), Some(stale)) => {
                tracing::warn!(name, %error, "secret could not be read again");
                Ok(Some(stale.value.clone()))
            }
            (Err(error), None) => Err(error),
        }
    }

    async fn put(&self, name: &str, value: &Secret) -> Result<(), SecretStoreError> {
        let slot = self.slot(name);
        let mut known = slot.lock().await;
        let is_first = known.is_none() && self.read(name).await?.is_none();
        *known = None;
        match self.write(name, value, is_first).await {
            Ok(()) => {}
            Err(WriteError::Absent) => self.create(name, value).await?,
            Err(WriteError::Failed(error)) => return Err(error),
        }
        *known = Some(Known { value: value.clone(), read_at: Instant::now() });
        Ok(())
    }
}

fn failure(name: &str, error: &(dyn std::error::Error + 'static)) -> SecretStoreError {
    SecretStoreError(format!("`{name}`: {}", chain(error)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::replay::{self, Replay};

    fn store(answers: Vec<(u16, Value)>) -> (SecretsManagerStore, Replay) {
        let (config, replay) = replay::config(answers);
        (SecretsManagerStore::new(Client::new(&config), "plinth/test/demo/"), replay)
    }

    fn value(text: &str) -> (u16, Value) {
        (200, json!({"Name": "x", "SecretString": text, "VersionId": "1"}))
    }

    fn error(code: &str) -> (u16, Value) {
        (400, json!({"__type": code, "message": "no"}))
    }

    async fn text(store: &SecretsManagerStore, name: &str) -> Option<String> {
        store.get(name).await.unwrap().map(|secret| secret.expose().to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn a_value_is_read_once_until_it_is_five_minutes_old() {
        let (store, replay) = store(vec![value("one"), value("two")]);
        assert_eq!(text(&store, "key").await.as_deref(), Some("one"));
        assert_eq!(text(&store, "key").await.as_deref(), Some("one"));
        assert_eq!(replay.requests(), [json!({"SecretId": "plinth/test/demo/key"})]);
        tokio::time::advance(FRESH).await;
        assert_eq!(text(&store, "key").await.as_deref(), Some("two"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_value_outlives_an_outage() {
        let (store, _) = store(vec![value("one"), error("InternalServiceError")]);
        assert_eq!(text(&store, "key").await.as_deref(), Some("one"));
        tokio::time::advance(FRESH).await;
        assert_eq!(text(&store, "key").await.as_deref(), Some("one"));
    }

    #[tokio::test]
    async fn an_absent_secret_is_nothing_and_any_other_refusal_an_error() {
        let (store, _) =
            store(vec![error("ResourceNotFoundException"), error("AccessDeniedException")]);
        assert_eq!(text(&store, "key").await, None);
        let refusal = store.get("key").await.unwrap_err().to_string();
        assert!(refusal.contains("AccessDeniedException"), "{refusal}");
    }

    #[tokio::test]
    async fn a_new_value_is_used_at_once() {
        let (store, replay) = store(vec![value("old"), (200, json!({}))]);
        store.put("key", &Secret::new("new")).await.unwrap();
        assert_eq!(text(&store, "key").await.as_deref(), Some("new"));
        assert_eq!(replay.requests()[1]["SecretString"], "new");
    }

    #[tokio::test]
    async fn the_first_value_is_given_by_one_instance_only() {
        let answers = || vec![error("ResourceNotFoundException"), error("ResourceExistsException")];
        let (one, one_asked) = store(answers());
        let (two, two_asked) = store(answers());
        assert!(one.put("key", &Secret::new("mine")).await.is_err());
        assert!(two.put("key", &Secret::new("yours")).await.is_err());
        let token = |replay: &Replay| replay.requests()[1]["ClientRequestToken"].clone();
        assert!(token(&one_asked).is_string());
        assert_eq!(token(&one_asked), token(&two_asked));
    }

    #[tokio::test]
    async fn a_secret_that_nobody_declared_is_created() {
        let absent = || error("ResourceNotFoundException");
        let (store, replay) = store(vec![absent(), absent(), (200, json!({}))]);
        store.put("key", &Secret::new("new")).await.unwrap();
        assert_eq!(replay.requests()[2]["Name"], "plinth/test/demo/key");
    }
}
