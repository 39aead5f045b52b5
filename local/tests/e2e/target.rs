use std::time::Duration;

use embedded::Place;
use kernel::config::Sources;
use local::platform::{Options, Platform};
use serde_json::{Value, json};

use crate::{
    client::{Answer, Client},
    inbox::Inbox,
};

/// How long a condition may take to come true: events cross functions and queues on a deployed
/// platform, and cold starts count.
const PATIENCE: Duration = Duration::from_mins(1);

pub const PASSWORD: &str = "correct horse battery staple";

/// The platform under test.
pub struct Target {
    pub url: String,
    operator: (String, String),
    inbox: Inbox,
    /// Ours, when no address was given.
    platform: Option<Platform>,
}

/// Somebody with an account of their own.
pub struct Person {
    pub client: Client,
    pub id: String,
    pub email: String,
    pub refresh_token: String,
}

impl Target {
    pub async fn get() -> Self {
        match std::env::var("PLINTH_URL") {
            Ok(url) => {
                let variable = |name| {
                    std::env::var(name).unwrap_or_else(|_| panic!("with PLINTH_URL, set {name}"))
                };
                let operator =
                    (variable("PLINTH_OPERATOR_EMAIL"), variable("PLINTH_OPERATOR_PASSWORD"));
                let inbox = Inbox::of_deployed(&url);
                Self { url, operator, inbox, platform: None }
            }
            Err(_) => Self::embedded(Place::Memory).await,
        }
    }

    /// An embedded platform, whatever the environment says.
    pub async fn embedded(place: Place) -> Self {
        // A suite calls more often than people do.
        let sources = Sources::empty().with("PLINTH_RATE_LIMITS_SCALE", "1000");
        Self::start(place, sources).await
    }

    /// An embedded platform in memory with these settings, whatever the environment says.
    pub async fn embedded_with(sources: Sources) -> Self {
        Self::start(Place::Memory, sources).await
    }

    async fn start(place: Place, sources: Sources) -> Self {
        // Cheap hashes: what is tested here is not how long they take.
        let sources = sources
            .with("PLINTH_IDENTITY_PASSWORD_MEMORY_KIB", "64")
            .with("PLINTH_IDENTITY_PASSWORD_ITERATIONS", "1");
        let options = Options { place, address: ([127, 0, 0, 1], 0).into(), sources };
        let platform = Platform::start(options).await.expect("the platform starts");
        let operator = &platform.credentials.operator;
        Self {
            url: platform.url.clone(),
            operator: (operator.email.clone(), operator.password.clone()),
            inbox: Inbox::of_embedded(&platform.url),
            platform: Some(platform),
        }
    }

    pub fn anonymous(&self) -> Client {
        Client::new(&self.url, None)
    }

    /// Whoever has this token or key.
    pub fn as_bearer(&self, token: &str) -> Client {
        Client::new(&self.url, Some(token.to_owned()))
    }

    /// The operator: owner of the platform's own tenant.
    pub async fn operator(&self) -> Person {
        let (email, password) = self.operator.clone();
        self.sign_in(&email, &password).await
    }

    /// The owner of the tenant that takes registrations; known only of a platform of ours.
    pub async fn other_owner(&self) -> Option<Person> {
        let demo = &self.platform.as_ref()?.credentials.demo;
        let owner = demo.users.iter().find(|user| user.role.as_deref() == Some("owner"))?;
        Some(self.sign_in(&owner.email, &owner.password).await)
    }

    /// Somebody new in the tenant that takes registrations: registered, verified, signed in; a member.
    pub async fn member(&self) -> Person {
        let email = unique_email("member");
        self.register(&email).await.expect(201);
        let token = self.inbox.token(&email).await;
        let verify = json!({"token": token});
        let path = "/api/v1/users/email-verification";
        self.anonymous().post(path, &verify).await.expect(204);
        self.sign_in(&email, PASSWORD).await
    }

    pub async fn register(&self, email: &str) -> Answer {
        let body = json!({"email": email, "password": PASSWORD, "name": "Ada Lovelace"});
        self.anonymous().post("/api/v1/auth/register", &body).await
    }

    /// Somebody new in the operator's tenant, with these roles.
    pub async fn colleague(&self, operator: &Person, roles: &[&str]) -> Person {
        let email = unique_email("colleague");
        let body = json!({
            "email": email, "password": PASSWORD, "first_name": "Grace", "last_name": "Hopper",
        });
        let user = operator.client.post("/api/v1/users", &body).await.expect(201);
        let token = self.inbox.token(&email).await;
        let verify = json!({"token": token});
        let path = "/api/v1/users/email-verification";
        self.anonymous().post(path, &verify).await.expect(204);
        let path = format!("/api/v1/users/{}/roles", user["id"].as_str().unwrap());
        operator.client.put(&path, &json!({"roles": roles})).await.expect(200);
        self.sign_in(&email, PASSWORD).await
    }

    pub async fn sign_in(&self, email: &str, password: &str) -> Person {
        // Of those who sign in to one account at the same moment, as tests do, some have to wait.
        let answer = eventually(|| async {
            let answer = self.try_sign_in(email, password).await;
            (answer.status != 429).then_some(answer)
        });
        let answer = answer.await.expect(200);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Person {
            client: Client::new(&self.url, Some(text(&answer["access_token"]))),
            id: text(&answer["user"]["id"]),
            email: email.to_owned(),
            refresh_token: text(&answer["refresh_token"]),
        }
    }

    pub async fn try_sign_in(&self, email: &str, password: &str) -> Answer {
        let body = json!({"email": email, "password": password});
        self.anonymous().post("/api/v1/auth/login", &body).await
    }

    pub async fn refresh(&self, token: &str) -> Answer {
        let body = json!({"refresh_token": token});
        self.anonymous().post("/api/v1/auth/refresh", &body).await
    }

    pub fn inbox(&self) -> &Inbox {
        &self.inbox
    }
}

/// Waits until the answer is as wanted; what changes by an event takes a moment.
pub async fn eventually<T, F: Future<Output = Option<T>>>(mut ask: impl FnMut() -> F) -> T {
    let waited = tokio::time::timeout(PATIENCE, async {
        let mut pause = Duration::from_millis(5);
        loop {
            if let Some(found) = ask().await {
                return found;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    });
    waited.await.expect("the condition comes true")
}

pub fn unique_email(name: &str) -> String {
    format!("{name}-{}@example.org", kernel::id::EventId::new())
}
