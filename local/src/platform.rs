//! The composition root: every module on the embedded store, in one process.

use std::{collections::HashMap, net::SocketAddr, sync::Arc, time::Duration};

use aws::{Recorder, Table};
use contracts::generated::{self, MODULES};
use embedded::{Mailbox, Pipeline, Place, SecretFile, Store, Subscription};
use kernel::{
    client::{ServiceClient, Switchboard},
    clock::{Clock, SystemClock},
    config::{ConfigErrors, Sources},
    cursor::Cursors,
    module::Module,
    secret::{Key, SecretStore, platform_key},
};
use tokio::{
    net::TcpListener,
    sync::{Notify, oneshot},
    task::JoinHandle,
};

use crate::{credentials::Credentials, gateway, seed::Seeder};

/// How long requests under way may take to finish when the platform stops.
const FAREWELL: Duration = Duration::from_secs(10);

/// How to start.
#[derive(Debug, Clone)]
pub struct Options {
    pub place: Place,
    /// 0 picks a free port.
    pub address: SocketAddr,
    pub sources: Sources,
}

/// Why the platform did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Settings(#[from] ConfigErrors),
    #[error(transparent)]
    Store(#[from] embedded::StoreError),
    #[error(transparent)]
    Secrets(#[from] kernel::secret::SecretStoreError),
    #[error("port {port} of {host} cannot be used: {source}; choose another with --port")]
    Address { host: String, port: u16, source: std::io::Error },
    #[error("the first accounts could not be made: {0}")]
    Seed(#[from] kernel::client::CallError),
}

/// A running platform.
pub struct Platform {
    pub url: String,
    pub credentials: Credentials,
    pipeline: Pipeline,
    modules: Vec<Module>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
    /// Last, so that everything above has let go of it.
    _store: Store,
}

/// What modules are built with.
struct Parts<'a> {
    store: &'a Store,
    sources: &'a Sources,
    secrets: Arc<dyn SecretStore>,
    mailbox: Arc<Mailbox>,
    clock: Arc<dyn Clock>,
    cursors: Cursors,
    refresh_key: Key,
    link_key: Key,
    switchboard: Switchboard,
}

impl Parts<'_> {
    async fn table(&self, module: &str) -> Result<Table, StartError> {
        Ok(self.store.table(generated::module(module)).await?)
    }

    fn client(&self, service: &'static str) -> Arc<ServiceClient> {
        Arc::new(ServiceClient::new(service, Arc::new(self.switchboard.clone())))
    }

    /// Every module, dependencies first.
    async fn modules(&self) -> Result<Vec<Module>, StartError> {
        let (clock, cursors) = (&self.clock, &self.cursors);
        let audit = audit::module(audit::Ports {
            table: self.table("audit").await?,
            clock: clock.clone(),
            cursors: cursors.clone(),
        });
        let authz = authz::module(
            self.sources,
            authz::Ports {
                table: self.table("authz").await?,
                clock: clock.clone(),
                cursors: cursors.clone(),
            },
        )?;
        let tenant = tenant::module(
            self.sources,
            tenant::Ports { table: self.table("tenant").await?, clock: clock.clone() },
        )?;
        let identity = identity::module(
            self.sources,
            identity::Ports {
                table: self.table("identity").await?,
                authz: self.client("authz"),
                mailer: self.mailbox.clone(),
                clock: clock.clone(),
                cursors: cursors.clone(),
                link_key: self.link_key.clone(),
            },
        )?;
        let auth = auth::module(
            self.sources,
            auth::Ports {
                table: self.table("auth").await?,
                identities: self.client("identity"),
                authz: self.client("authz"),
                tenants: self.client("tenant"),
                secrets: self.secrets.clone(),
                clock: clock.clone(),
                cursors: cursors.clone(),
                refresh_key: self.refresh_key.clone(),
            },
        )?;
        Ok(vec![audit, authz, tenant, identity, auth])
    }
}

