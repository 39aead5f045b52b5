//! Coming back from a provider: once, in the same browser, to the same provider, to a known application.

use http::header;
use serde_json::json;
use testkit::Person;

use super::{APPLICATION, House, text};
use crate::common::EMAIL;

fn with(parameters: &[(String, String)], name: &str, value: &str) -> Vec<(String, String)> {
    let others = parameters.iter().filter(|(known, _)| known != name).cloned();
    others.chain([(name.to_owned(), value.to_owned())]).collect()
}

#[tokio::test]
async fn what_comes_twice_has_no_effect() {
    let house = House::with_provider(json!({})).await;
    let browser = house.begin("tenant=demo").await;
    let parameters = house.answer_to(&browser);
    house.come_back(&browser, &parameters).await.expect(200);
    let again = house.come_back(&browser, &parameters).await;
    again.expect_problem(400, "auth.federation_state_invalid");

    // Even at the same time, and on another instance.
    let browser = house.begin("tenant=demo").await;
    let parameters = house.answer_to(&browser);
    let (one, two) = tokio::join!(
        house.come_back(&browser, &parameters),
        house.come_back(&browser, &parameters)
    );
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400]);
}

#[tokio::test]
async fn a_failed_answer_is_not_tried_again() {
    let house = House::with_provider(json!({})).await;
    house.idp.set(|script| script.claims = json!({"nonce": "wrong"}));
    let browser = house.begin("tenant=demo").await;
    let parameters = house.answer_to(&browser);
    let answer = house.come_back(&browser, &parameters).await;
    answer.expect_problem(401, "auth.federation_unproven");
    let again = house.come_back(&browser, &parameters).await;
    again.expect_problem(400, "auth.federation_state_invalid");
}

#[tokio::test]
async fn another_browser_is_not_signed_in() {
    // Somebody begins with their own account at the provider, and has Ada follow the last link.
    let house = House::with_provider(json!({})).await;
    let attacker = house.begin("tenant=demo").await;
    let parameters = house.answer_to(&attacker);
    let victim = house.begin("tenant=demo").await;
    for cookie in ["", "__Host-plinth_federation=", victim.cookie.as_str(), "other=1; b=2"] {
        let answer = house.come_back_with(&attacker.location, cookie, &parameters).await;
        answer.expect_problem(400, "auth.federation_state_invalid");
    }
    house.assert_nobody_came_in();
    // Nor is the one who began robbed of it by the tries.
    house.come_back(&attacker, &parameters).await.expect(200);
}

#[tokio::test]
async fn a_state_is_good_for_ten_minutes_and_only_as_it_was_made() {
    let house = House::with_provider(json!({})).await;
    let browser = house.begin("tenant=demo").await;
    let parameters = house.answer_to(&browser);
    let state = &parameters.iter().find(|(name, _)| name == "state").unwrap().1;
    let mut changed = state.clone().into_bytes();
    changed[20] = if changed[20] == b'A' { b'B' } else { b'A' };
    let changed = String::from_utf8(changed).unwrap();
    let long = "a".repeat(5000);
    for bad in ["", "garbage", "☃", "a\0b", long.as_str(), changed.as_str()] {
        let answer = house.come_back(&browser, &with(&parameters, "state", bad)).await;
        answer.expect_problem(400, "auth.federation_state_invalid");
    }
    house.test.advance(600);
    let late = house.come_back(&browser, &parameters).await;
    late.expect_problem(400, "auth.federation_state_invalid");
    house.assert_nobody_came_in();
}

#[tokio::test]
async fn a_code_of_another_sign_in_is_useless() {
    // A code that was stolen from another browser is injected: the challenge was made for that one.
    let house = House::with_provider(json!({})).await;
    let (victim, attacker) = (house.begin("tenant=demo").await, house.begin("tenant=demo").await);
    let stolen = house.answer_to(&victim);
    let code = &stolen.iter().find(|(name, _)| name == "code").unwrap().1;
    let injected = with(&house.answer_to(&attacker), "code", code);
    let answer = house.come_back(&attacker, &injected).await;
    answer.expect_problem(401, "auth.federation_unproven");
    house.assert_nobody_came_in();
}

#[tokio::test]
async fn an_answer_at_the_address_of_another_provider_is_refused() {
    let house = House::with_provider(json!({})).await;
    house.create(json!({"slug": "other"})).await.expect(201);
    let browser = house.begin("tenant=demo").await;
    let parameters = house.answer_to(&browser);
    let mut elsewhere = browser.location.clone();
    let redirect = elsewhere.query_pairs().find(|(name, _)| name == "redirect_uri").unwrap().1;
    for wrong in [redirect.replace(".idp/", ".other/"), redirect.replace(".idp/", "/")] {
        elsewhere.query_pairs_mut().clear().append_pair("redirect_uri", &wrong);
        let answer = house.come_back_with(&elsewhere, &browser.cookie, &parameters).await;
        answer.expect_problem(400, "auth.federation_state_invalid");
    }
    house.come_back(&browser, &parameters).await.expect(200);
}

