//! The embedded store: the DynamoDB API on SQLite, in this process and open to nobody else.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use aws::{Recorder, Table, sdk};
use aws_sdk_dynamodb::{
    Client,
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType,
        Projection, ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType,
        TimeToLiveSpecification,
    },
};
use contracts::catalogue::{ModuleSpec, TableSpec};
use dynoxide::Database;
use kernel::id::TenantId;
use tempfile::TempDir;

use crate::{connector::Connector, private::private_folder, sqlite::Sqlite};

/// With each write the store asks for the highest sequence number of the table's stream, and would read
/// all of its records to find it: a burst of writes would get slower the longer it is.
const STREAM_INDEX: &str = "CREATE INDEX IF NOT EXISTS plinth_stream
    ON _stream_records (table_name, CAST(sequence_number AS INTEGER))";

/// Where the data lives.
#[derive(Debug, Clone)]
pub enum Place {
    /// In this folder, from one start to the next.
    Folder(PathBuf),
    /// In memory where the system has a folder for that, and gone afterwards.
    Memory,
}

/// The store did not start.
#[derive(Debug, thiserror::Error)]
#[error("embedded store: {0}")]
pub struct StoreError(String);

impl StoreError {
    pub(crate) fn new(cause: impl std::fmt::Display) -> Self {
        Self(cause.to_string())
    }
}

/// An open store. It closes when this and all of its tables are dropped.
pub struct Store {
    database: Database,
    client: Client,
    folder: PathBuf,
    /// Removes a memory store's folder.
    _temporary: Option<TempDir>,
}

impl Store {
    /// Opens the store in its folder, which from then on only its owner can read.
    ///
    /// # Errors
    /// When the folder cannot be used, is not ours alone, or is in use by a newer version.
    pub async fn open(place: &Place, recorder: Recorder) -> Result<Self, StoreError> {
        let place = place.clone();
        let opening = tokio::task::spawn_blocking(move || open_database(&place));
        let (database, folder, temporary) = opening.await.map_err(StoreError::new)??;
        let client = sdk::local_dynamodb(Connector::new(database.clone()), recorder);
        Ok(Self { database, client, folder, _temporary: temporary })
    }

    /// The table of a module, made if it is not there.
    pub async fn table(&self, module: &ModuleSpec) -> Result<Table, StoreError> {
        if let Some(spec) = module.table {
            self.ensure_table(module.name, spec).await?;
        }
        Ok(Table::new(self.client.clone(), module.name))
    }

    /// A table that belongs to no module but to all, made if it is not there.
    pub async fn shared_table(&self, name: &str) -> Result<Table, StoreError> {
        self.ensure_table(name, TableSpec { indexes: 0, stream: false }).await?;
        Ok(Table::new(self.client.clone(), name))
    }

