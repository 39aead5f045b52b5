//! What goes from a write to a consumer, tried as a whole; and what the tests of that share.

mod delivery;
mod idle;
mod order;
mod pipeline;
mod records;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use aws::{Key, Recorder, Table, Write};
use contracts::catalogue::{ModuleSpec, TableSpec};
use jiff::Timestamp;
use kernel::{
    caller::Tenant,
    event::{ConsumeError, Consumer, Envelope, EventData},
    id::TenantId,
    origin::Origin,
};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
};

use crate::{
    bus::{Bus, Subscription},
    queue::{QueueDepth, Queues},
    signals::Signals,
    store::{Place, Store},
    worker::Retries,
};

/// Tries again at once, so that no test waits.
const HASTY: Retries = Retries { max_attempts: 3, first_pause: Duration::from_millis(1) };

/// Far longer than anything here takes; a test that is this slow has failed.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, Serialize, Deserialize)]
struct Noted {
    subject: String,
    number: usize,
}

impl EventData for Noted {
    const TYPE: &'static str = "demo.noted";
    const RESOURCE: &'static str = "note";

    fn subject_id(&self) -> String {
        self.subject.clone()
    }
}

fn event_of(tenant: TenantId, subject: &str, number: usize) -> Envelope {
    let data = Noted { subject: subject.to_owned(), number };
    let tenant = Tenant::of_internal_call(tenant);
    Envelope::new("demo", Timestamp::UNIX_EPOCH, tenant, &Origin::system("test"), &data)
}

fn event(subject: &str, number: usize) -> Envelope {
    event_of(TenantId::new(), subject, number)
}

type Behaviour = dyn Fn(&Noted) -> Result<(), ConsumeError> + Send + Sync;

/// A consumer that does as it is told, and shows what it has handled.
struct Probe {
    behaviour: Box<Behaviour>,
    handled: watch::Sender<Vec<(String, usize)>>,
}

impl Probe {
    fn new(
        behaviour: impl Fn(&Noted) -> Result<(), ConsumeError> + Send + Sync + 'static,
    ) -> Arc<Self> {
        let handled = watch::Sender::new(Vec::new());
        Arc::new(Self { behaviour: Box::new(behaviour), handled })
    }

    fn willing() -> Arc<Self> {
        Self::new(|_| Ok(()))
    }

    /// What was handled, in order.
    fn handled(&self) -> Vec<(String, usize)> {
        self.handled.borrow().clone()
    }

    /// Waits until so many events are handled.
    async fn until(&self, count: usize) -> Vec<(String, usize)> {
        let mut handled = self.handled.subscribe();
        let enough = handled.wait_for(|handled| handled.len() >= count);
        let enough = tokio::time::timeout(PATIENCE, enough).await;
        enough.expect("the events are handled soon").unwrap().clone()
    }
}

#[async_trait]
impl Consumer for Probe {
    async fn consume(&self, event: &Envelope) -> Result<(), ConsumeError> {
        let noted = event.data::<Noted>().expect("no other type is consumed here").unwrap();
        (self.behaviour)(&noted)?;
        self.handled.send_modify(|handled| handled.push((noted.subject, noted.number)));
        Ok(())
    }
}

fn subscription(module: &'static str, consumer: Arc<dyn Consumer>) -> Subscription {
    Subscription { module, patterns: &["demo.*"], consumer }
}

/// A bus with its workers, without tables. Ends when dropped.
struct Running {
    bus: Bus,
    signals: Signals,
    _tasks: JoinSet<()>,
    _folder: TempDir,
}

impl Running {
    fn start(consumer: Arc<dyn Consumer>, retries: Retries) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let queues = Queues::open(folder.path()).unwrap();
        let bus = Bus::new(queues, vec![subscription("audit", consumer)]).unwrap();
        let signals = Signals::new();
        let mut tasks = JoinSet::new();
        for worker in bus.workers(&signals, retries) {
            tasks.spawn(worker.run());
        }
        Self { bus, signals, _tasks: tasks, _folder: folder }
    }

    /// Waits until the queue has so many dead letters and nothing else.
    async fn until_dead(&self, count: u64) {
        self.until(|queued, dead| (queued, dead) == (0, count)).await;
    }

    /// Waits until the queue has nothing to handle.
    async fn until_empty(&self) {
        self.until(|queued, _| queued == 0).await;
    }

    async fn until(&self, reached: impl Fn(u64, u64) -> bool) {
        let mut progress = self.signals.progress();
        let wait = async {
            loop {
                let depths = self.bus.queues().depth().await.unwrap();
                let sum = |count: fn(&QueueDepth) -> u64| depths.iter().map(count).sum();
                if reached(sum(|depth| depth.queued), sum(|depth| depth.dead)) {
                    return;
                }
                progress.changed().await.unwrap();
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("the queue gets there soon");
    }
}

const MODULE: ModuleSpec = ModuleSpec {
    name: "demo",
    version: "0.1.0",
    description: "",
    dependencies: &[],
    publishes: &["demo.noted"],
    consumes: &[],
    jobs: &[],
    schedules: &[],
    config: &[],
    table: Some(TableSpec { indexes: 0, stream: true }),
};

/// A store whose writes wake whoever waits on the answer's second part.
async fn open(place: &Place) -> (Store, Arc<Notify>, Table) {
    let wake = Arc::new(Notify::new());
    let waking = wake.clone();
    let recorder = Recorder::notifying(Arc::new(move || waking.notify_one()));
    let store = Store::open(place, recorder).await.unwrap();
    let table = store.table(&MODULE).await.unwrap();
    (store, wake, table)
}

/// Writes a note and announces it.
async fn write(table: &Table, event: &Envelope) {
    let item = serde_json::json!({"note": event.data});
    let key = Key::new("T#1", event.subject.id.clone());
    table.write(Write::put(key, &item).announce(std::slice::from_ref(event))).await.unwrap();
}
