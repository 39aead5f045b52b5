//! The tables' streams: from the records that the store writes with each change to the bus.
//!
//! The store keeps stream records in the table `_stream_records` of its own file, written in the same
//! transaction as the change, and never removes them. Deleting a record is the acknowledgement; there
//! is no other checkpoint. SQLite has one writer at a time, so ids are in the order of the commits.

use std::{path::Path, sync::Arc, time::Duration};

use kernel::{
    clock::{Clock, SystemClock},
    event::{Envelope, Publisher},
    fault::{self, Fault},
    stream::{Change, StreamRecord, announced},
};
use rusqlite::{Row, types::ValueRef};
use serde_json::Value;
use tokio::sync::Notify;

use crate::{signals::Signals, sqlite::Sqlite, store::StoreError};

/// How many records are read at once.
const BATCH: usize = 100;

/// After how many bytes of images a batch ends early: an item may have 400 KB.
const BATCH_BYTES: usize = 1 << 20;

/// Until the first new try after a failure; doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);

const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Records that cannot be read are kept here, for a person to look at.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS _plinth_dead_records (
        id INTEGER PRIMARY KEY,
        table_name TEXT NOT NULL,
        keys_json TEXT NOT NULL,
        new_image TEXT,
        old_image TEXT,
        cause TEXT NOT NULL,
        died_at INTEGER NOT NULL
    );";

/// The stream records of all tables.
#[derive(Clone)]
pub(crate) struct Streams(Sqlite);

/// The oldest records, and what they announce, in order.
struct Batch {
    /// Id of the youngest record in it.
    last: i64,
    events: Vec<Envelope>,
    dead: Vec<DeadRecord>,
}

/// A record that cannot be read: a bug, since only this platform writes pending events.
#[derive(Clone)]
struct DeadRecord {
    id: i64,
    table: String,
    cause: String,
}

impl Streams {
    pub(crate) fn open(folder: &Path) -> Result<Self, StoreError> {
        Sqlite::open(&folder.join("tables.sqlite"), SCHEMA).map(Self)
    }

    /// Records that wait, and records that could not be read.
    pub(crate) async fn depth(&self) -> Result<(u64, u64), StoreError> {
        let sql = "SELECT (SELECT count(*) FROM _stream_records),
                          (SELECT count(*) FROM _plinth_dead_records)";
        self.0.run(|sqlite| sqlite.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))).await
    }

    pub(crate) async fn is_empty(&self) -> Result<bool, StoreError> {
        let sql = "SELECT NOT EXISTS (SELECT 1 FROM _stream_records)";
        self.0.run(|sqlite| sqlite.query_row(sql, [], |row| row.get(0))).await
    }

    /// The oldest records; `None` when there are none.
    async fn read(&self) -> Result<Option<Batch>, StoreError> {
        self.0
            .run(|sqlite| {
                let sql = "SELECT id, table_name, event_id, sequence_number, new_image, old_image
                           FROM _stream_records ORDER BY id LIMIT ?1";
                let mut statement = sqlite.prepare_cached(sql)?;
                let mut rows = statement.query([BATCH])?;
                let mut batch: Option<Batch> = None;
                let mut bytes = 0;
                while bytes < BATCH_BYTES
                    && let Some(row) = rows.next()?
                {
                    let batch = batch.get_or_insert_with(Batch::empty);
                    bytes += size(row, "new_image")? + size(row, "old_image")?;
                    batch.add(row)?;
                }
                Ok(batch)
            })
            .await
    }

    /// Deletes the batch's records; those that cannot be read move to the dead ones.
    async fn acknowledge(&self, last: i64, dead: Vec<DeadRecord>) -> Result<(), StoreError> {
        let now = SystemClock.now().as_millisecond();
        self.0
            .write(move |transaction| {
                for record in dead {
                    let sql = "INSERT OR REPLACE INTO _plinth_dead_records
                               SELECT id, table_name, keys_json, new_image, old_image, ?2, ?3
                               FROM _stream_records WHERE id = ?1";
                    transaction.execute(sql, (record.id, record.cause, now))?;
                }
                let sql = "DELETE FROM _stream_records WHERE id <= ?1";
                transaction.prepare_cached(sql)?.execute([last]).map(drop)
            })
            .await
    }
}

