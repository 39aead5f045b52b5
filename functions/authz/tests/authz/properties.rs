//! What holds whatever happens.

use std::collections::{BTreeMap, BTreeSet};

use contracts::generated::permissions::{
    ALL, ROLE_ASSIGN, ROLE_CREATE, ROLE_DELETE, ROLE_READ, ROLE_UPDATE,
};
use kernel::id::{TenantId, UserId};
use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, subsequence},
    test_runner::Config,
};
use serde_json::json;
use testkit::{Answer, App, Person};
use tokio::runtime::Runtime;

use crate::support::{assign, create_role, give, grants, open, owner, permissions_of};

const CASES: u32 = 24;
const CHANGES: [&str; 3] = ["set", "add", "remove"];

/// One change of one user's roles.
#[derive(Debug, Clone)]
struct Change {
    user: Index,
    kind: &'static str,
    roles: Vec<&'static str>,
}

fn change(roles: Vec<&'static str>) -> impl Strategy<Value = Change> {
    let count = roles.len();
    let kind = prop::sample::select(CHANGES.to_vec());
    (any::<Index>(), kind, subsequence(roles, 0..=count)).prop_map(|(user, kind, roles)| Change {
        user,
        kind,
        roles,
    })
}

/// A refusal is fine, a failure is not.
fn settle(answer: &Answer) {
    assert!(!answer.status.is_server_error(), "{:#}", answer.body);
}

async fn owners(app: &App, tenant: TenantId, users: &[UserId]) -> usize {
    let mut owners = 0;
    for user in users {
        let roles = grants(app, tenant, *user).await["roles"].clone();
        owners += usize::from(roles.as_array().unwrap().contains(&json!("owner")));
    }
    owners
}

proptest! {
    #![proptest_config(Config { cases: CASES, ..Config::default() })]

    /// Each step is a handful of changes at the same time, half of which touch owners.
    #[test]
    fn a_tenant_that_had_an_owner_keeps_one(
        steps in vec(vec(change(vec!["owner", "member"]), 1..5), 1..8)
    ) {
        Runtime::new().unwrap().block_on(async {
            let service = open().await;
            let tenant = TenantId::new();
            let users: Vec<UserId> = (0..3).map(|_| UserId::new()).collect();
            give(&service.app, tenant, users[0], &["owner"]).await;
            give(&service.app, tenant, users[1], &["owner"]).await;
            for step in steps {
                let changes = step.iter().map(|Change { user, kind, roles }| {
                    assign(&service.app, tenant, *user.get(&users), kind, roles, None)
                });
                for answer in futures_util::future::join_all(changes).await {
                    settle(&answer);
                }
                assert!(owners(&service.app, tenant, &users).await > 0);
            }
        });
    }
}

/// What somebody tries.
#[derive(Debug, Clone)]
enum Attempt {
    CreateRole { permissions: Vec<String> },
    SetPermissions { role: Index, permissions: Vec<String> },
    Rename { role: Index },
    Delete { role: Index },
    Assign { user: Index, kind: &'static str, roles: Vec<Index> },
}

fn some_permissions() -> impl Strategy<Value = Vec<String>> {
    let all: Vec<String> = ALL.iter().map(|permission| permission.code.to_owned()).collect();
    let count = all.len();
    subsequence(all, 0..=count)
}

fn attempt() -> impl Strategy<Value = Attempt> {
    let index = any::<Index>;
    prop_oneof![
        some_permissions().prop_map(|permissions| Attempt::CreateRole { permissions }),
        (index(), some_permissions())
            .prop_map(|(role, permissions)| Attempt::SetPermissions { role, permissions }),
        index().prop_map(|role| Attempt::Rename { role }),
        index().prop_map(|role| Attempt::Delete { role }),
        (index(), prop::sample::select(CHANGES.to_vec()), vec(index(), 0..3))
            .prop_map(|(user, kind, roles)| Attempt::Assign { user, kind, roles }),
    ]
}

/// Carries an attempt out; roles that come into being join `roles`.
async fn carry_out(
    app: &App,
    caller: &Person,
    users: &[UserId],
    roles: &mut Vec<String>,
    attempt: Attempt,
) -> Answer {
    let path = |role: &Index| format!("/api/v1/roles/{}", role.get(roles));
    match attempt {
        Attempt::CreateRole { permissions } => {
            let body = json!({"name": format!("Role {}", roles.len()), "permissions": permissions});
            let answer = app.post(caller, "/api/v1/roles", &body).await;
            if let Some(id) = answer.body["id"].as_str() {
                roles.push(id.to_owned());
            }
            answer
        }
        Attempt::SetPermissions { role, permissions } => {
            let path = format!("{}/permissions", path(&role));
            app.put(caller, &path, &json!({"permissions": permissions})).await
        }
        Attempt::Rename { role } => {
            app.patch(caller, &path(&role), &json!({"description": "seen"})).await
        }
        Attempt::Delete { role } => app.delete(caller, &path(&role)).await,
        Attempt::Assign { user, kind, roles: chosen } => {
            let chosen: Vec<&str> = chosen.iter().map(|role| role.get(roles).as_str()).collect();
            let authority = Some(caller.permissions());
            assign(app, caller.tenant(), *user.get(users), kind, &chosen, authority).await
        }
    }
}

type Held = BTreeMap<UserId, BTreeSet<String>>;

async fn held_by(app: &App, tenant: TenantId, users: &[UserId]) -> Held {
    let mut held = Held::new();
    for user in users {
        held.insert(*user, permissions_of(app, tenant, *user).await);
    }
    held
}

proptest! {
    #![proptest_config(Config { cases: CASES, ..Config::default() })]

    #[test]
    fn nobody_ever_gives_or_takes_what_they_do_not_hold(
        extra in some_permissions(), attempts in vec(attempt(), 1..25)
    ) {
        Runtime::new().unwrap().block_on(async {
            let service = open().await;
            let owner = owner();
            let tenant = owner.tenant();
            let tools = [ROLE_CREATE, ROLE_READ, ROLE_UPDATE, ROLE_DELETE, ROLE_ASSIGN];
            let held: Vec<&str> = tools.into_iter().chain(extra.iter().map(String::as_str)).collect();
            let caller = Person::with(&held).of_tenant(tenant);

            let mut roles: Vec<String> =
                ["owner", "admin", "member", "viewer"].map(ToOwned::to_owned).into();
            for (name, permissions) in [("Half", &ALL[..ALL.len() / 2]), ("Rest", &ALL[ALL.len() / 2..])] {
                let codes: Vec<&str> = permissions.iter().map(|permission| permission.code).collect();
                let role = create_role(&service.app, &owner, name, &codes).await;
                roles.push(role["id"].as_str().unwrap().to_owned());
            }
            let users = [caller.user(), UserId::new(), UserId::new()];
            give(&service.app, tenant, users[1], &["owner"]).await;
            give(&service.app, tenant, users[2], &["half"]).await;

            for attempt in attempts {
                let before = held_by(&service.app, tenant, &users).await;
                let answer = carry_out(&service.app, &caller, &users, &mut roles, attempt).await;
                settle(&answer);
                let after = held_by(&service.app, tenant, &users).await;
                for user in users {
                    let changed = before[&user].symmetric_difference(&after[&user]);
                    let beyond: Vec<_> = changed.filter(|code| !caller.permissions().contains(*code)).collect();
                    assert!(beyond.is_empty(), "{beyond:?}");
                }
            }
        });
    }
}
