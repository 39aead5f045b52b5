//! A second factor from enrolment to sign-in, seen from outside.

use aws_lc_rs::hmac;
use kernel::clock::{Clock, SystemClock};
use serde_json::{Value, json};

use crate::{
    client::Client,
    target::{PASSWORD, Target, eventually},
};

/// The code that an authenticator app shows so many steps from now.
fn code(shown: &Value, steps: i64) -> String {
    let text = shown["secret"].as_str().unwrap();
    let bits: Vec<bool> = text
        .chars()
        .flat_map(|letter| {
            let value = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".find(letter).unwrap();
            (0..5).rev().map(move |bit| (value >> bit) & 1 == 1)
        })
        .collect();
    let byte = |bits: &[bool]| bits.iter().fold(0, |byte, bit| (byte << 1) | u8::from(*bit));
    let secret: Vec<u8> = bits.chunks_exact(8).map(byte).collect();
    // The platform under test has the same clock, more or less.
    let step = SystemClock.now().as_second() / 30 + steps;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let at = usize::from(tag.as_ref()[19] & 15);
    let word = u32::from_be_bytes(tag.as_ref()[at..at + 4].try_into().unwrap());
    format!("{:06}", (word & 0x7fff_ffff) % 1_000_000)
}

#[tokio::test]
async fn a_second_factor_is_enrolled_demanded_and_audited() {
    let target = Target::get().await;
    let operator = target.operator().await;
    let grace = target.colleague(&operator, &["member"]).await;
    let auth = |path: &str| format!("/api/v1/auth{path}");
    let shown = grace.client.post(&auth("/mfa/totp"), &json!({})).await.expect(201);
    let confirm = json!({"code": code(&shown, 0)});
    let confirmed = grace.client.post(&auth("/mfa/totp/confirm"), &confirm).await.expect(200);
    assert_eq!(confirmed["recovery_codes"].as_array().unwrap().len(), 10);

    let demanded = target.try_sign_in(&grace.email, PASSWORD).await;
    let demanded = demanded.expect_problem(401, "auth.mfa_required");
    let challenge = &demanded["challenge"];
    // The code that enrolled it is spent; the next one is within the window already.
    let anonymous = target.anonymous();
    let login = auth("/login/mfa");
    let spent = json!({"challenge": challenge, "code": confirm["code"]});
    anonymous.post(&login, &spent).await.expect_problem(401, "auth.invalid_code");
    let next = json!({"challenge": challenge, "code": code(&shown, 1)});
    let signed_in = anonymous.post(&login, &next).await.expect(200);
    let token = signed_in["access_token"].as_str().unwrap().to_owned();
    let client = Client::new(&target.url, Some(token));
    assert_eq!(client.get(&auth("/me")).await.expect(200)["user"]["email"], grace.email.as_str());

    // She has just signed in, so nothing more is asked of her.
    assert_eq!(client.get(&auth("/mfa")).await.expect(200)["recovery_codes_left"], 10);
    let renewed = client.post(&auth("/mfa/recovery-codes"), &json!({})).await.expect(201);
    assert_eq!(renewed["recovery_codes"].as_array().unwrap().len(), 10);
    client.delete(&auth("/mfa/totp")).await.expect(204);
    target.sign_in(&grace.email, PASSWORD).await;
    for action in ["auth.mfa_enabled", "auth.mfa_disabled"] {
        let path = format!("/api/v1/audit/logs?action={action}&limit=100");
        eventually(|| async {
            let page = operator.client.get(&path).await.expect(200);
            let is_it = |entry: &Value| {
                entry["resource_id"] == grace.id.as_str() && entry["metadata"]["factor"] == "totp"
            };
            page["items"].as_array()?.iter().any(is_it).then_some(())
        })
        .await;
    }
}
