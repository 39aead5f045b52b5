//! The platform in one process: the composition on the embedded store, its events, a server in front.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use aws::Recorder;
use embedded::{Pipeline, Place, Scheduler, Store};
use kernel::{
    client::Switchboard,
    clock::SystemClock,
    config::{ConfigErrors, Sources},
    module::Module,
};
use tokio::{
    net::TcpListener,
    sync::{Notify, oneshot},
    task::JoinHandle,
};

use crate::{composition::Composition, credentials::Credentials, gateway};

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
    scheduler: Scheduler,
    modules: Vec<Module>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
    /// Last, so that everything above has let go of it.
    _store: Store,
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
        let switchboard = Switchboard::new();
        let composition =
            Composition::build(&store, &sources, Arc::new(switchboard.clone())).await?;
        switchboard.connect(composition.internal_routers());
        for hook in composition.modules.iter().flat_map(|module| &module.lifecycle) {
            hook.start().await;
        }
        let pipeline = Pipeline::start(&store, written, composition.subscriptions())?;
        let credentials = composition.seed(&sources).await?;
        let scheduler =
            Scheduler::start(store.folder(), Arc::new(SystemClock), composition.schedules())?;

        let Composition { modules, authorizer, mailbox, .. } = composition;
        let router = gateway::router(&sources, &modules, authorizer, mailbox)?;
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
        Ok(Self { url, credentials, pipeline, scheduler, modules, stop, server, _store: store })
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
        self.scheduler.stop().await;
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
