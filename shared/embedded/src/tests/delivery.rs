//! Retries, dead letters, doubles, panics and turns.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
};

use kernel::{
    event::{Publisher, SharedConsumer},
    id::TenantId,
};
use tokio::sync::Semaphore;

use super::*;
use crate::queue::{NewMessage, Outcome};

/// Waits with each event until it gets a permit.
pub(super) struct Gate {
    pub(super) inner: Arc<Probe>,
    pub(super) entered: watch::Sender<usize>,
    pub(super) permits: Semaphore,
}

impl Gate {
    pub(super) fn closed() -> Arc<Self> {
        let (inner, entered) = (Probe::willing(), watch::Sender::new(0));
        Arc::new(Self { inner, entered, permits: Semaphore::new(0) })
    }

    pub(super) async fn until_entered(&self, count: usize) {
        let mut entered = self.entered.subscribe();
        let enough = entered.wait_for(|entered| *entered >= count);
        tokio::time::timeout(PATIENCE, enough).await.expect("the event comes soon").unwrap();
    }
}

#[async_trait]
impl Consumer for Gate {
    async fn consume(&self, event: &Envelope) -> Result<(), ConsumeError> {
        self.entered.send_modify(|entered| *entered += 1);
        self.permits.acquire().await.unwrap().forget();
        self.inner.consume(event).await
    }
}

#[tokio::test]
async fn an_event_that_is_published_twice_is_queued_once() {
    let gate = Gate::closed();
    let running = Running::start(gate.clone(), HASTY);
    let (first, second) = (event("a", 1), event("b", 2));
    running.bus.publish(std::slice::from_ref(&first)).await.unwrap();
    gate.until_entered(1).await;
    running.bus.publish(&[first, second]).await.unwrap();
    let depth = running.bus.queues().depth().await.unwrap();
    assert_eq!((depth[0].queue.as_str(), depth[0].queued, depth[0].dead), ("audit", 2, 0));
    gate.permits.add_permits(2);
    gate.inner.until(2).await;
    running.until_empty().await;
    assert_eq!(gate.inner.handled(), [("a".to_owned(), 1), ("b".to_owned(), 2)]);
}

#[tokio::test]
async fn an_event_that_keeps_failing_is_tried_again_then_dead_and_can_be_redriven() {
    let tries = Arc::new(AtomicUsize::new(0));
    let is_mended = Arc::new(AtomicBool::new(false));
    let probe = Probe::new({
        let (tries, is_mended) = (tries.clone(), is_mended.clone());
        move |_| {
            tries.fetch_add(1, SeqCst);
            if is_mended.load(SeqCst) { Ok(()) } else { Err(ConsumeError::retry("not today")) }
        }
    });
    let running = Running::start(probe.clone(), HASTY);
    let failing = event("a", 1);
    running.bus.publish(std::slice::from_ref(&failing)).await.unwrap();
    running.until_dead(1).await;
    assert_eq!(tries.load(SeqCst), 3);

    let letters = running.bus.queues().dead_letters(None, 10).await.unwrap();
    let letter = &letters[0];
    assert_eq!((letter.queue.as_str(), letter.cause.as_str()), ("audit", "not today"));
    assert_eq!((letter.event_id.clone(), letter.attempts), (failing.id.to_string(), 3));
    assert_eq!(serde_json::from_str::<Envelope>(&letter.body).unwrap(), failing);
    assert_eq!(running.bus.queues().dead_letters(Some("other"), 10).await.unwrap(), []);

    is_mended.store(true, SeqCst);
    assert!(!running.bus.redrive(letter.id + 1).await.unwrap());
    assert!(running.bus.redrive(letter.id).await.unwrap());
    probe.until(1).await;
    running.until_empty().await;
    assert_eq!(tries.load(SeqCst), 4);
    assert_eq!(running.bus.queues().dead_letters(None, 10).await.unwrap(), []);
}

#[tokio::test]
async fn a_rejected_event_is_dead_at_once_and_out_of_the_way_of_its_followers() {
    let tries = Arc::new(Mutex::new(Vec::new()));
    let is_mended = Arc::new(AtomicBool::new(false));
    let probe = Probe::new({
        let (tries, is_mended) = (tries.clone(), is_mended.clone());
        move |noted| {
            tries.lock().unwrap().push(noted.number);
            if noted.number < 2 && !is_mended.load(SeqCst) {
                return Err(ConsumeError::reject("never"));
            }
            Ok(())
        }
    });
    let running = Running::start(probe.clone(), HASTY);
    let events: Vec<_> = (0..4).map(|number| event("a", number)).collect();
    running.bus.publish(&events).await.unwrap();
    running.until_dead(2).await;
    assert_eq!(*tries.lock().unwrap(), [0, 1, 2, 3]);

    is_mended.store(true, SeqCst);
    assert_eq!(running.bus.redrive_all(Some("other")).await.unwrap(), 0);
    assert_eq!(running.bus.redrive_all(Some("audit")).await.unwrap(), 2);
    let handled = probe.until(4).await;
    assert_eq!(handled.iter().map(|(_, number)| *number).collect::<Vec<_>>(), [2, 3, 0, 1]);
}

