//! A deployed function: its settings, and the ports that they lead to.
//!
//! Every `main.rs` is a call of [`serve`] (or of [`prepare`], where what runs is no module). Ports are made when they are asked for, so a function has
//! just what its module uses. What the first request needs for certain (a connection to the table,
//! keys) is made during init, at once: init has a full processor, a request a fraction of one.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use aws_config::SdkConfig;
use kernel::{
    client::{ServiceClient, Transport},
    clock::SystemClock,
    config::{ConfigErrors, ConfigKey, Sources},
    cursor::Cursors,
    event::Publisher,
    health::Check,
    idempotency::Idempotency,
    lambda::{self, Role},
    limit::{Limits, Rules},
    mail::Mailer,
    module::Module,
    route::Route,
    secret::{Key, SecretStore, SecretStoreError, platform_key},
    telemetry,
};

use crate::{
    bus::EventBridgePublisher, invoke::LambdaTransport, limits::TableLimiter, mail::SesMailer, sdk,
    secrets::SecretsManagerStore, table::Table,
};

/// Name of the service's table.
const TABLE: &str = "PLINTH_TABLE";
/// Name of the table that all functions count rate limits in.
const LIMITS_TABLE: &str = "PLINTH_LIMITS_TABLE";
/// Name of the event bus.
const BUS: &str = "PLINTH_BUS";
/// What the names of the stage's functions begin with.
const FUNCTION_PREFIX: &str = "PLINTH_FUNCTION_PREFIX";
/// What the names of the service's secrets begin with.
const SECRETS_PREFIX: &str = "PLINTH_SECRETS_PREFIX";
/// The sender of mail.
const MAIL_FROM: &str = "PLINTH_MAIL_FROM";

/// A folder with a file of settings for each function, `{function}.env`: how `plinth watch` gives every
/// function its own.
const ENV_FOLDER: &str = "PLINTH_ENV_FOLDER";

/// How long init waits for a connection that the first request could also make.
const WARM_UP: Duration = Duration::from_secs(2);

/// Runs the service in the role that the template gives this function.
///
/// # Errors
/// See [`prepare`]; and when the runtime fails.
pub async fn serve(
    routes: &'static [Route],
    build: impl AsyncFnOnce(&Environment) -> Result<Module, StartError>,
) -> Result<(), lambda::Error> {
    let role = Role::from_environment()?;
    if role == Role::Stream {
        let publisher = prepare(role, async |environment| Ok(environment.publisher())).await?;
        return lambda::run_stream(publisher).await;
    }
    let module = prepare(role, async |environment| {
        let module = build(environment).await?;
        Ok(Module { limits: environment.limits(), ..module })
    })
    .await?;
    lambda::run(module, role, routes).await
}

/// Starts logging and builds what the function runs.
///
/// # Errors
/// When settings are missing or wrong (all are named), or a key cannot be read.
pub async fn prepare<T>(
    role: Role,
    build: impl AsyncFnOnce(&Environment) -> Result<T, StartError>,
) -> Result<T, StartError> {
    telemetry::start(telemetry::Format::Json);
    let environment = Environment::load(role).await?;
    let (outcome, ()) = tokio::join!(build(&environment), environment.warm_up());
    environment
        .settle(outcome)
        .inspect_err(|error| tracing::error!(%error, "the function cannot start"))
}

/// Why a function cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    #[error(transparent)]
    Secrets(#[from] SecretStoreError),
}

fn env_file() -> Option<PathBuf> {
    let folder = std::env::var_os(ENV_FOLDER)?;
    let function = std::env::var("AWS_LAMBDA_FUNCTION_NAME").ok()?;
    Some(PathBuf::from(folder).join(format!("{function}.env")))
}

/// Where a deployed function finds its dependencies.
#[derive(Debug)]
pub struct Environment {
    role: Role,
    sources: Sources,
    sdk: SdkConfig,
    table: OnceLock<Table>,
    transport: OnceLock<LambdaTransport>,
    secrets: OnceLock<SecretsManagerStore>,
    limits: OnceLock<Limits>,
    mistakes: Mutex<Vec<String>>,
}

impl Environment {
    /// Reads the process environment.
    async fn load(role: Role) -> Result<Self, ConfigErrors> {
        let file = env_file();
        Ok(Self::new(role, Sources::from_environment(file.as_deref())?, sdk::config().await))
    }

