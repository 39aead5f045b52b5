use std::collections::HashMap;

use aws::{Key, Query, Rows, StoreError, Table, Write};
use kernel::{caller::Tenant, id::UserId};
use serde::Deserialize;
use serde_json::json;

use super::{UserFilter, user_key};
use crate::user::{Account, EMAIL_TERM};

/// How often a page that filters have thinned out is filled up before it is answered as it is.
const MAX_ROUNDS: u32 = 10;

/// The partition of the second index with everything by which a tenant's users are found.
pub fn pk(tenant: Tenant) -> String {
    format!("T#{tenant}#SEARCH")
}

/// The entries for the names of an account; its address is found through the user item itself.
pub fn entries(tenant: Tenant, account: &Account) -> Vec<Write> {
    let terms = account.search_terms().into_iter().filter(|(place, _)| *place != EMAIL_TERM);
    let put = |(place, term): (&str, String)| {
        Write::put(entry_key(tenant, account.id, place), &json!({ "id": account.id })).index(
            2,
            &pk(tenant),
            &term,
        )
    };
    terms.map(put).collect()
}

/// What turns the entries of an account into those of what it has become.
pub fn changed_entries(tenant: Tenant, before: &Account, after: &Account) -> Vec<Write> {
    let terms_of = |account: &Account| {
        if account.is_deleted() { Vec::new() } else { account.search_terms() }
    };
    let (old, new) = (terms_of(before), terms_of(after));
    if old == new {
        return Vec::new();
    }
    let is_gone = |place: &str| place != EMAIL_TERM && new.iter().all(|(known, _)| *known != place);
    let gone = old.iter().filter(|(place, _)| is_gone(place));
    let delete = |(place, _): &(&str, String)| Write::delete(entry_key(tenant, after.id, place));
    let put = if after.is_deleted() { Vec::new() } else { entries(tenant, after) };
    gone.map(delete).chain(put).collect()
}

/// One page of the users that a prefix finds.
///
/// A user is found once although several terms may begin so: only the first of the terms counts.
/// Whatever the index says, the users themselves are read as they are now.
pub async fn search(
    table: &Table,
    tenant: Tenant,
    filter: &UserFilter,
    prefix: &str,
    limit: u32,
    mut position: Option<String>,
) -> Result<Rows<Account>, StoreError> {
    let mut items = Vec::new();
    for _ in 0..MAX_ROUNDS {
        let missing = limit - u32::try_from(items.len()).unwrap_or(limit);
        let query = Query::partition(pk(tenant)).index(2).prefix(prefix);
        let rows: Rows<Entry> = table.query(query.limit(missing).after(position.take())).await?;
        let accounts = read_accounts(table, tenant, &rows.items).await?;
        let is_wanted = |entry: &Entry, account: &Account| {
            let terms = account.search_terms();
            let first = terms.iter().find(|(_, term)| term.starts_with(prefix));
            first.is_some_and(|(_, term)| *term == entry.gsi2sk) && filter.admits(account)
        };
        let found = rows.items.iter().filter_map(|entry| {
            accounts.get(&entry.id).filter(|account| is_wanted(entry, account)).cloned()
        });
        items.extend(found);
        position = rows.next;
        if position.is_none() || items.len() >= limit as usize {
            break;
        }
    }
    Ok(Rows { items, next: position })
}

/// A row of the second index, of a user item or of an entry.
#[derive(Debug, Deserialize)]
struct Entry {
    id: UserId,
    /// The term.
    gsi2sk: String,
}

async fn read_accounts(
    table: &Table,
    tenant: Tenant,
    entries: &[Entry],
) -> Result<HashMap<UserId, Account>, StoreError> {
    let mut ids: Vec<_> = entries.iter().map(|entry| entry.id).collect();
    ids.sort_unstable();
    ids.dedup();
    let keys: Vec<_> = ids.iter().map(|id| user_key(tenant, *id)).collect();
    let accounts = table.get_many::<Account>(&keys).await?;
    Ok(accounts.into_iter().flatten().map(|account| (account.id, account)).collect())
}

impl UserFilter {
    /// Whether the filters, apart from the prefix, let the account through.
    fn admits(&self, account: &Account) -> bool {
        !account.is_deleted()
            && self.status.is_none_or(|status| account.status == status)
            && self.role.as_ref().is_none_or(|role| account.roles.contains(role))
            && self.created_from.is_none_or(|from| account.created_at >= from)
            && self.created_to.is_none_or(|to| account.created_at <= to)
    }
}

fn entry_key(tenant: Tenant, user: UserId, place: &str) -> Key {
    Key::new(format!("T#{tenant}#USER#{user}"), format!("search#{place}"))
}
