//! Who may do what, and that nobody gets more than they have.

use embedded::Place;
use serde_json::json;

use crate::target::{Target, eventually};

#[tokio::test]
async fn nobody_grants_what_they_do_not_hold() {
    let target = Target::get().await;
    let operator = target.operator().await;
    let admin = target.colleague(&operator, &["admin"]).await;
    let victim = target.colleague(&operator, &["member"]).await;
    let roles = |id: &str| format!("/api/v1/users/{id}/roles");

    // An administrator holds less than an owner, and can make none.
    for id in [&admin.id, &victim.id] {
        let answer = admin.client.put(&roles(id), &json!({"roles": ["owner"]})).await;
        answer.expect_problem(403, "role.escalation");
    }
    // Nor take one away, change, suspend or delete one.
    let answer = admin.client.put(&roles(&operator.id), &json!({"roles": ["member"]})).await;
    assert_eq!(answer.status.as_u16(), 403, "{}", answer.text);
    let path = format!("/api/v1/users/{}", operator.id);
    admin.client.delete(&path).await.expect_problem(403, "user.outranks_caller");
    let change = json!({"first_name": "Owned"});
    admin.client.patch(&path, &change).await.expect_problem(403, "user.outranks_caller");
    let suspend = admin.client.post(&format!("{path}/suspend"), &json!({})).await;
    suspend.expect_problem(403, "user.outranks_caller");
    // And the tenant itself is not theirs.
    let tenant = admin.client.get("/api/v1/auth/me").await.expect(200)["tenant"]["id"].clone();
    let path = format!("/api/v1/tenants/{}", tenant.as_str().unwrap());
    let change = json!({"name": "Taken over"});
    admin.client.patch(&path, &change).await.expect_problem(403, "auth.forbidden");

    // A role-making member cannot make a role beyond their own permissions.
    let role = json!({"name": format!("maker {}", victim.id), "permissions": ["role.create", "role.update"]});
    let role = operator.client.post("/api/v1/roles", &role).await.expect(201);
    let both = json!({"roles": ["member", role["id"]]});
    operator.client.put(&roles(&victim.id), &both).await.expect(200);
    let greedy = json!({"name": format!("greedy {}", victim.id), "permissions": ["user.delete"]});
    eventually(|| async {
        let answer = victim.client.post("/api/v1/roles", &greedy).await;
        (answer.body()["code"] == "role.escalation").then_some(())
    })
    .await;
    let path = format!("/api/v1/roles/{}/permissions", role["id"].as_str().unwrap());
    let more = json!({"permissions": ["role.create", "role.update", "user.delete"]});
    victim.client.put(&path, &more).await.expect_problem(403, "role.escalation");
}

#[tokio::test]
async fn the_last_owner_stays() {
    let target = Target::get().await;
    let operator = target.operator().await;
    let roles = format!("/api/v1/users/{}/roles", operator.id);
    let member = json!({"roles": ["member"]});
    operator.client.put(&roles, &member).await.expect_problem(409, "role.last_owner");
    let owner = format!("{roles}/owner");
    operator.client.delete(&owner).await.expect_problem(409, "role.last_owner");
    let path = format!("/api/v1/users/{}", operator.id);
    operator.client.delete(&path).await.expect_problem(409, "role.last_owner");
    let suspend = format!("{path}/suspend");
    operator.client.post(&suspend, &json!({})).await.expect_problem(409, "role.last_owner");
}

#[tokio::test]
async fn the_deleted_do_not_count_as_owners() {
    // A platform of its own: should this fail, it has no operator any more.
    let target = Target::embedded(Place::Memory).await;
    let operator = target.operator().await;
    let grace = target.colleague(&operator, &["owner"]).await;
    let path = |id: &str| format!("/api/v1/users/{id}");
    operator.client.delete(&path(&grace.id)).await.expect(204);
    let answer = operator.client.delete(&path(&operator.id)).await;
    answer.expect_problem(409, "role.last_owner");
}

#[tokio::test]
async fn of_two_owners_who_delete_each_other_one_stays() {
    let target = Target::embedded(Place::Memory).await;
    let operator = target.operator().await;
    let grace = target.colleague(&operator, &["owner"]).await;
    let path = |id: &str| format!("/api/v1/users/{id}");
    let (of_grace, of_operator) = (path(&grace.id), path(&operator.id));
    let (one, other) =
        tokio::join!(operator.client.delete(&of_grace), grace.client.delete(&of_operator));
    let survivor = match (one.status.as_u16(), other.status.as_u16()) {
        (204, refused) if refused != 204 => &operator,
        (refused, 204) if refused != 204 => &grace,
        _ => panic!("{} and {}", one.text, other.text),
    };
    let me = survivor.client.get("/api/v1/auth/me").await.expect(200);
    assert_eq!(me["roles"], json!(["owner"]));
}

#[tokio::test]
async fn a_role_takes_effect_and_its_loss_too() {
    let target = Target::get().await;
    let operator = target.operator().await;
    let grace = target.colleague(&operator, &["viewer"]).await;
    let status = || async { grace.client.get("/api/v1/audit/logs").await.status.as_u16() };
    assert_eq!(status().await, 403);
    let path = format!("/api/v1/users/{}/roles/admin", grace.id);
    operator.client.post(&path, &json!({})).await.expect(200);
    eventually(|| async { (status().await == 200).then_some(()) }).await;
    operator.client.delete(&path).await.expect(200);
    eventually(|| async { (status().await == 403).then_some(()) }).await;
}

#[tokio::test]
async fn a_check_says_why() {
    let target = Target::get().await;
    let ada = target.member().await;
    let check = |permission: &str| json!({"permission": permission});
    let path = "/api/v1/authz/check";
    let yes = ada.client.post(path, &check("role.read")).await.expect(200);
    assert_eq!(yes["allowed"], true);
    assert_eq!(yes["reason"]["role"]["name"], "member");
    let no = ada.client.post(path, &check("user.delete")).await.expect(200);
    assert_eq!(no["allowed"], false);
}
