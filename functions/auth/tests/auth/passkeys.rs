//! Passkeys: registration, the second factor, and signing in with nothing else.

use contracts::{identity::UserStatus, tenant::TenantStatus};
use kernel::secret::{decode, encode};
use serde_json::{Value, json};
use testkit::{Answer, Person};

use crate::{
    authenticator::{Browser, ORIGIN},
    common::{PASSWORD, Test, claims, person, session, token},
};

impl Test {
    /// Registers a passkey, which stays in the browser.
    async fn register_passkey(&self, person: &Person, browser: &mut Browser) -> Value {
        let options =
            self.post(person, "/passkeys/registration/start", json!({})).await.expect(200);
        let credential = browser.create(ORIGIN, &options);
        self.finish_registration(person, credential).await.expect(201)
    }

    async fn finish_registration(&self, person: &Person, credential: Value) -> Answer {
        let body = json!({"name": "My phone", "credential": credential});
        self.post(person, "/passkeys/registration/finish", body).await
    }

    async fn sign_in_options(&self) -> Value {
        self.app.call(&Person::anonymous(), http::Method::POST, START, None, &[]).await.expect(200)
    }

    async fn finish_sign_in(&self, credential: Value) -> Answer {
        self.public("/passkey/login/finish", json!({"credential": credential})).await
    }

    async fn sign_in_with_passkey(&self, browser: &mut Browser) -> Value {
        let signed = browser.sign(ORIGIN, &self.sign_in_options().await);
        self.finish_sign_in(signed).await.expect(200)
    }
}

const START: &str = "/api/v1/auth/passkey/login/start";

/// Makes something wrong with a credential.
type Change = fn(&Value) -> Value;

/// Changes bytes of a member of the response.
fn tampered(credential: &Value, member: &str, change: impl Fn(&mut Vec<u8>)) -> Value {
    let mut credential = credential.clone();
    let mut bytes = decode(credential["response"][member].as_str().unwrap()).unwrap();
    change(&mut bytes);
    credential["response"][member] = json!(encode(&bytes));
    credential
}

/// Changes a member of the client data.
fn with_client_data(credential: &Value, member: &str, value: &Value) -> Value {
    tampered(credential, "clientDataJSON", |bytes| {
        let mut data: Value = serde_json::from_slice(bytes).unwrap();
        data[member] = value.clone();
        *bytes = serde_json::to_vec(&data).unwrap();
    })
}

#[tokio::test]
async fn a_passkey_signs_in_by_itself() {
    let test = Test::start().await;
    let ada = person(&test.sign_in().await);
    let mut browser = Browser::default();
    let registered = test.register_passkey(&ada, &mut browser).await;
    assert_eq!(registered["passkey"]["name"], "My phone");
    assert_eq!(registered["recovery_codes"].as_array().unwrap().len(), 10);
    assert_eq!(test.store.announced("auth").last().unwrap().data["factor"], "passkey");
    test.advance(60);
    let signed_in = test.sign_in_with_passkey(&mut browser).await;
    assert_eq!(signed_in["user"]["email"], "ada@example.org");
    assert_eq!(claims(&signed_in)["amr"], json!(["pop", "mfa"]));
    test.refresh(&token(&signed_in)).await.expect(200);
    let listed = test.get(&ada, "/passkeys").await.expect(200);
    assert_eq!(listed["items"][0]["last_used_at"], "2026-01-01T12:01:00Z");
}