impl Platform {
    /// Starts everything; when this returns, the address answers.
    ///
    /// # Errors
    /// Whatever is in the way, in words that say what to do.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let Options { place, address, sources } = options;
        let listener = TcpListener::bind(address).await.map_err(|source| StartError::Address {
            host: address.ip().to_string(),
            port: address.port(),
            source,
        })?;
        let bound = listener.local_addr().unwrap_or(address);
        let url = format!(
            "http://{}",
            if bound.ip().is_loopback() {
                format!("localhost:{}", bound.port())
            } else {
                bound.to_string()
            }
        );
        let sources = with_address(sources, &url);

        let written = Arc::new(Notify::new());
        let wake = written.clone();
        let recorder = Recorder::notifying(Arc::new(move || wake.notify_one()));
        let store = Store::open(&place, recorder).await?;
        let secrets: Arc<dyn SecretStore> = Arc::new(SecretFile::open(store.folder())?);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let mailbox = Arc::new(Mailbox::open(store.folder(), clock.clone())?);
        let parts = Parts {
            store: &store,
            sources: &sources,
            mailbox: mailbox.clone(),
            clock: clock.clone(),
            cursors: Cursors::new(platform_key(&*secrets, "cursor").await?),
            refresh_key: platform_key(&*secrets, "refresh").await?,
            link_key: platform_key(&*secrets, "link").await?,
            switchboard: Switchboard::new(),
            secrets,
        };
        let modules = parts.modules().await?;
        let authorizer = Arc::new(authorizer::Authorizer::new(
            &sources,
            authorizer::Ports {
                sessions: parts.client("auth"),
                authz: parts.client("authz"),
                clock,
            },
        )?);
        let routers: HashMap<_, _> =
            modules.iter().map(|module| (module.name, module.internal_router())).collect();
        parts.switchboard.connect(routers);
        for hook in modules.iter().flat_map(|module| &module.lifecycle) {
            hook.start().await;
        }
        let pipeline = Pipeline::start(&store, written, subscriptions(&modules, &authorizer))?;

        let credentials = Credentials::load_or_make(&*parts.secrets, &sources).await?;
        let seeder = Seeder {
            tenants: parts.client("tenant"),
            identities: parts.client("identity"),
            authz: parts.client("authz"),
        };
        seeder.seed(&credentials).await?;

        let router = gateway::router(&sources, &modules, authorizer, mailbox, &url)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let server = tokio::spawn(async move {
            let serve = axum::serve(listener, service).with_graceful_shutdown(async {
                let _ = stopped.await;
            });
            if let Err(error) = serve.await {
                tracing::error!(%error, "the server ended");
            }
        });
        Ok(Self { url, credentials, pipeline, modules, stop, server, _store: store })
    }

    /// Resolves when every event so far has been handled by everybody.
    ///
    /// # Errors
    /// When the queues cannot be read.
    pub async fn settled(&self) -> Result<(), embedded::StoreError> {
        self.pipeline.settled().await
    }

    /// Finishes what is under way and stops. What waits in queues stays on disk for the next start.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        if tokio::time::timeout(FAREWELL, self.server).await.is_err() {
            tracing::warn!("some requests were cut off");
        }
        self.pipeline.stop().await;
        for hook in self.modules.iter().flat_map(|module| &module.lifecycle) {
            hook.stop().await;
        }
    }
}

/// The address is only known now; settings that default to it follow, unless somebody set them.
fn with_address(mut sources: Sources, url: &str) -> Sources {
    for variable in ["PLINTH_AUTH_ISSUER", "PLINTH_IDENTITY_LINK_BASE"] {
        if sources.variable(variable).is_none() {
            sources = sources.with(variable, url);
        }
    }
    sources
}

/// Who hears of what: as the manifests say, and the authorizer, which forgets what has changed.
fn subscriptions(modules: &[Module], authorizer: &authorizer::Authorizer) -> Vec<Subscription> {
    let declared = modules.iter().filter_map(|module| {
        let spec = MODULES.iter().find(|spec| spec.name == module.name)?;
        let consumer = module.consumer.clone()?;
        Some(Subscription { module: module.name, patterns: spec.consumes, consumer })
    });
    let forgetting = Subscription {
        module: "authorizer",
        patterns: authorizer::FORGET_ON,
        consumer: Arc::new(authorizer.forgetting()),
    };
    declared.chain([forgetting]).collect()
}
