use std::{sync::Arc, time::Duration};

use aws::{Ledger, Recorder, Table, limits::TableLimiter};
use contracts::generated;
use embedded::{Place, Store};
use kernel::{
    clock::Clock,
    config::Sources,
    event::Envelope,
    limit::{Limits, Rules},
    stream::{Change, StreamRecord, announced},
};
use rusqlite::Connection;

use crate::events::check_against_schema;

/// An embedded store in memory, for one test.
pub struct TestStore {
    store: Store,
}

impl TestStore {
    pub async fn open() -> Self {
        let store = Store::open(&Place::Memory, Recorder::default()).await;
        Self { store: store.expect("the embedded store starts") }
    }

    /// The table of a module, as its manifest declares it.
    pub async fn table(&self, module: &str) -> Table {
        self.store.table(generated::module(module)).await.expect("the table can be made")
    }

    /// One instance's part of the limits that all instances on this store share.
    pub async fn limits(&self, sources: &Sources, clock: Arc<dyn Clock>) -> Limits {
        let rules = Rules::read(sources).expect("the limits are well-formed");
        Limits::new(rules, Arc::new(self.limiter(clock).await))
    }

    /// What counts for them.
    pub async fn limiter(&self, clock: Arc<dyn Clock>) -> TableLimiter {
        let table = self.store.shared_table("limits").await.expect("the table can be made");
        TableLimiter::new(table, clock).waiting(Duration::from_mins(1))
    }

    /// Every event that the module's writes have announced so far, in order, each checked against
    /// its schema and against what the manifest says the module publishes.
    pub fn announced(&self, module: &str) -> Vec<Envelope> {
        let spec = generated::module(module);
        let events = self
            .records(module)
            .into_iter()
            .flat_map(|record| announced(&record).expect("pending events parse"));
        events
            .inspect(|event| {
                check_against_schema(event);
                let kind = event.kind.as_str();
                assert!(spec.publishes.contains(&kind), "{module} does not declare `{kind}`");
            })
            .collect()
    }

    /// The types of the events announced so far.
    pub fn announced_types(&self, module: &str) -> Vec<String> {
        self.announced(module).into_iter().map(|event| event.kind).collect()
    }

    /// Everything that was ever written to the module's table, as text, for secrets to be looked for in.
    pub fn written(&self, module: &str) -> String {
        let path = self.store.folder().join("tables.sqlite");
        let connection = Connection::open(path).expect("the store's file opens");
        let texts = connection.query_row(
            "SELECT group_concat(new_image) FROM _stream_records WHERE table_name = ?1",
            [module],
            |row| row.get::<_, Option<String>>(0),
        );
        texts.expect("stream records read").unwrap_or_default()
    }

    fn records(&self, table: &str) -> Vec<StreamRecord> {
        let path = self.store.folder().join("tables.sqlite");
        let connection = Connection::open(path).expect("the store's file opens");
        let mut statement = connection
            .prepare(
                "SELECT event_id, new_image, old_image, sequence_number FROM _stream_records
                 WHERE table_name = ?1 ORDER BY id",
            )
            .expect("the store keeps its streams in this table");
        let parse = |text: Option<String>| text.and_then(|text| serde_json::from_str(&text).ok());
        let rows = statement.query_map([table], |row| {
            Ok(StreamRecord {
                id: row.get(0)?,
                dynamodb: Change {
                    new_image: parse(row.get(1)?),
                    old_image: parse(row.get(2)?),
                    sequence_number: row.get(3)?,
                },
            })
        });
        rows.and_then(Iterator::collect).expect("stream records read")
    }
}

/// Asserts what an operation costs: table calls in all, and how many had to wait for each other.
pub async fn assert_cost<F: Future>(future: F, in_all: usize, in_sequence: usize) -> F::Output {
    let (output, ledger) = Ledger::of(future).await;
    let calls: Vec<_> = ledger.calls().iter().map(|call| call.operation).collect();
    assert_eq!(calls.len(), in_all, "table calls: {calls:?}");
    assert_eq!(ledger.in_sequence(), in_sequence, "in sequence, of: {calls:?}");
    output
}
