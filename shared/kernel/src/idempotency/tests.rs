//! The middleware over a real router, on records in memory.

mod demo;
mod states;

use std::{collections::HashMap, sync::Mutex};

use async_trait::async_trait;
use http::header;
use jiff::SignedDuration;
use serde_json::json;

use self::demo::{Demo, Plan, person};
use super::*;
use crate::problem::Problem;

/// Records in memory; `None` when they do not answer.
struct MemoryRecords(Mutex<Option<HashMap<Place, Record>>>);

impl Default for MemoryRecords {
    fn default() -> Self {
        Self(Mutex::new(Some(HashMap::new())))
    }
}

impl MemoryRecords {
    fn with<T>(&self, act: impl FnOnce(&mut HashMap<Place, Record>) -> T) -> Result<T, Problem> {
        let mut records = self.0.lock().unwrap();
        records.as_mut().map(act).ok_or_else(|| Problem::unavailable("the records are away"))
    }
}

#[async_trait]
impl Records for MemoryRecords {
    async fn insert(&self, place: &Place, record: &Record) -> Result<Option<Record>, Problem> {
        self.with(|records| {
            let found = records.get(place).cloned();
            found.or_else(|| {
                records.insert(place.clone(), record.clone());
                None
            })
        })
    }

    async fn replace(
        &self,
        place: &Place,
        before: &Record,
        after: &Record,
    ) -> Result<bool, Problem> {
        self.with(|records| {
            let is_there = records.get(place).is_some_and(|record| is_same(record, before));
            if is_there {
                records.insert(place.clone(), after.clone());
            }
            is_there
        })
    }

    async fn remove(&self, place: &Place, record: &Record) -> Result<(), Problem> {
        self.with(|records| {
            if records.get(place).is_some_and(|found| is_same(found, record)) {
                records.remove(place);
            }
        })
    }
}

fn is_same(left: &Record, right: &Record) -> bool {
    (left.resource, left.revision) == (right.resource, right.revision)
}

