//! Sign-in by a tenant's own identity provider.

mod answers;
mod idp;
mod linking;
mod providers;
mod returning;

use std::sync::Arc;

use http::{Method, header};
use kernel::{config::Sources, id::UserId, outgoing::Url};
use serde_json::{Value, json};
use testkit::{Answer, Person};

use self::idp::{CLIENT_ID, CLIENT_SECRET, Idp};
use crate::common::Test;

const PERMISSIONS: &[&str] =
    &["auth.provider.create", "auth.provider.read", "auth.provider.update", "auth.provider.delete"];
const PROVIDERS: &str = "/api/v1/auth/providers";
const APPLICATION: &str = "https://app.example.org/signed-in?x=1";

/// A tenant, a provider that it may use, and the owner who says so.
struct House {
    test: Test,
    idp: Arc<Idp>,
    owner: Person,
}

/// A browser that has been sent to the provider.
struct Browser {
    location: Url,
    cookie: String,
}

impl House {
    async fn open() -> Self {
        let sources = Sources::empty()
            .with("PLINTH_AUTH_FEDERATION_ALLOW_LOOPBACK", "true")
            .with("PLINTH_AUTH_FEDERATION_RETURN_ORIGINS", r#"["https://app.example.org"]"#);
        let test = Test::start_with(&sources).await;
        let idp = Idp::start(test.clock.clone()).await;
        let tenant = test.world.user.lock().unwrap().tenant_id;
        let owner = Person::with(PERMISSIONS).of_tenant(tenant);
        Self { test, idp, owner }
    }

    /// With a provider `idp` as given, over the usual settings.
    async fn with_provider(settings: Value) -> Self {
        let house = Self::open().await;
        house.create(settings).await.expect(201);
        house
    }

    async fn create(&self, settings: Value) -> Answer {
        let mut body = json!({
            "slug": "idp", "name": "Our provider", "issuer": self.idp.issuer,
            "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "create_users": true,
        });
        for (name, value) in settings.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.test.app.post(&self.owner, PROVIDERS, &body).await
    }

    async fn patch(&self, provider: &Value, change: Value) -> Answer {
        let path = format!("{PROVIDERS}/{}", provider["id"].as_str().unwrap());
        self.test.app.patch(&self.owner, &path, &change).await
    }

    async fn start(&self, query: &str, cookie: &str) -> Answer {
        let path = format!("/api/v1/auth/oidc/idp/start?{query}");
        let headers = [("cookie", cookie)];
        self.test.app.call(&Person::anonymous(), Method::GET, &path, None, &headers).await
    }

    async fn begin(&self, query: &str) -> Browser {
        let answer = self.start(query, "").await;
        let location = text(&answer, &header::LOCATION);
        let cookie = text(&answer, &header::SET_COOKIE);
        answer.expect(302);
        let cookie = cookie.split(';').next().unwrap().to_owned();
        Browser { location: Url::parse(&location).unwrap(), cookie }
    }

    /// Sends a browser back with these parameters.
    async fn come_back(&self, browser: &Browser, parameters: &[(String, String)]) -> Answer {
        self.come_back_with(&browser.location, &browser.cookie, parameters).await
    }

    async fn come_back_with(
        &self,
        location: &Url,
        cookie: &str,
        parameters: &[(String, String)],
    ) -> Answer {
        let asked = location.query_pairs().find(|(name, _)| name == "redirect_uri");
        let mut url = Url::parse(&asked.unwrap().1).unwrap();
        url.query_pairs_mut().extend_pairs(parameters);
        let path = format!("{}?{}", url.path(), url.query().unwrap());
        let headers = [("cookie", cookie)];
        self.test.app.call(&Person::anonymous(), Method::GET, &path, None, &headers).await
    }

    /// The whole way, as far as it goes.
    async fn sign_in(&self) -> Answer {
        self.sign_in_with("tenant=demo").await
    }

    async fn sign_in_with(&self, query: &str) -> Answer {
        let browser = self.begin(query).await;
        let parameters = self.answer_to(&browser);
        self.come_back(&browser, &parameters).await
    }

    fn answer_to(&self, browser: &Browser) -> Vec<(String, String)> {
        self.idp.authorize(&browser.location).into_iter().collect()
    }

    /// Nobody signed in: no session was begun.
    fn assert_nobody_came_in(&self) {
        let events = self.test.store.announced_types("auth");
        assert!(!events.contains(&"platform.auth.login_succeeded".to_owned()), "{events:?}");
    }

    /// The person whom a sign-in was for.
    fn user(answer: &Value) -> UserId {
        answer["user"]["id"].as_str().unwrap().parse().unwrap()
    }
}

fn text(answer: &Answer, name: &header::HeaderName) -> String {
    let value = answer.headers.get(name);
    let value = value.unwrap_or_else(|| panic!("no {name} in {} {:#}", answer.status, answer.body));
    value.to_str().unwrap().to_owned()
}
