//! Durable queues, one per consuming module: each message is an event that waits for its consumer.
//!
//! Of the messages about one subject only the oldest is `ready`, the others are `waiting`: so events
//! about one thing are handled in order, however often one of them has to be tried. A `dead` message
//! is out of the way of its followers, and stays until somebody redrives it.

mod dead;

use std::path::Path;

use kernel::{
    clock::{Clock, SystemClock},
    event::Envelope,
};
use rusqlite::{Connection, OptionalExtension, Row};
use serde::Serialize;

pub use self::dead::DeadLetter;
use crate::{sqlite::Sqlite, store::StoreError};

/// Times are milliseconds since the epoch. `visible_at` is 0 for a message that was never tried, so
/// that a clock that steps back does not hide it. An index is used only where a query repeats its
/// condition.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS messages (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        queue TEXT NOT NULL,
        event_id TEXT NOT NULL,
        event_type TEXT NOT NULL,
        tenant TEXT NOT NULL,
        subject TEXT NOT NULL,
        body TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('ready', 'waiting', 'dead')),
        attempts INTEGER NOT NULL DEFAULT 0,
        visible_at INTEGER NOT NULL DEFAULT 0,
        enqueued_at INTEGER NOT NULL,
        last_error TEXT,
        died_at INTEGER,
        UNIQUE (queue, event_id)
    ) STRICT;
    CREATE INDEX IF NOT EXISTS ready_messages
        ON messages (queue, tenant, id, visible_at) WHERE state = 'ready';
    CREATE INDEX IF NOT EXISTS messages_by_subject
        ON messages (queue, subject, id) WHERE state <> 'dead';
    CREATE INDEX IF NOT EXISTS dead_messages ON messages (id) WHERE state = 'dead';";

/// The queues of all modules, in `queues.sqlite`.
#[derive(Clone)]
pub struct Queues(Sqlite);

/// An event for some queues.
pub(crate) struct NewMessage {
    queues: Vec<&'static str>,
    event_id: String,
    event_type: String,
    tenant: String,
    subject: String,
    body: String,
}

/// A message in the hands of a worker.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) id: i64,
    /// How often it was given out, with this time.
    pub(crate) attempts: u32,
    /// An envelope as JSON.
    pub(crate) body: String,
}

/// What became of a message.
#[derive(Debug)]
pub(crate) enum Outcome {
    Done,
    /// To be tried again at this time.
    Later {
        visible_at: i64,
        cause: String,
    },
    Dead {
        cause: String,
    },
}

/// How much is in a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QueueDepth {
    pub queue: String,
    /// All messages that are not dead.
    pub queued: u64,
    /// Those of them that failed and wait for their next try.
    pub delayed: u64,
    pub dead: u64,
}

impl NewMessage {
    pub(crate) fn new(
        event: &Envelope,
        queues: Vec<&'static str>,
    ) -> Result<Self, serde_json::Error> {
        Ok(Self {
            queues,
            event_id: event.id.to_string(),
            event_type: event.kind.clone(),
            tenant: event.tenant_id.to_string(),
            subject: format!("{}/{}", event.subject.resource, event.subject.id),
            body: serde_json::to_string(event)?,
        })
    }
}

