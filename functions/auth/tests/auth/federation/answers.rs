//! What of a provider's answers is believed.

use serde_json::{Value, json};

use super::{House, idp::Signing, text};
use crate::common::{EMAIL, claims};

#[tokio::test]
async fn an_honest_answer_signs_in_and_gives_what_a_sign_in_gives() {
    let house = House::with_provider(json!({})).await;
    let answer = house.sign_in().await.expect(200);
    assert_eq!(answer["user"]["email"], EMAIL);
    assert_eq!(answer["token_type"], "Bearer");
    assert!(answer["refresh_token"].is_string());
    assert!(house.test.is_active(&answer).await);
    assert_eq!(claims(&answer)["roles"], json!(["member"]));
    house.test.refresh(answer["refresh_token"].as_str().unwrap()).await.expect(200);
    let types = house.test.store.announced_types("auth");
    let news: Vec<_> = types.iter().map(|kind| kind.trim_start_matches("platform.auth.")).collect();
    assert_eq!(news, ["provider_created", "identity_linked", "login_succeeded"]);
}

#[tokio::test]
async fn the_provider_is_asked_for_a_code_with_everything_that_binds_it() {
    let house = House::with_provider(json!({})).await;
    let one = house.begin("tenant=demo").await;
    let other = house.begin("tenant=demo").await;
    let parameter = |location: &kernel::outgoing::Url, name: &str| {
        let found = location.query_pairs().find(|(known, _)| known == name);
        found.unwrap_or_else(|| panic!("no {name}")).1.into_owned()
    };
    assert!(one.location.as_str().starts_with(&format!("{}/authorize?", house.idp.issuer)));
    assert_eq!(parameter(&one.location, "scope"), "openid email profile");
    for name in ["state", "nonce", "code_challenge"] {
        assert_ne!(parameter(&one.location, name), parameter(&other.location, name), "{name}");
        assert!(parameter(&one.location, name).len() >= 43, "{name}");
    }
    assert!(one.cookie.starts_with("__Host-plinth_federation="));
    let answer = house.start("tenant=demo", "").await;
    let cookie = text(&answer, &http::header::SET_COOKIE);
    for attribute in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=600"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
}

#[tokio::test]
async fn both_kinds_of_keys_are_believed() {
    let house = House::with_provider(json!({})).await;
    for signing in [Signing::Es256, Signing::Rs256] {
        house.idp.set(|script| script.signing = signing);
        house.sign_in().await.expect(200);
    }
}

/// Every id token that is wrong in one way.
#[tokio::test]
async fn a_wrong_id_token_signs_nobody_in() {
    let house = House::with_provider(json!({})).await;
    let now = house.now();
    let claims = |claims: Value| (Signing::Es256, claims, json!({}));
    let header = |header: Value| (Signing::Es256, json!({}), header);
    let signed = |signing| (signing, json!({}), json!({}));
    let wrong = [
        ("nonce of another", claims(json!({"nonce": "another"}))),
        ("no nonce", claims(json!({"nonce": null}))),
        ("other issuer", claims(json!({"iss": "https://evil.example.org"}))),
        ("other audience", claims(json!({"aud": "somebody else"}))),
        ("no audience of ours", claims(json!({"aud": ["a", "b"]}))),
        ("several without azp", claims(json!({"aud": ["plinth at idp", "b"]}))),
        ("other azp", claims(json!({"azp": "b"}))),
        ("expired", claims(json!({"exp": now - 60}))),
        ("expired long ago", claims(json!({"exp": 1}))),
        ("no expiry", claims(json!({"exp": null}))),
        ("issued in the future", claims(json!({"iat": now + 61}))),
        ("not yet valid", claims(json!({"nbf": now + 61}))),
        ("no time of issue", claims(json!({"iat": null}))),
        ("other access token", claims(json!({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}))),
        ("no subject", claims(json!({"sub": ""}))),
        ("long subject", claims(json!({"sub": "x".repeat(256)}))),
        ("unsigned", signed(Signing::None)),
        ("public key as secret", signed(Signing::PublicKeyAsSecret)),
        ("foreign key", signed(Signing::Foreign)),
        ("alg of another family", header(json!({"alg": "RS256"}))),
        ("unknown key", header(json!({"kid": "../../etc/passwd"}))),
        ("critical extension", header(json!({"crit": ["exp"]}))),
        ("an access token", header(json!({"typ": "at+jwt"}))),
        ("a logout token", header(json!({"typ": "logout+jwt"}))),
    ];
    for (what, (signing, claims, header)) in wrong {
        house.idp.set(|script| {
            (script.signing, script.claims, script.header) = (signing, claims, header);
        });
        let answer = house.sign_in().await;
        assert_eq!(answer.status, 401, "{what}: {:#}", answer.body);
        answer.expect_problem(401, "auth.federation_unproven");
    }
    house.assert_nobody_came_in();
    let events = house.test.store.announced("auth");
    let failures = events.iter().filter(|event| event.kind == "platform.auth.login_failed");
    assert!(failures.clone().count() > 20, "refusals are audited");
    assert!(failures.clone().all(|event| event.data["reason"] == "federation"));
    assert!(failures.clone().all(|event| event.tenant_id == house.owner.tenant()));
}

