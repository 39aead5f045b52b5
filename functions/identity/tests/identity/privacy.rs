//! Events say who somebody is under `personal` and nowhere else: the audit log keeps all but that part for
//! good, so nothing in it needs erasing.

use kernel::id::TenantId;
use serde_json::{Value, json};
use testkit::Person;

use crate::common::{PASSWORD, World, admin, path_of};

const PERSONAL: [&str; 6] =
    ["zerlina", "masetto", "example.org", "example.net", "zerl.i_na", ".png"];

fn without_personal(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("personal");
            fields.values_mut().for_each(without_personal);
        }
        Value::Array(items) => items.iter_mut().for_each(without_personal),
        _ => {}
    }
}

#[tokio::test]
async fn no_event_has_personal_data_outside_its_place() {
    let world = World::open().await;
    let tenant = TenantId::new();
    let (admin, anybody) = (admin().of_tenant(tenant), Person::anonymous());
    let email = "zerlina@example.org";
    world.register_as(tenant, email, PASSWORD, "Zerlina Masetto").await.expect(204);
    world.register_as(tenant, email, PASSWORD, "Zerlina Masetto").await.expect(204);
    world.deliver().await;
    world.verify(&world.mailbox.last_token(email)).await.expect(204);
    let user = world.check(email, PASSWORD).await["user"].clone();
    let id = user["id"].as_str().unwrap().parse().unwrap();
    let me = Person::with(&[]).of_tenant(tenant).as_user(id);
    let profile = json!({
        "first_name": "Zerlina II", "username": "zerl.i_na",
        "avatar_url": "https://example.org/z.png",
    });
    world.app.patch(&me, "/api/v1/users/me", &profile).await.expect(200);
    let reset = json!({ "email": email });
    world.app.post(&anybody, "/api/v1/users/password-reset", &reset).await.expect(202);
    let change = json!({ "new_email": "zerlina@example.net", "password": PASSWORD });
    world.app.post(&me, "/api/v1/users/me/email", &change).await.expect(202);
    world.deliver().await;
    let body = json!({ "token": world.mailbox.last_token("zerlina@example.net") });
    world.app.post(&anybody, "/api/v1/users/email-change/confirm", &body).await.expect(204);
    for step in ["/suspend", "/activate"] {
        world.app.post(&admin, &path_of(&user, step), &json!({})).await.expect(200);
    }
    let line = r#"{"email": "masetto@example.org", "first_name": "Masetto"}"#;
    let kind = [("content-type", "application/x-ndjson")];
    world.app.post_text(&admin, "/api/v1/users/import", line, &kind).await.expect(202);
    world.deliver().await;
    world.app.delete(&admin, &path_of(&user, "")).await.expect(204);

    let events = world.store.announced("identity");
    assert!(events.len() > 12, "{}", events.len());
    for event in events {
        let mut kept = serde_json::to_value(&event).unwrap();
        without_personal(&mut kept);
        let text = kept.to_string().to_lowercase();
        for word in PERSONAL {
            assert!(!text.contains(word), "{word} in {text}");
        }
    }
}
