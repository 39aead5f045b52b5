//! Another e-mail address for an account: by whom, to what, and how it is taken back.

use jiff::SignedDuration;
use kernel::{caller::Credential, id::TenantId, origin::ActorKind};
use serde_json::{Value, json};
use testkit::{Answer, Person};

use crate::common::{PASSWORD, World, admin, path_of};

const OLD: &str = "ada@example.org";
const NEW: &str = "ada@example.net";
const OTHER_PASSWORD: &str = "seven seas and one gull";

impl World {
    async fn ask_for_address(&self, user: &Value, email: &str, password: &str) -> Answer {
        let body = json!({ "new_email": email, "password": password });
        self.app.post(&person(user), "/api/v1/users/me/email", &body).await
    }

    async fn follow(&self, what: &str, token: &str) -> Answer {
        let path = format!("/api/v1/users/email-change/{what}");
        self.app.post(&Person::anonymous(), &path, &json!({ "token": token })).await
    }

    /// Asks for another address, and gives the tokens mailed to the new one and to the old one.
    async fn asked(&self, user: &Value, old: &str, new: &str) -> (String, String) {
        self.ask_for_address(user, new, PASSWORD).await.expect(202);
        self.deliver().await;
        (self.mailbox.last_token(new), self.mailbox.last_token(old))
    }

    /// Changes the address, and gives the token that was mailed to the old one afterwards.
    async fn moved(&self, user: &Value, old: &str, new: &str) -> String {
        let (token, _) = self.asked(user, old, new).await;
        self.follow("confirm", &token).await.expect(204);
        self.deliver().await;
        self.mailbox.last_token(old)
    }

    /// The token of a mail with which a new password is set; other mails may have come after it.
    #[track_caller]
    fn last_reset_token(&self, email: &str) -> String {
        let mails = self.mailbox.to(email);
        let mail = mails.iter().rfind(|mail| mail.subject == "Set a new password").unwrap();
        mail.text.split_once("code: ").unwrap().1.lines().next().unwrap().to_owned()
    }

    async fn outcome(&self, email: &str, password: &str) -> Value {
        self.check(email, password).await["outcome"].clone()
    }
}

fn person(user: &Value) -> Person {
    let (id, tenant) = (user["id"].as_str().unwrap(), user["tenant_id"].as_str().unwrap());
    Person::with(&[]).of_tenant(tenant.parse().unwrap()).as_user(id.parse().unwrap())
}

#[tokio::test]
async fn an_address_changes_when_the_new_one_confirms() {
    let world = World::open().await;
    let tenant = TenantId::new();
    let user = world.active(tenant, OLD).await;
    let (token, _) = world.asked(&user, OLD, NEW).await;
    assert_eq!(world.outcome(OLD, PASSWORD).await, "right");
    assert_eq!(world.outcome(NEW, PASSWORD).await, "wrong");

    world.follow("confirm", &token).await.expect(204);
    assert_eq!(world.outcome(OLD, PASSWORD).await, "wrong");
    assert_eq!(world.check(NEW, PASSWORD).await["user"]["email"], NEW);
    let me = world.app.get(&person(&user), "/api/v1/users/me").await.expect(200);
    assert_eq!((&me["email"], &me["email_verified"]), (&json!(NEW), &json!(true)));
    assert_eq!(world.news().await, ["platform.user.updated", "platform.user.mail_requested"]);
    for (q, found) in [(NEW, 1), (OLD, 0)] {
        let path = format!("/api/v1/users?q={q}");
        let page = world.app.get(&admin().of_tenant(tenant), &path).await.expect(200);
        assert_eq!(page["items"].as_array().unwrap().len(), found, "{q}");
    }
    world.follow("confirm", &token).await.expect_problem(422, "user.link_invalid");
}

#[tokio::test]
async fn who_asks_for_an_address_proves_the_password_and_names_another_one() {
    let world = World::open().await;
    let user = world.active(TenantId::new(), OLD).await;
    let wrong = world.ask_for_address(&user, NEW, "not the password").await;
    wrong.expect_problem(403, "auth.wrong_password");
    world.ask_for_address(&user, "ADA@Example.org", PASSWORD).await.expect_invalid(&["/new_email"]);
    for email in ["", "x", "\0", &"x".repeat(10_000)] {
        world.ask_for_address(&user, email, PASSWORD).await.expect_invalid(&["/new_email"]);
    }
    assert_eq!(world.news().await, ["platform.user.verified"]);
}

