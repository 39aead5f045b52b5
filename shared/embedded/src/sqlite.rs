//! SQLite files beside the tables (and the tables' own file): durable, with small caches, and never
//! used on the runtime's threads.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::store::StoreError;

/// A connection that is shared by clones, one user at a time.
#[derive(Clone)]
pub(crate) struct Sqlite(Arc<Mutex<Connection>>);

impl Sqlite {
    /// Opens or makes the file and runs `schema`, which must be fine to run again.
    pub(crate) fn open(path: &Path, schema: &str) -> Result<Self, StoreError> {
        // rusqlite waits up to five seconds for a lock that somebody else holds.
        let connection = Connection::open(path).map_err(StoreError::new)?;
        // `synchronous = NORMAL`: the end of the process loses nothing, a power cut the last moments.
        // The cache may hold 512 KiB instead of SQLite's 2 MB: everything here is read once.
        let pragmas =
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -512;";
        connection.execute_batch(pragmas).map_err(StoreError::new)?;
        connection.execute_batch(schema).map_err(StoreError::new)?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    /// Runs `work` on a thread that may block.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = self.0.clone();
        let done = tokio::task::spawn_blocking(move || {
            // A transaction rolls back when a panic drops it, so a poisoned lock guards nothing broken.
            work(&mut shared.lock().unwrap_or_else(PoisonError::into_inner))
        });
        done.await.map_err(StoreError::new)?.map_err(StoreError::new)
    }

    /// Runs `work` as one transaction: all of it or nothing.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run(move |connection| {
            // Takes the lock at once: a reader that becomes a writer may fail instead of waiting.
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        })
        .await
    }
}
