//! The audit log's table. It is only ever appended to: puts on the condition that nothing is there, gets and
//! queries, and no other operation.
//!
//! | access | how |
//! |---|---|
//! | append entries | one transaction: per entry the entry and its event's guard, each if absent |
//! | the head of a chain | chain, last entry |
//! | walk a chain | chain, ascending |
//! | which events are known | guards |
//! | an entry by its event's id | guard, then entry |
//! | what a user did and what was done to them | by actor (gsi1) and by thing (gsi2), descending, merged |
//! | search, newest first | chain, by actor (gsi1) or by thing (gsi2), descending; the rest by filter |
//!
//! | item | pk | sk | gsi1 | gsi2 |
//! |---|---|---|---|---|
//! | entry | `T#{tenant}#AUDIT` | sequence, 20 digits | `T#{tenant}#ACTOR#{id}`, sequence | `T#{tenant}#RESOURCE#{resource}#{id}`, sequence |
//! | guard | `T#{tenant}#EVENT#{event}` | `entry` | | |

mod activity;
mod item;

use std::collections::HashSet;

use aws::{Key, Query, Rows, StoreError, Table, Write};
use futures_util::future::try_join_all;
use kernel::{caller::Tenant, id::EventId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use self::item::{Item, actor_key, resource_key, sort_key};
use crate::{
    chain::Head,
    entry::Entry,
    filter::{Action, Filter},
};

/// Entries that a walk holds in memory at a time.
const WALK_PAGE: u32 = 200;

/// The audit logs of all tenants.
#[derive(Debug, Clone)]
pub struct Store {
    table: Table,
}

/// Why nothing was appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// At least one of the events has its entry already.
    #[error("an event has its entry already")]
    KnownEvent,
    /// The chain goes on after the head that the entries follow.
    #[error("the chain goes on after the head")]
    StaleHead,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Something that stands in a chain, as it is found.
#[derive(Debug)]
pub struct ChainItem {
    /// By its key; `None` when the key is no sequence.
    pub sequence: Option<u64>,
    /// `None` when the item is not what an entry is stored as.
    pub entry: Option<Entry>,
}

/// Says which entry tells of an event.
#[derive(Debug, Serialize, Deserialize)]
struct Guard {
    sequence: u64,
}

impl Store {
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// The end of the tenant's chain.
    pub async fn head(&self, tenant: Tenant) -> Result<Head, StoreError> {
        #[derive(Deserialize)]
        struct Last {
            sk: String,
            hash: String,
        }
        let query = Query::partition(chain_key(tenant)).descending().limit(1);
        let Some(last) = self.table.query::<Last>(query).await?.items.pop() else {
            return Ok(Head::of_nothing());
        };
        // By its key and not its content: the next entry's key must be free.
        let sequence = item::sequence_of(&last.sk).ok_or_else(|| StoreError::Malformed {
            table: "audit".to_owned(),
            reason: format!("`{}` is at the end of a chain", last.sk),
        })?;
        Ok(Head { sequence, hash: last.hash })
    }

    /// Appends the entries, all or none; at most 50. They follow each other, the first follows the head.
    pub async fn append(&self, tenant: Tenant, entries: &[Entry]) -> Result<(), AppendError> {
        let guards = entries.iter().map(|entry| {
            let guard = Guard { sequence: entry.sequence };
            Write::put(guard_key(tenant, entry.id), &guard).if_absent()
        });
        let links = entries.iter().map(|entry| {
            Write::put(entry_key(tenant, entry.sequence), &Item::from(entry)).if_absent()
        });
        match self.table.write_all(guards.chain(links).collect()).await {
            Ok(()) => Ok(()),
            Err(StoreError::Condition(index)) if index < entries.len() => {
                Err(AppendError::KnownEvent)
            }
            Err(StoreError::Condition(_)) => Err(AppendError::StaleHead),
            Err(error) => Err(error.into()),
        }
    }

    /// Those of the events that have their entry already.
    pub async fn known_events(
        &self,
        tenant: Tenant,
        events: &[EventId],
    ) -> Result<HashSet<EventId>, StoreError> {
        let lookups = events.iter().map(async |event| {
            let guard: Option<Guard> = self.table.get(&guard_key(tenant, *event)).await?;
            Ok::<_, StoreError>(guard.map(|_| *event))
        });
        Ok(try_join_all(lookups).await?.into_iter().flatten().collect())
    }

    /// The entry that tells of the event.
    pub async fn find(&self, tenant: Tenant, event: EventId) -> Result<Option<Entry>, StoreError> {
        let Some(guard): Option<Guard> = self.table.get(&guard_key(tenant, event)).await? else {
            return Ok(None);
        };
        let item: Option<Item> = self.table.get(&entry_key(tenant, guard.sequence)).await?;
        Ok(item.map(Entry::from))
    }

    /// One page of entries, newest first.
    pub async fn search(
        &self,
        tenant: Tenant,
        filter: &Filter,
        limit: u32,
        after: Option<String>,
    ) -> Result<Rows<Entry>, StoreError> {
        let query = matching(tenant, filter).descending().limit(limit).after(after);
        let rows = self.table.query::<Item>(query).await?;
        let items = rows.items.into_iter().map(Entry::from).collect();
        Ok(Rows { items, next: rows.next })
    }

    /// One page of a chain from its beginning, as it is and not as it should be.
    pub async fn chain_page(
        &self,
        tenant: Tenant,
        after: Option<String>,
    ) -> Result<Rows<ChainItem>, StoreError> {
        let query = Query::partition(chain_key(tenant)).limit(WALK_PAGE).after(after);
        let rows = self.table.query::<Map<String, Value>>(query).await?;
        let items = rows.items.into_iter().map(chain_item).collect();
        Ok(Rows { items, next: rows.next })
    }
}

fn chain_item(mut attributes: Map<String, Value>) -> ChainItem {
    attributes.remove("pk");
    let sort_key = attributes.remove("sk");
    ChainItem {
        sequence: sort_key.as_ref().and_then(Value::as_str).and_then(item::sequence_of),
        entry: Item::exactly(&Value::Object(attributes)).map(Entry::from),
    }
}

/// The narrowest partition that has all matching entries, filtered by what it does not tell.
fn matching(tenant: Tenant, filter: &Filter) -> Query {
    let mut rest = filter.clone();
    let partition = if let (Some(resource), Some(id)) = (&filter.resource, &filter.resource_id) {
        (rest.resource, rest.resource_id) = (None, None);
        Query::partition(resource_key(tenant.id(), resource, id)).index(2)
    } else if let Some(actor) = &filter.actor {
        rest.actor = None;
        Query::partition(actor_key(tenant.id(), actor)).index(1)
    } else {
        Query::partition(chain_key(tenant))
    };
    filtered(partition, &rest)
}

fn filtered(mut query: Query, filter: &Filter) -> Query {
    let Filter { actor, action, resource, resource_id, outcome, from, to } = filter;
    let equal = [("actor_id", actor), ("resource", resource), ("resource_id", resource_id)];
    for (name, wanted) in equal {
        if let Some(wanted) = wanted {
            let placeholder = format!(":{name}");
            query = query.filter(&format!("#{name} = {placeholder}")).value(&placeholder, wanted);
        }
    }
    query = match action {
        Some(Action::Exact(name)) => query.filter("#action = :action").value(":action", name),
        Some(Action::Prefix(prefix)) => {
            query.filter("begins_with(#action, :action)").value(":action", prefix)
        }
        None => query,
    };
    if let Some(outcome) = outcome {
        query = query.filter("#outcome = :outcome").value(":outcome", outcome);
    }
    if let Some(from) = from {
        query = query.filter("#occurred_us >= :from").value(":from", &from.as_microsecond());
    }
    if let Some(to) = to {
        query = query.filter("#occurred_us <= :to").value(":to", &to.as_microsecond());
    }
    query
}

fn chain_key(tenant: Tenant) -> String {
    format!("T#{tenant}#AUDIT")
}

fn entry_key(tenant: Tenant, sequence: u64) -> Key {
    Key::new(chain_key(tenant), sort_key(sequence))
}

fn guard_key(tenant: Tenant, event: EventId) -> Key {
    Key::new(format!("T#{tenant}#EVENT#{event}"), "entry")
}
