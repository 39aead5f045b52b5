//! From a write to the consumers, over starts, stops and crashes.

use kernel::event::{Publisher, SharedConsumer};

use super::{delivery::Gate, *};
use crate::pipeline::Pipeline;

fn start(store: &Store, wake: Arc<Notify>, consumer: SharedConsumer) -> Pipeline {
    Pipeline::start(store, wake, vec![subscription("audit", consumer)]).unwrap()
}

async fn settled(pipeline: &Pipeline) {
    let settled = tokio::time::timeout(PATIENCE, pipeline.settled()).await;
    settled.expect("all is delivered soon").unwrap();
}

#[tokio::test]
async fn an_announced_event_reaches_the_consumer_and_nothing_is_left() {
    let (store, wake, table) = open(&Place::Memory).await;
    let probe = Probe::willing();
    let pipeline = start(&store, wake, probe.clone());
    for number in 0..3 {
        write(&table, &event("a", number)).await;
    }
    let quiet = Write::update(Key::new("T#1", "a")).set("quiet", &true);
    table.write(quiet).await.unwrap();
    table.write(Write::delete(Key::new("T#1", "a"))).await.unwrap();
    settled(&pipeline).await;
    assert_eq!(probe.handled(), [0, 1, 2].map(|number| ("a".to_owned(), number)));
    let depth = pipeline.depth().await.unwrap();
    assert_eq!((depth.records, depth.dead_records, depth.queues), (0, 0, Vec::new()));
    pipeline.stop().await;
}

/// Writes another event for each that is below a limit.
struct Chain {
    table: Table,
    inner: Arc<Probe>,
}

#[async_trait]
impl Consumer for Chain {
    async fn consume(&self, event: &Envelope) -> Result<(), ConsumeError> {
        let number = event.data::<Noted>().unwrap().unwrap().number;
        if number < 20 {
            write(&self.table, &super::event("chain", number + 1)).await;
        }
        self.inner.consume(event).await
    }
}

#[tokio::test]
async fn settled_waits_for_the_events_that_consumers_cause() {
    let (store, wake, table) = open(&Place::Memory).await;
    let inner = Probe::willing();
    let chain = Chain { table: table.clone(), inner: inner.clone() };
    let pipeline = start(&store, wake, Arc::new(chain));
    write(&table, &event("chain", 0)).await;
    settled(&pipeline).await;
    assert_eq!(inner.handled().len(), 21);
}

#[tokio::test]
async fn settled_does_not_wait_for_an_event_that_waits_for_its_next_try() {
    let (store, wake, table) = open(&Place::Memory).await;
    let failing = Probe::new(|_| Err(ConsumeError::retry("not today")));
    let retries = Retries { max_attempts: 5, first_pause: PATIENCE };
    let subscriptions = vec![subscription("audit", failing)];
    let pipeline = Pipeline::start_with(&store, wake, subscriptions, retries).unwrap();
    write(&table, &event("a", 1)).await;
    write(&table, &event("a", 2)).await;
    settled(&pipeline).await;
    let queues = pipeline.depth().await.unwrap().queues;
    assert_eq!((queues[0].queued, queues[0].delayed, queues[0].dead), (2, 1, 0));
}

#[tokio::test]
async fn records_that_a_crash_left_are_delivered_after_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::Folder(folder.path().to_owned());
    let (store, _, table) = open(&place).await;
    write(&table, &event("a", 1)).await;
    drop((store, table));

    let (store, wake, _table) = open(&place).await;
    let probe = Probe::willing();
    let pipeline = start(&store, wake, probe.clone());
    settled(&pipeline).await;
    assert_eq!(probe.handled(), [("a".to_owned(), 1)]);
}

#[tokio::test]
async fn messages_that_a_crash_left_are_delivered_after_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::Folder(folder.path().to_owned());
    let (store, wake, table) = open(&place).await;
    let gate = Gate::closed();
    let pipeline = start(&store, wake, gate.clone());
    write(&table, &event("a", 1)).await;
    gate.until_entered(1).await;
    write(&table, &event("a", 2)).await;
    drop((pipeline, store, table));
    assert_eq!(gate.inner.handled(), []);

    let (store, wake, _table) = open(&place).await;
    let probe = Probe::willing();
    let pipeline = start(&store, wake, probe.clone());
    settled(&pipeline).await;
    assert_eq!(probe.handled(), [("a".to_owned(), 1), ("a".to_owned(), 2)]);
}

#[tokio::test]
async fn a_stop_finishes_what_is_in_flight_and_leaves_the_rest_on_disk() {
    let (store, wake, table) = open(&Place::Memory).await;
    let gate = Gate::closed();
    let pipeline = start(&store, wake, gate.clone());
    write(&table, &event("a", 1)).await;
    gate.until_entered(1).await;
    pipeline.bus().publish(&[event("a", 2)]).await.unwrap();
    let stop = tokio::spawn(pipeline.stop());
    // The stop has begun before the consumer may go on.
    tokio::task::yield_now().await;
    gate.permits.add_permits(2);
    stop.await.unwrap();
    assert_eq!(gate.inner.handled(), [("a".to_owned(), 1)]);
    let depth = Queues::open(store.folder()).unwrap().depth().await.unwrap();
    assert_eq!(depth[0].queued, 1);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_kept_aside_and_holds_nothing_up() {
    let (store, wake, table) = open(&Place::Memory).await;
    let broken = serde_json::json!({"events": "[{\"id\": 1}]"});
    table.write(Write::put(Key::new("T#1", "broken"), &broken)).await.unwrap();
    write(&table, &event("a", 1)).await;
    let probe = Probe::willing();
    let pipeline = start(&store, wake, probe.clone());
    settled(&pipeline).await;
    assert_eq!(probe.handled(), [("a".to_owned(), 1)]);
    let depth = pipeline.depth().await.unwrap();
    assert_eq!((depth.records, depth.dead_records), (0, 1));
}

#[tokio::test]
async fn expired_items_are_removed_at_start_and_their_records_too() {
    let (store, wake, table) = open(&Place::Memory).await;
    let key = Key::new("T#1", "old");
    let old = serde_json::json!({"ttl": 1});
    table.write(Write::put(key.clone(), &old)).await.unwrap();
    let pipeline = start(&store, wake, Probe::willing());
    let removed = async {
        while table.get::<serde_json::Value>(&key).await.unwrap().is_some() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, removed).await.expect("the sweeper runs at start");
    settled(&pipeline).await;
    pipeline.stop().await;
}

#[tokio::test]
async fn a_folder_has_one_pipeline_at_a_time() {
    let (store, wake, _table) = open(&Place::Memory).await;
    let first = start(&store, wake.clone(), Probe::willing());
    assert!(Pipeline::start(&store, wake.clone(), Vec::new()).is_err());
    first.stop().await;
    Pipeline::start(&store, wake, Vec::new()).unwrap();
}
