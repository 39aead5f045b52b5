use contracts::authz::ESCALATION;
use http::Method;
use kernel::id::TenantId;
use serde_json::{Value, json};
use testkit::{Answer, Person};

use crate::common::{PASSWORD, World, admin};

const PATH: &str = "/api/v1/users/import";
const JSON_LINES: (&str, &str) = ("content-type", "application/x-ndjson");
/// Of `correctbatteryhorsestapler`.
const BCRYPT: &str = "$2y$04$EGdrhbKUv8Oc9vGiXX0HQOxSg445d458Muh7DAHskb6QbtCvdxcie";
/// Of `password`.
const ARGON2: &str =
    "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";

impl World {
    async fn import(&self, person: &Person, lines: &[Value]) -> Value {
        let text: Vec<_> = lines.iter().map(Value::to_string).collect();
        self.app.post_text(person, PATH, &text.join("\n"), &[JSON_LINES]).await.expect(202)
    }

    /// How far an import is, and what came of its lines.
    async fn import_report(&self, person: &Person, import: &Value) -> (Value, Vec<Value>) {
        let path = format!("/api/v1/users/imports/{}", import["id"].as_str().unwrap());
        let state = self.app.get(person, &path).await.expect(200);
        let mut lines = Vec::new();
        let mut at = format!("{path}/lines?limit=70");
        loop {
            let page = self.app.get(person, &at).await.expect(200);
            lines.extend(page["items"].as_array().unwrap().clone());
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            at = format!("{path}/lines?limit=70&cursor={cursor}");
        }
        (state, lines)
    }
}

fn line(email: &str) -> Value {
    json!({ "email": email, "first_name": "Grace" })
}

fn counts(state: &Value) -> [u64; 3] {
    ["created", "exists", "invalid"].map(|name| state[name].as_u64().unwrap())
}

