//! Whose account somebody signs in to who comes from a provider.

use contracts::{authz::UNKNOWN_ROLE, identity::UserStatus};
use kernel::{
    id::{TenantId, UserId},
    problem::CONFLICT,
};
use serde_json::{Value, json};
use testkit::Person;

use super::House;
use crate::common::{EMAIL, person};

const IDENTITIES: &str = "/api/v1/auth/identities";

#[tokio::test]
async fn a_proven_address_links_the_account_whose_own_address_is_proven() {
    let house = House::with_provider(json!({"create_users": false})).await;
    let known = house.test.world.user.lock().unwrap().id;
    let answer = house.sign_in().await.expect(200);
    assert_eq!(House::user(&answer), known);
    assert!(house.test.world.people.lock().unwrap().is_empty(), "nobody was made");
}

#[tokio::test]
async fn an_unproven_address_links_nothing() {
    let house = House::with_provider(json!({})).await;
    for claims in [
        json!({"email_verified": false}),
        json!({"email_verified": null}),
        json!({"email_verified": "no"}),
        json!({"email": null}),
    ] {
        house.idp.set(|script| script.claims = claims);
        let answer = house.sign_in().await;
        answer.expect_problem(403, "auth.federation_email_unverified");
    }
    house.assert_nobody_came_in();
}

