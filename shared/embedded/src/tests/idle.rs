//! While nothing happens, nothing is done.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use kernel::event::{PublishError, Publisher};

use super::*;
use crate::streams::{Pump, Streams};

/// Refuses the first `failures` batches.
struct Flaky {
    failures: AtomicUsize,
    published: watch::Sender<Vec<Envelope>>,
}

impl Flaky {
    fn new(failures: usize) -> Arc<Self> {
        let published = watch::Sender::new(Vec::new());
        Arc::new(Self { failures: AtomicUsize::new(failures), published })
    }

    async fn until(&self, count: usize) -> Vec<Envelope> {
        let mut published = self.published.subscribe();
        let enough = published.wait_for(|events| events.len() >= count);
        let enough = tokio::time::timeout(PATIENCE, enough).await;
        enough.expect("the events are published soon").unwrap().clone()
    }
}

#[async_trait]
impl Publisher for Flaky {
    async fn publish(&self, events: &[Envelope]) -> Result<(), PublishError> {
        let left = self.failures.load(SeqCst);
        if left > 0 {
            self.failures.store(left - 1, SeqCst);
            return Err(PublishError("closed for now".to_owned()));
        }
        self.published.send_modify(|published| published.extend_from_slice(events));
        Ok(())
    }
}

fn pump(store: &Store, wake: Arc<Notify>, publisher: Arc<Flaky>, signals: &Signals) -> Pump {
    let streams = Streams::open(store.folder()).unwrap();
    Pump { streams, publisher, wake, signals: signals.clone() }
}

#[tokio::test]
async fn what_the_bus_refuses_is_published_later_in_order() {
    let (store, wake, table) = open(&Place::Memory).await;
    let events: Vec<_> = (0..3).map(|number| event("a", number)).collect();
    for event in &events {
        write(&table, event).await;
    }
    let (publisher, signals) = (Flaky::new(2), Signals::new());
    let task = tokio::spawn(pump(&store, wake, publisher.clone(), &signals).run());
    assert_eq!(publisher.until(3).await, events);
    signals.stop();
    task.await.unwrap();
    assert_eq!(Streams::open(store.folder()).unwrap().depth().await.unwrap(), (0, 0));
}

#[tokio::test]
async fn an_idle_pump_and_an_idle_worker_do_nothing_until_they_are_woken() {
    let (store, _, table) = open(&Place::Memory).await;
    let (publisher, signals, wake) = (Flaky::new(0), Signals::new(), Arc::new(Notify::new()));
    write(&table, &event("a", 1)).await;
    tokio::spawn(pump(&store, wake.clone(), publisher.clone(), &signals).run());
    let probe = Probe::willing();
    let running = Running::start(probe.clone(), HASTY);
    // The pump shows when it has found nothing more; the worker that too, and each batch.
    signals.progress().wait_for(|count| *count == 1).await.unwrap();
    running.signals.progress().wait_for(|count| *count == 1).await.unwrap();
    running.bus.publish(&[event("a", 1)]).await.unwrap();
    running.signals.progress().wait_for(|count| *count == 3).await.unwrap();

    tokio::time::pause();
    for _ in 0..100 {
        tokio::time::advance(Duration::from_mins(1)).await;
        settle_down().await;
    }
    assert_eq!((*signals.progress().borrow(), *running.signals.progress().borrow()), (1, 3));
    tokio::time::resume();

    write(&table, &event("b", 2)).await;
    wake.notify_one();
    publisher.until(2).await;
    running.bus.publish(&[event("b", 2)]).await.unwrap();
    probe.until(2).await;
}

/// Lets every task that can run do so, and the threads that they may have asked finish.
async fn settle_down() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
        tokio::task::spawn_blocking(|| ()).await.unwrap();
    }
}
