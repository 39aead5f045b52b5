//! Whatever is done to a chain behind the service's back is found, at the right place.

use audit::chain;
use aws::{Key, Write};
use kernel::{
    caller::Tenant,
    event::ConsumeError,
    id::{TenantId, UserId},
};
use serde_json::{Map, Value, json};
use testkit::Person;

use crate::support::{self, Fixture, auditor_of, some_events, user_deleted};

async fn chain_of(length: usize) -> Fixture {
    let fixture = Fixture::new().await;
    fixture.record(&some_events(fixture.tenant, length)).await;
    fixture
}

type Item = Map<String, Value>;

async fn stored(fixture: &Fixture, sequence: u64) -> Item {
    fixture.table.get(&fixture.key(sequence)).await.unwrap().expect("the entry is there")
}

/// Puts the item's content at the place of another sequence.
async fn overwrite(fixture: &Fixture, sequence: u64, mut item: Item) {
    item.remove("pk");
    item.remove("sk");
    fixture.table.write(Write::put(fixture.key(sequence), &item)).await.unwrap();
}

/// Gives the entry the hash that its content now has, as a forger would.
async fn rehash(fixture: &Fixture, sequence: u64) {
    let query =
        format!("/api/v1/audit/logs/{}", stored(fixture, sequence).await["id"].as_str().unwrap());
    let mut shown = fixture.app.get(&fixture.auditor, &query).await.expect(200);
    shown.as_object_mut().unwrap().remove("hash");
    let hash = chain::sha256_of(&shown);
    let write = Write::update(fixture.key(sequence)).set("hash", &hash);
    fixture.table.write(write).await.unwrap();
}

#[track_caller]
fn assert_broken(verification: &Value, sequence: u64, reason: &str) {
    assert_eq!(verification["intact"], false, "{verification}");
    let expected = json!({"sequence": sequence, "reason": reason});
    assert_eq!(verification["first_broken"], expected, "{verification}");
    assert_eq!(verification["entries"], sequence - 1, "{verification}");
    let head = &verification["head"];
    assert_eq!(head.is_null(), sequence == 1, "{verification}");
    assert!(head.is_null() || head["sequence"] == sequence - 1, "{verification}");
}

#[tokio::test]
async fn an_untouched_chain_is_intact() {
    let fixture = chain_of(5).await;
    let newest = &fixture.entries("limit=1").await[0];
    let expected = json!({
        "intact": true,
        "entries": 5,
        "head": {"sequence": 5, "hash": newest["hash"]},
        "first_broken": null,
    });
    assert_eq!(fixture.verify().await, expected);
}

#[tokio::test]
async fn a_chain_without_entries_is_intact() {
    let expected = json!({"intact": true, "entries": 0, "head": null, "first_broken": null});
    assert_eq!(Fixture::new().await.verify().await, expected);
}

#[tokio::test]
async fn a_chain_of_many_pages_is_walked_to_its_end() {
    let fixture = chain_of(450).await;
    assert_eq!(fixture.verify().await["entries"], 450);
    let write = Write::update(fixture.key(450)).set("action", &"user.created");
    fixture.table.write(write).await.unwrap();
    assert_broken(&fixture.verify().await, 450, "changed");
}

#[tokio::test]
async fn a_change_of_any_attribute_is_found() {
    let fixture = chain_of(3).await;
    let original = stored(&fixture, 2).await;
    let names: Vec<_> = original.keys().filter(|name| *name != "pk" && *name != "sk").collect();
    assert!(names.len() >= 18, "{names:?}");
    for name in names {
        let changed = match &original[name] {
            Value::Number(number) => json!(number.as_i64().unwrap() + 1),
            Value::String(text) => json!(altered(text)),
            other => panic!("unexpected attribute `{name}`: {other}"),
        };
        let mut item = original.clone();
        item[name] = changed;
        overwrite(&fixture, 2, item).await;
        let verification = fixture.verify().await;
        assert_eq!(verification["first_broken"]["sequence"], 2, "{name}: {verification}");
        let mut item = original.clone();
        item.remove(name);
        overwrite(&fixture, 2, item).await;
        assert_broken(&fixture.verify().await, 2, "changed");
    }
    overwrite(&fixture, 2, original).await;
    assert_eq!(fixture.verify().await["intact"], true);
}

/// The text with its last digit replaced by another, so that ids stay ids and times times.
fn altered(text: &str) -> String {
    let Some(at) = text.rfind(|c: char| c.is_ascii_digit()) else { return format!("{text}x") };
    let digit = if &text[at..=at] == "1" { "2" } else { "1" };
    format!("{}{digit}{}", &text[..at], &text[at + 1..])
}

#[tokio::test]
async fn an_added_attribute_is_found() {
    let fixture = chain_of(3).await;
    let write = Write::update(fixture.key(3)).set("note", &"was never here");
    fixture.table.write(write).await.unwrap();
    assert_broken(&fixture.verify().await, 3, "changed");
}

