//! Dead letters: events that a consumer could not handle. They stay until they are redriven.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};
use serde::Serialize;

use super::{Queues, make_oldest_ready};
use crate::store::StoreError;

/// An event that a consumer could not handle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadLetter {
    pub id: i64,
    /// The module that could not handle it.
    pub queue: String,
    pub event_id: String,
    pub event_type: String,
    pub tenant_id: String,
    /// The envelope, as JSON text.
    pub body: String,
    pub attempts: u32,
    pub cause: String,
    pub enqueued_at: Timestamp,
    pub died_at: Timestamp,
}

impl Queues {
    /// The dead letters of one queue or of all, newest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn dead_letters(
        &self,
        queue: Option<&str>,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let queue = queue.map(str::to_owned);
        let sql = "SELECT id, queue, event_id, event_type, tenant, body, attempts,
                coalesce(last_error, '') AS cause, enqueued_at, coalesce(died_at, 0) AS died_at
            FROM messages WHERE state = 'dead' AND (?1 IS NULL OR queue = ?1)
            ORDER BY died_at DESC, id DESC LIMIT ?2";
        self.0
            .run(move |sqlite| {
                sqlite.prepare(sql)?.query_map((queue, limit), DeadLetter::read)?.collect()
            })
            .await
    }

    /// Puts a dead letter back on its queue, as if it had never been tried. Whether there was such a
    /// dead letter. A running [`crate::Bus`] has the same, and wakes the worker.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn redrive(&self, id: i64) -> Result<bool, StoreError> {
        self.0.write(move |transaction| revive(transaction, id)).await
    }

    /// Puts all dead letters of one queue, or of all, back. How many there were.
    ///
    /// # Errors
    /// When the file cannot be written; then none is put back.
    pub async fn redrive_all(&self, queue: Option<&str>) -> Result<u64, StoreError> {
        let queue = queue.map(str::to_owned);
        self.0
            .write(move |transaction| {
                let sql = "SELECT id FROM messages
                       WHERE state = 'dead' AND (?1 IS NULL OR queue = ?1) ORDER BY id";
                let mut statement = transaction.prepare(sql)?;
                let ids: Vec<i64> =
                    statement.query_map([queue], |row| row.get(0))?.collect::<Result<_, _>>()?;
                ids.iter().try_fold(0, |count, id| Ok(count + u64::from(revive(transaction, *id)?)))
            })
            .await
    }
}

impl DeadLetter {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let time = |column| -> rusqlite::Result<Timestamp> {
            Ok(Timestamp::from_millisecond(row.get(column)?).unwrap_or_default())
        };
        Ok(Self {
            id: row.get("id")?,
            queue: row.get("queue")?,
            event_id: row.get("event_id")?,
            event_type: row.get("event_type")?,
            tenant_id: row.get("tenant")?,
            body: row.get("body")?,
            attempts: row.get("attempts")?,
            cause: row.get("cause")?,
            enqueued_at: time("enqueued_at")?,
            died_at: time("died_at")?,
        })
    }
}

fn revive(sqlite: &Connection, id: i64) -> rusqlite::Result<bool> {
    let sql = "UPDATE messages SET state = 'waiting', attempts = 0, visible_at = 0, died_at = NULL
               WHERE id = ?1 AND state = 'dead' RETURNING queue, subject";
    let revived: Option<(String, String)> =
        sqlite.query_row(sql, [id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((queue, subject)) = revived else { return Ok(false) };
    // It is older than what is on the queue about its subject, so that has to wait for it.
    let sql = "UPDATE messages SET state = 'waiting'
               WHERE queue = ?1 AND subject = ?2 AND state <> 'dead' AND state = 'ready'";
    sqlite.execute(sql, (&queue, &subject))?;
    make_oldest_ready(sqlite, &queue, &subject)?;
    Ok(true)
}
