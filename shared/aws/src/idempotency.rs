//! Records of requests with an idempotency key, in the service's own table:
//! `T#{tenant}#IDEMPOTENCY#{digest}` (without the tenant for people who are not signed in) / `record`.

use async_trait::async_trait;
use kernel::{
    idempotency::{Place, Record, Records},
    problem::Problem,
};

use crate::table::{Key, StoreError, Table, Write};

/// How often a record is looked for that was there a moment ago.
const TRIES: u32 = 3;

#[async_trait]
impl Records for Table {
    async fn insert(&self, place: &Place, record: &Record) -> Result<Option<Record>, Problem> {
        for _ in 0..TRIES {
            match self.write(put(place, record).if_absent()).await {
                Ok(()) => return Ok(None),
                Err(StoreError::Condition(_)) => {}
                Err(error) => return Err(error.into()),
            }
            // None when the request was refused in between, which frees its key.
            if let Some(found) = self.get(&key(place)).await? {
                return Ok(Some(found));
            }
        }
        Err(Problem::unavailable("a record comes and goes"))
    }

    async fn replace(
        &self,
        place: &Place,
        before: &Record,
        after: &Record,
    ) -> Result<bool, Problem> {
        match self.write(if_still(put(place, after), before)).await {
            Ok(()) => Ok(true),
            Err(StoreError::Condition(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn remove(&self, place: &Place, record: &Record) -> Result<(), Problem> {
        match self.write(if_still(Write::delete(key(place)), record)).await {
            Ok(()) | Err(StoreError::Condition(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn key(place: &Place) -> Key {
    let Place { tenant, digest } = place;
    let pk = match tenant {
        Some(tenant) => format!("T#{tenant}#IDEMPOTENCY#{digest}"),
        None => format!("IDEMPOTENCY#{digest}"),
    };
    Key::new(pk, "record")
}

fn put(place: &Place, record: &Record) -> Write {
    Write::put(key(place), record).expires(record.expires_at)
}

fn if_still(write: Write, record: &Record) -> Write {
    write.if_equals("resource", &record.resource).if_equals("revision", &record.revision)
}
