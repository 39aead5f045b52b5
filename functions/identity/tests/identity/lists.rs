use jiff::SignedDuration;
use kernel::id::TenantId;
use serde_json::{Value, json};
use testkit::Person;

use crate::common::{World, admin, path_of};

impl World {
    /// The addresses on one page, and the cursor to the next.
    async fn page(&self, person: &Person, query: &str) -> (Vec<String>, Option<String>) {
        let body = self.app.get(person, &format!("/api/v1/users?{query}")).await.expect(200);
        let email = |user: &Value| user["email"].as_str().unwrap().to_owned();
        let emails = body["items"].as_array().unwrap().iter().map(email).collect();
        (emails, body["next_cursor"].as_str().map(ToOwned::to_owned))
    }

    /// The addresses on all pages.
    async fn all(&self, person: &Person, query: &str) -> Vec<String> {
        let mut all = Vec::new();
        let mut cursor = None;
        loop {
            let at = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
            let (page, next) = self.page(person, &format!("{query}{at}")).await;
            all.extend(page);
            cursor = next;
            if cursor.is_none() {
                return all;
            }
        }
    }

    /// Users of one tenant, each created an hour after the one before.
    async fn people(&self, names: &[(&str, &str, &str)]) -> Person {
        let admin = admin();
        for (email, first, last) in names {
            self.create(&admin, email, first, last).await;
            self.clock.advance(SignedDuration::from_hours(1));
        }
        admin
    }
}

const PEOPLE: &[(&str, &str, &str)] = &[
    ("ada@example.org", "Ada", "Lovelace"),
    ("grace@example.org", "Grace", "Hopper"),
    ("alan@example.org", "Alan", "Turing"),
    ("edsger@example.org", "Edsger", "Dijkstra"),
    ("barbara@example.org", "Barbara", "Liskov"),
];

#[tokio::test]
async fn users_are_listed_in_order_of_creation_page_by_page() {
    let world = World::open().await;
    let admin = world.people(PEOPLE).await;
    world.create(&crate::common::admin(), "stranger@example.org", "Ada", "Stranger").await;
    let created: Vec<_> = PEOPLE.iter().map(|(email, ..)| *email).collect();
    let (first, next) = world.page(&admin, "limit=2").await;
    assert_eq!(first, created[..2]);
    let (second, next) = world.page(&admin, &format!("limit=2&cursor={}", next.unwrap())).await;
    assert_eq!(second, created[2..4]);
    let (third, next) = world.page(&admin, &format!("limit=2&cursor={}", next.unwrap())).await;
    assert_eq!((third.as_slice(), next), (&["barbara@example.org".to_owned()][..], None));
    assert_eq!(world.page(&admin, "").await, (world.all(&admin, "limit=1").await, None));
    assert_eq!(world.page(&admin, "limit=5").await.1, None);
}

#[tokio::test]
async fn a_search_finds_the_beginning_of_addresses_and_names() {
    let world = World::open().await;
    let admin = world
        .people(&[
            ("ada@example.org", "Ada", "Adams"),
            ("countess@example.org", "ADÀ", "King Lovelace"),
            ("lovelace@example.org", "Byron", "Adair"),
            ("émile@example.org", "Émile", "Borel"),
            ("muller@example.org", "Jörg", "Müller"),
        ])
        .await;
    for (q, mut expected) in [
        ("ada", vec!["ada@example.org", "lovelace@example.org"]),
        ("ADÀ", vec!["countess@example.org"]),
        ("ad", vec!["ada@example.org", "countess@example.org", "lovelace@example.org"]),
        ("love", vec!["lovelace@example.org"]),
        ("king l", vec!["countess@example.org"]),
        ("ada adams", vec!["ada@example.org"]),
        ("ada@", vec!["ada@example.org"]),
        ("E%CC%81MILE", vec!["émile@example.org"]),
        ("müll", vec!["muller@example.org"]),
        ("adams ada", vec![]),
        ("xyz", vec![]),
    ] {
        expected.sort_unstable();
        let q = q.replace(' ', "+");
        for limit in [1, 2, 100] {
            let mut found = world.all(&admin, &format!("q={q}&limit={limit}")).await;
            found.sort_unstable();
            assert_eq!(found, expected, "{q}, {limit} at a time");
        }
    }
    assert_eq!(world.all(&admin, "q=").await.len(), 5);
}