#[tokio::test]
async fn clocks_may_be_a_minute_apart_and_optional_claims_may_be_missing() {
    let house = House::with_provider(json!({})).await;
    let now = house.now();
    for claims in [
        json!({"exp": now - 59}),
        json!({"iat": now + 60}),
        json!({"nbf": now + 60}),
        json!({"at_hash": null}),
        serde_json::from_str(&format!(r#"{{"exp": {now}.5}}"#)).unwrap(),
        json!({"aud": ["plinth at idp"]}),
        json!({"aud": ["plinth at idp", "b"], "azp": "plinth at idp"}),
    ] {
        house.idp.set(|script| script.claims = claims);
        house.sign_in().await.expect(200);
    }
    house.idp.set(|script| {
        (script.claims, script.header) = (json!({}), json!({"kid": null, "typ": null}));
    });
    house.sign_in().await.expect(200);
}

#[tokio::test]
async fn a_rotated_key_is_fetched_once_and_not_again_at_every_unknown_one() {
    let house = House::with_provider(json!({})).await;
    house.sign_in().await.expect(200);
    house.sign_in().await.expect(200);
    assert_eq!(house.idp.key_reads(), 1);
    house.idp.rotate();
    house.sign_in().await.expect(200);
    assert_eq!(house.idp.key_reads(), 2);
    house.idp.set(|script| script.header = json!({"kid": "invented"}));
    for _ in 0..5 {
        house.sign_in().await.expect_problem(401, "auth.federation_unproven");
    }
    assert_eq!(house.idp.key_reads(), 2);
    house.test.advance(30);
    for _ in 0..5 {
        house.sign_in().await.expect_problem(401, "auth.federation_unproven");
    }
    assert_eq!(house.idp.key_reads(), 3);
}

#[tokio::test]
async fn keys_that_were_withdrawn_are_forgotten_in_time() {
    let house = House::with_provider(json!({})).await;
    house.sign_in().await.expect(200);
    house.test.advance(600);
    house.sign_in().await.expect(200);
    assert_eq!(house.idp.key_reads(), 2);
}

#[tokio::test]
async fn an_answer_that_names_another_issuer_is_refused_before_the_code_goes_anywhere() {
    let house = House::with_provider(json!({})).await;
    house.idp.set(|script| script.answer = json!({"iss": "https://evil.example.org"}));
    house.sign_in().await.expect_problem(401, "auth.federation_unproven");
    let own = json!({"iss": house.idp.issuer});
    house.idp.set(|script| script.answer = own);
    house.sign_in().await.expect(200);
    // Errors are answers too (RFC 9207, section 2).
    let error = json!({"iss": "https://evil.example.org", "error": "access_denied", "code": null});
    house.idp.set(|script| script.answer = error);
    house.sign_in().await.expect_problem(401, "auth.federation_unproven");
}

#[tokio::test]
async fn a_provider_that_announces_to_name_itself_has_to() {
    let house = House::open().await;
    let announced = json!({"authorization_response_iss_parameter_supported": true});
    house.idp.set(|script| script.metadata = announced);
    house.create(json!({})).await.expect(201);
    house.sign_in().await.expect_problem(401, "auth.federation_unproven");
    let own = json!({"iss": house.idp.issuer});
    house.idp.set(|script| script.answer = own);
    house.sign_in().await.expect(200);
}

#[tokio::test]
async fn an_error_of_the_provider_is_a_refusal_and_its_words_are_not_repeated() {
    let house = House::with_provider(json!({})).await;
    for error in ["access_denied", "server_error", "<script>alert(1)</script>"] {
        house.idp.set(|script| {
            script.answer = json!({"error": error, "error_description": "<b>", "code": null});
        });
        let problem = house.sign_in().await.expect_problem(403, "auth.federation_denied");
        assert!(!problem.to_string().contains('<'), "{problem}");
    }
    // An error counts even beside a code.
    house.idp.set(|script| script.answer = json!({"error": "access_denied"}));
    house.sign_in().await.expect_problem(403, "auth.federation_denied");
    house.assert_nobody_came_in();
}

#[tokio::test]
async fn a_provider_that_does_not_answer_as_it_should_is_no_fault_of_ours() {
    let house = House::open().await;
    house.idp.set(|script| script.metadata = json!({"issuer": "https://other.example.org"}));
    house.create(json!({})).await.expect(201);
    let start = house.start("tenant=demo", "").await;
    start.expect_problem(424, "auth.provider_unavailable");
    for metadata in [
        json!({"token_endpoint": null}),
        json!({"jwks_uri": "http://169.254.169.254/latest/meta-data"}),
        json!({"authorization_endpoint": "javascript:alert(1)"}),
        json!({"token_endpoint": "https://10.0.0.1/token"}),
    ] {
        house.idp.set(|script| script.metadata = metadata);
        let start = house.start("tenant=demo", "").await;
        start.expect_problem(424, "auth.provider_unavailable");
    }
    // What failed is not remembered.
    house.idp.set(|script| script.metadata = json!({}));
    house.sign_in().await.expect(200);
}

#[tokio::test]
async fn a_client_that_the_provider_does_not_know_is_told_to_the_administrator_only() {
    let house = House::with_provider(json!({"client_secret": "outdated"})).await;
    house.sign_in().await.expect_problem(424, "auth.provider_unavailable");
    house.assert_nobody_came_in();
}

#[tokio::test]
async fn a_secret_goes_into_the_body_where_the_provider_wants_it() {
    let house = House::open().await;
    let methods = json!({"token_endpoint_auth_methods_supported": ["client_secret_post"]});
    house.idp.set(|script| script.metadata = methods);
    house.create(json!({})).await.expect(201);
    house.sign_in().await.expect(200);
}

#[tokio::test]
async fn userinfo_counts_where_the_id_token_proves_no_address_and_only_about_the_same_person() {
    let house = House::open().await;
    let verified = json!({"email": EMAIL, "email_verified": true});
    house.idp.set(|script| {
        script.claims = json!({"email": null, "email_verified": null});
        script.userinfo = Some(verified.clone());
    });
    house.create(json!({})).await.expect(201);
    let mut other = verified.clone();
    other["sub"] = json!("somebody else");
    house.idp.set(|script| script.userinfo = Some(other));
    house.sign_in().await.expect_problem(401, "auth.federation_unproven");
    house.idp.set(|script| script.userinfo = Some(verified));
    house.sign_in().await.expect(200);
}

#[tokio::test]
async fn a_provider_like_github_signs_in_by_its_number_and_its_verified_primary_address() {
    let house = House::with_provider(json!({"preset": "github"})).await;
    let browser = house.begin("tenant=demo").await;
    assert_eq!(browser.location.path(), "/login/oauth/authorize");
    assert!(browser.location.query_pairs().any(|(_, value)| value == "read:user user:email"));
    let parameters = house.answer_to(&browser);
    let answer = house.come_back(&browser, &parameters).await.expect(200);
    assert_eq!(answer["user"]["email"], EMAIL);
    // Its way to say that a code is bad.
    let browser = house.begin("tenant=demo").await;
    let state = house.answer_to(&browser).into_iter().filter(|(name, _)| name == "state");
    let parameters: Vec<_> = state.chain([("code".to_owned(), "stolen".to_owned())]).collect();
    let answer = house.come_back(&browser, &parameters).await;
    answer.expect_problem(401, "auth.federation_unproven");
}

impl House {
    fn now(&self) -> i64 {
        use kernel::clock::Clock;
        self.test.clock.now().as_second()
    }
}
