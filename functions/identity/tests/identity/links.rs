use jiff::SignedDuration;
use kernel::{id::TenantId, origin::ActorKind};
use serde_json::{Value, json};
use testkit::{Answer, Person};

use crate::common::{PASSWORD, World, admin, path_of};

const OTHER_PASSWORD: &str = "seven seas and one gull";

impl World {
    async fn ask_for_reset(&self, email: &str) -> Answer {
        let path = "/api/v1/users/password-reset";
        self.app.post(&Person::anonymous(), path, &json!({ "email": email })).await
    }

    async fn confirm_reset(&self, token: &str, password: &str) -> Answer {
        let path = "/api/v1/users/password-reset/confirm";
        let body = json!({ "token": token, "password": password });
        self.app.post(&Person::anonymous(), path, &body).await
    }

    /// Asks for a reset and gives the mailed token.
    async fn reset_token(&self, email: &str) -> String {
        self.ask_for_reset(email).await.expect(202);
        self.deliver().await;
        self.mailbox.last_token(email)
    }
}

#[tokio::test]
async fn a_verification_link_works_once() {
    let world = World::open().await;
    world.register(TenantId::new(), "ada@example.org").await.expect(204);
    world.deliver().await;
    let token = world.mailbox.last_token("ada@example.org");
    world.verify(&token).await.expect(204);
    world.verify(&token).await.expect_problem(422, "user.link_invalid");
    assert_eq!(world.news().await, ["platform.user.verified"]);
}

#[tokio::test]
async fn who_follows_a_link_is_named_as_the_actor() {
    let world = World::open().await;
    let user = world.active(TenantId::new(), "ada@example.org").await;
    let token = world.reset_token("ada@example.org").await;
    world.confirm_reset(&token, OTHER_PASSWORD).await.expect(204);
    let events = world.store.announced("identity");
    let actors: Vec<_> = events
        .iter()
        .map(|event| (event.kind.as_str(), event.actor.kind, event.actor.id.as_deref()))
        .collect();
    let (somebody, ada) = (ActorKind::Anonymous, user["id"].as_str());
    let expected = [
        ("platform.user.created", somebody, None),
        ("platform.user.verified", ActorKind::User, ada),
        ("platform.auth.password_reset_requested", somebody, None),
        ("platform.auth.password_changed", ActorKind::User, ada),
    ];
    assert_eq!(actors, expected);
}

#[tokio::test]
async fn of_many_uses_at_once_one_works() {
    let world = World::open().await;
    world.active(TenantId::new(), "ada@example.org").await;
    let token = world.reset_token("ada@example.org").await;
    let use_it = || world.confirm_reset(&token, OTHER_PASSWORD);
    let answers = tokio::join!(use_it(), use_it(), use_it());
    let mut statuses = [answers.0, answers.1, answers.2].map(|answer| answer.status.as_u16());
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 422, 422]);
    assert_eq!(world.news().await, ["platform.auth.password_changed"]);
}

#[tokio::test]
async fn a_verification_link_is_good_for_a_day() {
    let world = World::open().await;
    world.register(TenantId::new(), "ada@example.org").await.expect(204);
    world.deliver().await;
    let token = world.mailbox.last_token("ada@example.org");
    world.clock.advance(SignedDuration::from_hours(24));
    world.verify(&token).await.expect_problem(422, "user.link_invalid");
    assert_eq!(world.check("ada@example.org", PASSWORD).await["user"]["status"], "pending");
}

#[tokio::test]
async fn a_new_link_takes_the_place_of_the_old_one() {
    let world = World::open().await;
    world.register(TenantId::new(), "ada@example.org").await.expect(204);
    world.deliver().await;
    let old = world.mailbox.last_token("ada@example.org");
    assert_eq!(world.resend("ADA@example.org").await.expect(202), Value::Null);
    world.deliver().await;
    let new = world.mailbox.last_token("ada@example.org");
    assert_ne!(old, new);
    world.verify(&old).await.expect_problem(422, "user.link_invalid");
    world.verify(&new).await.expect(204);
}

#[tokio::test]
async fn nothing_is_sent_again_to_the_verified_and_the_unknown() {
    let world = World::open().await;
    world.active(TenantId::new(), "ada@example.org").await;
    world.deliver().await;
    for email in ["ada@example.org", "nobody@example.org"] {
        assert_eq!(world.resend(email).await.expect(202), Value::Null);
    }
    assert!(world.deliver().await.is_empty());
    world.resend("not an address").await.expect_invalid(&["/email"]);
}

#[tokio::test]
async fn a_token_of_no_link_is_refused_whatever_it_looks_like() {
    let world = World::open().await;
    for token in ["", "x", "\0", "💥", &"x".repeat(100_000)] {
        world.verify(token).await.expect_problem(422, "user.link_invalid");
        world.confirm_reset(token, OTHER_PASSWORD).await.expect_problem(422, "user.link_invalid");
    }
}

