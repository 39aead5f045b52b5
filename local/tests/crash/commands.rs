use std::path::Path;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::process::{Running, run_on, settled, told};

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_the_credentials_and_every_log_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let first = Running::start(data);
    let ready = first.ready.clone();
    settled(data).await;
    first.stop().await;
    let second = Running::start(data);
    for part in ["operator", "demo"] {
        assert!(ready[part].is_object(), "{ready:#}");
        assert_eq!(ready[part], second.ready[part]);
    }
    second.operator().await;
    settled(data).await;
    second.stop().await;

    let output = run_on(data, &["audit", "verify"]);
    let told = told(&output);
    assert!(output.status.success(), "{told}");
    let lines: Vec<_> = std::str::from_utf8(&output.stdout).unwrap().lines().collect();
    assert_eq!(lines.len(), 2, "the platform's tenant and the demo: {told}");
    let demo = ready["demo"]["tenant_id"].as_str().unwrap();
    assert!(lines.iter().any(|line| line.starts_with(demo)), "{told}");
    for line in lines {
        let (_, entries) = line.split_once(": intact, ").expect(&told);
        let (count, _) = entries.split_once(' ').expect(&told);
        assert!(count.parse::<u64>().unwrap() > 0, "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_changed_behind_the_platforms_back_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let running = Running::start(data);
    settled(data).await;
    running.stop().await;
    let (tenant, sequence) = tamper(data);
    let output = run_on(data, &["audit", "verify"]);
    let told = told(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    let line = format!("{tenant}: BROKEN at entry {sequence}: its content was changed");
    assert!(told.contains(&line), "{told}");
    assert_eq!(told.matches(": intact").count(), 1, "the other tenant's is whole: {told}");
}

/// Makes an entry tell of another action, and says whose and which.
fn tamper(data: &Path) -> (String, u64) {
    let sqlite = rusqlite::Connection::open(data.join("tables.sqlite")).unwrap();
    let find = "SELECT pk, sk FROM audit
                WHERE pk LIKE '%#AUDIT' AND item_json LIKE '%user.created%' LIMIT 1";
    let (pk, sk): (String, String) =
        sqlite.query_row(find, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let change = "UPDATE audit SET item_json = replace(item_json, 'user.created', 'user.deleted')
                  WHERE pk = ?1 AND sk = ?2";
    assert_eq!(sqlite.execute(change, (&pk, &sk)).unwrap(), 1);
    let tenant = pk.split('#').nth(1).expect("the key names the tenant").to_owned();
    let (_, sequence) = sk.split_once(':').expect("the store notes the key's type");
    (tenant, sequence.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_key_is_published_and_signs_at_once_when_the_old_one_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    // Else it would be the address, and that is another one after the restart.
    let issuer = [("PLINTH_AUTH_ISSUER", "https://plinth.example")];
    let running = Running::start_with(data, &issuer);
    let old = running.operator().await.token;
    running.stop().await;

    let output = run_on(data, &["keys", "rotate"]);
    let rotated = told(&output);
    assert!(output.status.success(), "{rotated}");

    let running = Running::start_with(data, &issuer);
    running.client_with(&old).get("/api/v1/auth/me").await;
    let keys = running.client_with(&old).get("/.well-known/jwks.json").await;
    assert_eq!(keys["keys"][0]["kid"], key_of(&old));
    let next = keys["keys"][1]["kid"].as_str().unwrap();
    assert!(rotated.contains(next), "{rotated}");
    // Others may not know the new key yet.
    assert_eq!(key_of(&running.operator().await.token), key_of(&old));
    running.stop().await;

    let output = run_on(data, &["keys", "revoke", &key_of(&old)]);
    assert!(output.status.success(), "{}", told(&output));
    let again = run_on(data, &["keys", "revoke", &key_of(&old)]);
    assert!(!again.status.success() && told(&again).contains("there is no key"));

    let running = Running::start_with(data, &issuer);
    let check = json!({"permission": "role.read"});
    let refused = running.client_with(&old).post("/api/v1/authz/check", &check).await.unwrap();
    assert_eq!(refused.0, StatusCode::UNAUTHORIZED, "{}", refused.1);
    assert_eq!(key_of(&running.operator().await.token), next);
    running.stop().await;
}

/// The id of the key that signed a token.
fn key_of(token: &str) -> String {
    let header = token.split('.').next().and_then(kernel::secret::decode);
    let header: Value = serde_json::from_slice(&header.expect("a token has a header")).unwrap();
    header["kid"].as_str().expect("it names the key").to_owned()
}
