//! The records of requests with keys, as a real table keeps them.

use jiff::{SignedDuration, Timestamp};
use kernel::{
    id::{EventId, TenantId},
    idempotency::{Place, Progress, Record, Records},
};

use super::open;
use crate::store;

fn place(tenant: Option<TenantId>) -> Place {
    Place { tenant, digest: "digest".to_owned() }
}

fn record() -> Record {
    let now: Timestamp = "2026-05-04T10:00:00.123Z".parse().unwrap();
    Record {
        resource: *EventId::new().as_uuid(),
        revision: 1,
        fingerprint: "fingerprint".to_owned(),
        expires_at: now + SignedDuration::from_hours(24),
        progress: Progress::Started { lease_ends_at: now },
    }
}

fn done(record: &Record) -> Record {
    let progress = Progress::Done { answer: "answer".to_owned() };
    Record { revision: record.revision + 1, progress, ..record.clone() }
}

#[tokio::test]
async fn a_record_is_stored_where_none_is_and_read_as_it_was_stored() {
    let (_store, _, table) = open(&store::Place::Memory).await;
    let (first, second) = (record(), record());
    let place_of_tenant = place(Some(TenantId::new()));
    assert_eq!(table.insert(&place_of_tenant, &first).await.unwrap(), None);
    assert_eq!(table.insert(&place_of_tenant, &second).await.unwrap(), Some(first));
    for other in [None, Some(TenantId::new())] {
        assert_eq!(table.insert(&place(other), &second).await.unwrap(), None);
    }
}

#[tokio::test]
async fn only_who_has_read_the_present_record_changes_it() {
    let (_store, _, table) = open(&store::Place::Memory).await;
    let place = place(None);
    let first = record();
    assert!(!table.replace(&place, &first, &done(&first)).await.unwrap());
    table.insert(&place, &first).await.unwrap();
    let second = done(&first);
    assert!(table.replace(&place, &first, &second).await.unwrap());
    assert!(!table.replace(&place, &first, &done(&first)).await.unwrap(), "it has moved on");
    let stranger = Record { resource: record().resource, ..second.clone() };
    assert!(!table.replace(&place, &stranger, &first).await.unwrap(), "it is another one");
    table.remove(&place, &first).await.unwrap();
    table.remove(&place, &stranger).await.unwrap();
    assert_eq!(table.insert(&place, &first).await.unwrap(), Some(second.clone()));
    table.remove(&place, &second).await.unwrap();
    assert_eq!(table.insert(&place, &first).await.unwrap(), None);
}