#[tokio::test]
async fn a_link_serves_no_other_purpose() {
    let world = World::open().await;
    world.register(TenantId::new(), "ada@example.org").await.expect(204);
    world.deliver().await;
    let verification = world.mailbox.last_token("ada@example.org");
    world
        .confirm_reset(&verification, OTHER_PASSWORD)
        .await
        .expect_problem(422, "user.link_invalid");
    let reset = world.reset_token("ada@example.org").await;
    world.verify(&reset).await.expect_problem(422, "user.link_invalid");
}

#[tokio::test]
async fn a_reset_sets_the_password_and_ends_every_session() {
    let world = World::open().await;
    world.active(TenantId::new(), "ada@example.org").await;
    world.deliver().await;
    // However it is spelt here, the mail goes to the address on record.
    world.ask_for_reset("ADA@example.org").await.expect(202);
    world.deliver().await;
    let token = world.mailbox.last_token("ada@example.org");
    let text = world.mailbox.to("ada@example.org").last().unwrap().text.clone();
    assert!(
        text.contains(&format!("https://app.example.org/reset-password?token={token}")),
        "{text}"
    );

    world.confirm_reset(&token, OTHER_PASSWORD).await.expect(204);
    let events = world.deliver().await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].kind, "platform.auth.password_changed");
    assert_eq!(events[0].data["kept_session_id"], Value::Null);
    assert_eq!(world.check("ada@example.org", PASSWORD).await["outcome"], "wrong");
    assert_eq!(world.check("ada@example.org", OTHER_PASSWORD).await["outcome"], "right");
    world.confirm_reset(&token, PASSWORD).await.expect_problem(422, "user.link_invalid");
}

#[tokio::test]
async fn a_reset_link_survives_a_bad_password_but_not_an_hour() {
    let world = World::open().await;
    world.active(TenantId::new(), "ada@example.org").await;
    let token = world.reset_token("ada@example.org").await;
    world.confirm_reset(&token, "short").await.expect_invalid(&["/password"]);
    world.clock.advance(SignedDuration::from_mins(60));
    world.confirm_reset(&token, OTHER_PASSWORD).await.expect_problem(422, "user.link_invalid");
}

#[tokio::test]
async fn a_reset_proves_the_address_too() {
    let world = World::open().await;
    let tenant = TenantId::new();
    let created = world.create(&admin().of_tenant(tenant), "grace@example.org", "Grace", "").await;
    assert_eq!(created["status"], "pending");
    world.deliver().await;
    let verification = world.mailbox.last_token("grace@example.org");
    let token = world.reset_token("grace@example.org").await;
    world.confirm_reset(&token, OTHER_PASSWORD).await.expect(204);
    let events = world.news().await;
    assert_eq!(events, ["platform.auth.password_changed", "platform.user.verified"]);
    let check = world.check("grace@example.org", OTHER_PASSWORD).await;
    assert_eq!(check["user"]["status"], "active");
    world.verify(&verification).await.expect_problem(422, "user.link_invalid");
}

#[tokio::test]
async fn no_reset_for_the_unknown_the_suspended_and_the_deleted() {
    let world = World::open().await;
    let tenant = TenantId::new();
    let admin = admin().of_tenant(tenant);
    let suspended = world.active(tenant, "suspended@example.org").await;
    let deleted = world.active(tenant, "deleted@example.org").await;
    let token = world.reset_token("suspended@example.org").await;
    world.app.post(&admin, &path_of(&suspended, "/suspend"), &json!({})).await.expect(200);
    world.app.delete(&admin, &path_of(&deleted, "")).await.expect(204);
    world.deliver().await;
    for email in ["suspended@example.org", "deleted@example.org", "nobody@example.org"] {
        assert_eq!(world.ask_for_reset(email).await.expect(202), Value::Null);
    }
    assert!(world.deliver().await.is_empty());
    world.confirm_reset(&token, OTHER_PASSWORD).await.expect_problem(422, "user.link_invalid");
}

#[tokio::test]
async fn mails_for_one_account_are_limited_wherever_they_are_asked_for() {
    let world = World::limited().await;
    let path = "/api/v1/users/password-reset";
    // Whether or not the address has an account.
    world.active(TenantId::new(), "ada@example.org").await;
    for email in ["ada@example.org", "nobody@example.org"] {
        let ask = async |n: usize, email: &str| {
            let from = Person::anonymous().at(&format!("198.51.100.{n}"));
            world.app.post(&from, path, &json!({ "email": email })).await
        };
        for n in 0..10 {
            ask(n, email).await.expect(202);
        }
        let problem = ask(10, &email.to_uppercase()).await;
        let problem = problem.expect_problem(429, "request.throttled");
        assert_eq!(problem["violated-policies"], json!(["reset-account"]));
        // Another way to the same inbox.
        world.resend(email).await.expect_problem(429, "request.throttled");
    }
}