#[tokio::test]
async fn an_account_whose_own_address_is_not_proven_is_not_linked() {
    // Somebody registered with Ada's address before her, and waits for her to move in.
    let house = House::with_provider(json!({})).await;
    {
        let mut squatter = house.test.world.user.lock().unwrap();
        (squatter.email_verified, squatter.status) = (false, UserStatus::Pending);
    }
    house.sign_in().await.expect_problem(403, "auth.federation_not_linkable");
    house.assert_nobody_came_in();
    assert!(house.test.world.people.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_account_of_another_tenant_is_neither_linked_nor_doubled() {
    let house = House::with_provider(json!({})).await;
    let mut stranger = house.test.world.user.lock().unwrap().clone();
    house.test.world.user.lock().unwrap().email = "somebody@example.org".to_owned();
    (stranger.id, stranger.tenant_id) = (UserId::new(), TenantId::new());
    house.test.world.people.lock().unwrap().push(stranger);
    for _ in 0..2 {
        house.sign_in().await.expect_problem(403, "auth.federation_not_linkable");
    }
    house.assert_nobody_came_in();
    // When the address is free, nothing of that is left in the way.
    house.test.world.people.lock().unwrap().clear();
    house.sign_in().await.expect(200);
}

#[tokio::test]
async fn a_link_wins_over_the_address() {
    let house = House::with_provider(json!({})).await;
    let ada = House::user(&house.sign_in().await.expect(200));
    // The provider says another address now, which somebody else has here.
    let other = Some("grace@example.org".to_owned());
    let grace = contracts::identity::User {
        id: UserId::new(),
        email: other.clone().unwrap(),
        ..house.test.world.user.lock().unwrap().clone()
    };
    house.test.world.people.lock().unwrap().push(grace);
    for claims in
        [json!({"email": other}), json!({"email": null}), json!({"email_verified": false})]
    {
        house.idp.set(|script| script.claims = claims);
        assert_eq!(House::user(&house.sign_in().await.expect(200)), ada);
    }
}

#[tokio::test]
async fn whoever_gets_the_address_of_another_at_the_provider_does_not_get_the_account() {
    let house = House::with_provider(json!({})).await;
    house.sign_in().await.expect(200);
    house.idp.set(|script| script.claims = json!({"sub": "the next one with the address"}));
    house.sign_in().await.expect_problem(403, "auth.federation_not_linkable");
}

#[tokio::test]
async fn an_unknown_person_gets_an_account_only_where_the_provider_may_make_some() {
    let house = House::open().await;
    let roles = json!({"create_users": false, "default_roles": ["viewer"]});
    let provider = house.create(roles).await.expect(201);
    house.idp.set(|script| {
        script.claims = json!({"sub": "g", "email": "grace@example.org", "name": "Grace Hopper"});
    });
    house.sign_in().await.expect_problem(403, "auth.federation_not_allowed");
    assert!(house.test.world.people.lock().unwrap().is_empty());

    house.patch(&provider, json!({"create_users": true})).await.expect(200);
    let answer = house.sign_in().await.expect(200);
    assert_eq!(answer["user"]["first_name"], "Grace");
    let made = house.test.world.people.lock().unwrap().clone();
    assert_eq!(made.len(), 1);
    assert!(made[0].email_verified);
    let assigned = house.test.world.assigned.lock().unwrap().clone();
    assert_eq!(assigned.len(), 1);
    assert_eq!(assigned[0].roles, ["viewer"]);
    // Who comes again is known, and keeps what roles they have by then.
    assert_eq!(House::user(&house.sign_in().await.expect(200)), made[0].id);
    assert_eq!(house.test.world.assigned.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn an_account_that_was_half_made_is_completed_by_the_next_sign_in() {
    let house = House::with_provider(json!({"default_roles": ["viewer"]})).await;
    house.idp.set(|script| script.claims = json!({"sub": "g", "email": "grace@example.org"}));
    let refuse = |kind| *house.test.world.assignment_refusal.lock().unwrap() = kind;
    // A role that is gone, or a service that fails: nobody comes in with more than the provider says.
    refuse(Some(UNKNOWN_ROLE));
    house.sign_in().await.expect_problem(424, "auth.provider_unavailable");
    refuse(Some(CONFLICT));
    assert!(house.sign_in().await.status.is_server_error());
    house.assert_nobody_came_in();
    refuse(None);
    house.sign_in().await.expect(200);
    assert_eq!(house.test.world.people.lock().unwrap().len(), 1);
    assert_eq!(house.test.world.assigned.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn of_many_who_come_at_once_all_get_the_same_account() {
    let house = House::with_provider(json!({"default_roles": ["viewer"]})).await;
    house.idp.set(|script| script.claims = json!({"sub": "g", "email": "grace@example.org"}));
    let (one, two, three) = tokio::join!(house.sign_in(), house.sign_in(), house.sign_in());
    let users: Vec<_> =
        [one, two, three].into_iter().map(|answer| House::user(&answer.expect(200))).collect();
    assert!(users.iter().all(|user| *user == users[0]));
    assert_eq!(house.test.world.people.lock().unwrap().len(), 1);
    let types = house.test.store.announced_types("auth");
    let linked = types.iter().filter(|kind| *kind == "platform.auth.identity_linked");
    assert_eq!(linked.count(), 1);
}

#[tokio::test]
async fn only_allowed_domains_come_in_linked_or_not() {
    let house = House::open().await;
    let provider = house.create(json!({"allowed_domains": ["Example.org"]})).await.expect(201);
    house.sign_in().await.expect(200);
    for email in [json!("ada@evil.org"), json!("ada@example.org.evil.org"), Value::Null] {
        house.idp.set(|script| script.claims = json!({"email": email}));
        house.sign_in().await.expect_problem(403, "auth.federation_not_allowed");
    }
    house.idp.set(|script| script.claims = json!({"email_verified": false}));
    house.sign_in().await.expect_problem(403, "auth.federation_not_allowed");
    house.patch(&provider, json!({"allowed_domains": []})).await.expect(200);
    house.sign_in().await.expect(200);
}

#[tokio::test]
async fn the_accounts_state_counts_as_at_every_sign_in() {
    let house = House::with_provider(json!({})).await;
    house.sign_in().await.expect(200);
    house.test.world.user.lock().unwrap().status = UserStatus::Suspended;
    house.sign_in().await.expect_problem(403, "auth.suspended");
    house.test.world.user.lock().unwrap().id = UserId::new();
    house.sign_in().await.expect_problem(403, "auth.federation_not_linkable");
}

#[tokio::test]
async fn people_see_their_links_and_remove_them() {
    let house = House::with_provider(json!({})).await;
    let ada = person(&house.sign_in().await.expect(200));
    let app = &house.test.app;
    let page = app.get(&ada, IDENTITIES).await.expect(200);
    let links = page["items"].as_array().unwrap();
    assert_eq!(links.len(), 1);
    assert_eq!(
        (&links[0]["provider"], &links[0]["issuer"]),
        (&json!("idp"), &json!(house.idp.issuer))
    );
    assert_eq!(page["next_cursor"], Value::Null);
    let path = format!("{IDENTITIES}/{}", links[0]["id"].as_str().unwrap());
    let stranger = Person::with(&[]).of_tenant(ada.tenant());
    app.delete(&stranger, &path).await.expect_problem(404, "auth.identity_not_found");
    let elsewhere = Person::with(&[]).as_user(ada.user());
    app.delete(&elsewhere, &path).await.expect_problem(404, "auth.identity_not_found");
    app.delete(&ada, &path).await.expect(204);
    app.delete(&ada, &path).await.expect_problem(404, "auth.identity_not_found");
    assert_eq!(app.get(&ada, IDENTITIES).await.expect(200)["items"], json!([]));
    let news = house.test.store.announced_types("auth");
    assert_eq!(news.last().unwrap(), "platform.auth.identity_unlinked");
    // And comes back by the address.
    house.sign_in().await.expect(200);
}

#[tokio::test]
async fn who_has_no_password_keeps_one_link() {
    let house = House::with_provider(json!({})).await;
    let second = super::idp::Idp::start(house.test.clock.clone()).await;
    let other = json!({"slug": "second", "issuer": second.issuer});
    house.create(other).await.expect(201);
    house.idp.set(|script| script.claims = json!({"email": "grace@example.org"}));
    second.set(|script| script.claims = json!({"email": "grace@example.org"}));
    let grace = person(&house.sign_in().await.expect(200));
    let app = &house.test.app;
    let links = async || app.get(&grace, IDENTITIES).await.expect(200)["items"].clone();
    let path = |link: &Value| format!("{IDENTITIES}/{}", link["id"].as_str().unwrap());
    let only = path(&links().await[0]);
    app.delete(&grace, &only).await.expect_problem(409, "auth.last_identity");

    let begin = house.start_at("second").await;
    let parameters: Vec<_> = second.authorize(&begin.location).into_iter().collect();
    house.come_back(&begin, &parameters).await.expect(200);
    let both = links().await;
    assert_eq!(both.as_array().unwrap().len(), 2);
    // Both at once: one of them stays.
    let (one, two) = (path(&both[0]), path(&both[1]));
    let (one, two) = tokio::join!(app.delete(&grace, &one), app.delete(&grace, &two));
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 409]);
    assert_eq!(links().await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_deleted_user_leaves_no_links() {
    let house = House::with_provider(json!({})).await;
    let ada = person(&house.sign_in().await.expect(200));
    let deleted = contracts::events::UserDeleted { user_id: ada.user() };
    for _ in 0..2 {
        house.test.consume(&deleted).await;
    }
    let page = house.test.app.get(&ada, IDENTITIES).await.expect(200);
    assert_eq!(page["items"], json!([]));
    // Somebody new with the address is somebody new.
    house.test.world.user.lock().unwrap().email = "former@example.org".to_owned();
    let answer = house.sign_in().await.expect(200);
    assert_ne!(House::user(&answer), ada.user());
    assert_eq!(answer["user"]["email"], EMAIL);
}

impl House {
    async fn start_at(&self, slug: &str) -> super::Browser {
        let path = format!("/api/v1/auth/oidc/{slug}/start?tenant=demo");
        let answer = self.test.app.get(&Person::anonymous(), &path).await;
        let location = super::text(&answer, &http::header::LOCATION);
        let cookie = super::text(&answer, &http::header::SET_COOKIE);
        let cookie = cookie.split(';').next().unwrap().to_owned();
        super::Browser { location: location.parse().unwrap(), cookie }
    }
}