    /// The tenants that own items of a table. Reads the whole table, so it is for tools only.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn tenants_in(&self, table: &str) -> Result<BTreeSet<TenantId>, StoreError> {
        let mut tenants = BTreeSet::new();
        let mut pages = self
            .client
            .scan()
            .table_name(table)
            .projection_expression("pk")
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| StoreError(format!("table `{table}`: {error:?}")))?;
            let keys = page.items().iter().filter_map(|item| item.get("pk")?.as_s().ok());
            let owners = keys.filter_map(|pk| pk.strip_prefix("T#")?.split('#').next());
            tenants.extend(owners.filter_map(|id| id.parse::<TenantId>().ok()));
        }
        Ok(tenants)
    }

    /// The store's own folder, for what lives beside the tables.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn database(&self) -> &Database {
        &self.database
    }

    async fn ensure_table(&self, name: &str, spec: TableSpec) -> Result<(), StoreError> {
        if self.database.get_table_metadata(name).map_err(StoreError::new)?.is_some() {
            return Ok(());
        }
        let mut attributes = vec!["pk".to_owned(), "sk".to_owned()];
        let mut create =
            self.client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
        create = create.set_key_schema(Some(key_schema("pk", "sk")?));
        for number in 1..=spec.indexes {
            let (pk, sk) = (format!("gsi{number}pk"), format!("gsi{number}sk"));
            let index = GlobalSecondaryIndex::builder()
                .index_name(format!("gsi{number}"))
                .set_key_schema(Some(key_schema(&pk, &sk)?))
                .projection(Projection::builder().projection_type(ProjectionType::All).build());
            create = create.global_secondary_indexes(index.build().map_err(StoreError::new)?);
            attributes.extend([pk, sk]);
        }
        for attribute in attributes {
            let definition = AttributeDefinition::builder()
                .attribute_name(attribute)
                .attribute_type(ScalarAttributeType::S);
            create = create.attribute_definitions(definition.build().map_err(StoreError::new)?);
        }
        if spec.stream {
            let stream = StreamSpecification::builder()
                .stream_enabled(true)
                .stream_view_type(StreamViewType::NewAndOldImages);
            create = create.stream_specification(stream.build().map_err(StoreError::new)?);
        }
        create.send().await.map_err(|error| StoreError(format!("table `{name}`: {error:?}")))?;
        let expiry = TimeToLiveSpecification::builder().enabled(true).attribute_name("ttl");
        self.client
            .update_time_to_live()
            .table_name(name)
            .time_to_live_specification(expiry.build().map_err(StoreError::new)?)
            .send()
            .await
            .map_err(|error| StoreError(format!("table `{name}`: {error:?}")))?;
        Ok(())
    }
}

/// The tables, their folder, and what removes the folder.
fn open_database(place: &Place) -> Result<(Database, PathBuf, Option<TempDir>), StoreError> {
    let (folder, temporary) = match place {
        Place::Folder(folder) => (folder.clone(), None),
        Place::Memory => {
            let folder = memory_folder().map_err(StoreError::new)?;
            (folder.path().to_owned(), Some(folder))
        }
    };
    private_folder(&folder)
        .map_err(|error| StoreError(format!("folder {}: {error}", folder.display())))?;
    let path = folder.join("tables.sqlite");
    let database = Database::new(&path.to_string_lossy()).map_err(StoreError::new)?;
    // Sets `synchronous = NORMAL`: a crash of the process loses nothing, a power cut the last moments.
    database.disable_bulk_loading().map_err(StoreError::new)?;
    Sqlite::open(&path, STREAM_INDEX)?;
    Ok((database, folder, temporary))
}

fn key_schema(pk: &str, sk: &str) -> Result<Vec<KeySchemaElement>, StoreError> {
    [(pk, KeyType::Hash), (sk, KeyType::Range)]
        .into_iter()
        .map(|(name, kind)| {
            let element = KeySchemaElement::builder().attribute_name(name).key_type(kind);
            element.build().map_err(StoreError::new)
        })
        .collect()
}

