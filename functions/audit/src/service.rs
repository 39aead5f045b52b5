use std::{collections::HashSet, sync::Arc};

use contracts::audit::ActivityPage;
use jiff::Timestamp;
use kernel::{
    caller::{Caller, Tenant},
    clock::Clock,
    cursor::Cursors,
    event::Envelope,
    id::{EventId, UserId},
    page::{Limit, Page},
    problem::Problem,
};

use crate::{
    chain::Head,
    entry::Entry,
    error::Error,
    filter::Filter,
    heads::Heads,
    store::{AppendError, Store},
    verification::{self, Verification},
};

/// How often an append starts over because of others. Each time, somebody else got further.
const TRIES: u32 = 30;

/// The use cases of the audit log.
pub struct Service {
    store: Store,
    clock: Arc<dyn Clock>,
    cursors: Cursors,
    heads: Heads,
}

impl Service {
    pub fn new(store: Store, clock: Arc<dyn Clock>, cursors: Cursors) -> Self {
        Self { store, clock, cursors, heads: Heads::default() }
    }

    /// Appends an entry for each event of this tenant, in order, all or none. Events that are recorded
    /// already are left out, so that calling it again is harmless.
    pub async fn record(&self, tenant: Tenant, events: &[&Envelope]) -> Result<(), Error> {
        let slot = self.heads.slot(tenant);
        let mut remembered = slot.lock().await;
        let mut open = without_repeats(events);
        for _ in 0..TRIES {
            if open.is_empty() {
                return Ok(());
            }
            // Taken, not looked at: whatever goes wrong from here on, nothing stale is left behind.
            let head = match remembered.take() {
                Some(head) => head,
                None => self.store.head(tenant).await?,
            };
            let entries = entries_after(&head, &open, self.clock.now());
            match self.store.append(tenant, &entries).await {
                Ok(()) => {
                    *remembered = entries.last().map(Entry::head);
                    return Ok(());
                }
                Err(AppendError::KnownEvent) => {
                    open = self.without_known(tenant, open).await?;
                    *remembered = Some(head);
                }
                Err(AppendError::StaleHead) => {}
                Err(AppendError::Store(error)) => return Err(error.into()),
            }
        }
        Err(Error::Contended)
    }

    /// One page of entries, newest first.
    pub async fn list_entries(
        &self,
        caller: &Caller,
        filter: &Filter,
        limit: Limit,
        cursor: Option<&str>,
    ) -> Result<Page<Entry>, Problem> {
        let tenant = caller.tenant.id();
        let query = filter.query_name();
        let after = cursor.map(|cursor| self.cursors.open(&tenant, &query, cursor)).transpose()?;
        let rows = self.store.search(caller.tenant, filter, limit.get(), after).await?;
        let next = rows.next.map(|position| self.cursors.seal(&tenant, &query, &position));
        Ok(Page { items: rows.items, next_cursor: next })
    }

    /// The entry that tells of this event.
    pub async fn get_entry(&self, caller: &Caller, id: EventId) -> Result<Entry, Error> {
        self.store.find(caller.tenant, id).await?.ok_or(Error::EntryNotFound)
    }

    /// One page of what a user did and what was done to them, newest first.
    pub async fn list_activity(
        &self,
        tenant: Tenant,
        user: UserId,
        limit: Limit,
        before: Option<u64>,
    ) -> Result<ActivityPage, Error> {
        let rows = self.store.activity(tenant, user, limit.get(), before).await?;
        let next_before = rows.next;
        Ok(ActivityPage {
            items: rows.entries.into_iter().map(Entry::activity).collect(),
            next_before,
        })
    }

    /// Checks the tenant's whole chain.
    pub async fn verify_chain(&self, caller: &Caller) -> Result<Verification, Error> {
        Ok(verification::verify(&self.store, caller.tenant).await?)
    }

    async fn without_known<'a>(
        &self,
        tenant: Tenant,
        events: Vec<&'a Envelope>,
    ) -> Result<Vec<&'a Envelope>, Error> {
        let ids: Vec<_> = events.iter().map(|event| event.id).collect();
        let known = self.store.known_events(tenant, &ids).await?;
        Ok(events.into_iter().filter(|event| !known.contains(&event.id)).collect())
    }
}

/// The same event may be in one batch twice.
fn without_repeats<'a>(events: &[&'a Envelope]) -> Vec<&'a Envelope> {
    let mut seen = HashSet::new();
    events.iter().copied().filter(|event| seen.insert(event.id)).collect()
}

fn entries_after(head: &Head, events: &[&Envelope], recorded_at: Timestamp) -> Vec<Entry> {
    let mut head = head.clone();
    let mut entries = Vec::with_capacity(events.len());
    for event in events {
        let entry = Entry::of_event(event, &head, recorded_at);
        head = entry.head();
        entries.push(entry);
    }
    entries
}