    /// The variables of one of the stage's functions.
    ///
    /// # Errors
    /// When there is no such function, or it may not be asked.
    pub async fn variables_of(
        &self,
        function: &str,
    ) -> Result<HashMap<String, String>, Box<dyn std::error::Error + Send + Sync>> {
        let name = format!("{}{function}", self.setting(FUNCTION_PREFIX));
        let known = sdk::lambda(&self.sdk).get_function_configuration().function_name(name);
        let known = known.send().await.map_err(|error| sdk::chain(&error))?;
        Ok(known.environment.and_then(|environment| environment.variables).unwrap_or_default())
    }

    /// A deployed stage as an operator's tool reaches it, with the operator's own rights: the clients of
    /// its services, and the secrets of one of them.
    pub async fn of_stage(stage: &str, service: &str) -> Self {
        let sources = Sources::empty()
            .with(FUNCTION_PREFIX, &format!("plinth-{stage}-"))
            .with(SECRETS_PREFIX, &format!("plinth/{stage}/{service}/"));
        Self::new(Role::Api, sources, sdk::config().await)
    }

    fn new(role: Role, sources: Sources, sdk: SdkConfig) -> Self {
        Self {
            role,
            sources,
            sdk,
            table: OnceLock::new(),
            transport: OnceLock::new(),
            secrets: OnceLock::new(),
            limits: OnceLock::new(),
            mistakes: Mutex::default(),
        }
    }

    /// Where the settings with these keys come from: the environment, and the service's own secrets for
    /// those that are declared secret.
    pub async fn settings(&self, keys: &[ConfigKey]) -> Result<Sources, StartError> {
        let sources = self.sources.clone();
        if keys.iter().any(|key| key.secret) {
            return Ok(sources.with_secrets(keys, &self.secret_store()).await?);
        }
        Ok(sources)
    }

    /// The service's own table.
    pub fn table(&self) -> Table {
        let make = || Table::new(sdk::dynamodb(&self.sdk), self.setting(TABLE));
        self.table.get_or_init(make).clone()
    }

    /// The platform's rate limits. Only `api` functions meet clients, whom they are for.
    pub fn limits(&self) -> Limits {
        if self.role != Role::Api {
            return Limits::none();
        }
        let make = || match Rules::read(&self.sources) {
            Ok(rules) => {
                let table = Table::new(sdk::dynamodb(&self.sdk), self.setting(LIMITS_TABLE));
                Limits::new(rules, Arc::new(TableLimiter::new(table, Arc::new(SystemClock))))
            }
            Err(ConfigErrors(mistakes)) => {
                self.note(mistakes);
                Limits::none()
            }
        };
        self.limits.get_or_init(make).clone()
    }

    /// A client of another service.
    pub fn client(&self, service: &'static str) -> Arc<ServiceClient> {
        let make = || LambdaTransport::new(sdk::lambda(&self.sdk), self.setting(FUNCTION_PREFIX));
        let transport: Arc<dyn Transport> = Arc::new(self.transport.get_or_init(make).clone());
        Arc::new(ServiceClient::new(service, transport))
    }

    /// The service's own secrets.
    pub fn secrets(&self) -> Arc<dyn SecretStore> {
        Arc::new(self.secret_store())
    }

    /// The sender of mail.
    pub fn mailer(&self) -> Arc<dyn Mailer> {
        let client = aws_sdk_sesv2::Client::new(&self.sdk);
        Arc::new(SesMailer::new(client, self.setting(MAIL_FROM)))
    }

    /// The event bus.
    pub fn publisher(&self) -> Arc<dyn Publisher> {
        let client = aws_sdk_eventbridge::Client::new(&self.sdk);
        Arc::new(EventBridgePublisher::new(client, self.setting(BUS)))
    }

    /// What seals this service's cursors.
    pub async fn cursors(&self) -> Result<Cursors, StartError> {
        Ok(Cursors::new(self.key_for_clients("cursors").await?))
    }

    /// What remembers requests with an idempotency key, in the service's own table.
    pub async fn idempotency(&self) -> Result<Idempotency, StartError> {
        let key = self.key_for_clients("idempotency").await?;
        Ok(Idempotency::new(Arc::new(self.table()), Arc::new(SystemClock), key))
    }

    /// The key for what clients are given and bring back, such as cursors. Only `api` functions meet
    /// clients: the others need not read the secret, and get a key that fits nothing.
    pub async fn key_for_clients(&self, purpose: &str) -> Result<Key, StartError> {
        if self.role == Role::Api { self.key(purpose).await } else { Ok(Key::random()) }
    }

