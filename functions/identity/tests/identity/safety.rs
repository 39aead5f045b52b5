//! Mails about what happens to a user's sessions.

use contracts::events::TokenReuseDetected;
use kernel::{
    caller::Tenant,
    clock::Clock,
    event::Envelope,
    id::{SessionId, TenantId, UserId},
    origin::Origin,
};

use crate::common::{World, admin, path_of};

fn reuse(world: &World, tenant: TenantId, user_id: UserId) -> Envelope {
    let detected = TokenReuseDetected { user_id, session_id: SessionId::new() };
    let tenant = Tenant::of_internal_call(tenant);
    Envelope::new("auth", world.clock.now(), tenant, &Origin::system("test"), &detected)
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