impl Queues {
    /// Opens the queues in the store's folder.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        Sqlite::open(&folder.join("queues.sqlite"), SCHEMA).map(Self)
    }

    /// Adds all messages or none. An event that a queue has already, dead or not, is not added again.
    pub(crate) async fn put(&self, messages: Vec<NewMessage>) -> Result<(), StoreError> {
        self.0
            .write(move |transaction| {
                let sql = "INSERT INTO messages
                (queue, event_id, event_type, tenant, subject, body, enqueued_at, state)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, CASE WHEN EXISTS (
                    SELECT 1 FROM messages WHERE queue = ?1 AND subject = ?5 AND state <> 'dead'
                ) THEN 'waiting' ELSE 'ready' END)
                ON CONFLICT (queue, event_id) DO NOTHING";
                let mut insert = transaction.prepare_cached(sql)?;
                let now = now();
                for NewMessage { queues, event_id, event_type, tenant, subject, body } in &messages
                {
                    for queue in queues {
                        insert
                            .execute((queue, event_id, event_type, tenant, subject, body, now))?;
                    }
                }
                Ok(())
            })
            .await
    }

    /// Gives out up to `limit` messages, tenant by tenant in turns, and counts the attempt: the count
    /// holds even when the process ends before the outcome is known. There is one taker per queue.
    pub(crate) async fn take(
        &self,
        queue: &'static str,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        self.0
            .write(move |transaction| {
                let sql = "UPDATE messages SET attempts = attempts + 1 WHERE id IN (
                    SELECT id FROM (
                        SELECT id, row_number() OVER (PARTITION BY tenant ORDER BY id) AS turn
                        FROM messages
                        WHERE queue = ?1 AND state = 'ready' AND visible_at <= ?2
                    ) ORDER BY turn, id LIMIT ?3
                ) RETURNING id, attempts, body";
                let mut statement = transaction.prepare_cached(sql)?;
                let rows = statement.query_map((queue, now(), limit), |row| {
                    Ok(Message { id: row.get(0)?, attempts: row.get(1)?, body: row.get(2)? })
                })?;
                let mut messages = rows.collect::<rusqlite::Result<Vec<_>>>()?;
                messages.sort_by_key(|message| message.id);
                Ok(messages)
            })
            .await
    }

    /// Notes what became of messages; the next about the same subject gets ready where one is through.
    pub(crate) async fn settle(&self, outcomes: Vec<(i64, Outcome)>) -> Result<(), StoreError> {
        self.0
            .write(move |transaction| {
                outcomes.iter().try_for_each(|(id, outcome)| settle_one(transaction, *id, outcome))
            })
            .await
    }

    /// When the next message can be taken: 0 is at once.
    pub(crate) async fn next_visible(
        &self,
        queue: &'static str,
    ) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT min(visible_at) FROM messages WHERE queue = ?1 AND state = 'ready'";
        self.0.run(move |sqlite| sqlite.query_row(sql, [queue], |row| row.get(0))).await
    }

    /// How much is in each queue that is not empty.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn depth(&self) -> Result<Vec<QueueDepth>, StoreError> {
        let sql = "SELECT queue, count(*) FILTER (WHERE state <> 'dead'),
                count(*) FILTER (WHERE state = 'ready' AND visible_at > ?1),
                count(*) FILTER (WHERE state = 'dead')
            FROM messages GROUP BY queue ORDER BY queue";
        let depth = |row: &Row<'_>| {
            Ok(QueueDepth {
                queue: row.get(0)?,
                queued: row.get(1)?,
                delayed: row.get(2)?,
                dead: row.get(3)?,
            })
        };
        self.0.run(move |sqlite| sqlite.prepare(sql)?.query_map([now()], depth)?.collect()).await
    }
}

fn settle_one(sqlite: &Connection, id: i64, outcome: &Outcome) -> rusqlite::Result<()> {
    let freed: Option<(String, String)> = match outcome {
        Outcome::Later { visible_at, cause } => {
            let sql = "UPDATE messages SET visible_at = ?2, last_error = ?3 WHERE id = ?1";
            sqlite.prepare_cached(sql)?.execute((id, visible_at, cause))?;
            None
        }
        Outcome::Done => {
            let sql = "DELETE FROM messages WHERE id = ?1 RETURNING queue, subject";
            let mut statement = sqlite.prepare_cached(sql)?;
            statement.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?
        }
        Outcome::Dead { cause } => {
            let sql = "UPDATE messages SET state = 'dead', last_error = ?2, died_at = ?3
                       WHERE id = ?1 RETURNING queue, subject";
            let mut statement = sqlite.prepare_cached(sql)?;
            statement
                .query_row((id, cause, now()), |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?
        }
    };
    freed.map_or(Ok(()), |(queue, subject)| make_oldest_ready(sqlite, &queue, &subject))
}

fn make_oldest_ready(sqlite: &Connection, queue: &str, subject: &str) -> rusqlite::Result<()> {
    let sql = "UPDATE messages SET state = 'ready' WHERE id = (
            SELECT min(id) FROM messages WHERE queue = ?1 AND subject = ?2 AND state <> 'dead')";
    sqlite.prepare_cached(sql)?.execute((queue, subject)).map(drop)
}

pub(crate) fn now() -> i64 {
    SystemClock.now().as_millisecond()
}