#[tokio::test]
async fn a_search_follows_a_change_of_name() {
    let world = World::open().await;
    let admin = admin();
    let user = world.create(&admin, "grace@example.org", "Grace", "Murray").await;
    let body = json!({ "first_name": "Amazing", "last_name": "Hopper" });
    world.app.patch(&admin, &path_of(&user, ""), &body).await.expect(200);
    for (q, expected) in [("murray", 0), ("grace+m", 0), ("hopper", 1), ("amazing", 1)] {
        assert_eq!(world.all(&admin, &format!("q={q}")).await.len(), expected, "{q}");
    }
    world.app.patch(&admin, &path_of(&user, ""), &json!({ "last_name": "" })).await.expect(200);
    assert!(world.all(&admin, "q=hopper").await.is_empty());
}

#[tokio::test]
async fn filters_choose_by_status_role_and_time_of_creation() {
    let world = World::open().await;
    let admin = world.people(PEOPLE).await;
    let users = world.app.get(&admin, "/api/v1/users").await.expect(200);
    let users = users["items"].as_array().unwrap().clone();
    let empty = json!({});
    world.app.post(&admin, &path_of(&users[1], "/suspend"), &empty).await.expect(200);
    let roles = json!({ "roles": ["admin", "member"] });
    world.app.put(&admin, &path_of(&users[2], "/roles"), &roles).await.expect(200);
    for (query, expected) in [
        ("status=suspended", vec!["grace@example.org"]),
        ("status=active", vec![]),
        ("status=pending&role=admin", vec!["alan@example.org"]),
        ("role=adm", vec![]),
        ("created_from=2026-05-04T13:00:00Z", vec!["edsger@example.org", "barbara@example.org"]),
        ("created_to=2026-05-04T10:00:00Z", vec!["ada@example.org"]),
        (
            "created_from=2026-05-04T11:00:00Z&created_to=2026-05-04T13:00:00%2B01:00",
            vec!["grace@example.org", "alan@example.org"],
        ),
        ("created_to=1969-12-31T00:00:00Z&created_from=-000001-01-01T00:00:00Z", vec![]),
        ("q=al&status=pending&created_from=2026-05-04T12:00:00Z", vec!["alan@example.org"]),
        ("q=al&role=viewer", vec![]),
        ("q=al&created_to=2026-05-04T11:59:59.999Z", vec![]),
    ] {
        assert_eq!(world.all(&admin, &format!("limit=1&{query}")).await, expected, "{query}");
    }
}

#[tokio::test]
async fn a_wrong_query_is_pointed_at() {
    let world = World::open().await;
    let admin = admin();
    let long = format!("q={}", "x".repeat(101));
    for (query, pointer) in [
        ("limit=0", "?limit"),
        ("limit=101", "?limit"),
        ("limit=many", "?limit"),
        ("status=deleted", "?status"),
        ("status=x", "?status"),
        ("role=", "?role"),
        ("created_from=yesterday", "?created_from"),
        ("created_from=2026-01-02T00:00:00Z&created_to=2026-01-01T00:00:00Z", "?created_to"),
        ("sort=email", "?sort"),
        ("cursor=x", "?cursor"),
        ("q=%00", "?q"),
        (&long, "?q"),
    ] {
        let answer = world.app.get(&admin, &format!("/api/v1/users?{query}")).await;
        answer.expect_invalid(&[pointer]);
    }
}

#[tokio::test]
async fn a_cursor_belongs_to_one_tenant_and_one_query() {
    let world = World::open().await;
    let admin = world.people(PEOPLE).await;
    let (_, cursor) = world.page(&admin, "limit=1").await;
    let cursor = cursor.unwrap();
    let elsewhere = format!("/api/v1/users?cursor={cursor}");
    let stranger = crate::common::admin().of_tenant(TenantId::new());
    world.app.get(&stranger, &elsewhere).await.expect_invalid(&["?cursor"]);
    for query in ["q=a", "status=pending", "role=member", "created_from=2026-01-01T00:00:00Z"] {
        let answer = world.app.get(&admin, &format!("{elsewhere}&{query}")).await;
        answer.expect_invalid(&["?cursor"]);
    }
    assert_eq!(world.page(&admin, &format!("cursor={cursor}")).await.0.len(), 4);
}
