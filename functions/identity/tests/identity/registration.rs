use http::Method;
use kernel::id::TenantId;
use serde_json::{Value, json};

use crate::common::{PASSWORD, World, admin};

#[tokio::test]
async fn a_registered_person_verifies_the_address_and_is_active() {
    let world = World::open().await;
    let tenant = TenantId::new();
    let answer = world.register(tenant, "Ada@Example.org").await;
    assert_eq!(answer.expect(204), Value::Null);

    let check = world.check("ada@example.ORG", PASSWORD).await;
    assert_eq!(check["outcome"], "right");
    let user = &check["user"];
    assert_eq!(user["status"], "pending");
    assert_eq!(user["email"], "Ada@Example.org");
    assert_eq!(user["email_verified"], false);
    assert_eq!(user["first_name"], "Ada");
    assert_eq!(user["last_name"], "Lovelace");
    assert_eq!(user["roles"], json!(["member"]));
    assert_eq!(user["tenant_id"], tenant.to_string());

    assert_eq!(world.news().await, ["platform.user.created"]);
    let mails = world.mailbox.to("Ada@Example.org");
    assert_eq!(mails.len(), 1);
    let token = world.mailbox.last_token("Ada@Example.org");
    let link = format!("https://app.example.org/verify-email?token={token}");
    assert!(mails[0].text.contains(&link), "{}", mails[0].text);

    world.verify(&token).await.expect(204);
    let user = world.check("ada@example.org", PASSWORD).await["user"].clone();
    assert_eq!(user["status"], "active");
    assert_eq!(user["email_verified"], true);
    assert_eq!(user["version"], 2);
    let events = world.deliver().await;
    assert_eq!(events[0].kind, "platform.user.verified");
    assert_eq!(events[0].actor.id.as_deref(), user["id"].as_str());
}

#[tokio::test]
async fn the_token_is_neither_in_the_event_nor_in_the_table() {
    let world = World::open().await;
    world.register(TenantId::new(), "ada@example.org").await.expect(204);
    let events = world.deliver().await;
    let token = world.mailbox.last_token("ada@example.org");
    assert!(!serde_json::to_string(&events).unwrap().contains(&token));
    let user = world.check("ada@example.org", PASSWORD).await["user"].clone();
    let items = world.items_of(&user).await;
    let current = items.iter().find(|item| item["sk"] == "link#verification");
    assert_eq!(current.unwrap()["fingerprint"], kernel::secret::fingerprint(&token));
    assert!(!serde_json::to_string(&items).unwrap().contains(&token));
}

#[tokio::test]
async fn a_taken_address_gets_the_same_answer_and_its_owner_a_mail() {
    let world = World::open().await;
    let owner = world.active(TenantId::new(), "ada@example.org").await;
    world.deliver().await;

    let stranger = TenantId::new();
    let answer = world.register(stranger, "ADA@example.org").await;
    assert_eq!(answer.expect(204), Value::Null);

    let events = world.deliver().await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].kind, "platform.user.mail_requested");
    assert_eq!(events[0].tenant_id.to_string(), owner["tenant_id"].as_str().unwrap());
    let mails = world.mailbox.to("ada@example.org");
    assert_eq!(mails.last().unwrap().subject, "You already have an account");
    // And the account is as it was.
    assert_eq!(world.check("ada@example.org", PASSWORD).await["user"], owner);
}

#[tokio::test]
async fn the_owner_of_a_deleted_account_hears_nothing() {
    let world = World::open().await;
    let tenant = TenantId::new();
    let user = world.active(tenant, "ada@example.org").await;
    let admin = admin().of_tenant(tenant);
    world.app.delete(&admin, &crate::common::path_of(&user, "")).await.expect(204);
    world.deliver().await;
    world.register(tenant, "ada@example.org").await.expect(204);
    assert!(world.deliver().await.is_empty());
    assert_eq!(world.check("ada@example.org", PASSWORD).await["user_id"], Value::Null);
}

#[tokio::test]
async fn everything_that_is_wrong_is_said_at_once() {
    let world = World::open().await;
    let body =
        json!({ "tenant_id": TenantId::new(), "email": "ada", "password": "short", "name": " " });
    let answer =
        world.app.internal(Method::POST, "/internal/identity/registrations", Some(&body)).await;
    answer.expect_invalid(&["/email", "/password", "/name"]);
}

#[tokio::test]
async fn of_many_at_once_one_gets_the_address() {
    let world = World::open().await;
    let admin = admin();
    let body = json!({ "email": "ada@example.org", "first_name": "Ada" });
    let create = || world.app.post(&admin, "/api/v1/users", &body);
    let answers = tokio::join!(create(), create(), create(), create(), create(), create());
    let answers = [answers.0, answers.1, answers.2, answers.3, answers.4, answers.5];
    let mut statuses = answers.map(|answer| answer.status.as_u16());
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409]);
    assert_eq!(world.store.announced_types("identity"), ["platform.user.created"]);
}

#[tokio::test]
async fn a_mail_is_tried_again_and_sent_once() {
    let world = World::open().await;
    world.register(TenantId::new(), "ada@example.org").await.expect(204);
    let event = world.store.announced("identity").remove(0);
    let consumer = world.module.consumer.clone().unwrap();
    world.mailbox.set_broken(true);
    assert!(consumer.consume(&event).await.is_err());
    world.mailbox.set_broken(false);
    consumer.consume(&event).await.unwrap();
    consumer.consume(&event).await.unwrap();
    let mails = world.mailbox.to("ada@example.org");
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].id, event.id.to_string());
}
