use std::{collections::BTreeSet, path::Path};

use embedded::Queues;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::process::{Client, Running, eventually, settled};

/// How many creates are sent at once.
const CREATES: usize = 200;

/// After how many answers the process is killed, round by round.
const MOMENTS: [usize; 3] = [1, 40, 100];

/// A kind of resource, as the API and the audit log name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    User,
    Role,
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_survives_a_kill_and_is_on_record_once() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let mut answered = BTreeSet::new();
    let mut running = Running::start(data);
    for (round, moment) in MOMENTS.into_iter().enumerate() {
        answered.extend(create_until_killed(&mut running, round, moment).await);
        // Once more, while the platform catches up with what it finds on disk.
        Running::start(data).kill();
        running = Running::start(data);
        check(&running.operator().await, data, &answered).await;
    }
    running.stop().await;
    let dead = Queues::open(data).unwrap().dead_letters(None, 10).await.unwrap();
    assert!(dead.is_empty(), "{dead:?}");
}

/// Sends the creates and kills the process as soon as `moment` of them were answered. Says which were.
async fn create_until_killed(
    running: &mut Running,
    round: usize,
    moment: usize,
) -> Vec<(Kind, String)> {
    let client = running.operator().await;
    let mut creates = JoinSet::new();
    for number in 0..CREATES {
        let client = client.clone();
        let kind = if number % 2 == 0 { Kind::User } else { Kind::Role };
        creates.spawn(async move { kind.create(&client, &format!("{round}-{number}")).await });
    }
    let mut answered = Vec::new();
    while let Some(outcome) = creates.join_next().await {
        answered.extend(outcome.unwrap());
        if answered.len() == moment {
            running.kill();
        }
    }
    assert!(answered.len() >= moment, "the process ended by itself after {}", answered.len());
    assert!(answered.len() < CREATES, "the process was killed too late to prove anything");
    answered
}

/// Whether everything answered is there, and the audit log tells of exactly what is there.
async fn check(client: &Client, data: &Path, answered: &BTreeSet<(Kind, String)>) {
    for (kind, id) in answered {
        let found = client.get(&format!("{}/{id}", kind.path())).await;
        assert_eq!(found["id"], id.as_str());
    }
    for kind in [Kind::User, Kind::Role] {
        let there = kind.list(client).await;
        eventually(async || {
            let told: BTreeSet<_> = kind.list_entries(client).await.into_iter().collect();
            there.iter().all(|id| told.contains(id)).then_some(())
        })
        .await;
    }
    // What might be told twice, or of nothing, is told by now.
    settled(data).await;
    for kind in [Kind::User, Kind::Role] {
        let told = kind.list_entries(client).await;
        assert_eq!(told, kind.list(client).await, "one entry for each {kind:?}, and no other");
    }
    let verified = client.get("/api/v1/audit/verify").await;
    assert_eq!(verified["intact"], true, "{verified:#}");
}

impl Kind {
    fn path(self) -> &'static str {
        match self {
            Self::User => "/api/v1/users",
            Self::Role => "/api/v1/roles",
        }
    }

    /// The new resource, if an answer came.
    async fn create(self, client: &Client, name: &str) -> Option<(Self, String)> {
        let body = match self {
            Self::User => json!({"email": format!("{name}@example.org"), "first_name": name}),
            Self::Role => json!({"name": name, "permissions": ["role.read"]}),
        };
        let (status, answer) = client.post(self.path(), &body).await.ok()?;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        Some((self, text(&answer["id"])))
    }

    /// The ids of all that were made, sorted.
    async fn list(self, client: &Client) -> Vec<String> {
        let items = client.list(&format!("{}?", self.path())).await;
        // System roles are there without anybody having made them.
        let made = items.iter().filter(|item| item["is_system"] != true);
        sorted(made.map(|item| text(&item["id"])))
    }

    /// The ids in all entries about a creation, sorted.
    async fn list_entries(self, client: &Client) -> Vec<String> {
        let action = match self {
            Self::User => "user.created",
            Self::Role => "role.created",
        };
        let entries = client.list(&format!("/api/v1/audit/logs?action={action}")).await;
        sorted(entries.iter().map(|entry| text(&entry["resource_id"])))
    }
}

fn sorted(ids: impl Iterator<Item = String>) -> Vec<String> {
    let mut ids: Vec<_> = ids.collect();
    ids.sort();
    ids
}

fn text(value: &Value) -> String {
    value.as_str().expect("an id is text").to_owned()
}
