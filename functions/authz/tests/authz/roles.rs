//! Creating, reading and listing roles and permissions.

use contracts::{
    authz::{ADMIN, OWNER},
    generated::permissions::{ALL, ROLE_CREATE, ROLE_READ, TENANT_READ, USER_DELETE},
};
use http::Method;
use kernel::id::RoleId;
use serde_json::{Value, json};
use testkit::Person;

use crate::support::{colleague, create_role, names, open, owner, role_path};

#[tokio::test]
async fn a_created_role_is_read_back_and_announced() {
    let service = open().await;
    let owner = owner();
    let body = json!({"name": " Editor ", "description": "Writes.", "permissions": [TENANT_READ, ROLE_READ, ROLE_READ]});
    let answer = service.app.post(&owner, "/api/v1/roles", &body).await;
    assert_eq!(answer.etag(), "\"1\"");
    let location = answer.headers["location"].to_str().unwrap().to_owned();
    let role = answer.expect(201);
    assert_eq!(location, role_path(&role));
    let expected = json!({
        "id": role["id"], "name": "Editor", "description": "Writes.", "is_system": false,
        "permissions": [ROLE_READ, TENANT_READ], "version": 1,
        "created_at": "2026-03-01T12:00:00Z", "updated_at": "2026-03-01T12:00:00Z",
    });
    assert_eq!(role, expected);

    let answer = service.app.get(&owner, &role_path(&role)).await;
    let etag = answer.etag().to_owned();
    assert_eq!(answer.expect(200), role);
    let known = [("if-none-match", etag.as_str())];
    service.app.call(&owner, Method::GET, &role_path(&role), None, &known).await.expect(304);

    let events = service.store.announced("authz");
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].kind, "platform.role.created");
    assert_eq!(events[0].subject.id, role["id"]);
    assert_eq!(events[0].actor.id, Some(owner.user().to_string()));
    assert_eq!(events[0].data["permissions"], json!([ROLE_READ, TENANT_READ]));
}

#[tokio::test]
async fn a_role_may_have_no_permissions_and_no_description() {
    let service = open().await;
    let role =
        service.app.post(&owner(), "/api/v1/roles", &json!({"name": "Guest"})).await.expect(201);
    assert_eq!(role["permissions"], json!([]));
    assert_eq!(role["description"], "");
}

#[tokio::test]
async fn every_wrong_field_is_named_at_once() {
    let service = open().await;
    let owner = owner();
    let post = async |body: Value| service.app.post(&owner, "/api/v1/roles", &body).await;
    let long = "x".repeat(501);
    post(json!({"name": "", "description": long, "permissions": [ROLE_READ, "no.such", "\u{0}"]}))
        .await
        .expect_invalid(&["/name", "/description", "/permissions/1", "/permissions/2"]);
    post(json!({"name": RoleId::new()})).await.expect_invalid(&["/name"]);
    post(json!({"name": "\u{fdfa}".repeat(64)})).await.expect_invalid(&["/name"]);
    post(json!({"name": "x", "permissions": vec!["no.such"; 1_001]}))
        .await
        .expect_invalid(&["/permissions"]);
    post(json!({"name": "x", "colour": "red"})).await.expect_invalid(&["/colour"]);
    post(json!({})).await.expect_invalid(&["/name"]);
    assert!(service.store.announced("authz").is_empty());
}

#[tokio::test]
async fn a_name_is_taken_whatever_its_spelling_but_only_in_its_tenant() {
    let service = open().await;
    let first = owner();
    create_role(&service.app, &first, "Straße", &[]).await;
    for name in ["Straße", "STRASSE", " ｓｔｒａｓｓｅ "] {
        let answer = service.app.post(&first, "/api/v1/roles", &json!({"name": name})).await;
        answer.expect_problem(409, "role.name_taken");
    }
    for name in ["owner", "ADMIN", "Ｍember"] {
        let answer = service.app.post(&first, "/api/v1/roles", &json!({"name": name})).await;
        answer.expect_problem(409, "role.name_taken");
    }
    create_role(&service.app, &owner(), "Straße", &[]).await;
}

