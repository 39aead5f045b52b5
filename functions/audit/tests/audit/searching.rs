//! The audit log is searched: by everything the spec names, page by page, and only by its own tenant.

use contracts::{events::LoginSucceeded, generated::permissions::AUDIT_LOG_READ};
use http::Method;
use jiff::ToSpan;
use kernel::{
    event::Envelope,
    id::{EventId, SessionId, TenantId, UserId},
};
use serde_json::Value;
use testkit::{Person, assert_cost};

use crate::support::{
    self, Fixture, NOW, auditor_of, event, login_failed, origin, role_created, some_events, time,
    user_deleted, user_suspended,
};

const LOGS: &str = "/api/v1/audit/logs";

/// A tenant in which something of each sort has happened, a second apart.
struct Story {
    fixture: Fixture,
    ada: UserId,
    grace: UserId,
    events: Vec<Envelope>,
}

impl Story {
    async fn new() -> Self {
        let fixture = Fixture::new().await;
        let (ada, grace) = (UserId::new(), UserId::new());
        let tenant = fixture.tenant;
        let signed_in =
            LoginSucceeded { user_id: ada, session_id: SessionId::new(), is_new_device: false };
        let mut events = vec![
            event(tenant, &origin(ada), &signed_in),
            role_created(tenant, grace, "editor"),
            login_failed(tenant, Some(ada)),
            user_suspended(tenant, grace, ada),
            user_deleted(tenant, ada),
        ];
        for (seconds, event) in (0..).zip(&mut events) {
            event.time = time(NOW) + i64::from(seconds).seconds();
        }
        fixture.record(&events).await;
        Self { fixture, ada, grace, events }
    }

    /// Indices of the events whose entries the query finds, newest first.
    async fn found(&self, query: &str) -> Vec<usize> {
        let entries = self.fixture.entries(query).await;
        let index = |entry: &Value| {
            self.events.iter().position(|event| entry["id"] == event.id.to_string()).unwrap()
        };
        entries.iter().map(index).collect()
    }
}

#[tokio::test]
async fn entries_come_newest_first_and_every_filter_narrows() {
    let story = Story::new().await;
    let (ada, grace) = (story.ada, story.grace);
    let at = |index: usize| story.events[index].time.to_string();
    let cases: Vec<(String, &[usize])> = vec![
        (String::new(), &[4, 3, 2, 1, 0]),
        (format!("actor={ada}"), &[4, 0]),
        (format!("actor={grace}"), &[3, 1]),
        ("actor=nobody".to_owned(), &[]),
        ("action=user.".to_owned(), &[4, 3]),
        ("action=user.deleted".to_owned(), &[4]),
        ("action=user".to_owned(), &[]),
        ("action=auth.login_".to_owned(), &[]),
        ("resource=user".to_owned(), &[4, 3, 2]),
        (format!("resource_id={ada}"), &[4, 3, 2]),
        (format!("resource=user&resource_id={ada}"), &[4, 3, 2]),
        (format!("resource=role&resource_id={ada}"), &[]),
        ("outcome=failure".to_owned(), &[2]),
        ("outcome=success&resource=user".to_owned(), &[4, 3]),
        (format!("actor={grace}&resource=user&resource_id={ada}"), &[3]),
        (format!("actor={grace}&action=role."), &[1]),
        (format!("from={}", at(3)), &[4, 3]),
        (format!("to={}", at(1)), &[1, 0]),
        (format!("from={}&to={}", at(1), at(3)), &[3, 2, 1]),
        (format!("from={0}&to={0}", at(2)), &[2]),
        (format!("from={}&resource=user&resource_id={ada}&outcome=success", at(4)), &[4]),
    ];
    for (query, expected) in cases {
        assert_eq!(story.found(&query).await, expected, "?{query}");
    }
}

#[tokio::test]
async fn times_of_different_precision_compare_as_times() {
    let fixture = Fixture::new().await;
    let mut events = some_events(fixture.tenant, 3);
    let times = ["2026-03-14T10:00:00Z", "2026-03-14T10:00:00.5Z", "2026-03-14T10:00:01Z"];
    for (event, at) in events.iter_mut().zip(times) {
        event.time = time(at);
    }
    fixture.record(&events).await;
    let found =
        fixture.entries("from=2026-03-14T11:00:00.1%2B01:00&to=2026-03-14T10:00:00.9Z").await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["occurred_at"], "2026-03-14T10:00:00.5Z");
}