/// A folder in memory where Linux has one. A file there, and not SQLite's own memory mode, because the
/// streams are read over a connection of their own.
fn memory_folder() -> std::io::Result<TempDir> {
    let shared_memory = Path::new("/dev/shm");
    let mut builder = tempfile::Builder::new();
    builder.prefix("plinth-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    if shared_memory.is_dir() { builder.tempdir_in(shared_memory) } else { builder.tempdir() }
}

#[cfg(test)]
mod tests {
    use aws::{Key, StoreError as TableError, Write};
    use serde_json::{Value, json};

    use super::*;

    async fn table(store: &Store) -> Table {
        store.ensure_table("demo", TableSpec { indexes: 1, stream: true }).await.unwrap();
        Table::new(store.client.clone(), "demo")
    }

    #[tokio::test]
    async fn what_is_written_is_read_and_conditions_hold() {
        let store = Store::open(&Place::Memory, Recorder::default()).await.unwrap();
        let table = table(&store).await;
        let key = Key::new("T#1", "item");
        let put = || Write::put(key.clone(), &json!({"name": "x", "version": 1})).if_absent();
        table.write(put()).await.unwrap();
        assert!(matches!(table.write(put()).await, Err(TableError::Condition(0))));
        let item: Value = table.get(&key).await.unwrap().unwrap();
        assert_eq!(item["name"], "x");
        let bump =
            |version| Write::update(key.clone()).add("version", 1).if_equals("version", &version);
        table.write_all(vec![bump(1)]).await.unwrap();
        let stale =
            table.write_all(vec![Write::check(Key::new("T#1", "none")).if_absent(), bump(1)]).await;
        assert!(matches!(stale, Err(TableError::Condition(1))));
    }

    #[tokio::test]
    async fn pages_go_on_where_they_ended() {
        let store = Store::open(&Place::Memory, Recorder::default()).await.unwrap();
        let table = table(&store).await;
        for n in 0..7 {
            let write = Write::put(Key::new("T#1", format!("i#{n}")), &json!({"n": n}));
            table.write(write.index(1, "odd", &format!("{}", 9 - n))).await.unwrap();
        }
        let mut seen = Vec::new();
        let mut position = None;
        loop {
            let query = aws::Query::partition("odd").index(1).limit(3).after(position);
            let rows =
                table.query::<Value>(query.filter("#n <> :five").value(":five", &5)).await.unwrap();
            seen.extend(rows.items.iter().map(|item| item["n"].as_i64().unwrap()));
            position = rows.next;
            if position.is_none() {
                break;
            }
        }
        assert_eq!(seen, [6, 4, 3, 2, 1, 0]);
    }

    #[tokio::test]
    async fn the_next_sequence_number_is_found_through_the_index() {
        let store = Store::open(&Place::Memory, Recorder::default()).await.unwrap();
        let sqlite = rusqlite::Connection::open(store.folder().join("tables.sqlite")).unwrap();
        // As the store asks with each write.
        let sql = "EXPLAIN QUERY PLAN SELECT COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0) + 1
                   FROM _stream_records WHERE table_name = ?1";
        let plan: String = sqlite.query_row(sql, ["demo"], |row| row.get("detail")).unwrap();
        let index = "USING COVERING INDEX plinth_stream (table_name=?)";
        assert!(plan.ends_with(index) || plan.ends_with(&index.replace("COVERING ", "")), "{plan}");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn only_the_owner_can_look_into_the_folder() {
        use std::{fs::Permissions, os::unix::fs::PermissionsExt};

        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let memory = Store::open(&Place::Memory, Recorder::default()).await.unwrap();
        assert_eq!(mode(memory.folder()), 0o700);
        let parent = tempfile::tempdir().unwrap();
        let place = Place::Folder(parent.path().join("data"));
        let store = Store::open(&place, Recorder::default()).await.unwrap();
        assert_eq!(mode(store.folder()), 0o700);
        std::fs::set_permissions(store.folder(), Permissions::from_mode(0o755)).unwrap();
        let again = Store::open(&place, Recorder::default()).await.unwrap();
        assert_eq!(mode(again.folder()), 0o700);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn no_port_is_opened() {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        assert_eq!(listening_sockets(), 1, "the count works");
        drop(listener);
        let store = Store::open(&Place::Memory, Recorder::default()).await.unwrap();
        let table = table(&store).await;
        table.get::<Value>(&Key::new("T#1", "item")).await.unwrap();
        assert_eq!(listening_sockets(), 0);
    }

    /// How many TCP sockets of this process wait for connections. No other test here makes one.
    #[cfg(target_os = "linux")]
    fn listening_sockets() -> usize {
        const LISTEN: &str = "0A";
        let sockets = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
        // All of the machine's; state and inode are the fourth and the tenth column.
        let all = sockets("/proc/self/net/tcp") + &sockets("/proc/self/net/tcp6");
        let listening: BTreeSet<String> = all
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
            .filter(|columns| columns.get(3) == Some(&LISTEN))
            .map(|columns| format!("socket:[{}]", columns[9]))
            .collect();
        let open = std::fs::read_dir("/proc/self/fd").unwrap();
        let open = open.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
        open.filter(|target| listening.contains(&*target.to_string_lossy())).count()
    }
}