#[tokio::test]
async fn a_passkey_is_a_second_factor() {
    let test = Test::start().await;
    let mut browser = Browser::default();
    test.register_passkey(&person(&test.sign_in().await), &mut browser).await;
    let demanded = test.try_sign_in(PASSWORD).await.expect_problem(401, "auth.mfa_required");
    assert_eq!(demanded["methods"], json!(["passkey", "recovery_code"]));
    let challenge = demanded["challenge"].as_str().unwrap();
    let start = json!({"challenge": challenge});
    let options = test.public("/login/mfa/passkey", start).await.expect(200);
    assert_eq!(options["allowCredentials"].as_array().unwrap().len(), 1);
    let signed = browser.sign(ORIGIN, &options);
    // Not as a sign-in of its own: it was asked for as a second factor.
    test.finish_sign_in(signed.clone()).await.expect_problem(401, "auth.invalid_passkey");
    let options =
        test.public("/login/mfa/passkey", json!({"challenge": challenge})).await.expect(200);
    let signed = browser.sign(ORIGIN, &options);
    let body = json!({"challenge": challenge, "passkey": signed});
    let signed_in = test.public("/login/mfa", body.clone()).await.expect(200);
    assert_eq!(claims(&signed_in)["amr"], json!(["pwd", "pop", "mfa"]));
    test.public("/login/mfa", body).await.expect_problem(401, "auth.challenge_invalid");
}

#[tokio::test]
async fn a_signature_for_one_sign_in_is_worth_nothing_for_another() {
    let test = Test::start().await;
    let mut browser = Browser::default();
    test.register_passkey(&person(&test.sign_in().await), &mut browser).await;
    let (one, two) = (test.challenge().await, test.challenge().await);
    let options = test.public("/login/mfa/passkey", json!({"challenge": one})).await.expect(200);
    let signed = browser.sign(ORIGIN, &options);
    let body = json!({"challenge": two, "passkey": signed});
    test.public("/login/mfa", body).await.expect_problem(401, "auth.invalid_passkey");
    let alone = browser.sign(ORIGIN, &test.sign_in_options().await);
    let body = json!({"challenge": one, "passkey": alone});
    test.public("/login/mfa", body).await.expect_problem(401, "auth.invalid_passkey");
}

#[tokio::test]
async fn a_signature_counts_once_and_for_five_minutes() {
    let test = Test::start().await;
    let mut browser = Browser::default();
    test.register_passkey(&person(&test.sign_in().await), &mut browser).await;
    let signed = browser.sign(ORIGIN, &test.sign_in_options().await);
    let (one, two) =
        tokio::join!(test.finish_sign_in(signed.clone()), test.finish_sign_in(signed.clone()));
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
    let late = browser.sign(ORIGIN, &test.sign_in_options().await);
    test.advance(300);
    test.finish_sign_in(late).await.expect_problem(401, "auth.invalid_passkey");
}

#[tokio::test]
async fn a_signature_that_is_not_quite_right_is_refused() {
    let test = Test::start().await;
    let mut browser = Browser::default();
    test.register_passkey(&person(&test.sign_in().await), &mut browser).await;
    let mut tried = 0;
    let elsewhere = "http://localhost:9999";
    let other_origin = browser.sign(elsewhere, &test.sign_in_options().await);
    test.finish_sign_in(other_origin).await.expect_problem(401, "auth.invalid_passkey");
    let changes: [(&str, Change); 11] = [
        ("origin", |c| with_client_data(c, "origin", &json!("https://evil.example"))),
        ("type", |c| with_client_data(c, "type", &json!("webauthn.create"))),
        ("challenge", |c| with_client_data(c, "challenge", &json!("AAAA"))),
        ("frame", |c| with_client_data(c, "crossOrigin", &json!(true))),
        ("rp", |c| tampered(c, "authenticatorData", |bytes| bytes[0] ^= 1)),
        ("absent", |c| tampered(c, "authenticatorData", |bytes| bytes[32] &= !1)),
        ("not verified", |c| tampered(c, "authenticatorData", |bytes| bytes[32] &= !4)),
        ("counter", |c| tampered(c, "authenticatorData", |bytes| bytes[36] ^= 1)),
        ("signature", |c| tampered(c, "signature", |bytes| *bytes.last_mut().unwrap() ^= 1)),
        ("handle", |c| tampered(c, "userHandle", |bytes| bytes[20] ^= 1)),
        ("garbage", |c| tampered(c, "authenticatorData", |bytes| bytes.truncate(20))),
    ];
    for (name, change) in changes {
        let signed = browser.sign(ORIGIN, &test.sign_in_options().await);
        let refused = test.finish_sign_in(change(&signed)).await;
        assert_eq!(refused.body["code"], "auth.invalid_passkey", "{name}");
        tried += 1;
    }
    assert_eq!(tried, 11);
    let mut unknown = browser.sign(ORIGIN, &test.sign_in_options().await);
    unknown["id"] = json!("AAAA");
    test.finish_sign_in(unknown).await.expect_problem(401, "auth.invalid_passkey");
    let reasons = test.refusals();
    assert!(reasons.iter().all(|reason| reason == "invalid_passkey"), "{reasons:?}");
    assert!(reasons.len() >= 8, "{reasons:?}");
    test.sign_in_with_passkey(&mut browser).await;
}

