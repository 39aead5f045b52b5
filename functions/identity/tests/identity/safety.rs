//! Mails about what happens to the security of a user's account.

use std::sync::atomic::Ordering;

use contracts::events::{Factor, LoginSucceeded, MfaDisabled, MfaEnabled, TokenReuseDetected};
use kernel::{
    caller::Tenant,
    clock::Clock,
    event::{Envelope, EventData},
    id::{SessionId, TenantId, UserId},
    origin::Origin,
};

use serde_json::json;
use testkit::Person;

use crate::common::{World, admin, path_of};

fn reuse(world: &World, tenant: TenantId, user_id: UserId) -> Envelope {
    let session_id = SessionId::new();
    event_of_auth(world, tenant, &TokenReuseDetected { user_id, session_id })
}

fn event_of_auth(world: &World, tenant: TenantId, data: &impl EventData) -> Envelope {
    let tenant = Tenant::of_internal_call(tenant);
    Envelope::new("auth", world.clock.now(), tenant, &Origin::system("test"), data)
}

#[tokio::test]
async fn a_user_hears_of_changed_factors_and_new_devices_but_not_of_every_sign_in() {
    let world = World::open().await;
    let tenant = TenantId::new();
    let user = world.active(tenant, "ada@example.org").await;
    let user_id = user["id"].as_str().unwrap().parse().unwrap();
    let before = world.mailbox.to("ada@example.org").len();
    let signed_in =
        |is_new_device| LoginSucceeded { user_id, session_id: SessionId::new(), is_new_device };
    let events = [
        event_of_auth(&world, tenant, &MfaEnabled { user_id, factor: Factor::Totp }),
        event_of_auth(&world, tenant, &MfaDisabled { user_id, factor: Factor::Passkey }),
        event_of_auth(&world, tenant, &signed_in(false)),
        event_of_auth(&world, tenant, &signed_in(true)),
    ];
    let consumer = world.module.consumer.clone().unwrap();
    for event in &events {
        consumer.consume(event).await.unwrap();
    }
    let mails = world.mailbox.to("ada@example.org");
    let subjects: Vec<_> = mails[before..].iter().map(|mail| mail.subject.as_str()).collect();
    let expected = [
        "An authenticator app was added to your account",
        "A passkey was removed from your account",
        "A new sign-in to your account",
    ];
    assert_eq!(subjects, expected);
}

#[tokio::test]
async fn a_user_hears_once_of_a_spent_token_that_came_back() {
    let world = World::open().await;
    let tenant = TenantId::new();
    let user = world.active(tenant, "ada@example.org").await;
    let event = reuse(&world, tenant, user["id"].as_str().unwrap().parse().unwrap());
    let before = world.mailbox.to("ada@example.org").len();
    let consumer = world.module.consumer.clone().unwrap();
    consumer.consume(&event).await.unwrap();
    consumer.consume(&event).await.unwrap();
    let mails = world.mailbox.to("ada@example.org");
    assert_eq!(mails.len(), before + 1);
    assert_eq!(mails[before].subject, "Your session was ended for your safety");
}

#[tokio::test]
async fn nobody_is_written_to_who_is_gone_or_never_was() {
    let world = World::open().await;
    let tenant = TenantId::new();
    let user = world.active(tenant, "ada@example.org").await;
    world.app.delete(&admin().of_tenant(tenant), &path_of(&user, "")).await.expect(204);
    let before = world.mailbox.to("ada@example.org").len();
    let consumer = world.module.consumer.clone().unwrap();
    for id in [user["id"].as_str().unwrap().parse().unwrap(), UserId::new()] {
        consumer.consume(&reuse(&world, tenant, id)).await.unwrap();
    }
    assert_eq!(world.mailbox.to("ada@example.org").len(), before);
}

#[tokio::test]
async fn a_user_hears_that_the_password_was_changed_and_from_where() {
    let world = World::open().await;
    world.active(TenantId::new(), "ada@example.org").await;
    reset(&world).await;
    let mail = world.mailbox.to("ada@example.org").pop().unwrap();
    assert_eq!(mail.subject, "Your password was changed");
    assert!(mail.text.contains("2026-05-04 10:00 UTC"), "{}", mail.text);
    assert!(mail.text.contains("from the network address 203.0.113.7"), "{}", mail.text);
}

#[tokio::test]
async fn nobody_hears_of_it_whose_tenant_does_without() {
    let world = World::open().await;
    let tenant = TenantId::new();
    let user = world.active(tenant, "ada@example.org").await;
    world.tenants.wants_security_mail.store(false, Ordering::SeqCst);
    reset(&world).await;
    let consumer = world.module.consumer.clone().unwrap();
    let event = reuse(&world, tenant, user["id"].as_str().unwrap().parse().unwrap());
    consumer.consume(&event).await.unwrap();
    let subject = world.mailbox.to("ada@example.org").pop().unwrap().subject;
    assert_eq!(subject, "Set a new password");
    // The answer is remembered for a minute.
    world.tenants.wants_security_mail.store(true, Ordering::SeqCst);
    world.clock.advance(jiff::SignedDuration::from_mins(1));
    consumer.consume(&event).await.unwrap();
    let subject = world.mailbox.to("ada@example.org").pop().unwrap().subject;
    assert_eq!(subject, "Your session was ended for your safety");
}

#[tokio::test]
async fn a_mail_waits_while_nobody_knows_whether_it_is_wanted() {
    let world = World::open().await;
    let tenant = TenantId::new();
    let user = world.active(tenant, "ada@example.org").await;
    let event = reuse(&world, tenant, user["id"].as_str().unwrap().parse().unwrap());
    let consumer = world.module.consumer.clone().unwrap();
    world.tenants.is_down.store(true, Ordering::SeqCst);
    assert!(consumer.consume(&event).await.is_err());
    world.tenants.is_down.store(false, Ordering::SeqCst);
    consumer.consume(&event).await.unwrap();
    let subject = world.mailbox.to("ada@example.org").pop().unwrap().subject;
    assert_eq!(subject, "Your session was ended for your safety");
}

/// Sets a new password by a mailed link, and delivers what follows from it.
async fn reset(world: &World) {
    let (anybody, path) = (Person::anonymous(), "/api/v1/users/password-reset");
    let body = json!({ "email": "ada@example.org" });
    world.app.post(&anybody, path, &body).await.expect(202);
    world.deliver().await;
    let token = world.mailbox.last_token("ada@example.org");
    let body = json!({ "token": token, "password": "seven seas and one gull" });
    world.app.post(&anybody, &format!("{path}/confirm"), &body).await.expect(204);
    world.deliver().await;
}
