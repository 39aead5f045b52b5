//! Rate limits as clients meet them, on a platform with the default ones.

use kernel::config::Sources;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    client::Answer,
    target::{PASSWORD, Target},
};

const LOGIN: &str = "/api/v1/auth/login";

/// A request that says that it comes from somewhere else.
async fn post_as_if_from(target: &Target, n: usize, path: &str, body: &Value) -> Answer {
    let claimed = format!("198.51.100.{n}");
    let forwarded = format!("for={claimed}");
    let headers = [("x-forwarded-for", claimed.as_str()), ("forwarded", &forwarded)];
    target.anonymous().call(Method::POST, path, Some(body), &headers).await
}

#[tokio::test]
async fn mass_registration_and_guessing_from_one_address_are_stopped_whatever_it_claims() {
    let target = Target::embedded_with(Sources::empty()).await;
    let registration = json!({"password": PASSWORD, "name": "Ada Lovelace"});
    let reset = json!({});
    let guess = json!({"password": "wrong"});
    for (path, policy, body) in [
        ("/api/v1/auth/register", "registration", registration),
        ("/api/v1/users/password-reset", "reset", reset),
        (LOGIN, "sign-in", guess),
    ] {
        let mut refused = 0;
        for n in 0..14 {
            let mut body = body.clone();
            body["email"] = json!(format!("somebody-{n}@example.org"));
            let answer = post_as_if_from(&target, n, path, &body).await;
            let quota = format!("\"{policy}\";q=10;w=60, \"address\";q=1000;w=60");
            assert_eq!(answer.header("ratelimit-policy"), quota);
            if answer.status == 429 {
                refused += 1;
                let problem = answer.expect_problem(429, "request.throttled");
                let kind = "https://iana.org/assignments/http-problem-types#quota-exceeded";
                assert_eq!(problem["type"], kind);
                assert_eq!(problem["violated-policies"], json!([policy]));
                assert!(answer.header("ratelimit").starts_with(&format!("\"{policy}\";r=0;t=")));
                let wait: u64 = answer.header("retry-after").parse().unwrap();
                assert!((1..=6).contains(&wait), "{wait}");
            }
        }
        // One comes back every six seconds, should the machine be slow.
        assert!((1..=4).contains(&refused), "{path}: {refused}");
    }
}

#[tokio::test]
async fn every_answer_to_a_user_says_what_is_left() {
    let target = Target::embedded_with(Sources::empty()).await;
    let operator = target.operator().await;
    let left = |answer: &Answer| {
        let policy = "\"user\";q=100;w=60, \"address\";q=1000;w=60";
        assert_eq!(answer.header("ratelimit-policy"), policy);
        let field = answer.header("ratelimit").strip_prefix("\"user\";r=").unwrap().to_owned();
        field.split(';').next().unwrap().parse::<u32>().unwrap()
    };
    let first = operator.client.get("/api/v1/users/me").await;
    first.expect(200);
    let missing = format!("/api/v1/users/{}", kernel::id::UserId::new());
    let second = operator.client.get(&missing).await;
    second.expect_problem(404, "user.not_found");
    assert!((90..100).contains(&left(&first)) && (90..100).contains(&left(&second)));
}

#[tokio::test]
async fn one_user_calls_a_hundred_times_a_minute() {
    let target = Target::embedded_with(Sources::empty()).await;
    let operator = target.operator().await;
    let started = std::time::Instant::now();
    let mut passed = 0;
    for _ in 0..130 {
        let answer = operator.client.get("/api/v1/auth/me").await;
        passed += u64::from(answer.status == 200);
        if answer.status == 429 {
            let problem = answer.expect_problem(429, "request.throttled");
            assert_eq!(problem["violated-policies"], json!(["user"]));
        }
    }
    let refilled = started.elapsed().as_millis() / 600;
    assert!((100..=100 + u64::try_from(refilled).unwrap()).contains(&passed), "{passed}");
}
