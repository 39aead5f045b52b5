use std::collections::BTreeMap;

use aws::{Query, StoreError};
use kernel::{caller::Tenant, id::UserId};

use super::{
    Store,
    item::{Item, actor_key, resource_key, sort_key},
};
use crate::entry::Entry;

/// One page of a user's activity.
#[derive(Debug)]
pub struct ActivityRows {
    pub entries: Vec<Entry>,
    /// The sequence that the next page's entries are before, if there are more.
    pub next: Option<u64>,
}

impl Store {
    /// What a user did and what was done to them, newest first: two indexes in the same order, merged.
    pub async fn activity(
        &self,
        tenant: Tenant,
        user: UserId,
        limit: u32,
        before: Option<u64>,
    ) -> Result<ActivityRows, StoreError> {
        let user = user.to_string();
        let last = before.unwrap_or(u64::MAX).saturating_sub(1);
        let query = |index, partition| {
            let query = Query::partition(partition).index(index);
            query.between(sort_key(0), sort_key(last)).descending().limit(limit)
        };
        let (done, suffered) = tokio::try_join!(
            self.table.query::<Item>(query(1, actor_key(tenant.id(), &user))),
            self.table.query::<Item>(query(2, resource_key(tenant.id(), "user", &user))),
        )?;
        let is_cut = done.next.is_some() || suffered.next.is_some();
        let entries = done.items.into_iter().chain(suffered.items).map(Entry::from);
        // What people do to themselves is in both.
        let mut by_sequence: BTreeMap<u64, Entry> =
            entries.map(|entry| (entry.sequence, entry)).collect();
        let mut entries = Vec::new();
        while entries.len() < limit as usize
            && let Some((_, entry)) = by_sequence.pop_last()
        {
            entries.push(entry);
        }
        let has_more = is_cut || !by_sequence.is_empty();
        let next = entries.last().map(|entry| entry.sequence).filter(|_| has_more);
        Ok(ActivityRows { entries, next })
    }
}
