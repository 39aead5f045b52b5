//! Roles that are asked for more than once with one idempotency key.

use std::collections::BTreeSet;

use contracts::generated::permissions::{ROLE_CREATE, ROLE_READ};
use futures_util::future::join_all;
use jiff::SignedDuration;
use kernel::config::Sources;
use serde_json::{Value, json};
use testkit::{Answer, Person, assert_cost};

use crate::support::{Service, colleague, instance, names, open, owner};

const ROLES: &str = "/api/v1/roles";

impl Service {
    async fn create(&self, person: &Person, name: &str, key: &str) -> Answer {
        self.app.post_with_key(person, ROLES, &editor(name), key).await
    }

    async fn custom_roles(&self, person: &Person) -> Vec<String> {
        let list = self.app.get(person, ROLES).await.expect(200);
        names(&list["items"]).into_iter().skip(4).map(ToOwned::to_owned).collect()
    }
}

fn editor(name: &str) -> Value {
    json!({"name": name, "permissions": [ROLE_READ]})
}

#[tokio::test]
async fn a_role_asked_for_twice_is_made_once_and_answered_twice() {
    let service = open().await;
    let owner = owner();
    let first = service.create(&owner, "Editor", "k").await;
    let again = service.create(&owner, "Editor", "k").await;
    assert!(!first.is_replayed() && again.is_replayed());
    assert_eq!(again.etag(), first.etag());
    assert_eq!(again.headers["location"], first.headers["location"]);
    assert_eq!(again.expect(201), first.expect(201));
    let other = service.create(&owner, "Author", "k").await;
    other.expect_problem(422, "idempotency.key_reused");
    assert_eq!(service.custom_roles(&owner).await, ["Editor"]);
    assert_eq!(service.store.announced_types("authz"), ["platform.role.created"]);
}

#[tokio::test]
async fn of_fifty_at_once_on_two_instances_one_makes_the_role() {
    let service = open().await;
    let other = instance(&service.store, &Sources::empty(), &service.clock).await;
    let owner = owner();
    let body = editor("Editor");
    let attempts = (0..50).map(|n| {
        let app = if n % 2 == 0 { &service.app } else { &other };
        app.post_with_key(&owner, ROLES, &body, "k")
    });
    let answers = join_all(attempts).await;
    let mut ids = BTreeSet::new();
    let mut first = 0;
    for answer in answers {
        if answer.status == 409 {
            answer.expect_problem(409, "idempotency.in_progress");
            continue;
        }
        first += u32::from(!answer.is_replayed());
        ids.insert(answer.expect(201)["id"].to_string());
    }
    assert_eq!((first, ids.len()), (1, 1));
    assert_eq!(service.store.announced_types("authz"), ["platform.role.created"]);
    assert!(service.create(&owner, "Editor", "k").await.is_replayed());
}

#[tokio::test]
async fn after_a_crash_between_effect_and_answer_the_retry_finds_what_was_made() {
    let service = open().await;
    let owner = owner();
    service.records.die_once();
    service.create(&owner, "Editor", "k").await.expect_problem(500, "internal.error");
    assert_eq!(service.custom_roles(&owner).await, ["Editor"]);
    let early = service.create(&owner, "Editor", "k").await;
    early.expect_problem(409, "idempotency.in_progress");

    service.clock.advance(SignedDuration::from_secs(31));
    let retry = service.create(&owner, "Editor", "k").await;
    assert!(!retry.is_replayed());
    let role = retry.expect(201);
    let path = format!("{ROLES}/{}", role["id"].as_str().unwrap());
    assert_eq!(service.app.get(&owner, &path).await.expect(200), role);
    assert_eq!(service.custom_roles(&owner).await, ["Editor"]);
    assert_eq!(service.store.announced_types("authz"), ["platform.role.created"]);
    assert!(service.create(&owner, "Editor", "k").await.is_replayed());
}

#[tokio::test]
async fn the_retry_finds_it_even_under_another_name() {
    let service = open().await;
    let owner = owner();
    service.records.die_once();
    service.create(&owner, "Editor", "k").await.expect(500);
    let list = service.app.get(&owner, ROLES).await.expect(200);
    let path = format!("{ROLES}/{}", list["items"][4]["id"].as_str().unwrap());
    service.app.patch(&owner, &path, &json!({"name": "Author"})).await.expect(200);
    service.clock.advance(SignedDuration::from_secs(31));
    assert_eq!(service.create(&owner, "Editor", "k").await.expect(201)["name"], "Author");
    assert_eq!(service.custom_roles(&owner).await, ["Author"]);
}

#[tokio::test]
async fn a_name_that_is_taken_by_another_is_still_refused() {
    let service = open().await;
    let owner = owner();
    service.create(&owner, "Editor", "k").await.expect(201);
    let taken = service.create(&owner, "Editor", "other").await;
    taken.expect_problem(409, "role.name_taken");
    // Nothing was made, so the key is free for a better name.
    service.create(&owner, "Author", "other").await.expect(201);
}

#[tokio::test]
async fn a_mistake_in_the_body_does_not_use_up_the_key() {
    let service = open().await;
    let owner = owner();
    service.create(&owner, " ", "k").await.expect_invalid(&["/name"]);
    let answer = service.create(&owner, "Editor", "k").await;
    assert!(!answer.is_replayed());
    answer.expect(201);
}

#[tokio::test]
async fn colleagues_and_other_tenants_may_use_the_same_key() {
    let service = open().await;
    let owner = owner();
    service.create(&owner, "Editor", "k").await.expect(201);
    let colleague = colleague(&owner, &[ROLE_CREATE, ROLE_READ]);
    service.create(&colleague, "Editor", "k").await.expect_problem(409, "role.name_taken");
    let stranger = crate::support::owner().as_user(owner.user());
    let answer = service.create(&stranger, "Editor", "k").await;
    assert!(!answer.is_replayed());
    answer.expect(201);
}

#[tokio::test]
async fn a_key_costs_two_writes_and_a_replay_two_calls() {
    let service = open().await;
    let owner = owner();
    assert_cost(service.create(&owner, "Editor", "k"), 3, 3).await.expect(201);
    assert_cost(service.create(&owner, "Editor", "k"), 2, 2).await.expect(201);
    let author = editor("Author");
    assert_cost(service.app.post(&owner, ROLES, &author), 1, 1).await.expect(201);
}