#[tokio::test]
async fn a_removed_entry_is_found() {
    let fixture = chain_of(4).await;
    fixture.table.write(Write::delete(fixture.key(3))).await.unwrap();
    assert_broken(&fixture.verify().await, 3, "missing");
    fixture.table.write(Write::delete(fixture.key(1))).await.unwrap();
    assert_broken(&fixture.verify().await, 1, "missing");
}

#[tokio::test]
async fn swapped_entries_are_found() {
    let fixture = chain_of(4).await;
    let (second, third) = (stored(&fixture, 2).await, stored(&fixture, 3).await);
    overwrite(&fixture, 2, third).await;
    overwrite(&fixture, 3, second).await;
    assert_broken(&fixture.verify().await, 2, "misplaced");
}

#[tokio::test]
async fn an_entry_with_another_previous_hash_is_found() {
    let fixture = chain_of(4).await;
    let write = Write::update(fixture.key(3)).set("previous_hash", &"f".repeat(64));
    fixture.table.write(write).await.unwrap();
    assert_broken(&fixture.verify().await, 3, "changed");
    rehash(&fixture, 3).await;
    assert_broken(&fixture.verify().await, 3, "unlinked");
}

#[tokio::test]
async fn a_changed_entry_with_a_fitting_hash_does_not_fit_the_next() {
    let fixture = chain_of(4).await;
    let write = Write::update(fixture.key(2)).set("user_agent", &"forged");
    fixture.table.write(write).await.unwrap();
    rehash(&fixture, 2).await;
    assert_broken(&fixture.verify().await, 3, "unlinked");
}

#[tokio::test]
async fn an_entry_of_another_tenant_is_found() {
    let fixture = chain_of(2).await;
    let other = TenantId::new();
    fixture.record(&some_events(other, 1)).await;
    let key = Key::new(format!("T#{other}#AUDIT"), format!("{:020}", 1));
    let foreign: Item = fixture.table.get(&key).await.unwrap().unwrap();
    overwrite(&fixture, 1, foreign).await;
    assert_broken(&fixture.verify().await, 1, "misplaced");
}

#[tokio::test]
async fn something_between_the_entries_is_found() {
    let fixture = chain_of(3).await;
    for sort_key in [format!("{:020}x", 2), "2".to_owned()] {
        let key = Key::new(format!("T#{}#AUDIT", fixture.tenant), sort_key);
        let item = stored(&fixture, 2).await;
        let item: Item =
            item.into_iter().filter(|(name, _)| name != "pk" && name != "sk").collect();
        fixture.table.write(Write::put(key.clone(), &item)).await.unwrap();
        assert_eq!(fixture.verify().await["first_broken"]["reason"], "misplaced", "{}", key.sk);
        fixture.table.write(Write::delete(key)).await.unwrap();
    }
    assert_eq!(fixture.verify().await["intact"], true);
}

#[tokio::test]
async fn a_chain_goes_on_after_a_broken_entry() {
    let fixture = chain_of(3).await;
    let write = Write::update(fixture.key(3)).set("sequence", &1);
    fixture.table.write(write).await.unwrap();
    let other = fixture.another_instance();
    support::record(&other, &[user_deleted(fixture.tenant, UserId::new())]).await;
    assert_eq!(fixture.entries("limit=1").await[0]["sequence"], 4);
    assert_broken(&fixture.verify().await, 3, "changed");
}

#[tokio::test]
async fn nothing_is_appended_to_a_chain_that_does_not_end_in_an_entry() {
    let fixture = chain_of(2).await;
    let key = Key::new(format!("T#{}#AUDIT", fixture.tenant), "zzz");
    fixture.table.write(Write::put(key, &stored(&fixture, 2).await)).await.unwrap();
    let event = user_deleted(fixture.tenant, UserId::new());
    let results = support::deliver(&fixture.another_instance(), &[event]).await;
    assert!(matches!(results.as_slice(), [Err(ConsumeError::Retry(_))]));
    assert_broken(&fixture.verify().await, 3, "misplaced");
}

#[tokio::test]
async fn one_tenants_broken_chain_is_not_anothers() {
    let fixture = chain_of(3).await;
    let other = TenantId::new();
    fixture.record(&some_events(other, 2)).await;
    fixture.table.write(Write::delete(fixture.key(1))).await.unwrap();
    let answer = fixture.app.get(&auditor_of(other), "/api/v1/audit/verify").await.expect(200);
    assert_eq!((&answer["intact"], &answer["entries"]), (&json!(true), &json!(2)));
    let tenant = Tenant::of_internal_call(fixture.tenant);
    let ours = audit::verify_chain(&fixture.table, tenant).await.unwrap();
    assert_eq!(serde_json::to_value(&ours).unwrap(), fixture.verify().await);
    assert!(!ours.intact);
}

#[tokio::test]
async fn verifying_needs_its_permission() {
    let fixture = Fixture::new().await;
    let path = "/api/v1/audit/verify";
    let reader = Person::with(&["audit.log.read"]).of_tenant(fixture.tenant);
    fixture.app.get(&reader, path).await.expect_problem(403, "auth.forbidden");
    fixture.app.get(&Person::anonymous(), path).await.expect_problem(401, "auth.unauthenticated");
}
