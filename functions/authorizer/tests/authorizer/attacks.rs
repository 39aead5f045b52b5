//! Tokens that somebody has made, changed or brought from elsewhere (RFC 8725).

use authorizer::Refusal;
use contracts::{access_token::ClientClaims, sessions::AccessClaims};
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk};
use kernel::{
    id::{ClientId, ClientSecretId, TokenId},
    secret::encode,
};
use serde_json::{Value, json};

use crate::decisions::{ME, Test, header, pair};

/// The parts of a token of ours, by hand.
fn assemble(header: &str, payload: &str, signature: &[u8]) -> String {
    format!("{}.{}.{}", encode(header.as_bytes()), encode(payload.as_bytes()), encode(signature))
}

impl Test {
    /// A genuine signature over any header and payload, as only a leak of the key could give.
    fn sign_text(&self, header: &str, payload: &str) -> String {
        let message = format!("{}.{}", encode(header.as_bytes()), encode(payload.as_bytes()));
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &self.pair.signing, Algorithm::ES256);
        format!("{message}.{}", signature.unwrap())
    }

    fn with_claims(&self, change: impl Fn(&mut AccessClaims)) -> String {
        let mut claims = self.claims.clone();
        change(&mut claims);
        self.sign(&header(), &claims)
    }

    fn with_header(&self, change: impl Fn(&mut Header)) -> String {
        let mut header = header();
        change(&mut header);
        self.sign(&header, &self.claims)
    }

    async fn assert_refused(&self, name: &str, token: &str) {
        let refused = self.decide(ME, token).await;
        let is_refused = matches!(refused, Err(Refusal::BadToken(_) | Refusal::NoToken));
        assert!(is_refused, "{name}: {refused:?}");
    }
}

#[tokio::test]
async fn the_signature_must_be_ours_by_our_algorithm() {
    let test = Test::start();
    let token = test.token();
    let payload = serde_json::to_string(&test.claims).unwrap();
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let header = format!(r#"{{"alg":"{alg}","typ":"at+jwt","kid":"one"}}"#);
        test.assert_refused(alg, &assemble(&header, &payload, b"")).await;
        test.assert_refused(alg, &assemble(&header, &payload, b"x")).await;
    }
    // The public key, in every form that it is known in, as the secret of an HMAC (RFC 8725, section 2.1).
    let public = &test.pair.public;
    let jwk = serde_json::to_string(public).unwrap();
    let (x, y) = (public.x.as_bytes(), public.y.as_bytes());
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        for secret in [x, y, &[x, y].concat(), jwk.as_bytes(), b""] {
            let mut header = header();
            header.alg = algorithm;
            let key = EncodingKey::from_secret(secret);
            let token = jsonwebtoken::encode(&header, &test.claims, &key).unwrap();
            test.assert_refused("HMAC by the public key", &token).await;
        }
    }
    // Ours by name, somebody else's by key.
    let foreign = jsonwebtoken::encode(&header(), &test.claims, &pair("one").signing).unwrap();
    test.assert_refused("another signer", &foreign).await;
    // Our header and payload with no, half, doubled, zero or another token's signature.
    let (message, signature) = token.rsplit_once('.').unwrap();
    let other = test.with_claims(|claims| claims.jti = "2".to_owned());
    let others = other.rsplit_once('.').unwrap().1;
    let zero = encode(&[0; 64]);
    for wrong in ["", &signature[..40], &format!("{signature}{signature}"), &zero, others] {
        test.assert_refused("signature", &format!("{message}.{wrong}")).await;
    }
    test.decide(ME, &token).await.unwrap();
}