#[tokio::test]
async fn a_repeated_request_gets_the_same_bytes_and_makes_nothing() {
    let demo = Demo::new();
    let first = demo.post(Some("k"), r#"{"a":1,"b":2}"#).await.expect(201);
    let again = demo.post(Some("\"k\""), "{ \"b\": 2, \"a\": 1 }").await.expect(201);
    assert_eq!(again.body, first.body);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(first.header("idempotent-replayed"), None);
    for name in ["location", "etag", "content-type"] {
        assert!(first.header(name).is_some(), "{name}");
        assert_eq!(again.header(name), first.header(name), "{name}");
    }
    assert!(first.headers.contains_key(header::SET_COOKIE));
    assert!(!again.headers.contains_key(header::SET_COOKIE), "a cookie is for the first one only");
    assert_ne!(again.header("x-request-id"), first.header("x-request-id"));
    assert_eq!(demo.made().len(), 1);
}

#[tokio::test]
async fn without_a_key_and_on_other_routes_nothing_is_remembered() {
    let demo = Demo::new();
    demo.post(None, "{}").await.expect(201);
    demo.post(None, "{}").await.expect(201);
    demo.send("/api/v1/checks", &person(), Some("k"), "{}").await.expect(200);
    assert_eq!(demo.made().len(), 2);
    assert!(demo.records().is_empty());
}

#[tokio::test]
async fn a_key_belongs_to_one_request() {
    let demo = Demo::new();
    demo.post(Some("k"), r#"{"a":1}"#).await.expect(201);
    demo.post(Some("k"), r#"{"a":2}"#).await.expect_problem(422, KEY_REUSED);
    demo.post(Some("k"), r#"{"a":1}"#).await.expect(201);
    assert_eq!(demo.made().len(), 1);
}

#[tokio::test]
async fn a_key_means_something_to_one_caller_on_one_path_only() {
    let demo = Demo::new();
    let (ada, mut colleague) = (person(), person());
    colleague.tenant_id = ada.tenant_id;
    let mut elsewhere = person();
    elsewhere.user_id = ada.user_id;
    for caller in [&ada, &colleague, &elsewhere] {
        for path in ["/api/v1/things/1/parts", "/api/v1/things/2/parts"] {
            let answer = demo.send(path, caller, Some("k"), "{}").await.expect(201);
            assert_eq!(answer.header("idempotent-replayed"), None);
        }
    }
    for address in ["203.0.113.1", "203.0.113.2"] {
        let answer = demo.post_from(address, "k", "{}").await.expect(201);
        assert_eq!(answer.header("idempotent-replayed"), None);
    }
    assert_eq!(demo.made().len(), 8);
    assert_eq!(demo.records().len(), 8);
}

#[tokio::test]
async fn a_key_that_cannot_be_read_is_refused_before_anything_happens() {
    let demo = Demo::new();
    for key in ["", "\"", "a,b", "a b", &"x".repeat(256)] {
        demo.post(Some(key), "{}").await.expect_problem(400, KEY_INVALID);
    }
    assert!(demo.made().is_empty() && demo.records().is_empty());
}

#[tokio::test]
async fn who_may_not_pass_leaves_no_record() {
    let demo = Demo::new();
    let answer = demo.send_anonymously("/api/v1/things/1/parts", Some("k"), "{}").await;
    assert_eq!(answer.status, 401);
    assert!(demo.records().is_empty());
}

#[tokio::test]
async fn while_the_first_is_under_way_the_second_is_told_to_wait() {
    let demo = Demo::new();
    demo.plan(Plan::Wait);
    let first = demo.post(Some("k"), "{}");
    let second = async {
        demo.arrived().await;
        let refused = demo.post(Some("k"), "{}").await.expect_problem(409, IN_PROGRESS);
        assert_eq!(refused.header("retry-after"), Some("1"));
        demo.let_go();
    };
    let (first, ()) = tokio::join!(first, second);
    let first = first.expect(201);
    assert_eq!(demo.post(Some("k"), "{}").await.expect(201).body, first.body);
    assert_eq!(demo.made().len(), 1);
}

#[tokio::test]
async fn after_a_crash_the_next_attempt_waits_for_the_lease_and_makes_nothing_twice() {
    for crash in [Plan::MakeAndPanic, Plan::Panic] {
        let demo = Demo::new();
        demo.plan(crash);
        demo.post(Some("k"), "{}").await.expect(500);
        let made = demo.made();
        demo.post(Some("k"), "{}").await.expect_problem(409, IN_PROGRESS);
        demo.clock.advance(SignedDuration::from_secs(31));
        let answer = demo.post(Some("k"), "{}").await.expect(201);
        assert_eq!(answer.header("idempotent-replayed"), None);
        assert_eq!(demo.made().len(), 1);
        assert!(made.iter().all(|id| demo.made().contains(id)));
        assert_eq!(demo.post(Some("k"), "{}").await.expect(201).body, answer.body);
    }
}

#[tokio::test]
async fn after_a_failure_the_next_attempt_begins_at_once_with_the_same_id() {
    let demo = Demo::new();
    demo.plan(Plan::MakeAndFail);
    demo.post(Some("k"), "{}").await.expect(503);
    let made = demo.made();
    // The first attempt may have had its effect, so the key still belongs to its request.
    demo.post(Some("k"), r#"{"a":1}"#).await.expect_problem(422, KEY_REUSED);
    demo.post(Some("k"), "{}").await.expect(201);
    assert_eq!(demo.made(), made);
}

#[tokio::test]
async fn a_refused_request_may_be_mended_and_come_again_with_its_key() {
    let demo = Demo::new();
    for status in [400, 404, 409, 422] {
        demo.plan(Plan::Refuse(status));
        demo.post(Some("k"), r#"{"a":1}"#).await.expect(status);
        assert!(demo.records().is_empty());
    }
    demo.post(Some("k"), r#"{"a":2}"#).await.expect(201);
}

#[tokio::test]
async fn a_refusal_after_an_unknown_end_frees_nothing() {
    let demo = Demo::new();
    demo.plan(Plan::MakeAndFail);
    demo.post(Some("k"), "{}").await.expect(503);
    demo.plan(Plan::Refuse(409));
    demo.post(Some("k"), "{}").await.expect(409);
    demo.post(Some("k"), "{}").await.expect(201);
    assert_eq!(demo.made().len(), 1);
}

#[tokio::test]
async fn an_answer_is_replayed_for_a_day() {
    let demo = Demo::new();
    let first = demo.post(Some("k"), "{}").await.expect(201);
    demo.clock.advance(SignedDuration::from_secs(24 * 3600 - 1));
    assert_eq!(demo.post(Some("k"), "{}").await.expect(201).body, first.body);
    demo.clock.advance(SignedDuration::from_secs(1));
    let anew = demo.post(Some("k"), r#"{"a":1}"#).await.expect(201);
    assert_eq!(anew.header("idempotent-replayed"), None);
    assert_eq!(demo.made().len(), 2);
}

#[tokio::test]
async fn what_is_too_large_to_be_stored_is_answered_and_made_once_all_the_same() {
    let demo = Demo::new();
    for _ in 0..2 {
        demo.plan(Plan::Large);
        let answer = demo.post(Some("k"), "{}").await.expect(201);
        assert!(answer.body.len() > 256 * 1024);
        assert_eq!(answer.header("idempotent-replayed"), None);
    }
    assert_eq!(demo.made().len(), 1);
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_as_ever() {
    let demo = Demo::new();
    let body = format!("\"{}\"", "x".repeat(1024 * 1024));
    demo.post(Some("k"), &body).await.expect(413);
    assert!(demo.records().is_empty());
}

#[tokio::test]
async fn without_its_records_the_promise_is_not_given() {
    let demo = Demo::new();
    demo.lose_records();
    demo.post(Some("k"), "{}").await.expect(503);
    assert!(demo.made().is_empty());
    demo.post(None, "{}").await.expect(201);
}

#[tokio::test]
async fn a_record_shows_neither_the_request_nor_the_answer() {
    let demo = Demo::new();
    let answer = demo.post(Some("k"), r#"{"password":"open sesame"}"#).await.expect(201);
    let record = serde_json::to_string(&demo.records()).unwrap();
    assert!(std::str::from_utf8(&answer.body).unwrap().contains("made"));
    assert!(!record.contains("made") && !record.contains("sesame"));
    // Nor can the password be guessed from it without the key.
    let plain = crate::secret::fingerprint(&json!({"password": "open sesame"}).to_string());
    assert!(!record.contains(&plain));
}

#[test]
#[should_panic(expected = "takes keys, but `demo` has no `Module::idempotency`")]
fn a_module_that_forgot_its_records_does_not_start() {
    let mut module = demo::module(&std::sync::Arc::default());
    module.idempotency = None;
    drop(module.public_router(demo::ROUTES));
}