#[tokio::test]
async fn pages_go_on_where_they_ended_with_any_filter() {
    let fixture = Fixture::new().await;
    let (ada, grace) = (UserId::new(), UserId::new());
    let tenant = fixture.tenant;
    let events: Vec<_> = (0..14)
        .map(|n| {
            if n % 3 == 0 { user_deleted(tenant, ada) } else { user_suspended(tenant, grace, ada) }
        })
        .collect();
    fixture.record(&events).await;
    for query in [
        String::new(),
        format!("actor={grace}"),
        format!("resource=user&resource_id={ada}"),
        "action=user.suspended".to_owned(),
    ] {
        let whole = fixture.entries(&format!("{query}&limit=100")).await;
        assert!(whole.len() >= 9);
        let by_threes = fixture.entries(&format!("{query}&limit=3")).await;
        assert_eq!(by_threes, whole, "?{query}");
        let sequences: Vec<_> = whole.iter().map(|entry| entry["sequence"].as_u64()).collect();
        assert!(sequences.is_sorted_by(|later, earlier| later > earlier), "{sequences:?}");
    }
}

#[tokio::test]
async fn a_page_has_at_most_what_was_asked_for() {
    let fixture = Fixture::new().await;
    fixture.record(&some_events(fixture.tenant, 25)).await;
    let page = |query: &'static str| {
        let fixture = &fixture;
        async move {
            let page =
                fixture.app.get(&fixture.auditor, &format!("{LOGS}?{query}")).await.expect(200);
            (page["items"].as_array().unwrap().len(), page["next_cursor"].is_string())
        }
    };
    assert_eq!(page("").await, (20, true));
    assert_eq!(page("limit=25").await, (25, false));
    assert_eq!(page("limit=24").await, (24, true));
    assert_eq!(page("limit=100").await, (25, false));
}

#[tokio::test]
async fn a_search_that_matches_little_gives_short_pages_that_go_on() {
    let fixture = Fixture::new().await;
    let mut events = some_events(fixture.tenant, 2_100);
    events[0] = login_failed(fixture.tenant, None);
    fixture.record(&events).await;
    let path = format!("{LOGS}?outcome=failure");
    let page = fixture.app.get(&fixture.auditor, &path).await.expect(200);
    assert_eq!(page["items"].as_array().map(Vec::len), Some(0));
    assert!(page["next_cursor"].is_string());
    let found = fixture.entries("outcome=failure").await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["sequence"], 1);
}