#[tokio::test]
async fn what_a_token_says_must_be_about_us_and_about_now() {
    let test = Test::start();
    let now = test.claims.iat;
    let cases = [
        ("issuer", test.with_claims(|claims| claims.iss = "https://evil.example".to_owned())),
        ("issuer, longer", test.with_claims(|claims| claims.iss.push_str(".evil.example"))),
        ("another stage", test.with_claims(|claims| claims.aud = "plinth-staging".to_owned())),
        ("no audience", test.with_claims(|claims| claims.aud.clear())),
        ("expired", test.with_claims(|claims| claims.exp = now - 5)),
        ("not yet valid", test.with_claims(|claims| claims.nbf = now + 6)),
        ("type", test.with_header(|header| header.typ = Some("JWT".to_owned()))),
        ("type of an id token", test.with_header(|header| header.typ = None)),
        ("longer type", test.with_header(|header| header.typ = Some("at+jwt2".to_owned()))),
        ("an extension", test.with_header(|header| header.crit = Some(vec!["exp".to_owned()]))),
    ];
    for (name, token) in cases {
        test.assert_refused(name, &token).await;
    }
    // A claim that is missing, of another type, or there twice.
    let header = r#"{"alg":"ES256","typ":"at+jwt","kid":"one"}"#;
    let whole = serde_json::to_value(&test.claims).unwrap();
    for name in ["iss", "aud", "sub", "tid", "sid", "exp", "nbf"] {
        for value in [None, Some(Value::Null), Some(json!({})), Some(json!(["x"]))] {
            let mut claims = whole.clone();
            let fields = claims.as_object_mut().unwrap();
            match value {
                None => drop(fields.remove(name)),
                Some(value) => drop(fields.insert(name.to_owned(), value)),
            }
            test.assert_refused(name, &test.sign_text(header, &claims.to_string())).await;
        }
        let twice = format!(r#"{{"{name}":{},{}"#, whole[name], &whole.to_string()[1..]);
        test.assert_refused(name, &test.sign_text(header, &twice)).await;
    }
    let twice = r#"{"alg":"none","alg":"ES256","typ":"at+jwt","kid":"one"}"#;
    test.assert_refused("two algorithms", &test.sign_text(twice, &whole.to_string())).await;
    test.decide(ME, &test.sign_text(header, &whole.to_string())).await.unwrap();
}

#[tokio::test]
async fn a_key_is_one_of_our_ring_whatever_the_token_says() {
    let test = Test::start();
    let kids = ["../../one", "/dev/null", "one\u{0}", "ONE", "one ", "' OR 1=1 --", "", "two"];
    for kid in kids {
        let token = test.with_header(|header| header.kid = Some(kid.to_owned()));
        test.assert_refused(kid, &token).await;
    }
    test.assert_refused("no key", &test.with_header(|header| header.kid = None)).await;
    // Brings its own key along, or says where to get one: signed by that key it is refused...
    let mallory = pair("one");
    let own: Jwk = serde_json::from_value(serde_json::to_value(&mallory.public).unwrap()).unwrap();
    let bring = |header: &mut Header| {
        header.jwk = Some(own.clone());
        header.jku = Some("https://evil.example/jwks.json".to_owned());
        header.x5u = Some("https://evil.example/cert.pem".to_owned());
    };
    let mut header = header();
    bring(&mut header);
    let token = jsonwebtoken::encode(&header, &test.claims, &mallory.signing).unwrap();
    test.assert_refused("a key of its own", &token).await;
    header.kid = Some("mallory".to_owned());
    let token = jsonwebtoken::encode(&header, &test.claims, &mallory.signing).unwrap();
    test.assert_refused("a key of its own by its name", &token).await;
    // ... and signed by ours it counts for what our key says.
    test.decide(ME, &test.with_header(bring)).await.unwrap();
}

#[tokio::test]
async fn no_text_is_too_odd() {
    let test = Test::start();
    let token = test.token();
    for length in [0, 1, 20, 100, token.len() - 1] {
        test.assert_refused("truncated", &token[..length]).await;
    }
    let huge = "a".repeat(100_000);
    let odd =
        ["a.b.c", ".", "..", "...", "a.b", "a.b.c.d", "\u{0}", "{}", "e30.e30.e30", huge.as_str()];
    for text in odd {
        test.assert_refused("odd", text).await;
    }
    let long = test.with_claims(|claims| claims.roles = vec!["x".repeat(10_000)]);
    test.assert_refused("oversized", &long).await;
    test.assert_refused("with more behind it", &format!("{token}.x")).await;
    test.assert_refused("with a space in it", &token.replacen('.', " .", 1)).await;
}

#[tokio::test]
async fn a_clients_token_is_no_sessions_and_the_other_way_round() {
    let test = Test::start();
    let client = ClientId::new();
    let claims = ClientClaims {
        iss: test.claims.iss.clone(),
        aud: test.claims.aud.clone(),
        sub: client,
        client_id: client,
        tid: test.claims.tid,
        secret_id: ClientSecretId::new(),
        scope: "user.list".to_owned(),
        iat: test.claims.iat,
        nbf: test.claims.nbf,
        exp: test.claims.exp,
        jti: TokenId::new(),
    };
    // No client stands behind it: whatever the session of a user would say does not matter.
    let token = test.sign(&header(), &claims);
    assert!(matches!(test.decide(ME, &token).await, Err(Refusal::SessionOver)));
    for (change, name) in [
        (|claims: &mut ClientClaims| claims.exp = 0, "expired"),
        (|claims: &mut ClientClaims| claims.nbf += 6, "not yet valid"),
        (|claims: &mut ClientClaims| claims.aud = "x".to_owned(), "audience"),
        (|claims: &mut ClientClaims| claims.iss = "x".to_owned(), "issuer"),
    ] as [(fn(&mut ClientClaims), &str); 4]
    {
        let mut claims = claims.clone();
        change(&mut claims);
        test.assert_refused(name, &test.sign(&header(), &claims)).await;
    }
}
