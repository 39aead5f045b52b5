//! Passwords that are known from breaches elsewhere, asked of a server that speaks the range API.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    extract::{Path, State},
    routing::get,
};
use http::{HeaderMap, StatusCode};
use kernel::id::{SessionId, TenantId};
use serde_json::{Value, json};
use testkit::Person;

use crate::common::{PASSWORD, World, admin};

const BREACHED: &str = "a password that somebody lost";
/// SHA-1 of it.
const BREACHED_HASH: &str = "8EF529328DB7041F2CFBA7013F71C5682E3DFD83";
/// SHA-1 of [`PASSWORD`].
const PASSWORD_HASH: &str = "C52C535A17E1C3BDED6D8A9CE3CA43D08AAEEA94";
const VARIABLE: &str = "PLINTH_IDENTITY_PASSWORD_BREACH_CHECK_URL";

/// What the server was asked: the path's last part, and whether padding was wanted.
type Asked = Arc<Mutex<Vec<(String, bool)>>>;

async fn answer(
    State(asked): State<Asked>,
    Path(prefix): Path<String>,
    headers: HeaderMap,
) -> (StatusCode, String) {
    let is_padded = headers.get("add-padding").is_some_and(|value| value == "true");
    asked.lock().unwrap().push((prefix.clone(), is_padded));
    let known = BREACHED_HASH.strip_prefix(&prefix).map(|suffix| format!("{suffix}:3\r\n"));
    let padding = format!("{}:0\r\n", &PASSWORD_HASH[5..]);
    (StatusCode::OK, format!("{padding}{}", known.unwrap_or_default()))
}

async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn world_with_api() -> (World, Asked) {
    let asked = Asked::default();
    let router = Router::new().route("/range/{prefix}", get(answer)).with_state(asked.clone());
    let address = serve(router).await;
    (World::open().await.with_settings(&[(VARIABLE, &address)]).await, asked)
}

fn code_of(body: &Value) -> &str {
    body["errors"][0]["code"].as_str().unwrap()
}

#[tokio::test]
async fn a_breached_password_is_refused_wherever_one_is_set() {
    let (world, asked) = world_with_api().await;
    let tenant = TenantId::new();
    let answer = world.register_as(tenant, "ada@example.org", BREACHED, "Ada").await;
    assert_eq!(code_of(&answer.expect_invalid(&["/password"])), "password.breached");
    let user = world.active(tenant, "ada@example.org").await;

    let body = json!({ "email": "grace@example.org", "first_name": "Grace", "password": BREACHED });
    let answer = world.app.post(&admin(), "/api/v1/users", &body).await;
    assert_eq!(code_of(&answer.expect_invalid(&["/password"])), "password.breached");

    let id = user["id"].as_str().unwrap();
    let path = format!("/internal/identity/tenants/{tenant}/users/{id}/password");
    let body = json!({
        "current_password": PASSWORD, "new_password": BREACHED, "keep_session": SessionId::new(),
    });
    let answer = world.app.internal(http::Method::POST, &path, Some(&body)).await;
    assert_eq!(code_of(&answer.expect_invalid(&["/new_password"])), "password.breached");

    let anybody = Person::anonymous();
    let reset = "/api/v1/users/password-reset";
    let body = json!({ "email": "ada@example.org" });
    world.app.post(&anybody, reset, &body).await.expect(202);
    world.deliver().await;
    let token = world.mailbox.last_token("ada@example.org");
    let body = json!({ "token": token, "password": BREACHED });
    let answer = world.app.post(&anybody, &format!("{reset}/confirm"), &body).await;
    assert_eq!(code_of(&answer.expect_invalid(&["/password"])), "password.breached");

    // Nothing but the beginning of a hash was ever sent, and padding was asked for.
    for (prefix, is_padded) in asked.lock().unwrap().iter() {
        assert!(prefix.len() == 5 && *is_padded, "{prefix}");
    }
    assert_eq!(asked.lock().unwrap().len(), 5);
}

#[tokio::test]
async fn while_the_api_does_not_answer_sensibly_passwords_are_taken() {
    let failing = serve(Router::new()).await;
    let elsewhere = serve(Router::new().route(
        "/range/{prefix}",
        get(|| async { (StatusCode::FOUND, [("location", "https://example.org/")], "") }),
    ))
    .await;
    let silent = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    for address in [failing, elsewhere, silent] {
        let world = World::open().await.with_settings(&[(VARIABLE, &address)]).await;
        let answer = world.register_as(TenantId::new(), "ada@example.org", BREACHED, "Ada").await;
        answer.expect(204);
    }
}