#[tokio::test]
async fn a_cursor_opens_only_the_list_that_it_came_from() {
    let story = Story::new().await;
    let Story { fixture, grace, .. } = &story;
    let path = format!("{LOGS}?action=user.&limit=1");
    let page = fixture.app.get(&fixture.auditor, &path).await.expect(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    let with = |query: &str| format!("{LOGS}?{query}&cursor={cursor}");

    fixture.app.get(&fixture.auditor, &with("action=user.")).await.expect(200);
    let colleague = auditor_of(fixture.tenant);
    fixture.app.get(&colleague, &with("action=user.")).await.expect(200);
    for query in ["", "action=role.", "action=user", &format!("action=user.&actor={grace}")] {
        fixture.app.get(&fixture.auditor, &with(query)).await.expect_invalid(&["?cursor"]);
    }
    let stranger = auditor_of(TenantId::new());
    fixture.app.get(&stranger, &with("action=user.")).await.expect_invalid(&["?cursor"]);
    for forged in ["x", "%00", "AAAA", &cursor[1..], &format!("{cursor}A")] {
        let path = format!("{LOGS}?action=user.&cursor={forged}");
        fixture.app.get(&fixture.auditor, &path).await.expect_invalid(&["?cursor"]);
    }
}

#[tokio::test]
async fn everything_that_is_wrong_with_a_search_is_named_at_once() {
    let fixture = Fixture::new().await;
    let get = |query: String| {
        let fixture = &fixture;
        async move { fixture.app.get(&fixture.auditor, &format!("{LOGS}?{query}")).await }
    };
    let all = "actor=&action=User.*&resource=a%20b&resource_id=%00&from=yesterday&to=2026-13-01";
    get(all.to_owned()).await.expect_invalid(&[
        "?actor",
        "?action",
        "?resource",
        "?resource_id",
        "?from",
        "?to",
    ]);
    get("from=2026-03-14T10:00:00Z&to=2026-03-14T09:59:59Z".to_owned())
        .await
        .expect_invalid(&["?from"]);
    get(format!("actor={}", "x".repeat(257))).await.expect_invalid(&["?actor"]);
    get(format!("action={}.", "x".repeat(100))).await.expect_invalid(&["?action"]);
    get("outcome=maybe".to_owned()).await.expect_invalid(&["?outcome"]);
    get("limit=0".to_owned()).await.expect_invalid(&["?limit"]);
    get("limit=101".to_owned()).await.expect_invalid(&["?limit"]);
    get("page=2".to_owned()).await.expect_invalid(&["?page"]);
    // The longest id that is allowed, in the widest characters there are.
    let widest = "%F0%9F%98%80".repeat(256);
    get(format!("actor={widest}")).await.expect(200);
    get(format!("resource={}&resource_id={widest}", "x".repeat(100))).await.expect(200);
}

#[tokio::test]
async fn an_entry_is_found_by_the_id_of_its_event() {
    let story = Story::new().await;
    let Story { fixture, events, .. } = &story;
    let path = format!("{LOGS}/{}", events[3].id);
    let answer = assert_cost(fixture.app.get(&fixture.auditor, &path), 2, 2).await;
    let tag = answer.etag().to_owned();
    assert_eq!(answer.expect(200), fixture.entries("action=user.suspended").await[0]);
    let known = [("if-none-match", tag.as_str())];
    let again = fixture.app.call(&fixture.auditor, Method::GET, &path, None, &known).await;
    assert_eq!(again.expect(304), Value::Null);
}

#[tokio::test]
async fn an_unknown_id_and_one_of_another_tenant_are_not_found() {
    let story = Story::new().await;
    let Story { fixture, events, .. } = &story;
    let unknown = format!("{LOGS}/{}", EventId::new());
    fixture.app.get(&fixture.auditor, &unknown).await.expect_problem(404, "audit.entry_not_found");
    let stranger = auditor_of(TenantId::new());
    for event in events {
        let path = format!("{LOGS}/{}", event.id);
        fixture.app.get(&stranger, &path).await.expect_problem(404, "audit.entry_not_found");
    }
    for odd in ["x", "%00", "%F0%9F%98%80", &"9".repeat(4000)] {
        fixture.app.get(&fixture.auditor, &format!("{LOGS}/{odd}")).await.expect(404);
    }
}

#[tokio::test]
async fn another_tenant_sees_nothing() {
    let story = Story::new().await;
    let Story { fixture, ada, .. } = &story;
    let stranger = auditor_of(TenantId::new());
    for query in [String::new(), format!("actor={ada}"), format!("resource=user&resource_id={ada}")]
    {
        assert!(support::entries(&fixture.app, &stranger, &query).await.is_empty(), "?{query}");
    }
}

#[tokio::test]
async fn reading_needs_its_permission() {
    let story = Story::new().await;
    let Story { fixture, events, .. } = &story;
    let verifier = Person::with(&["audit.log.verify"]).of_tenant(fixture.tenant);
    let reader = Person::with(&[AUDIT_LOG_READ]).of_tenant(fixture.tenant);
    for path in [LOGS.to_owned(), format!("{LOGS}/{}", events[0].id)] {
        fixture.app.get(&verifier, &path).await.expect_problem(403, "auth.forbidden");
        let nobody = fixture.app.get(&Person::anonymous(), &path).await;
        nobody.expect_problem(401, "auth.unauthenticated");
        fixture.app.get(&reader, &path).await.expect(200);
    }
}

#[tokio::test]
async fn nothing_changes_or_removes_an_entry() {
    let story = Story::new().await;
    let Story { fixture, events, .. } = &story;
    for path in [LOGS.to_owned(), format!("{LOGS}/{}", events[0].id)] {
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let answer = fixture.app.call(&fixture.auditor, method, &path, None, &[]).await;
            assert_eq!(answer.headers["allow"], "GET, HEAD");
            answer.expect_problem(405, "request.method_not_allowed");
        }
    }
}

#[tokio::test]
async fn a_page_of_a_search_costs_one_call() {
    let story = Story::new().await;
    let Story { fixture, ada, .. } = &story;
    for query in [String::new(), format!("actor={ada}"), format!("resource=user&resource_id={ada}")]
    {
        let path = format!("{LOGS}?{query}");
        assert_cost(fixture.app.get(&fixture.auditor, &path), 1, 1).await.expect(200);
    }
}
