//! Several register with one address before anybody has proven to be its owner.

use jiff::SignedDuration;
use kernel::id::TenantId;
use serde_json::json;
use testkit::assert_cost;

use crate::common::{PASSWORD, World, admin};

const EMAIL: &str = "ada@example.org";
const OTHER_PASSWORD: &str = "seven seas and one gull";

/// Mallory has registered with Ada's address, and then Ada has. Gives the tokens of both mails.
async fn contested() -> (World, [String; 2]) {
    let world = World::open().await;
    let mut tokens = Vec::new();
    for (password, name) in [(PASSWORD, "Mallory Mean"), (OTHER_PASSWORD, "Ada King")] {
        world.register_as(TenantId::new(), EMAIL, password, name).await.expect(204);
        world.deliver().await;
        tokens.push(world.mailbox.last_token(EMAIL));
    }
    (world, tokens.try_into().unwrap())
}

impl World {
    async fn assert_password(&self, right: Option<&str>) {
        for password in [PASSWORD, OTHER_PASSWORD] {
            let expected = if right == Some(password) { "right" } else { "wrong" };
            assert_eq!(self.check(EMAIL, password).await["outcome"], expected, "{password}");
        }
    }
}

#[tokio::test]
async fn each_registration_gets_a_link_of_its_own() {
    let (world, [first, second]) = contested().await;
    assert_ne!(first, second);
    let subjects: Vec<_> = world.mailbox.to(EMAIL).into_iter().map(|mail| mail.subject).collect();
    assert_eq!(
        subjects,
        ["Please confirm your e-mail address", "Please confirm your registration"]
    );
    assert!(world.mailbox.to(EMAIL)[1].text.starts_with("Hello Ada King,"));
    // Nothing is confirmed yet.
    world.assert_password(Some(PASSWORD)).await;
    assert_eq!(world.sign_in_copy(EMAIL).await["status"], "pending");
}

#[tokio::test]
async fn a_link_confirms_the_password_and_name_that_were_given_with_it() {
    let (world, [first, second]) = contested().await;
    world.verify(&second).await.expect(204);
    world.assert_password(Some(OTHER_PASSWORD)).await;
    let user = world.check(EMAIL, OTHER_PASSWORD).await["user"].clone();
    assert_eq!(user["status"], "active");
    assert_eq!((&user["first_name"], &user["last_name"]), (&json!("Ada"), &json!("King")));
    assert_eq!(world.news().await, ["platform.user.updated", "platform.user.verified"]);
    for token in [first, second] {
        world.verify(&token).await.expect_problem(422, "user.link_invalid");
    }
    world.assert_password(Some(OTHER_PASSWORD)).await;
}

#[tokio::test]
async fn the_first_link_still_confirms_the_first_password_and_ends_the_others() {
    let (world, [first, second]) = contested().await;
    world.verify(&first).await.expect(204);
    world.assert_password(Some(PASSWORD)).await;
    world.verify(&second).await.expect_problem(422, "user.link_invalid");
    world.assert_password(Some(PASSWORD)).await;
}

#[tokio::test]
async fn a_link_is_not_ended_by_who_registers_next() {
    let (world, [_, second]) = contested().await;
    world.register(TenantId::new(), EMAIL).await.expect(204);
    world.resend(EMAIL).await.expect(202);
    world.verify(&second).await.expect(204);
    world.assert_password(Some(OTHER_PASSWORD)).await;
}

#[tokio::test]
async fn a_link_sent_again_confirms_no_password_of_several() {
    let (world, [first, second]) = contested().await;
    world.resend(EMAIL).await.expect(202);
    world.deliver().await;
    let mail = world.mailbox.to(EMAIL).pop().unwrap();
    assert!(mail.text.contains("none of the passwords"), "{}", mail.text);
    let token = world.mailbox.last_token(EMAIL);
    world.verify(&token).await.expect(204);
    assert_eq!(world.sign_in_copy(EMAIL).await["status"], "active");
    world.assert_password(None).await;
    for token in [first, second] {
        world.verify(&token).await.expect_problem(422, "user.link_invalid");
    }
}

#[tokio::test]
async fn a_link_sent_again_before_the_second_registration_confirms_no_password_either() {
    let world = World::open().await;
    world.register(TenantId::new(), EMAIL).await.expect(204);
    world.resend(EMAIL).await.expect(202);
    world.deliver().await;
    let token = world.mailbox.last_token(EMAIL);
    world.register_as(TenantId::new(), EMAIL, OTHER_PASSWORD, "Ada").await.expect(204);
    world.verify(&token).await.expect(204);
    world.assert_password(None).await;
}

#[tokio::test]
async fn a_link_of_a_further_registration_is_good_for_a_day() {
    let (world, [_, second]) = contested().await;
    world.clock.advance(SignedDuration::from_hours(24));
    world.verify(&second).await.expect_problem(422, "user.link_invalid");
}

#[tokio::test]
async fn of_two_links_at_once_one_is_followed() {
    let (world, [first, second]) = contested().await;
    let (one, other) = tokio::join!(world.verify(&first), world.verify(&second));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 422]);
}

#[tokio::test]
async fn a_reset_settles_it_too() {
    let (world, [_, second]) = contested().await;
    let anybody = testkit::Person::anonymous();
    let body = json!({ "email": EMAIL });
    world.app.post(&anybody, "/api/v1/users/password-reset", &body).await.expect(202);
    world.deliver().await;
    let body = json!({ "token": world.mailbox.last_token(EMAIL), "password": PASSWORD });
    world.app.post(&anybody, "/api/v1/users/password-reset/confirm", &body).await.expect(204);
    world.verify(&second).await.expect_problem(422, "user.link_invalid");
    world.assert_password(Some(PASSWORD)).await;
}

#[tokio::test]
async fn nobody_registers_for_a_user_of_an_administrator() {
    let world = World::open().await;
    world.create(&admin(), EMAIL, "Ada", "Lovelace").await;
    world.register_as(TenantId::new(), EMAIL, OTHER_PASSWORD, "Mallory").await.expect(204);
    world.deliver().await;
    let mail = world.mailbox.to(EMAIL).pop().unwrap();
    assert_eq!(mail.subject, "You already have an account");
    world.assert_password(None).await;
}

#[tokio::test]
async fn every_registration_is_one_read_and_one_write() {
    let world = World::open().await;
    for _ in 0..3 {
        assert_cost(world.register(TenantId::new(), EMAIL), 2, 2).await.expect(204);
    }
}
