//! Service clients and API keys: what they may, and when that ends.

use std::{collections::BTreeSet, sync::Arc};

use authorizer::Refusal;
use contracts::{
    access_token::ClientClaims,
    credential,
    sessions::{ApiKeyStanding, ClientStanding},
};
use http::Method;
use kernel::{
    caller::{AuthorizerContext, Credential},
    config::Sources,
    id::{ApiKeyId, ClientId, ClientSecretId, TokenId},
    origin::{ActorKind, Origin},
};

use crate::decisions::{LIST_USERS, ME, Test, header};

const SESSIONS: &str = "/api/v1/auth/sessions";

fn set(codes: &[&str]) -> BTreeSet<String> {
    codes.iter().map(|code| (*code).to_owned()).collect()
}

impl Test {
    fn client_token(&self, scope: &str) -> (ClientId, String) {
        let client = ClientId::new();
        let claims = ClientClaims {
            iss: self.claims.iss.clone(),
            aud: self.claims.aud.clone(),
            sub: client,
            client_id: client,
            tid: self.claims.tid,
            secret_id: ClientSecretId::new(),
            scope: scope.to_owned(),
            iat: self.claims.iat,
            nbf: self.claims.nbf,
            exp: self.claims.exp,
            jti: TokenId::new(),
        };
        (client, self.sign(&header(), &claims))
    }

    fn set_client(&self, scopes: Option<&[&str]>) {
        let standing = scopes.map(|scopes| ClientStanding { scopes: set(scopes) });
        *self.services.client.lock().unwrap() = standing;
    }

    fn set_key(&self, scopes: &[&str]) {
        *self.services.api_key.lock().unwrap() = Some(ApiKeyStanding {
            id: ApiKeyId::new(),
            tenant_id: self.claims.tid,
            user_id: self.claims.sub,
            scopes: set(scopes),
        });
    }

    async fn context(&self, route: &str, bearer: &str) -> Result<Arc<AuthorizerContext>, Refusal> {
        let (origin, header) = (Origin::system("test"), format!("Bearer {bearer}"));
        let decided = self.authorizer.decide(&origin, &Method::GET, route, Some(&header)).await;
        decided.map(|context| context.expect("the route is not public"))
    }
}

fn key() -> String {
    credential::wrap(credential::API_KEY, b"some content").expose().to_owned()
}

#[tokio::test]
async fn a_client_may_what_its_token_says_as_far_as_it_still_may() {
    let test = Test::start();
    let (client, token) = test.client_token("user.list role.read");
    test.set_client(Some(&["user.list", "user.delete"]));
    let context = test.context(LIST_USERS, &token).await.unwrap();
    assert_eq!(context.permissions, set(&["user.list"]));
    assert_eq!(context.credential, Credential::Client);
    assert_eq!(context.actor_kind(), ActorKind::Service);
    assert_eq!(context.user_id.as_uuid(), client.as_uuid());
    assert_eq!(context.tenant_id, test.claims.tid);
    let roles = "/api/v1/roles";
    assert!(matches!(test.context(roles, &token).await, Err(Refusal::Forbidden("role.read", _))));
    assert!(matches!(test.context(SESSIONS, &token).await, Err(Refusal::SessionRequired(_))));
    test.calls();
    test.context(LIST_USERS, &token).await.unwrap();
    assert_eq!(test.calls(), 0, "warm");
}

#[tokio::test]
async fn a_key_may_what_its_owner_may_now_as_far_as_its_scopes_go() {
    let sources = Sources::empty().with("PLINTH_AUTHORIZER_CACHE_SECONDS", "0");
    let test = Test::with(&sources);
    *test.services.permissions.lock().unwrap() = vec!["user.list", "role.read"];
    let key = key();
    test.set_key(&[]);
    let context = test.context(ME, &key).await.unwrap();
    assert_eq!(context.permissions, set(&["user.list", "role.read"]));
    assert_eq!((context.credential, context.actor_kind()), (Credential::ApiKey, ActorKind::User));
    assert_eq!(context.user_id, test.claims.sub);
    test.set_key(&["user.list", "user.delete"]);
    assert_eq!(test.context(ME, &key).await.unwrap().permissions, set(&["user.list"]));
    *test.services.permissions.lock().unwrap() = vec![];
    let refused = test.context(LIST_USERS, &key).await;
    assert!(matches!(refused, Err(Refusal::Forbidden("user.list", _))));
    assert!(matches!(test.context(SESSIONS, &key).await, Err(Refusal::SessionRequired(_))));
}

#[tokio::test]
async fn a_mistyped_key_asks_nobody_and_a_dead_one_once() {
    let test = Test::start();
    for wrong in ["plk_", "plk_AAAA", &format!("{}A", key()), "plk_\u{e9}"] {
        assert!(matches!(test.decide(ME, wrong).await, Err(Refusal::BadToken(_))), "{wrong}");
    }
    assert_eq!(test.calls(), 0);
    for _ in 0..10 {
        assert!(matches!(test.decide(ME, &key()).await, Err(Refusal::SessionOver)));
    }
    assert_eq!(test.calls(), 1);
}

#[tokio::test]
async fn who_has_ended_is_forgotten_by_event_and_by_time() {
    let sources = Sources::empty().with("PLINTH_AUTHORIZER_CACHE_SECONDS", "0");
    let test = Test::with(&sources);
    let (_, token) = test.client_token("user.list");
    test.set_client(Some(&["user.list"]));
    test.context(LIST_USERS, &token).await.unwrap();
    test.set_client(None);
    assert!(matches!(test.context(LIST_USERS, &token).await, Err(Refusal::SessionOver)));
    for kind in ["platform.auth.client_updated", "platform.auth.api_key_revoked"] {
        let mut patterns = authorizer::FORGET_ON.iter();
        assert!(patterns.any(|pattern| kernel::event::matches(pattern, kind)), "{kind}");
    }
}
