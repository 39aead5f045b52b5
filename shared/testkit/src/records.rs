use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use aws::Table;
use kernel::{
    clock::ManualClock,
    idempotency::{Idempotency, Place, Record, Records},
    problem::Problem,
    secret::Key,
};

/// Records of requests with keys, in a table; now and then the instance dies before it notes how a
/// request ended.
pub struct MortalRecords {
    table: Table,
    deaths: AtomicUsize,
}

impl MortalRecords {
    pub fn new(table: Table) -> Arc<Self> {
        Arc::new(Self { table, deaths: AtomicUsize::new(0) })
    }

    /// What remembers requests in these records.
    pub fn idempotency(self: &Arc<Self>, clock: &ManualClock) -> Idempotency {
        Idempotency::new(self.clone(), Arc::new(clock.clone()), Key::from_bytes([3; 32]))
    }

    /// The next instance that has worked on a request dies before it notes so.
    pub fn die_once(&self) {
        self.deaths.fetch_add(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Records for MortalRecords {
    async fn insert(&self, place: &Place, record: &Record) -> Result<Option<Record>, Problem> {
        self.table.insert(place, record).await
    }

    async fn replace(
        &self,
        place: &Place,
        before: &Record,
        after: &Record,
    ) -> Result<bool, Problem> {
        let lives = self
            .deaths
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |deaths| deaths.checked_sub(1));
        assert!(lives.is_err(), "the instance dies here, as the test wants it");
        self.table.replace(place, before, after).await
    }

    async fn remove(&self, place: &Place, record: &Record) -> Result<(), Problem> {
        self.table.remove(place, record).await
    }
}
