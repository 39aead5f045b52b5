//! Guessing passwords, and what it does to the owner: nothing.

use aws::Ledger;
use serde_json::json;
use testkit::{Answer, App, Person};

use crate::common::{EMAIL, PASSWORD, Test};

/// Settings' defaults.
const FREE: usize = 5;
const FREE_OF_ACCOUNT: usize = 10;

async fn attempt(app: &App, address: &str, email: &str, password: &str) -> Answer {
    let body = json!({"email": email, "password": password});
    app.post(&Person::anonymous().at(address), "/api/v1/auth/login", &body).await
}

fn address(n: usize) -> String {
    format!("198.51.100.{n}")
}

/// Guesses at the same time over two instances; how many were told that they are wrong.
async fn verdicts(test: &Test, from: impl Fn(usize) -> String) -> usize {
    let mut guesses = tokio::task::JoinSet::new();
    for n in 0..50 {
        let app = if n % 2 == 0 { test.app.clone() } else { test.other.clone() };
        let address = from(n);
        guesses.spawn(async move { attempt(&app, &address, EMAIL, "wrong").await });
    }
    let answers = guesses.join_all().await;
    let told = answers.iter().filter(|answer| answer.status == 401).count();
    for answer in answers.into_iter().filter(|answer| answer.status != 401) {
        answer.expect_problem(429, "auth.locked_out");
    }
    told
}

#[tokio::test]
async fn of_fifty_guesses_at_the_same_time_only_the_free_ones_get_a_verdict() {
    let test = Test::start().await;
    assert_eq!(verdicts(&test, |_| address(1)).await, FREE);
    // Also when the wait is over: one each time.
    for wait in [1, 2, 4] {
        test.advance(wait);
        assert_eq!(verdicts(&test, |_| address(1)).await, 1);
    }
}

#[tokio::test]
async fn guesses_from_many_networks_share_the_accounts_counter() {
    let test = Test::start().await;
    assert_eq!(verdicts(&test, address).await, FREE_OF_ACCOUNT);
    test.advance(1);
    assert_eq!(verdicts(&test, |n| address(100 + n)).await, 1);
}

#[tokio::test]
async fn strangers_do_not_delay_the_owner() {
    let test = Test::start().await;
    test.sign_in().await;
    for _ in 0..3 {
        verdicts(&test, address).await;
        test.sign_in().await;
        test.advance(60);
    }
    // The owner mistypes as freely as ever.
    for _ in 0..FREE {
        test.try_sign_in("wrong").await.expect_problem(401, "auth.invalid_credentials");
    }
    test.try_sign_in(PASSWORD).await.expect_problem(429, "auth.locked_out");
    test.advance(1);
    test.sign_in().await;
}

