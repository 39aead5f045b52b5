//! Any order of sending, finishing, dying and waiting: one request has one effect.

use std::{collections::BTreeSet, sync::Arc};

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use uuid::Uuid;

use super::{IN_PROGRESS, Idempotency, KEY_REUSED, MemoryRecords, Place, Record};
use crate::{
    clock::{Clock, ManualClock},
    idempotency::attempt::Claim,
    secret::Key,
};

const LEASE: SignedDuration = SignedDuration::from_secs(30);

#[derive(Debug, Clone)]
enum Step {
    /// Sends one of two different requests with the one key.
    Send {
        is_other: bool,
    },
    /// One of the attempts under way, be its lease over or not, ends with this status.
    Finish {
        which: prop::sample::Index,
        status: u16,
    },
    Wait {
        seconds: i64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<bool>().prop_map(|is_other| Step::Send { is_other }),
        4 => (any::<prop::sample::Index>(), prop::sample::select(vec![201, 409, 422, 500, 503]))
            .prop_map(|(which, status)| Step::Finish { which, status }),
        2 => prop::sample::select(vec![1, 29, 30, 31]).prop_map(|seconds| Step::Wait { seconds }),
        1 => Just(Step::Wait { seconds: 25 * 3600 }),
    ]
}

struct Attempt {
    record: Record,
    request: &'static str,
    lease_ends_at: Timestamp,
}

/// What happened, seen from outside.
struct World {
    idempotency: Idempotency,
    clock: ManualClock,
    place: Place,
    under_way: Vec<Attempt>,
    /// What was made since the key was new, and for which request.
    effects: BTreeSet<(Uuid, &'static str)>,
    /// The answers that went out for a success.
    answered: BTreeSet<&'static str>,
}

impl World {
    fn new() -> Self {
        let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
        let records = Arc::<MemoryRecords>::default();
        let key = Key::from_bytes([1; 32]);
        Self {
            idempotency: Idempotency::new(records, Arc::new(clock.clone()), key),
            clock,
            place: Place { tenant: None, digest: "here".to_owned() },
            under_way: Vec::new(),
            effects: BTreeSet::new(),
            answered: BTreeSet::new(),
        }
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Send { is_other } => self.send(if is_other { "other" } else { "one" }).await,
            Step::Finish { which, status } if !self.under_way.is_empty() => {
                let attempt = self.under_way.swap_remove(which.index(self.under_way.len()));
                self.finish(attempt, status).await;
            }
            Step::Finish { .. } => {}
            Step::Wait { seconds } => {
                self.clock.advance(SignedDuration::from_secs(seconds));
                if seconds > 24 * 3600 {
                    // Nobody works on anything for a day; and from here the key is new.
                    self.under_way.clear();
                    self.effects.clear();
                    self.answered.clear();
                }
            }
        }
    }

    async fn send(&mut self, request: &'static str) {
        let now = self.clock.now();
        match self.idempotency.claim(&self.place, request, LEASE).await {
            Ok(Claim::Granted(record)) => {
                let is_alone = self.under_way.iter().all(|attempt| attempt.lease_ends_at <= now);
                assert!(is_alone, "two work on one request at the same time");
                assert!(self.answered.is_empty(), "the handler ran again after an answer");
                let lease_ends_at = now + LEASE;
                self.under_way.push(Attempt { record, request, lease_ends_at });
            }
            Ok(Claim::Answered(response)) => {
                assert_eq!(response.status(), StatusCode::CREATED);
                assert!(self.answered.contains(request), "an answer to another request");
            }
            Err(problem) if problem.kind() == IN_PROGRESS => {
                assert!(self.under_way.iter().any(|attempt| attempt.lease_ends_at > now));
            }
            Err(problem) => assert_eq!(problem.kind(), KEY_REUSED, "{problem}"),
        }
    }

    async fn finish(&mut self, attempt: Attempt, status: u16) {
        let Attempt { record, request, .. } = attempt;
        if !(400..500).contains(&status) {
            self.effects.insert((record.resource, request));
        }
        assert!(self.effects.len() <= 1, "made twice: {:?}", self.effects);
        let response: Response = StatusCode::from_u16(status).unwrap().into_response();
        self.idempotency.settle(&self.place, &record, response).await.unwrap();
        let is_noted = |found: &Record| matches!(found.progress, super::Progress::Done { .. });
        let noted = self.record().await;
        if status == 201 && noted.is_some_and(|found| is_noted(&found)) {
            self.answered.insert(request);
        }
    }

    async fn record(&self) -> Option<Record> {
        let any = Record::begin("any".to_owned(), self.clock.now(), LEASE);
        let found = self.idempotency.records.insert(&self.place, &any).await.unwrap();
        if found.is_none() {
            self.idempotency.records.remove(&self.place, &any).await.unwrap();
        }
        found
    }
}

proptest! {
    #[test]
    fn whatever_happens_one_request_has_one_effect(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new();
            for step in steps {
                world.take(step).await;
            }
        });
    }
}