#[tokio::test]
async fn the_answer_does_not_tell_that_an_address_is_taken_but_its_owner_hears() {
    let world = World::open().await;
    let user = world.active(TenantId::new(), OLD).await;
    world.active(TenantId::new(), NEW).await;
    world.deliver().await;
    let before = world.mailbox.to(NEW).len();
    let free = world.ask_for_address(&user, "free@example.net", PASSWORD).await;
    let taken = world.ask_for_address(&user, NEW, PASSWORD).await;
    assert_eq!((taken.status, &taken.body), (free.status, &free.body));
    let told = world.deliver().await.pop().unwrap();
    let mails = world.mailbox.to(NEW);
    assert_eq!(mails.len(), before + 1);
    assert_eq!(mails[before].subject, "Somebody wanted to use your address");
    assert!(!mails[before].text.contains("code:"));
    // The other tenant's audit log does not learn who it was.
    assert_eq!((told.actor.kind, told.actor.id), (ActorKind::Anonymous, None));
    assert_eq!(world.outcome(NEW, PASSWORD).await, "right");
}

#[tokio::test]
async fn an_address_that_is_taken_meanwhile_is_not_had() {
    let world = World::open().await;
    let user = world.active(TenantId::new(), OLD).await;
    let (token, _) = world.asked(&user, OLD, NEW).await;
    world.create(&admin(), NEW, "Another", "Ada").await;
    world.follow("confirm", &token).await.expect_problem(409, "user.email_taken");
    assert_eq!(world.outcome(OLD, PASSWORD).await, "right");
}

#[tokio::test]
async fn of_two_who_confirm_at_once_one_does() {
    let world = World::open().await;
    let user = world.active(TenantId::new(), OLD).await;
    let (token, _) = world.asked(&user, OLD, NEW).await;
    let (one, other) =
        tokio::join!(world.follow("confirm", &token), world.follow("confirm", &token));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 422]);
    assert_eq!(world.outcome(NEW, PASSWORD).await, "right");
}

#[tokio::test]
async fn the_old_address_takes_a_change_back_and_with_it_sessions_and_password() {
    let world = World::open().await;
    let user = world.active(TenantId::new(), OLD).await;
    let token = world.moved(&user, OLD, NEW).await;
    world.follow("revert", &token).await.expect(204);
    for email in [OLD, NEW] {
        assert_eq!(world.outcome(email, PASSWORD).await, "wrong", "{email}");
    }
    let events = world.deliver().await;
    let kinds: Vec<_> = events.iter().map(|event| event.kind.as_str()).collect();
    let expected = [
        "platform.user.updated",
        "platform.auth.password_changed",
        "platform.auth.password_reset_requested",
    ];
    assert_eq!(kinds, expected);
    assert_eq!(events[1].data["kept_session_id"], Value::Null);

    let token = world.last_reset_token(OLD);
    let body = json!({ "token": token, "password": OTHER_PASSWORD });
    let path = "/api/v1/users/password-reset/confirm";
    world.app.post(&Person::anonymous(), path, &body).await.expect(204);
    assert_eq!(world.outcome(OLD, OTHER_PASSWORD).await, "right");
    // The other address is free again.
    world.create(&admin(), NEW, "Another", "Ada").await;
}

#[tokio::test]
async fn the_old_address_prevents_a_change_that_is_not_confirmed() {
    let world = World::open().await;
    let user = world.active(TenantId::new(), OLD).await;
    let (confirm, revert) = world.asked(&user, OLD, NEW).await;
    world.follow("revert", &revert).await.expect(204);
    world.follow("confirm", &confirm).await.expect_problem(422, "user.link_invalid");
    world.follow("revert", &revert).await.expect_problem(422, "user.link_invalid");
    assert_eq!(world.outcome(OLD, PASSWORD).await, "wrong");
    world.deliver().await;
    world.last_reset_token(OLD);
}

#[tokio::test]
async fn asking_again_does_not_take_the_old_addresss_word_away() {
    let world = World::open().await;
    let user = world.active(TenantId::new(), OLD).await;
    let (first, revert) = world.asked(&user, OLD, NEW).await;
    let (second, _) = world.asked(&user, OLD, "ada@example.com").await;
    world.follow("confirm", &first).await.expect_problem(422, "user.link_invalid");
    world.follow("confirm", &second).await.expect(204);
    world.follow("revert", &revert).await.expect(204);
    assert_eq!(world.sign_in_copy(OLD).await["status"], "active");
}