    /// The service's key for a purpose that functions of several roles have.
    pub async fn key(&self, purpose: &str) -> Result<Key, StartError> {
        let store = self.secret_store();
        if self.check().is_err() {
            // The function will not start; there may be no name to read the key by.
            return Ok(Key::random());
        }
        Ok(platform_key(&store, purpose).await?)
    }

    /// Connects to the table, if the function has one. A table that does not answer now is left to
    /// the first request.
    async fn warm_up(&self) {
        // Nobody waits for a job.
        if self.role != Role::Jobs && self.sources.variable(TABLE).is_some() {
            let answer = tokio::time::timeout(WARM_UP, self.table().check()).await;
            if !matches!(answer, Ok(Ok(()))) {
                tracing::warn!("the table does not answer yet");
            }
        }
    }

    /// # Errors
    /// Every setting that was asked for and is not there, or is wrong.
    fn check(&self) -> Result<(), ConfigErrors> {
        let mistakes = self.mistakes.lock().unwrap_or_else(PoisonError::into_inner);
        if mistakes.is_empty() { Ok(()) } else { Err(ConfigErrors(mistakes.clone())) }
    }

    fn note(&self, mistakes: Vec<String>) {
        self.mistakes.lock().unwrap_or_else(PoisonError::into_inner).extend(mistakes);
    }

    /// What was built, unless a setting is missing; names all that is wrong with the settings.
    fn settle<T>(&self, built: Result<T, StartError>) -> Result<T, StartError> {
        match (self.check(), built) {
            (Ok(()), built) => built,
            (Err(ConfigErrors(mut all)), Err(StartError::Config(ConfigErrors(wrong)))) => {
                all.extend(wrong);
                Err(ConfigErrors(all).into())
            }
            (Err(missing), _) => Err(missing.into()),
        }
    }

    fn secret_store(&self) -> SecretsManagerStore {
        let make = || {
            let client = aws_sdk_secretsmanager::Client::new(&self.sdk);
            SecretsManagerStore::new(client, self.setting(SECRETS_PREFIX))
        };
        self.secrets.get_or_init(make).clone()
    }

    /// The text of a variable. A missing one is noted for [`Self::check`], so that all are named at once.
    fn setting(&self, variable: &str) -> String {
        match self.sources.variable(variable) {
            Some(text) if !text.is_empty() => text.to_owned(),
            _ => {
                self.note(vec![format!("{variable}: is missing; the template sets it")]);
                String::new()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::replay::{self, Replay};

    fn environment(role: Role, sources: Sources) -> (Environment, Replay) {
        let answer = json!({"SecretString": "k".repeat(64), "Name": "x", "VersionId": "1"});
        let (sdk, replay) = replay::config([(200, answer)]);
        (Environment::new(role, sources, sdk), replay)
    }

    #[tokio::test]
    async fn every_missing_setting_is_named_at_once() {
        let (environment, _) = environment(Role::Api, Sources::empty());
        environment.table();
        environment.client("authz");
        environment.client("tenant");
        environment.cursors().await.unwrap();
        environment.limits();
        let wrong = ConfigErrors(vec!["PLINTH_DEMO_SIZE: is wrong".to_owned()]);
        let StartError::Config(ConfigErrors(all)) =
            environment.settle::<()>(Err(wrong.into())).unwrap_err()
        else {
            panic!("is not about the configuration");
        };
        let names: Vec<_> = all.iter().filter_map(|mistake| mistake.split(':').next()).collect();
        assert_eq!(
            names,
            [TABLE, FUNCTION_PREFIX, SECRETS_PREFIX, LIMITS_TABLE, "PLINTH_DEMO_SIZE"]
        );
    }

    #[tokio::test]
    async fn only_an_api_function_reads_the_key_for_clients() {
        let sources = Sources::empty().with(SECRETS_PREFIX, "plinth/test/demo/");
        let (events, replay) = environment(Role::Events, sources.clone());
        events.cursors().await.unwrap();
        assert!(replay.requests().is_empty());

        let (api, replay) = environment(Role::Api, sources);
        let first = api.key_for_clients("cursors").await.unwrap();
        let second = api.key_for_clients("cursors").await.unwrap();
        assert_eq!(first.as_bytes(), second.as_bytes());
        assert_eq!(replay.requests(), [json!({"SecretId": "plinth/test/demo/platform-key"})]);
    }
}