#[tokio::test]
async fn with_an_application_the_token_travels_in_the_cookie_and_never_in_the_address() {
    let house = House::with_provider(json!({})).await;
    let query = format!("tenant=demo&return_to={}", percent(APPLICATION));
    let answer = house.sign_in_with(&query).await;
    assert_eq!(text(&answer, &header::LOCATION), APPLICATION);
    let cookie = text(&answer, &header::SET_COOKIE);
    assert!(cookie.starts_with("__Host-plinth_refresh="), "{cookie}");
    assert!(cookie.contains("SameSite=Strict") && cookie.contains("HttpOnly"));
    assert_eq!(answer.clone().expect(302), serde_json::Value::Null);
    // The page then asks for its tokens.
    let pair = cookie.split(';').next().unwrap();
    let body = json!({"transport": "cookie"});
    let path = "/api/v1/auth/refresh";
    let nobody = Person::anonymous();
    let headers = [("cookie", pair)];
    let refreshed =
        house.test.app.call(&nobody, http::Method::POST, path, Some(&body), &headers).await;
    assert!(refreshed.expect(200)["access_token"].is_string());
}

#[tokio::test]
async fn with_an_application_a_refusal_leads_there_with_its_code() {
    let house = House::with_provider(json!({"create_users": false})).await;
    let query = format!("tenant=demo&return_to={}", percent(APPLICATION));
    house.test.world.user.lock().unwrap().email = "somebody@example.org".to_owned();
    let answer = house.sign_in_with(&query).await;
    assert_eq!(
        text(&answer, &header::LOCATION),
        format!("{APPLICATION}&error=auth.federation_not_allowed")
    );
    assert!(!answer.headers.contains_key(header::SET_COOKIE));
    answer.expect(302);
    // What is wrong with the state itself leads nowhere.
    let browser = house.begin(&query).await;
    let parameters = house.answer_to(&browser);
    house.come_back(&browser, &parameters).await.expect(302);
    let again = house.come_back(&browser, &parameters).await;
    again.expect_problem(400, "auth.federation_state_invalid");
}

#[tokio::test]
async fn nobody_is_led_to_where_no_application_is() {
    let house = House::with_provider(json!({})).await;
    for target in [
        "https://evil.example.org/",
        "//evil.example.org",
        "/relative",
        "https://app.example.org@evil.example.org/",
        "https://app.example.org.evil.example.org/",
        "http://app.example.org/",
        "javascript:alert(1)",
        "",
    ] {
        let query = format!("tenant=demo&return_to={}", percent(target));
        house.start(&query, "").await.expect_invalid(&["?return_to"]);
    }
}

#[tokio::test]
async fn unknown_organisations_and_providers_and_disabled_ones_look_the_same() {
    let house = House::open().await;
    let provider = house.create(json!({"enabled": false})).await.expect(201);
    let long = format!("tenant={}", "a".repeat(3000));
    for query in
        ["tenant=demo", "tenant=nobody", "tenant=", "tenant=a%00b", "tenant=..%2F..", &long]
    {
        let answer = house.start(query, "").await;
        answer.expect_problem(404, "auth.provider_not_found");
    }
    let path = "/api/v1/auth/oidc/%00/start?tenant=demo";
    let answer = house.test.app.get(&Person::anonymous(), path).await;
    answer.expect_problem(404, "auth.provider_not_found");
    house.start("", "").await.expect_invalid(&["?tenant"]);
    house.patch(&provider, json!({"enabled": true})).await.expect(200);
    let browser = house.begin("tenant=demo").await;
    // Disabled while somebody is on the way.
    house.patch(&provider, json!({"enabled": false})).await.expect(200);
    let parameters = house.answer_to(&browser);
    let answer = house.come_back(&browser, &parameters).await;
    answer.expect_problem(404, "auth.provider_not_found");
    house.assert_nobody_came_in();
}

#[tokio::test]
async fn two_tabs_of_a_browser_do_not_disturb_each_other() {
    let house = House::with_provider(json!({})).await;
    let first = house.begin("tenant=demo").await;
    let answer = house.start("tenant=demo", &first.cookie).await;
    assert!(text(&answer, &header::SET_COOKIE).starts_with(&first.cookie));
    let location = text(&answer, &header::LOCATION).parse().unwrap();
    let second = super::Browser { location, cookie: first.cookie.clone() };
    for browser in [&second, &first] {
        let parameters = house.answer_to(browser);
        let signed_in = house.come_back(browser, &parameters).await.expect(200);
        assert_eq!(signed_in["user"]["email"], EMAIL);
    }
    // What is no key of ours is replaced.
    let answer = house.start("tenant=demo", "__Host-plinth_federation=chosen").await;
    assert!(!text(&answer, &header::SET_COOKIE).contains("chosen"));
}

fn percent(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