impl Batch {
    fn empty() -> Self {
        Self { last: 0, events: Vec::new(), dead: Vec::new() }
    }

    fn add(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        self.last = row.get("id")?;
        match events(row) {
            Ok(events) => self.events.extend(events),
            Err(cause) => {
                let table = row.get("table_name")?;
                self.dead.push(DeadRecord { id: self.last, table, cause });
            }
        }
        Ok(())
    }
}

fn events(row: &Row<'_>) -> Result<Vec<Envelope>, String> {
    let record = StreamRecord {
        id: text(row, "event_id")?,
        dynamodb: Change {
            new_image: image(row, "new_image")?,
            old_image: image(row, "old_image")?,
            sequence_number: text(row, "sequence_number")?,
        },
    };
    announced(&record).map_err(|error| match std::error::Error::source(&error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    })
}

fn text(row: &Row<'_>, column: &str) -> Result<String, String> {
    let text = row.get::<_, Option<String>>(column).map_err(|error| error.to_string())?;
    Ok(text.unwrap_or_default())
}

fn image(row: &Row<'_>, column: &str) -> Result<Option<Value>, String> {
    match row.get_ref(column).map_err(|error| error.to_string())? {
        ValueRef::Null => Ok(None),
        ValueRef::Text(json) => {
            serde_json::from_slice(json).map_err(|error| format!("{column}: {error}"))
        }
        other => Err(format!("{column} is of type {}", other.data_type())),
    }
}

fn size(row: &Row<'_>, column: &str) -> rusqlite::Result<usize> {
    let value = row.get_ref(column)?;
    Ok(value.as_bytes_or_null().ok().flatten().map_or(0, <[u8]>::len))
}

/// Takes what the records announce to the publisher, then deletes them.
pub(crate) struct Pump {
    pub(crate) streams: Streams,
    pub(crate) publisher: Arc<dyn Publisher>,
    /// Notified after each write to a table. Nobody else may wait on it.
    pub(crate) wake: Arc<Notify>,
    pub(crate) signals: Signals,
}

impl Pump {
    /// Runs until it is time to stop. Between writes it sleeps without a timer.
    pub(crate) async fn run(self) {
        let mut pause = FIRST_PAUSE;
        while !self.signals.is_stopping() {
            match self.pass().await {
                Ok(true) => pause = FIRST_PAUSE,
                Ok(false) => {
                    pause = FIRST_PAUSE;
                    self.signals.progressed();
                    tokio::select! {
                        () = self.wake.notified() => {}
                        () = self.signals.stopping() => {}
                    }
                }
                Err(cause) => {
                    report(format!("events wait, next try in {pause:?}: {cause}"));
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = self.signals.stopping() => {}
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Whether there was something to do. After a failure all of it is still there.
    async fn pass(&self) -> Result<bool, String> {
        let batch = self.streams.read().await.map_err(|error| error.to_string())?;
        let Some(Batch { last, events, dead }) = batch else { return Ok(false) };
        if !events.is_empty() {
            self.publisher.publish(&events).await.map_err(|error| error.to_string())?;
        }
        let acknowledged = self.streams.acknowledge(last, dead.clone()).await;
        acknowledged.map_err(|error| error.to_string())?;
        for DeadRecord { id, table, cause } in dead {
            report(format!("record {id} of table `{table}` moved to the dead records: {cause}"));
        }
        Ok(true)
    }
}

fn report(message: String) {
    fault::report(&Fault {
        message,
        request_id: None,
        place: "streams".to_owned(),
        is_panic: false,
    });
}
