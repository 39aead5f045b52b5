//! Everything between a write and the consumers of its events, started and stopped as one.

use std::{
    fs::{File, TryLockError},
    path::Path,
    sync::Arc,
};

use serde::Serialize;
use tokio::{sync::Notify, task::JoinSet};

use crate::{
    bus::{Bus, Subscription},
    queue::{QueueDepth, Queues},
    signals::Signals,
    store::{Store, StoreError},
    streams::{Pump, Streams},
    sweeper,
    worker::Retries,
};

/// The running streams, bus, queues and time to live. Dropping it ends it like a crash: nothing is lost.
pub struct Pipeline {
    streams: Streams,
    bus: Arc<Bus>,
    wake: Arc<Notify>,
    signals: Signals,
    tasks: JoinSet<()>,
    /// Held for as long as this lives.
    _lock: File,
}

/// How much is on its way, and how much is stuck.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Depth {
    /// Stream records that were not published yet.
    pub records: u64,
    /// Stream records that could not be read.
    pub dead_records: u64,
    /// Each queue that is not empty.
    pub queues: Vec<QueueDepth>,
}

impl Pipeline {
    /// Starts on what the store's folder holds. `wake` is to be notified after each write to a table
    /// (see [`aws::Recorder::notifying`]) and must have no other listener.
    ///
    /// # Errors
    /// When a file cannot be used, a module subscribes twice, or another pipeline runs on the folder.
    pub fn start(
        store: &Store,
        wake: Arc<Notify>,
        subscriptions: Vec<Subscription>,
    ) -> Result<Self, StoreError> {
        Self::start_with(store, wake, subscriptions, Retries::default())
    }

    pub(crate) fn start_with(
        store: &Store,
        wake: Arc<Notify>,
        subscriptions: Vec<Subscription>,
        retries: Retries,
    ) -> Result<Self, StoreError> {
        let lock = lock(store.folder())?;
        let streams = Streams::open(store.folder())?;
        let bus = Arc::new(Bus::new(Queues::open(store.folder())?, subscriptions)?);
        let signals = Signals::new();
        let mut tasks = JoinSet::new();
        for worker in bus.workers(&signals, retries) {
            tasks.spawn(worker.run());
        }
        let pump = Pump {
            streams: streams.clone(),
            publisher: bus.clone(),
            wake: wake.clone(),
            signals: signals.clone(),
        };
        tasks.spawn(pump.run());
        tasks.spawn(sweeper::run(store.database().clone(), wake.clone(), signals.clone()));
        Ok(Self { streams, bus, wake, signals, tasks, _lock: lock })
    }

    /// The bus, to publish and to redrive.
    pub fn bus(&self) -> &Arc<Bus> {
        &self.bus
    }

    /// How much is on its way.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub async fn depth(&self) -> Result<Depth, StoreError> {
        let (records, dead_records) = self.streams.depth().await?;
        Ok(Depth { records, dead_records, queues: self.bus.queues().depth().await? })
    }

    /// Resolves when every event has reached its consumers, and the events that these caused theirs.
    /// Dead letters, and messages that wait for their next try, are not waited for.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub async fn settled(&self) -> Result<(), StoreError> {
        let mut progress = self.signals.progress();
        self.wake.notify_one();
        loop {
            progress.mark_unchanged();
            let is_settled = self.streams.is_empty().await? && self.bus.is_settled().await?;
            // A message whose consumer wrote after the streams were looked at, and that was gone when
            // the queues were, has left a mark: look again.
            let moved = progress.has_changed().unwrap_or(false);
            if is_settled && !moved {
                return Ok(());
            }
            if !is_settled {
                // An error would mean that the sender is gone, but `self` holds one.
                let _ = progress.changed().await;
            }
        }
    }

    /// Finishes what is in flight and leaves the rest on disk, for the next start.
    pub async fn stop(mut self) {
        self.signals.stop();
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a task of the pipeline had failed");
            }
        }
    }
}

/// Two pipelines on one folder would break the order of events. The lock ends with the file handle.
fn lock(folder: &Path) -> Result<File, StoreError> {
    let file = File::create(folder.join("pipeline.lock")).map_err(StoreError::new)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let place = folder.display();
            Err(StoreError::new(format!("another process runs the platform in `{place}`")))
        }
        Err(TryLockError::Error(error)) => Err(StoreError::new(error)),
    }
}