#[tokio::test]
async fn an_owner_on_the_road_waits_a_bounded_time_and_is_known_after() {
    let test = Test::start().await;
    for _ in 0..30 {
        assert!(verdicts(&test, address).await > 0);
        test.advance(61);
    }
    verdicts(&test, address).await;
    let road = address(200);
    for _ in 0..2 * FREE {
        let refused = attempt(&test.app, &road, EMAIL, PASSWORD).await;
        let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!(wait <= 60, "{wait}");
        refused.expect_problem(429, "auth.locked_out");
    }
    // What was refused for others' guesses did not count against the owner's own network.
    test.advance(60);
    attempt(&test.app, &road, EMAIL, PASSWORD).await.expect(200);
    verdicts(&test, address).await;
    attempt(&test.app, &road, EMAIL, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn forwarded_headers_make_nobody_somebody_else() {
    let test = Test::start().await;
    for n in 0..FREE + 3 {
        let claimed = address(n);
        let forwarded = format!("for={claimed}");
        let headers = [
            ("x-forwarded-for", claimed.as_str()),
            ("x-real-ip", &claimed),
            ("forwarded", &forwarded),
            ("true-client-ip", &claimed),
        ];
        let body = json!({"email": EMAIL, "password": "wrong"});
        let (post, path) = (http::Method::POST, "/api/v1/auth/login");
        let answer = test.app.call(&Person::anonymous(), post, path, Some(&body), &headers).await;
        assert_eq!(answer.status, if n < FREE { 401 } else { 429 });
    }
}

#[tokio::test]
async fn an_ipv6_network_is_one_client() {
    let test = Test::start().await;
    for n in 0..=FREE {
        let address = format!("2001:db8:1:2:{n:x}::1");
        let answer = attempt(&test.app, &address, EMAIL, "wrong").await;
        assert_eq!(answer.status, if n < FREE { 401 } else { 429 });
    }
}

#[tokio::test]
async fn an_unknown_account_costs_and_answers_the_same() {
    let test = Test::start().await;
    test.sign_in().await;
    for n in 0..2 * FREE {
        let address = address(n / 7);
        let known = Ledger::of(attempt(&test.app, &address, EMAIL, "wrong")).await;
        let unknown = Ledger::of(attempt(&test.app, &address, "nobody@example.org", "wrong")).await;
        let calls =
            |ledger: &Ledger| ledger.calls().iter().map(|call| call.operation).collect::<Vec<_>>();
        assert_eq!(calls(&known.1), calls(&unknown.1), "attempt {n}");
        assert_eq!(known.0.status, unknown.0.status, "attempt {n}");
        assert_eq!(known.0.headers.get("retry-after"), unknown.0.headers.get("retry-after"));
    }
}

#[tokio::test]
async fn an_attempt_without_a_verdict_does_not_count() {
    let test = Test::start().await;
    *test.world.identities_are_down.lock().unwrap() = true;
    for _ in 0..2 * FREE_OF_ACCOUNT {
        test.try_sign_in("wrong").await.expect_problem(503, "internal.unavailable");
    }
    *test.world.identities_are_down.lock().unwrap() = false;
    *test.world.roles_are_down.lock().unwrap() = true;
    for _ in 0..2 * FREE_OF_ACCOUNT {
        test.try_sign_in(PASSWORD).await.expect_problem(503, "internal.unavailable");
    }
    *test.world.roles_are_down.lock().unwrap() = false;
    test.sign_in().await;
}

#[tokio::test]
async fn attempts_are_forgotten_after_a_day() {
    let test = Test::start().await;
    for round in 0..2 {
        for _ in 0..FREE {
            test.try_sign_in("wrong").await.expect_problem(401, "auth.invalid_credentials");
        }
        let locked = test.try_sign_in("wrong").await;
        assert_eq!(locked.headers["retry-after"], "1", "round {round}");
        test.advance(24 * 60 * 60);
    }
}

#[tokio::test]
async fn registrations_of_one_account_are_limited_wherever_they_come_from() {
    let test = Test::start_limited().await;
    let register = async |n: usize, email: &str| {
        let body = json!({"email": email, "password": "x".repeat(15), "name": "B"});
        let person = Person::anonymous().at(&address(n));
        test.app.post(&person, "/api/v1/auth/register", &body).await
    };
    for n in 0..10 {
        register(n, "b@example.org").await.expect(201);
    }
    let refused = register(10, "B@Example.org").await;
    assert!(refused.headers.contains_key("retry-after"));
    let problem = refused.expect_problem(429, "request.throttled");
    assert_eq!(problem["violated-policies"], json!(["registration-account"]));
    register(10, "c@example.org").await.expect(201);
}

#[tokio::test]
async fn an_address_that_registers_or_signs_in_too_often_is_stopped() {
    let test = Test::start_limited().await;
    for (path, body) in [
        ("/api/v1/auth/register", json!({"password": "x".repeat(15), "name": "B"})),
        ("/api/v1/auth/login", json!({"password": "wrong"})),
    ] {
        for n in 0..12 {
            let mut body = body.clone();
            body["email"] = json!(format!("{n}@example.org"));
            let claimed = address(n);
            let headers = [("x-forwarded-for", claimed.as_str())];
            let post = http::Method::POST;
            let answer =
                test.app.call(&Person::anonymous(), post, path, Some(&body), &headers).await;
            assert_eq!(answer.status == 429, n >= 10, "{path} {n}");
        }
    }
}
