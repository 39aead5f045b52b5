//! Sign-in by a certified OpenID provider: `make federation-test`.

mod browser;
mod provider;

use kernel::config::Sources;
use reqwest::Url;
use serde_json::{Value, json};

use self::{browser::Browser, provider::Provider};
use crate::{
    client::{Answer, Client},
    target::Target,
};

const CLIENT_ID: &str = "plinth";
/// With signs that have to be encoded twice on their way (RFC 6749, section 2.3.1).
const CLIENT_SECRET: &str = "odd:secret/with+signs&more%20";

/// A platform whose demo tenant has the provider.
struct House {
    target: Target,
    owner: Client,
    provider: Provider,
}

impl House {
    async fn open() -> Self {
        let origins = r#"["https://app.example.org"]"#;
        let sources = Sources::empty()
            .with("PLINTH_AUTH_FEDERATION_ALLOW_LOOPBACK", "true")
            .with("PLINTH_AUTH_FEDERATION_RETURN_ORIGINS", origins);
        let target = Target::embedded_with(sources).await;
        let owner = target.other_owner().await.expect("the platform is ours").client;
        let me = owner.get("/api/v1/auth/me").await.expect(200);
        let tenant = me["tenant"]["id"].as_str().unwrap();
        let callback = format!("{}/api/v1/auth/oidc/{tenant}.certified/callback", target.url);
        let provider = Provider::start(CLIENT_ID, CLIENT_SECRET, &callback);
        let settings = json!({
            "slug": "certified", "name": "A certified provider", "issuer": provider.issuer,
            "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "create_users": true,
            "default_roles": ["viewer"],
        });
        let made = owner.post("/api/v1/auth/providers", &settings).await.expect(201);
        assert_eq!(made["callback_url"], callback);
        Self { target, owner, provider }
    }

    /// Signs in at the provider with this login, in a fresh browser.
    async fn sign_in(&self, login: &str, query: &str) -> Answer {
        let start =
            format!("{}/api/v1/auth/oidc/certified/start?tenant=demo{query}", self.target.url);
        Browser::default().follow(Url::parse(&start).unwrap(), login).await
    }
}

#[tokio::test]
#[ignore = "needs Node.js: make federation-test"]
async fn a_new_person_signs_in_and_comes_again() {
    let house = House::open().await;
    let first = house.sign_in("grace", "").await.expect(200);
    assert_eq!(first["user"]["email"], "grace@example.org");
    assert_eq!(first["user"]["first_name"], "Grace");
    let grace = Client::new(&house.target.url, first["access_token"].as_str().map(str::to_owned));
    let me = grace.get("/api/v1/auth/me").await.expect(200);
    assert_eq!((&me["roles"], &me["tenant"]["slug"]), (&json!(["viewer"]), &json!("demo")));
    let links = grace.get("/api/v1/auth/identities").await.expect(200);
    assert_eq!(links["items"][0]["issuer"], house.provider.issuer.as_str());
    let link = format!("/api/v1/auth/identities/{}", links["items"][0]["id"].as_str().unwrap());
    grace.delete(&link).await.expect_problem(409, "auth.last_identity");
    let again = house.sign_in("grace", "").await.expect(200);
    assert_eq!(again["user"]["id"], first["user"]["id"]);
    house.sign_in("unverified", "").await.expect_problem(403, "auth.federation_email_unverified");
    let audited = house.owner.get("/api/v1/audit/logs?limit=100&action=auth.").await;
    let audited = audited.expect(200).to_string();
    assert!(audited.contains("auth.provider_created"), "{audited}");
}

#[tokio::test]
#[ignore = "needs Node.js: make federation-test"]
async fn with_an_application_the_browser_ends_there_signed_in() {
    let house = House::open().await;
    let answer = house.sign_in("grace", "&return_to=https%3A%2F%2Fapp.example.org%2Fhome").await;
    assert_eq!(answer.status, 302);
    assert_eq!(answer.header("location"), "https://app.example.org/home");
    let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
    let body = json!({"transport": "cookie"}).to_string();
    let headers = [("cookie", cookie.as_str()), ("content-type", "application/json")];
    let anonymous = house.target.anonymous();
    let refresh = anonymous.request(reqwest::Method::POST, "/api/v1/auth/refresh", &headers);
    let tokens = Answer::read(refresh.body(body)).await.expect(200);
    assert!(tokens["access_token"].is_string());
}

#[tokio::test]
#[ignore = "needs Node.js: make federation-test"]
async fn the_providers_keys_may_change_and_its_clock_be_a_little_ahead() {
    let mut house = House::open().await;
    house.sign_in("grace", "").await.expect(200);
    house.provider.tell("rotate");
    house.sign_in("grace", "").await.expect(200);
    house.provider.tell("skew 45");
    house.sign_in("grace", "").await.expect(200);
    house.provider.tell("skew 300");
    house.sign_in("grace", "").await.expect_problem(401, "auth.federation_unproven");
}

#[tokio::test]
#[ignore = "needs Node.js: make federation-test"]
async fn the_same_answer_twice_signs_in_once() {
    let house = House::open().await;
    let start = format!("{}/api/v1/auth/oidc/certified/start?tenant=demo", house.target.url);
    let mut browser = Browser::default();
    browser.follow(Url::parse(&start).unwrap(), "grace").await.expect(200);
    let callback = browser.last().clone();
    let again: Value = browser
        .follow(callback, "grace")
        .await
        .expect_problem(400, "auth.federation_state_invalid");
    assert_eq!(again["status"], 400);
}