#[tokio::test]
async fn imported_users_sign_in_with_the_passwords_that_they_have() {
    let world = World::open().await;
    let admin = admin();
    let lines = [
        json!({ "email": "ada@example.org", "first_name": "Ada", "password_hash": BCRYPT }),
        json!({
            "email": "grace@example.org", "first_name": "Grace", "last_name": "Hopper",
            "username": "grace", "password_hash": ARGON2, "status": "suspended",
        }),
        json!({ "email": "alan@example.org", "first_name": "Alan", "status": "pending" }),
    ];
    let import = world.import(&admin, &lines).await;
    assert_eq!((&import["status"], &import["total"]), (&json!("running"), &json!(3)));
    world.deliver().await;
    let (state, report) = world.import_report(&admin, &import).await;
    assert_eq!((&state["status"], counts(&state)), (&json!("completed"), [3, 0, 0]));
    let outcomes: Vec<_> = report.iter().map(|line| line["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["created"; 3]);
    for (email, password, status) in [
        ("ada@example.org", "correctbatteryhorsestapler", "active"),
        ("grace@example.org", "password", "suspended"),
    ] {
        let check = world.check(email, password).await;
        assert_eq!(
            (&check["outcome"], &check["user"]["status"]),
            (&json!("right"), &json!(status))
        );
        // Made anew with the settings of today.
        assert!(world.hash_of(email).await.contains("$m=8,t=1,p=1$"), "{email}");
        assert_eq!(world.check(email, password).await["outcome"], "right");
        assert_eq!(world.check(email, PASSWORD).await["outcome"], "wrong");
    }
    // Nobody vouches for the address of the third.
    world.deliver().await;
    world.verify(&world.mailbox.last_token("alan@example.org")).await.expect(204);
    assert!(world.mailbox.to("ada@example.org").is_empty());
}

#[tokio::test]
async fn each_line_is_reported_and_a_wrong_one_does_not_keep_the_others() {
    let world = World::open().await;
    let admin = admin();
    world.active(TenantId::new(), "taken@example.org").await;
    let text = [
        line("new@example.org").to_string(),
        String::new(),
        "nonsense".to_owned(),
        line("taken@example.org").to_string(),
        line("nowhere").to_string(),
        json!({ "email": "x@example.org", "first_name": "X", "password_hash": "md5" }).to_string(),
        json!({
            "email": "y@example.org", "first_name": "Y",
            "password_hash": ARGON2.replace("m=256,t=2", "m=4194304,t=100"),
        })
        .to_string(),
    ];
    let answer = world.app.post_text(&admin, PATH, &text.join("\n"), &[JSON_LINES]).await;
    let import = answer.expect(202);
    let (state, report) = world.import_report(&admin, &import).await;
    assert_eq!((&state["status"], counts(&state)), (&json!("running"), [0, 0, 0]));
    assert!(report.iter().all(|line| line["outcome"] == "pending"));
    world.deliver().await;
    let (state, report) = world.import_report(&admin, &import).await;
    assert_eq!(counts(&state), [1, 1, 4]);
    let found: Vec<_> = report
        .iter()
        .map(|line| {
            let code = line["errors"][0]["code"].as_str().unwrap_or_default();
            (line["line"].as_u64().unwrap(), line["outcome"].as_str().unwrap(), code)
        })
        .collect();
    let expected = [
        (1, "created", ""),
        (3, "invalid", "line.malformed"),
        (4, "exists", ""),
        (5, "invalid", "email.invalid"),
        (6, "invalid", "hash.unsupported"),
        (7, "invalid", "hash.too_costly"),
    ];
    assert_eq!(found, expected);
    assert!(!report[2].to_string().contains("taken@"));
}

#[tokio::test]
async fn an_event_that_comes_again_makes_nobody_twice() {
    let world = World::open().await;
    let admin = admin();
    let lines: Vec<_> = (0..150).map(|number| line(&format!("user{number}@example.org"))).collect();
    let import = world.import(&admin, &lines).await;
    let events = world.deliver().await;
    let chunks: Vec<_> =
        events.iter().filter(|event| event.kind == "platform.user.import_requested").collect();
    assert_eq!(chunks.len(), 2);
    let consumer = world.module.consumer.clone().unwrap();
    for event in &chunks {
        consumer.consume(event).await.unwrap();
    }
    let (state, report) = world.import_report(&admin, &import).await;
    assert_eq!((counts(&state), report.len()), ([150, 0, 0], 150));
    let created = world.store.announced_types("identity");
    assert_eq!(created.iter().filter(|kind| *kind == "platform.user.created").count(), 150);
}

#[tokio::test]
async fn a_chunk_that_was_cut_short_is_completed_by_the_next_try() {
    let world = World::open().await;
    let admin = admin();
    let mut lines = vec![line("first@example.org"), line("second@example.org")];
    lines[1]["roles"] = json!(["admin"]);
    let import = world.import(&admin, &lines).await;
    world.authz.lose_next_answer();
    let event = world.store.announced("identity").pop().unwrap();
    let consumer = world.module.consumer.clone().unwrap();
    assert!(consumer.consume(&event).await.is_err());
    assert_eq!(counts(&world.import_report(&admin, &import).await.0), [0, 0, 0]);
    consumer.consume(&event).await.unwrap();
    let (state, report) = world.import_report(&admin, &import).await;
    assert_eq!(counts(&state), [2, 0, 0]);
    let second = report[1]["user_id"].as_str().unwrap().parse().unwrap();
    assert_eq!(world.authz.roles_of(second).unwrap(), ["admin"]);
}

#[tokio::test]
async fn roles_are_given_on_the_permissions_of_who_imports_and_refusals_are_reported() {
    let world = World::open().await;
    let admin = admin();
    let mut wanted = line("grace@example.org");
    wanted["roles"] = json!(["owner"]);
    world.authz.refuse_assignments(ESCALATION);
    let import = world.import(&admin, &[wanted.clone()]).await;
    world.deliver().await;
    let (_, report) = world.import_report(&admin, &import).await;
    assert_eq!(report[0]["outcome"], "created");
    assert_eq!(report[0]["errors"][0]["code"], "role.escalation");

    let world = World::open().await;
    wanted["roles"] = json!(["admin"]);
    world.import(&admin, &[wanted]).await;
    world.deliver().await;
    assert_eq!(world.authz.authorities(), [Some(admin.permissions())]);
}

#[tokio::test]
async fn an_import_belongs_to_its_tenant() {
    let world = World::open().await;
    let import = world.import(&admin(), &[line("grace@example.org")]).await;
    let path = format!("/api/v1/users/imports/{}", import["id"].as_str().unwrap());
    for path in [path.clone(), format!("{path}/lines")] {
        let answer = world.app.get(&admin(), &path).await;
        answer.expect_problem(404, "user.import_not_found");
    }
}

#[tokio::test]
async fn what_is_no_import_is_refused_at_once() {
    let world = World::open().await;
    let send = async |kind: &str, text: &str| -> Answer {
        world.app.post_text(&admin(), PATH, text, &[("content-type", kind)]).await
    };
    let one = line("grace@example.org").to_string();
    for kind in ["application/json", "text/plain", ""] {
        send(kind, &one).await.expect_problem(415, "request.unsupported_media_type");
    }
    for text in ["", "\n \n", &"{}\n".repeat(5_001)] {
        send(JSON_LINES.1, text).await.expect_invalid(&[""]);
    }
    let huge = "x".repeat(1024 * 1024 + 1);
    send(JSON_LINES.1, &huge).await.expect_problem(413, "request.too_large");
    let without = Person::with(&["user.create"]);
    let answer = world.app.call(&without, Method::POST, PATH, None, &[]).await;
    answer.expect_problem(403, "auth.forbidden");
    assert!(world.deliver().await.is_empty());
}

#[tokio::test]
async fn hashes_do_not_stay_in_a_finished_import() {
    let world = World::open().await;
    let admin = admin();
    let mut wanted = line("grace@example.org");
    wanted["password_hash"] = json!(BCRYPT);
    let import = world.import(&admin, &[wanted]).await;
    assert!(world.import_items(&admin, &import).await.contains(BCRYPT));
    world.deliver().await;
    assert!(!world.import_items(&admin, &import).await.contains(BCRYPT));
}
