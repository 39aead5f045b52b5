use kernel::id::TenantId;
use serde_json::Value;

use crate::common::{FakeAudit, World, admin, path_of};

#[tokio::test]
async fn a_users_activity_comes_page_by_page_out_of_the_audit_log() {
    let world = World::open().await;
    let admin = admin();
    let user = world.create(&admin, "grace@example.org", "Grace", "Hopper").await;
    let mut actions = Vec::new();
    let mut path = path_of(&user, "/activity?limit=2");
    loop {
        let page = world.app.get(&admin, &path).await.expect(200);
        let items = page["items"].as_array().unwrap();
        actions.extend(items.iter().map(|item| item["action"].clone()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = path_of(&user, &format!("/activity?limit=2&cursor={cursor}"));
    }
    let expected: Vec<_> =
        (0..FakeAudit::ENTRIES).rev().map(|n| Value::from(format!("user.action_{n}"))).collect();
    assert_eq!(actions, expected);
    let question = &world.audit.questions()[0];
    assert_eq!((question.tenant, question.limit), (admin.tenant(), 2));
    assert_eq!(Value::from(question.user.to_string()), user["id"]);
}

#[tokio::test]
async fn nobody_asks_about_users_of_others_or_with_the_cursor_of_another_user() {
    let world = World::open().await;
    let admin = admin();
    let user = world.create(&admin, "grace@example.org", "Grace", "Hopper").await;
    let other = world.create(&admin, "ada@example.org", "Ada", "Lovelace").await;
    let stranger = crate::common::admin().of_tenant(TenantId::new());
    let answer = world.app.get(&stranger, &path_of(&user, "/activity")).await;
    answer.expect_problem(404, "user.not_found");
    assert!(world.audit.questions().is_empty());

    let page = world.app.get(&admin, &path_of(&user, "/activity?limit=1")).await.expect(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    let elsewhere = path_of(&other, &format!("/activity?cursor={cursor}"));
    world.app.get(&admin, &elsewhere).await.expect_invalid(&["?cursor"]);
    for query in ["limit=0", "limit=101", "cursor=x"] {
        let pointer = format!("?{}", query.split_once('=').unwrap().0);
        let answer = world.app.get(&admin, &path_of(&user, &format!("/activity?{query}"))).await;
        answer.expect_invalid(&[&pointer]);
    }
}