#[tokio::test]
async fn of_two_roles_of_one_name_at_the_same_time_one_is_made() {
    let service = open().await;
    let owner = owner();
    let body = json!({"name": "Editor"});
    let post = || service.app.post(&owner, "/api/v1/roles", &body);
    let (a, b) = tokio::join!(post(), post());
    let mut statuses = [a.status.as_u16(), b.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    assert_eq!(service.store.announced_types("authz").len(), 1);
}

#[tokio::test]
async fn nobody_makes_a_role_with_more_than_they_hold() {
    let service = open().await;
    let maker = Person::with(&[ROLE_CREATE, ROLE_READ]);
    let body = json!({"name": "Boss", "permissions": [ROLE_READ, USER_DELETE]});
    let problem = service.app.post(&maker, "/api/v1/roles", &body).await;
    let problem = problem.expect_problem(403, "role.escalation");
    assert!(problem["detail"].as_str().unwrap().contains(USER_DELETE));
    create_role(&service.app, &maker, "Reader", &[ROLE_READ]).await;
}

#[tokio::test]
async fn system_roles_exist_in_every_tenant() {
    let service = open().await;
    let reader = Person::with(&[ROLE_READ]);
    let path = format!("/api/v1/roles/{}", OWNER.id);
    let answer = service.app.get(&reader, &path).await;
    assert_eq!(answer.etag(), "\"1\"");
    let role = answer.expect(200);
    assert_eq!(role["name"], "owner");
    assert_eq!(role["is_system"], true);
    assert_eq!(role["version"], 1);
    assert_eq!(role["created_at"], Value::Null);
    assert_eq!(role["permissions"].as_array().unwrap().len(), ALL.len());
}

#[tokio::test]
async fn another_tenants_role_is_not_found() {
    let service = open().await;
    let role = create_role(&service.app, &owner(), "Editor", &[]).await;
    let stranger = owner();
    let path = role_path(&role);
    service.app.get(&stranger, &path).await.expect_problem(404, "role.not_found");
    let renamed = service.app.patch(&stranger, &path, &json!({"name": "Mine"})).await;
    renamed.expect_problem(404, "role.not_found");
    let put = format!("{path}/permissions");
    let put = service.app.put(&stranger, &put, &json!({"permissions": []})).await;
    put.expect_problem(404, "role.not_found");
    service.app.delete(&stranger, &path).await.expect_problem(404, "role.not_found");
    let list = service.app.get(&stranger, "/api/v1/roles").await.expect(200);
    assert_eq!(names(&list["items"]), ["owner", "admin", "member", "viewer"]);

    let path = format!("/api/v1/roles/{}", RoleId::new());
    service.app.get(&stranger, &path).await.expect_problem(404, "role.not_found");
    service.app.get(&stranger, "/api/v1/roles/%00").await.expect_problem(404, "request.not_found");
}

#[tokio::test]
async fn a_list_has_system_roles_first_and_then_the_others_by_name() {
    let service = open().await;
    let owner = owner();
    for name in ["zeta", "Alpha", "beta", "Ärzte"] {
        create_role(&service.app, &owner, name, &[]).await;
    }
    let expected = ["owner", "admin", "member", "viewer", "Alpha", "beta", "zeta", "Ärzte"];
    for limit in 1..=9 {
        let mut seen = Vec::new();
        let mut path = format!("/api/v1/roles?limit={limit}");
        loop {
            let page = service.app.get(&owner, &path).await.expect(200);
            let items = names(&page["items"]);
            assert!(!items.is_empty() && items.len() <= limit, "{limit}: {items:?}");
            seen.extend(items.into_iter().map(ToOwned::to_owned));
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            path = format!("/api/v1/roles?limit={limit}&cursor={cursor}");
        }
        assert_eq!(seen, expected, "limit {limit}");
    }
    let page = service.app.get(&owner, "/api/v1/roles").await.expect(200);
    assert_eq!(page["next_cursor"], Value::Null);
    assert_eq!(names(&page["items"]), expected);
}

#[tokio::test]
async fn a_full_page_of_system_roles_is_the_last_when_there_are_no_others() {
    let service = open().await;
    let page = service.app.get(&owner(), "/api/v1/roles?limit=4").await.expect(200);
    assert_eq!(page["next_cursor"], Value::Null);
}

#[tokio::test]
async fn a_cursor_of_another_tenant_or_none_is_refused() {
    let service = open().await;
    let page = service.app.get(&owner(), "/api/v1/roles?limit=2").await.expect(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    let stranger = owner();
    for cursor in [cursor, "x", "", "%F0%9F%9A%80"] {
        let path = format!("/api/v1/roles?cursor={cursor}");
        service.app.get(&stranger, &path).await.expect_invalid(&["?cursor"]);
    }
    service.app.get(&stranger, "/api/v1/roles?limit=0").await.expect_invalid(&["?limit"]);
    service.app.get(&stranger, "/api/v1/roles?sort=name").await.expect_invalid(&["?sort"]);
}

#[tokio::test]
async fn permissions_are_listed_with_the_system_roles_that_hold_them() {
    let service = open().await;
    let page =
        service.app.get(&Person::with(&[ROLE_READ]), "/api/v1/permissions").await.expect(200);
    assert_eq!(page["next_cursor"], Value::Null);
    let items = page["items"].as_array().unwrap();
    assert_eq!(items.len(), ALL.len());
    let read = items.iter().find(|item| item["code"] == ROLE_READ).unwrap();
    assert_eq!(read["module"], "authz");
    assert_eq!(read["roles"], json!(["owner", "admin", "member", "viewer"]));
    assert!(!read["description"].as_str().unwrap().is_empty());
    let delete = items.iter().find(|item| item["code"] == USER_DELETE).unwrap();
    assert_eq!(delete["roles"], json!(["owner", "admin"]));
}

#[tokio::test]
async fn every_route_wants_its_permission() {
    let service = open().await;
    let nobody = Person::with(&[]);
    let id = ADMIN.id;
    let routes = [
        (Method::GET, "/api/v1/permissions".to_owned()),
        (Method::POST, "/api/v1/roles".to_owned()),
        (Method::GET, "/api/v1/roles".to_owned()),
        (Method::GET, format!("/api/v1/roles/{id}")),
        (Method::PATCH, format!("/api/v1/roles/{id}")),
        (Method::DELETE, format!("/api/v1/roles/{id}")),
        (Method::PUT, format!("/api/v1/roles/{id}/permissions")),
    ];
    for (method, path) in routes {
        let answer = service.app.call(&nobody, method.clone(), &path, None, &[]).await;
        answer.expect_problem(403, "auth.forbidden");
        let answer = service.app.call(&Person::anonymous(), method, &path, None, &[]).await;
        answer.expect_problem(401, "auth.unauthenticated");
    }
    let check = colleague(&nobody, &[]);
    let body = json!({"permission": ROLE_READ});
    service.app.post(&check, "/api/v1/authz/check", &body).await.expect(200);
    let anonymous = service.app.post(&Person::anonymous(), "/api/v1/authz/check", &body).await;
    anonymous.expect_problem(401, "auth.unauthenticated");
}
