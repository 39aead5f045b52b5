//! Events become entries: each once, in order, in one chain, and without what must not be kept.

use contracts::{PLATFORM_TENANT, events::catalogue};
use kernel::{
    event::{ConsumeError, Envelope},
    id::{TenantId, UserId},
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use testkit::assert_cost;

use crate::support::{
    self, Fixture, NOW, auditor_of, deliver, login_failed, record, role_created, some_events,
    user_deleted,
};

fn example(kind: &str) -> Envelope {
    let path = format!("{}/../../events/{kind}.example.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("every type has an example");
    serde_json::from_str(&text).expect("an example is an event")
}

/// The ids of the entries' events, oldest first.
fn ids(entries: &[Value]) -> Vec<String> {
    entries.iter().rev().map(|entry| entry["id"].as_str().unwrap_or_default().to_owned()).collect()
}

fn ids_of(events: &[Envelope]) -> Vec<String> {
    events.iter().map(|event| event.id.to_string()).collect()
}

#[tokio::test]
async fn an_entry_says_who_did_what_to_what_from_where() {
    let fixture = Fixture::new().await;
    let by = UserId::new();
    let event = role_created(fixture.tenant, by, "editor");
    fixture.record(std::slice::from_ref(&event)).await;
    let entries = fixture.entries("").await;
    let hash = entries[0]["hash"].as_str().unwrap().to_owned();
    let expected = json!({
        "id": event.id,
        "tenant_id": fixture.tenant,
        "sequence": 1,
        "actor": {"kind": "user", "id": by},
        "action": "role.created",
        "resource": "role",
        "resource_id": event.subject.id,
        "outcome": "success",
        "ip_address": "203.0.113.7",
        "user_agent": "curl/8.9",
        "request_id": "request-1",
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "metadata": event.data,
        "occurred_at": NOW,
        "recorded_at": NOW,
        "previous_hash": "0".repeat(64),
        "hash": hash,
    });
    assert_eq!(entries, [expected]);
}

#[tokio::test]
async fn a_refused_sign_in_is_a_failure_and_belongs_to_the_platform_when_the_address_is_unknown() {
    let fixture = Fixture::new().await;
    fixture.record(&[login_failed(PLATFORM_TENANT, None)]).await;
    let operator = auditor_of(PLATFORM_TENANT);
    let entries = support::entries(&fixture.app, &operator, "").await;
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["outcome"], "failure");
    assert_eq!(entries[0]["action"], "auth.login_failed");
    assert_eq!(entries[0]["actor"], json!({"kind": "anonymous", "id": null}));
    assert_eq!(entries[0]["resource_id"], "unknown");
}

#[tokio::test]
async fn only_what_goes_wrong_is_a_failure() {
    let fixture = Fixture::new().await;
    let mut events: Vec<_> = catalogue().iter().map(|(kind, _)| example(kind)).collect();
    for event in &mut events {
        event.tenant_id = fixture.tenant;
    }
    fixture.record(&events).await;
    let failures = fixture.entries("outcome=failure&limit=100").await;
    let mut actions: Vec<_> = failures.iter().map(|entry| entry["action"].clone()).collect();
    actions.sort_by_key(ToString::to_string);
    assert_eq!(actions, ["auth.login_failed", "auth.token_reuse_detected"]);
    assert_eq!(fixture.entries("outcome=success").await.len(), events.len() - 2);
}

/// Every text under a key that must not be kept.
fn forbidden_texts(data: &Value) -> Vec<String> {
    let personal = data["personal"].as_object().cloned().unwrap_or_default();
    let nonces = data.as_object().cloned().unwrap_or_default();
    let nonces = nonces.into_iter().filter(|(name, _)| name.ends_with("nonce"));
    let values = personal.into_iter().chain(nonces).map(|(_, value)| value);
    values.filter_map(|value| value.as_str().map(ToOwned::to_owned)).collect()
}

#[tokio::test]
async fn personal_data_and_nonces_of_no_type_of_event_are_stored() {
    let fixture = Fixture::new().await;
    let mut forbidden = Vec::new();
    for (sequence, (kind, _)) in (1..).zip(catalogue()) {
        let mut event = example(kind);
        event.tenant_id = fixture.tenant;
        forbidden.extend(forbidden_texts(&event.data));
        fixture.record(std::slice::from_ref(&event)).await;
        let stored: Option<Map<String, Value>> =
            fixture.table.get(&fixture.key(sequence)).await.unwrap();
        let stored = Value::from(stored.expect("the entry is there")).to_string();
        let path = format!("/api/v1/audit/logs/{}", event.id);
        let shown = fixture.app.get(&fixture.auditor, &path).await.expect(200).to_string();
        for text in &forbidden {
            assert!(!stored.contains(text.as_str()), "{kind} stores {text}: {stored}");
            assert!(!shown.contains(text.as_str()), "{kind} shows {text}: {shown}");
        }
    }
    assert!(forbidden.len() >= 6, "the examples have personal data and nonces: {forbidden:?}");
}

#[tokio::test]
async fn entries_follow_the_order_of_the_events_over_any_number_of_transactions() {
    let fixture = Fixture::new().await;
    let events = some_events(fixture.tenant, 120);
    fixture.record(&events).await;
    let entries = fixture.entries("limit=100").await;
    assert_eq!(ids(&entries), ids_of(&events));
    assert_eq!(fixture.verify().await["entries"], 120);
}

#[tokio::test]
async fn a_batch_costs_one_call_once_the_head_is_known() {
    let fixture = Fixture::new().await;
    assert_cost(fixture.record(&some_events(fixture.tenant, 10)), 2, 2).await;
    assert_cost(fixture.record(&some_events(fixture.tenant, 50)), 1, 1).await;
    assert_cost(fixture.record(&some_events(fixture.tenant, 51)), 2, 2).await;
    assert_eq!(fixture.verify().await["entries"], 111);
}

#[tokio::test]
async fn an_instance_whose_head_is_out_of_date_reads_it_again() {
    let fixture = Fixture::new().await;
    let other = fixture.another_instance();
    fixture.record(&some_events(fixture.tenant, 2)).await;
    record(&other, &some_events(fixture.tenant, 3)).await;
    assert_cost(fixture.record(&some_events(fixture.tenant, 1)), 3, 3).await;
    let verification = fixture.verify().await;
    assert_eq!((&verification["intact"], &verification["entries"]), (&json!(true), &json!(6)));
}

#[tokio::test]
async fn a_redelivered_event_changes_nothing() {
    let fixture = Fixture::new().await;
    let events = some_events(fixture.tenant, 4);
    fixture.record(&events[..3]).await;
    let before = fixture.entries("").await;
    // One refused transaction, then all guards at once.
    assert_cost(fixture.record(&events[..3]), 4, 2).await;
    assert_eq!(fixture.entries("").await, before);
    // What is new in the batch is recorded, and what comes twice in it once.
    let mixed: Vec<_> = [2, 3, 0, 3].map(|index| events[index].clone()).into();
    record(&fixture.another_instance(), &mixed).await;
    assert_eq!(ids(&fixture.entries("").await), ids_of(&events));
    assert_eq!(fixture.verify().await["intact"], true);
}

#[tokio::test]
async fn a_batch_of_several_tenants_goes_to_a_chain_each() {
    let fixture = Fixture::new().await;
    let other = TenantId::new();
    let (ours, theirs) = (some_events(fixture.tenant, 3), some_events(other, 2));
    let mixed: Vec<_> =
        [&ours[0], &theirs[0], &ours[1], &theirs[1], &ours[2]].map(Clone::clone).into();
    fixture.record(&mixed).await;
    assert_eq!(ids(&fixture.entries("").await), ids_of(&ours));
    let theirs_found = support::entries(&fixture.app, &auditor_of(other), "").await;
    assert_eq!(ids(&theirs_found), ids_of(&theirs));
    assert_eq!(theirs_found[1]["sequence"], 1);
}

#[tokio::test]
async fn an_event_that_cannot_be_recorded_is_rejected_and_its_neighbours_are_not() {
    let fixture = Fixture::new().await;
    let mut events = some_events(fixture.tenant, 4);
    events[1].subject.id = "x".repeat(257);
    events[2].data = json!({"text": "x".repeat(300_000)});
    let results = deliver(&fixture.module, &events).await;
    assert!(matches!(
        results.as_slice(),
        [Ok(()), Err(ConsumeError::Reject(_)), Err(ConsumeError::Reject(_)), Ok(())]
    ));
    assert_eq!(
        ids(&fixture.entries("").await),
        [events[0].id, events[3].id].map(|id| id.to_string())
    );
}

#[tokio::test]
async fn large_events_are_spread_over_transactions() {
    let fixture = Fixture::new().await;
    let mut events = some_events(fixture.tenant, 16);
    for event in &mut events {
        event.data = json!({"text": "\u{0}".repeat(45_000)}); // six bytes each, as JSON
    }
    assert_cost(fixture.record(&events), 3, 3).await;
    assert_eq!(ids(&fixture.entries("").await), ids_of(&events));
    assert_eq!(fixture.verify().await["intact"], true);
}

#[tokio::test]
async fn odd_texts_survive_and_stay_provable() {
    let fixture = Fixture::new().await;
    let mut event = user_deleted(fixture.tenant, UserId::new());
    event.actor.user_agent = Some("\u{0}\u{1f600} \"\\ \u{7f}\u{2028}".to_owned());
    event.actor.id = Some(String::new());
    event.traceparent = None;
    event.data =
        json!({"": [null, {}, [], "", 1e-7, -0.0, u64::MAX, i64::MIN], "\u{1f600}": {"é": true}});
    fixture.record(std::slice::from_ref(&event)).await;
    let entries = fixture.entries("").await;
    assert_eq!(entries[0]["user_agent"], json!(event.actor.user_agent));
    assert_eq!(entries[0]["trace_id"], Value::Null);
    assert_eq!(fixture.verify().await["intact"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_instances_at_the_same_time_make_one_chain_without_gaps() {
    let fixture = Fixture::new().await;
    let events = some_events(fixture.tenant, 160);
    let instances = [fixture.another_instance(), fixture.another_instance()];
    let tasks: Vec<_> = events
        .chunks(5)
        .enumerate()
        .map(|(index, batch)| {
            let (instance, batch) = (instances[index % 2].clone(), batch.to_vec());
            tokio::spawn(async move { deliver_until_taken(&instance, &batch).await })
        })
        .collect();
    for task in tasks {
        task.await.expect("no task panics");
    }
    assert_one_intact_chain(&fixture, &events).await;
}

/// As a queue does: what fails comes again.
async fn deliver_until_taken(module: &kernel::module::Module, events: &[Envelope]) {
    for _ in 0..20 {
        if deliver(module, events).await.iter().all(Result::is_ok) {
            return;
        }
    }
    panic!("the events are refused again and again");
}

async fn assert_one_intact_chain(fixture: &Fixture, events: &[Envelope]) {
    let verification = fixture.verify().await;
    assert_eq!(verification["intact"], true, "{verification}");
    assert_eq!(verification["entries"], events.len());
    let entries = fixture.entries("limit=100").await;
    let mut found = ids(&entries);
    found.sort_unstable();
    let mut expected = ids_of(events);
    expected.sort_unstable();
    assert_eq!(found, expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..Default::default() })]

    /// Batches of events, with repeats within and between them, delivered at the same time to two instances.
    #[test]
    fn each_event_gets_exactly_one_entry_however_it_is_delivered(
        batches in prop::collection::vec(prop::collection::vec(0..12usize, 1..8), 1..8)
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime starts");
        runtime.block_on(async {
            let fixture = Fixture::new().await;
            let all = some_events(fixture.tenant, 12);
            let instances = [fixture.another_instance(), fixture.another_instance()];
            let mut tasks = tokio::task::JoinSet::new();
            for (index, batch) in batches.iter().enumerate() {
                let batch: Vec<_> = batch.iter().map(|event| all[*event].clone()).collect();
                let instance = instances[index % 2].clone();
                tasks.spawn(async move { deliver_until_taken(&instance, &batch).await });
            }
            tasks.join_all().await;
            let delivered: Vec<_> = (0..all.len())
                .filter(|event| batches.iter().any(|batch| batch.contains(event)))
                .map(|event| all[event].clone())
                .collect();
            assert_one_intact_chain(&fixture, &delivered).await;
        });
    }
}