#[tokio::test]
async fn an_attestation_that_is_not_quite_right_is_refused() {
    let test = Test::start().await;
    let ada = person(&test.sign_in().await);
    let start = || test.post(&ada, "/passkeys/registration/start", json!({}));
    let changes: [(&str, Change); 6] = [
        ("origin", |c| with_client_data(c, "origin", &json!("https://evil.example"))),
        ("type", |c| with_client_data(c, "type", &json!("webauthn.get"))),
        ("challenge", |c| with_client_data(c, "challenge", &json!("AAAA"))),
        ("truncated", |c| tampered(c, "attestationObject", |bytes| bytes.truncate(90))),
        ("trailing", |c| tampered(c, "attestationObject", |bytes| bytes.push(0))),
        ("empty", |c| tampered(c, "attestationObject", Vec::clear)),
    ];
    for (name, change) in changes {
        let created = Browser::default().create(ORIGIN, &start().await.expect(200));
        let refused = test.finish_registration(&ada, change(&created)).await;
        assert_eq!(refused.body["code"], "auth.passkey_refused", "{name}");
    }
    let created = Browser::default().create(ORIGIN, &start().await.expect(200));
    // Somebody else's, and then it is spent.
    let eve = Person::with(&[]).of_tenant(ada.tenant());
    let stolen = test.finish_registration(&eve, created.clone()).await;
    stolen.expect_problem(422, "auth.passkey_refused");
    let spent = test.finish_registration(&ada, created).await;
    spent.expect_problem(422, "auth.passkey_refused");
    assert_eq!(test.get(&ada, "/passkeys").await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn a_passkey_belongs_to_one_account() {
    let test = Test::start().await;
    let ada = person(&test.sign_in().await);
    let mut browser = Browser::default();
    test.register_passkey(&ada, &mut browser).await;
    // The same credential again, as a copied attestation under a new challenge would bring it.
    let options = test.post(&ada, "/passkeys/registration/start", json!({})).await.expect(200);
    assert_eq!(options["excludeCredentials"].as_array().unwrap().len(), 1);
    let fresh = Browser::default().create(ORIGIN, &options);
    let known = browser.passkey.as_ref().unwrap().id.clone();
    let copied = tampered(&fresh, "attestationObject", |bytes| {
        let id = decode(fresh["id"].as_str().unwrap()).unwrap();
        assert_eq!(id.len(), known.len());
        let at = bytes.windows(id.len()).position(|window| window == id).unwrap();
        bytes[at..at + id.len()].copy_from_slice(&known);
    });
    let taken = test.finish_registration(&ada, copied).await;
    taken.expect_problem(409, "auth.passkey_taken");
}

#[tokio::test]
async fn a_counter_that_goes_backwards_gives_a_copy_away() {
    let test = Test::start().await;
    let mut browser = Browser { counts: true, ..Browser::default() };
    test.register_passkey(&person(&test.sign_in().await), &mut browser).await;
    let mut copy = Browser { passkey: browser.passkey.clone(), ..Browser::default() };
    test.sign_in_with_passkey(&mut browser).await;
    test.sign_in_with_passkey(&mut browser).await;
    let signed = copy.sign(ORIGIN, &test.sign_in_options().await);
    test.finish_sign_in(signed).await.expect_problem(401, "auth.invalid_passkey");
    assert_eq!(test.refusals(), ["passkey_cloned"]);
    test.sign_in_with_passkey(&mut browser).await;
}

#[tokio::test]
async fn the_accounts_state_shows_only_after_the_right_signature() {
    let test = Test::start().await;
    let mut browser = Browser::default();
    test.register_passkey(&person(&test.sign_in().await), &mut browser).await;
    let sign = async |browser: &mut Browser| {
        let options = test.sign_in_options().await;
        browser.sign(ORIGIN, &options)
    };
    test.world.user.lock().unwrap().status = UserStatus::Suspended;
    let signed = sign(&mut browser).await;
    let wrong = tampered(&signed, "signature", |bytes| *bytes.last_mut().unwrap() ^= 1);
    test.finish_sign_in(wrong).await.expect_problem(401, "auth.invalid_passkey");
    let signed = sign(&mut browser).await;
    test.finish_sign_in(signed).await.expect_problem(403, "auth.suspended");
    test.world.user.lock().unwrap().status = UserStatus::Active;
    *test.world.tenant_status.lock().unwrap() = TenantStatus::Suspended;
    let signed = sign(&mut browser).await;
    test.finish_sign_in(signed).await.expect_problem(403, "auth.tenant_suspended");
    assert_eq!(test.refusals(), ["invalid_passkey", "suspended", "tenant_suspended"]);
}

#[tokio::test]
async fn a_passkey_steps_up_and_is_removed() {
    let test = Test::start().await;
    let signed_in = test.sign_in().await;
    let ada = person(&signed_in);
    let mut browser = Browser::default();
    let registered = test.register_passkey(&ada, &mut browser).await;
    let path = format!("/passkeys/{}", registered["passkey"]["id"].as_str().unwrap());
    test.advance(600);
    test.delete(&ada, &path).await.expect_problem(401, "auth.step_up_required");
    let options = test.post(&ada, "/step-up/passkey", json!({})).await.expect(200);
    let signed = browser.sign(ORIGIN, &options);
    // Not to sign in anew.
    test.finish_sign_in(signed).await.expect_problem(401, "auth.invalid_passkey");
    let options = test.post(&ada, "/step-up/passkey", json!({})).await.expect(200);
    let signed = browser.sign(ORIGIN, &options);
    let fresh = test.post(&ada, "/step-up", json!({"passkey": signed})).await.expect(200);
    assert_eq!(session(&fresh), session(&signed_in));
    let ada = person(&fresh);
    let stranger = Person::with(&[]).of_tenant(ada.tenant());
    let stranger = stranger.authenticated_at("2026-01-01T12:10:00Z".parse().unwrap());
    test.delete(&stranger, &path).await.expect_problem(404, "auth.factor_not_found");
    test.delete(&ada, &path).await.expect(204);
    test.delete(&ada, &path).await.expect_problem(404, "auth.factor_not_found");
    let signed = browser.sign(ORIGIN, &test.sign_in_options().await);
    test.finish_sign_in(signed).await.expect_problem(401, "auth.invalid_passkey");
    test.sign_in().await;
    // What was removed may be registered anew, here or elsewhere.
    test.register_passkey(&ada, &mut browser).await;
}

#[tokio::test]
async fn nobody_has_more_than_ten_passkeys() {
    let test = Test::start().await;
    let ada = person(&test.sign_in().await);
    for _ in 0..10 {
        test.register_passkey(&ada, &mut Browser::default()).await;
    }
    let refused = test.post(&ada, "/passkeys/registration/start", json!({})).await;
    refused.expect_problem(409, "auth.too_many_passkeys");
}
