//! Changing and deleting roles.

use contracts::{
    authz::SYSTEM_ROLES,
    generated::permissions::{ROLE_DELETE, ROLE_READ, ROLE_UPDATE, TENANT_READ, USER_DELETE},
};
use http::Method;
use jiff::SignedDuration;
use kernel::id::UserId;
use serde_json::{Value, json};

use crate::support::{Service, assign, colleague, create_role, give, open, owner, role_path};

fn last_event(service: &Service) -> (String, Value) {
    let event = service.store.announced("authz").pop().unwrap();
    (event.kind, event.data)
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_nothing_else() {
    let service = open().await;
    let owner = owner();
    let role = create_role(&service.app, &owner, "Editor", &[ROLE_READ]).await;
    let path = role_path(&role);
    service.clock.advance(SignedDuration::from_secs(60));

    let answer = service.app.patch(&owner, &path, &json!({"description": "Writes."})).await;
    assert_eq!(answer.etag(), "\"2\"");
    let changed = answer.expect(200);
    assert_eq!(changed["name"], "Editor");
    assert_eq!(changed["description"], "Writes.");
    assert_eq!(changed["permissions"], json!([ROLE_READ]));
    assert_eq!(changed["created_at"], role["created_at"]);
    assert_eq!(changed["updated_at"], "2026-03-01T12:01:00Z");
    assert_eq!(service.app.get(&owner, &path).await.expect(200), changed);
    let data = json!({"role_id": role["id"], "name": "Editor", "changed": ["description"]});
    assert_eq!(last_event(&service), ("platform.role.updated".to_owned(), data));
}

#[tokio::test]
async fn a_patch_that_changes_nothing_writes_and_announces_nothing() {
    let service = open().await;
    let owner = owner();
    let role = create_role(&service.app, &owner, "Editor", &[]).await;
    for body in [json!({}), json!({"name": "Editor", "description": ""})] {
        let same = service.app.patch(&owner, &role_path(&role), &body).await.expect(200);
        assert_eq!(same, role);
    }
    assert_eq!(service.store.announced_types("authz"), ["platform.role.created"]);
}

#[tokio::test]
async fn a_renamed_role_gives_its_old_name_free() {
    let service = open().await;
    let owner = owner();
    let editor = create_role(&service.app, &owner, "Editor", &[]).await;
    create_role(&service.app, &owner, "Author", &[]).await;
    let path = role_path(&editor);
    for taken in ["AUTHOR", "Owner"] {
        let answer = service.app.patch(&owner, &path, &json!({"name": taken})).await;
        answer.expect_problem(409, "role.name_taken");
    }
    // Its own name in another spelling is not taken.
    let spelled = service.app.patch(&owner, &path, &json!({"name": "EDITOR"})).await.expect(200);
    assert_eq!(spelled["name"], "EDITOR");
    service.app.patch(&owner, &path, &json!({"name": "Reviewer"})).await.expect(200);
    create_role(&service.app, &owner, "Editor", &[]).await;
    let answer = service.app.post(&owner, "/api/v1/roles", &json!({"name": "reviewer"})).await;
    answer.expect_problem(409, "role.name_taken");
}

#[tokio::test]
async fn permissions_are_replaced_and_the_difference_is_announced() {
    let service = open().await;
    let owner = owner();
    let role = create_role(&service.app, &owner, "Editor", &[ROLE_READ]).await;
    let path = format!("{}/permissions", role_path(&role));
    let body = json!({"permissions": [TENANT_READ, USER_DELETE]});
    let changed = service.app.put(&owner, &path, &body).await.expect(200);
    assert_eq!(changed["permissions"], json!([TENANT_READ, USER_DELETE]));
    assert_eq!(changed["version"], 2);
    let same = service.app.put(&owner, &path, &body).await.expect(200);
    assert_eq!(same, changed);

    let events = service.store.announced("authz");
    let kinds: Vec<_> = events.iter().map(|event| event.kind.as_str()).collect();
    let expected =
        ["platform.role.created", "platform.permission.granted", "platform.permission.revoked"];
    assert_eq!(kinds, expected);
    assert_eq!(events[1].data["permissions"], json!([TENANT_READ, USER_DELETE]));
    assert_eq!(events[2].data["permissions"], json!([ROLE_READ]));

    let unknown = json!({"permissions": [ROLE_READ, "no.such"]});
    service.app.put(&owner, &path, &unknown).await.expect_invalid(&["/permissions/1"]);
}

#[tokio::test]
async fn nobody_changes_a_role_that_gives_more_than_they_hold() {
    let service = open().await;
    let owner = owner();
    let role = create_role(&service.app, &owner, "Boss", &[USER_DELETE]).await;
    let path = role_path(&role);
    let weak = colleague(&owner, &[ROLE_UPDATE, ROLE_DELETE, ROLE_READ]);
    let put = format!("{path}/permissions");
    let app = &service.app;
    let answers = [
        app.patch(&weak, &path, &json!({"name": "Fool"})).await,
        app.put(&weak, &put, &json!({"permissions": []})).await,
        app.put(&weak, &put, &json!({"permissions": [USER_DELETE, ROLE_READ]})).await,
        app.delete(&weak, &path).await,
    ];
    for answer in answers {
        answer.expect_problem(403, "role.escalation");
    }
    let harmless = create_role(app, &owner, "Reader", &[ROLE_READ]).await;
    let put = format!("{}/permissions", role_path(&harmless));
    let raise = json!({"permissions": [ROLE_READ, USER_DELETE]});
    app.put(&weak, &put, &raise).await.expect_problem(403, "role.escalation");
    app.put(&weak, &put, &json!({"permissions": [ROLE_UPDATE]})).await.expect(200);
    assert_eq!(app.get(&weak, &path).await.expect(200), role);
}

#[tokio::test]
async fn system_roles_cannot_be_changed_or_deleted() {
    let service = open().await;
    let owner = owner();
    for role in SYSTEM_ROLES {
        let path = format!("/api/v1/roles/{}", role.id);
        let put = format!("{path}/permissions");
        let answers = [
            service.app.patch(&owner, &path, &json!({"name": "x"})).await,
            service.app.put(&owner, &put, &json!({"permissions": []})).await,
            service.app.delete(&owner, &path).await,
        ];
        for answer in answers {
            answer.expect_problem(409, "role.system");
        }
    }
}

#[tokio::test]
async fn a_stale_version_is_refused() {
    let service = open().await;
    let owner = owner();
    let role = create_role(&service.app, &owner, "Editor", &[]).await;
    let path = role_path(&role);
    service.app.patch(&owner, &path, &json!({"name": "Author"})).await.expect(200);
    let stale = [("if-match", "\"1\"")];
    let name = json!({"name": "x"});
    let permissions = json!({"permissions": [ROLE_READ]});
    let put = format!("{path}/permissions");
    let app = &service.app;
    let answers = [
        app.call(&owner, Method::PATCH, &path, Some(&name), &stale).await,
        app.call(&owner, Method::PUT, &put, Some(&permissions), &stale).await,
        app.call(&owner, Method::DELETE, &path, None, &stale).await,
    ];
    for answer in answers {
        answer.expect_problem(412, "request.precondition_failed");
    }
    let current = [("if-match", "\"2\"")];
    app.call(&owner, Method::PUT, &put, Some(&permissions), &current).await.expect(200);
}

#[tokio::test]
async fn changes_at_the_same_time_are_all_kept() {
    let service = open().await;
    let owner = owner();
    let role = create_role(&service.app, &owner, "Editor", &[]).await;
    let path = role_path(&role);
    let put = format!("{path}/permissions");
    let (name, text, list) = (
        json!({"name": "Author"}),
        json!({"description": "Writes."}),
        json!({"permissions": [ROLE_READ]}),
    );
    let (a, b, c) = tokio::join!(
        service.app.patch(&owner, &path, &name),
        service.app.patch(&owner, &path, &text),
        service.app.put(&owner, &put, &list),
    );
    for answer in [a, b, c] {
        answer.expect(200);
    }
    let after = service.app.get(&owner, &path).await.expect(200);
    assert_eq!(after["version"], 4);
    assert_eq!(after["name"], "Author");
    assert_eq!(after["description"], "Writes.");
    assert_eq!(after["permissions"], json!([ROLE_READ]));
    assert_eq!(service.store.announced_types("authz").len(), 4);
}

#[tokio::test]
async fn a_deleted_role_is_gone_and_its_end_is_announced() {
    let service = open().await;
    let owner = owner();
    let role = create_role(&service.app, &owner, "Editor", &[ROLE_READ]).await;
    let path = role_path(&role);
    assert_eq!(service.app.delete(&owner, &path).await.expect(204), Value::Null);
    service.app.get(&owner, &path).await.expect_problem(404, "role.not_found");
    service.app.delete(&owner, &path).await.expect_problem(404, "role.not_found");
    let data = json!({"role_id": role["id"], "name": "Editor"});
    assert_eq!(last_event(&service), ("platform.role.deleted".to_owned(), data));
    create_role(&service.app, &owner, "Editor", &[]).await;
}

#[tokio::test]
async fn a_role_that_somebody_has_is_not_deleted() {
    let service = open().await;
    let owner = owner();
    let role = create_role(&service.app, &owner, "Editor", &[]).await;
    let path = role_path(&role);
    let (tenant, ada, bob) = (owner.tenant(), UserId::new(), UserId::new());
    give(&service.app, tenant, ada, &["editor"]).await;
    give(&service.app, tenant, bob, &["editor", "member"]).await;
    let problem = service.app.delete(&owner, &path).await.expect_problem(409, "role.in_use");
    assert!(problem["detail"].as_str().unwrap().starts_with("2 users"));
    give(&service.app, tenant, ada, &["member"]).await;
    service.app.delete(&owner, &path).await.expect_problem(409, "role.in_use");
    give(&service.app, tenant, bob, &[]).await;
    service.app.delete(&owner, &path).await.expect(204);
}

#[tokio::test]
async fn a_role_is_either_deleted_or_assigned_never_both() {
    let service = open().await;
    let owner = owner();
    for round in 0..10 {
        let role = create_role(&service.app, &owner, &format!("Role {round}"), &[]).await;
        let (path, id) = (role_path(&role), role["id"].as_str().unwrap());
        let user = UserId::new();
        let roles = [id];
        let (deleted, assigned) = tokio::join!(
            service.app.delete(&owner, &path),
            assign(&service.app, owner.tenant(), user, "set", &roles, None),
        );
        let left = service.app.get(&owner, &path).await.status.as_u16();
        match (deleted.status.as_u16(), assigned.status.as_u16()) {
            (204, 422) => assert_eq!(left, 404),
            (409, 200) => assert_eq!(left, 200),
            other => panic!("{other:?}"),
        }
    }
}