#[tokio::test]
async fn a_panic_costs_only_the_event_that_caused_it() {
    let probe = Probe::new(|noted| {
        assert!(noted.subject != "bad", "cannot stand this one");
        Ok(())
    });
    let running = Running::start(probe.clone(), HASTY);
    let events: Vec<_> =
        ["a", "bad", "b", "c"].iter().enumerate().map(|(n, s)| event(s, n)).collect();
    running.bus.publish(&events).await.unwrap();
    running.until_dead(1).await;
    let letters = running.bus.queues().dead_letters(None, 10).await.unwrap();
    assert_eq!(letters[0].cause, "panic: cannot stand this one");
    running.bus.publish(&[event("later", 9)]).await.unwrap();
    let is_last = |handled: &Vec<(String, usize)>| handled.contains(&("later".to_owned(), 9));
    probe.handled.subscribe().wait_for(is_last).await.unwrap();
    for expected in ["a", "b", "c"] {
        assert!(probe.handled().iter().any(|(subject, _)| subject == expected));
    }
}

/// Answers for fewer events than it gets.
struct Forgetful;

#[async_trait]
impl Consumer for Forgetful {
    async fn consume(&self, _: &Envelope) -> Result<(), ConsumeError> {
        Ok(())
    }

    async fn consume_batch(&self, _: &[Envelope]) -> Vec<Result<(), ConsumeError>> {
        Vec::new()
    }
}

#[tokio::test]
async fn an_event_without_an_answer_counts_as_failed() {
    let running = Running::start(Arc::new(Forgetful), HASTY);
    running.bus.publish(&[event("a", 1), event("b", 2)]).await.unwrap();
    running.until_dead(2).await;
}

#[tokio::test]
async fn an_event_during_which_the_process_ends_each_time_is_dead_in_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let queues = Queues::open(folder.path()).unwrap();
    queues.put(vec![NewMessage::new(&event("a", 1), vec!["audit"]).unwrap()]).await.unwrap();
    for attempt in 1..=HASTY.max_attempts {
        assert_eq!(queues.take("audit", 10).await.unwrap()[0].attempts, attempt);
    }
    let probe = Probe::willing();
    let bus = Bus::new(queues, vec![subscription("audit", probe.clone())]).unwrap();
    let signals = Signals::new();
    let worker = bus.workers(&signals, HASTY).pop().unwrap();
    let task = tokio::spawn(worker.run());
    signals.progress().wait_for(|count| *count >= 2).await.unwrap();
    signals.stop();
    task.await.unwrap();
    assert_eq!(probe.handled(), []);
    assert_eq!(bus.queues().dead_letters(None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn tenants_take_turns_and_of_one_subject_only_the_oldest_is_given_out() {
    let folder = tempfile::tempdir().unwrap();
    let queues = Queues::open(folder.path()).unwrap();
    let (busy, quiet) = (TenantId::new(), TenantId::new());
    let mut events: Vec<_> = (0..60).map(|n| event_of(busy, &format!("s{n}"), n)).collect();
    events.push(event_of(quiet, "q", 60));
    events.push(event_of(quiet, "q", 61));
    let messages = events.iter().map(|event| NewMessage::new(event, vec!["audit"]).unwrap());
    queues.put(messages.collect()).await.unwrap();

    let number =
        |body: &str| serde_json::from_str::<Envelope>(body).unwrap().data["number"].clone();
    let taken = queues.take("audit", 4).await.unwrap();
    let numbers: Vec<_> = taken.iter().map(|message| number(&message.body)).collect();
    assert_eq!(numbers, [0, 1, 2, 60]);
    let outcomes = taken.iter().map(|message| (message.id, Outcome::Done)).collect();
    queues.settle(outcomes).await.unwrap();
    let taken = queues.take("audit", 2).await.unwrap();
    let numbers: Vec<_> = taken.iter().map(|message| number(&message.body)).collect();
    assert_eq!(numbers, [3, 61]);
}

#[tokio::test]
async fn events_go_to_the_modules_whose_patterns_match_and_a_module_has_one_queue() {
    let folder = tempfile::tempdir().unwrap();
    let queues = Queues::open(folder.path()).unwrap();
    let consumer = || -> SharedConsumer { Probe::willing() };
    let subscribe = |module, patterns| Subscription { module, patterns, consumer: consumer() };
    let all = vec![
        subscribe("all", &["*"]),
        subscribe("exact", &["demo.noted", "demo.*"]),
        subscribe("none", &["demo.noted.twice", "blog.*"]),
    ];
    let bus = Bus::new(queues.clone(), all).unwrap();
    bus.publish(&[event("a", 1)]).await.unwrap();
    let depths = queues.depth().await.unwrap();
    let found: Vec<_> = depths.iter().map(|d| (d.queue.as_str(), d.queued)).collect();
    assert_eq!(found, [("all", 1), ("exact", 1)]);
    assert!(Bus::new(queues, vec![subscribe("all", &["*"]), subscribe("all", &["*"])]).is_err());
}