#[tokio::test]
async fn for_a_week_nobody_gets_the_old_address_and_the_new_one_stays() {
    let world = World::open().await;
    let (tenant, others) = (TenantId::new(), TenantId::new());
    let user = world.active(tenant, OLD).await;
    let token = world.moved(&user, OLD, NEW).await;
    let before = world.mailbox.to(OLD).len();
    world.register(others, OLD).await.expect(204);
    world.resend(OLD).await.expect(202);
    world.deliver().await;
    assert_eq!(world.mailbox.to(OLD).len(), before);
    let body = json!({ "email": OLD, "first_name": "Ada" });
    let taken = world.app.post(&admin(), "/api/v1/users", &body).await;
    taken.expect_problem(409, "user.email_taken");
    let again = world.ask_for_address(&user, "ada@example.com", PASSWORD).await;
    again.expect_problem(409, "user.email_changed_recently");

    world.clock.advance(SignedDuration::from_hours(7 * 24));
    world.follow("revert", &token).await.expect_problem(422, "user.link_invalid");
    world.active(others, OLD).await;
    let (confirm, _) = world.asked(&user, NEW, "ada@example.com").await;
    world.follow("confirm", &confirm).await.expect(204);
    assert_eq!(world.outcome("ada@example.com", PASSWORD).await, "right");
    assert_eq!(world.outcome(OLD, PASSWORD).await, "right");
}

#[tokio::test]
async fn a_new_password_ends_a_change_that_is_not_confirmed() {
    let world = World::open().await;
    let user = world.active(TenantId::new(), OLD).await;
    let (confirm, _) = world.asked(&user, OLD, NEW).await;
    let reset = "/api/v1/users/password-reset";
    let anybody = Person::anonymous();
    world.app.post(&anybody, reset, &json!({ "email": OLD })).await.expect(202);
    world.deliver().await;
    let body = json!({ "token": world.mailbox.last_token(OLD), "password": OTHER_PASSWORD });
    world.app.post(&anybody, &format!("{reset}/confirm"), &body).await.expect(204);
    world.follow("confirm", &confirm).await.expect_problem(422, "user.link_invalid");
}

#[tokio::test]
async fn links_that_change_an_address_are_good_for_nothing_else() {
    let world = World::open().await;
    let tenant = TenantId::new();
    let user = world.active(tenant, OLD).await;
    let (confirm, revert) = world.asked(&user, OLD, NEW).await;
    for token in [&confirm, &revert] {
        world.verify(token).await.expect_problem(422, "user.link_invalid");
    }
    world.follow("confirm", &revert).await.expect_problem(422, "user.link_invalid");
    world.follow("revert", &confirm).await.expect_problem(422, "user.link_invalid");
    for token in ["", "\0", "x", &"x".repeat(100_000)] {
        world.follow("confirm", token).await.expect_problem(422, "user.link_invalid");
    }
    // Nor for who is shut out, or gone.
    world
        .app
        .post(&admin().of_tenant(tenant), &path_of(&user, "/suspend"), &json!({}))
        .await
        .expect(200);
    world.follow("confirm", &confirm).await.expect_problem(422, "user.link_invalid");
    world.follow("revert", &revert).await.expect_problem(422, "user.link_invalid");
    world.app.delete(&admin().of_tenant(tenant), &path_of(&user, "")).await.expect(204);
    world.follow("revert", &revert).await.expect_problem(422, "user.link_invalid");
}

#[tokio::test]
async fn wishes_for_an_address_count_with_all_mails_that_are_asked_for_there() {
    let world = World::limited().await;
    let user = world.active(TenantId::new(), OLD).await;
    for n in 0..10 {
        let from = Person::anonymous().at(&format!("198.51.100.{n}"));
        let body = json!({ "email": NEW });
        world.app.post(&from, "/api/v1/users/password-reset", &body).await.expect(202);
    }
    // Whoever does not know the password does not learn how often others have asked.
    let wrong = world.ask_for_address(&user, NEW, OTHER_PASSWORD).await;
    wrong.expect_problem(403, "auth.wrong_password");
    let problem = world.ask_for_address(&user, NEW, PASSWORD).await;
    let problem = problem.expect_problem(429, "request.throttled");
    assert_eq!(problem["violated-policies"], json!(["reset-account"]));
}

#[tokio::test]
async fn guesses_at_the_password_count_as_guesses_at_a_sign_in() {
    let world = World::limited().await;
    let user = world.active(TenantId::new(), OLD).await;
    let mut throttled = None;
    for _ in 0..100 {
        let answer = world.ask_for_address(&user, NEW, OTHER_PASSWORD).await;
        if answer.status == 429 {
            throttled = Some(answer.expect_problem(429, "request.throttled"));
            break;
        }
        answer.expect_problem(403, "auth.wrong_password");
    }
    assert_eq!(throttled.unwrap()["violated-policies"], json!(["sign-in"]));
}

#[tokio::test]
async fn no_program_moves_a_persons_account() {
    let world = World::open().await;
    let user = world.active(TenantId::new(), OLD).await;
    let body = json!({ "new_email": NEW, "password": PASSWORD });
    for credential in [Credential::ApiKey, Credential::Client] {
        let program = person(&user).by(credential);
        let refused = world.app.post(&program, "/api/v1/users/me/email", &body).await;
        refused.expect_problem(403, "auth.session_required");
    }
    world.deliver().await;
    assert!(world.mailbox.to(NEW).is_empty());
}
